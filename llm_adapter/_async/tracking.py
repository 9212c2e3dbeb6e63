"""A service whose every request is booked, and which keeps to budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar, Unpack

from .. import _checks
from .._concurrency import async_sleep, async_tried, monotonic
from .._embedding import EmbedOptions, as_texts
from .._estimates import embedding_amounts, request_amounts
from .._identity import Identity, TimeLeft, with_timeout
from .._tracking import PATIENCE, TrackedCall, once
from .._watch import Operation, watched_by
from ..ledger import Amounts
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    StreamEnd,
    StreamEvent,
    as_request,
)
from ..settings import Settings
from .service import AsyncLLMService
from .stream import AsyncResponseStream
from .tracker import GRACE, AsyncTokenTracker
from .wrapping import AsyncWrappingLLMService

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class AsyncAsked(Protocol[T_co]):
    """A method of the service that is wrapped."""

    async def __call__(self, request: LLMRequest, /) -> T_co:
        """What it brings."""
        ...


class AsyncTrackingLLMService(AsyncWrappingLLMService):
    """Books every request on the wire, whatever becomes of it, and keeps to budgets.

    User and workflow come from the request's metadata, or else from `usage_context`.
    Calls that a cache spares are booked as such, and cost nothing. A call that would
    overrun a budget of the tracker's is not made.

    Args:
        base: the service that is asked, closed with this one.
        tracker: where it is booked, or its URL; None means LLM_LEDGER_URL. A tracker of
            yours is not closed.
        settings: instead of Settings.from_env().

    Raises:
        LLMConfigurationError: the URL cannot be used, or a package is missing.
        TypeError: an argument has the wrong type.
    """

    def __init__(
        self,
        base: AsyncLLMService,
        tracker: AsyncTokenTracker | str | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(base)
        self._owns_tracker = not isinstance(tracker, AsyncTokenTracker)
        self.tracker: AsyncTokenTracker = _tracker(tracker, settings)

    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        return type(self)(base, self.tracker)

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer, booked."""
        wanted = as_request(request, overrides)
        return await self._booked(wanted, self._base.generate)

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object, booked."""
        wanted = as_request(request, overrides)
        return await self._booked(wanted, self._base.generate_json)

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of a type, booked."""
        wanted = as_request(request, overrides)
        return await self._booked(wanted, partial(self._base.generate_as, kind))

    async def _booked(self, wanted: LLMRequest, ask: AsyncAsked[T]) -> T:
        call = self._begin("generate", wanted.metadata, wanted.model)
        try:
            if call.has_budget:
                wanted = await self._within_budget(call, wanted)
            with watched_by(call.booking):
                answer = await ask(wanted)
            call.succeeded(answer, monotonic())
            return answer
        finally:
            call.booking.over()

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written, booked when it has ended or was left."""
        wanted = as_request(request, overrides)
        self._base.stream(wanted)  # says what is wrong with the request
        return AsyncResponseStream(_AsyncTrackedEvents(self, self._base, wanted))

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order, booked."""
        call = self._begin("embed", {}, options.get("model"))
        try:
            if call.has_budget:
                inputs = as_texts(texts)
                model, timeout = options.get("model"), options.get("timeout")
                identity = await self._base.identify_embeddings(model, timeout)
                amounts = embedding_amounts(identity, inputs)
                time = await self._reserve(call, identity, amounts)
                options["timeout"] = time.in_time(timeout, monotonic())
            with watched_by(call.booking):
                answer = await self._base.embed(texts, **options)
            call.succeeded(answer, monotonic())
            return answer
        finally:
            call.booking.over()

    def _begin(
        self, operation: Operation, metadata: Mapping[str, Any], model: str | None
    ) -> TrackedCall:
        """A call begins now."""
        return TrackedCall(
            self.tracker.ledger,
            operation,
            metadata,
            provider=self._base.get_provider_name(),
            model=model or self._base._named_model(),
            now=monotonic(),
        )

    async def _within_budget(self, call: TrackedCall, wanted: LLMRequest) -> LLMRequest:
        """The request, when there is money for it, with what is left of its time.

        Raises:
            LLMBudgetExceededError: there is none.
            LedgerError: nobody can tell.
            LLMTimeoutError: to learn that has taken all of its time.
        """
        identity = await self._base.identify(wanted)
        time = await self._reserve(call, identity, request_amounts(identity))
        return with_timeout(wanted, time.in_time(wanted.timeout, monotonic()))

    async def _reserve(
        self, call: TrackedCall, identity: Identity, amounts: Amounts
    ) -> TimeLeft:
        time = TimeLeft(identity=identity, started=call.started)
        until = monotonic() + min(PATIENCE, time.left(monotonic()))
        number = 0
        while True:
            call.booking.reserving()
            found = await async_tried(
                partial(call.reserve, amounts),
                blocks=True,
                seconds=max(0.0, until - monotonic()) + GRACE,
                gives_up=once,
            )
            if found.error is None:
                return time
            await async_sleep(call.pause(number, found.error, until - monotonic()))
            number += 1

    async def close(self) -> None:
        """Release what the wrapped service holds, and a tracker that was made here."""
        try:
            await self._base.close()
        finally:
            if self._owns_tracker:
                await self.tracker.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._base!r} in {self.tracker.ledger!r}>"


def _tracker(tracker: object, settings: Settings | None) -> AsyncTokenTracker:
    if isinstance(tracker, AsyncTokenTracker):
        return tracker
    if tracker is None or isinstance(tracker, str):
        return AsyncTokenTracker(tracker, settings=settings)
    name = AsyncTokenTracker.__name__
    raise _checks.type_error("tracker", f"a {name}, a URL or None", tracker)


class _AsyncTrackedEvents:
    """The events of a stream that is booked.

    Args:
        service: books it.
        base: is asked.
        wanted: the request.
    """

    def __init__(
        self,
        service: AsyncTrackingLLMService,
        base: AsyncLLMService,
        wanted: LLMRequest,
    ) -> None:
        self._service = service
        self._base = base
        self._wanted = wanted
        self._call: TrackedCall | None = None
        self._stream: AsyncResponseStream | None = None

    async def open(self) -> None:
        """Reserve what it may take, and open it."""
        call = self._service._begin("stream", self._wanted.metadata, self._wanted.model)
        self._call = call
        if call.has_budget:
            self._wanted = await self._service._within_budget(call, self._wanted)
        with watched_by(call.booking):
            self._stream = self._base.stream(self._wanted)
            await self._stream.__aenter__()

    async def pull(self) -> Sequence[StreamEvent]:
        """What it brings."""
        stream, call = self._stream, self._call
        assert stream is not None and call is not None  # it was opened
        with watched_by(call.booking):
            events = await stream.next_events()
        last = events[-1]
        if isinstance(last, StreamEnd):
            call.succeeded(last.response, monotonic())
        return events

    def partial(self) -> LLMResponse:
        """As far as it has arrived."""
        if self._stream is None:
            return LLMResponse(finish_reason="error")
        return self._stream.partial

    async def close(self) -> None:
        """Leave it, and settle what it has taken."""
        try:
            if self._stream is not None:
                await self._stream.close()
        finally:
            if self._call is not None:
                self._call.booking.over()
