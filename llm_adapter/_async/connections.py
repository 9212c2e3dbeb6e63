"""What a service sends its requests with: connections of ours, or a user's client."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, Hashable, Iterable
from contextlib import suppress
from functools import partial

import httpcore
import httpx
from attrs import define, field

from .._concurrency import (
    AsyncLock,
    PerLoop,
    async_loop,
    async_on_loop_end,
    async_soon,
)
from .._endpoint import behind_proxy
from ..errors import LLMConfigurationError, LLMServiceError
from .transport import AsyncHTTPPoolTransport, AsyncPool, ssl_context


@define(eq=False)
class AsyncSender:
    """What sends requests on one event loop: a client, else our own transport."""

    transport: httpx.AsyncHTTPTransport | None = None
    client: httpx.AsyncClient | None = None
    _closing: AsyncLock = field(init=False, factory=AsyncLock)
    _waiting: AsyncGenerator[None] | None = field(init=False, default=None)

    async def close_with_loop(self, known_by: PerLoop[AsyncSender]) -> None:
        """Be closed when the running loop ends."""
        close = partial(_async_close_here, known_by, async_loop(), self)
        self._waiting = await async_on_loop_end(close)

    async def close(self) -> None:
        """Release the connections; when they are being released, wait for that."""
        async with self._closing:
            if self.transport is not None:
                await self.transport.aclose()
            if self.client is not None:
                await self.client.aclose()

    async def end(self) -> None:
        """Release the connections, and wait for the end of the loop no longer."""
        assert self._waiting is not None
        try:
            await self.close()
        finally:
            with suppress(RuntimeError):  # the loop is ending
                await anext(self._waiting, None)


class AsyncConnections:
    """The connections of one service, on as many event loops as it is used from.

    Raises:
        TypeError: `http_client` is something else.
    """

    def __init__(self, base_url: str, http_client: httpx.AsyncClient | None) -> None:
        given: object = http_client  # users do not always type-check
        if not isinstance(given, httpx.AsyncClient | None):
            wanted = httpx.AsyncClient.__name__
            kind = type(given).__name__
            raise TypeError(f"http_client must be an httpx.{wanted}, not {kind}")
        self._url = httpx.URL(base_url)
        self._given = None if http_client is None else AsyncSender(client=http_client)
        self._senders: PerLoop[AsyncSender] = PerLoop()
        self._closed = False
        # For services that nobody closes.
        weakref.finalize(self, _close_everywhere, self._senders)

    async def here(self) -> AsyncSender:
        """What sends on the running loop.

        Raises:
            LLMServiceError: the service is closed, or the environment names a proxy
                or certificates that cannot be used.
        """
        sender = self._given or self._senders.get(async_loop())
        if sender is None:
            _close(self._senders.ended())
            made = self._make()
            await made.close_with_loop(self._senders)
            sender = self._senders.add(async_loop(), made)
            if sender is not made:  # pragma: no cover - only threads can be faster
                await made.end()
        if self._closed:
            _close_everywhere(self._senders)
            raise LLMServiceError("The service is closed: create a new one.")
        return sender

    def _make(self) -> AsyncSender:
        try:
            if behind_proxy(self._url.scheme):
                limits = httpx.Limits(
                    max_connections=None, max_keepalive_connections=100
                )
                return AsyncSender(client=httpx.AsyncClient(limits=limits))
            return AsyncSender(AsyncHTTPPoolTransport(self._pool()))
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            raise LLMConfigurationError(
                "The environment's proxy (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) or "
                f"certificates (SSL_CERT_FILE, SSL_CERT_DIR) cannot be used ({error})."
            ) from error

    def _pool(self) -> AsyncPool:
        port = self._url.port or {"http": 80, "https": 443}[self._url.scheme]
        origin = httpcore.Origin(self._url.raw_scheme, self._url.raw_host, port)
        if self._url.scheme == "http":
            return AsyncPool(origin, None)
        environ = os.environ
        context = ssl_context(environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR"))
        return AsyncPool(origin, context)

    async def close(self) -> None:
        """Release every connection; a user's own client stays open."""
        self._closed = True
        if self._given is None:
            here = self._senders.pop(async_loop())
            if here is not None:
                await here.end()
        _close_everywhere(self._senders)


async def _async_close_here(  # pragma: no cover - a process has no loop that ends
    known_by: PerLoop[AsyncSender], owner: Hashable, sender: AsyncSender
) -> None:
    known_by.pop(owner)
    await sender.close()


def _close_everywhere(senders: PerLoop[AsyncSender]) -> None:
    _close(senders.drain())


def _close(senders: Iterable[tuple[Hashable, AsyncSender]]) -> None:
    for owner, sender in senders:
        # Connections can be closed on their own loop only.
        async_soon(owner, sender.end)
