"""Answers of the Responses API: a decoded body in, a response out, whatever it lacks.

Items of the output are told apart by their type, never by their position: the first
one is often reasoning (reference/wire-protocols.md 2.2).
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import LLMInvalidResponseError, LLMServerError, LLMServiceError
from ..models import FinishReason, LLMResponse, ToolCall, Usage
from .body import count, mapping, text
from .errors import describes_error, error_from_value
from .kept import kept
from .openai_chat_calls import arguments_text, tool_call
from .openai_chat_usage import long_writes

NAME = "responses"

ARGUMENTS: Mapping[str, str] = {
    "function_call": "arguments",
    "custom_tool_call": "input",
}
"""Kinds of items that call a tool of the caller's, and where their arguments stand."""

THOUGHTS = ("summary", "content")
"""Where a reasoning item holds its text; a summary counts before the text itself."""

BETWEEN_THOUGHTS = "\n\n"

FINISH_REASONS: Mapping[str | None, FinishReason] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "length": "length",
    "content_filter": "content_filter",
    "cancelled": "error",
    "failed": "error",
}
"""By status, or for an incomplete answer by its reason; others are unknown."""

_TEXT = ("output_text", "text", None)


def decode_response(body: Any) -> LLMResponse:
    """The answer in a body.

    Raises:
        LLMServiceError: the body describes an error, although the status was 200.
        LLMInvalidResponseError: there is no answer in it.
    """
    fields = mapping(body)
    if fields.get("status") == "failed":
        raise failure(fields)
    items = output_items(fields)
    if not items and (fields.get("output") != [] or describes_error(body)):
        raise _no_answer(body)
    return answer(fields, items)


def failure(fields: Mapping[str, Any]) -> LLMServiceError:
    """The error of a response that failed; not every one says why."""
    if fields.get("error"):
        return error_from_value(fields, status_code=200)
    return LLMServerError(
        "The provider gave up on its answer without saying why.",
        status_code=200,
        body=fields,
    )


def _no_answer(body: Any) -> LLMServiceError:
    if describes_error(body):
        return error_from_value(body, status_code=200)
    return LLMInvalidResponseError(
        f"The provider's answer holds no output: {reprlib.repr(body)}.",
        body=body,
        retryable=True,
    )


def answer(
    fields: Mapping[str, Any],
    items: Sequence[Mapping[str, Any]],
    *,
    call_ids: Sequence[str] = (),
    told_from: Sequence[str] = (),
) -> LLMResponse:
    """The response of a body's fields and the items of its output.

    Args:
        fields: of the body, its output aside.
        items: of the output, in order.
        call_ids: known ids of its tool calls, for those that have none here.
        told_from: where each reasoning item's text is to be read first.
    """
    words = output_text(items)
    calls = tuple(decode_tool_calls(items, call_ids))
    refusal = _joined(items, "refusal") or None
    model = text(fields.get("model")) or ""
    return LLMResponse(
        words,
        model,
        finish_reason=finish_reason(fields, calls, refusal, words),
        raw_finish_reason=raw_finish_reason(fields),
        usage=decode_usage(mapping(fields.get("usage")), fields.get("service_tier")),
        tool_calls=calls,
        reasoning=reasoning_text(items, told_from) or None,
        refusal=refusal,
        id=text(fields.get("id")),
        raw=fields,
        provider_items=() if all(map(_is_plain, items)) else kept(NAME, model, items),
    )


# -- items ----------------------------------------------------------------------------


def output_items(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The items of a body's output; none where there is no output."""
    output = fields.get("output")
    if not isinstance(output, list):
        return []
    return [item for item in output if mapping(item)]


def item_kind(item: Mapping[str, Any]) -> str:
    """The type of an item; one with content that names none is a message."""
    return text(item.get("type")) or ("message" if "content" in item else "")


def _is_plain(item: Mapping[str, Any]) -> bool:
    """Whether an item can be said again in other words, without loss."""
    kind = item_kind(item)
    if kind == "message":
        parts = content_parts(item.get("content"))
        return not item.get("phase") and all(name == "text" for name, _ in parts)
    return kind == "function_call"


def content_parts(content: object) -> list[tuple[str, str]]:
    """The parts of a message: what each is ("text", "refusal", ""), and its text."""
    if isinstance(content, str):
        return [("text", content)]
    return [_part(part) for part in content] if isinstance(content, list) else []


def _part(part: object) -> tuple[str, str]:
    if isinstance(part, str):
        return "text", part
    fields = mapping(part)
    kind = fields.get("type")
    if kind == "refusal":
        return "refusal", text(fields.get("refusal")) or ""
    words = text(fields.get("text")) or ""
    return ("text", words) if kind in _TEXT else ("", "")


def output_text(items: Iterable[Mapping[str, Any]]) -> str:
    """The text of all messages, as OpenAI's own library puts it together."""
    return _joined(items, "text")


def _joined(items: Iterable[Mapping[str, Any]], wanted: str) -> str:
    return "".join(
        words
        for item in items
        if item_kind(item) == "message"
        for name, words in content_parts(item.get("content"))
        if name == wanted
    )


def thought_parts(parts: object) -> list[str]:
    """The texts of a reasoning item's summary or content, one for each part."""
    if isinstance(parts, str):
        return [parts]
    if not isinstance(parts, list):
        return []
    texts = (
        part if isinstance(part, str) else mapping(part).get("text") for part in parts
    )
    return [words if isinstance(words, str) else "" for words in texts]


def reasoning_text(
    items: Iterable[Mapping[str, Any]], told_from: Sequence[str] = ()
) -> str:
    """The text of all reasoning, each item's from the first place that has any.

    Args:
        items: of the output.
        told_from: the place that counts first, for each reasoning item.
    """
    reasoning = [item for item in items if item_kind(item) == "reasoning"]
    places = [*told_from, *(THOUGHTS[0] for _ in reasoning)]
    parts = (
        words
        for item, place in zip(reasoning, places, strict=False)
        for words in _thoughts(item, place)
    )
    return BETWEEN_THOUGHTS.join(parts)


def _thoughts(item: Mapping[str, Any], first: str) -> list[str]:
    """The texts that an item holds at one place, or else at the other."""
    for place in sorted(THOUGHTS, key=lambda place: place != first):
        if found := [words for words in thought_parts(item.get(place)) if words]:
            return found
    return []


def decode_tool_calls(
    items: Iterable[Mapping[str, Any]], known_ids: Sequence[str] = ()
) -> Iterator[ToolCall]:
    """The tool calls of an output; an id that is missing is taken from the known."""
    calls = [item for item in items if item_kind(item) in ARGUMENTS]
    for position, item in enumerate(calls):
        known = known_ids[position] if position < len(known_ids) else None
        yield decode_tool_call(item, known)


def decode_tool_call(item: Mapping[str, Any], known_id: str | None = None) -> ToolCall:
    """One tool call; a missing id is made up, as answers must name it."""
    return tool_call(
        call_id(item) or known_id, text(item.get("name")) or "", raw_arguments(item)
    )


def call_id(item: Mapping[str, Any]) -> str | None:
    """The id by which a result names its call."""
    return text(item.get("call_id")) or text(item.get("id"))


def raw_arguments(item: Mapping[str, Any]) -> str:
    """The arguments of a call as text; for a custom tool they are text of any kind."""
    return arguments_text(item.get(ARGUMENTS.get(item_kind(item), "arguments")))


# -- the end --------------------------------------------------------------------------


def raw_finish_reason(fields: Mapping[str, Any]) -> str | None:
    """Why an answer is incomplete, or its status."""
    status = text(fields.get("status"))
    reason = text(mapping(fields.get("incomplete_details")).get("reason"))
    return reason if reason and status in (None, "incomplete") else status


def finish_reason(
    fields: Mapping[str, Any],
    calls: Sequence[ToolCall],
    refusal: str | None,
    words: str,
) -> FinishReason:
    """The standard word for why an answer ended."""
    if refusal:
        return "content_filter"
    raw = raw_finish_reason(fields)
    if calls and raw in (None, "completed"):
        return "tool_calls"
    return "stop" if raw is None and words else FINISH_REASONS.get(raw, "unknown")


def decode_usage(usage: Mapping[str, Any], service_tier: object = None) -> Usage:
    """Token counts; what is missing stays None."""
    of_input = mapping(usage.get("input_tokens_details"))
    of_output = mapping(usage.get("output_tokens_details"))
    sent = count(usage.get("input_tokens"))
    received = count(usage.get("output_tokens"))
    total = count(usage.get("total_tokens"))
    if total is None and sent is not None and received is not None:
        total = sent + received
    return Usage(
        input_tokens=sent,
        output_tokens=received,
        cached_input_tokens=count(of_input.get("cached_tokens")),
        cache_write_tokens=count(of_input.get("cache_write_tokens")),
        cache_write_long_tokens=long_writes(of_input),
        reasoning_tokens=count(of_output.get("reasoning_tokens")),
        total_tokens=total,
        service_tier=text(service_tier),
    )
