"""Every difference between the async and the sync form, as pairs.

`AsyncX`/`X` and `async_x`/`x` have equal signatures; `scripts/generate_sync.py` turns
the first into the second. Nothing else in the package knows a scheduler, and the sync
half imports no event loop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Hashable,
    Iterator,
)
from contextlib import contextmanager, nullcontext
from time import monotonic, time
from time import sleep as _block
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import anyio
    import httpcore

T = TypeVar("T")

__all__ = [
    "AsyncSlots",
    "PerLoop",
    "Slots",
    "async_connect_tcp",
    "async_loop",
    "async_on_loop_end",
    "async_shielded",
    "async_sleep",
    "connect_tcp",
    "loop",
    "loop_has_ended",
    "monotonic",
    "on_loop_end",
    "shielded",
    "sleep",
    "time",
]


# -- waiting --------------------------------------------------------------------------


async def async_sleep(seconds: float) -> None:
    """Wait without blocking the event loop."""
    import anyio

    await anyio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Wait, blocking this thread."""
    _block(seconds)


def async_shielded() -> AbstractContextManager[object]:
    """For the few awaits that must happen although the caller is being cancelled."""
    import anyio

    return anyio.CancelScope(shield=True)


def shielded() -> AbstractContextManager[object]:
    """Threads are not cancelled: nothing to do."""
    return nullcontext()


# -- which loop: connections belong to one and cannot be used from another ------------


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
    else in a program is told of either.
    """
    waiting = _until_loop_end(close)
    await anext(waiting)
    return waiting


async def _until_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        with async_shielded():
            await close()


def on_loop_end(close: Callable[[], None]) -> Generator[None]:
    """Have `close` called when the returned object ends; there is no loop to do so."""
    waiting = _until_closed(close)
    next(waiting)
    return waiting


def _until_closed(close: Callable[[], None]) -> Generator[None]:
    try:
        yield
    finally:
        close()


class PerLoop(Generic[T]):
    """One value per event loop (or process), for services that several share."""

    def __init__(self) -> None:
        self._values: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def get(self, owner: Hashable) -> T | None:
        """The value of `owner`, if it has one."""
        return self._values.get(owner)

    def add(self, owner: Hashable, value: T) -> T:
        """Keep `value` unless another thread was faster; the one that is kept.

        Values of loops that have ended are forgotten on the way.
        """
        with self._lock:
            for gone in [known for known in self._values if loop_has_ended(known)]:
                del self._values[gone]
            return self._values.setdefault(owner, value)

    def pop(self, owner: Hashable) -> T | None:
        """Forget the value of `owner`."""
        with self._lock:
            return self._values.pop(owner, None)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._values.clear()


# -- a bounded number of connections --------------------------------------------------


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


# -- connecting -----------------------------------------------------------------------


async def async_connect_tcp(
    host: str, port: int, timeout: float, options: Any
) -> httpcore.AsyncNetworkStream:
    """Connect within `timeout` seconds, look-up of the name included."""
    import httpcore

    return await httpcore.AnyIOBackend().connect_tcp(
        host, port, timeout=timeout, socket_options=options
    )


def connect_tcp(
    host: str, port: int, timeout: float, options: Any
) -> httpcore.NetworkStream:
    """Connect within `timeout` seconds, look-up of the name included.

    The look-up of a name has no timeout of its own, and each of a host's addresses
    gets the whole of it: so another thread connects, and is left behind when late.
    """
    import httpcore

    with _mapped_late(httpcore.ConnectTimeout):
        return _Connecting(host, port, timeout, options).result(timeout)


@contextmanager
def _mapped_late(late: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from None


class _Connecting:
    """A connection being made in a thread of its own."""

    def __init__(self, host: str, port: int, timeout: float, options: Any) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._late = False
        self._stream: httpcore.NetworkStream | None = None
        self._error: Exception | None = None
        arguments = (host, port, timeout, options)
        threading.Thread(target=self._connect, args=arguments, daemon=True).start()

    def _connect(self, host: str, port: int, timeout: float, options: Any) -> None:
        import httpcore

        try:
            stream = httpcore.SyncBackend().connect_tcp(
                host, port, timeout=timeout, socket_options=options
            )
        except Exception as error:  # handed to the caller, in its own thread
            self._error = error
        else:
            with self._lock:
                if self._late:
                    stream.close()
                self._stream = stream
        self._done.set()

    def result(self, timeout: float) -> httpcore.NetworkStream:
        in_time = self._done.wait(timeout)
        with self._lock:
            if self._stream is not None:
                return self._stream
            self._late = True
        if not in_time or self._error is None:
            raise TimeoutError(f"no connection after {timeout:.3g} s")
        raise self._error
