"""Answers as server-sent events, while they are written."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Self

from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse

from llm_adapter import AsyncResponseStream, ResponseStream

from ..._checks import type_error
from ...errors import LLMServiceError
from ...models import StreamEnd, StreamEvent
from .._event_stream import HEADERS, KINDS, PING, TEXT, Shown, error_frame, frames
from .._http import reply_to
from ._config import replies

_READ = "The stream is closed: give one that nobody has read, in no `with` block."

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
    return _response(_Frames(stream, show, first))


async def astream_response(
    stream: AsyncResponseStream, *, show: Collection[Shown] = TEXT
) -> StreamingHttpResponse:
    """The same for async views: `return await astream_response(llm.stream(...))`."""
    _check(stream, AsyncResponseStream, show)
    await stream.__aenter__()
    try:
        first = await stream.next_events()
    except StopAsyncIteration:
        raise ValueError(_READ) from None
    return _response(_AsyncFrames(stream, show, first))


def _check(stream: object, kind: type, show: Collection[str]) -> None:
    if not isinstance(stream, kind):
        raise type_error("stream", f"a {kind.__name__}", stream)
    for each in show:
        if each not in KINDS:
            raise ValueError(f"show has {each!r:.80}: use {', '.join(KINDS)}")


def _response(content: _Frames | _AsyncFrames) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        content, content_type="text/event-stream", headers=HEADERS
    )


class _Frames:
    """What is sent of a stream."""

    def __init__(
        self,
        stream: ResponseStream,
        show: Collection[Shown],
        first: Sequence[StreamEvent],
    ) -> None:
        self._stream = stream
        self._show = show
        self._first: Sequence[StreamEvent] | None = first
        self._is_over = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        events, self._first = self._first, None
        try:
            if events is None:
                events = self._stream.next_events()
        except LLMServiceError as error:
            self._is_over = True
            return _broken(error)
        self._is_over = isinstance(events[-1], StreamEnd)
        return _sent(events, self._show)

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
        self._show = show
        self._first: Sequence[StreamEvent] | None = first
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        events, self._first = self._first, None
        try:
            if events is None:
                events = await self._stream.next_events()
        except LLMServiceError as error:
            self._is_over = True
            return _broken(error)
        self._is_over = isinstance(events[-1], StreamEnd)
        return _sent(events, self._show)

    def close(self) -> None:
        """The client has everything, or has left; Django calls it in a thread."""
        async_to_sync(self._stream.close)()


def _sent(events: Sequence[StreamEvent], show: Collection[Shown]) -> bytes:
    # An empty chunk would end the answer.
    return frames(events, show) or PING


def _broken(error: LLMServiceError) -> bytes:
    _logger.error("A stream broke off: %s", error, exc_info=error)
    return error_frame(reply_to(error, replies()))
