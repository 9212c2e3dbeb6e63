"""Errors of providers: status, headers and body in, one error of the family out.

The class is chosen by the body's code first, by phrases of its message second and by
the status last: the same 429 means "wait two seconds" or "never again". Tables from
reference/wire-protocols.md section 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from attrs import frozen

from .. import errors as e
from .._retry_after import retry_after
from .body import excerpt, looks_like_html, mapping, read_json, text

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
    "capacity_exceeded": e.LLMOverloadedError,
    "overloaded_error": e.LLMOverloadedError,
    "server_is_overloaded": e.LLMOverloadedError,
    "service_unavailable_error": e.LLMOverloadedError,
    "unavailable_error": e.LLMOverloadedError,
    "registration_pending": e.LLMOverloadedError,
    "timeout_error": e.LLMTimeoutError,
    "request_too_large": e.LLMBadRequestError,
    "unknown_url": e.LLMBadRequestError,
    "json_validate_failed": e.LLMInvalidResponseError,
    "tool_use_failed": e.LLMInvalidResponseError,
}
"""Codes and types that decide whatever the status is."""

VAGUE_CODES: Mapping[str, ErrorClass] = {
    "invalid_request_error": e.LLMBadRequestError,
    "not_found_error": e.LLMModelNotFoundError,
    "requests": e.LLMRateLimitError,
    "tokens": e.LLMRateLimitError,
    "slow_down": e.LLMRateLimitError,
    "server_error": e.LLMServerError,
    "internal_server_error": e.LLMServerError,
    "api_error": e.LLMServerError,
    "vector_store_timeout": e.LLMServerError,
    "data_residency_mismatch": e.LLMBadRequestError,
}
"""Codes and types that decide where the status says nothing: inside a 200."""

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
    "cannot be greater than max_model_len",
)
_CONTEXT_LENGTH_PATTERN = re.compile(
    r"input token count .{0,80}exceeds the maximum"
    r"|input length .{0,80}exceeds the maximum allowed",
    re.DOTALL,
)
_QUOTA = (
    "credit balance is too low",
    "spend limit",
    "specified api usage limits",
)
_TOO_LARGE = re.compile(r"request too large|limit \d+, requested \d+", re.IGNORECASE)
_SECRET = re.compile(r"""\b(?:sk|gsk|xai)[-_][\w*-]{6,}|(?<=[Bb]earer )[^\s"'\\]{6,}""")
_LONGEST_MESSAGE = 2000
_NO_HEADERS: Mapping[str, str] = {}
_MAY_NAME_A_WAIT = (e.LLMRateLimitError, e.LLMServerError, e.LLMTimeoutError)


@frozen
class ErrorBody:
    """What an error body says, whatever its shape."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    status: int | None = None
    failed_generation: str | None = None

    @property
    def codes(self) -> list[str]:
        """What it says about its kind, the most exact first."""
        return [code for code in (self.code, self.type) if code is not None]


def error_from_answer(
    status_code: int, headers: Mapping[str, str], body: bytes, *, now: float
) -> e.LLMServiceError:
    """The error of an answer that is one, whether its body can be read or not.

    Args:
        status_code: of the answer.
        headers: of the answer, with lower-case names.
        body: of the answer, decompressed; or an error event of a stream.
        now: seconds since the epoch, for Retry-After dates.
    """
    try:
        value = read_json(body)
    except e.LLMInvalidResponseError as unreadable:
        value = unreadable.body or None
    error = error_from_value(value, status_code=status_code, headers=headers, now=now)
    wish = headers.get("x-should-retry")
    if wish == "false" or (wish == "true" and not _is_hopeless(error)):
        error.retryable = wish == "true"
    return error


def _is_hopeless(error: e.LLMServiceError) -> bool:
    """Whether the same request fails again whatever the provider's headers say."""
    too_large = isinstance(error, e.LLMBadRequestError) and error.status_code == 429
    return (
        too_large
        or error.status_code == 413
        or isinstance(error, e.LLMQuotaExceededError)
    )


def describes_error(value: Any) -> bool:
    """Whether a body is an error, although its status says success."""
    fields = _first(value)
    return (
        bool(fields.get("error") or fields.get("detail"))
        or fields.get("object") == "error"
        or fields.get("type") == "error"
    )


def error_from_value(
    value: Any,
    *,
    status_code: int | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
    now: float = 0.0,
) -> e.LLMServiceError:
    """The error that a decoded body describes.

    Args:
        value: the body, or an event of a stream.
        status_code: of the answer; for an error inside a 200, the body's own counts.
        headers: of the answer, with lower-case names.
        now: seconds since the epoch, for Retry-After dates.
    """
    value = _without_secrets(value)
    found = read_error(value)
    if not _says_error(status_code):
        status_code = found.status or status_code
    kind = _class_of(found, status_code)
    message = found.message
    if not message and _says_error(status_code):
        message = f"The provider answered HTTP {status_code}."
    error = kind(
        message, status_code=status_code, code=found.code or found.type, body=value
    )
    if isinstance(error, _MAY_NAME_A_WAIT):
        error.retry_after = retry_after(headers, now=now, message=message)
    if isinstance(error, e.LLMInvalidResponseError):
        error.failed_generation = error.text = found.failed_generation
        error.retryable = True
    return error


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return hide_secrets(value)
    written = msgspec.json.encode(value).decode()
    hidden = hide_secrets(written)
    return value if hidden == written else msgspec.json.decode(hidden)


def hide_secrets(message: str) -> str:
    """The text without what looks like a key: providers quote keys in errors.

    >>> hide_secrets("Incorrect API key provided: sk-proj-abcdefgh.")
    'Incorrect API key provided: ***.'
    """
    return _SECRET.sub("***", message)


def _class_of(found: ErrorBody, status_code: int | None) -> ErrorClass:
    kind = _class_of_words(found) or _class_of_status(found, status_code)
    if status_code == 413 and not issubclass(kind, e.LLMBadRequestError):
        # Groq's code for a request that cannot pass is rate_limit_exceeded.
        return e.LLMBadRequestError
    if issubclass(kind, e.LLMRateLimitError) and _TOO_LARGE.search(found.message):
        # "Limit 6000, Requested 12328": the same request can never pass. A plain rate
        # limit says "Limit 15000, Used 11972, Requested 4351".
        return e.LLMBadRequestError
    return kind


def _class_of_words(found: ErrorBody) -> ErrorClass | None:
    for code in found.codes:
        if code in CODES:
            return CODES[code]
    message = found.message.lower()
    # The name of a user may be too long as well.
    if "string_above_max_length" not in found.codes and (
        any(phrase in message for phrase in _CONTEXT_LENGTH)
        or _CONTEXT_LENGTH_PATTERN.search(message)
    ):
        return e.LLMContextLengthError
    if any(phrase in message for phrase in _QUOTA):
        return e.LLMQuotaExceededError
    if any(code.startswith("cmek_") for code in found.codes):
        return e.LLMOverloadedError
    return None


def _class_of_status(found: ErrorBody, status_code: int | None) -> ErrorClass:
    if status_code is None or not _says_error(status_code):
        known = (VAGUE_CODES[code] for code in found.codes if code in VAGUE_CODES)
        about_files = any("image" in code or "file" in code for code in found.codes)
        return next(known, e.LLMBadRequestError if about_files else e.LLMAPIError)
    if status_code in STATUSES:
        return STATUSES[status_code]
    return e.LLMServerError if status_code >= 500 else e.LLMBadRequestError


def _says_error(status_code: int | None) -> bool:
    return status_code is not None and status_code >= 400


def read_error(value: Any) -> ErrorBody:
    """Message, code and type of an error body of any known shape."""
    if isinstance(value, str):
        return ErrorBody(message=_readable(value))
    outer = _first(value)
    inner = outer.get("error")
    source = mapping(inner) or outer
    details = mapping(source.get("details"))
    code = source.get("code")
    failed = source.get("failed_generation")
    return ErrorBody(
        message=_readable(text(inner) or _message(source)),
        code=text(details.get("error_code")) or text(code),
        type=text(source.get("type")),
        status=_status(code) or _status(source.get("status_code")),
        failed_generation=failed if isinstance(failed, str) else None,
    )


def _first(value: Any) -> Mapping[str, Any]:
    """The body, or the first item of one that is a list (Google)."""
    return mapping(value[0] if isinstance(value, list) and value else value)


def _readable(message: str) -> str:
    if looks_like_html(message):
        return excerpt(message)
    return message.strip()[:_LONGEST_MESSAGE]


def _message(source: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "error_description", "title"):
        value = source.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list):  # FastAPI's 422: a list of {loc, msg, type}
            return "; ".join(_validation_messages(value))
        if isinstance(value, dict) and value:  # Mistral puts that list into message
            return _message(value)
    return ""


def _validation_messages(items: list[Any]) -> Iterator[str]:
    for item in map(mapping, items):
        loc = item.get("loc")
        steps = loc if isinstance(loc, list) else [loc]
        where = ".".join(str(step) for step in steps if isinstance(step, str | int))
        yield f"{where}: {text(item.get('msg')) or 'invalid'}"


def _status(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
        return value
    return None
