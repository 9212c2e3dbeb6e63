"""Bodies of answers: bytes to JSON values, whatever the bytes are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import LLMInvalidResponseError

_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SHOWN = 200


def read_json(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        LLMInvalidResponseError: it is not JSON; retryable when it was cut or empty.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable(body, error) from None


def _unreadable(
    body: bytes, error: ValueError | RecursionError
) -> LLMInvalidResponseError:
    text = body.decode("utf-8", "replace")
    found = re.search(r"byte (\d+)", str(error))
    position = int(found[1]) if found else None
    if isinstance(error, UnicodeDecodeError):
        position = error.start
    message, retryable = _what_is_wrong(text, error)
    return LLMInvalidResponseError(
        message, text=text, position=position, body=text, retryable=retryable
    )


def _what_is_wrong(text: str, error: ValueError | RecursionError) -> tuple[str, bool]:
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
    if isinstance(error, UnicodeDecodeError):
        return f"The provider's answer is not UTF-8 at byte {error.start}.", True
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
    words = " ".join(_TAGS.sub(" ", text[:20_000]).split())
    return words if len(words) <= _SHOWN else words[:_SHOWN] + "..."


def mapping(value: object) -> Mapping[str, Any]:
    """`value` when it is a mapping, else an empty one: for fields of any type."""
    return value if isinstance(value, Mapping) else {}


def text(value: object) -> str | None:
    """`value` when it is a non-empty string, else None."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """`value` when it is a usable token count, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 else None
