"""Groq's models, header fields and refusals (wire-protocols.md 3 and 9)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from .. import faults, text
from ..json_bytes import dig
from ..replies import Fault, Reply
from . import openai_chat as chat
from .completions import EFFORTS, Completion, compose
from .dialect import CREATED, REQUEST_ID, Call, Dialect, Endpoint, Said, bearer
from .events import DONE, Event
from .payload import Payload


@frozen
class Model:
    """A row of the catalogue; sizes in tokens."""

    name: str
    context_window: int
    max_completion_tokens: int
    owner: str
    reasons: bool = False

    def encode(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": CREATED,
            "owned_by": self.owner,
            "active": True,
            "context_window": self.context_window,
            "max_completion_tokens": self.max_completion_tokens,
            "public_apps": None,
        }


_MODELS = (
    Model("openai/gpt-oss-120b", 131_072, 65_536, "OpenAI", reasons=True),
    Model("openai/gpt-oss-20b", 131_072, 65_536, "OpenAI", reasons=True),
    Model("openai/gpt-oss-safeguard-20b", 131_072, 65_536, "OpenAI", reasons=True),
    Model("qwen/qwen3.8-27b", 131_072, 16_384, "Alibaba Cloud"),
    Model("groq/compound", 131_072, 8_192, "Groq"),
    Model("groq/compound-mini", 131_072, 8_192, "Groq"),
    Model("whisper-large-v3", 448, 448, "OpenAI"),
    Model("whisper-large-v3-turbo", 448, 448, "OpenAI"),
)
MODELS = {model.name: model for model in _MODELS}

_DECOMMISSIONED = frozenset(
    {"mixtral-8x7b-32768", "llama-3.1-70b-versatile", "llama3-70b-8192"}
)
"""Models that still have an error of their own; those retired on 2026-08-16 do not."""

_HEADERS = {
    "x-request-id": f"req_{REQUEST_ID}",
    "x-groq-region": "emulator",
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-remaining-requests": "14370",
    "x-ratelimit-reset-requests": "2m59.56s",
    "x-ratelimit-limit-tokens": "250000",
    "x-ratelimit-remaining-tokens": "249500",
    "x-ratelimit-reset-tokens": "120ms",
}

_TYPES = {**chat.TYPES, "reasoning_format": str, "include_reasoning": bool}

# -- checks ---------------------------------------------------------------------------


def _invalid(message: str, param: str) -> Reply:
    return faults.status(400, message, param=param)


def _check_fields(payload: Payload) -> Reply | None:
    if not payload.is_object:
        return faults.status(400, "the request body is not a JSON object")
    wrong = next(iter(payload.wrong), None)
    if wrong is None:
        return None
    return faults.status(400, f"{wrong!r} : value has the wrong type")


def _check_messages(payload: Payload) -> Reply | None:
    if payload.get("messages"):
        return None
    return _invalid("'messages' : minimum number of items is 1", "messages")


def _check_model(payload: Payload) -> Reply | None:
    name = payload.get("model")
    if name in _DECOMMISSIONED:
        return faults.model_decommissioned(name)
    if name is None:
        return _invalid("'model' : property 'model' is missing", "model")
    return None if name in MODELS else faults.model_not_found(name)


def _check_numbers(payload: Payload) -> Reply | None:
    if payload.get("n", 1) != 1:
        return _invalid("'n' : number must be at most 1", "n")
    for name in ("max_completion_tokens", "max_tokens"):
        if payload.get(name, 1) < 1:
            return _invalid(f"{name!r} : number must be at least 1", name)
    stops = payload.get("stop")
    if isinstance(stops, list) and len(stops) > 4:
        return _invalid("'stop' : maximum number of items is 4", "stop")
    return None


def _check_json_mode(payload: Payload) -> Reply | None:
    if payload.dig("response_format", "type") != "json_object":
        return None
    contents = [dig(message, "content") for message in payload.get("messages")]
    if "json" in json.dumps(contents).lower():
        return None
    return _invalid(
        "'messages' must contain the word 'json' in some form, to use "
        "'response_format' of type 'json_object'.",
        "messages",
    )


def _check_tools(payload: Payload) -> Reply | None:
    choice = payload.get("tool_choice")
    if choice in (None, "none", "auto") or payload.get("tools"):
        return None
    return _invalid("'tool_choice' : 'tools' must be provided", "tool_choice")


def _check_reasoning(payload: Payload) -> Reply | None:
    effort = payload.get("reasoning_effort")
    allowed = ("low", "medium", "high")
    if MODELS[payload.model].reasons and effort not in (None, *allowed):
        words = f"`reasoning_effort` must be one of {', '.join(map(repr, allowed))}"
        return _invalid(words, "reasoning_effort")
    if None not in (payload.get("include_reasoning"), payload.get("reasoning_format")):
        return _invalid(
            "cannot specify both `include_reasoning` and `reasoning_format`",
            "include_reasoning",
        )
    return None


_CHECKS: tuple[Callable[[Payload], Reply | None], ...] = (
    _check_fields,
    _check_messages,
    _check_model,
    _check_numbers,
    _check_json_mode,
    _check_tools,
    _check_reasoning,
)


def _check(call: Call, payload: Payload) -> Reply | None:
    refusals = (check(payload) for check in _CHECKS)
    return next((each for each in refusals if each is not None), None)


def _check_name(call: Call, payload: Payload) -> Reply | None:
    known = call.last in MODELS or not call.last
    return None if known else faults.model_not_found(call.last)


def _admit(call: Call) -> Reply | None:
    key = bearer(call)
    return faults.invalid_api_key() if key is None or "invalid" in key else None


# -- answers --------------------------------------------------------------------------


def _models(call: Call, payload: Payload, reply: Reply) -> Said:
    if call.last in MODELS:
        return MODELS[call.last].encode()
    return {"object": "list", "data": [model.encode() for model in _MODELS]}


def _complete(call: Call, payload: Payload, reply: Reply) -> Said:
    model = MODELS.get(payload.model)
    effort = payload.get("reasoning_effort", "medium")
    thoughts = EFFORTS.get(effort, 12) if model and model.reasons else 0
    made = compose(chat.asked(payload, thoughts=thoughts), reply)
    usage = _usage(made)
    shown = _shown(made, payload)
    if payload.stream:
        return _stream(shown, usage, payload, reply)
    own = {"service_tier": "on_demand", **_extras(None)}
    return {**chat.whole(shown, _message(shown), usage), **own}


def _shown(made: Completion, payload: Payload) -> Completion:
    """Hides the reasoning or moves it into the text, as the request asks."""
    made = evolve(made, text=made.text if made.refusal is None else made.refusal)
    form = payload.get("reasoning_format")
    if made.scripted:
        return made
    if form == "hidden" or payload.get("include_reasoning") is False:
        return evolve(made, reasoning=None)
    if form == "raw" and made.reasoning is not None:
        inline = f"<think>\n{made.reasoning}\n</think>\n{made.text}"
        return evolve(made, reasoning=None, text=inline)
    return made


def _message(made: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    if made.text is not None:
        message["content"] = made.text
    if made.reasoning is not None:
        message["reasoning"] = made.reasoning
    if made.tool_calls:
        message["tool_calls"] = chat.tool_calls(made)
    return message


def _stream(
    made: Completion, usage: Mapping[str, Any], payload: Payload, reply: Reply
) -> tuple[Event, ...]:
    opening = chat.chunk(made, {"role": "assistant", "content": ""})
    ending = chat.chunk(made, {}, chat.finish_reason(made)) | _extras(usage)
    if chat.include_usage(payload):
        ending["usage"] = usage
    return (
        Event.of(opening | _extras(None)),
        *(Event.of(chat.chunk(made, each), "delta") for each in _deltas(made, reply)),
        Event.of(ending, "finish"),
        DONE,
    )


def _deltas(made: Completion, reply: Reply) -> Iterator[dict[str, Any]]:
    for piece in text.split(made.reasoning or "", reply.deltas):
        yield {"reasoning": piece, "channel": "analysis"}
    yield from chat.deltas(made, reply)


def _extras(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """The object that Groq adds to answers and to a stream's first and last chunk."""
    own = {"id": f"req_{REQUEST_ID}"}
    return {"x_groq": own if usage is None else {**own, "usage": usage}}


def _usage(made: Completion) -> dict[str, Any]:
    """Token counts, and times in seconds that follow from them."""
    prompt_time, completion_time = (
        made.prompt_tokens / 100_000,
        made.output_tokens / 1_000,
    )
    usage: dict[str, Any] = {
        "queue_time": 0.001,
        **chat.counted(made),
        "prompt_time": prompt_time,
        "completion_time": completion_time,
        "total_time": prompt_time + completion_time,
    }
    if made.reasoning_tokens:
        details = {"reasoning_tokens": made.reasoning_tokens}
        usage["completion_tokens_details"] = details
    return {**usage, **made.usage}


def _words(fault: Fault) -> Reply:
    """Faults are in Groq's words already."""
    return Reply(status=fault.status, error=dict(fault))


def unknown(method: str, path: str) -> Reply:
    """The 404 for a path or a method that does not exist."""
    text = f"Unknown request URL: {method} {path}."
    return faults.status(404, text, code_="unknown_url")


_CATALOGUE = Endpoint(say=_models, words=_words, check=_check_name)

DIALECT = Dialect(
    endpoints={
        "POST /chat/completions": Endpoint(
            say=_complete, words=_words, types=_TYPES, check=_check
        ),
        "GET /models": _CATALOGUE,
        "GET /models/*": _CATALOGUE,
    },
    admit=_admit,
    envelope=lambda error: {"error": error},
    headers=lambda status: _HEADERS,
    unknown=unknown,
)
