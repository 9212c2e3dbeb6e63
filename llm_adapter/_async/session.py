"""One call: deadline, send, decode, retry or raise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import httpx
from attrs import frozen

from .._call import (
    MAX_REDIRECTS,
    Call,
    Client,
    log_failure,
    log_retry,
    redirected,
    unreachable,
)
from .._concurrency import async_sleep, monotonic, time
from .._policy import Attempts, Timer, process_budget, start_timer
from .._watch import current_watch
from .._wire.encoding import MAX_BODY_BYTES, body_decoder, too_large
from .._wire.errors import error_from_answer
from ..errors import LLMConnectionError, LLMServiceError, LLMTimeoutError
from .connections import AsyncConnections
from .transport import TIMER, AsyncContent

T = TypeVar("T")

REMEMBERED = 100

# OSError: TLS errors that httpx lets through; UnicodeError: a host name that cannot be
# looked up; RuntimeError: a user's client that is closed; ExceptionGroup: a connection
# that failed in an unforeseen way, such as a proxy on port 99999.
FAILURES = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    OSError,
    UnicodeError,
    RuntimeError,
    ExceptionGroup,
)


@frozen
class Fetched(Generic[T]):
    """What a call brought, and what it took."""

    value: T
    attempts: Attempts
    request_id: str | None


class AsyncSession:
    """Sends the calls of one service and reads their answers."""

    def __init__(self, client: Client, http_client: httpx.AsyncClient | None) -> None:
        self._client = client
        self._urls: dict[str, httpx.URL] = {}
        base = httpx.URL(client.endpoint.base_url)
        host = base.netloc.decode("ascii")
        self._headers = httpx.Headers({"Host": host, **client.endpoint.headers})
        self._connections = AsyncConnections(client.endpoint.base_url, http_client)

    # -- calls ------------------------------------------------------------------------

    def start(self, call: Call) -> Attempts:
        """The course of a call that starts now."""
        now = monotonic() - call.spent
        return Attempts(
            watch=call.watch(current_watch()),
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
            except BaseException:
                attempts.left(monotonic(), _nothing)
                raise
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
        sender = await self._connections.here()
        try:
            if sender.client is not None:
                request = self._client_request(sender.client, call, url, timer)
                response = await sender.client.send(
                    request, stream=True, follow_redirects=False
                )
            else:
                request = self._request(call, url, timer)
                assert sender.transport is not None
                response = await sender.transport.handle_async_request(request)
        except httpx.HTTPStatusError as failure:  # raised by a hook of the client
            found = failure.response
            raise error_from_answer(
                found.status_code, found.headers, b"", now=time()
            ) from failure
        except FAILURES as failure:
            if sender.client is not None and sender.client.is_closed:
                raise LLMServiceError(
                    "The HTTP client of this service is closed: give it an open one."
                ) from failure
            raise connection_error(failure, call, timer) from failure
        return AsyncAnswer(call, timer, request, response)

    def _request(self, call: Call, url: str, timer: Timer) -> httpx.Request:
        # With its stream given, a request costs httpx half; Host and Content-Length
        # are ours to add then.
        length = str(len(call.body)).encode()
        headers = [*self._headers_of(call).raw, (b"Content-Length", length)]
        return httpx.Request(
            call.method,
            self._address(url),
            headers=headers,
            stream=AsyncContent(call.body),
            extensions={TIMER: timer},
        )

    def _address(self, url: str) -> httpx.URL:
        """The URL in httpx's form, which takes longer to make than a request."""
        address = self._urls.get(url)
        if address is None:
            if len(self._urls) >= REMEMBERED:  # redirects and pages are ever new
                self._urls.clear()
            address = self._urls[url] = httpx.URL(url)
        return address

    def _headers_of(self, call: Call) -> httpx.Headers:
        """Ours, and the call's own in their place."""
        if not call.headers:
            return self._headers
        headers = self._headers.copy()
        headers.update(call.headers)
        return headers

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
            self._address(url),
            headers=self._headers_of(call),
            content=call.body,
            extensions={TIMER: timer, "timeout": limits},
        )

    async def close(self) -> None:
        """Release every connection; a user's own client stays open."""
        await self._connections.close()


class AsyncAnswer:
    """An answer whose body is still to be read."""

    def __init__(
        self, call: Call, timer: Timer, request: httpx.Request, response: httpx.Response
    ) -> None:
        self._call = call
        self._timer = timer
        self._response = response
        self._chunks: AsyncIterator[bytes] | None = None
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

    async def decoded(self, decode: Callable[[bytes], T], head: bytes = b"") -> T:
        """The body as a value; errors know which answer they come from.

        Args:
            decode: reads the body.
            head: what has been read of it already.
        """
        try:
            return decode(head + await self.read())
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
            if _number(self.header(b"content-length")) > MAX_BODY_BYTES:
                raise too_large()
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
        if self._decoder.pending:
            await async_sleep(0)  # others run, too
            return self._decoder.feed(self._in_time(b""))
        chunks = self._chunks or self._begin()
        try:
            chunk = await anext(chunks, None)
        except FAILURES as failure:
            raise connection_error(failure, self._call, self._timer) from failure
        if chunk is None:
            self._decoder.finish()
            return None
        return self._decoder.feed(self._in_time(chunk))

    def _in_time(self, chunk: bytes) -> bytes:
        if self._timer.remaining(monotonic()) <= 0:
            raise connection_error(None, self._call, self._timer)
        return chunk

    def _begin(self) -> AsyncIterator[bytes]:
        # Not before: a generator that nobody pulls is one more thing to close.
        stream: Any = self._response.stream
        chunks: AsyncIterator[bytes] = stream.__aiter__()
        self._chunks = chunks
        return chunks

    async def close(self) -> None:
        """Let go of the connection; hang up when the body was not read whole."""
        try:
            with suppress(*FAILURES):  # gone already is what was wanted
                await self._response.aclose()
        finally:
            closing = getattr(self._chunks, "aclose", None)
            if closing is not None:
                # Runs: someone else reads, and ends it on hearing of the close.
                with suppress(RuntimeError, ValueError):
                    await closing()


def _nothing() -> None:
    """What has arrived of an answer that comes whole."""


def _number(digits: str | None) -> int:
    return int(digits[:20]) if digits and digits.isdecimal() else 0


def connection_error(
    failure: Exception | None, call: Call, timer: Timer
) -> LLMConnectionError:
    """The error of the family for a failure below HTTP's answers."""
    if failure is not None and not isinstance(failure, httpx.TimeoutException):
        return unreachable(call.url, failure)
    connecting = isinstance(failure, httpx.ConnectTimeout)
    limit = timer.exceeded(monotonic(), call.timeout, connecting=connecting)
    return LLMTimeoutError(f"No complete answer from {call.url} within {limit}.")
