"""Streams through a cache: replayed, or read by several together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from .._caching import Look
from .._concurrency import AsyncSignal, async_loop, monotonic
from .._events import events_of
from .._flights import Together, closed_while_read, error_of_all, own_copy
from ..errors import LLMTimeoutError
from ..models import LLMRequest, LLMResponse, StreamEnd, StreamEvent
from .answers import AsyncAnswers
from .flights import AsyncAct, AsyncFlights
from .stream import AsyncResponseStream

T = TypeVar("T")


class AsyncEnded(Protocol):
    """Is told that a stream has ended."""

    async def __call__(
        self, stream: AsyncSharedStream, response: LLMResponse | None
    ) -> None:
        """With the whole response, or without one because it failed."""
        ...


class AsyncSharedStream:
    """One stream that several readers read, each at their own pace.

    Whoever is ahead has the next event pulled, by a task of nobody's: that a reader is
    cancelled, or leaves, does not concern the others.

    Args:
        source: what is read.
        ended: is told of its end, before the readers are.
    """

    def __init__(self, source: AsyncResponseStream, ended: AsyncEnded) -> None:
        self._source = source
        self._ended = ended
        self._events: list[StreamEvent] = []
        self._opened = False
        self._error: Exception | None = None
        self._pulls: AsyncFlights[bool] = AsyncFlights(goes_on=True)

    async def open(self) -> None:
        """Get ready to be read."""
        await self._pulls.join(-1, self._open)

    async def event(self, number: int, called_away: AsyncSignal) -> StreamEvent | None:
        """The event of a number, which is at most that of the next one.

        None when its reader has been called away.
        """
        if number >= len(self._events):
            pull = partial(self._pull, number)
            if await self._pulls.join(number, pull, signal=called_away) is None:
                return None
        return self._events[number]

    async def _open(self) -> bool:
        if not self._opened:
            self._opened = True
            await self._noted(self._source.__aenter__)
        return True

    async def _pull(self, number: int) -> bool:
        # Another may have had it pulled between the caller's look and now.
        if number >= len(self._events):
            event = await self._noted(self._source.__anext__)
            if isinstance(event, StreamEnd):
                await self._ended(self, event.response)
            self._events.append(event)
        return True

    async def _noted(self, act: AsyncAct[T]) -> T:
        """What `act` gives; its error is that of all who read."""
        if self._error is not None:
            raise own_copy(self._error)
        try:
            return await act()
        except BaseException as error:  # raised by those who read
            self._error = error_of_all(error, self._source.partial)
            await self._ended(self, None)
            if isinstance(error, StopAsyncIteration):
                raise self._error from None
            raise

    @property
    def partial(self) -> LLMResponse:
        """The response as far as it has arrived."""
        return self._source.partial

    async def close(self) -> None:
        """Release the connection; nobody reads any longer."""
        self._pulls.end_all()
        await self._source.close()


class AsyncFinder(Protocol):
    """A caching service, as far as its streams need it."""

    async def look(
        self, wanted: LLMRequest, fits: Callable[[LLMResponse], object]
    ) -> Look[LLMResponse] | None:
        """What a request wants from the cache."""
        ...

    def in_time(
        self,
        stream: AsyncResponseStream,
        wanted: LLMRequest,
        look: Look[LLMResponse] | None,
    ) -> AsyncResponseStream:
        """The stream of a request, or one that keeps to what is left of its time."""
        ...


class AsyncCachedEvents:
    """The events of an answer that is there, or of a stream read with others.

    Args:
        finder: the service.
        answers: what it keeps.
        streams: what is being read.
        wanted: the request.
        stream: what would answer it; not opened yet.
    """

    def __init__(
        self,
        finder: AsyncFinder,
        answers: AsyncAnswers,
        streams: Together[AsyncSharedStream],
        wanted: LLMRequest,
        stream: AsyncResponseStream,
    ) -> None:
        self._finder = finder
        self._answers = answers
        self._streams = streams
        self._wanted = wanted
        self._stream = stream
        self._look: Look[LLMResponse] | None = None
        self._found: LLMResponse | None = None
        self._key: Hashable = self  # shared with nobody
        self._shared: AsyncSharedStream | None = None
        self._reads = False
        self._leads = True
        self._closed = False
        self._number = 0
        self._waits: AsyncSignal | None = None

    async def open(self) -> None:
        """Look for the answer; begin a stream, or join one, where there is none."""
        look = self._look = await self._finder.look(self._wanted, _anything)
        if look is not None:
            self._key = (async_loop(), look.shared_with, self._wanted.timeout)
            self._found = None if look.refresh else await self._answers.find(look)
        if self._found is None:
            await self._begin()

    async def _begin(self) -> AsyncSharedStream:
        """Read a stream: one's own, or the same as others."""
        look = self._look
        stream = self._finder.in_time(self._stream, self._wanted, look)
        own = AsyncSharedStream(stream, self._ended)
        shared, self._leads = self._streams.join(self._key, own)
        self._shared, self._reads = shared, True
        if look is not None and self._leads:
            self._answers.counters.count("misses")
        await shared.open()
        return shared

    def _may_begin_anew(self) -> bool:
        """Whether another's time was up, and one's own is not."""
        if self._leads or self._number or self._look is None:
            return False
        return self._look.left(monotonic()) > 0

    async def pull(self) -> Sequence[StreamEvent]:
        """The next event; all of them where the answer is there."""
        if self._found is not None:
            return events_of(self._found)
        shared = self._shared or await self._begin()
        self._waits = AsyncSignal()
        try:
            event = await shared.event(self._number, self._waits)
        except LLMTimeoutError:
            if not self._may_begin_anew():
                raise
            await self._leave()
            return await self.pull()
        if event is None or self._closed:
            raise closed_while_read(self.partial())
        self._number += 1
        if self._look is None or self._leads or not isinstance(event, StreamEnd):
            return [event]
        return [StreamEnd(self._answers.joined(self._look, event.response))]

    async def _ended(
        self, stream: AsyncSharedStream, response: LLMResponse | None
    ) -> None:
        """Keep the answer of a stream that was begun here; nobody joins it now."""
        self._streams.end(self._key, stream)
        if self._look is not None and response is not None:
            await self._answers.keep(self._look, response)

    def partial(self) -> LLMResponse:
        """The response as far as it has arrived."""
        if self._found is not None:
            return self._found
        return (
            LLMResponse(finish_reason="error")
            if self._shared is None
            else (self._shared.partial)
        )

    async def close(self) -> None:
        """Read no longer, wherever that is waited for."""
        self._closed = True
        if self._waits is not None:
            self._waits.set()
        await self._leave(keep=True)

    async def _leave(self, *, keep: bool = False) -> None:
        """Read this one no longer; the last to leave releases the connection."""
        shared, reads, self._reads = self._shared, self._reads, False
        if not keep:
            self._shared = None
        if shared is not None and reads and self._streams.leave(self._key, shared):
            await shared.close()


def _anything(response: LLMResponse) -> LLMResponse:
    return response
