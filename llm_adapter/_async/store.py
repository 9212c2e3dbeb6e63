"""A store that fails no call, and holds none up for long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from .._caching import Counters, Trouble
from .._claims import KEEPER, making
from .._concurrency import async_shielded, async_tried, monotonic
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
        self._note("read", error, 0.0)
        await self._ask("delete", None, self._store.delete, key)

    def making(self, key: str) -> AbstractContextManager[bool]:
        """Whether the block needs a claim to make an answer."""
        return making(self._store, key)

    async def claim(self, key: str, owner: str) -> bool | None:
        """Whether a key is claimed now; None: this store cannot tell."""
        granted = await self._ask(
            "claim", None, self._store.claim, key, owner, KEEPER.lease
        )
        if granted:
            KEEPER.hold(self._store, key, owner)
        return granted

    async def release(self, key: str, owner: str) -> None:
        """Give up a claim, or others would wait until it runs out."""
        KEEPER.let_go(self._store, key, owner)
        with async_shielded():
            await self._call("release", None, self._store.release, key, owner)

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
        # A burst that keeps all threads busy is not the store's fault, unless it is the
        # store that holds them up.
        came = await async_tried(
            partial(act, *arguments),
            blocks=self._store.blocking,
            seconds=self._store.timeout + GRACE,
            gives_up=lambda: self._trouble.rests(monotonic()),
        )
        if came.error is not None:
            self._note(what, came.error, came.took)
            return otherwise
        self._trouble.worked()
        return came.result  # type: ignore[return-value]  # there is one without error

    def _note(self, what: str, error: Exception, took: float) -> None:
        self._counters.count("failures")
        self._trouble.failed(what, error, took=took, now=monotonic())

    def __repr__(self) -> str:
        return repr(self._store)
