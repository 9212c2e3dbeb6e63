"""One call: deadline, send, decode, retry or raise."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

import httpcore
import httpx
from attrs import define, frozen

from .._call import MAX_REDIRECTS, Call, Client, log_failure, log_retry, redirected
from .._concurrency import (
    PerLoop,
    async_loop,
    async_on_loop_end,
    async_sleep,
    monotonic,
    time,
)
from .._policy import Attempts, Timer, process_budget, start_timer
from .._wire.encoding import MAX_BODY_BYTES, body_decoder, too_large
from .._wire.errors import error_from_answer
from ..errors import LLMConnectionError, LLMServiceError, LLMTimeoutError
from .transport import (
    TIMER,
    AsyncContent,
    AsyncHTTPPoolTransport,
    AsyncPool,
    ssl_context,
)

T = TypeVar("T")

# OSError: TLS errors that httpx lets through; UnicodeError: a host name that cannot be
# looked up; RuntimeError: a user's client that is closed.
FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,
    UnicodeError,
    RuntimeError,
)


@frozen
class Fetched(Generic[T]):
    """What a call brought, and what it took."""

    value: T
    attempts: Attempts
    request_id: str | None


@define(eq=False)
class _AsyncConnections:
    """What sends requests on one event loop."""

    transport: httpx.AsyncHTTPTransport | None
    client: httpx.AsyncClient | None
    waiting: AsyncGenerator[None] | None = None

    async def close(self) -> None:
        if self.transport is not None:
            await self.transport.aclose()
        if self.client is not None:
            await self.client.aclose()


class AsyncSession:
    """Sends the calls of one service and reads their answers."""

    def __init__(self, client: Client, http_client: httpx.AsyncClient | None) -> None:
        self._client = client
        self._http_client = http_client
        self._urls: dict[str, httpx.URL] = {}
        base = httpx.URL(client.endpoint.base_url)
        host = base.netloc.decode("ascii")
        self._headers = httpx.Headers({"Host": host, **client.endpoint.headers})
        self._connections: PerLoop[_AsyncConnections] = PerLoop()
        self._closed = False

    # -- calls ------------------------------------------------------------------------

    def start(self, call: Call) -> Attempts:
        """The course of a call that starts now."""
        now = monotonic()
        return Attempts(
            policy=self._client.policy,
            budget=process_budget(self._client.endpoint.base_url),
            timer=start_timer(call.timeout, now),
            timeout=call.timeout,
            started=now,
        )

    async def fetch(self, call: Call, decode: Callable[[bytes], T]) -> Fetched[T]:
        """The decoded answer to a call, and what it took.

        Raises:
            LLMServiceError: the call failed for good.
        """
        attempts = self.start(call)
        while True:
            attempts.begin(monotonic())
            try:
                answer = await self.open(call, attempts.timer)
                value = await answer.decoded(decode)
            except LLMServiceError as error:
                await self.wait(call, attempts, error)
            else:
                attempts.succeeded(monotonic(), answer.status_code)
                return Fetched(value, attempts, answer.request_id)

    async def wait(
        self, call: Call, attempts: Attempts, error: LLMServiceError
    ) -> None:
        """Wait before the next attempt, or raise `error` when there is none."""
        call.context(error)
        attempts.failed(error, monotonic())
        delay = attempts.next_delay(error, monotonic())
        if delay is None:
            log_failure(call, error)
            raise error
        log_retry(call, error, delay)
        await async_sleep(delay)

    # -- one attempt ------------------------------------------------------------------

    async def open(self, call: Call, timer: Timer) -> AsyncAnswer:
        """Send once; the answer with its body still to be read.

        Raises:
            LLMServiceError: no answer came, or one that is an error.
        """
        url = call.url
        for _ in range(MAX_REDIRECTS):
            answer = await self._send(call, url, timer)
            if 200 <= answer.status_code < 300:
                return answer
            error = await answer.error()
            if not 300 <= answer.status_code < 400:
                raise error
            url = redirected(url, answer.status_code, answer.location)
        raise LLMConnectionError(f"{call.url} redirects in a circle", retryable=False)

    async def _send(self, call: Call, url: str, timer: Timer) -> AsyncAnswer:
        if self._closed:
            raise LLMServiceError("The service is closed: create a new one.")
        connections = await self._connect()
        try:
            if connections.client is not None:
                request = self._client_request(connections.client, call, url, timer)
                response = await connections.client.send(request, stream=True)
            else:
                request = self._request(call, url, timer)
                assert connections.transport is not None
                response = await connections.transport.handle_async_request(request)
        except FAILURES as failure:
            raise connection_error(failure, call, timer) from failure
        return AsyncAnswer(call, timer, request, response)

    def _request(self, call: Call, url: str, timer: Timer) -> httpx.Request:
        # With its stream given, a request costs httpx half; Host and Content-Length
        # are ours to add then.
        address = self._urls.get(url)
        if address is None:
            address = self._urls[url] = httpx.URL(url)
        length = str(len(call.body)).encode()
        headers = [*self._headers.raw, (b"Content-Length", length)]
        if call.headers:
            merged = httpx.Headers({**self._headers, **call.headers})
            headers = [*merged.raw, (b"Content-Length", length)]
        return httpx.Request(
            call.method,
            address,
            headers=headers,
            stream=AsyncContent(call.body),
            extensions={TIMER: timer},
        )

    def _client_request(
        self, client: httpx.AsyncClient, call: Call, url: str, timer: Timer
    ) -> httpx.Request:
        # A user's client knows no Timer: each of its waits may take what is left.
        left = timer.remaining(monotonic())
        limits = {
            "connect": timer.until_connected(monotonic()),
            "read": timer.until_read(monotonic()),
            "write": left,
            "pool": left,
        }
        return client.build_request(
            call.method,
            url,
            headers={**self._headers, **call.headers},
            content=call.body,
            extensions={TIMER: timer, "timeout": limits},
        )

    # -- connections ------------------------------------------------------------------

    async def _connect(self) -> _AsyncConnections:
        owner = async_loop()
        known = self._connections.get(owner)
        if known is not None:
            return known
        made = self._make_connections()
        kept = self._connections.add(owner, made)
        if kept is made and self._http_client is None:
            made.waiting = await async_on_loop_end(partial(self._disconnect, owner))
        return kept

    async def _disconnect(self, owner: Hashable) -> None:
        known = self._connections.pop(owner)
        if known is not None:
            await known.close()

    def _make_connections(self) -> _AsyncConnections:
        if self._http_client is not None:
            return _AsyncConnections(None, self._http_client)
        if urllib.request.getproxies():
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
            return _AsyncConnections(None, httpx.AsyncClient(limits=limits))
        url = httpx.URL(self._client.endpoint.base_url)
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        origin = httpcore.Origin(url.raw_scheme, url.raw_host, port)
        context = None
        if url.scheme == "https":
            environ = os.environ
            context = ssl_context(
                environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
            )
        return _AsyncConnections(
            AsyncHTTPPoolTransport(AsyncPool(origin, context)), None
        )

    async def close(self) -> None:
        """Release every connection; a user's own client stays open."""
        self._closed = True
        if self._http_client is None:
            here = self._connections.get(async_loop())
            if here is not None and here.waiting is not None:
                await here.waiting.aclose()
        # Connections of other loops are closed there, once nobody holds them.
        self._connections.clear()


class AsyncAnswer:
    """An answer whose body is still to be read."""

    def __init__(
        self, call: Call, timer: Timer, request: httpx.Request, response: httpx.Response
    ) -> None:
        self._call = call
        self._timer = timer
        self._response = response
        stream: Any = response.stream
        self._chunks: AsyncIterator[bytes] = stream.__aiter__()
        self._headers = {name.lower(): value for name, value in response.headers.raw}
        self._decoder = body_decoder(self.header(b"content-encoding"))
        self.status_code = response.status_code
        # A client that knows no Timer takes this for its reads, which begin now.
        limits = request.extensions.get("timeout")
        if limits is not None:
            limits["read"] = timer.until_read(monotonic())

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self.header(b"x-request-id") or self.header(b"request-id")

    @property
    def is_whole(self) -> bool:
        """Whether the body says that it is JSON or a web page, and so no stream."""
        kind = (self.header(b"content-type") or "").lower()
        return kind.startswith(("application/json", "text/html"))

    @property
    def location(self) -> str | None:
        """Where a redirect leads."""
        return self.header(b"location")

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    async def decoded(self, decode: Callable[[bytes], T]) -> T:
        """The body as a value; errors know which answer they come from."""
        try:
            return decode(await self.read())
        except LLMServiceError as error:
            raise self.named(error) from error.__cause__

    def named(self, error: LLMServiceError) -> LLMServiceError:
        """The error, told which answer it comes from."""
        error.status_code = error.status_code or self.status_code
        error.request_id = error.request_id or self.request_id
        return error

    async def error(self) -> LLMServiceError:
        """What an answer that is not a success says."""
        try:
            body = await self.read()
        except LLMServiceError:
            body = b""  # the status alone says enough
        headers = self._response.headers
        return self.named(
            error_from_answer(self.status_code, headers, body, now=time())
        )

    async def read(self) -> bytes:
        """The whole body; the connection is free afterwards."""
        pieces: list[bytes] = []
        size = 0
        try:
            while (chunk := await self.next_chunk()) is not None:
                pieces.append(chunk)
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise too_large()
        finally:
            await self.close()
        return b"".join(pieces)

    async def next_chunk(self) -> bytes | None:
        """The next piece of the body, decompressed; None at its end.

        Raises:
            LLMServiceError: it cannot be had, or not in time.
        """
        try:
            chunk = await anext(self._chunks, None)
        except FAILURES as failure:
            raise connection_error(failure, self._call, self._timer) from failure
        if chunk is None:
            self._decoder.finish()
            return None
        if self._timer.remaining(monotonic()) <= 0:
            raise connection_error(None, self._call, self._timer)
        return self._decoder.feed(chunk)

    async def close(self) -> None:
        """Let go of the connection; hang up when the body was not read whole."""
        try:
            with suppress(*FAILURES):  # gone already is what was wanted
                await self._response.aclose()
        finally:
            closing = getattr(self._chunks, "aclose", None)
            if closing is not None:
                await closing()


def connection_error(
    failure: Exception | None, call: Call, timer: Timer
) -> LLMConnectionError:
    """The error of the family for a failure below HTTP's answers."""
    late = isinstance(failure, httpx.TimeoutException) or failure is None
    if not late:
        reason = f"{type(failure).__name__}: {failure}".rstrip(": ")
        return LLMConnectionError(f"The connection to {call.url} failed ({reason}).")
    connecting = isinstance(failure, httpx.ConnectTimeout)
    limit = timer.exceeded(monotonic(), call.timeout, connecting=connecting)
    return LLMTimeoutError(f"No complete answer from {call.url} within {limit}.")
