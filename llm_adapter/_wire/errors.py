"""Errors of providers: status, headers and body in, one error of the family out.

The class is chosen by the body's code first, by phrases of its message second and by
the status last: the same 429 means "wait two seconds" or "never again". Tables from
reference/wire-protocols.md section 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from .. import errors as e
from .._retry_after import retry_after
from .body import excerpt, looks_like_html, mapping, read_json

ErrorClass: TypeAlias = type[e.LLMServiceError]

CODES: Mapping[str, ErrorClass] = {
    "invalid_api_key": e.LLMAuthenticationError,
    "authentication_error": e.LLMAuthenticationError,
    "permission_error": e.LLMPermissionError,
    "organization_on_hold": e.LLMPermissionError,
    "model_not_found": e.LLMModelNotFoundError,
    "model_decommissioned": e.LLMModelNotFoundError,
    "model_terms_required": e.LLMPermissionError,
    "context_length_exceeded": e.LLMContextLengthError,
    "exceed_context_size_error": e.LLMContextLengthError,
    "content_policy_violation": e.LLMContentPolicyError,
    "content_filter": e.LLMContentPolicyError,
    "invalid_prompt": e.LLMContentPolicyError,
    "bio_policy": e.LLMContentPolicyError,
    "cyber_policy": e.LLMContentPolicyError,
    "misalignment_policy_violation": e.LLMContentPolicyError,
    "insufficient_quota": e.LLMQuotaExceededError,
    "credit_balance_exhausted": e.LLMQuotaExceededError,
    "organization_spend_limit_exceeded": e.LLMQuotaExceededError,
    "project_spend_limit_exceeded": e.LLMQuotaExceededError,
    "organization_usage_limit_exceeded": e.LLMQuotaExceededError,
    "enforced_spend_limit_reached": e.LLMQuotaExceededError,
    "contract_spend_limit_reached": e.LLMQuotaExceededError,
    "linked_organization_spend_limit_reached": e.LLMQuotaExceededError,
    "billing_error": e.LLMQuotaExceededError,
    "rate_limit_exceeded": e.LLMRateLimitError,
    "rate_limit_error": e.LLMRateLimitError,
    "ramp_limit_exceeded": e.LLMRateLimitError,
    "slow_down": e.LLMRateLimitError,
    "capacity_exceeded": e.LLMOverloadedError,
    "overloaded_error": e.LLMOverloadedError,
    "server_is_overloaded": e.LLMOverloadedError,
    "service_unavailable_error": e.LLMOverloadedError,
    "unavailable_error": e.LLMOverloadedError,
    "timeout_error": e.LLMTimeoutError,
    "server_error": e.LLMServerError,
    "api_error": e.LLMServerError,
    "request_too_large": e.LLMBadRequestError,
    "json_validate_failed": e.LLMInvalidResponseError,
    "tool_use_failed": e.LLMInvalidResponseError,
}
"""Codes and types that decide whatever the status is."""

STATUSES: Mapping[int, ErrorClass] = {
    400: e.LLMBadRequestError,
    401: e.LLMAuthenticationError,
    402: e.LLMQuotaExceededError,
    403: e.LLMPermissionError,
    404: e.LLMModelNotFoundError,
    405: e.LLMBadRequestError,
    408: e.LLMTimeoutError,
    409: e.LLMServerError,
    413: e.LLMBadRequestError,
    415: e.LLMBadRequestError,
    422: e.LLMBadRequestError,
    424: e.LLMServerError,
    429: e.LLMRateLimitError,
    498: e.LLMOverloadedError,
    499: e.LLMConnectionError,
    503: e.LLMOverloadedError,
    504: e.LLMTimeoutError,
    524: e.LLMTimeoutError,
    529: e.LLMOverloadedError,
}

_CONTEXT_LENGTH = (
    "maximum context length",
    "context_length_exceeded",
    "prompt is too long",
    "exceeds the available context size",
    "exceed_context_size_error",
    "reduce the length of the messages",
    "longer than the model's context length",
    "exceed context limit",
    "maximum prompt length is",
)
_TOO_LARGE = re.compile(r"request too large|limit \d+, requested \d+", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|gsk|xai|pk|key)[-_][A-Za-z0-9_*-]{6,}|Bearer\s+\S+")


@frozen
class ErrorBody:
    """What an error body says, whatever its shape."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    status: int | None = None
    failed_generation: str | None = None


def error_from_answer(
    status_code: int, headers: Mapping[str, str], body: bytes, *, now: float
) -> e.LLMServiceError:
    """The error of an answer whose status is not a success.

    Args:
        status_code: of the answer.
        headers: of the answer, with lower-case names.
        body: of the answer, decompressed.
        now: seconds since the epoch, for Retry-After dates.
    """
    try:
        value = read_json(body)
    except e.LLMInvalidResponseError as unreadable:
        value = unreadable.body or None
    error = error_from_value(value, status_code=status_code)
    if isinstance(error, e.LLMRateLimitError | e.LLMServerError | e.LLMTimeoutError):
        error.retry_after = retry_after(headers, now=now, message=error.message)
    wish = headers.get("x-should-retry")
    if wish in ("true", "false") and not isinstance(error, e.LLMQuotaExceededError):
        error.retryable = wish == "true"
    return error


def error_from_value(
    value: Any, *, status_code: int | None = None
) -> e.LLMServiceError:
    """The error that a decoded body describes.

    Args:
        value: the body, or an event of a stream.
        status_code: of the answer; for an error inside a 200, the body's own counts.
    """
    found = read_error(value)
    if status_code is None or status_code < 400:
        status_code = found.status or status_code
    kind = _class_of(found, status_code)
    message = hide_secrets(found.message) or _plain(status_code)
    error = kind(
        message, status_code=status_code, code=found.code or found.type, body=value
    )
    if isinstance(error, e.LLMInvalidResponseError):
        error.failed_generation = error.text = found.failed_generation
        error.retryable = True
    return error


def _plain(status_code: int | None) -> str:
    return f"The provider answered HTTP {status_code}." if status_code else ""


def hide_secrets(message: str) -> str:
    """The message without what looks like a key: providers quote keys in errors.

    >>> hide_secrets("Incorrect API key provided: sk-proj-abcdefgh.")
    'Incorrect API key provided: ***.'
    """
    return _SECRET.sub("***", message)


def _class_of(found: ErrorBody, status_code: int | None) -> ErrorClass:
    if status_code in (413, 429) and _TOO_LARGE.search(found.message):
        # "Limit 6000, Requested 12328": the same request can never pass. A plain rate
        # limit says "Limit 15000, Used 11972, Requested 4351".
        return e.LLMBadRequestError
    message = found.message.lower()
    for code in (found.code, found.type):
        if code is not None and code in CODES:
            return _unless_too_large(CODES[code], status_code)
    if any(phrase in message for phrase in _CONTEXT_LENGTH):
        return e.LLMContextLengthError
    if "credit balance is too low" in message or "spend limit" in message:
        return e.LLMQuotaExceededError
    return _class_of_status(status_code)


def _unless_too_large(kind: ErrorClass, status_code: int | None) -> ErrorClass:
    # Groq answers 413 with code rate_limit_exceeded for a request that cannot pass.
    return e.LLMBadRequestError if status_code == 413 else kind


def _class_of_status(status_code: int | None) -> ErrorClass:
    if status_code is None:
        return e.LLMAPIError
    if status_code in STATUSES:
        return STATUSES[status_code]
    if status_code >= 500:
        return e.LLMServerError
    return e.LLMBadRequestError if status_code >= 400 else e.LLMAPIError


def read_error(value: Any) -> ErrorBody:
    """Message, code and type of an error body of any known shape."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        plain = excerpt(value) if looks_like_html(value) else value[:2000]
        return ErrorBody(message=plain)
    outer = mapping(value)
    inner = outer.get("error")
    if isinstance(inner, str):
        return ErrorBody(message=inner, code=_word(outer.get("code")))
    source = mapping(inner) or outer
    details = mapping(source.get("details"))
    code = source.get("code")
    return ErrorBody(
        message=_message(source),
        code=_word(details.get("error_code")) or _word(code),
        type=_word(source.get("type")),
        status=_status(code) or _status(source.get("status_code")),
        failed_generation=_word(source.get("failed_generation"), empty=True),
    )


def _message(source: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "error_description", "title"):
        value = source.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list):  # FastAPI's 422: a list of {loc, msg, type}
            return "; ".join(_validation_messages(value))
    return ""


def _validation_messages(items: list[Any]) -> Iterator[str]:
    for item in map(mapping, items):
        where = ".".join(str(step) for step in item.get("loc") or ())
        yield f"{where}: {item.get('msg')}"


def _word(value: object, *, empty: bool = False) -> str | None:
    if isinstance(value, str) and (value or empty):
        return value
    return None


def _status(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
        return value
    return None
