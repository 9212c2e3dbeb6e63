"""Services that do not tell of their requests: each call of theirs is told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from .._announcing import Announcement, Named
from .._concurrency import monotonic
from .._watch import Operation
from ..models import EmbeddingResponse, LLMResponse, StreamEnd, StreamEvent
from .stream import AsyncResponseStream

R = TypeVar("R", bound=LLMResponse | EmbeddingResponse)
R_co = TypeVar("R_co", bound=LLMResponse | EmbeddingResponse, covariant=True)


class AsyncCalled(Protocol[R_co]):
    """The call of a service."""

    async def __call__(self) -> R_co:
        """Its answer."""
        ...


async def async_announced(
    service: Named, operation: Operation, model: str | None, call: AsyncCalled[R]
) -> R:
    """The answer to a call, of which whoever watches is told."""
    announcement = Announcement.of(service, operation, model)
    if announcement is None:
        return await call()
    announcement.begins(monotonic())
    try:
        with announcement.within():
            answer = await call()
    except BaseException as error:
        announcement.failed(error, monotonic())
        raise
    announcement.answered(answer, monotonic())
    return answer


def announced_stream(
    service: Named, model: str | None, stream: AsyncResponseStream
) -> AsyncResponseStream:
    """A stream, of which whoever watches is told."""
    announcement = Announcement.of(service, "stream", model)
    if announcement is None:
        return stream
    return AsyncResponseStream(_AsyncAnnouncedEvents(stream, announcement))


class _AsyncAnnouncedEvents:
    """The events of a stream, whose end is told."""

    def __init__(self, stream: AsyncResponseStream, announcement: Announcement) -> None:
        self._stream = stream
        self._announcement = announcement

    async def open(self) -> None:
        """Open the stream."""
        self._announcement.begins(monotonic())
        await self._told(self._stream.__aenter__)

    async def pull(self) -> Sequence[StreamEvent]:
        """What it brings."""
        events: Sequence[StreamEvent] = await self._told(self._stream.next_events)
        last = events[-1]
        if not isinstance(last, StreamEnd):
            self._announcement.delivered(monotonic())
        else:
            self._announcement.answered(last.response, monotonic())
        return events

    async def _told(self, act: Any) -> Any:
        try:
            with self._announcement.within():
                return await act()
        except BaseException as error:
            self._announcement.failed(error, monotonic(), self._stream.partial)
            raise

    def partial(self) -> LLMResponse:
        """As far as it has arrived."""
        return self._stream.partial

    async def close(self) -> None:
        """Close the stream."""
        self._announcement.left(monotonic(), self._stream.partial)
        await self._stream.close()
