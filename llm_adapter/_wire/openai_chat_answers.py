"""Answers of Chat Completions: a decoded body in, a response out, whatever it lacks."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import LLMInvalidResponseError, LLMServiceError
from ..models import FinishReason, LLMResponse, ToolCall
from .body import mapping, text
from .errors import describes_error, error_from_value
from .kept import kept
from .openai_chat_calls import decode_tool_calls
from .openai_chat_kept import kept_of_message
from .openai_chat_quirks import ChatQuirks
from .openai_chat_usage import decode_usage, usage_field
from .think_tags import split_thoughts

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause_turn": "pause",
    "error": "error",
    "cancelled": "error",
    "failed": "error",
    "insufficient_system_resource": "error",
}
"""Chat's own words, those of single servers, and those that gateways pass on."""

_THOUGHTS = ("thinking", "reasoning")


def decode_response(body: Any, quirks: ChatQuirks) -> LLMResponse:
    """The answer in a body.

    Raises:
        LLMServiceError: the body describes an error, although the status was 200.
        LLMInvalidResponseError: there is no answer in it.
    """
    fields = mapping(body)
    choice = _choice(fields)
    if failure := _failure(body, choice):
        raise failure
    message = mapping(choice.get("message")) or mapping(choice.get("delta"))
    items = calls_field(message)
    calls = decode_tool_calls(items)
    refusal = text(message.get("refusal"))
    reasoning, words = separated(
        reasoning_text(message), content_text(message.get("content")), quirks
    )
    model = text(fields.get("model")) or ""
    raw_reason = text(choice.get("finish_reason"))
    kept_fields = kept_of_message(message, items, quirks.keeps)
    return LLMResponse(
        words,
        model,
        finish_reason=finish_reason(raw_reason, calls, refusal, words),
        raw_finish_reason=raw_reason,
        usage=decode_usage(usage_field(fields), quirks, fields.get("service_tier")),
        tool_calls=calls,
        reasoning=reasoning or None,
        refusal=refusal,
        id=text(fields.get("id")),
        request_id=text(mapping(fields.get("x_groq")).get("id")),
        raw=body,
        provider_items=kept("chat", model, kept_fields),
    )


def _choice(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer among its alternatives: the first."""
    choices = fields.get("choices")
    return mapping(choices[0]) if isinstance(choices, list) and choices else {}


def _failure(body: Any, choice: Mapping[str, Any]) -> LLMServiceError | None:
    """The error that a body is, or that stands in the answer's place."""
    if choice.get("finish_reason") == "error" and describes_error(choice):
        return error_from_value(choice, status_code=200)
    if mapping(body).get("error") or (not choice and describes_error(body)):
        return error_from_value(body, status_code=200)
    if choice:
        return None
    return LLMInvalidResponseError(
        f"The provider's answer holds no choices: {reprlib.repr(body)}.",
        body=body,
        retryable=True,
    )


def calls_field(message: Mapping[str, Any]) -> object:
    """Where the tool calls stand: function_call is their form of before 2023-11."""
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    return [{"index": 0, "function": legacy}] if legacy and not calls else calls


def separated(reasoning: str, content: str, quirks: ChatQuirks) -> tuple[str, str]:
    """Reasoning and text, also where the server leaves the one inside the other."""
    if reasoning or not quirks.think_tags:
        return reasoning, content
    return split_thoughts(content)


# -- text and reasoning ---------------------------------------------------------------


def content_text(content: object) -> str:
    """The text of a message whose content is a string, parts or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "".join(_texts(content))


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        words = part if isinstance(part, str) else mapping(part).get("text")
        if isinstance(words, str) and not _is_thought(part):
            yield words


def _is_thought(part: object) -> bool:
    return mapping(part).get("type") in _THOUGHTS


def reasoning_text(message: Mapping[str, Any]) -> str:
    """Reasoning, under whichever name a server gives it."""
    for name in ("reasoning", "reasoning_content"):
        words = message.get(name)
        if isinstance(words, str) and words:
            return words
    details = message.get("reasoning_details")
    if isinstance(details, list) and details:
        return "".join(_detail(mapping(item)) for item in details)
    content = message.get("content")
    return "".join(_thoughts(content)) if isinstance(content, list) else ""


def _detail(item: Mapping[str, Any]) -> str:
    return text(item.get("text")) or text(item.get("summary")) or ""


def _thoughts(parts: list[Any]) -> Iterator[str]:
    """Thoughts among the parts of a content, as Mistral sends them."""
    for part in map(mapping, parts):
        if _is_thought(part):
            yield content_text(part.get("thinking")) or text(part.get("text")) or ""


# -- the end --------------------------------------------------------------------------


def finish_reason(
    raw: str | None, calls: tuple[ToolCall, ...], refusal: str | None, words: str
) -> FinishReason:
    """The standard word for why an answer ended."""
    if refusal:
        return "content_filter"
    standard = FINISH_REASONS.get((raw or "").lower(), "unknown")
    if calls and standard in ("stop", "unknown"):
        return "tool_calls"
    return "stop" if raw is None and words else standard
