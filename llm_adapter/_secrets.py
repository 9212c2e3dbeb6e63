"""Secrets stay secret: also where a provider quotes them in its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .errors import LLMServiceError

SHORTEST = 8
"""Characters of a secret that is looked for; local servers take any word as a key."""

_HEADERS = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie")
_HIDDEN = "***"


def known_secrets(key: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """What must be shown to nobody.

    >>> known_secrets("short", {"Authorization": "Bearer a-long-secret"})
    ('a-long-secret',)

    Args:
        key: of the service.
        headers: that the caller adds.
    """
    added = (
        value.rpartition(" ")[2]
        for name, value in headers.items()
        if name.lower() in _HEADERS
    )
    return tuple(each for each in (key, *added) if len(each) >= SHORTEST)


def hide(error: LLMServiceError, secrets: Iterable[str]) -> None:
    """Take the secrets out of all that an error tells."""
    for secret in secrets:
        for name, value in list(vars(error).items()):
            if isinstance(value, str) and secret in value:
                setattr(error, name, value.replace(secret, _HIDDEN))
        error.args = tuple(
            each.replace(secret, _HIDDEN) if isinstance(each, str) else each
            for each in error.args
        )
        error.body = _without(secret, error.body)


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
