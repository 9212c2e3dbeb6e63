"""What a monitoring service counts: values to look at, and who counts them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, TypeVar

from attrs import asdict, field, frozen

from ._concurrency import ForkSafeLock
from ._context import usage_of
from ._histogram import Distribution, Histogram
from ._monitored_call import Labels, MonitoredCall, Telemetry, Trace
from ._watch import Operation
from .models import LLMRequest

T = TypeVar("T")

logger = logging.getLogger("llm_adapter")

MOST_ROWS = 1000
"""Models and workflows may come from users: what is beyond is counted together."""
MOST_ERRORS = 100
"""Classes of errors that a row tells apart."""
OTHER = "other"


@frozen(kw_only=True)
class CallStats:
    """What became of the calls of one provider, model and workflow.

    Args:
        provider: its name; None where the calls of all are counted.
        model: that was asked for; None likewise.
        workflow: of the caller; None where nobody named one, and likewise.
        calls: that have ended: the sum of the next four.
        succeeded: answered, by a provider or a cache.
        failed: raised an error.
        cancelled: by the caller, before an answer was there.
        left: streams that were closed before their end.
        in_flight: calls that have not ended.
        errors: how often each class of error was raised.
        retries: requests beyond the first of a call.
        cached: of those that succeeded, spared by a cache or somebody else's call.
        input_tokens: of the prompts that were sent, as far as providers say.
        output_tokens: of the answers.
        cached_input_tokens: those of the input that providers had in their cache.
        latency: seconds from call to answer, of those that a provider answered.
        first_token: seconds from call to first delta, of streams from a provider.
        tokens_per_second: of each answer: output tokens by the time from first token
            to end, or by the latency of answers that came in one piece.
    """

    provider: str | None = None
    model: str | None = None
    workflow: str | None = None
    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    left: int = 0
    in_flight: int = 0
    errors: Mapping[str, int] = field(factory=dict)
    retries: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    latency: Distribution = field(factory=Distribution)
    first_token: Distribution = field(factory=Distribution)
    tokens_per_second: Distribution = field(factory=Distribution)

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        shown = asdict(self, recurse=False)
        shown["errors"] = dict(self.errors)
        for name in _DISTRIBUTIONS:
            shown[name] = getattr(self, name).as_dict()
        return shown

    def merged(self, other: CallStats) -> CallStats:
        """The counts of both; whose they are is no longer told."""
        return CallStats(
            errors={
                name: self.errors.get(name, 0) + other.errors.get(name, 0)
                for name in sorted({*self.errors, *other.errors})
            },
            **{name: getattr(self, name) + getattr(other, name) for name in _NUMBERS},
            **{
                name: getattr(self, name).merged(getattr(other, name))
                for name in _DISTRIBUTIONS
            },
        )


_COUNTED = (
    *("calls", "succeeded", "failed", "cancelled", "left"),
    *("retries", "cached"),
    *("input_tokens", "output_tokens", "cached_input_tokens"),
)
_NUMBERS = (*_COUNTED, "in_flight")
_DISTRIBUTIONS = ("latency", "first_token", "tokens_per_second")


@frozen(kw_only=True)
class MonitoringSnapshot:
    """What a monitoring service has seen.

    Args:
        seconds: since it was made, or reset.
        total: of all calls.
        rows: one for each provider, model and workflow, in this order.
    """

    seconds: float
    total: CallStats
    rows: tuple[CallStats, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "seconds": self.seconds,
            "total": self.total.as_dict(),
            "rows": [row.as_dict() for row in self.rows],
        }


class Row:
    """Counts the calls of one provider, model and workflow."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(_COUNTED, 0)
        self.errors: dict[str, int] = {}
        self.latency = Histogram()
        self.first_token = Histogram()
        self.rate = Histogram()

    def add(self, call: MonitoredCall) -> None:
        """Count a call that has ended."""
        counts = self.counts
        counts["calls"] += 1
        counts[call.outcome] += 1
        counts["cached"] += call.cached
        counts["retries"] += call.retries
        for usage in call.usages:
            counts["input_tokens"] += usage.input_tokens or 0
            counts["output_tokens"] += usage.output_tokens or 0
            counts["cached_input_tokens"] += usage.cached_input_tokens or 0
        if not call.cached:
            self._add_times(call)
        if call.outcome == "failed":
            name = within(type(call.error).__name__, self.errors, MOST_ERRORS, OTHER)
            self.errors[name] = self.errors.get(name, 0) + 1

    def _add_times(self, call: MonitoredCall) -> None:
        if call.first is not None:
            self.first_token.add(call.first - call.started)
        if call.outcome == "succeeded":
            self.latency.add(call.duration)
            rate = call.tokens_per_second()
            if rate is not None:
                self.rate.add(rate)

    def stats(self, labels: Labels, in_flight: int) -> CallStats:
        """The counts so far."""
        counts: dict[str, Any] = {**labels._asdict(), **self.counts}
        return CallStats(
            **counts,
            in_flight=in_flight,
            errors=dict(sorted(self.errors.items())),
            latency=self.latency.distribution(),
            first_token=self.first_token.distribution(),
            tokens_per_second=self.rate.distribution(),
        )


class Monitor:
    """Counts calls, from many threads and event loops, and never fails one.

    Args:
        now: monotonic seconds.
        telemetry: who traces them as well.
    """

    def __init__(self, now: float, telemetry: Telemetry | None = None) -> None:
        # A stream that the collector finds may end in the middle of a count.
        self._lock = ForkSafeLock(reentrant=True)
        self._rows: dict[Labels, Row] = {}
        self._open: set[MonitoredCall] = set()
        self._usual: dict[tuple[str, bool], str] = {}
        self._since = now
        self._told: set[type[Exception]] = set()
        self.telemetry = telemetry

    # -- calls ------------------------------------------------------------------------

    def call(
        self,
        operation: Operation,
        provider: str,
        named: str | None,
        *,
        request: LLMRequest | None = None,
        model: str | None = None,
        dimensions: int | None = None,
    ) -> MonitoredCall:
        """A call that is about to begin.

        Args:
            operation: what is asked for.
            provider: of the service that is asked.
            named: its model, where one is known.
            request: what is asked; None for embeddings.
            model: that was asked for, if any.
            dimensions: of the vectors.
        """
        metadata = {} if request is None else request.metadata
        context = self.safely(usage_of, metadata)
        return MonitoredCall(
            self,
            operation,
            provider,
            asked=model,
            usual=self._usual.get((provider, operation == "embed"), named),
            workflow=None if context is None else context.workflow,
            request=request,
            dimensions=dimensions,
        )

    def began(self, call: MonitoredCall) -> None:
        """A call begins."""
        self._open.add(call)  # a single operation, which threads may share
        if self.telemetry is not None:
            call.trace = self.safely(self._traced, self.telemetry, call)

    def _traced(self, telemetry: Telemetry, call: MonitoredCall) -> Trace:
        return telemetry.begin(call, self._bounded(call))

    def ended(self, call: MonitoredCall) -> None:
        """A call has ended; of several ends only the first is counted."""
        with self._lock:
            if call not in self._open:
                return
            self._open.remove(call)
            labels = self.safely(self._count, call)
        if call.trace is not None:
            self.safely(call.trace.end, call, labels or _BEYOND)

    def _bounded(self, call: MonitoredCall) -> Labels:
        return within(call.labels, self._rows, MOST_ROWS, _BEYOND)

    def _count(self, call: MonitoredCall) -> Labels:
        labels = call.labels
        row = self._rows.get(labels)
        if row is None:
            labels = self._bounded(call)
            row = self._rows.setdefault(labels, Row())
        row.add(call)
        if call.told_model and call.asked is None:
            self._usual[call.provider, call.operation == "embed"] = call.told_model
        return labels

    def safely(self, act: Callable[..., T], *arguments: Any) -> T | None:
        """What `act` gives; None where it fails, which the log is told once."""
        try:
            return act(*arguments)
        except Exception as error:  # of a user's label, adapter or exporter
            self.tell(error)
            return None

    def tell(self, error: Exception) -> None:
        """Say in the log, once for a class of errors, that something went unnoted."""
        kind = type(error)
        if kind in self._told or len(self._told) >= MOST_ERRORS:
            return
        self._told.add(kind)
        logger.warning(
            "Monitoring could not note all of a call (%s: %.200s). Calls go on; this "
            "is not said again.",
            kind.__name__,
            error,
            exc_info=error,
        )

    # -- looking ----------------------------------------------------------------------

    def snapshot(self, now: float) -> MonitoringSnapshot:
        """All counts of this moment."""
        with self._lock:
            flying = self._in_flight()
            labels = sorted({*self._rows, *flying}, key=Labels.order)
            rows = tuple(
                self._rows.get(each, _EMPTY).stats(each, flying.get(each, 0))
                for each in labels
            )
            seconds = now - self._since
        return MonitoringSnapshot(seconds=seconds, total=total(rows), rows=rows)

    def _in_flight(self) -> dict[Labels, int]:
        flying: dict[Labels, int] = {}
        for call in list(self._open):
            labels = self._bounded(call)
            flying[labels] = flying.get(labels, 0) + 1
        return flying

    def reset(self, now: float) -> None:
        """Begin to count anew; calls in flight are counted when they end."""
        with self._lock:
            self._rows.clear()
            self._since = now


_EMPTY = Row()
_BEYOND = Labels(OTHER, OTHER, OTHER)


def within(name: T, known: Mapping[T, object], most: int, beyond: T) -> T:
    """A key that may be added to a mapping of bounded size.

    >>> within("b", {"a": 1}, 2, "other"), within("b", {"a": 1}, 1, "other")
    ('b', 'other')
    """
    return name if name in known or len(known) < most else beyond


def total(rows: Iterable[CallStats]) -> CallStats:
    """The counts of all of them together."""
    return reduce(CallStats.merged, rows, CallStats())
