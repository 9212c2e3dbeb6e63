"""Answers as server-sent events, while they are written."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Self

from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.http import StreamingHttpResponse

from llm_adapter import AsyncResponseStream, ResponseStream

from ..._checks import type_error
from ..._concurrency import monotonic
from ...errors import LLMServiceError
from ...models import StreamEnd, StreamEvent
from .._event_stream import HEADERS, KINDS, PING, TEXT, Shown, error_frame, frames
from .._http import reply_to
from ._config import replies

_READ = "The stream is closed: give one that nobody has read, in no `with` block."

_CLOSED = (
    "The stream was closed before its end: give one in no `with` block, and read it in "
    "the event loop that opened it."
)

_NEEDS_ASGI = (
    "Async views that stream need ASGI: use stream_response in a sync view, or serve "
    "the project with an ASGI server such as uvicorn."
)

_HOW: Mapping[str, Any] = {"content_type": "text/event-stream", "headers": HEADERS}

SILENCE = 15.0
"""Seconds between comments while nothing is shown."""

_logger = logging.getLogger("llm_adapter")


def stream_response(
    stream: ResponseStream, *, show: Collection[Shown] = TEXT
) -> StreamingHttpResponse:
    """The answer to a client who reads it as it is written, for sync views.

    It begins with the first event, so that an error before is raised, and gets a status
    of its own. Then come events `text`, at last one `done` (`finish_reason`, `model`,
    `usage`) or one `error` (`status`, `detail`), with JSON as their data. When the
    client leaves, the stream is closed, and booked as interrupted.

    Args:
        stream: `llm.stream(...)`, in no `with` block.
        show: which deltas are sent: text, reasoning, tool_call.

    Raises:
        LLMServiceError: nothing was sent yet.
        TypeError: it is no sync stream.
        ValueError: somebody has read it; or show is out of range.
    """
    _check(stream, ResponseStream, show)
    stream.__enter__()
    try:
        first = stream.next_events()
    except StopIteration:
        raise ValueError(_READ) from None
    return StreamingHttpResponse(_Frames(stream, show, first), **_HOW)


async def astream_response(
    stream: AsyncResponseStream, *, show: Collection[Shown] = TEXT
) -> StreamingHttpResponse:
    """The same for async views: `return await astream_response(llm.stream(...))`.

    They need ASGI. Under WSGI the event loop ends with the view, and the stream with
    it: the server is given an ImproperlyConfigured, and answers 500.
    """
    _check(stream, AsyncResponseStream, show)
    await stream.__aenter__()
    try:
        first = await stream.next_events()
    except StopAsyncIteration:
        raise ValueError(_READ) from None
    return _AsyncResponse(_AsyncFrames(stream, show, first), **_HOW)


def _check(stream: object, kind: type, show: Collection[str]) -> None:
    if not isinstance(stream, kind):
        raise type_error("stream", f"a {kind.__name__}", stream)
    for each in show:
        if each not in KINDS:
            raise ValueError(f"show has {each!r:.80}: use {', '.join(KINDS)}")


class _AsyncResponse(StreamingHttpResponse):
    """A response that only an ASGI server can send."""

    def __iter__(self) -> Iterator[bytes]:
        raise ImproperlyConfigured(_NEEDS_ASGI)


class _Sender:
    """What clients are sent of events and errors, in either form."""

    def __init__(self, show: Collection[Shown]) -> None:
        self.is_over = False
        self._show = show
        self._said_at = -math.inf

    def sent(self, events: Sequence[StreamEvent]) -> bytes:
        """Empty where nothing is shown, but for a comment now and then."""
        self.is_over = isinstance(events[-1], StreamEnd)
        now = monotonic()
        is_silent = now - self._said_at >= SILENCE
        said = frames(events, self._show) or (PING if is_silent else b"")
        if said:
            self._said_at = now
        return said

    def broken(self, error: LLMServiceError) -> bytes:
        """The last event: an answer never looks whole when it is not."""
        self.is_over = True
        _logger.error("A stream broke off: %s", error, exc_info=error)
        return error_frame(reply_to(error, replies()))


class _Frames:
    """What is sent of a stream."""

    def __init__(
        self,
        stream: ResponseStream,
        show: Collection[Shown],
        first: Sequence[StreamEvent],
    ) -> None:
        self._stream = stream
        self._sender = _Sender(show)
        self._first: Sequence[StreamEvent] | None = first

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._sender.is_over:
            raise StopIteration
        said = b""
        while not said:
            said = self._next()
        return said

    def _next(self) -> bytes:
        events, self._first = self._first, None
        try:
            if events is None:
                events = self._stream.next_events()
        except StopIteration:
            return self._sender.broken(LLMServiceError(_CLOSED))
        except LLMServiceError as error:
            return self._sender.broken(error)
        return self._sender.sent(events)

    def close(self) -> None:
        """The client has everything, or has left."""
        self._stream.close()


class _AsyncFrames:
    """The same of an async stream."""

    def __init__(
        self,
        stream: AsyncResponseStream,
        show: Collection[Shown],
        first: Sequence[StreamEvent],
    ) -> None:
        self._stream = stream
        self._sender = _Sender(show)
        self._first: Sequence[StreamEvent] | None = first

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._sender.is_over:
            raise StopAsyncIteration
        said = b""
        while not said:
            said = await self._next()
        return said

    async def _next(self) -> bytes:
        events, self._first = self._first, None
        try:
            if events is None:
                events = await self._stream.next_events()
        except StopAsyncIteration:
            return self._sender.broken(LLMServiceError(_CLOSED))
        except LLMServiceError as error:
            return self._sender.broken(error)
        return self._sender.sent(events)

    def close(self) -> None:
        """The client has everything, or has left; Django calls it in a thread."""
        async_to_sync(self._stream.close)()
