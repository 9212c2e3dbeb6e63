"""What OpenAI's Chat Completions asks of messages (wire-protocols.md 1.2 and 1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...json_bytes import dig
from ...replies import Reply
from ..payload import objects
from .checks import wrong_value
from .words import invalid

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")


def message_problems(messages: list[Any]) -> Iterator[Reply]:
    """All that is wrong with the conversation."""
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        role = dig(message, "role")
        if role not in _ROLES:
            yield wrong_value(role, _ROLES, f"{place}.role")
        else:
            yield from _content_problems(message, place)
    yield from _unpaired(messages)


def _content_problems(message: Mapping[str, Any], place: str) -> Iterator[Reply]:
    content, role = message.get("content"), message["role"]
    said = (content, message.get("tool_calls"), message.get("refusal"))
    if role == "assistant" and any(said):
        pass
    elif not isinstance(content, str | list):
        text = "Invalid value for 'content': expected a string, got "
        got = "null" if content is None else type(content).__name__
        yield invalid(f"{text}{got}.", f"{place}.content")
    for number, part in enumerate(objects(content)):
        at, kind = f"{place}.content[{number}]", part.get("type")
        if kind not in _PARTS:
            yield wrong_value(kind, _PARTS, at)
        elif kind == "image_url" and role != "user":
            text = "Image URLs are only allowed for messages with role 'user', but this"
            told = f"{text} message with role {role!r} contains an image URL."
            yield invalid(f"Invalid {place!r}. {told}", place, "invalid_value")


def _unpaired(messages: list[dict[str, Any]]) -> Iterator[Reply]:
    """Tool calls that nobody answers, and answers that nobody asked for."""
    due: list[Any] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in due:
                yield _unasked(index)
            else:
                due.remove(message["tool_call_id"])
        elif due:
            break
        else:
            due = [each.get("id") for each in objects(message.get("tool_calls"))]
    if due:
        yield _unanswered(due)


def _unasked(index: int) -> Reply:
    text = (
        "Invalid parameter: messages with role 'tool' must be a response to a "
        "preceeding message with 'tool_calls'."
    )
    return invalid(text, f"messages.[{index}].role")


def _unanswered(due: list[Any]) -> Reply:
    text = (
        "An assistant message with 'tool_calls' must be followed by tool messages "
        "responding to each 'tool_call_id'. The following tool_call_ids did not have "
        "response messages: "
    )
    return invalid(text + ", ".join(map(str, due)), "messages")
