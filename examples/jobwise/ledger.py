"""What a workflow took: every answer and every error, added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeAlias

from attrs import define, field, frozen

from llm_adapter import (
    Attempt,
    LLMResponse,
    LLMServiceError,
    LLMStreamInterruptedError,
)

Outcome: TypeAlias = LLMResponse | LLMServiceError


@frozen
class Sum:
    """A total of what is known; `complete` says whether that is all."""

    known: Decimal
    complete: bool

    @property
    def is_unknown(self) -> bool:
        """Whether there is something to add up, and nothing of it is known."""
        return not (self.complete or self.known)


@define
class Entry:
    """One workflow on one provider.

    Args:
        title: of the workflow.
        provider: its name.
        form: sync or async.
        asked: the model that was asked for, None for the server's own.
        outcomes: of its calls, each with the attempts that it took.
        seconds: from begin to end.
        failed: name of the error that ended it, None when it was done.
    """

    title: str
    provider: str
    form: str
    asked: str | None
    outcomes: list[Outcome] = field(factory=list)
    seconds: float = 0.0
    failed: str | None = None

    @property
    def model(self) -> str:
        """The model that was asked for, else the one that has answered."""
        answered = (outcome.model for outcome in self.outcomes if outcome.model)
        return self.asked or next(answered, "")

    @property
    def attempts(self) -> int:
        """Requests that were sent."""
        return len(self._history())

    @property
    def waited(self) -> float:
        """Seconds between attempts."""
        return sum(attempt.delay for attempt in self._history())

    @property
    def tokens(self) -> Sum:
        """All tokens."""
        return self._sum(lambda answer: answer.tokens_used)

    @property
    def cost(self) -> Sum:
        """US dollars; a model without a price has an unknown cost, not none."""
        return self._sum(lambda answer: answer.cost)

    def _history(self) -> list[Attempt]:
        return [attempt for outcome in self.outcomes for attempt in outcome.history]

    def _sum(self, spent: Callable[[LLMResponse], int | Decimal | None]) -> Sum:
        """What was, or may have been, paid for."""
        values: list[int | Decimal | None] = []
        for outcome in self.outcomes:
            if isinstance(outcome, LLMResponse):
                values.append(spent(outcome))
            elif isinstance(outcome, LLMStreamInterruptedError):
                # What it says on the way is the least that it can come to.
                values += [spent(outcome.partial or LLMResponse()), None]
            elif (outcome.status_code or 0) < 400:
                # A refusal takes nothing; what else broke, may have been answered.
                values.append(None)
        return _sum(values)


def total(sums: Iterable[Sum]) -> Sum:
    """The sum of sums.

    >>> total([Sum(Decimal(1), True), Sum(Decimal(2), False)])
    Sum(known=Decimal('3'), complete=False)
    """
    every = list(sums)
    known = sum((each.known for each in every), Decimal(0))
    return Sum(known, all(each.complete for each in every))


def _sum(values: Iterable[int | Decimal | None]) -> Sum:
    every = list(values)
    known = sum((Decimal(each) for each in every if each is not None), Decimal(0))
    return Sum(known, None not in every)
