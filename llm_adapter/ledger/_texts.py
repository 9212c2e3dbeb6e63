"""Names as databases can keep, index and find them."""

from __future__ import annotations

from hashlib import sha256

from .._checks import type_error

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
