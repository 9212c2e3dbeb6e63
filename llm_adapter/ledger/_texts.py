"""Names and numbers as databases can keep them."""

from __future__ import annotations

import math
from hashlib import sha256

from .._checks import type_error

MOST_TOKENS = 10**12
"""Of one request. A provider that claims more is not believed, and sums stay exact."""

LONGEST = 255
"""Characters; PostgreSQL indexes no name of many kilobytes."""


def kept(text: str) -> str:
    """The text without what a database refuses, and not too long; the same each time.

    >>> kept("ann"), kept("nul \\0, half a pair \\ud800")
    ('ann', 'nul \ufffd, half a pair \ufffd')
    """
    if len(text) <= LONGEST and text.isprintable():
        return text
    plain = "".join(
        "\ufffd" if each == "\0" or "\ud800" <= each <= "\udfff" else each
        for each in text
    )
    if len(plain) <= LONGEST:
        return plain
    # Two long names that begin alike stay two.
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{plain[: LONGEST - 33]}~{digest}"


def kept_or_none(text: str | None) -> str | None:
    """The same, for what may be missing."""
    return None if text is None else kept(text)


def kept_user(user_id: object) -> str | None:
    """A user as the ledger writes one: a number is its digits.

    >>> kept_user(42)
    '42'
    """
    if user_id is None:
        return None
    if isinstance(user_id, str):
        return kept(user_id)
    if isinstance(user_id, int) and not isinstance(user_id, bool):
        return kept(str(user_id))
    raise type_error("user_id", "a string, a whole number or None", user_id)


def kept_usage(value: int | str | None) -> int | str | None:
    """A part of a Usage; a number of tokens that cannot be is not known.

    >>> kept_usage(7), kept_usage(-7), kept_usage("flex")
    (7, None, 'flex')
    """
    if value is None or isinstance(value, str):
        return kept_or_none(value)
    return value if 0 <= value <= MOST_TOKENS else None


def kept_seconds(value: float | None) -> float | None:
    """Seconds, if they are a number.

    >>> kept_seconds(0.5), kept_seconds(math.inf)
    (0.5, None)
    """
    return value if value is not None and math.isfinite(value) else None
