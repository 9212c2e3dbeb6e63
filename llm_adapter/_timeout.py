"""How long a call may take."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from . import _checks


@frozen(kw_only=True)
class Timeout:
    """Limits of one call, in seconds; None leaves a limit to its default.

    Args:
        total: the whole call: attempts, waits between them, the last byte.
        attempt: one attempt of it.
        connect: until a connection stands (default: 10, within the total).
        first_token: of a stream, until its first delta.
        idle: the longest silence between two pieces of an answer.
    """

    total: float | None = field(default=None, validator=_checks.seconds)
    attempt: float | None = field(default=None, validator=_checks.seconds)
    connect: float | None = field(default=None, validator=_checks.seconds)
    first_token: float | None = field(default=None, validator=_checks.seconds)
    idle: float | None = field(default=None, validator=_checks.seconds)


def check_timeout(instance: object, attribute: Any, value: object) -> None:
    """Validates: seconds, a Timeout or None."""
    if not isinstance(value, Timeout):
        _checks.seconds(instance, attribute, value)
