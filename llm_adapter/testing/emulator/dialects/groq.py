"""Groq's models, header fields and refusals (wire-protocols.md 3 and 9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import faults
from ..json_bytes import dig
from ..replies import Reply
from .dialect import REQUEST_ID
from .openai_chat import Model, OpenAIChat

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


def _invalid(message: str, param: str) -> Reply:
    return faults.status(400, message, param=param)


def _check_model(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    name = payload.get("model")
    if name in _DECOMMISSIONED:
        return faults.model_decommissioned(name)
    if name is None:
        return _invalid("'model' : property 'model' is missing", "model")
    return faults.model_not_found(name) if model is None else None


def _check_messages(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    if payload.get("messages"):
        return None
    return _invalid("'messages' : minimum number of items is 1", "messages")


def _check_numbers(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    if (payload.get("n") or 1) != 1:
        return _invalid("'n' : number must be at most 1", "n")
    for name in ("max_completion_tokens", "max_tokens"):
        if (payload.get(name) or 1) < 1:
            return _invalid(f"{name!r} : number must be at least 1", name)
    stops = payload.get("stop")
    if isinstance(stops, list) and len(stops) > 4:
        return _invalid("'stop' : maximum number of items is 4", "stop")
    return None


def _check_json_mode(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    if dig(payload, "response_format", "type") != "json_object":
        return None
    contents = [dig(message, "content") for message in payload["messages"]]
    if "json" in json.dumps(contents).lower():
        return None
    return _invalid(
        "'messages' must contain the word 'json' in some form, to use "
        "'response_format' of type 'json_object'.",
        "messages",
    )


def _check_tools(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    choice = payload.get("tool_choice")
    if choice in (None, "none", "auto") or payload.get("tools"):
        return None
    return _invalid("'tool_choice' : 'tools' must be provided", "tool_choice")


def _check_reasoning(payload: Mapping[str, Any], model: Model | None) -> Reply | None:
    effort = payload.get("reasoning_effort")
    allowed = ("low", "medium", "high")
    if model is not None and model.reasons and effort not in (None, *allowed):
        text = f"`reasoning_effort` must be one of {', '.join(map(repr, allowed))}"
        return _invalid(text, "reasoning_effort")
    if None not in (payload.get("include_reasoning"), payload.get("reasoning_format")):
        return _invalid(
            "cannot specify both `include_reasoning` and `reasoning_format`",
            "include_reasoning",
        )
    return None


def _extras(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """The object that Groq adds to answers and to a stream's first and last chunk."""
    own = {"id": f"req_{REQUEST_ID}"}
    return {"x_groq": own if usage is None else {**own, "usage": usage}}


DIALECT = OpenAIChat(
    models={model.name: model for model in _MODELS},
    headers=_HEADERS,
    checks=(
        _check_messages,
        _check_model,
        _check_numbers,
        _check_json_mode,
        _check_tools,
        _check_reasoning,
    ),
    extras=_extras,
)
