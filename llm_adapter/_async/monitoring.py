"""A service that knows how its providers behave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from .._concurrency import monotonic
from .._embedding import EmbedOptions
from .._monitored_call import MonitoredCall
from .._monitoring import Monitor, MonitoringSnapshot
from .._telemetry import OpenTelemetry, telemetry_of
from .._watch import Operation
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    StreamEvent,
    as_request,
)
from .flights import AsyncAct
from .service import AsyncLLMService
from .stream import AsyncResponseStream
from .wrapping import AsyncWrappingLLMService

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

T = TypeVar("T")


class AsyncMonitoringLLMService(AsyncWrappingLLMService):
    """Counts and times calls, and traces them where OpenTelemetry is used.

    What fails in here fails no call: the log is told once.

    Args:
        base: the service that is asked, closed with this one.
        telemetry: whether calls are traced. None means: if a provider is given, or the
            program had imported opentelemetry when this service was made.
        tracer_provider: where spans go; None means OpenTelemetry's global one.
        meter_provider: where metrics go; likewise.
        capture_content: whether spans hold prompts and answers. None means what
            OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says, else not.

    Raises:
        LLMConfigurationError: OpenTelemetry is wanted, and not installed.
        TypeError: base is not such a service.
        ValueError: telemetry is False, and a provider is given.
    """

    def __init__(
        self,
        base: AsyncLLMService,
        *,
        telemetry: bool | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool | None = None,
    ) -> None:
        super().__init__(base)
        self._telemetry: OpenTelemetry | None = telemetry_of(
            telemetry, tracer_provider, meter_provider, capture_content
        )
        self._monitor = Monitor(monotonic(), self._telemetry)

    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        other = object.__new__(type(self))
        vars(other).update(vars(self), _base=base)
        return other

    # -- what it knows ----------------------------------------------------------------

    def snapshot(self) -> MonitoringSnapshot:
        """All that was counted until now."""
        return self._monitor.snapshot(monotonic())

    def reset(self) -> None:
        """Begin to count anew; calls in flight are counted when they end."""
        self._monitor.reset(monotonic())

    # -- calls ------------------------------------------------------------------------

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer."""
        wanted = as_request(request, overrides)
        ask = partial(self._base.generate, wanted)
        return await self._monitored(self._call("generate", wanted), ask)

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object, asked for and read strictly."""
        wanted = as_request(request, overrides)
        ask = partial(self._base.generate_json, wanted)
        return await self._monitored(self._call("generate", wanted), ask)

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of a type."""
        wanted = as_request(request, overrides)
        ask = partial(self._base.generate_as, kind, wanted)
        return await self._monitored(self._call("generate", wanted), ask)

    async def _monitored(self, call: MonitoredCall, ask: AsyncAct[T]) -> T:
        """What `ask` gives."""
        if self._telemetry is not None:
            await self._find_server()
        call.begin(monotonic())
        try:
            with call.within():
                value = await ask()
        except BaseException as error:
            call.failed(error, monotonic())
            raise
        call.succeeded(value, monotonic())
        return value

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block."""
        wanted = as_request(request, overrides)
        call = self._call("stream", wanted)
        try:
            with call.within():
                stream = self._base.stream(wanted)
        except Exception as error:
            call.begin(monotonic())
            call.failed(error, monotonic())
            raise
        return AsyncResponseStream(_AsyncMonitoredEvents(self, call, stream))

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order."""
        call = self._monitor.call(
            "embed",
            self._base.get_provider_name(),
            None,
            model=options.get("model"),
            dimensions=options.get("dimensions"),
        )
        ask = partial(self._base.embed, texts, **options)
        return await self._monitored(call, ask)

    def _call(self, operation: Operation, wanted: LLMRequest) -> MonitoredCall:
        base = self._base
        return self._monitor.call(
            operation,
            base.get_provider_name(),
            base._named_model(),
            request=wanted,
            model=wanted.model,
        )

    async def _find_server(self) -> None:
        """Learn, once, where the provider's API is."""
        telemetry, provider = self._telemetry, self._base.get_provider_name()
        if telemetry is None or telemetry.knows(provider):
            return
        telemetry.note(provider, "")
        try:
            # Where a model is named nobody has to be asked for one.
            identity = await self._base.identify(LLMRequest("Hi", model="any"))
            telemetry.note(provider, identity.base_url)
        except Exception as error:  # a user's adapter may raise anything
            self._monitor.tell(error)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._base!r}>"


class _AsyncMonitoredEvents:
    """The events of a stream, counted and timed."""

    def __init__(
        self,
        service: AsyncMonitoringLLMService,
        call: MonitoredCall,
        stream: AsyncResponseStream,
    ) -> None:
        self._service = service
        self._call = call
        self._stream = stream

    async def open(self) -> None:
        """The call begins."""
        await self._service._find_server()
        self._call.begin(monotonic())
        await self._noted(self._stream.__aenter__)

    async def pull(self) -> Sequence[StreamEvent]:
        """What the stream brings."""
        events: Sequence[StreamEvent] = await self._noted(self._stream.next_events)
        self._call.delivered(events, monotonic())
        return events

    async def _noted(self, act: Any) -> Any:
        try:
            with self._call.within():
                return await act()
        except BaseException as error:
            self._call.failed(error, monotonic())
            raise

    def partial(self) -> LLMResponse:
        """The response as far as it has arrived."""
        return self._stream.partial

    async def close(self) -> None:
        """Close the stream."""
        self._call.leaving()
        try:
            await self._stream.close()
        finally:
            self._call.left(monotonic())
