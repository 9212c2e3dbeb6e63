"""Connections: a LIFO pool over httpcore's connections, under httpx's transport.

httpcore's own pool looks at every connection for every request; with a thousand calls
in flight that is most of the work. A stack of idle connections looks at one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from functools import cache
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from .._concurrency import (
    AsyncSlots,
    async_connect_tcp,
    async_shielded,
    async_wake_reader,
    async_write,
    monotonic,
)
from .._policy import Timer

MAX_CONNECTIONS = 2000
MAX_CONNECTING = 100
KEEPALIVE_SECONDS = 60.0
TIMER = "llm_adapter.timer"
"""The request extension that carries the call's Timer down to its socket."""


class AsyncHTTPPoolTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over our pool, so that tools that patch httpx still see us."""

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool  # type: ignore[assignment]


class AsyncContent(httpx.ByteStream):
    """What a request sends.

    httpx reads its own through a generator, which a failure half-way would leave to
    the garbage collector.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncWhole(self._content)


class _AsyncWhole(AsyncIterator[bytes]):
    def __init__(self, content: bytes) -> None:
        self._rest = content

    async def __anext__(self) -> bytes:
        content, self._rest = self._rest, b""
        if not content:
            raise StopAsyncIteration
        return content


class AsyncPool(httpcore.AsyncConnectionInterface):
    """The connections of one service to one origin, on one event loop."""

    def __init__(self, origin: httpcore.Origin, ssl_context: SSLContext | None) -> None:
        self._origin = origin
        self._ssl_context = ssl_context
        self._idle: deque[_AsyncConnection] = deque()
        self._slots = AsyncSlots(MAX_CONNECTIONS)
        self._connecting = AsyncSlots(MAX_CONNECTING)
        self._closed = False

    async def handle_async_request(
        self, request: httpcore.Request
    ) -> httpcore.Response:
        """Send on the connection used last; open one when none is idle."""
        timer: Timer = request.extensions[TIMER]
        if not await self._slots.acquire(timer.remaining(monotonic())):
            raise httpcore.PoolTimeout(f"{MAX_CONNECTIONS} connections are in use")
        try:
            connection = await self._take()
            response = await connection.send(request, timer)
        except BaseException:
            self._slots.release()
            raise
        body = _AsyncBody(self, connection, response)
        return httpcore.Response(
            response.status,
            headers=response.headers,
            content=body,
            extensions=response.extensions,
        )

    async def _take(self) -> _AsyncConnection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return _AsyncConnection(
                    self._origin, self._ssl_context, self._connecting
                )
            if not connection.http.has_expired():
                return connection
            await connection.close()

    async def give_back(self, connection: _AsyncConnection) -> None:
        """The exchange on a connection has ended."""
        try:
            if connection.http.is_idle():
                self._idle.append(connection)
                await self._close_oldest()
            else:
                await connection.close()
            if self._closed:  # perhaps just now, by another thread
                await self.aclose()
        finally:
            self._slots.release()

    async def _close_oldest(self) -> None:
        """Close the connection unused for longest, if it has expired.

        New calls take the one used last: those below it would stay for ever.
        """
        if len(self._idle) < 2:
            return
        with suppress(IndexError):  # another thread was faster
            oldest = self._idle.popleft()
            if oldest.http.has_expired():
                await oldest.close()
            else:
                self._idle.appendleft(oldest)

    async def aclose(self) -> None:
        """Close what is idle now, and what is in use when it is given back."""
        self._closed = True
        async with AsyncExitStack() as each:  # the rest too when one is cancelled
            with suppress(IndexError):
                while True:
                    each.push_async_callback(self._idle.pop().close)


class _AsyncConnection:
    """One connection of httpcore's, with a clock on its socket."""

    def __init__(
        self,
        origin: httpcore.Origin,
        ssl_context: SSLContext | None,
        connecting: AsyncSlots,
    ) -> None:
        self.backend = _AsyncBackend(connecting)
        self.http = httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=ssl_context,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=self.backend,
        )

    async def send(self, request: httpcore.Request, timer: Timer) -> httpcore.Response:
        self.backend.timer = timer
        self.backend.hung_up = False
        self.backend.heard = False
        used = self.http.is_idle()
        try:
            return await self.http.handle_async_request(request)
        except BaseException as failure:
            timer.stale = used and not self.backend.heard and _hung_up(failure)
            # Before it has sent anything, httpcore leaves the socket open.
            await self.close()
            raise

    async def close(self) -> None:
        with async_shielded():
            await self.http.aclose()


def _hung_up(failure: BaseException) -> bool:
    """Whether the other side has closed the connection."""
    return isinstance(
        failure, httpcore.RemoteProtocolError | httpcore.ReadError | httpcore.WriteError
    )


class _AsyncBody:
    """The body of an answer; closing it gives the connection back."""

    def __init__(
        self,
        pool: AsyncPool,
        connection: _AsyncConnection,
        response: httpcore.Response,
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._network_stream: Any = response.extensions.get("network_stream")
        self._stream: Any = response.stream
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: AsyncIterator[bytes] = self._stream.__aiter__()
        self._chunks = chunks
        return chunks

    async def aclose(self) -> None:  # once: httpx.Response sees to that
        with async_shielded():
            try:
                await self._end()
            finally:
                await self._pool.give_back(self._connection)

    async def _end(self) -> None:
        """Hang up unless the body was read whole.

        httpcore reads through generators. Left suspended they would be finalised by
        the garbage collector, on whatever loop runs then; so the socket says that it
        is gone, and the generators are run to their end.
        """
        self._connection.backend.hung_up = True
        try:
            if self._chunks is not None:
                async for _ in self._chunks:
                    pass
        except (httpcore.NetworkError, httpcore.ProtocolError):
            pass  # the hang-up itself, or rubbish behind what was read
        except (RuntimeError, ValueError):  # a generator that runs: someone reads
            async_wake_reader(self._network_stream)
        await self._stream.aclose()


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens the socket of one connection and puts the call's clock on it."""

    def __init__(self, connecting: AsyncSlots) -> None:
        self.timer = Timer(total=0.0)
        self.hung_up = False
        self.heard = False
        self._connecting = connecting
        self._connected_by = 0.0

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        now = monotonic()
        self._connected_by = now + self.timer.until_connected(now)
        if not await self._connecting.acquire(self.until_connected()):
            raise httpcore.ConnectTimeout("too many connections are being opened")
        try:
            seconds = self.until_connected()
            stream = await async_connect_tcp(host, port, seconds, socket_options or [])
        finally:
            self._connecting.release()
        return _AsyncStream(stream, self)

    def until_connected(self) -> float:
        """Seconds that are left until the connection must stand.

        Raises:
            ConnectTimeout: none are; to a socket 0 would mean not to wait at all.
        """
        seconds = self._connected_by - monotonic()
        if seconds <= 0:
            raise httpcore.ConnectTimeout("the time is up")
        return seconds


class _AsyncStream(httpcore.AsyncNetworkStream):
    """A socket whose every operation ends when the call must have ended."""

    def __init__(
        self, stream: httpcore.AsyncNetworkStream, backend: _AsyncBackend
    ) -> None:
        self._stream = stream
        self._backend = backend
        self._head = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._backend.hung_up:
            raise httpcore.ReadError("the reader has left")
        seconds = self._backend.timer.until_read(monotonic())
        if seconds <= 0:
            raise httpcore.ReadTimeout("the time is up")
        data = await self._stream.read(max_bytes, seconds)
        self._backend.heard = self._backend.heard or data != b""
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # httpcore writes head and body apart; one packet is cheaper for both ends.
        if not self._head and buffer.endswith(b"\r\n\r\n"):
            self._head = buffer
            return
        buffer, self._head = self._head + buffer, b""
        seconds = self._backend.timer.remaining(monotonic())
        if seconds <= 0:
            raise httpcore.WriteTimeout("the time is up")
        await async_write(self._stream, buffer, seconds)

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            secured = await self._stream.start_tls(
                ssl_context, server_hostname, self._backend.until_connected()
            )
        except BaseException:
            await self.aclose()
            raise
        return _AsyncStream(secured, self._backend)

    async def aclose(self) -> None:
        with async_shielded():
            await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def ssl_context(ca_file: str | None, ca_directory: str | None) -> SSLContext:
    """The TLS context that all services share: making one takes 20 ms.

    Args:
        ca_file: SSL_CERT_FILE of the environment, which httpx honours.
        ca_directory: SSL_CERT_DIR of the environment.
    """
    return httpx.create_ssl_context()
