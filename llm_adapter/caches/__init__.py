"""Stores for answers: in memory, in a file, in Redis.

Every name is imported when it is first used (PEP 562): a program pays neither for the
database nor for the client that it does not use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._memory import MemoryCache
    from ._redis import RedisCache
    from ._sqlite import SQLiteCache
    from ._store import CacheStore
    from ._url import cache_from_url

__all__ = ["CacheStore", "MemoryCache", "RedisCache", "SQLiteCache", "cache_from_url"]

_MODULES = {
    "CacheStore": "_store",
    "MemoryCache": "_memory",
    "RedisCache": "_redis",
    "SQLiteCache": "_sqlite",
    "cache_from_url": "_url",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
