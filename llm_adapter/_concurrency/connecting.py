"""Connecting and writing within a time that holds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpcore


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
