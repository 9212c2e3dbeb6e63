"""What OpenAI's Responses refuses (wire-protocols.md 1.3, 1.4 and 2.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...json_bytes import dig
from ...replies import Reply
from ..dialect import Call
from ..payload import Payload, Types, objects
from . import checks
from .models import Model, model_of
from .responses import SEAL
from .strict import strict_problem
from .words import error, invalid, response_model_not_found

COUNT_TYPES: Types = {
    **dict.fromkeys(("model", "instructions", "previous_response_id"), str),
    **dict.fromkeys(("truncation", "personality"), str),
    **dict.fromkeys(("text", "reasoning"), dict),
    **dict.fromkeys(("conversation", "tool_choice"), (str, dict)),
    "parallel_tool_calls": bool,
    "tools": list,
    "input": (str, list),
}
"""The fields of a request to count tokens."""

TYPES: Types = {
    **{name: types for name, types in COUNT_TYPES.items() if name != "personality"},
    **dict.fromkeys(("safety_identifier", "prompt_cache_key", "user"), str),
    **dict.fromkeys(("service_tier", "prompt_cache_retention"), str),
    **dict.fromkeys(("max_output_tokens", "max_tool_calls", "top_logprobs"), int),
    **dict.fromkeys(("temperature", "top_p"), (int, float)),
    **dict.fromkeys(("metadata", "stream_options", "access_programs", "image"), dict),
    **dict.fromkeys(("prompt_cache_options", "background_options", "prompt"), dict),
    **dict.fromkeys(("stream", "store", "background"), bool),
    **dict.fromkeys(("include", "context_management"), list),
    "moderation": (str, dict),
}

_ROLES = ("assistant", "system", "developer", "user")
_PARTS = {
    "assistant": ("output_text", "refusal"),
    **dict.fromkeys(
        ("system", "developer", "user"),
        ("input_text", "input_image", "input_file", "input_audio"),
    ),
}
_FOLLOWERS = ("function_call", "message", "custom_tool_call", "reasoning")
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_LEAST_OUTPUT = 16


def check(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request for a response, or None."""
    return _refusal(payload, TYPES)


def check_count(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request to count tokens, or None."""
    return _refusal(payload, COUNT_TYPES)


def _refusal(payload: Payload, types: Types) -> Reply | None:
    refusal = checks.check_body(payload, types)
    if refusal is not None:
        return refusal
    for name in ("model", "input"):
        if not payload.get(name):
            return checks.missing(name)
    model = model_of(payload.model)
    if model is None or model.dimensions is not None:
        return response_model_not_found(payload.model)
    refusals = (each(payload, model) for each in _CHECKS)
    return next((each for each in refusals if each is not None), None)


def _check_numbers(payload: Payload, model: Model) -> Reply | None:
    name, most = "max_output_tokens", model.max_output
    refusal = checks.check_limit(payload, name, _LEAST_OUTPUT, most)
    return refusal or checks.check_ranges(payload)


def _check_reasoning(payload: Payload, model: Model) -> Reply | None:
    effort = payload.dig("reasoning", "effort")
    refusal = checks.check_effort(effort, "reasoning.effort", model.efforts)
    return refusal or checks.check_sampling(payload, model, effort or model.effort)


def _check_state(payload: Payload, model: Model) -> Reply | None:
    """Nothing is stored here, so nothing can be continued."""
    previous = payload.get("previous_response_id")
    if previous is None:
        return None
    text = f"Previous response with id {previous!r} not found."
    return invalid(text, "previous_response_id", "previous_response_not_found")


# -- input items ----------------------------------------------------------------------


def _check_input(payload: Payload, model: Model) -> Reply | None:
    items = payload.get("input")
    return None if isinstance(items, str) else next(_item_problems(items), None)


def _item_problems(items: list[Any]) -> Iterator[Reply]:
    for index, item in enumerate(items):
        place = f"input[{index}]"
        if not isinstance(item, dict):
            named = checks.type_name(item)
            text = f"Invalid type for '{place}': expected an input item, but got "
            yield invalid(f"{text}{named} instead.", place, "invalid_type")
        else:
            yield from _id_problems(item, place)
            if item.get("type", "message") == "message":
                yield from _message_problems(item, place)
            elif item["type"] == "reasoning":
                yield from _reasoning_problems(item, items[index + 1 : index + 2])
    yield from _unpaired(objects(items))


def _id_problems(item: Mapping[str, Any], place: str) -> Iterator[Reply]:
    prefix = _PREFIXES.get(str(item.get("type")))
    name = item.get("id")
    if prefix is not None and name is not None and not str(name).startswith(prefix):
        text = f"Invalid '{place}.id': {name!r}. Expected an ID that begins with "
        yield invalid(f"{text}'{prefix}'.", f"{place}.id", "invalid_value")


def _message_problems(item: Mapping[str, Any], place: str) -> Iterator[Reply]:
    role = item.get("role")
    if role not in _ROLES:
        yield checks.wrong_value(role, _ROLES, f"{place}.role")
    else:
        for index, part in enumerate(objects(item.get("content"))):
            at = f"{place}.content[{index}]"
            yield from _part_problems(part, _PARTS[role], at)


def _part_problems(
    part: Mapping[str, Any], allowed: tuple[str, ...], place: str
) -> Iterator[Reply]:
    kind, at = part.get("type"), f"{place}.image_url"
    if kind not in allowed:
        yield checks.wrong_value(kind, allowed, place)
    elif kind == "input_image" and isinstance(part.get("image_url"), dict):
        text = f"Invalid type for '{at}': expected an image URL, but got an object"
        yield invalid(f"{text} instead.", at, "invalid_type")


def _reasoning_problems(item: Mapping[str, Any], after: list[Any]) -> Iterator[Reply]:
    name = item.get("id")
    sealed = item.get("encrypted_content")
    if sealed is None:
        text = f"Item with id '{name}' not found. Items are not persisted when `store`"
        advice = "Try again with `store` set to true, or remove this item from your"
        yield error(404, f"{text} is set to false. {advice} input.", param="input")
    elif sealed != SEAL + str(name).removeprefix("rs_"):
        yield invalid(
            f"The encrypted content for item {name} could not be verified.",
            None,
            "invalid_encrypted_content",
        )
    follower = dig(after[0], "type") or "message" if after else None
    if follower not in _FOLLOWERS or dig(after[0], "role") in ("user", "system"):
        text = f"Item '{name}' of type 'reasoning' was provided without its required "
        yield invalid(f"{text}following item.", "input")


def _unpaired(items: list[dict[str, Any]]) -> Iterator[Reply]:
    """Calls that nobody answers, and answers that nobody asked for."""
    due: list[Any] = []
    for item in items:
        kind, name = item.get("type"), item.get("call_id")
        if kind == "function_call":
            due.append(name)
        elif kind == "function_call_output" and name not in due:
            text = "No tool call found for function call output with call_id "
            yield invalid(f"{text}{name}.", "input")
        elif kind == "function_call_output":
            due.remove(name)
    if due:
        yield invalid(f"No tool output found for function call {due[0]}.", "input")


# -- format and tools -----------------------------------------------------------------


def _check_format(payload: Payload, model: Model) -> Reply | None:
    form = payload.dig("text", "format") or {}
    if dig(form, "type") == "json_object" and not _says_json(payload):
        return invalid(
            "Response input messages must contain the word 'json' in some form to use "
            "'text.format' of type 'json_object'.",
            "text.format",
        )
    if dig(form, "type") != "json_schema":
        return None
    refusal = checks.check_name(dig(form, "name"), "text.format.name")
    if refusal is not None:
        return refusal
    if "schema" not in form:
        return checks.missing("text.format.schema")
    problem = strict_problem(form["schema"]) if form.get("strict") else None
    if problem is None:
        return None
    text = f"Invalid schema for response_format {form['name']!r}: {problem}"
    return invalid(text, "text.format.schema", "invalid_json_schema")


def _says_json(payload: Payload) -> bool:
    given = payload.get("input")
    if isinstance(given, str):
        return "json" in given.lower()
    contents = [each.get("content") for each in objects(given)]
    return "json" in json.dumps(contents).lower()


def _check_tools(payload: Payload, model: Model) -> Reply | None:
    return next(_tool_problems(payload), None)


def _tool_problems(payload: Payload) -> Iterator[Reply]:
    tools = payload.objects("tools")
    for index, tool in enumerate(tools):
        place = f"tools[{index}]"
        if "type" not in tool:
            yield checks.missing(f"{place}.type")
        elif tool["type"] == "function":
            yield from checks.function_problems(tool, place)
    choice = payload.get("tool_choice")
    named = dig(choice, "name")
    if named is not None and named not in [tool.get("name") for tool in tools]:
        text = f"Tool choice '{dig(choice, 'type')}' not found in 'tools' parameter."
        yield invalid(text, "tool_choice")
    if choice == "required" and not tools:
        yield invalid(
            "Tool choice 'required' must be specified with 'tools' parameter."
        )


_CHECKS: tuple[Callable[[Payload, Model], Reply | None], ...] = (
    _check_state,
    _check_input,
    _check_numbers,
    _check_reasoning,
    _check_tools,
    _check_format,
)
