"""What OpenAI checks on every endpoint (wire-protocols.md 1.3 and 7.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ... import json_bytes
from ...replies import Reply
from ..payload import Payload, Types, allowed
from .models import Model
from .strict import strict_problem
from .words import invalid, unsupported

_NAMES: Mapping[type, str] = {
    str: "a string",
    list: "an array",
    dict: "an object",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    type(None): "null",
}

SAMPLING: Mapping[str, Any] = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logprobs": None,
    "top_logprobs": None,
    "logit_bias": None,
}
"""What models reject while they reason, with the default values that some let pass."""

_RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
    "n": (1, 128),
}

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 64

Check = Callable[[Payload, Model], Reply | None]
"""The refusal of what the model does not take, or None."""


def check_body(payload: Payload, types: Types) -> Reply | None:
    """Whether the body is an object with fields that exist, of the right types."""
    if not payload.is_object:
        return invalid(
            "We could not parse the JSON body of your request. The OpenAI API expects "
            "a JSON payload, but what was sent was not valid JSON."
        )
    for name, value in payload.wrong.items():
        one_of = " or ".join(_NAMES[each] for each in allowed(types, name))
        text = f"Invalid type for {name!r}: expected {one_of}, but got "
        return invalid(f"{text}{type_name(value)} instead.", name, "invalid_type")
    unknown = next((name for name in payload.fields if name not in types), None)
    if unknown is None:
        return None
    return invalid(f"Unknown parameter: {unknown!r}.", unknown, "unknown_parameter")


def type_name(value: Any) -> str:
    """The JSON type of a value, as messages name it.

    >>> type_name(1), type_name([])
    ('an integer', 'an array')
    """
    return _NAMES[type(value)]


def missing(name: str) -> Reply:
    text = f"Missing required parameter: {name!r}."
    return invalid(text, name, "missing_required_parameter")


def wrong_value(value: Any, known: tuple[str, ...], place: str) -> Reply:
    """The 400 for what is none of the known values."""
    *others, last = map(repr, known)
    supported = f"{', '.join(others)}, and {last}"
    text = f"Invalid value: {value!r}. Supported values are: {supported}."
    return invalid(text, place, "invalid_value")


def check_name(value: Any, place: str) -> Reply | None:
    """Whether that is a name, as functions and schemas have one."""
    if not isinstance(value, str):
        return missing(place)
    if not _NAME.fullmatch(value):
        pattern = "'^[a-zA-Z0-9_-]+$'"
        text = f"Invalid '{place}': string does not match pattern. Expected a string "
        return invalid(f"{text}that matches the pattern {pattern}.", place)
    if len(value) <= _LONGEST_NAME:
        return None
    text = f"Invalid '{place}': string too long. Expected a string with maximum length "
    told = f"{text}{_LONGEST_NAME}, but got a string with length {len(value)} instead."
    return invalid(told, place, "string_above_max_length")


def function_problems(function: Any, place: str) -> Iterator[Reply]:
    """All that is wrong with the definition of a function."""
    name = json_bytes.dig(function, "name")
    refusal = check_name(name, f"{place}.name")
    if refusal is not None:
        yield refusal
    elif function.get("strict") is True:
        problem = strict_problem(function.get("parameters"))
        if problem is not None:
            text = f"Invalid schema for function {name!r}: {problem}"
            yield invalid(text, f"{place}.parameters", "invalid_function_parameters")


def check_ranges(payload: Payload) -> Reply | None:
    """Whether the sampling parameters are in range."""
    for name, (low, high) in _RANGES.items():
        value = payload.get(name, low)
        if value < low:
            return _below(name, value, low)
        if value > high:
            return _above(name, value, high)
    return None


def check_limit(payload: Payload, name: str, least: int, most: int) -> Reply | None:
    """Whether a number of tokens is one that the model can write."""
    value = payload.get(name)
    if value is not None and value < least:
        return _below(name, value, least)
    if value is not None and value > most:
        return invalid(
            f"{name} is too large: {value}. This model supports at most {most} "
            f"completion tokens, whereas you provided {value}.",
            name,
            "invalid_value",
        )
    return None


def _below(name: str, value: float, least: float) -> Reply:
    kind = "integer" if isinstance(value, int) else "decimal"
    text = f"Invalid {name!r}: {kind} below minimum value. Expected a value >= {least},"
    return invalid(f"{text} but got {value} instead.", name, f"{kind}_below_min_value")


def _above(name: str, value: float, most: float) -> Reply:
    kind = "integer" if isinstance(value, int) else "decimal"
    text = f"Invalid {name!r}: {kind} above maximum value. Expected a value <= {most},"
    return invalid(f"{text} but got {value} instead.", name, f"{kind}_above_max_value")


def check_effort(
    effort: str | None, name: str, efforts: tuple[str, ...]
) -> Reply | None:
    """Whether the model knows that effort; `name` is the parameter's."""
    if effort is None or effort in efforts:
        return None
    if not efforts:
        return unsupported(name)
    *others, last = map(repr, efforts)
    known = f"{', '.join(others)}, and {last}" if others else last
    return invalid(
        f"Unsupported value: {name!r} does not support {effort!r} with this model. "
        f"Supported values are: {known}.",
        name,
        "unsupported_value",
    )


def check_sampling(payload: Payload, model: Model, effort: str) -> Reply | None:
    """Whether the model takes the sampling parameters that are set."""
    free = model.sampling == "without_reasoning" and effort == "none"
    if model.sampling == "always" or free:
        return None
    for name, default in SAMPLING.items():
        value = payload.get(name)
        if value is None or (model.sampling == "defaults" and value == default):
            continue
        if model.sampling == "defaults" and default is not None:
            return invalid(
                f"Unsupported value: {name!r} does not support {value} with this "
                f"model. Only the default ({default}) value is supported.",
                name,
                "unsupported_value",
            )
        return unsupported(name)
    return None
