"""Secrets stay secret: also where a provider quotes them in its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .errors import LLMServiceError

SHORTEST = 8
"""Characters of a secret that is looked for; local servers take any word as a key."""

PART = 12
"""Characters at one end of a secret that show too much of it, where a text is cut."""

_HEADERS = ("auth", "key", "token", "secret", "cookie", "credential")
_WORDS = re.compile(r"[^a-z0-9]+")
_ANYWHERE = frozenset({"auth", "authorization", "cookie", "credential", "credentials"})
_LAST = ("key", "token", "secret", "password", "auth", "credentials")
_VALUES = re.compile(r"[^\s;=,]+")
_HIDDEN = "***"


def known_secrets(key: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """What must be shown to nobody.

    >>> known_secrets("short", {"Authorization": "Bearer a-long-secret"})
    ('a-long-secret',)

    Args:
        key: of the service.
        headers: that the caller adds.
    """
    if not headers:
        return (key,) if len(key) >= SHORTEST else ()
    added = [
        value
        for name, content in headers.items()
        if any(word in name.lower() for word in _HEADERS)
        for value in (content.rpartition(" ")[2], *_VALUES.findall(content))
    ]
    return tuple(dict.fromkeys(each for each in (key, *added) if len(each) >= SHORTEST))


def is_secret(header: str) -> bool:
    """Whether a header of that name says who asks rather than what.

    >>> is_secret("X-Api-Key"), is_secret("X-Thinking-Token-Budget")
    (True, False)
    """
    *others, last = _WORDS.split(header.lower())
    return last.endswith(_LAST) or not _ANYWHERE.isdisjoint((*others, last))


def hide(error: LLMServiceError, secrets: Iterable[str]) -> None:
    """Take the secrets out of all that an error tells."""
    for secret in secrets:
        for name, value in list(vars(error).items()):
            if isinstance(value, str):
                setattr(error, name, hidden(value, secret))
        error.args = tuple(
            hidden(each, secret) if isinstance(each, str) else each
            for each in error.args
        )
        error.body = _without(secret, error.body)


def hidden(text: str, secret: str) -> str:
    """The text without the secret, also where it was cut within it.

    >>> hidden("Key: a-very-long-secret.", "a-very-long-secret")
    'Key: ***.'
    >>> hidden("Key: a-very-long-sec...", "a-very-long-secret")
    'Key: ***...'
    """
    text = text.replace(secret, _HIDDEN)
    if len(secret) <= PART:
        return text
    if secret[:PART] in text:
        longest = next(n for n in range(len(secret), 0, -1) if secret[:n] in text)
        text = text.replace(secret[:longest], _HIDDEN)
    if secret[-PART:] in text:
        longest = next(n for n in range(len(secret), 0, -1) if secret[-n:] in text)
        text = text.replace(secret[-longest:], _HIDDEN)
    return text


def _without(secret: str, body: Any) -> Any:
    """The decoded body without the secret; None when it cannot be searched."""
    try:
        plain = msgspec.json.encode(body)
        found = msgspec.json.encode(secret)[1:-1]
        if found not in plain:
            return body
        return msgspec.json.decode(plain.replace(found, _HIDDEN.encode()))
    except (RecursionError, ValueError, TypeError):
        return None
