"""Work elsewhere: in threads, in tasks of nobody's, and how one hears of it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import frozen

from .loops import async_loop

if TYPE_CHECKING:
    import asyncio

    import anyio
    import trio

T = TypeVar("T")

# -- blocking calls -------------------------------------------------------------------

WORKERS = 40
"""Threads for the blocking calls of one event loop; a program's own are not used."""


class NotBegun(TimeoutError):
    """No thread came free in time: the call was not made."""


async def async_offload(call: Callable[..., T], *arguments: Any, seconds: float) -> T:
    """The result of a blocking call, made in a worker thread.

    Raises:
        NotBegun: no thread was free for so long.
        TimeoutError: it took longer; its thread is left behind.
    """
    import anyio.to_thread

    begun: list[float] = []
    results: list[T] = []

    def work() -> T:
        begun.append(monotonic())
        results.append(call(*arguments))
        return results[0]

    with anyio.move_on_after(seconds):
        return await anyio.to_thread.run_sync(
            work, abandon_on_cancel=True, limiter=_limiter()
        )
    if results:  # it was there in time, and this loop was late to look
        return results[0]
    if not begun:
        raise NotBegun(f"no thread came free within {seconds:.3g} s")
    raise TimeoutError(f"it took more than {seconds:.3g} s")


def offload(call: Callable[..., T], *arguments: Any, seconds: float) -> T:
    """The result of a blocking call, which has to keep to the time by itself."""
    return call(*arguments)


@frozen(kw_only=True)
class Tried(Generic[T]):
    """What came of a call that may raise what it likes.

    Args:
        result: what it gave.
        error: what it raised instead.
        took: seconds that it took, without the wait for a thread.
    """

    result: T | None = None
    error: Exception | None = None
    took: float = 0.0


async def async_tried(
    call: Callable[[], T],
    *,
    blocks: bool,
    seconds: float,
    gives_up: Callable[[], bool],
) -> Tried[T]:
    """What comes of a call; one that blocks is made in a worker thread.

    Args:
        call: may raise what it likes.
        blocks: whether it waits for a disk or a network.
        seconds: that it may take then.
        gives_up: asked each time that no thread has come free for so long.
    """
    if not blocks:
        return _attempt(call)
    while True:
        try:
            return await async_offload(lambda: _attempt(call), seconds=seconds)
        except NotBegun as busy:
            if gives_up():
                return Tried(error=busy)
        except TimeoutError as late:
            return Tried(error=late, took=seconds)


def tried(
    call: Callable[[], T],
    *,
    blocks: bool,
    seconds: float,
    gives_up: Callable[[], bool],
) -> Tried[T]:
    """What comes of a call, which has to keep to the time by itself."""
    return _attempt(call)


def _attempt(call: Callable[[], T]) -> Tried[T]:
    began = monotonic()
    try:
        result = call()
    except Exception as error:  # for the caller to tell of
        return Tried(error=error, took=monotonic() - began)
    return Tried(result=result, took=monotonic() - began)


@cache
def _limiters() -> anyio.lowlevel.RunVar[anyio.CapacityLimiter]:
    import anyio.lowlevel

    return anyio.lowlevel.RunVar("llm_adapter_workers")


def _limiter() -> anyio.CapacityLimiter:
    """The one of the running event loop."""
    import anyio

    try:
        return _limiters().get()
    except LookupError:
        limiter = anyio.CapacityLimiter(WORKERS)
        _limiters().set(limiter)
        return limiter


# -- tasks of nobody's ----------------------------------------------------------------


async def async_detach(
    act: Callable[[], Coroutine[Any, Any, None]],
) -> Callable[[], object]:
    """Have `act` run by a task that goes on when the caller is cancelled.

    It has the caller's context, and must raise nothing but its own cancellation, for
    nobody would hear of it. The result ends it soon, called from whichever thread.
    """
    owner, thread = async_loop(), threading.get_ident()
    if hasattr(owner, "run_sync_soon"):
        cancel = _detach_on_trio(act)
    else:
        cancel = _detach_on_asyncio(owner, act)
    return lambda: _call_on(owner, thread, cancel)


def detach(act: Callable[[], None]) -> Callable[[], object]:
    """Run `act` here and now: threads are not cancelled. The result does nothing."""
    act()
    return lambda: None


_detached: set[asyncio.Task[None]] = set()
"""Strong references: asyncio itself may forget a task that runs."""


def _detach_on_asyncio(
    owner: Any, act: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], object]:
    task: asyncio.Task[None] = owner.create_task(act())
    _detached.add(task)
    task.add_done_callback(_detached.discard)
    cancel: Callable[[], object] = task.cancel
    return cancel


def _detach_on_trio(
    act: Callable[[], Coroutine[Any, Any, None]],
) -> Callable[[], object]:
    import trio

    scope = trio.CancelScope()
    trio.lowlevel.spawn_system_task(
        _run_within, scope, act, context=contextvars.copy_context()
    )
    return scope.cancel


async def _run_within(
    scope: trio.CancelScope, act: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    with scope:
        await act()


# -- signals --------------------------------------------------------------------------


class AsyncSignal:
    """Set once, by any thread; waited for by a task of the loop that made it."""

    def __init__(self) -> None:
        import anyio

        self._event: anyio.Event = anyio.Event()
        self._owner = async_loop()
        self._thread = threading.get_ident()

    def set(self) -> None:
        """Wake the one who waits, now or as soon as they do."""
        _call_on(self._owner, self._thread, self._event.set)

    async def wait(self, seconds: float | None = None) -> bool:
        """Whether it was set within that time."""
        import anyio

        with anyio.move_on_after(seconds):
            await self._event.wait()
        return self._event.is_set()


class Signal:
    """Set once, by any thread; waited for by another."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Wake the one who waits, now or as soon as they do."""
        self._event.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it was set within that time."""
        # Python takes no more than some centuries.
        most = threading.TIMEOUT_MAX
        return self._event.wait(None if seconds is None else min(seconds, most))


def _call_on(owner: Any, thread: int, act: Callable[[], object]) -> None:
    """Call `act` in the thread of a loop: at once when that is this one."""
    if threading.get_ident() == thread:
        act()
        return
    # A loop that has ended has nobody left to hear of it.
    with suppress(RuntimeError):
        if hasattr(owner, "run_sync_soon"):
            owner.run_sync_soon(act)
        else:
            owner.call_soon_threadsafe(act)
