"""Replies that go wrong, by name, in the words of the provider that is asked.

What is written here is what Groq says; the other dialects have words of their own for
it, and sometimes a status. Texts and codes are those of wire-protocols.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

from .http import reason
from .replies import Encoding, Fault, Kind, Point, Reply

_MODEL = "openai/gpt-oss-20b"


def status(
    code: int,
    message: str | None = None,
    *,
    code_: str | None = None,
    type_: str | None = None,
    headers: Mapping[str, str | None] | None = None,
    **extra: Any,
) -> Reply:
    """Any status with the provider's error object; `extra` goes into that object.

    Args:
        code: the HTTP status.
        message: what happened; the status's own phrase by default.
        code_: the error's code, where the provider has codes.
        type_: its type; None takes the one that the provider has for the status.
        headers: of the response.
    """
    words = _words(code, message or reason(code), code_, type_, **extra)
    fault = Fault(
        words,
        "status",
        code,
        message=words["message"],
        code=code_,
        type=type_,
        extra=extra,
    )
    return Reply(status=code, error=fault, headers=headers or {})


def _words(
    status: int,
    message: str,
    code: str | None = None,
    type_: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Groq's error object."""
    return {
        "message": message,
        "type": type_ or ("invalid_request_error" if status < 500 else "server_error"),
        **({"code": code} if code else {}),
        **extra,
    }


def _said_by_all(
    kind: Kind, status: int, words: Mapping[str, Any], **facts: Any
) -> Reply:
    """A failure that each dialect has words for, made of the facts."""
    return Reply(status=status, error=Fault(words, kind, status, **facts))


def _said_by_groq(status: int, message: str, code: str, **extra: Any) -> Reply:
    """A failure that no other provider has."""
    return Reply(status=status, error=_words(status, message, code, **extra))


def rate_limited(
    retry_after: str | float | datetime | None = None,
    *,
    retry_after_ms: float | None = None,
    in_message: str | None = None,
    type_: str = "tokens",
) -> Reply:
    """429 rate_limit_exceeded; says when to come back in any of the known forms.

    Args:
        retry_after: the header, as written; a number is seconds, an aware datetime
            becomes an HTTP date.
        retry_after_ms: the header of OpenAI and Azure, in milliseconds.
        in_message: a duration for the text alone, such as "7.66s" or "2m59.56s".
        type_: "tokens" or "requests".
    """
    if isinstance(retry_after, datetime):
        retry_after = format_datetime(retry_after, usegmt=True)
    hints = {"retry-after": retry_after, "retry-after-ms": retry_after_ms}
    unit, window = ("TPM", "minute") if type_ == "tokens" else ("RPD", "day")
    text = (
        f"Rate limit reached for model `{_MODEL}` on {type_} per {window} ({unit}): "
        f"Limit 8000, Used 7600, Requested 1420."
    )
    if in_message is not None:
        text += f" Please try again in {in_message}."
    headers = {name: str(value) for name, value in hints.items() if value is not None}
    words = _words(429, text, "rate_limit_exceeded", type_)
    fault = Fault(words, "rate_limited", 429, in_message=in_message, unit=type_)
    return Reply(status=429, error=fault, headers=headers)


def quota_exhausted() -> Reply:
    """429 insufficient_quota: waiting does not help."""
    text = (
        "You exceeded your current quota, please check your plan and billing details."
    )
    words = _words(429, text, "insufficient_quota", "insufficient_quota")
    return _said_by_all("quota_exhausted", 429, words)


def request_too_large() -> Reply:
    """The request exceeds the tokens per minute, or the bytes, and can never pass."""
    text = (
        f"Request too large for model `{_MODEL}` on tokens per minute (TPM): "
        "Limit 8000, Requested 12328, please reduce your message size and try again."
    )
    words = _words(413, text, "rate_limit_exceeded", "tokens")
    return _said_by_all("request_too_large", 413, words)


def capacity_exceeded() -> Reply:
    """Groq's 498: no room in the flex tier at this moment."""
    return _said_by_groq(498, "Flex tier capacity exceeded.", "capacity_exceeded")


def json_validate_failed(failed_generation: str = '{"name": "Ana", ') -> Reply:
    """Groq's 400 for a model that did not write JSON; holds what it wrote."""
    text = (
        "Failed to generate JSON. Please adjust your prompt. "
        "See 'failed_generation' for more details."
    )
    return _said_by_groq(
        400, text, "json_validate_failed", failed_generation=failed_generation
    )


def tool_use_failed(
    failed_generation: str = '{"name": "lookup", "arguments": {}}',
) -> Reply:
    """Groq's 400 for a model that made up arguments; holds the call."""
    text = (
        "Tool call validation failed: tool call validation failed: parameters for tool "
        "lookup did not match schema: errors: [missing properties: 'name']"
    )
    return _said_by_groq(
        400, text, "tool_use_failed", failed_generation=failed_generation
    )


def context_length_exceeded() -> Reply:
    """400 for messages longer than the model's context."""
    text = "Please reduce the length of the messages or completion."
    words = _words(400, text, "context_length_exceeded", param="messages")
    return _said_by_all("context_length_exceeded", 400, words)


def model_not_found(model: str = "no-such-model") -> Reply:
    """404 for a model that is unknown, or retired lately."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    words = _words(404, text, "model_not_found")
    return _said_by_all("model_not_found", 404, words, model=model)


def model_decommissioned(model: str = "mixtral-8x7b-32768") -> Reply:
    """Groq's 400 for the models that were retired first."""
    text = (
        f"The model `{model}` has been decommissioned and is no longer supported. "
        "Please refer to https://console.groq.com/docs/deprecations for a "
        "recommendation on which model to use instead."
    )
    return _said_by_groq(400, text, "model_decommissioned")


def invalid_api_key() -> Reply:
    """401 for a missing or wrong key."""
    words = _words(401, "Invalid API Key", "invalid_api_key")
    return _said_by_all("invalid_api_key", 401, words)


def overloaded() -> Reply:
    """503, or Anthropic's 529: try again later."""
    text = f"{_MODEL} is currently over capacity. Please try again and back off."
    words = _words(503, text, "server_is_overloaded", "service_unavailable_error")
    return _said_by_all("overloaded", 503, words)


def server_error(code: int = 500) -> Reply:
    """A failure of the provider's own."""
    words = _words(code, reason(code), None, "server_error")
    return _said_by_all("server_error", code, words)


def content_policy() -> Reply:
    """400 for a prompt that the provider will not have answered.

    Anthropic declines with HTTP 200 and the stop reason `refusal`; a local server has
    no policy, its model declines in words.
    """
    text = (
        "Your request was rejected as a result of our safety system. "
        "Your prompt may contain text that is not allowed by our safety system."
    )
    words = _words(400, text, "content_policy_violation")
    return _said_by_all("content_policy", 400, words)


def refusal(text: str = "I'm sorry, but I cannot assist with that request.") -> Reply:
    """The model declines, on HTTP 200: in a field, a part or a stop reason of its own.

    Plain text where the provider has no form for it.
    """
    return Reply(refusal=text)


def slow_first_byte(seconds: float) -> Reply:
    """Nothing for a while, then the whole answer."""
    return Reply(delay=seconds)


def drip(interval: float, chunk: int = 1) -> Reply:
    """The body in writes of `chunk` bytes, `interval` seconds apart."""
    return Reply(chunk=chunk, interval=interval)


def pings(interval: float) -> Reply:
    """A stream that sends SSE comments for ever, `interval` s apart, and never ends."""
    return Reply(ping=interval, stop_at="before_finish", stop="stall")


def stall(at: int | float | Point = "connect") -> Reply:
    """Silence from some point on; the connection stays open."""
    return Reply(stop_at=at, stop="stall")


def reset(at: int | float | Point | Literal["stream"] = "connect") -> Reply:
    """A TCP reset. `stream`: after the last delta.

    `connect` strikes as soon as the connection opens where this is the next reply, and
    before the first byte of the answer on a connection that was open before.
    """
    return Reply(stop_at="before_finish" if at == "stream" else at, stop="reset")


def truncated_json() -> Reply:
    """Whole for HTTP, but the body breaks off in the middle."""
    return Reply(stop_at="body", stop="end")


def truncated_stream(at: int | float | Point = "before_done") -> Reply:
    """Whole for HTTP, but the stream ends before its terminal marker."""
    return Reply(stop_at=at, stop="end")


def html(status: int = 200, body: str | None = None) -> Reply:
    """A page, as proxies and login portals send one."""
    page = body or (
        f"<!DOCTYPE html><html><head><title>{status} {reason(status)}</title></head>"
        "<body><h1>Please sign in to continue</h1></body></html>"
    )
    return Reply(status=status, body=page, content_type="text/html; charset=utf-8")


def error_object(status: int = 200) -> Reply:
    """The provider's error object where the status promises an answer."""
    return Reply(status=status, error=overloaded().error)


def stream_error(
    error: Mapping[str, Any] | None = None, *, after: int = 2, named: bool = True
) -> Reply:
    """An error inside a stream on HTTP 200, after some deltas.

    Args:
        error: the whole data object as it is sent; or a fault's `error`, which each
            provider says in its own form; by default a failure that it may have there.
        after: deltas before it.
        named: as `event: error` where the provider names its events, as Groq does, or
            as plain data.
    """
    fault = Fault(
        {
            "message": "Tool choice is required, but model did not call a tool",
            "type": "invalid_request_error",
            "code": "tool_use_failed",
            "failed_generation": "",
            "status_code": 400,
        },
        "stream_error",
    )
    return Reply(
        stream_error=fault if error is None else error,
        error_event="error" if named else None,
        error_after=after,
    )


def error_lost(after: int = 2) -> Reply:
    """Ollama's failure in mid-stream: an empty chunk, and then nothing more.

    Neither a finish reason nor [DONE]; elsewhere the stream ends without the chunk.
    """
    fault = Fault(overloaded().error or {}, "error_lost")
    return Reply(stream_error=fault, error_after=after)


def response_failed(
    code: str = "server_error", message: str | None = None, *, after: int = 2
) -> Reply:
    """A response of the Responses API that fails with HTTP 200, streamed or whole.

    Other endpoints have an error in the stream instead.
    """
    text = message or "The model failed to generate a response. Please try again."
    words = _words(500, text, code, "server_error")
    fault = Fault(words, "response_failed", code=code, message=text)
    return Reply(stream_error=fault, error_after=after)


def empty_body(status: int = 200) -> Reply:
    """Head and nothing else."""
    return Reply(status=status, body=b"")


def wrong_content_type(content_type: str = "text/plain") -> Reply:
    """The right body under the wrong name."""
    return Reply(content_type=content_type)


def broken_utf8() -> Reply:
    """A text with bytes that no UTF-8 holds: a stray FF and half an é."""
    return Reply(text="caf\udcff r\udcc3sum")


def split_everywhere(interval: float = 0.0) -> Reply:
    """Every byte its own write: characters, SSE frames, chunk sizes and headers."""
    return Reply(chunk=1, head_chunk=1, interval=interval)


def huge_body(bytes: int = 100_000_000, encoding: Encoding | None = None) -> Reply:
    """A valid answer behind that many spaces; with `encoding`, a small bomb.

    Compressing 100 MB keeps the emulator from all else for part of a second.
    """
    return Reply(pad=bytes, encoding=encoding)


def gzip() -> Reply:
    """The answer compressed, streams event by event."""
    return Reply(encoding="gzip")


def br() -> Reply:
    """The answer compressed by brotli, which must be installed."""
    return Reply(encoding="br")


def redirect(location: str, status: int = 307) -> Reply:
    """Sends the client elsewhere."""
    return Reply(status=status, headers={"location": location}, body=b"")
