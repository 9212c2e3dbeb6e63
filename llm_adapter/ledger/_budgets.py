"""Limits on what is spent: which of them a call touches, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any, Literal, TypeAlias

from attrs import field, frozen, validators

from .._checks import type_error
from ..errors import LLMBudgetExceededError
from ._money import LARGEST, shown, to_pico
from ._records import Record
from ._texts import kept_or_none, kept_user

Period: TypeAlias = Literal["day", "month"]
Unit: TypeAlias = Literal["dollars", "tokens"]

EACH = "*"
_AMOUNT = validators.optional((validators.ge(0), validators.le(LARGEST)))


def _as_dollars(value: object) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise type_error("limit", "a number of US dollars", value)
    try:
        # A fraction is meant as it is written; whole numbers may have too many digits.
        return Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        raise ValueError(f"limit is {value!r:.80}: use a number of dollars") from None


def _dollars(instance: object, attribute: Any, value: Decimal | None) -> None:
    if value is not None and to_pico(value) is None:
        raise ValueError(f"limit is {value!s:.80}: use dollars from 0 to nine million")


def _tokens(instance: object, attribute: Any, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise type_error("tokens", "a whole number or None", value)
    if not 0 <= value <= LARGEST:
        raise ValueError(
            f"tokens is {Decimal(value)!s:.80}: use a whole number from 0 to {LARGEST}"
        )


def _as_workflow(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise type_error("workflow", "a string or None", value)
    return kept_or_none(value)


def _name(instance: object, attribute: Any, value: str | None) -> None:
    if value == "":
        raise ValueError(
            f"{attribute.name} is empty: name one, or use '*' for each, or None for all"
        )


@frozen
class Budget:
    """A limit on what calls may take within a day or a month of UTC.

    >>> Budget(5, user_id="*")
    Budget('$5.00 per day for each user')

    Args:
        limit: US dollars; or else give tokens.
        tokens: as the provider counts them.
        per: after "day" or "month" it begins anew.
        user_id: whose calls it counts: of one user, of each by itself ("*"), or of all
            together (None). A call that names no user touches only the last.
        workflow: which calls it counts, in the same manner.
    """

    limit: Decimal | None = field(
        default=None, converter=_as_dollars, validator=_dollars
    )
    tokens: int | None = field(default=None, kw_only=True, validator=_tokens)
    per: Period = field(
        default="day", kw_only=True, validator=validators.in_(("day", "month"))
    )
    user_id: str | None = field(
        default=None, kw_only=True, converter=kept_user, validator=_name
    )
    workflow: str | None = field(
        default=None, kw_only=True, converter=_as_workflow, validator=_name
    )

    def __attrs_post_init__(self) -> None:
        if (self.limit is None) == (self.tokens is None):
            raise ValueError("A Budget needs a limit in dollars, or one in tokens.")

    @property
    def unit(self) -> Unit:
        """What it counts."""
        return "tokens" if self.limit is None else "dollars"

    @property
    def amount(self) -> int:
        """The limit as a whole number: tokens, or pico-dollars."""
        return (self.tokens if self.limit is None else to_pico(self.limit)) or 0

    def __repr__(self) -> str:
        return f"Budget({described(self, self.user_id, self.workflow)!r})"


@frozen(kw_only=True)
class Counter:
    """What of a budget one call touches: one user's, one workflow's, one period's.

    Args:
        budget: whose limit it has. Budgets that count the same share its number.
        user_id: whose calls it counts; None for all.
        workflow: which calls it counts; None for all.
        period: such as 2026-11 or 2026-11-24.
        ends: when the next period begins (UTC).
    """

    budget: Budget
    user_id: str | None
    workflow: str | None
    period: str
    ends: datetime

    @property
    def key(self) -> str:
        """Of its row in the database; the same for the same calls."""
        parts = [self.budget.unit, self.period, self.user_id, self.workflow]
        return sha256(json.dumps(parts).encode()).hexdigest()[:32]


@frozen(kw_only=True)
class Amounts:
    """What a call takes, or may take; None where that is not known.

    >>> Amounts.of(cost=Decimal("0.0000375"), tokens=12)
    Amounts(dollars=37500000, tokens=12)

    Args:
        dollars: 1e-12 of them.
        tokens: as the provider counts them.
    """

    dollars: int | None = field(default=None, validator=_AMOUNT)
    tokens: int | None = field(default=None, validator=_AMOUNT)

    @classmethod
    def of(cls, *, cost: Decimal | None, tokens: int | None) -> Amounts:
        """From US dollars and tokens; what cannot be is not known."""
        is_known = tokens is not None and 0 <= tokens <= LARGEST
        return cls(
            dollars=None if cost is None else to_pico(cost),
            tokens=tokens if is_known else None,
        )

    def in_unit(self, unit: Unit) -> int | None:
        """What a counter of that unit has to count."""
        return self.dollars if unit == "dollars" else self.tokens


@frozen(kw_only=True)
class Standing:
    """How far a budget is used.

    Args:
        counter: of which.
        spent: by calls that have ended, in tokens or pico-dollars.
        reserved: by calls in flight, and by those that died with their process.
        asked: by the call that is about to begin.
    """

    counter: Counter
    spent: int = 0
    reserved: int = 0
    asked: int = 0

    @property
    def is_overrun(self) -> bool:
        """Whether the call that asks may not begin; one that takes nothing always may.

        >>> counter = touched([Budget(tokens=10)], at=datetime(2026, 11, 24))[0]
        >>> Standing(counter=counter, spent=6, reserved=3, asked=1).is_overrun
        False
        >>> Standing(counter=counter, spent=6, reserved=3, asked=2).is_overrun
        True
        """
        used = self.spent + self.reserved + self.asked
        return self.asked > 0 and used > self.counter.budget.amount


def touched(
    budgets: Iterable[Budget],
    *,
    user_id: str | int | None = None,
    workflow: str | None = None,
    at: datetime,
) -> tuple[Counter, ...]:
    """The counters of a call that begins at that time (UTC).

    >>> call = {"user_id": "ann", "at": datetime(2026, 11, 24, 12)}
    >>> budgets = [Budget(5, per="month"), Budget(1, user_id="bob")]
    >>> [each.period for each in touched(budgets, **call)]
    ['2026-11']
    """
    user, work = kept_user(user_id), kept_or_none(workflow)
    found = []
    for budget in budgets:
        if _counts(budget.user_id, user) and _counts(budget.workflow, work):
            period, ends = _period(budget.per, at)
            counter = Counter(
                budget=budget,
                user_id=user if budget.user_id is not None else None,
                workflow=work if budget.workflow is not None else None,
                period=period,
                ends=ends,
            )
            found.append(counter)
    return tuple(found)


def _counts(wanted: str | None, given: str | None) -> bool:
    if wanted == EACH:
        return given is not None
    return wanted is None or wanted == given


def _period(per: Period, at: datetime) -> tuple[str, datetime]:
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        return f"{day:%Y-%m-%d}", day + timedelta(days=1)
    # From the 28th, four days lead into the next month from any other.
    following = day.replace(day=28) + timedelta(days=4)
    return f"{day:%Y-%m}", following.replace(day=1)


def described(budget: Budget, user_id: str | None, workflow: str | None) -> str:
    """A budget in words, for one user or workflow or for "*", each of them.

    >>> described(Budget(tokens=5000, per="month", workflow="*"), None, "letters")
    "5,000 tokens per month for workflow 'letters'"
    """
    parts = [f"{_amount(budget.amount, budget.unit)} per {budget.per}"]
    for kind, name in (("user", user_id), ("workflow", workflow)):
        if name is not None:
            parts.append(f"each {kind}" if name == EACH else f"{kind} {name!r}")
    return " for ".join(parts[:2]) + "".join(f" and {each}" for each in parts[2:])


def exceeded(standing: Standing, now: datetime) -> LLMBudgetExceededError:
    """Why a call may not begin, and when it may; retry_after are seconds until then.

    Args:
        standing: of the budget that it would overrun.
        now: when it would begin.
    """
    counter = standing.counter
    budget, ends = counter.budget, counter.ends
    moment = now.replace(tzinfo=UTC) if now.tzinfo is None else now
    words = described(budget, counter.user_id, counter.workflow)
    spent, reserved, asked = (
        _amount(each, budget.unit)
        for each in (standing.spent, standing.reserved, standing.asked)
    )
    return LLMBudgetExceededError(
        f"The budget of {words} does not allow this call: {spent} spent, {reserved} "
        f"reserved by calls in flight, and this one may take {asked}. "
        f"It renews at {ends:%Y-%m-%d %H:%M} UTC.",
        retry_after=max(0.0, (ends - moment).total_seconds()),
    )


def _amount(amount: int, unit: Unit) -> str:
    return shown(amount) if unit == "dollars" else f"{amount:,} tokens"


def taken_by(record: Record) -> Amounts:
    """What a request takes of a budget; None where that is not known.

    A provider that refused, or was not reached, takes nothing. A request that nobody
    waited for, or whose answer broke off, may have been paid.
    """
    usage, cost = record.usage, record.cost
    tokens = usage.total_tokens
    if tokens is None and usage.output_tokens is not None:
        tokens = (usage.input_tokens or 0) + usage.output_tokens
    if record.status == "failed" and _was_refused(record):
        tokens, cost = tokens or 0, cost or Decimal(0)
    return Amounts.of(cost=cost, tokens=tokens)


def _was_refused(record: Record) -> bool:
    answered = record.status_code is not None and record.status_code >= 400
    return answered or record.error == "LLMConnectionError"
