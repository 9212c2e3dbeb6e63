"""What OpenAI's Chat Completions refuses (wire-protocols.md 1.2 to 1.5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...json_bytes import dig
from ...replies import Reply
from .. import openai_chat as chat
from ..dialect import Call
from ..payload import Payload, Types
from . import checks
from .chat_messages import message_problems
from .models import Model, model_of
from .strict import strict_problem
from .words import error, invalid, model_not_found, unsupported

_NUMBER = (int, float)

TYPES: Types = {
    **chat.TYPES,
    **dict.fromkeys(("temperature", "top_p"), _NUMBER),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), _NUMBER),
    **dict.fromkeys(("top_logprobs", "seed"), int),
    **dict.fromkeys(("logprobs", "store", "parallel_tool_calls"), bool),
    **dict.fromkeys(("logit_bias", "metadata", "prediction", "audio"), dict),
    **dict.fromkeys(("web_search_options", "prompt_cache_options"), dict),
    **dict.fromkeys(("verbosity", "service_tier", "user"), str),
    **dict.fromkeys(("safety_identifier", "prompt_cache_key"), str),
    **dict.fromkeys(("prompt_cache_retention",), str),
    "moderation": (str, dict),
    "modalities": list,
    "functions": list,
    "function_call": (str, dict),
}


def check(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request, or None."""
    refusal = checks.check_body(payload, TYPES)
    if refusal is not None:
        return refusal
    for name in ("model", "messages"):
        if not payload.get(name):
            return checks.missing(name)
    model = model_of(payload.model)
    if model is None:
        return model_not_found(payload.model)
    if model.on_chat == "nothing":
        text = "This model is not supported in v1/chat/completions."
        return error(404, text, param="model")
    refusals = (each(payload, model) for each in _CHECKS)
    return next((each for each in refusals if each is not None), None)


def _check_numbers(payload: Payload, model: Model) -> Reply | None:
    if "max_tokens" in payload.fields and not model.takes_max_tokens:
        return unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    names = ("max_tokens", "max_completion_tokens")
    limits = (checks.check_limit(payload, each, 1, model.max_output) for each in names)
    return next(filter(None, limits), None) or checks.check_ranges(payload)


def _check_stop(payload: Payload, model: Model) -> Reply | None:
    stops = payload.get("stop")
    if stops is None:
        return None
    if not model.takes_stop:
        return unsupported("stop")
    if isinstance(stops, str) or len(stops) <= 4:
        return None
    text = "Invalid 'stop': array too long. Expected an array with maximum length 4, "
    told = f"{text}but got an array with length {len(stops)} instead."
    return invalid(told, "stop", "array_above_max_length")


def _check_reasoning(payload: Payload, model: Model) -> Reply | None:
    effort = payload.get("reasoning_effort")
    efforts = model.efforts if model.chat_efforts is None else model.chat_efforts
    refusal = checks.check_effort(effort, "reasoning_effort", efforts)
    return refusal or checks.check_sampling(payload, model, effort or model.effort)


def _check_stream_options(payload: Payload, model: Model) -> Reply | None:
    if "stream_options" not in payload.fields or payload.stream:
        return None
    text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return invalid(text, "stream_options")


def _check_tools(payload: Payload, model: Model) -> Reply | None:
    tools = payload.get("tools")
    if not tools:
        return _check_no_tools(payload)
    effort = payload.get("reasoning_effort", model.effort)
    free = model.on_chat == "tools_without_reasoning" and effort == "none"
    if model.on_chat != "all" and not free:
        text = f"Function tools are not supported for {payload.model} in "
        where = "/v1/chat/completions. Please use /v1/responses instead."
        return invalid(text + where, "tools")
    named = dig(payload.get("tool_choice"), "function", "name")
    known = [each.name for each in chat.functions(payload)]
    if named is not None and named not in known:
        text = "Tool choice must be one of the provided tools; "
        return invalid(f"{text}{named!r} is not.", "tool_choice")
    return next(_tool_problems(tools), None)


def _check_no_tools(payload: Payload) -> Reply | None:
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in payload.fields:
            text = f"Invalid value for {name!r}: {name!r} is only allowed when 'tools' "
            return invalid(f"{text}are specified.", name)
    return None


def _tool_problems(tools: list[Any]) -> Iterator[Reply]:
    for index, tool in enumerate(tools):
        function = dig(tool, "function")
        if dig(tool, "type") == "custom":
            continue
        if dig(tool, "type") != "function":
            yield checks.missing(f"tools[{index}].type")
        else:
            yield from checks.function_problems(function, f"tools[{index}].function")


def _check_format(payload: Payload, model: Model) -> Reply | None:
    form = payload.get("response_format", {})
    if form.get("type") == "json_object" and not _says_json(payload):
        return invalid(
            "'messages' must contain the word 'json' in some form, to use "
            "'response_format' of type 'json_object'.",
            "messages",
        )
    if form.get("type") != "json_schema":
        return None
    named = form.get("json_schema")
    place = "response_format.json_schema"
    refusal = checks.check_name(dig(named, "name"), f"{place}.name")
    if refusal is not None:
        return refusal
    problem = strict_problem(named.get("schema")) if named.get("strict") else None
    if problem is None:
        return None
    text = f"Invalid schema for response_format {named['name']!r}: {problem}"
    return invalid(text, "response_format")


def _says_json(payload: Payload) -> bool:
    contents = [dig(message, "content") for message in payload.get("messages")]
    return "json" in json.dumps(contents).lower()


def _check_messages(payload: Payload, model: Model) -> Reply | None:
    return next(message_problems(payload.get("messages")), None)


_CHECKS: tuple[checks.Check, ...] = (
    _check_messages,
    _check_numbers,
    _check_stop,
    _check_reasoning,
    _check_stream_options,
    _check_tools,
    _check_format,
)
