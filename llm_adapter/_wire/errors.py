"""Errors of providers: status, headers and body in, one error of the family out.

The class is chosen by the body's code first, by phrases of its message second and by
the status last: the same 429 means "wait two seconds" or "never again". Tables from
reference/wire-protocols.md section 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from .. import errors as e
from .._retry_after import retry_after
from .body import read_json
from .error_bodies import ErrorBody, describes_error, read_error
from .error_tables import (
    CODES,
    KEY_REFUSED,
    PHRASES,
    PLAIN_STATUSES,
    STATUSES,
    VAGUE_CODES,
    ErrorClass,
)

__all__ = [
    "describes_error",
    "error_from_answer",
    "error_from_value",
    "hide_secrets",
]

_TOO_LARGE = re.compile(r"request too large|limit \d+, requested \d+", re.IGNORECASE)
_SECRET = re.compile(r"""\b(?:sk|gsk|xai)[-_][\w*-]{6,}|(?<=[Bb]earer )[^\s"'\\]{6,}""")
_NO_HEADERS: Mapping[str, str] = {}
_MAY_NAME_A_WAIT = (e.LLMRateLimitError, e.LLMServerError, e.LLMTimeoutError)


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
        error.retry_after = retry_after(
            headers, now=now, wait=found.wait, message=message
        )
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
    kind = _class_of_words(found, status_code) or _class_of_status(found, status_code)
    if status_code == 413 and not issubclass(kind, e.LLMBadRequestError):
        # Groq's code for a request that cannot pass is rate_limit_exceeded.
        return e.LLMBadRequestError
    if issubclass(kind, e.LLMRateLimitError) and _TOO_LARGE.search(found.message):
        # "Limit 6000, Requested 12328": the same request can never pass. A plain rate
        # limit says "Limit 15000, Used 11972, Requested 4351".
        return e.LLMBadRequestError
    return kind


def _class_of_words(found: ErrorBody, status_code: int | None) -> ErrorClass | None:
    """The class that code or message tell; the message is asked last."""
    if any("perday" in reason.lower() for reason in found.reasons):
        return e.LLMQuotaExceededError  # Gemini's quota of a day, spent
    for code in found.codes:
        if code in CODES:
            return CODES[code]
    if any(code.startswith("cmek_") for code in found.codes):
        return e.LLMOverloadedError
    # The name of a user may be too long as well.
    if status_code in PLAIN_STATUSES or "string_above_max_length" in found.codes:
        return None
    message = found.message.lower()
    if KEY_REFUSED.search(message) and status_code in (400, 200, None):
        return e.LLMAuthenticationError
    said = (kind for kind, phrases in PHRASES if phrases.search(message))
    return next(said, None)


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
