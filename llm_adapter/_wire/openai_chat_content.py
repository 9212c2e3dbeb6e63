"""Content of messages to Chat Completions: text, pictures, files and recordings."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from .._content import Content
from ..models import Audio, Document, Image, Part, Text
from .openai_chat_quirks import ChatQuirks

_BASE64 = ";base64,"
_AUDIO_FORMATS = {"mpeg": "mp3", "wave": "wav"}


def is_text(content: Content) -> bool:
    """Whether a content holds text alone."""
    return isinstance(content, str) or all(isinstance(part, Text) for part in content)


def words(content: Content) -> str:
    """The text of a content, its other parts aside.

    >>> words([Text("Hel"), Image("https://example.com/a.png"), Text("lo")])
    'Hello'
    """
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, Text))


def sent_by_address(contents: Iterable[Content], quirks: ChatQuirks) -> str | None:
    """The kind of a part that has only an address, although it is sent as bytes."""
    kinds = (Audio,) if quirks.documents_by_address else (Document, Audio)
    for part in (part for c in contents if not isinstance(c, str) for part in c):
        if isinstance(part, kinds) and not holds_bytes(part.url):
            return type(part).__name__
    return None


def holds_bytes(url: str | None) -> bool:
    """Whether a part with this address, or with none, has its bytes with it."""
    return url is None or (url.startswith("data:") and _BASE64 in url)


def encode_content(content: Content, quirks: ChatQuirks) -> str | list[dict[str, Any]]:
    """A content as text, or as a list of its parts."""
    if isinstance(content, str):
        return content
    return [_encode_part(part, quirks) for part in content]


def as_parts(content: str | list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """An encoded content as a list of parts, also where it is text or nothing.

    >>> as_parts("Hi"), as_parts("")
    ([{'type': 'text', 'text': 'Hi'}], [])
    """
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _encode_part(part: Part, quirks: ChatQuirks) -> dict[str, Any]:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Image():
            image = _known(url=part.url or data_url(part), detail=part.detail)
            return {"type": "image_url", "image_url": image}
        case Document():
            return _encode_document(part, quirks)
        case _:
            return {"type": "input_audio", "input_audio": encode_audio(part)}


def _encode_document(part: Document, quirks: ChatQuirks) -> dict[str, Any]:
    url = part.url or data_url(part)
    if quirks.document_part == "document_url":
        named = _known(document_url=url, document_name=part.name)
        return {"type": "document_url", **named}
    return {"type": "file", "file": _known(file_data=url, filename=part.name)}


def _known(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def encode_audio(part: Audio) -> dict[str, str]:
    """A recording with its bytes, as both of OpenAI's APIs take it."""
    head, _, data = (part.url or data_url(part)).partition(_BASE64)
    kind = head.partition("/")[2].removeprefix("x-")
    return {"data": data, "format": _AUDIO_FORMATS.get(kind, kind)}


def data_url(part: Image | Document | Audio) -> str:
    """The part's bytes as a data: URL."""
    data = base64.b64encode(part.data or b"").decode()
    return f"data:{part.media_type};base64,{data}"
