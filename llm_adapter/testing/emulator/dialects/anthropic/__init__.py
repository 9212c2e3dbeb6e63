"""Anthropic (wire-protocols.md 4, 7.4, 9 and 10)."""

from __future__ import annotations

from ...replies import Reply
from ..dialect import REQUEST_ID, Call, Dialect, Endpoint, Said, bearer
from ..payload import Payload
from . import catalogue
from .checks import COUNT_TYPES, TYPES, check, check_count
from .messages import count_input, respond, stream
from .words import error, invalid, words

VERSIONS = ("2023-06-01", "2026-10-21")

_RESET = "2026-11-22T09:31:00Z"
_HEADERS = {
    "request-id": f"req_{REQUEST_ID}",
    "anthropic-organization-id": "00000000-0000-0000-0000-000000000000",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": _RESET,
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "479000",
    "anthropic-ratelimit-tokens-reset": _RESET,
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": "399000",
    "anthropic-ratelimit-input-tokens-reset": _RESET,
    "anthropic-ratelimit-output-tokens-limit": "80000",
    "anthropic-ratelimit-output-tokens-remaining": "80000",
    "anthropic-ratelimit-output-tokens-reset": _RESET,
}


def _headers(status: int) -> dict[str, str]:
    """Answers that went well tell when to come back as well."""
    return {**_HEADERS, "retry-after": "15"} if status == 200 else _HEADERS


def _admit(call: Call) -> Reply | None:
    """Key and version; where two keys come, `x-api-key` wins."""
    key = call.header("x-api-key") or bearer(call)
    if key is None:
        return error(401, "x-api-key header is required")
    if "invalid" in key:
        return error(401, "invalid x-api-key")
    version = call.header("anthropic-version")
    if version is None:
        return invalid("anthropic-version: header is required")
    if version in VERSIONS:
        return None
    return invalid(f'anthropic-version: "{version}" is not a valid version')


def _respond(call: Call, payload: Payload, reply: Reply) -> Said:
    return stream(payload, reply) if payload.stream else respond(payload, reply)


def _count(call: Call, payload: Payload, reply: Reply) -> Said:
    return count_input(payload)


_CATALOGUE = Endpoint(say=catalogue.say, words=words, check=catalogue.check)

DIALECT = Dialect(
    endpoints={
        "POST /messages": Endpoint(say=_respond, words=words, types=TYPES, check=check),
        "POST /messages/count_tokens": Endpoint(
            say=_count, words=words, types=COUNT_TYPES, check=check_count
        ),
        "GET /models": _CATALOGUE,
        "GET /models/*": _CATALOGUE,
    },
    admit=_admit,
    envelope=lambda error: {
        "type": "error",
        "error": error,
        "request_id": f"req_{REQUEST_ID}",
    },
    headers=_headers,
    unknown=lambda method, path: error(404, "Not Found"),
)
