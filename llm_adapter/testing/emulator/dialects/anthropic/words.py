"""Failures in Anthropic's words (wire-protocols.md 7.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...replies import Fault, Reply

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error(status: int, message: str, details: str | None = None) -> Reply:
    """A reply with Anthropic's error object; the type follows from the status."""
    words: dict[str, Any] = {"type": error_type(status), "message": message}
    if details is not None:
        words["details"] = {"error_code": details}
    return Reply(status=status, error=words)


def error_type(status: int) -> str:
    """The type of errors with a status.

    >>> error_type(529), error_type(422), error_type(500)
    ('overloaded_error', 'invalid_request_error', 'api_error')
    """
    other = "api_error" if status >= 500 else "invalid_request_error"
    return _TYPES.get(status, other)


def invalid(message: str) -> Reply:
    """The 400 for a request that is wrong in itself."""
    return error(400, message)


def not_permitted(name: str) -> Reply:
    """The 400 for a field that does not exist."""
    return invalid(f"{name}: Extra inputs are not permitted")


def model_not_found(name: str) -> Reply:
    return error(404, f"model: {name}")


def _rate_limited(fault: Fault) -> Reply:
    unit = fault.facts["unit"]
    what = "30,000 input tokens" if unit == "tokens" else "50 requests"
    text = f"This request would exceed your organization's rate limit of {what} per "
    hint = fault.facts["in_message"]
    again = "" if hint is None else f" Please try again in {hint}."
    return error(429, f"{text}minute.{again}")


def _quota_exhausted(fault: Fault) -> Reply:
    text = "Your organization has reached its spend limit."
    return error(429, text, "enforced_spend_limit_reached")


def _request_too_large(fault: Fault) -> Reply:
    return error(413, "Request exceeds the maximum size")


def _context_length_exceeded(fault: Fault) -> Reply:
    return invalid("prompt is too long: 213021 tokens > 200000 maximum")


def overloaded() -> Reply:
    return error(529, "Overloaded")


def _server_error(fault: Fault) -> Reply:
    return error(fault.status, "Internal server error")


def _content_policy(fault: Fault) -> Reply:
    """Not an error here: the model stops with a refusal."""
    return Reply(status=200, refusal=fault["message"])


def _status(fault: Fault) -> Reply:
    facts = fault.facts
    said = error(fault.status, facts["message"], facts["code"]).error or {}
    type_ = facts["type"] or said["type"]
    return Reply(status=fault.status, error={**said, "type": type_, **facts["extra"]})


_WORDS: Mapping[str, Callable[[Fault], Reply]] = {
    "status": _status,
    "rate_limited": _rate_limited,
    "quota_exhausted": _quota_exhausted,
    "request_too_large": _request_too_large,
    "context_length_exceeded": _context_length_exceeded,
    "model_not_found": lambda fault: model_not_found(fault.facts["model"]),
    "invalid_api_key": lambda fault: error(401, "invalid x-api-key"),
    "overloaded": lambda fault: overloaded(),
    "server_error": _server_error,
    "content_policy": _content_policy,
    "stream_error": lambda fault: overloaded(),
    "error_lost": lambda fault: overloaded(),
    "response_failed": lambda fault: error(500, fault.facts["message"]),
}


def words(fault: Fault) -> Reply:
    """The fault as Anthropic says it."""
    return _WORDS[fault.kind](fault)
