"""Connecting and writing within a time that holds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import httpcore


class Closes(Protocol):
    """A connection, as far as it takes to be rid of it."""

    def close(self) -> object:
        """Close it."""
        ...


C = TypeVar("C", bound=Closes)


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

    def connect() -> httpcore.NetworkStream:
        return httpcore.SyncBackend().connect_tcp(
            host, port, timeout=timeout, socket_options=options
        )

    with _mapped_late(httpcore.ConnectTimeout):
        return connected_within(timeout, connect)


def connected_within(seconds: float, connect: Callable[[], C]) -> C:
    """What `connect` opens, in a thread that is left behind when it is late.

    Raises:
        TimeoutError: it was; what it opens then is closed.
    """
    return _Connecting(connect).result(seconds)


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


class _Connecting(Generic[C]):
    """A connection being made in a thread of its own."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._late = False
        self._stream: C | None = None
        self._error: Exception | None = None
        threading.Thread(target=self._connect, args=[connect], daemon=True).start()

    def _connect(self, connect: Callable[[], C]) -> None:
        try:
            stream = connect()
        except Exception as error:  # handed to the caller, in its own thread
            self._error = error
        else:
            with self._lock:
                if self._late:
                    stream.close()
                else:
                    self._stream = stream
        self._done.set()

    def result(self, timeout: float) -> C:
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

    def _leave(self) -> C | None:
        """What has come by now; what comes later is closed."""
        with self._lock:
            self._late = True
            return self._stream
