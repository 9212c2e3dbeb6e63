"""From what is seen of a call to what is booked of it, without I/O."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from . import pricing
from ._context import UsageContext
from ._replace import replace
from ._watch import Ending, Operation
from .ledger import LARGEST, Amounts, Record, taken_by
from .models import EmbeddingResponse, LLMResponse, Usage
from .pricing import PriceList

NOTHING_USED = Usage(input_tokens=0, output_tokens=0, total_tokens=0)
NOTHING_TAKEN = Amounts(dollars=0, tokens=0)


class Books(Protocol):
    """Where records go; no method blocks or fails."""

    def begin(self, record: Record) -> None:
        """A request is about to be sent."""
        ...

    def end(self, record: Record) -> None:
        """It has ended, or was spared."""
        ...


def new_id() -> str:
    """Of a call or a record: of which there is no other."""
    return os.urandom(16).hex()


def utc_now() -> datetime:
    """The time of a record."""
    return datetime.now(UTC)


class Booking:
    """Sees the requests of one call of a service, and books them.

    A request may end long after its caller has left.

    Args:
        books: where to.
        context: whose the call is.
        settle: is told what the call has taken, once all of it has ended; None where
            no budget wants to know.
        clock: the time.
    """

    def __init__(
        self,
        books: Books,
        context: UsageContext,
        settle: Callable[[str, Amounts], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.call_id = new_id()
        self._books = books
        self._context = context
        self._settle = settle
        self._clock = clock
        self._lock = threading.Lock()
        self._begun = 0
        self._open = 1  # the call itself
        self._process = os.getpid()
        self._holds = False
        self._is_over = False
        self._taken = NOTHING_TAKEN

    def call(self, operation: Operation, provider: str, model: str) -> CallBooking:
        """An adapter begins one."""
        record = Record(
            id="",
            call_id=self.call_id,
            attempt=0,
            at=self._clock(),
            operation=operation,
            provider=provider,
            model=model,
            user_id=self._context.user_id,
            workflow=self._context.workflow,
        )
        return CallBooking(self, record)

    def began(self, record: Record) -> Record:
        """A request is about to be sent: from now on it cannot be lost."""
        with self._lock:
            self._begun += 1
            self._open += 1
            number = self._begun
        begun = replace(record, id=new_id(), attempt=number, at=self._clock())
        self._books.begin(begun)
        return begun

    def ended(self, record: Record) -> None:
        """It has ended; a forked process knows nothing of how its parent's do."""
        if os.getpid() == self._process:
            self._books.end(record)
            self._closed(record)

    def succeeded(
        self, operation: Operation, provider: str, model: str, latency: float
    ) -> None:
        """The call has; without a request it was spared by a cache, or by another call.

        Args:
            operation: what was asked for.
            provider: of whom.
            model: likewise; empty where nobody has named one.
            latency: seconds.
        """
        if not self._begun:
            record = self.call(operation, provider, model).record
            spared = replace(
                record,
                id=new_id(),
                status="cached",
                usage=NOTHING_USED,
                cost=Decimal(0),
                latency=latency,
            )
            self._books.end(spared)

    def over(self) -> None:
        """The call is, whatever came of it; requests of it may go on."""
        if not self._is_over and os.getpid() == self._process:
            self._is_over = True
            self._closed()

    def reserving(self) -> None:
        """Something is about to be reserved for the call, perhaps when it is over."""
        with self._lock:
            self._open += 1

    def reserved(self, *, holds: bool) -> None:
        """That has been tried: whether something may be reserved."""
        self._holds = self._holds or holds
        self._closed()

    def _closed(self, record: Record | None = None) -> None:
        if self._settle is None:
            return
        with self._lock:
            self._open -= 1
            if record is not None:
                self._taken = added(self._taken, taken_by(record))
            is_last = not self._open
        if is_last and self._holds:
            self._settle(self.call_id, self._taken)


class CallBooking:
    """Books the requests of one call of an adapter."""

    def __init__(self, booking: Booking, record: Record) -> None:
        self._booking = booking
        self.record = record

    def began(self, number: int) -> None:
        """A request is about to be sent."""
        self.record = self._booking.began(self.record)

    def ended(self, ending: Ending) -> None:
        """It has ended."""
        self._booking.ended(booked(self.record, ending))


def booked(record: Record, ending: Ending) -> Record:
    """The record of a request that has ended."""
    attempt, answer = ending.attempt, ending.answer
    request_id = ending.error.request_id if ending.error is not None else None
    known: dict[str, Any] = {}
    if answer is not None:
        known = _answered(answer, record, ending.prices)
        request_id = answer.request_id or request_id
    return replace(
        record,
        status=ending.outcome,
        error=attempt.error,
        status_code=attempt.status_code,
        latency=attempt.duration,
        first_token=attempt.first_token,
        request_id=request_id,
        **known,
    )


def _answered(
    answer: LLMResponse | EmbeddingResponse, record: Record, prices: PriceList | None
) -> dict[str, Any]:
    model, dated = answer.model or record.model, None
    if answer.cost is not None:
        dated = pricing.price_date(record.provider, model, prices)
    return {
        "model": model,
        "usage": answer.usage,
        "cost": answer.cost,
        "price_date": dated,
    }


def added(one: Amounts, other: Amounts) -> Amounts:
    """Both together; unknown where one of them is.

    >>> added(Amounts(dollars=1, tokens=2), Amounts(tokens=3))
    Amounts(dollars=None, tokens=5)
    """
    return Amounts(
        dollars=_sum(one.dollars, other.dollars), tokens=_sum(one.tokens, other.tokens)
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else min(one + other, LARGEST)
