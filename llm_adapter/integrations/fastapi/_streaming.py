"""Answers as they are written, to a client that may leave at any time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Self

import anyio
from fastapi.requests import HTTPConnection
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask
from starlette.types import Message, Receive, Scope, Send

from ... import AsyncResponseStream, _checks
from ..._concurrency import async_shielded, monotonic
from ...errors import LLMServiceError
from ...models import StreamEnd
from .._event_stream import HEADERS, KINDS, PING, TEXT, Shown, error_frame, frames
from ._errors import told

CLIENT_CLOSED_REQUEST = 499


def stream_response(
    stream: AsyncResponseStream,
    *,
    show: Collection[Shown] = TEXT,
    ping: float | None = 15.0,
    headers: Mapping[str, str] | None = None,
    background: BackgroundTask | None = None,
) -> EventStreamResponse:
    r"""Send an answer as server-sent events while it is written.

    `return stream_response(llm.stream(prompt))`, without a `with` block: the response
    opens the stream, and releases it. It begins with the first event, so that an error
    before becomes a status as any other. Then come events `text`, at last one `done`
    (`finish_reason`, `model`, `usage`) or one `error` (`status`, `detail`), with JSON
    as their data. When the client leaves, the provider's connection is released at
    once.

    Args:
        stream: of a service; nobody has opened it.
        show: which deltas are sent: text, reasoning, tool_call.
        ping: seconds of silence until a comment is sent; None for none.
        headers: beside those of the event stream.
        background: runs afterwards, also when the client has left; `stream.partial`
            is what had arrived.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: show or ping is out of range.
    """
    return EventStreamResponse(
        stream, show=show, ping=ping, headers=headers, background=background
    )


class EventStreamResponse(StreamingResponse):
    """What `stream_response` returns; as a `response_class` it is for the schema."""

    media_type = "text/event-stream"

    def __init__(
        self,
        stream: AsyncResponseStream,
        # FastAPI looks for it, to say in the schema what the status is.
        status_code: int = 200,
        *,
        show: Collection[Shown] = TEXT,
        ping: float | None = 15.0,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        _check(stream, show, ping)
        self.stream: AsyncResponseStream = stream
        self.frames: _Frames = _Frames(stream, show)
        self.ping: float | None = ping
        super().__init__(
            self.frames,
            status_code,
            headers={**HEADERS, **(headers or {})},
            background=background,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        delivery = _Delivery(self, scope, receive, send)
        try:
            await delivery.run()
        finally:
            with async_shielded():
                await self.stream.close()
        if self.background is not None:
            await self.background()


def _check(stream: object, show: Collection[str], ping: float | None) -> None:
    if not isinstance(stream, AsyncResponseStream):
        name = AsyncResponseStream.__name__
        raise _checks.type_error("stream", f"an {name}", stream)
    unknown = set(show) - set(KINDS)
    if unknown:
        raise ValueError(f"show has {min(unknown)!r}: use {', '.join(KINDS)}")
    if ping is not None and not ping > 0:
        raise ValueError(f"ping is {ping!r}: use seconds above 0, or None")


class _Frames:
    """The bytes of a stream, as they arrive; empty where nothing of it is shown."""

    def __init__(self, stream: AsyncResponseStream, show: Collection[str]) -> None:
        self._stream = stream
        self._show = show
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            events = await self._stream.next_events()
        except StopAsyncIteration:
            raise RuntimeError(
                "The stream is closed: give stream_response(llm.stream(...)) one that "
                "nobody has read, outside of an `async with` block."
            ) from None
        self._ended = isinstance(events[-1], StreamEnd)
        return frames(events, self._show)


class _Delivery:
    """A response on its way to its client."""

    def __init__(
        self,
        response: EventStreamResponse,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._response = response
        self._connection = HTTPConnection(scope)
        self._receive = receive
        self._send = send
        self._sending = anyio.Lock(fast_acquire=True)
        self._tasks = anyio.create_task_group()
        self._said_at = 0.0
        self._has_begun = self._has_left = self._is_over = False
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Send all there is, or until the client leaves.

        Raises:
            LLMServiceError: nothing was sent yet.
        """
        async with self._tasks:
            # Not every server tells of it when something is sent, and a model may
            # think for long before anything is.
            self._tasks.start_soon(self._listen)
            await self._deliver()
            self._tasks.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure
        if self._has_left and not self._has_begun:
            # Nobody hears it, but middleware wants an answer.
            await self._begin(CLIENT_CLOSED_REQUEST)
            await self._end()

    async def _deliver(self) -> None:
        try:
            async for frame in self._response.frames:
                if not self._has_begun:
                    await self._begin(self._response.status_code)
                    self._tasks.start_soon(self._ping)
                if frame:
                    await self._say(_body(frame))
        except Exception as error:
            if not (self._has_begun and isinstance(error, LLMServiceError)):
                self._failure = error  # the group of tasks would wrap it
                return
            await self._say(_body(error_frame(told(self._connection, error))))
        await self._end()

    async def _begin(self, status: int) -> None:
        self._has_begun = True
        headers = self._response.raw_headers
        await self._say(
            {"type": "http.response.start", "status": status, "headers": headers}
        )

    async def _end(self) -> None:
        await self._say(_body(b"", more=False))

    async def _say(self, message: Message) -> None:
        async with self._sending:
            if self._is_over:
                return
            self._is_over = not message.get("more_body", True)
            try:
                await self._send(message)
            except OSError:  # how servers since ASGI 2.4 say that nobody is there
                self._leave()
            self._said_at = monotonic()

    async def _listen(self) -> None:
        message = await self._receive()
        while message["type"] != "http.disconnect":
            message = await self._receive()
        self._leave()

    def _leave(self) -> None:
        self._has_left = True
        self._tasks.cancel_scope.cancel()

    async def _ping(self) -> None:
        every = self._response.ping
        while every is not None:
            silent = monotonic() - self._said_at
            if silent >= every:
                await self._say(_body(PING))
            else:
                await anyio.sleep(every - silent)


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}
