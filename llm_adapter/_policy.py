"""Decisions about time and retries: pure, the time is always an argument."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

from attrs import Factory, define, field, frozen

from ._watch import CallWatch, Ending, Outcome
from .errors import (
    LLMInvalidResponseError,
    LLMServiceError,
    LLMStreamInterruptedError,
)
from .models import Attempt, EmbeddingResponse, LLMResponse, Timeout

DEFAULT_TOTAL = 60.0
DEFAULT_CONNECT = 10.0
MAX_RETRY_AFTER = 60.0

_TICK = 0.02  # event loops wake up to a tick of their clock too early
_MOST_STALE = 3  # connections that were idle; after these, new ones are likely
_LONGEST = 86_400.0  # operating systems do not take every number of seconds


# -- deadlines ------------------------------------------------------------------------


@define
class Timer:
    """The limits of a running call, as points in time.

    Args:
        total: when the whole call must have ended (monotonic s).
        attempt: when the running attempt must have ended.
        first_token: when a stream must have shown its first delta.
        connect: seconds a connection may take.
        idle: seconds between two pieces of an answer.
        stale: the connection of the attempt that failed had been used before, and was
            closed by the other side before a byte of the answer.
    """

    total: float
    attempt: float = math.inf
    first_token: float = math.inf
    connect: float = DEFAULT_CONNECT
    idle: float = math.inf
    stale: bool = False

    def remaining(self, now: float) -> float:
        """Seconds until the nearest of the points in time; 0 when it has passed."""
        nearest = min(self.total, self.attempt, self.first_token)
        return max(0.0, min(nearest - now, _LONGEST))

    def until_read(self, now: float) -> float:
        """Seconds the next read may take."""
        return min(self.remaining(now), self.idle)

    def until_connected(self, now: float) -> float:
        """Seconds a new connection may take."""
        return min(self.remaining(now), self.connect)

    def exceeded(self, now: float, timeout: Timeout, *, connecting: bool) -> str:
        """Which limit was hit, in words: `the timeout of 1.5 s`."""
        if self.remaining(now) < _TICK:
            nearest = min(self.total, self.first_token, self.attempt)
            if nearest == self.total:
                return f"the timeout of {timeout.total or DEFAULT_TOTAL:g} s"
            if nearest == self.first_token:
                return f"the limit of {timeout.first_token:g} s for the first token"
            return f"the limit of {timeout.attempt:g} s for one attempt"
        if connecting:
            return f"the limit of {self.connect:g} s for a connection"
        if self.idle < math.inf:
            return f"the limit of {self.idle:g} s without a byte"
        return "the time that your HTTP client allows"


def merge_timeout(own: float | Timeout | None, default: Timeout) -> Timeout:
    """The request's timeout over the service's; a number is a total.

    >>> merge_timeout(5, Timeout(total=60, idle=2))
    Timeout(total=5, attempt=None, connect=None, first_token=None, idle=2)
    """
    if own is None:
        return default
    if not isinstance(own, Timeout):
        own = Timeout(total=own)
    return Timeout(
        total=own.total or default.total,
        attempt=own.attempt or default.attempt,
        connect=own.connect or default.connect,
        first_token=own.first_token or default.first_token,
        idle=own.idle or default.idle,
    )


def start_timer(timeout: Timeout, now: float) -> Timer:
    """The timer of a call that starts now."""
    return Timer(
        total=now + (timeout.total or DEFAULT_TOTAL),
        connect=timeout.connect or DEFAULT_CONNECT,
        idle=timeout.idle or math.inf,
    )


# -- retries --------------------------------------------------------------------------


@frozen(kw_only=True)
class RetryPolicy:
    """When and how often to try again.

    Args:
        max_retries: retries after the first attempt.
        base: upper bound of the first wait in seconds; it doubles with each retry.
        max_delay: upper bound of every wait.
        max_retry_after: a longer wait asked for by the provider fails at once.
    """

    max_retries: int = 3
    base: float = 0.5
    max_delay: float = 8.0
    max_retry_after: float = MAX_RETRY_AFTER

    def delays(self) -> Iterator[float]:
        """Exponential back-off with full jitter, in seconds, without an end."""
        # backoff imports asyncio, which a sync program needs only once it retries.
        from backoff import expo, full_jitter

        bounds = expo(base=2, factor=self.base, max_value=self.max_delay)
        next(bounds)  # backoff's generators start with an empty step
        yield from map(full_jitter, bounds)


@define
class RetryBudget:
    """Stops retry storms: a bucket of retries that first attempts fill again.

    While a provider is down, a process sends its `capacity` of retries and from then
    on half a retry per call (and two a second), however many callers there are.
    """

    capacity: float = 200.0
    per_call: float = 0.5
    per_second: float = 2.0
    _tokens: float = field(
        init=False, default=Factory(lambda self: self.capacity, takes_self=True)
    )
    _updated: float = field(init=False, default=-math.inf)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def deposit(self) -> None:
        """Note a first attempt."""
        if self._tokens < self.capacity:
            with self._lock:
                self._tokens = min(self.capacity, self._tokens + self.per_call)

    def withdraw(self, now: float) -> bool:
        """Take one retry, at monotonic second `now`; False when none is left."""
        with self._lock:
            # A clock that jumps back gives nothing and takes nothing.
            passed = max(0.0, now - self._updated)
            self._updated = max(self._updated, now)
            refill = self.per_second * passed
            self._tokens = min(self.capacity, self._tokens + refill)
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


_budgets: dict[str, RetryBudget] = {}


def process_budget(endpoint: str) -> RetryBudget:
    """The budget that all services of this process share for one endpoint."""
    return _budgets.setdefault(endpoint, RetryBudget())


@define
class Attempts:
    """The course of one call: what was tried, and whether to try again."""

    policy: RetryPolicy
    budget: RetryBudget
    timer: Timer
    timeout: Timeout
    started: float
    watch: CallWatch | None = None
    history: list[Attempt] = field(factory=list)
    _delay: float = 0.0
    _attempt_started: float = 0.0
    _first_token: float | None = None
    _running: bool = False
    _untold: bool = False
    _delays: Iterator[float] | None = None
    _unreadable: int = 0
    _stale: int = 0

    def begin(self, now: float) -> None:
        """An attempt starts."""
        self._attempt_started = now
        self._first_token = None
        self._running = self._untold = True
        self.timer.stale = False
        timeout = self.timeout
        self.timer.attempt = now + timeout.attempt if timeout.attempt else math.inf
        first = timeout.first_token
        self.timer.first_token = now + first if first else math.inf
        if not self.history:
            self.budget.deposit()
        if self.watch is not None:
            self.watch.began(len(self.history) + 1)

    def delivered(self, now: float) -> None:
        """The running attempt has shown the first delta of its stream."""
        self.timer.first_token = math.inf
        self._first_token = now - self._attempt_started

    def succeeded(self, now: float, status_code: int | None) -> None:
        """The running attempt brought an answer."""
        self._record(now, status_code, None)

    def answered(self, answer: LLMResponse | EmbeddingResponse) -> None:
        """The answer of the attempt that succeeded is complete."""
        self._tell("succeeded", answer=answer)

    def failed(
        self, error: LLMServiceError, now: float, partial: LLMResponse | None = None
    ) -> None:
        """The running attempt failed; the error is told what was tried so far.

        Args:
            error: what went wrong.
            now: monotonic seconds.
            partial: what its stream had delivered.
        """
        self._record(now, error.status_code, type(error).__name__)
        self._unreadable += _is_unreadable(error)
        error.history = tuple(self.history)
        error.attempts = len(self.history)
        self._tell("interrupted" if partial else "failed", answer=partial, error=error)

    def left(self, now: float, partial: Callable[[], LLMResponse | None]) -> None:
        """Nobody wants the answer of the running attempt, if there is one.

        Args:
            now: monotonic seconds.
            partial: what has arrived of it.
        """
        if self._running:
            self._record(now, None, None)
            begun = self._first_token is not None
            self._tell("interrupted" if begun else "cancelled", answer=partial())

    def _tell(
        self,
        outcome: Outcome,
        *,
        answer: LLMResponse | EmbeddingResponse | None = None,
        error: LLMServiceError | None = None,
    ) -> None:
        if self.watch is not None and self._untold:
            self._untold = False
            attempt = self.history[-1]
            self.watch.ended(
                Ending(attempt=attempt, outcome=outcome, answer=answer, error=error)
            )

    def next_delay(self, error: LLMServiceError, now: float) -> float | None:
        """Seconds to wait before the next attempt; None to give up."""
        delay = self._allowed_delay(error, now)
        self._delay = delay or 0.0
        return delay

    def _record(self, now: float, status_code: int | None, error: str | None) -> None:
        if not self._running:  # its caller had left before it ended
            return
        self._running = False
        self.history.append(
            Attempt(
                number=len(self.history) + 1,
                delay=self._delay,
                duration=now - self._attempt_started,
                error=error,
                status_code=status_code,
                first_token=self._first_token,
            )
        )

    def _allowed_delay(self, error: LLMServiceError, now: float) -> float | None:
        if self.timer.stale and self._stale < _MOST_STALE and now < self.timer.total:
            # The server hung up while we wrote, which is no failure of the call's.
            self._stale += 1
            return 0.0
        if not error.retryable or self._retries_left(error) <= 0:
            return None
        delay = self._delay_for(error.retry_after)
        if delay is None or now + delay >= self.timer.total:
            return None
        return delay if self.budget.withdraw(now) else None

    def _retries_left(self, error: LLMServiceError) -> int:
        left = self.policy.max_retries - (len(self.history) - 1 - self._stale)
        # An unreadable answer was paid for: it is asked for once more, not often.
        return min(left, 2 - self._unreadable) if _is_unreadable(error) else left

    def _delay_for(self, asked: float | None) -> float | None:
        if asked is not None and asked > self.policy.max_retry_after:
            return None
        if self._delays is None:
            self._delays = self.policy.delays()
        own = next(self._delays)
        # A tenth more than asked for, at most: callers that were turned away together
        # do not come back together.
        return own if not asked else asked + min(own, asked / 10)


def _is_unreadable(error: LLMServiceError) -> bool:
    interrupted = isinstance(error, LLMStreamInterruptedError)
    return isinstance(error, LLMInvalidResponseError) and not interrupted
