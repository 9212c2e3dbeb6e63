"""A store that fails no call, and holds none up for long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .._caching import Counters, Trouble
from .._claims import KEEPER
from .._concurrency import async_offload, async_shielded, monotonic
from ..caches import CacheStore

T = TypeVar("T")

GRACE = 0.05
"""Seconds after which a store that keeps to its own timeout has certainly spoken."""


class AsyncGuardedStore:
    """A store of anybody's, asked with care.

    Args:
        store: whose methods may raise anything.
        counters: told of its failures.
    """

    def __init__(self, store: CacheStore, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._trouble = Trouble(store)

    async def get(self, key: str) -> bytes | None:
        """What is kept, as far as the store can tell."""
        return await self._ask("read", None, self._store.get, key)

    async def set(self, key: str, value: bytes, ttl: float | None) -> bool:
        """Keep a value: whether the store did."""
        return await self._ask("write", False, self._keep, key, value, ttl)

    def _keep(self, key: str, value: bytes, ttl: float | None) -> bool:
        self._store.set(key, value, ttl)
        return True

    async def drop(self, key: str, error: ValueError) -> None:
        """Forget what is no answer of ours."""
        self._note("read", error, monotonic())
        await self._ask("delete", None, self._store.delete, key)

    async def claim(self, key: str, owner: str) -> bool:
        """Claim a key; a store that cannot tell stands in nobody's way."""
        granted = await self._ask(
            "claim", None, self._store.claim, key, owner, KEEPER.lease
        )
        if granted:
            KEEPER.hold((self._store, key, owner))
        return granted is not False

    async def release(self, key: str, owner: str) -> None:
        """Give up a claim."""
        KEEPER.let_go((self._store, key, owner))
        with async_shielded():  # or others would wait until the claim runs out
            await self._ask("release", None, self._store.release, key, owner)

    async def close(self) -> None:
        """Release what the store holds."""
        await self._call("close", None, self._store.close)

    async def _ask(
        self, what: str, otherwise: T, act: Callable[..., T], *arguments: Any
    ) -> T:
        if self._trouble.rests(monotonic()):
            return otherwise
        return await self._call(what, otherwise, act, *arguments)

    async def _call(
        self, what: str, otherwise: T, act: Callable[..., T], *arguments: Any
    ) -> T:
        began = monotonic()
        try:
            if self._store.blocking:
                seconds = self._store.timeout + GRACE
                result = await async_offload(act, *arguments, seconds=seconds)
            else:
                result = act(*arguments)
        except Exception as error:  # a store may be anybody's, and raise what it likes
            self._note(what, error, began)
            return otherwise
        self._trouble.worked()
        return result

    def _note(self, what: str, error: Exception, began: float) -> None:
        self._counters.count("failures")
        self._trouble.failed(what, error, began=began, now=monotonic())

    def __repr__(self) -> str:
        return repr(self._store)
