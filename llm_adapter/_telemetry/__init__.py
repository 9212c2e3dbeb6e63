"""OpenTelemetry, where a program uses it: spans and metrics of calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._monitored_call import Labels, MonitoredCall
from ..errors import LLMConfigurationError
from ..models import LLMRequest
from . import _names as names
from ._names import Names
from ._trace import CallTrace, Conventions, Instruments, span_name

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

SCOPE = "llm_adapter"
_PORTS = {"http": 80, "https": 443}


def telemetry_of(
    wanted: bool | None,
    tracer_provider: TracerProvider | None,
    meter_provider: MeterProvider | None,
    capture_content: bool | None,
) -> OpenTelemetry | None:
    """Who traces calls; None where nobody shall.

    Args:
        wanted: None means: if a provider is given, or the program has imported
            opentelemetry.
        tracer_provider: None means the global one.
        meter_provider: likewise.
        capture_content: None means what the environment says.

    Raises:
        LLMConfigurationError: it is wanted, and not installed.
        ValueError: it is not wanted, and a provider is given.
    """
    given = tracer_provider is not None or meter_provider is not None
    if wanted is False and given:
        raise ValueError(
            "telemetry is False, but a tracer_provider or a meter_provider is given: "
            "leave one of them out"
        )
    if wanted is False or not (wanted or given or _is_used()):
        return None
    try:
        from opentelemetry import metrics, trace
    except ImportError as error:
        raise LLMConfigurationError(
            "OpenTelemetry is not installed: pip install "
            "'llm-adapter[opentelemetry]', or leave telemetry out."
        ) from error
    known = names.names_wanted(os.environ)
    if capture_content is None:
        capture_content = names.content_wanted(os.environ)
    return OpenTelemetry(
        trace.get_tracer(SCOPE, tracer_provider=tracer_provider),
        metrics.get_meter(SCOPE, meter_provider=meter_provider),
        known,
        captures=capture_content,
    )


def _is_used() -> bool:
    """Whether the program has imported OpenTelemetry."""
    return any(
        sys.modules.get(f"opentelemetry.{part}") for part in ("trace", "metrics")
    )


def instruments(meter: Meter, known: Names) -> Instruments:
    """What takes the measurements of a generation of the conventions."""

    def seconds(name: str, what: str) -> Histogram:
        return meter.create_histogram(
            name, "s", what, explicit_bucket_boundaries_advisory=names.SECONDS
        )

    def tokens(name: str) -> Histogram:
        return meter.create_histogram(
            name,
            "{token}",
            "Tokens of one call.",
            explicit_bucket_boundaries_advisory=names.TOKENS,
        )

    durations = sorted({known.duration, known.embedding_duration})
    counters = known.token_counters.items()
    return Instruments(
        durations={name: seconds(name, "Duration of calls.") for name in durations},
        first_chunk=seconds(known.first_chunk, "Time until a stream begins."),
        output_chunk=seconds(known.output_chunk, "Time between pieces of a stream."),
        tokens=tokens(known.tokens) if known.tokens else None,
        token_histograms={
            part: tokens(name) for part, name in known.token_histograms.items()
        },
        token_counters={
            part: meter.create_counter(name, "{token}", "Tokens of all calls.")
            for part, name in counters
        },
        retries=meter.create_counter(
            names.RETRY_METRIC, "{retry}", "Requests beyond the first of a call."
        ),
        cache_hits=meter.create_counter(
            names.CACHE_METRIC, "{call}", "Calls that were spared."
        ),
    )


class OpenTelemetry:
    """Traces calls.

    Args:
        tracer: makes spans.
        meter: makes what takes measurements.
        known: generation of the conventions.
        captures: whether spans hold prompts and answers.
    """

    def __init__(
        self, tracer: Tracer, meter: Meter, known: Names, *, captures: bool
    ) -> None:
        self._tracer = tracer
        self._servers: dict[str, dict[str, str | int]] = {}
        self._shared = Conventions(
            names=known,
            instruments=instruments(meter, known),
            captures=captures,
            servers=self._servers,
        )

    def knows(self, provider: str) -> bool:
        """Whether the address of its API has been looked for."""
        return provider in self._servers

    def note(self, provider: str, base_url: str) -> None:
        """Remember where its API is; empty where that is not known."""
        self._servers[provider] = {}
        parts = urlsplit(base_url)
        if parts.hostname and parts.scheme in _PORTS:
            port = parts.port or _PORTS[parts.scheme]
            self._servers[provider] = {names.SERVER: parts.hostname, names.PORT: port}

    def begin(self, call: MonitoredCall, labels: Labels) -> CallTrace:
        """A call begins; measurements bear these labels."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        shared, model = self._shared, call.requested_model
        known = shared.identified(call, model, call.workflow)
        span = self._tracer.start_span(
            span_name(known),
            kind=SpanKind.CLIENT,
            attributes={**known, **dict(self._asked(call))},
        )
        labelled = shared.identified(call, labels.model, labels.workflow)
        return CallTrace(shared, span, set_span_in_context(span), known, labelled)

    def _asked(self, call: MonitoredCall) -> Iterator[tuple[str, Any]]:
        if call.dimensions is not None:
            yield names.DIMENSIONS, call.dimensions
        if call.operation == "stream":
            yield names.STREAM, True
        if call.request is not None:
            yield from self._request(call.request)

    def _request(self, request: LLMRequest) -> Iterator[tuple[str, Any]]:
        for part, name in names.REQUEST.items():
            if (value := getattr(request, part)) is not None:
                yield name, value
        for part, name in names.EXTRA.items():
            if isinstance(value := request.extra_body.get(part), int | float):
                yield name, value
        if request.response_format is not None:
            yield names.OUTPUT_TYPE, "json"
        level = self._shared.names.reasoning_level
        if level is not None and request.reasoning_effort is not None:
            yield level, request.reasoning_effort
        if isinstance(talk := request.metadata.get("conversation_id"), str):
            yield names.CONVERSATION, talk
