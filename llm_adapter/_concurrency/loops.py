"""Which loop: connections belong to one and cannot be used from another."""

from __future__ import annotations

import contextvars
import os
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterator,
)
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .waiting import async_shielded, async_sleep

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


def async_loop() -> Hashable:
    """The running event loop, as asyncio's or trio's own object.

    Raises:
        RuntimeError: there is none; the message names the sync form.
    """
    from sniffio import AsyncLibraryNotFoundError, current_async_library

    try:
        library = current_async_library()
    except AsyncLibraryNotFoundError:
        raise RuntimeError(
            "an async service needs a running event loop: use it inside asyncio.run() "
            "or trio.run(), or use the sync service"
        ) from None
    if library == "trio":
        import trio

        return trio.lowlevel.current_trio_token()
    import asyncio

    return asyncio.get_running_loop()


def loop() -> Hashable:
    """What connections belong to without a loop: the process; forks must not share."""
    return os.getpid()


def loop_has_ended(owner: Any) -> bool:
    """Whether what `async_loop` or `loop` returned is gone."""
    if isinstance(owner, int):
        return owner != os.getpid()
    is_closed = getattr(owner, "is_closed", None)
    return bool(is_closed and is_closed())


async def async_on_loop_end(
    close: Callable[[], Awaitable[None]],
) -> AsyncGenerator[None]:
    """Have `close` awaited when the running loop ends, or the returned object does.

    asyncio and trio finalise async generators that are still suspended when a loop
    shuts down, and those that the garbage collector finds, on their own loop. Nothing
    else in a program is told of either. `async_let_go` ends it without `close`.
    """
    waiting = _until_loop_end(close)
    await anext(waiting)
    return waiting


async def _until_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    except GeneratorExit:
        with async_shielded():
            try:
                # asyncio closes all generators at once. Those that `close` would run
                # to their end shall have heard of it from asyncio by then.
                await async_sleep(0)
            finally:
                await close()
        raise


async def async_let_go(waiting: AsyncGenerator[None]) -> None:
    """End what `async_on_loop_end` has given, unless its loop is at it already."""
    with suppress(RuntimeError):
        await anext(waiting, None)


def on_loop_end(close: Callable[[], None]) -> Generator[None]:
    """Have `close` called when the returned object ends; there is no loop to do so.

    `let_go` ends it without `close`.
    """
    waiting = _until_closed(close)
    next(waiting)
    return waiting


def let_go(waiting: Generator[None]) -> None:
    """End what `on_loop_end` has given."""
    next(waiting, None)


def _until_closed(close: Callable[[], None]) -> Generator[None]:
    try:
        yield
    except GeneratorExit:
        close()
        raise


def async_soon(owner: Any, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have `act` awaited on a loop, whichever thread that runs in.

    A loop that has ended awaits nothing more, and its connections are lost already.
    """
    with suppress(RuntimeError):
        if hasattr(owner, "run_sync_soon"):
            owner.run_sync_soon(_start_on_trio, act)
        else:
            # Not in the context of the caller, which may belong to another library.
            owner.call_soon_threadsafe(
                _start_on_asyncio, owner, act, context=contextvars.Context()
            )


_started: set[asyncio.Task[None]] = set()
"""Strong references: asyncio itself may forget a task that runs."""


def _start_on_asyncio(
    owner: asyncio.AbstractEventLoop, act: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    task = owner.create_task(act())
    _started.add(task)
    task.add_done_callback(_started.discard)


def _start_on_trio(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import trio

    # When it fails the run is ending, which `async_on_loop_end` waits for.
    with suppress(RuntimeError):
        trio.lowlevel.spawn_system_task(act)


def soon(owner: Any, act: Callable[[], None]) -> None:
    """Call `act`: what it closes may be closed from any thread."""
    act()


class PerLoop(Generic[T]):
    """One value per event loop (or process), for services that several share.

    Each method is made of single operations of a dict, which threads may share. A lock
    could stay locked for ever in a forked process, or be wanted by a finaliser in the
    thread that holds it.
    """

    def __init__(self) -> None:
        self._values: dict[Hashable, T] = {}

    def get(self, owner: Hashable) -> T | None:
        """The value of `owner`, if it has one."""
        return self._values.get(owner)

    def add(self, owner: Hashable, value: T) -> T:
        """Keep `value` unless another thread was faster; the one that is kept.

        Values of loops that have ended are forgotten on the way.
        """
        for _ in self.ended():
            pass
        return self._values.setdefault(owner, value)

    def pop(self, owner: Hashable) -> T | None:
        """Forget the value of `owner`."""
        return self._values.pop(owner, None)

    def ended(self) -> Iterator[tuple[Hashable, T]]:
        """Forget those of loops that have ended, one after another."""
        for owner in list(self._values):
            value = self._values.pop(owner, None) if loop_has_ended(owner) else None
            if value is not None:
                yield owner, value

    def drain(self) -> Iterator[tuple[Hashable, T]]:
        """Forget all of them, one after another."""
        while self._values:
            with suppress(KeyError):  # another thread took the last one
                yield self._values.popitem()
