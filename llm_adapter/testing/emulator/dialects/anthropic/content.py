"""What Anthropic asks of content blocks (wire-protocols.md 4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...json_bytes import dig
from .models import Model
from .thinking import is_sealed

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "user": ("text", "image", "document", "tool_result", "search_result"),
    "assistant": ("text", "tool_use", "thinking", "redacted_thinking", "document"),
    "system": ("text",),
    "tool_result": ("text", "image", "document", "search_result"),
}
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "base64": ("media_type", "data"),
    "url": ("url",),
    "file": ("file_id",),
    "text": ("media_type", "data"),
    "content": ("content",),
}
BLANK = "messages: text content blocks must contain non-whitespace text"


def block_problems(block: Any, holder: str, place: str, model: Model) -> Iterator[str]:
    """All that is wrong with a block; `holder` is a role or `tool_result`."""
    kind = dig(block, "type")
    if kind not in _KNOWN[holder]:
        yield (
            f"{place}: Input tag '{kind}' found using 'type' does not match any of the "
            f"expected tags: {', '.join(map(repr, _KNOWN[holder]))}"
        )
    elif kind == "text":
        yield from _text_problems(block.get("text"), place)
    elif kind == "tool_use":
        yield from _tool_use_problems(block, f"{place}.tool_use")
    elif kind == "tool_result":
        yield from _result_problems(block, f"{place}.tool_result", model)
    elif kind == "thinking" and not is_sealed(block, model):
        yield f"{place}: Invalid `signature` in `thinking` block"
    elif kind in ("image", "document"):
        yield from _source_problems(block.get("source"), f"{place}.{kind}.source")


def _text_problems(said: Any, place: str) -> Iterator[str]:
    if not isinstance(said, str):
        yield f"{place}.text.text: Input should be a valid string"
    elif not said:
        yield "messages: text content blocks must be non-empty"
    elif not said.strip():
        yield BLANK


def _tool_use_problems(block: Mapping[str, Any], place: str) -> Iterator[str]:
    if not isinstance(block.get("id"), str) or not _ID.fullmatch(block["id"]):
        yield f"{place}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if not isinstance(block.get("name"), str):
        yield f"{place}.name: Field required"
    if not isinstance(block.get("input"), dict):
        yield f"{place}.input: Input should be a valid dictionary"


def _result_problems(
    block: Mapping[str, Any], place: str, model: Model
) -> Iterator[str]:
    content = block.get("content", "")
    if not isinstance(content, str | list):
        yield f"{place}.content: Input should be a valid string or list"
    elif isinstance(content, list):
        for number, inner in enumerate(content):
            at = f"{place}.content.{number}"
            yield from block_problems(inner, "tool_result", at, model)


def _source_problems(source: Any, place: str) -> Iterator[str]:
    kind = str(dig(source, "type"))
    if kind not in _SOURCES:
        yield f"{place}: Input tag '{kind}' found using 'type' does not match any tag"
    for name in _SOURCES.get(kind, ()):
        if name not in source:
            yield f"{place}.{kind}.{name}: Field required"
