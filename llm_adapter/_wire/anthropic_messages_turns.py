"""Conversations for the Messages API: messages in, its turns and their blocks out.

Turns of user and assistant alternate. Results of tools stand first in the turn after
the one that called them. A system turn stands between a user's and an assistant's.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from attrs import define, field

from .._content import Content, Part
from ..models import (
    Audio,
    Document,
    Image,
    LLMRequest,
    Message,
    Role,
    Text,
    ToolCall,
)
from .anthropic_messages_answers import NAME, text_of, tool_input
from .body import text
from .kept import kept_items
from .traits import Traits

_ID = re.compile(r"[A-Za-z0-9_-]+")
_SNAPSHOT = re.compile(r"-\d{8}\Z")
_THINKING = ("thinking", "redacted_thinking")
_OWN_BLOCKS = ("text", "tool_use", *_THINKING)
_FAILED = "The tool failed."


# -- turns ----------------------------------------------------------------------------


@define
class Turn:
    """What one side said before the other spoke."""

    role: Role
    messages: list[Message] = field(factory=list)


@define
class Conversation:
    """Its turns, and what is said above them."""

    system: list[str] = field(factory=list)
    turns: list[Turn] = field(factory=list)

    def ends_with_assistant(self) -> bool:
        """Whether the model is to go on from words of its own."""
        return bool(self.turns) and self.turns[-1].role == "assistant"


def arrange(request: LLMRequest, traits: Traits) -> Conversation:
    """The conversation as the API wants it; messages that say nothing are left out."""
    found = Conversation(system=[request.system_message or ""])
    later: list[Message] = []
    for message in (*request.messages, Message("user", request.prompt)):
        if not _is_said(message, request.model):
            continue
        if message.role == "system":
            later.append(message)
            if not found.turns:
                _place_system(found, later, traits)
        elif message.role == "assistant":
            _place_system(found, later, traits)
            _add(found, "assistant", message)
        else:
            _add(found, "user", message)
    _place_system(found, later, traits)
    found.system = [words for words in found.system if words.strip()]
    return found


def _is_said(message: Message, model: str | None) -> bool:
    if message.role == "tool" or _text(message.content).strip():
        return True
    if any(not isinstance(part, Text) for part in _parts(message.content)):
        return True
    return message.role == "assistant" and bool(_answer_blocks(message, model))


def _place_system(found: Conversation, later: list[Message], traits: Traits) -> None:
    """Put system messages behind the user's turn, or above the conversation."""
    if later and traits.system_turns and found.turns and found.turns[-1].role == "user":
        found.turns.append(Turn("system", later.copy()))
    else:
        found.system.extend(_text(message.content) for message in later)
    later.clear()


def _add(found: Conversation, role: Role, message: Message) -> None:
    if not found.turns or found.turns[-1].role != role:
        found.turns.append(Turn(role))
    found.turns[-1].messages.append(message)


def is_paused(turn: Turn, model: str | None) -> bool:
    """Whether a turn is the model's own, stopped while the provider's tools ran."""
    blocks = _kept_blocks(turn.messages[-1], model)
    return any(block.get("type") not in _OWN_BLOCKS for block in blocks)


def encode_turn(turn: Turn, model: str | None) -> dict[str, Any]:
    """One turn as the API takes it."""
    if turn.role == "system":
        words = "\n\n".join(_text(message.content) for message in turn.messages)
        return {"role": "system", "content": words}
    blocks = [b for message in turn.messages for b in _blocks(message, model)]
    if turn.role == "user":
        blocks.sort(key=lambda block: block["type"] != "tool_result")
    content = blocks[0]["text"] if _is_plain_text(blocks) else blocks
    return {"role": turn.role, "content": content}


def encode_message(message: Message) -> dict[str, Any]:
    """One message as a turn of its own."""
    role: Role = "user" if message.role == "tool" else message.role
    return encode_turn(Turn(role, [message]), None)


def _is_plain_text(blocks: list[dict[str, Any]]) -> bool:
    return len(blocks) == 1 and blocks[0].keys() == {"type", "text"}


# -- blocks ---------------------------------------------------------------------------


def _blocks(message: Message, model: str | None) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [_encode_result(message)]
    if message.role == "assistant":
        return _answer_blocks(message, model)
    return _encode_content(message.content)


def _answer_blocks(message: Message, model: str | None) -> list[dict[str, Any]]:
    calls = [encode_tool_call(call) for call in message.tool_calls]
    kept = _kept_blocks(message, model)
    return kept or [*_encode_content(message.content), *calls]


def _kept_blocks(message: Message, model: str | None) -> list[dict[str, Any]]:
    """The blocks of the answer that a message is, if they may be sent back."""
    author, items = kept_items(message, NAME)
    if not items or not _is_same_model(author, model) or not _says(message, items):
        return []
    # Blank text is refused where it is all that is said, empty text everywhere.
    is_blank = not _text(message.content).strip()
    blocks = [item for item in items if not _is_empty_text(item, blank=is_blank)]
    # Cut off while thinking: the API refuses a turn that ends so.
    return blocks if blocks and blocks[-1].get("type") not in _THINKING else []


def _is_same_model(author: str, model: str | None) -> bool:
    """Whether both are one model, or one is a dated snapshot of the other."""
    asked = model or ""
    names = (_SNAPSHOT.sub("", author), _SNAPSHOT.sub("", asked))
    return author == asked or (names[0] == names[1] and names[0] in (author, asked))


def _says(message: Message, items: list[dict[str, Any]]) -> bool:
    """Whether a message still says what its kept blocks say."""
    calls = [
        {name: item.get(name) for name in ("type", "id", "name", "input")}
        for item in items
        if item.get("type") == "tool_use"
    ]
    return text_of(items) == _text(message.content) and calls == [
        encode_tool_call(call) for call in message.tool_calls
    ]


def _is_empty_text(block: Mapping[str, Any], *, blank: bool) -> bool:
    words = text(block.get("text")) or ""
    return block.get("type") == "text" and not (words.strip() if blank else words)


def encode_tool_call(call: ToolCall) -> dict[str, Any]:
    """A call in the assistant's turn."""
    return {
        "type": "tool_use",
        "id": _call_id(call.id),
        "name": call.name,
        "input": tool_input(call),
    }


def _call_id(id_: str) -> str:
    """The id, or one that stands for it where the API does not take its characters."""
    if _ID.fullmatch(id_):
        return id_
    return f"call_{hashlib.sha256(id_.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _encode_result(message: Message) -> dict[str, Any]:
    result: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": _call_id(message.tool_call_id or ""),
    }
    blocks = _encode_content(message.content)
    if blocks:
        result["content"] = blocks[0]["text"] if _is_plain_text(blocks) else blocks
    if message.is_error:
        result["is_error"] = True
        # The API refuses errors that say nothing.
        result.setdefault("content", _FAILED)
    return result


# -- content --------------------------------------------------------------------------


def _parts(content: Content) -> tuple[Part, ...]:
    return (Text(content),) if isinstance(content, str) else content


def _text(content: Content) -> str:
    return "".join(part.text for part in _parts(content) if isinstance(part, Text))


def _encode_content(content: Content) -> list[dict[str, Any]]:
    """Its blocks, without blank text, which the API refuses."""
    return [
        _encode_part(part)
        for part in _parts(content)
        if not isinstance(part, Text) or part.text.strip()
    ]


def _encode_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=words):
            return {"type": "text", "text": words}
        case Document(name=str(name)) if name:
            return {"type": "document", "source": _source(part), "title": name}
        case _:
            return {"type": type(part).__name__.lower(), "source": _source(part)}


def _source(part: Image | Document | Audio) -> dict[str, Any]:
    found = _embedded(part)
    if found is None:
        return {"type": "url", "url": part.url}
    media_type, data = found
    if media_type.startswith("text/"):
        # Of all kinds of text, the API knows one.
        return {"type": "text", "media_type": "text/plain", "data": data.decode()}
    encoded = base64.b64encode(data).decode()
    return {"type": "base64", "media_type": media_type, "data": encoded}


def _embedded(part: Image | Document | Audio) -> tuple[str, bytes] | None:
    """Media type and bytes of a part, None when it is given by address.

    Raises:
        ValueError: its address is a data: URL that cannot be read.
    """
    if part.data is not None:
        return _bare(part.media_type or ""), part.data
    url = part.url or ""
    if not url.startswith("data:"):
        return None
    head, _, data = url.removeprefix("data:").partition(",")
    if not head.endswith(";base64"):
        return _bare(head or "text/plain"), unquote_to_bytes(data)
    return _bare(head.removesuffix(";base64")), base64.b64decode(data, validate=True)


def _bare(media_type: str) -> str:
    """A media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def refused_parts(request: LLMRequest) -> Iterator[str]:
    """What of the content the API does not take, in words."""
    for message in (*request.messages, Message("user", request.prompt)):
        for part in _parts(message.content):
            if isinstance(part, Text):
                continue
            name = type(part).__name__
            if message.role in ("system", "assistant"):
                yield f"{name} in a message of the {message.role}"
            elif problem := _problem(part):
                yield f"{name} {problem}"


def _problem(part: Image | Document | Audio) -> str | None:
    """What is wrong with a part, None when the API takes it."""
    if isinstance(part, Audio):
        return "(this API takes none)"
    try:
        found = _embedded(part)
    except ValueError:  # not base64, not ASCII, half of a surrogate pair
        return "whose data: URL cannot be read"
    if isinstance(part, Image):
        return _problem_of_image(part, found)
    return None if found is None else _problem_of_document(*found)


def _problem_of_image(part: Image, found: tuple[str, bytes] | None) -> str | None:
    if part.detail not in (None, "", "auto"):
        return f"with detail={part.detail!r} (this API has no such field)"
    if found is None or found[0].startswith("image/"):
        return None
    return f"of type {found[0]!r} (it is no image)"


def _problem_of_document(media_type: str, data: bytes) -> str | None:
    if media_type.startswith("text/"):
        try:
            data.decode()
        except UnicodeDecodeError:
            return "of text that is not UTF-8"
        return None
    if media_type == "application/pdf":
        return None
    return f"of type {media_type!r} (this API takes PDF and text)"
