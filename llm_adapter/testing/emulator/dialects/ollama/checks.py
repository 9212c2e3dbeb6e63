"""What Ollama refuses (wire-protocols.md 5.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ... import json_bytes
from ...json_bytes import dig
from ...replies import Reply
from .. import embeddings
from ..dialect import Call
from ..payload import Payload, Types, allowed, objects
from .models import Model, model_of
from .words import error, model_not_found

_NUMBER = (int, float)
_EFFORTS = ("high", "medium", "low", "max", "none")
_DATA_URI = re.compile(r"data:(image/(jpe?g|png|webp))?;base64,")

# All that is understood; everything else is ignored.
TYPES: Types = {
    **dict.fromkeys(("model", "reasoning_effort"), str),
    **dict.fromkeys(("messages", "tools"), list),
    **dict.fromkeys(("stream_options", "response_format", "reasoning"), dict),
    **dict.fromkeys(("max_tokens", "seed"), int),
    **dict.fromkeys(("temperature", "top_p"), _NUMBER),
    **dict.fromkeys(("frequency_penalty", "presence_penalty"), _NUMBER),
    "stream": bool,
}
_NAMES: Mapping[type, str] = {
    str: "string",
    list: "array",
    dict: "object",
    int: "number",
    float: "number",
    bool: "bool",
}


def _check_body(payload: Payload, types: Types) -> Reply | None:
    if not payload.is_object:
        return error(400, "invalid character in the request body: it is no JSON object")
    for name, value in payload.wrong.items():
        text = f"json: cannot unmarshal {_NAMES[type(value)]} into Go struct field "
        return error(400, f"{text}.{name} of type {_NAMES[allowed(types, name)[0]]}")
    return None


def check(call: Call, payload: Payload) -> Reply | None:
    refusal = _check_body(payload, TYPES)
    if refusal is not None:
        return refusal
    if not payload.get("messages"):
        return error(400, "[] is too short - 'messages'")
    problem = next(_message_problems(payload), None)
    if problem is not None:
        return error(400, problem)
    wanted = effort(payload)
    if wanted is not None and wanted not in _EFFORTS:
        return error(400, f"invalid reasoning value: '{wanted}'")
    if not payload.get("model"):
        return error(400, "model is required")
    model = model_of(payload.model)
    if model is None:
        return model_not_found(payload.model)
    return _check_abilities(payload, model)


def _check_abilities(payload: Payload, model: Model) -> Reply | None:
    if model.dimensions is not None:
        return error(400, f'"{payload.model}" does not support chat')
    if payload.get("tools") and not model.tools:
        name = f"registry.ollama.ai/library/{model.name}"
        return error(400, f"{name} does not support tools")
    if effort(payload) not in (None, "none") and not model.reasons:
        return error(400, f'"{payload.model}" does not support thinking')
    return None


def _message_problems(payload: Payload) -> Iterator[str]:
    for message in payload.get("messages"):
        content = dig(message, "content")
        if content is None and dig(message, "tool_calls") is None:
            yield "invalid message content type: <nil>"
        for part in content if isinstance(content, list) else ():
            yield from _part_problems(part)
        for call in objects(dig(message, "tool_calls")):
            arguments = str(dig(call, "function", "arguments"))
            if not isinstance(json_bytes.decode(arguments.encode()), dict):
                yield "invalid tool call arguments"


def _part_problems(part: Any) -> Iterator[str]:
    kind = dig(part, "type")
    if kind == "text" and isinstance(part.get("text"), str):
        return
    url = dig(part, "image_url", "url") or dig(part, "image_url")
    if kind != "image_url" or not isinstance(url, str):
        yield "invalid message format"
    elif url.startswith("http"):
        yield (
            "image URLs are not currently supported, please use base64 encoded data "
            "instead"
        )
    elif not _DATA_URI.match(url):
        yield "invalid image input"


def effort(payload: Payload) -> Any:
    return payload.get("reasoning_effort") or payload.dig("reasoning", "effort")


def check_embedding(call: Call, payload: Payload) -> Reply | None:
    refusal = _check_body(payload, embeddings.TYPES)
    if refusal is not None:
        return refusal
    form = payload.get("encoding_format", "float")
    if form not in ("float", "base64"):
        text = f"Invalid value for 'encoding_format' = {form}. "
        return error(400, f"{text}Supported values: ['float', 'base64'].")
    if payload.get("input") in (None, []):
        return error(400, "invalid input")
    model = model_of(payload.model)
    if model is None:
        return model_not_found(payload.model)
    if model.dimensions is None:
        return error(400, "this model does not support embeddings")
    return None


def check_name(call: Call, payload: Payload) -> Reply | None:
    known = not call.last or model_of(call.last) is not None
    return None if known else model_not_found(call.last)
