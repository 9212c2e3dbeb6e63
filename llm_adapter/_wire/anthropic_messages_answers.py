"""Answers of the Messages API: a decoded body in, a response out, whatever it lacks."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._replace import replace
from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import FinishReason, LLMResponse, ToolCall, Usage
from .body import count, mapping, text
from .errors import describes_error, error_from_value
from .kept import kept
from .openai_chat_calls import arguments_text, tool_call

NAME = "messages"

ANSWER_TOOL = "llm_adapter_answer"
"""The tool whose input is the answer, for models that cannot keep to a schema."""

INVALID_ARGUMENTS = "invalid_arguments"
"""Where the text of arguments goes that are no object: the API takes nothing else."""

STOP_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
}

_REFUSAL = "The model declined to answer and gave no explanation."


def decode_response(body: Any) -> LLMResponse:
    """The answer in a body.

    Raises:
        LLMServiceError: the body describes an error, although the status was 200.
        LLMInvalidResponseError: there is no answer in it.
    """
    fields = mapping(body)
    content = fields.get("content")
    if not isinstance(content, list):
        raise _no_answer(body)
    blocks = [block for block in content if mapping(block)]
    calls = tuple(map(decode_tool_call, filter(is_call, blocks)))
    response = response_of(
        fields,
        blocks,
        words=text_of(blocks),
        reasoning="".join(_thoughts(blocks)),
        calls=calls,
    )
    return replace(response, raw=body)


def _no_answer(body: Any) -> LLMServiceError:
    if describes_error(body):
        return error_of(body)
    return LLMInvalidResponseError(
        f"The provider's answer holds no content: {reprlib.repr(body)}.",
        body=body,
        retryable=True,
    )


def error_of(value: Any) -> LLMServiceError:
    """The error that a body or an event describes, although the status was 200."""
    error = error_from_value(value, status_code=200)
    error.request_id = text(mapping(value).get("request_id"))
    return error


def response_of(
    fields: Mapping[str, Any],
    blocks: Sequence[Mapping[str, Any]],
    *,
    words: str,
    reasoning: str,
    calls: tuple[ToolCall, ...],
) -> LLMResponse:
    """The response of a message, whole or put together from events.

    Args:
        fields: of the message: id, model, stop_reason, stop_details, usage.
        blocks: its content.
        words: what the blocks say.
        reasoning: what the model thought.
        calls: what it wants called.
    """
    raw_reason = text(fields.get("stop_reason"))
    model = text(fields.get("model")) or ""
    answered = any(map(is_answer, blocks))
    return LLMResponse(
        words,
        model,
        finish_reason=_finish_reason(raw_reason, calls, words, answered),
        raw_finish_reason=raw_reason,
        usage=decode_usage(fields.get("usage")),
        tool_calls=calls,
        reasoning=reasoning or None,
        refusal=_refusal(fields) if raw_reason == "refusal" else None,
        id=text(fields.get("id")),
        provider_items=kept(NAME, model, () if answered else _worth_keeping(blocks)),
    )


def _finish_reason(
    raw: str | None, calls: tuple[ToolCall, ...], words: str, answered: bool
) -> FinishReason:
    standard = STOP_REASONS.get(raw or "", "unknown")
    if calls:
        return "tool_calls" if standard in ("stop", "unknown") else standard
    if (raw is None and words) or (answered and standard == "tool_calls"):
        return "stop"
    return standard


def _refusal(fields: Mapping[str, Any]) -> str:
    return text(mapping(fields.get("stop_details")).get("explanation")) or _REFUSAL


# -- blocks ---------------------------------------------------------------------------


def is_call(block: Mapping[str, Any]) -> bool:
    """Whether a block asks for a tool of the caller."""
    return block.get("type") == "tool_use" and block.get("name") != ANSWER_TOOL


def is_answer(block: Mapping[str, Any]) -> bool:
    """Whether a block is an answer in the form of a tool call."""
    return block.get("type") == "tool_use" and block.get("name") == ANSWER_TOOL


def decode_tool_call(block: Mapping[str, Any]) -> ToolCall:
    """One tool call; a missing id is made up, as results must name it."""
    return tool_call(
        text(block.get("id")), text(block.get("name")) or "", block.get("input")
    )


def tool_input(call: ToolCall) -> Mapping[str, Any]:
    """The arguments of a call as the object that the API wants."""
    return {INVALID_ARGUMENTS: call.raw_arguments} if call.invalid else call.arguments


def text_of(blocks: Iterable[Mapping[str, Any]]) -> str:
    """What the blocks say, answers in the form of tool calls included."""
    return "".join(map(_words, blocks))


def _words(block: Mapping[str, Any]) -> str:
    if is_answer(block):
        return arguments_text(block.get("input")) or "{}"
    return (block.get("type") == "text" and text(block.get("text"))) or ""


def _thoughts(blocks: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for block in blocks:
        if block.get("type") == "thinking":
            yield text(block.get("thinking")) or ""


def _worth_keeping(
    blocks: Sequence[Mapping[str, Any]],
) -> Sequence[Mapping[str, Any]]:
    """The blocks, if they say more than text and tool calls do."""
    return () if all(map(_is_plain, blocks)) else blocks


def _is_plain(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    return kind == "tool_use" or (kind == "text" and not block.get("citations"))


# -- usage ----------------------------------------------------------------------------


def decode_usage(usage: object) -> Usage:
    """Token counts; what is missing stays None.

    The API counts what it read from its cache, or wrote to it, beside the input.
    """
    fields = mapping(usage)
    fresh = count(fields.get("input_tokens"))
    cached = count(fields.get("cache_read_input_tokens"))
    written = count(fields.get("cache_creation_input_tokens"))
    received = count(fields.get("output_tokens"))
    sent = None if fresh is None else fresh + (cached or 0) + (written or 0)
    details = mapping(fields.get("output_tokens_details"))
    by_time = mapping(fields.get("cache_creation"))
    return Usage(
        input_tokens=sent,
        output_tokens=received,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_long_tokens=count(by_time.get("ephemeral_1h_input_tokens")),
        reasoning_tokens=count(details.get("thinking_tokens")),
        total_tokens=None if sent is None or received is None else sent + received,
        service_tier=text(fields.get("service_tier")),
        speed=text(fields.get("speed")),
    )
