"""OpenAI (wire-protocols.md 1, 2, 7.3, 9 and 10)."""

from __future__ import annotations

from ...replies import Reply
from ..dialect import REQUEST_ID, Call, Dialect, Endpoint, Said, bearer
from ..payload import Payload
from . import responses_checks
from .chat import CHAT
from .embeddings import EMBEDDINGS
from .models import MODELS, model_of
from .responses import count_input, failed, respond
from .responses_stream import failure, stream
from .words import (
    error,
    invalid_api_key,
    missing_api_key,
    response_words,
    words,
)

_HEADERS = {
    "x-request-id": f"req_{REQUEST_ID}",
    "openai-organization": "org-emulator",
    "openai-project": "proj_emulator",
    "openai-processing-ms": "42",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999500",
    "x-ratelimit-reset-tokens": "15ms",
}


def _admit(call: Call) -> Reply | None:
    key = bearer(call)
    if key is None:
        return missing_api_key()
    return invalid_api_key() if "invalid" in key else None


def _respond(call: Call, payload: Payload, reply: Reply) -> Said:
    response = respond(payload, reply)
    return stream(response, reply) if payload.stream else response.encode()


def _count(call: Call, payload: Payload, reply: Reply) -> Said:
    return count_input(payload)


def _check_name(call: Call, payload: Payload) -> Reply | None:
    if not call.last or model_of(call.last) is not None:
        return None
    text = f"The model '{call.last}' does not exist"
    return error(404, text, param="model", code="model_not_found")


def _models(call: Call, payload: Payload, reply: Reply) -> Said:
    model = model_of(call.last)
    if model is not None:
        return {**model.encode(), "id": call.last}
    return {"object": "list", "data": [each.encode() for each in MODELS.values()]}


_CATALOGUE = Endpoint(say=_models, words=words, check=_check_name)

DIALECT = Dialect(
    endpoints={
        "POST /chat/completions": CHAT,
        "POST /responses": Endpoint(
            say=_respond,
            words=response_words,
            types=responses_checks.TYPES,
            check=responses_checks.check,
            failure=failure,
            failed=failed,
        ),
        "POST /responses/input_tokens": Endpoint(
            say=_count,
            words=response_words,
            types=responses_checks.COUNT_TYPES,
            check=responses_checks.check_count,
        ),
        "POST /embeddings": EMBEDDINGS,
        "GET /models": _CATALOGUE,
        "GET /models/*": _CATALOGUE,
    },
    admit=_admit,
    envelope=lambda error: {"error": error},
    headers=lambda status: _HEADERS,
    unknown=lambda method, path: error(404, f"Invalid URL ({method} {path})"),
)
