"""What Anthropic asks of the order of messages and blocks (wire-protocols.md 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...json_bytes import dig
from ..payload import Payload, objects
from .content import BLANK, block_problems
from .models import Model

_ROLES = ("user", "assistant", "system")
_MARKS = 4
"""Blocks that may be marked for the cache."""

Message = Mapping[str, Any]


def conversation_problems(payload: Payload, model: Model) -> Iterator[str]:
    """All that is wrong with the system text and the messages."""
    if any(not block.get("text") for block in payload.objects("system")):
        yield "system: text content blocks must be non-empty"
    messages = payload.get("messages")
    yield from _role_problems(messages, model)
    for index, message in enumerate(messages):
        is_prefill = message["role"] == "assistant" and index == len(messages) - 1
        yield from _content_problems(message, index, model, may_be_empty=is_prefill)
    for index, message in enumerate(messages):
        before = messages[index - 1] if index else {}
        after = messages[index + 1] if index + 1 < len(messages) else {}
        yield from _unanswered(message, after, index)
        yield from _unasked(message, before, index)
    yield from _prefill_problems(payload, messages[-1], model)
    yield from _loop_problems(payload, messages)
    marks = payload.canonical.count('"cache_control"')
    if marks > _MARKS:
        text = f"A maximum of {_MARKS} blocks with cache_control may be provided."
        yield f"{text} Found {marks}."


def _role_problems(messages: list[Any], model: Model) -> Iterator[str]:
    if not messages:
        yield "messages: at least one message is required"
    for index, message in enumerate(messages):
        role = dig(message, "role")
        if role not in _ROLES:
            yield f"messages.{index}.role: Input should be 'user' or 'assistant'"
        elif role == "system" and not (index and model.system_messages):
            yield f"messages.{index}: role 'system' is not supported on this model"
    if dig(messages[0], "role") != "user":
        yield 'messages: first message must use the "user" role'


def _content_problems(
    message: Message, index: int, model: Model, *, may_be_empty: bool
) -> Iterator[str]:
    content = message.get("content")
    if not isinstance(content, str | list):
        yield f"messages.{index}.content: Input should be a valid string or list"
    elif not content and not may_be_empty:
        yield (
            f"messages.{index}: all messages must have non-empty content except for "
            "the optional final assistant message"
        )
    elif isinstance(content, str):
        if content and not content.strip():
            yield BLANK
    else:
        for number, block in enumerate(content):
            place = f"messages.{index}.content.{number}"
            yield from block_problems(block, message["role"], place, model)


# -- tools ----------------------------------------------------------------------------


def _unanswered(message: Message, after: Message, index: int) -> Iterator[str]:
    """Every use of a tool needs its result at the start of the next message."""
    results = _leading_results(after)
    blocks = objects(message.get("content"))
    uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
    left = [name for name in uses if name not in results]
    if left:
        yield (
            f"messages.{index + 1}: `tool_use` ids were found without `tool_result` "
            f"blocks immediately after: {', '.join(left)}. Each `tool_use` block must "
            "have a corresponding `tool_result` block in the next message."
        )


def _leading_results(message: Message) -> list[Any]:
    """The ids of the results that a message begins with."""
    found = []
    for block in objects(message.get("content")):
        if block["type"] != "tool_result":
            break
        found.append(block.get("tool_use_id"))
    return found


def _unasked(message: Message, before: Message, index: int) -> Iterator[str]:
    """Every result needs its use in the message before, and once only."""
    asked = [block.get("id") for block in objects(before.get("content"))]
    for number, block in enumerate(objects(message.get("content"))):
        if block["type"] != "tool_result":
            continue
        name, place = block.get("tool_use_id"), f"messages.{index}.content.{number}"
        if name not in asked:
            yield (
                f"{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{name}. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message."
            )
        else:
            asked.remove(name)


# -- the last turn --------------------------------------------------------------------


def _prefill_problems(payload: Payload, last: Message, model: Model) -> Iterator[str]:
    if last["role"] != "assistant":
        return
    if not model.prefill:
        yield (
            "This model does not support assistant message prefill. The conversation "
            "must end with a user message."
        )
    if payload.dig("output_config", "format") is not None:
        yield "Prefilling assistant messages is not supported with structured outputs."
    blocks = objects(last["content"])
    said = blocks[-1].get("text") if blocks else last["content"]
    if isinstance(said, str) and said != said.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"


def _loop_problems(payload: Payload, messages: list[Message]) -> Iterator[str]:
    """With a budget for thinking, a tool loop must return its thoughts."""
    is_loop = len(messages) > 1 and _leading_results(messages[-1])
    if payload.dig("thinking", "type") != "enabled" or not is_loop:
        return
    first = objects(messages[-2]["content"])[0]["type"]
    if first not in ("thinking", "redacted_thinking"):
        yield (
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or "
            f"`redacted_thinking`, but found `{first}`. When `thinking` is enabled, a "
            "final `assistant` message must start with a thinking block."
        )
