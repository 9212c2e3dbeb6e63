"""Validators and converters of our values.

A wrong type is a TypeError, a wrong value a ValueError; both name the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_FRAMING = ("connection", "content-length", "transfer-encoding")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def type_error(name: str, allowed: str, value: object) -> TypeError:
    kind = type(value).__name__
    return TypeError(f"{name} must be {allowed}, not {kind} ({_shown(value)})")


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except Exception:  # Python refuses 5,000 digits, and a class may fail at its own
        return "..."


def optional_text(instance: object, attribute: Any, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise type_error(attribute.name, "a string or None", value)


def text(instance: object, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise type_error(attribute.name, "a string", value)


def boolean(instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, bool):
        raise type_error(attribute.name, "True or False", value)


def optional_boolean(instance: object, attribute: Any, value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise type_error(attribute.name, "True, False or None", value)


def cache_use(instance: object, attribute: Any, value: object) -> None:
    if value is None or isinstance(value, bool) or value == "refresh":
        return
    if isinstance(value, str):
        raise ValueError(
            f"{attribute.name} is {value!r:.80}: use True, False or 'refresh'"
        )
    raise type_error(attribute.name, "True, False, 'refresh' or None", value)


def model_name(instance: object, attribute: Any, value: object) -> None:
    optional_text(instance, attribute, value)
    if isinstance(value, str) and (not value.strip() or not value.isprintable()):
        raise ValueError(
            f"model is {value!r}: a model name is printable text, "
            "for example 'openai/gpt-oss-120b'"
        )


def finite(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise type_error(attribute.name, "a number or None", value)
    if not _is_finite(value) or value < 0:
        raise ValueError(
            f"{attribute.name} is {_shown(value)}: use a finite number >= 0"
        )


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number with more than 308 digits
        return False


def integer(instance: object, attribute: Any, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise type_error(attribute.name, "an integer or None", value)


def positive_integer(instance: object, attribute: Any, value: Any) -> None:
    integer(instance, attribute, value)
    if value is not None and value < 1:
        raise ValueError(
            f"{attribute.name} is {_shown(value)}: use a whole number >= 1"
        )


def seconds(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise type_error(attribute.name, "a number of seconds or None", value)
    if not (_is_finite(value) and value > 0):
        raise ValueError(
            f"{attribute.name} is {_shown(value)}: use a finite number of seconds > 0"
        )


def instances(kind: type, name: str) -> Any:
    def check(instance: object, attribute: Any, value: tuple[object, ...]) -> None:
        for item in value:
            if not isinstance(item, kind):
                raise type_error(f"each of {attribute.name}", name, item)

    return check


def service(name: str, value: object, port: type) -> None:
    """Checks: a service of one form, sync or async."""
    if not isinstance(value, port):
        raise type_error(name, f"a service of the form {port.__name__}", value)


def as_tuple(name: str, allowed: str, value: object) -> tuple[Any, ...]:
    """Converts: any iterable but text, bytes and mappings."""
    if value is None:
        return ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise type_error(name, allowed, value)
    return tuple(value)


def as_mapping(name: str, value: object) -> dict[str, Any]:
    """Converts: a copy down to its last list; changes outside have no effect on it."""
    if not isinstance(value, Mapping):
        raise type_error(name, "a mapping", value)
    whole = dict(value)
    copies: dict[int, Any] = {id(value): whole}  # so a circle ends, for JSON to refuse
    unseen: list[Any] = [whole]
    while unseen:
        copy = unseen.pop()
        for key, item in copy.items() if isinstance(copy, dict) else enumerate(copy):
            if isinstance(item, dict | list):
                if id(item) not in copies:
                    copies[id(item)] = item.copy()
                    unseen.append(copies[id(item)])
                copy[key] = copies[id(item)]
    return whole


def as_headers(name: str, value: object) -> dict[str, str]:
    """Converts: a copy; the content stays out of the message, for it may be a key."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(value).__name__}")
    return dict(value)


def strings(instance: object, attribute: Any, value: tuple[object, ...] | None) -> None:
    instances(str, "a string")(instance, attribute, value or ())


def headers(instance: object, attribute: Any, value: Mapping[object, object]) -> None:
    for name, content in value.items():
        if not (isinstance(name, str) and isinstance(content, str)):
            kinds = f"{type(name).__name__} to {type(content).__name__}"
            raise TypeError(
                f"{attribute.name} must map strings to strings, not {kinds}"
            )
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{attribute.name} has {name!r}: not an HTTP header name")
        if name.lower() in _FRAMING:
            raise ValueError(
                f"{attribute.name} has {name!r}: how the message is framed is not the "
                "caller's to say"
            )
        if not (content.isascii() and content.isprintable()):
            raise ValueError(
                f"{attribute.name}[{name!r}] holds a control or non-ASCII character, "
                "which an HTTP header cannot carry"
            )
