"""Replies that go wrong, by name. Texts and codes are those of wire-protocols.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

from .http import reason
from .replies import Encoding, Point, Reply

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
    """Any status with the provider's error object; `extra` goes into that object."""
    error = {
        "message": message or reason(code),
        "type": type_ or ("invalid_request_error" if code < 500 else "server_error"),
        **({"code": code_} if code_ else {}),
        **extra,
    }
    return Reply(status=code, error=error, headers=headers or {})


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
    return status(429, text, code_="rate_limit_exceeded", type_=type_, headers=headers)


def quota_exhausted() -> Reply:
    """429 insufficient_quota: waiting does not help."""
    text = (
        "You exceeded your current quota, please check your plan and billing details."
    )
    return status(429, text, code_="insufficient_quota", type_="insufficient_quota")


def request_too_large() -> Reply:
    """Groq's 413: the request exceeds the tokens per minute and can never pass."""
    text = (
        f"Request too large for model `{_MODEL}` on tokens per minute (TPM): "
        "Limit 8000, Requested 12328, please reduce your message size and try again."
    )
    return status(413, text, code_="rate_limit_exceeded", type_="tokens")


def capacity_exceeded() -> Reply:
    """Groq's 498: no room in the flex tier at this moment."""
    return status(498, "Flex tier capacity exceeded.", code_="capacity_exceeded")


def json_validate_failed(failed_generation: str = '{"name": "Ana", ') -> Reply:
    """Groq's 400 for a model that did not write JSON; holds what it wrote."""
    text = (
        "Failed to generate JSON. Please adjust your prompt. "
        "See 'failed_generation' for more details."
    )
    return status(
        400, text, code_="json_validate_failed", failed_generation=failed_generation
    )


def tool_use_failed(
    failed_generation: str = '{"name": "lookup", "arguments": {}}',
) -> Reply:
    """Groq's 400 for a model that made up arguments; holds the call."""
    text = (
        "Tool call validation failed: tool call validation failed: parameters for tool "
        "lookup did not match schema: errors: [missing properties: 'name']"
    )
    return status(
        400, text, code_="tool_use_failed", failed_generation=failed_generation
    )


def context_length_exceeded() -> Reply:
    """400 for messages longer than the model's context."""
    text = "Please reduce the length of the messages or completion."
    return status(400, text, code_="context_length_exceeded", param="messages")


def model_not_found(model: str = "no-such-model") -> Reply:
    """404 for a model that is unknown, or retired lately."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return status(404, text, code_="model_not_found")


def model_decommissioned(model: str = "mixtral-8x7b-32768") -> Reply:
    """Groq's 400 for the models that were retired first."""
    text = (
        f"The model `{model}` has been decommissioned and is no longer supported. "
        "Please refer to https://console.groq.com/docs/deprecations for a "
        "recommendation on which model to use instead."
    )
    return status(400, text, code_="model_decommissioned")


def invalid_api_key() -> Reply:
    """401 for a missing or wrong key."""
    return status(401, "Invalid API Key", code_="invalid_api_key")


def overloaded() -> Reply:
    """503: try again later."""
    return status(
        503,
        f"{_MODEL} is currently over capacity. Please try again and back off.",
        code_="server_is_overloaded",
        type_="service_unavailable_error",
    )


def server_error(code: int = 500) -> Reply:
    """A failure of the provider's own."""
    return status(code, type_="server_error")


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
        error: the whole data object; Groq's tool_use_failed by default.
        after: deltas before it.
        named: as `event: error`, as Groq does, or as plain data.
    """
    fault = {
        "error": {
            "message": "Tool choice is required, but model did not call a tool",
            "type": "invalid_request_error",
            "code": "tool_use_failed",
            "failed_generation": "",
            "status_code": 400,
        }
    }
    return Reply(
        stream_error=error or fault,
        error_event="error" if named else None,
        error_after=after,
    )


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
