"""Checks of what the stores are made with; a wrong argument is named."""

from __future__ import annotations

from .._checks import type_error

LONGEST_TIMEOUT = 3600.0
"""Seconds; who waits longer for a cache does not want one."""


def whole_number(name: str, value: object) -> int:
    """A limit.

    >>> whole_number("max_entries", 10)
    10
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise type_error(name, "a whole number", value)
    if value < 1:
        raise ValueError(f"{name} is {value}: use a whole number >= 1")
    return value


def wait_in_seconds(name: str, value: object) -> float:
    """A timeout.

    >>> wait_in_seconds("timeout", 1)
    1.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise type_error(name, "a number of seconds", value)
    if not 0 < value <= LONGEST_TIMEOUT:
        raise ValueError(f"{name} is {value}: use seconds > 0 and <= 3600")
    return float(value)
