"""What a workflow took: every answer and every error, added up."""

from __future__ import annotations

from collections.abc import Iterable
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


@define
class Entry:
    """One workflow in one form.

    Args:
        title: of the workflow.
        form: sync or async.
        model: that was asked.
        outcomes: of its calls, each with the attempts that it took.
        seconds: from begin to end.
        failed: name of the error that ended it, None when it was done.
    """

    title: str
    form: str
    model: str
    outcomes: list[Outcome] = field(factory=list)
    seconds: float = 0.0
    failed: str | None = None

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
        """All tokens; a stream that was cut did not say how many it took."""
        return _sum(answer.tokens_used for answer in self._answers())

    @property
    def cost(self) -> Sum:
        """US dollars."""
        return _sum(answer.cost for answer in self._answers())

    def _history(self) -> list[Attempt]:
        return [attempt for outcome in self.outcomes for attempt in outcome.history]

    def _answers(self) -> list[LLMResponse]:
        """What was, or may have been, paid for."""
        answers = []
        for outcome in self.outcomes:
            if isinstance(outcome, LLMResponse):
                answers.append(outcome)
            elif isinstance(outcome, LLMStreamInterruptedError):
                answers.append(outcome.partial or LLMResponse())
        return answers


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
