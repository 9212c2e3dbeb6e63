"""Every difference between the async and the sync form, as pairs.

`AsyncX`/`X` and `async_x`/`x` have equal signatures; `scripts/generate_sync.py` turns
the first into the second. Nothing else in the package knows a scheduler, and the sync
half imports no event loop.
"""

from __future__ import annotations

import contextvars
import os
import socket
import threading
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Hashable,
    Iterator,
)
from contextlib import contextmanager, nullcontext, suppress
from time import monotonic, time
from time import sleep as _block
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from contextlib import AbstractContextManager

    import anyio
    import httpcore

T = TypeVar("T")

__all__ = [
    "AsyncLock",
    "AsyncSlots",
    "Lock",
    "PerLoop",
    "Slots",
    "async_connect_tcp",
    "async_loop",
    "async_on_loop_end",
    "async_shielded",
    "async_sleep",
    "async_soon",
    "async_wake_reader",
    "async_write",
    "connect_tcp",
    "loop",
    "loop_has_ended",
    "monotonic",
    "on_loop_end",
    "shielded",
    "sleep",
    "soon",
    "time",
    "wake_reader",
    "write",
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
    else in a program is told of either. Pulling the object ends it without `close`.
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


def on_loop_end(close: Callable[[], None]) -> Generator[None]:
    """Have `close` called when the returned object ends; there is no loop to do so.

    Pulling the object ends it without `close`.
    """
    waiting = _until_closed(close)
    next(waiting)
    return waiting


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


# -- locks ----------------------------------------------------------------------------


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

    backend: Any = httpcore.AnyIOBackend()  # httpcore types it as perhaps missing
    stream: httpcore.AsyncNetworkStream = await backend.connect_tcp(
        host, port, timeout=timeout, socket_options=options
    )
    return stream


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


async def async_write(
    stream: httpcore.AsyncNetworkStream, buffer: bytes, seconds: float
) -> None:
    """Write all of `buffer` within `seconds`."""
    await stream.write(buffer, seconds)


def write(stream: httpcore.NetworkStream, buffer: bytes, seconds: float) -> None:
    """Write all of `buffer` within `seconds`.

    httpcore gives that time to each packet: a reader that is slow enough takes as many
    times that as there are packets.
    """
    import httpcore

    end = monotonic() + seconds
    rest = memoryview(buffer)
    sock = stream.get_extra_info("socket")
    try:
        while rest:
            sock.settimeout(max(end - monotonic(), 1e-6))
            rest = rest[sock.send(rest) :]
    except TimeoutError as error:
        raise httpcore.WriteTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.WriteError(str(error)) from error


def async_wake_reader(stream: httpcore.AsyncNetworkStream) -> None:
    """Nothing: closing a stream ends what another task waits for."""


def wake_reader(stream: httpcore.NetworkStream) -> None:
    """End a read that waits in another thread, which closing would not."""
    with suppress(OSError):
        stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


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
                else:
                    self._stream = stream
        self._done.set()

    def result(self, timeout: float) -> httpcore.NetworkStream:
        try:
            self._done.wait(timeout)
        except BaseException:  # Ctrl-C
            stream = self._leave()
            if stream is not None:
                stream.close()
            raise
        stream = self._leave()
        if stream is None:
            raise self._error or TimeoutError(f"no connection after {timeout:.3g} s")
        return stream

    def _leave(self) -> httpcore.NetworkStream | None:
        """What has come by now; what comes later is closed."""
        with self._lock:
            self._late = True
            return self._stream
