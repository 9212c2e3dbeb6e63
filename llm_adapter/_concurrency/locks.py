"""Locks, and a bounded number of connections."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anyio


class AsyncLock:
    """Held by one task of a loop at a time; one that is free is taken at once."""

    def __init__(self) -> None:
        import anyio

        self._lock: anyio.Lock = anyio.Lock()

    async def __aenter__(self) -> None:
        import anyio

        try:
            self._lock.acquire_nowait()
        except anyio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(self, *error: object) -> None:
        self._lock.release()


class Lock:
    """Held by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


class AsyncSlots:
    """A semaphore whose acquisition can time out, for the tasks of one loop."""

    def __init__(self, count: int) -> None:
        import anyio

        self._semaphore: anyio.Semaphore = anyio.Semaphore(count, fast_acquire=True)

    async def acquire(self, seconds: float) -> bool:
        """Take a slot; False when none came free in time."""
        import anyio

        try:
            self._semaphore.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(seconds):
                await self._semaphore.acquire()
                return True
            return False
        return True

    def release(self) -> None:
        """Give a slot back."""
        self._semaphore.release()


class Slots:
    """A semaphore whose acquisition can time out, for the threads of a process."""

    def __init__(self, count: int) -> None:
        self._semaphore = threading.Semaphore(count)

    def acquire(self, seconds: float) -> bool:
        """Take a slot; False when none came free in time."""
        return self._semaphore.acquire(timeout=seconds)

    def release(self) -> None:
        """Give a slot back."""
        self._semaphore.release()


# -- short sections of objects that threads share -------------------------------------


class ForkSafeLock:
    """For short sections without waiting; a forked process finds it free.

    Args:
        reentrant: whether the thread that holds it may take it again.
    """

    def __init__(self, *, reentrant: bool = False) -> None:
        self._make = threading.RLock if reentrant else threading.Lock
        self._lock = self._make()
        _short.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def free(self) -> None:
        """Forget a holder that is a thread of the parent process."""
        self._lock = self._make()


_short: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


def _free_all() -> None:
    for lock in list(_short):
        lock.free()


# Windows has no fork.
if hasattr(os, "register_at_fork"):  # pragma: no branch
    os.register_at_fork(after_in_child=_free_all)
