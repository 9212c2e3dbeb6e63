"""A local server: Ollama, by its OpenAI-like endpoints (wire-protocols.md 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from ... import text
from ...replies import Fault, Reply
from .. import embeddings
from .. import openai_chat as chat
from ..completions import EFFORTS, Asked, Completion, compose
from ..dialect import Call, Dialect, Endpoint, Said
from ..events import DONE, Event, encode_event
from ..payload import Payload
from .checks import TYPES, check, check_embedding, check_name, effort
from .models import MODELS, model_of
from .words import words


def _models(call: Call, payload: Payload, reply: Reply) -> Said:
    model = model_of(call.last)
    if model is not None:
        return {**model.encode(), "id": call.last}
    return {"object": "list", "data": [model.encode() for model in MODELS.values()]}


def _embed(call: Call, payload: Payload, reply: Reply) -> Said:
    model = model_of(payload.model)
    dimensions = (model and model.dimensions) or 768
    return embeddings.embed(payload, dimensions, reply.usage or {})


def _complete(call: Call, payload: Payload, reply: Reply) -> Said:
    made = compose(_asked(payload), reply)
    made = evolve(made, text=made.text if made.refusal is None else made.refusal)
    if payload.stream:
        return tuple(_events(made, payload, reply))
    choice = {
        "index": 0,
        "message": _message(made),
        "finish_reason": chat.finish_reason(made),
    }
    return {**_envelope(made, "chat.completion", [choice]), "usage": _usage(made)}


def _asked(payload: Payload) -> Asked:
    """What the request wants; no tool is ever forced, and one field is the budget."""
    model = model_of(payload.model)
    thinks = model is not None and model.reasons
    thoughts = EFFORTS.get(str(effort(payload) or "medium"), 12) if thinks else 0
    asked = chat.asked(payload, thoughts=thoughts)
    return evolve(asked, budget=payload.get("max_tokens"), function=None)


def _message(made: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": made.text or ""}
    if made.reasoning is not None:
        message["reasoning"] = made.reasoning
    if made.tool_calls:
        message["tool_calls"] = _tool_calls(made)
    return message


def _tool_calls(made: Completion) -> list[dict[str, Any]]:
    calls = enumerate(chat.tool_calls(made))
    return [{**call, "index": index} for index, call in calls]


def _envelope(
    made: Completion, kind: str, choices: list[dict[str, Any]]
) -> dict[str, Any]:
    body = chat.envelope(made, kind, choices)
    return {**body, "system_fingerprint": "fp_ollama"}


def _chunk(
    made: Completion, delta: Mapping[str, Any], finish: str | None = None
) -> dict[str, Any]:
    whole = {"role": "assistant", "content": "", **delta}
    choice = {"index": 0, "delta": whole, "finish_reason": finish}
    return _envelope(made, "chat.completion.chunk", [choice])


def _usage(made: Completion) -> dict[str, Any]:
    return {**chat.counted(made), **made.usage}


def _events(made: Completion, payload: Payload, reply: Reply) -> Iterator[Event]:
    for piece in text.split(made.reasoning or "", reply.deltas):
        yield Event.of(_chunk(made, {"reasoning": piece}), "delta")
    for piece in text.split(made.text or "", reply.deltas):
        yield Event.of(_chunk(made, {"content": piece}), "delta")
    for call in _tool_calls(made):
        yield Event.of(_chunk(made, {"tool_calls": [call]}), "delta")
    yield Event.of(_chunk(made, {}, chat.finish_reason(made)), "finish")
    if chat.include_usage(payload):
        last = _envelope(made, "chat.completion.chunk", [])
        yield Event.of({**last, "usage": _usage(made)})
    yield DONE


def _failure(fault: Fault, payload: Payload, before: int) -> tuple[bytes, ...]:
    """An error in mid-stream gets lost: an empty chunk is all that is seen of it."""
    empty = Completion(model="")
    return (encode_event(_chunk(empty, {})),)


_CATALOGUE = Endpoint(say=_models, words=words, check=check_name)

DIALECT = Dialect(
    endpoints={
        "POST /chat/completions": Endpoint(
            say=_complete, words=words, types=TYPES, check=check, failure=_failure
        ),
        "POST /embeddings": Endpoint(
            say=_embed, words=words, types=embeddings.TYPES, check=check_embedding
        ),
        "GET /models": _CATALOGUE,
        "GET /models/*": _CATALOGUE,
    },
    admit=lambda call: None,
    envelope=lambda error: {"error": error},
    headers=lambda status: {},
    unknown=lambda method, path: Reply(status=404, body="404 page not found"),
)
