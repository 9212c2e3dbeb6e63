"""One call as OpenTelemetry sees it: its span and its measurements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from .._monitored_call import Labels, MonitoredCall
from ..errors import LLMServiceError
from ..models import Attempt, LLMResponse, Usage
from . import _names as names
from ._content import answer_content, request_content
from ._names import Names

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Histogram
    from opentelemetry.trace import Span

T = TypeVar("T")

CANCELLED = "cancelled"


@frozen(kw_only=True)
class Instruments:
    """What takes measurements, by name or by the field of Usage that is measured."""

    durations: Mapping[str, Histogram]
    first_chunk: Histogram
    output_chunk: Histogram
    tokens: Histogram | None
    token_histograms: Mapping[str, Histogram]
    token_counters: Mapping[str, Counter]
    retries: Counter
    cache_hits: Counter


@frozen(kw_only=True)
class Conventions:
    """What all traces of a service have in common.

    Args:
        names: generation of the conventions.
        instruments: take measurements.
        captures: whether spans hold prompts and answers.
        servers: attributes of the API of each provider, as far as it is known.
    """

    names: Names
    instruments: Instruments
    captures: bool
    servers: Mapping[str, Mapping[str, str | int]]

    def identified(
        self, call: MonitoredCall, model: str | None, workflow: str | None
    ) -> dict[str, Any]:
        """Attributes that say which calls are alike."""
        embeds = call.operation == "embed"
        provider = call.told_provider or call.provider
        found: dict[str, Any] = {
            names.OPERATION: "embeddings" if embeds else "chat",
            names.PROVIDER: names.PROVIDERS.get(provider, provider),
            **self.servers.get(provider, {}),
        }
        if model is not None:
            found[names.MODEL] = model
        if workflow is not None:
            found[names.WORKFLOW] = workflow
        return found


def span_name(identified: Mapping[str, Any]) -> str:
    """The name of a span with these attributes.

    >>> span_name({names.OPERATION: "chat", names.MODEL: "gpt-6-luna"})
    'chat gpt-6-luna'
    """
    words = (identified[names.OPERATION], identified.get(names.MODEL))
    return " ".join(word for word in words if word)


class _Current:
    """A block in which a span is the current one."""

    def __init__(self, context: Context, block: AbstractContextManager[None]) -> None:
        self._context = context
        self._block = block
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        from opentelemetry.context import attach

        self._token = attach(self._context)
        self._block.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from opentelemetry.context import detach

        assert self._token is not None
        try:
            self._block.__exit__(kind, error, traceback)
        finally:
            detach(self._token)


class CallTrace:
    """The span of one call, and its measurements.

    Args:
        shared: what all traces have in common.
        span: has begun.
        context: in which it is the current one.
        known: attributes that the span was begun with.
        labelled: attributes of measurements that are made before the end.
    """

    def __init__(
        self,
        shared: Conventions,
        span: Span,
        context: Context,
        known: Mapping[str, Any],
        labelled: Mapping[str, Any],
    ) -> None:
        self._shared = shared
        self._span = span
        self._context = context
        self._known = known
        self._labelled = labelled

    def around(
        self, block: AbstractContextManager[None]
    ) -> AbstractContextManager[None]:
        """The block, in which the span is the current one."""
        return _Current(self._context, block)

    def retried(self, number: int, last: Attempt | None) -> None:
        """Another request is about to be sent."""
        told: dict[str, Any] = {
            names.ATTEMPT: number,
            names.ERROR: last and last.error,
            names.STATUS_CODE: last and last.status_code,
        }
        told = {name: value for name, value in told.items() if value is not None}
        self._span.add_event(names.RETRY_EVENT, told)

    def chunk(self, seconds: float) -> None:
        """So long after the last piece of a stream the next one came."""
        histogram = self._shared.instruments.output_chunk
        histogram.record(seconds, self._labelled, self._context)

    def end(self, call: MonitoredCall, labels: Labels) -> None:
        """It has ended."""
        try:
            self._measure(call, labels)
            if self._span.is_recording():
                self._conclude(call)
        finally:
            self._span.end()

    # -- the span ---------------------------------------------------------------------

    def _conclude(self, call: MonitoredCall) -> None:
        labels = call.labels
        known = self._shared.identified(call, labels.model, labels.workflow)
        found = {} if known == self._known else known
        if found:
            self._span.update_name(span_name(known))
        found.update(self._course(call))
        found.update(self._answered(call))
        self._span.set_attributes(found)
        if call.outcome == "failed":
            from opentelemetry.trace import StatusCode

            # Not its message, which may quote what was asked.
            self._span.set_status(StatusCode.ERROR, error_type(call))
        if self._shared.captures:  # last, for it may hold what JSON does not take
            self._span.set_attributes(content(call))

    def _course(self, call: MonitoredCall) -> Iterator[tuple[str, Any]]:
        if call.outcome in ("cancelled", "left"):
            yield names.OUTCOME, call.outcome
        if (kind := error_type(call)) is not None:
            yield names.ERROR, kind
        error = call.error
        if isinstance(error, LLMServiceError) and error.status_code is not None:
            yield names.STATUS_CODE, error.status_code
        if call.retries:
            yield names.RETRIES, call.retries
        if call.cached:
            yield names.CACHED, True
        elif call.first is not None:
            yield names.FIRST_CHUNK, call.first - call.started

    def _answered(self, call: MonitoredCall) -> Iterator[tuple[str, Any]]:
        answer, reason = call.answer, finish_reason(call)
        if reason is not None:
            yield names.FINISH_REASONS, [reason]
        if answer is None:
            return
        if answer.model:
            yield names.RESPONSE_MODEL, answer.model
        if not call.cached:  # nothing was used a second time
            yield from counts(self._shared.names.usage, [answer.usage])
        if isinstance(answer, LLMResponse) and answer.id:
            yield names.RESPONSE_ID, answer.id

    # -- the metrics ------------------------------------------------------------------

    def _measure(self, call: MonitoredCall, labels: Labels) -> None:
        shared, metrics, context = self._shared, self._shared.instruments, self._context
        known = self._measured_as(call, labels)
        if call.retries:
            metrics.retries.add(call.retries, known, context)
        self._measure_tokens(call.usages, known)
        if call.cached:
            metrics.cache_hits.add(1, known, context)
            return
        embeds = call.operation == "embed"
        name = shared.names.embedding_duration if embeds else shared.names.duration
        kind = error_type(call)
        how = known if kind is None else {**known, names.ERROR: kind}
        metrics.durations[name].record(call.duration, how, context)
        if call.first is not None:
            metrics.first_chunk.record(call.first - call.started, known, context)

    def _measured_as(self, call: MonitoredCall, labels: Labels) -> dict[str, Any]:
        known = self._shared.identified(call, labels.model, labels.workflow)
        if labels != call.labels:  # too many of them are told apart already
            known[names.PROVIDER] = labels.provider
        elif call.answer is not None and call.answer.model:
            known[names.RESPONSE_MODEL] = call.answer.model
        return known

    def _measure_tokens(self, usages: list[Usage], known: Mapping[str, Any]) -> None:
        metrics, context = self._shared.instruments, self._context
        if metrics.tokens is not None:
            for kind, count in counts(self._shared.names.token_types, usages):
                typed = {**known, names.TOKEN_TYPE: kind}
                metrics.tokens.record(count, typed, context)
        for histogram, count in counts(metrics.token_histograms, usages):
            histogram.record(count, known, context)
        for counter, count in counts(metrics.token_counters, usages):
            counter.add(count, known, context)


def counts(wanted: Mapping[str, T], usages: Iterable[Usage]) -> Iterator[tuple[T, int]]:
    """What is known of usages, each by what stands for its field.

    >>> names = {"input_tokens": "in", "output_tokens": "out"}
    >>> list(counts(names, [Usage(input_tokens=3)]))
    [('in', 3)]
    """
    for usage in usages:
        for part, what in wanted.items():
            if (count := getattr(usage, part)) is not None:
                yield what, count


def error_type(call: MonitoredCall) -> str | None:
    """What a call failed with, in a word."""
    if call.outcome == "failed":
        return type(call.error).__name__
    return CANCELLED if call.outcome == "cancelled" else None


def content(call: MonitoredCall) -> dict[str, str]:
    """What was asked and answered."""
    found = {} if call.request is None else request_content(call.request)
    if isinstance(call.answer, LLMResponse):
        found.update(answer_content(call.answer, finish_reason(call) or ""))
    return found


def finish_reason(call: MonitoredCall) -> str | None:
    """Why an answer ended; error where a stream broke off."""
    if call.outcome == "failed" and call.first is not None:
        return "error"
    if call.outcome == "left" or not isinstance(call.answer, LLMResponse):
        return None
    return call.answer.finish_reason
