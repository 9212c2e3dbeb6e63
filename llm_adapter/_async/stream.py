"""Streams: what the user iterates over, whatever its events come from."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from .._concurrency import async_let_go, async_on_loop_end
from .._events import events_of
from ..errors import LLMServiceError
from ..models import LLMRequest, LLMResponse, StreamEnd, StreamEvent, TextDelta


class AsyncEventSource(Protocol):
    """Where a stream's events come from."""

    async def open(self) -> None:
        """Get ready to be pulled; the first event may still be far."""
        ...

    async def pull(self) -> Sequence[StreamEvent]:
        """The next events, at least one; the last of all is a StreamEnd."""
        ...

    def partial(self) -> LLMResponse:
        """The response as far as it has arrived."""
        ...

    async def close(self) -> None:
        """Release what is held; may be called more than once."""
        ...


class AsyncResponseStream:
    """The events of one answer, as they arrive.

    Iterate over it for TextDelta, ReasoningDelta, ToolCallDelta and at last StreamEnd,
    or over `text()` for the text alone. Leaving its `with` block releases the
    connection at once, read to the end or not.
    """

    def __init__(self, source: AsyncEventSource) -> None:
        self._source = source
        self._events: deque[StreamEvent] = deque()
        self._response: LLMResponse | None = None
        self._opened = False
        self._closed = False
        self._guard: AsyncGenerator[None] | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        if not self._events:
            await self._pull()
        event = self._events.popleft()
        if isinstance(event, StreamEnd):
            self._response = event.response
        return event

    async def next_events(self) -> Sequence[StreamEvent]:
        """All events that are there, or else the next ones: for who passes them on."""
        if not self._events:
            await self._pull()
        events = tuple(self._events)
        self._events.clear()
        if isinstance(events[-1], StreamEnd):
            self._response = events[-1].response
        return events

    def text(self) -> AsyncTextStream:
        """The answer's text alone, piece by piece."""
        return AsyncTextStream(self)

    @property
    def response(self) -> LLMResponse:
        """The whole response, once the stream has been read to its end.

        Raises:
            LLMServiceError: it has not.
        """
        if self._response is None:
            raise LLMServiceError(
                "The stream has not been read to its end: iterate over it first, or "
                "use .partial for what has arrived."
            )
        return self._response

    @property
    def partial(self) -> LLMResponse:
        """The response as far as it has arrived; never raises."""
        return self._response or self._source.partial()

    async def close(self) -> None:
        """Release the connection; `partial` keeps what has arrived."""
        self._events.clear()
        await self._release()

    async def _release(self) -> None:
        self._closed = True
        guard, self._guard = self._guard, None
        if guard is not None:
            try:
                await self._source.close()
            finally:
                await async_let_go(guard)

    async def _open(self) -> None:
        if self._opened or self._closed:
            return
        self._opened = True
        # `for event in llm.stream(...): break` leaves without a word; the guard hears.
        self._guard = await async_on_loop_end(self._source.close)
        try:
            await self._source.open()
        except BaseException:
            await self._release()
            raise

    async def _pull(self) -> None:
        await self._open()
        if self._closed:
            raise StopAsyncIteration
        try:
            self._events.extend(await self._source.pull())
        except BaseException:
            await self._release()
            raise
        if isinstance(self._events[-1], StreamEnd):
            await self._release()


class AsyncTextStream:
    """The text of a stream, piece by piece."""

    def __init__(self, stream: AsyncResponseStream) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._stream)
            if isinstance(event, TextDelta):
                return event.text


class AsyncGenerates(Protocol):
    """A service, as far as it takes to make events of a whole answer."""

    async def generate(self, request: LLMRequest) -> LLMResponse:
        """The whole answer."""
        ...


class AsyncGeneratedEvents:
    """The events of a whole response: for services that cannot stream."""

    def __init__(self, service: AsyncGenerates, request: LLMRequest) -> None:
        self._service = service
        self._request = request

    async def open(self) -> None:
        """Nothing is held before the answer is asked for."""

    async def pull(self) -> Sequence[StreamEvent]:
        """All events at once."""
        return events_of(await self._service.generate(self._request))

    def partial(self) -> LLMResponse:
        """Nothing, until everything is there."""
        return LLMResponse(finish_reason="error")

    async def close(self) -> None:
        """Nothing is held."""
