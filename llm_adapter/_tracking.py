"""One call that is tracked: whose it is, what it may take, what it was."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from . import pricing
from ._booking import Booking, new_id, utc_now
from ._checks import type_error
from ._concurrency import NotBegun, Tried
from ._context import UsageContext, UserId, label, usage_of
from ._watch import Operation
from .errors import LLMBudgetExceededError
from .ledger import Amounts, LedgerError, Record, touched
from .ledger._ledger import Ledger
from .ledger._texts import kept_or_none
from .models import EmbeddingResponse, LLMResponse, Usage

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a call with a budget waits for the ledger."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two attempts to reserve."""


class TrackedCall:
    """A call of a service.

    Args:
        ledger: where it is booked, and which knows the budgets.
        operation: what is asked for.
        metadata: of the request.
        provider: of the service.
        model: that the request or the service names, if one does.
        now: monotonic seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        operation: Operation,
        metadata: Mapping[str, Any],
        *,
        provider: str,
        model: str | None,
        now: float,
    ) -> None:
        found = usage_of(metadata)
        context = UsageContext(
            kept_or_none(found.user_id), kept_or_none(found.workflow)
        )
        self.started = now
        self._at = utc_now()
        self._ledger = ledger
        self._operation: Operation = operation
        self._provider = provider
        self._model = model or ""
        self._counters = touched(
            ledger.budgets,
            user_id=context.user_id,
            workflow=context.workflow,
            at=self._at,
        )
        settle = ledger.settle if self._counters else None
        self.booking = Booking(ledger, context, settle)

    @property
    def has_budget(self) -> bool:
        """Whether something must be reserved first."""
        return bool(self._counters)

    def reserve(self, amounts: Amounts) -> None:
        """Reserve what the call may take; blocks. `booking.reserving` comes first.

        Raises:
            LLMBudgetExceededError: it would overrun a budget.
            LedgerError: the database cannot be used.
        """
        holds = True  # perhaps, whatever else happens
        try:
            self._ledger.reserve(
                self.booking.call_id, self._counters, amounts, self._at
            )
        except LLMBudgetExceededError as error:
            holds = False
            error.provider, error.model = self._provider, self._model or None
            raise
        finally:
            self.booking.reserved(holds=holds)

    def pause(self, number: int, error: Exception, left: float) -> float:
        """Seconds until the next attempt to reserve.

        Args:
            number: of the one that failed, the first is 0.
            error: why.
            left: seconds that the call may wait.

        Raises:
            LedgerError: there is no other attempt.
            LLMServiceError: the budget does not allow the call.
        """
        if isinstance(error, NotBegun):
            self.booking.reserved(holds=False)
        elif not isinstance(error, LedgerError | TimeoutError):
            raise error
        pause: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**number)
        is_final = isinstance(error, LedgerError) and not error.retryable
        if pause < left and not is_final:
            return pause
        raise LedgerError(
            f"No budget could be asked for this call: {error}",
            provider=self._provider,
            model=self._model or None,
            retryable=not is_final,
        ) from error

    def succeeded(self, answer: object, now: float) -> None:
        """The call has brought an answer, of whatever kind."""
        provider, model = self._provider, self._model
        if isinstance(answer, LLMResponse | EmbeddingResponse):
            provider, model = answer.provider or provider, answer.model or model
        self.booking.succeeded(self._operation, provider, model, now - self.started)


def once() -> bool:
    """Whether to give up when no thread was free in time: yes."""
    return True


def outcome(tried: Tried[T], ledger: Ledger) -> T:
    """What came of asking the ledger.

    Raises:
        LedgerError: it could not be asked in time, or answer.
    """
    error = tried.error
    if isinstance(error, TimeoutError):
        raise LedgerError(f"The ledger {ledger!r} is busy: {error}") from error
    if error is not None:
        raise error
    return cast(T, tried.result)


def by_hand(
    *,
    user_id: UserId | None,
    workflow: str | None,
    provider: str,
    model: str,
    tokens_used: int | None,
    usage: Usage | None,
    cost: Decimal | None,
    latency: float,
) -> Record:
    """A request that somebody else has made, and tells of.

    Raises:
        TypeError, ValueError: what is told makes no sense.
    """
    for name, value in (("provider", provider), ("model", model)):
        if not isinstance(value, str):
            raise type_error(name, "a string", value)
    if (usage is None) == (tokens_used is None):
        raise TypeError("log_usage needs either usage= or tokens_used=")
    used = Usage(total_tokens=_count(tokens_used)) if usage is None else usage
    if not isinstance(used, Usage):
        raise type_error("usage", "a Usage or None", usage)
    if cost is None:
        cost = pricing.cost(used, provider, model)
        dated = pricing.price_date(provider, model) if cost is not None else None
    else:
        cost, dated = _amount(cost), None
    made = new_id()  # of both: that is how the ledger knows it
    return Record(
        id=made,
        call_id=made,
        attempt=1,
        at=utc_now(),
        operation="generate",
        provider=provider,
        model=model,
        user_id=kept_or_none(label("user_id", user_id)),
        workflow=kept_or_none(label("workflow", workflow)),
        usage=used,
        cost=cost,
        price_date=dated,
        latency=latency,
    )


def _count(tokens: int | None) -> int:
    if isinstance(tokens, bool) or not isinstance(tokens, int):
        raise type_error("tokens_used", "a whole number", tokens)
    if tokens < 0:
        raise ValueError(f"tokens_used is {tokens}: use a whole number >= 0")
    return tokens


def _amount(cost: object) -> Decimal:
    if isinstance(cost, bool) or not isinstance(cost, Decimal | int | str):
        raise type_error("cost", "a Decimal of US dollars or None", cost)
    try:
        amount = Decimal(cost)
    except InvalidOperation:
        raise ValueError(f"cost is {cost!r:.80}: use US dollars >= 0") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"cost is {cost!r:.80}: use US dollars >= 0")
    return amount
