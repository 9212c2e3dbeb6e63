"""OpenAI's Chat Completions (wire-protocols.md 1)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from ... import text
from ...replies import Fault, Reply
from .. import openai_chat as chat
from ..completions import EFFORTS, Completion, compose
from ..dialect import Call, Endpoint, Said
from ..events import DONE, Event, Mark, encode_event
from ..payload import Payload
from .chat_checks import TYPES, check
from .models import model_of
from .words import words


def _complete(call: Call, payload: Payload, reply: Reply) -> Said:
    count = max(1, payload.get("n", 1))
    made = compose(chat.asked(payload, thoughts=_thoughts(payload)), reply)
    made = evolve(
        made,
        reasoning_tokens=made.reasoning_tokens * count,
        output_tokens=made.output_tokens * count,
    )
    if payload.stream:
        return tuple(_events(made, payload, reply, range(count)))
    body = chat.whole(made, _message(made), _usage(made), count)
    return {**body, "service_tier": "default"}


def _thoughts(payload: Payload) -> int:
    model = model_of(payload.model)
    if model is None or not model.reasons:
        return 0
    return EFFORTS.get(payload.get("reasoning_effort", model.effort), 12)


def _message(made: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": made.text,
        "refusal": made.refusal,
        "annotations": [],
    }
    if made.tool_calls:
        message["tool_calls"] = chat.tool_calls(made)
    return message


def _usage(made: Completion) -> dict[str, Any]:
    return {
        **chat.counted(made),
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": made.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        **made.usage,
    }


def _events(
    made: Completion, payload: Payload, reply: Reply, choices: range
) -> Iterator[Event]:
    own: dict[str, Any] = {"service_tier": "default"}
    if chat.include_usage(payload):
        own["usage"] = None
    hidden = payload.dig("stream_options", "include_obfuscation") is not False

    def events(
        delta: Mapping[str, Any], mark: Mark | None = None, finish: str | None = None
    ) -> Iterator[Event]:
        for index in choices:
            body = {**chat.chunk(made, delta, finish, index), **own}
            yield Event.of(obfuscated(body) if hidden else body, mark)

    start = {"role": "assistant", "content": None if made.tool_calls else ""}
    yield from events({**start, "refusal": None})
    for delta in _deltas(made, reply):
        yield from events(delta, "delta")
    yield from events({}, "finish", chat.finish_reason(made))
    if "usage" in own:
        last = chat.envelope(made, "chat.completion.chunk", [])
        body = {**last, **own, "usage": _usage(made)}
        yield Event.of(obfuscated(body) if hidden else body)
    yield DONE


def _deltas(made: Completion, reply: Reply) -> Iterator[dict[str, Any]]:
    for piece in text.split(made.refusal or "", reply.deltas):
        yield {"refusal": piece}
    yield from chat.deltas(made, reply)


def obfuscated(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with a padding that hides how long it is.

    >>> obfuscated({"delta": "four"})["obfuscation"]
    'emulatoremulato'
    """
    length = len(json.dumps(body))
    return {**body, "obfuscation": ("emulator" * 4)[: 32 - length % 32]}


def _failure(fault: Fault, payload: Payload, before: int) -> tuple[bytes, ...]:
    """The error as plain data; nothing for one that gets lost."""
    if fault.kind == "error_lost":
        return ()
    return (encode_event({"error": words(fault).error}),)


CHAT = Endpoint(say=_complete, words=words, types=TYPES, check=check, failure=_failure)
