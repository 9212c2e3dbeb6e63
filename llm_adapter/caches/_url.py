"""A store from one line of configuration."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .._checks import type_error
from ..errors import LLMConfigurationError
from ._shown import shown_url
from ._store import CacheStore

_LIMITS = ("max_entries", "max_bytes")


def cache_from_url(url: str) -> CacheStore:
    """The store that a URL stands for.

    >>> cache_from_url("memory://?max_entries=500").max_entries
    500

    Args:
        url: `memory://` with the options max_entries and max_bytes,
            `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `redis://`,
            `rediss://` or `unix://`.

    Raises:
        LLMConfigurationError: it is none of these; or redis-py is missing.
    """
    if not isinstance(url, str):
        raise type_error("url", "a string", url)
    scheme = url.partition("://")[0].lower()
    if scheme in ("redis", "rediss", "unix"):
        from ._redis import RedisCache

        return RedisCache(url)
    try:
        parts = urlsplit(url)
        if scheme == "memory":
            return _memory(parts)
        if scheme == "sqlite":
            return _sqlite(parts)
        raise ValueError(scheme)
    # Also of a home directory that there is not.
    except (ValueError, RuntimeError):
        shown = f"{url:.80}" if scheme in ("memory", "sqlite") else shown_url(url)
        raise LLMConfigurationError(
            f"The cache's URL is {shown!r}: write memory:// (with the options "
            "max_entries and max_bytes, if you like), sqlite:///relative.db, "
            "sqlite:////absolute/path.db, redis://host:port/0, rediss:// or unix://."
        ) from None


def _memory(parts: SplitResult) -> CacheStore:
    from ._memory import MemoryCache

    options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    limits = {name: int(value) for name, value in options if name in _LIMITS}
    if parts.netloc or parts.path or parts.fragment or len(limits) != len(options):
        raise ValueError(parts)
    return MemoryCache(**limits)


def _sqlite(parts: SplitResult) -> CacheStore:
    from ._sqlite import SQLiteCache

    if parts.netloc or parts.query or parts.fragment or parts.path[:1] != "/":
        raise ValueError(parts)
    return SQLiteCache(unquote(parts.path[1:]))
