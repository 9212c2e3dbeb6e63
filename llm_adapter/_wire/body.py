"""Bodies of answers: bytes to JSON values, whatever the bytes are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import LLMInvalidResponseError

_BOM = b"\xef\xbb\xbf"
_TAGS = re.compile(
    r"<(script|style)\b.*?(?:</\1>|\Z)|<[^<>]*>", re.DOTALL | re.IGNORECASE
)
_SHOWN = 200
_KEPT = 20_000
_MOST_TOKENS = 2**53

MAX_DEPTH = 200
# An unterminated one ends with the body: to look for its end from each of its quotes
# would take quadratic time.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_json(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        LLMInvalidResponseError: it is not JSON; retryable when it was cut or empty.
    """
    body = body.removeprefix(_BOM)
    try:
        return decode_json(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(body, error) from None


def decode_json(body: bytes) -> Any:
    """The JSON value, when it can also be copied, compared, encoded and pickled.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested more than 200 levels deep.
    """
    if len(body) > 2 * MAX_DEPTH and _is_deep(body):
        raise RecursionError
    return msgspec.json.decode(body)


def _is_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _unreadable(
    body: bytes, error: ValueError | RecursionError
) -> LLMInvalidResponseError:
    text = body.decode("utf-8", "replace")
    at = _first_bad_byte(body, error)
    message, retryable = _what_is_wrong(text, error, at)
    return LLMInvalidResponseError(
        message,
        text=text,
        position=None if at is None else len(body[:at].decode("utf-8", "replace")),
        body=text[:_KEPT],
        retryable=retryable,
    )


def _first_bad_byte(body: bytes, error: ValueError | RecursionError) -> int | None:
    if _is_not_utf_8(error):
        # msgspec counts from the beginning of the string in which it stands, or not.
        try:
            body.decode()
        except UnicodeDecodeError as whole:
            return whole.start
    found = re.search(r"byte (\d+)", str(error))
    return int(found[1]) if found else None


def _is_not_utf_8(error: ValueError | RecursionError) -> bool:
    # msgspec's own error from its release 0.23 on.
    return isinstance(error, UnicodeDecodeError) or "UTF-8" in str(error)


def _what_is_wrong(
    text: str, error: ValueError | RecursionError, at: int | None
) -> tuple[str, bool]:
    if not text.strip():
        return "The provider sent an empty answer.", True
    if looks_like_html(text):
        return (
            "The provider's address answered with a web page instead of JSON "
            f"({excerpt(text)!r}). Check the base URL, and for a proxy or login page.",
            False,
        )
    if isinstance(error, RecursionError):
        return "The provider's answer is nested too deeply to be read.", False
    if _is_not_utf_8(error):
        return f"The provider's answer is not UTF-8 at byte {at}.", True
    return f"The provider's answer is not JSON: {error} ({excerpt(text)!r}).", True


def looks_like_html(text: str) -> bool:
    """Whether a text is a web page rather than an API's answer."""
    return (
        text.lstrip("\ufeff \t\r\n")[:15]
        .lower()
        .startswith(("<!doctype", "<html", "<head", "<body"))
    )


def excerpt(text: str) -> str:
    """The first 200 characters of a text without its tags.

    >>> excerpt("<html><h1>502</h1> Bad  Gateway</html>")
    '502 Bad Gateway'
    """
    words = " ".join(_TAGS.sub(" ", text[:_KEPT]).split())
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "..."


def mapping(value: object) -> Mapping[str, Any]:
    """`value` when it is a mapping, else an empty one: for fields of any type."""
    # Decoded JSON holds no other mapping, and a check for the abstract one is slow.
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """`value` when it is a non-empty string, else None."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """`value` when it is a usable token count, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < _MOST_TOKENS else None
