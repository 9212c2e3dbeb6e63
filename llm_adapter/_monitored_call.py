"""One call as it is monitored: a watch of its own requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from ._watch import CallWatch, Ending, Operation, watched_by
from .errors import LLMServiceError
from .models import (
    Attempt,
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    StreamEnd,
    StreamEvent,
    Usage,
)

Result: TypeAlias = Literal["succeeded", "failed", "cancelled", "left"]
Answer: TypeAlias = LLMResponse | EmbeddingResponse

LONGEST = 200
"""Characters of a label."""
UNKNOWN = "unknown"
_NOTHING: AbstractContextManager[None] = nullcontext()


class Labels(NamedTuple):
    """Whose a call is."""

    provider: str
    model: str
    workflow: str | None

    def order(self) -> tuple[str, str, str]:
        """What they are sorted by."""
        return self.provider, self.model, self.workflow or ""


class Trace(Protocol):
    """Traces one call; whatever it raises is caught."""

    def around(
        self, block: AbstractContextManager[None]
    ) -> AbstractContextManager[None]:
        """The block, with what is traced there below this call."""
        ...

    def retried(self, number: int, last: Attempt | None) -> None:
        """Another request is about to be sent."""
        ...

    def chunk(self, seconds: float) -> None:
        """So long after the last piece of a stream the next one came."""
        ...

    def end(self, call: MonitoredCall, labels: Labels) -> None:
        """It has ended."""
        ...


class Telemetry(Protocol):
    """Traces calls."""

    def begin(self, call: MonitoredCall, labels: Labels) -> Trace:
        """A call begins; measurements bear these labels."""
        ...


class Books(Protocol):
    """Who counts calls."""

    def began(self, call: MonitoredCall) -> None:
        """A call begins."""
        ...

    def ended(self, call: MonitoredCall) -> None:
        """A call has ended."""
        ...

    def safely(self, act: Callable[..., object], *arguments: Any) -> object:
        """Call `act`; what it raises is told, and never the caller's trouble."""
        ...


class MonitoredCall:
    """One call, from before it begins to its end.

    Times are monotonic seconds.

    Args:
        books: who counts it.
        operation: what is asked for.
        provider: of the service that is asked.
        asked: the model that the caller named.
        usual: that of the service, where one is known.
        workflow: of the caller.
        request: what is asked; None for embeddings.
        dimensions: of the vectors.
    """

    def __init__(
        self,
        books: Books,
        operation: Operation,
        provider: str,
        *,
        asked: str | None = None,
        usual: str | None = None,
        workflow: str | None = None,
        request: LLMRequest | None = None,
        dimensions: int | None = None,
    ) -> None:
        self._books = books
        self.operation: Operation = operation
        self.provider = provider
        self.asked = asked
        self.usual = usual
        self.workflow = workflow
        self.request = request
        self.dimensions = dimensions
        self.trace: Trace | None = None
        self.started = self.finished = 0.0
        self.first: float | None = None
        self._last_piece = 0.0
        self.outcome: Result = "cancelled"
        self._has_ended = self._is_left = False
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.cached = False
        self.told_provider = self.told_model = ""
        self.retries = self._requests = 0
        self._last: Attempt | None = None
        self.usages: list[Usage] = []

    # -- its requests, as a watch sees them -------------------------------------------

    def call(self, operation: Operation, provider: str, model: str) -> CallWatch:
        """A service is about to ask a provider."""
        self.told_provider, self.told_model = provider, model
        return self

    def began(self, number: int) -> None:
        """A request is about to be sent."""
        if self._has_ended:  # others go on waiting for what this call began
            return
        self._requests += 1
        if number > 1:
            self.retries += 1
            if self.trace is not None:
                self._books.safely(self.trace.retried, number, self._last)

    def ended(self, ending: Ending) -> None:
        """It has ended."""
        if self._has_ended:
            return
        self._last = ending.attempt
        if ending.answer is not None:
            self.answer = ending.answer
            self.usages.append(ending.answer.usage)

    # -- its course -------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """It begins."""
        self.started = self._last_piece = now
        self._books.began(self)

    def within(self) -> AbstractContextManager[None]:
        """What its service does in the block belongs to it."""
        # Nothing is sent again after the first delta.
        block = watched_by(self) if self.first is None else _NOTHING
        return block if self.trace is None else self.trace.around(block)

    def delivered(self, events: Sequence[StreamEvent], now: float) -> None:
        """The next events of its stream are there."""
        if self.first is None:
            self.first = now
        elif self.trace is not None:
            self._books.safely(self.trace.chunk, now - self._last_piece)
        self._last_piece = now
        if isinstance(events[-1], StreamEnd):
            self.succeeded(events[-1].response, now)

    def succeeded(self, value: object, now: float) -> None:
        """It has brought an answer, or what was read of the answer that was seen."""
        if isinstance(value, LLMResponse | EmbeddingResponse):
            self.answer, self.cached = value, value.cached
            if not (self._requests or value.cached):
                self.usages.append(value.usage)
        else:  # of a kept answer no request is seen
            self.cached = self._requests == 0
        self._end("succeeded", now)

    def failed(self, error: BaseException, now: float) -> None:
        """It has raised something."""
        if self._is_left:
            self._end("left", now)
        elif isinstance(error, Exception):
            self.error = error
            self._end("failed", now)
        else:
            self._end("cancelled", now)

    def leaving(self) -> None:
        """Its caller closes the stream; whoever reads it is told by an error."""
        self._is_left = True

    def left(self, now: float) -> None:
        """Its stream is closed."""
        self._end("left", now)

    def _end(self, outcome: Result, now: float) -> None:
        if not self._has_ended:
            self._has_ended = True
            self.outcome, self.finished = outcome, now
            self._books.ended(self)

    # -- what is known of it ----------------------------------------------------------

    @property
    def labels(self) -> Labels:
        """Whose it is, as far as that is known."""
        seen = self.error if isinstance(self.error, LLMServiceError) else self.answer
        found = (None, None) if seen is None else (seen.provider, seen.model)
        return Labels(
            (self.told_provider or found[0] or self.provider)[:LONGEST],
            (self.requested_model or found[1] or UNKNOWN)[:LONGEST],
            self.workflow and self.workflow[:LONGEST],
        )

    @property
    def requested_model(self) -> str | None:
        """That is asked, as far as it is known before the call."""
        return self.told_model or self.asked or self.usual

    @property
    def duration(self) -> float:
        """Seconds from its beginning to its end."""
        return self.finished - self.started

    def tokens_per_second(self) -> float | None:
        """At which its answer was written; None where that cannot be said."""
        answer = self.answer
        tokens = None if answer is None else answer.usage.output_tokens
        if not tokens or not isinstance(answer, LLMResponse):
            return None
        seconds = self.duration
        if self.first is not None and self.finished > self.first:
            seconds = self.finished - self.first
            if not answer.reasoning:  # it was thought before the first token
                tokens -= answer.usage.reasoning_tokens or 0
        return tokens / seconds if tokens > 0 and seconds > 0 else None
