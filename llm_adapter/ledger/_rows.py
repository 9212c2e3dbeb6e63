"""What the ledger answers: sums of what was booked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias, TypedDict

from attrs import field, frozen

Group: TypeAlias = Literal["user", "workflow", "model", "provider", "day"]
"""By what sums are told apart. A model is one of its provider, a day one of UTC."""


@frozen(kw_only=True)
class UsageRow:
    """Sums over the records of one group; what it was not grouped by is None.

    Args:
        user_id: whose they are; None for those of nobody, too.
        workflow: what they are for; None for those without one, too.
        provider: that was asked.
        model: that was asked.
        day: on which they began.
        calls: of the port, each with all its attempts.
        requests: on the wire.
        succeeded: requests that did.
        errors: requests that failed, and streams that broke.
        cached: calls that a cache spared.
        input_tokens: sent, as all tokens without those that a cache spared.
        output_tokens: received.
        cached_input_tokens: a part of input_tokens.
        cache_write_tokens: a part of input_tokens.
        reasoning_tokens: a part of output_tokens.
        total_tokens: as the provider counts, or else those sent and received.
        cost: US dollars, of all requests whose cost is known.
        unpriced: requests that succeeded, and whose cost is not known.
        latency: seconds of all requests together.
    """

    user_id: str | None = None
    workflow: str | None = None
    provider: str | None = None
    model: str | None = None
    day: date | None = None
    calls: int = 0
    requests: int = 0
    succeeded: int = 0
    errors: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0
    cost: Decimal = Decimal(0)
    unpriced: int = 0
    latency: float = 0.0

    @property
    def mean_latency(self) -> float | None:
        """Seconds for each request; None when there was none."""
        return self.latency / self.requests if self.requests else None


@frozen(kw_only=True)
class Percentiles:
    """Seconds within which that many of a hundred were done."""

    p50: float
    p90: float
    p95: float
    p99: float


@frozen(kw_only=True)
class DayRow:
    """What happened on one day of UTC.

    Args:
        day: which.
        usage: its sums.
        latency: of the requests that succeeded; None when there was none.
        first_token: of the streams that succeeded; None when there was none.
        errors: how often each class of error occurred, the most frequent first.
    """

    day: date
    usage: UsageRow
    latency: Percentiles | None = None
    first_token: Percentiles | None = None
    errors: Mapping[str, int] = field(factory=dict)


class UserUsage(TypedDict):
    """What a user has used of late: tokens, US dollars, and tokens by workflow.

    The cost is that of the requests whose cost is known; None when it is of none.
    """

    total_tokens: int
    total_cost: Decimal | None
    workflows: dict[str, int]


def place(row: UsageRow) -> tuple[Any, ...]:
    """Its place among others: days in their order, and then the dearest first."""
    names = (row.user_id, row.workflow, row.provider, row.model)
    return (
        row.day or date.min,
        -row.cost,
        -row.total_tokens,
        -row.calls,
        # None before names: None itself has no order.
        *((name is not None, name or "") for name in names),
    )
