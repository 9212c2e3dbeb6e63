"""How long things take: distributions of bounded size and known error."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen

ERROR = 0.02
"""How far a percentile may be off, as a share of the exact value."""

LOWEST, HIGHEST = 1e-6, 1e9
_GROWTH = math.log((1 + ERROR) / (1 - ERROR))
_MIDDLE = 1 - ERROR
_SHOWN = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@frozen(kw_only=True)
class Distribution:
    """Values between a millionth and a thousand million, in buckets that grow by 4 %.

    Args:
        count: of values.
        total: their sum.
        lowest: of them; 0 when there is none.
        highest: of them.
        buckets: number and count of each that is not empty, lowest first.
    """

    count: int = 0
    total: float = 0.0
    lowest: float = 0.0
    highest: float = 0.0
    buckets: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    def percentile(self, share: float) -> float | None:
        """The value that this share of all do not exceed, at most 2 % off.

        >>> distribution(range(1, 101)).percentile(0.5)
        49.418...

        None when there is no value.
        """
        rank = max(1, math.ceil(share * self.count))
        for bucket, count in self.buckets:
            rank -= count
            if rank <= 0:
                value = math.exp(bucket * _GROWTH) * _MIDDLE
                return min(max(value, self.lowest), self.highest)
        return None

    @property
    def mean(self) -> float | None:
        """None when there is no value."""
        return self.total / self.count if self.count else None

    @property
    def p50(self) -> float | None:
        """The median."""
        return self.percentile(0.5)

    @property
    def p90(self) -> float | None:
        """What nine of ten do not exceed."""
        return self.percentile(0.9)

    @property
    def p95(self) -> float | None:
        """What nineteen of twenty do not exceed."""
        return self.percentile(0.95)

    @property
    def p99(self) -> float | None:
        """What ninety-nine of a hundred do not exceed."""
        return self.percentile(0.99)

    def merged(self, other: Distribution) -> Distribution:
        """The distribution of the values of both."""
        if not (self.count and other.count):
            return self if self.count else other
        buckets = dict(self.buckets)
        for bucket, count in other.buckets:
            buckets[bucket] = buckets.get(bucket, 0) + count
        return Distribution(
            count=self.count + other.count,
            total=self.total + other.total,
            lowest=min(self.lowest, other.lowest),
            highest=max(self.highest, other.highest),
            buckets=tuple(sorted(buckets.items())),
        )

    def as_dict(self) -> dict[str, Any]:
        """What people look at, ready for JSON."""
        shown = {name: self.percentile(share) for name, share in _SHOWN.items()}
        known = self.count > 0
        return {
            "count": self.count,
            "mean": self.mean,
            "min": self.lowest if known else None,
            **shown,
            "max": self.highest if known else None,
        }


class Histogram:
    """Counts values; a thousand buckets hold them all."""

    __slots__ = ("_buckets", "_count", "_highest", "_lowest", "_total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._total = 0.0
        self._lowest = HIGHEST
        self._highest = LOWEST

    def add(self, value: float) -> None:
        """Count a value; one out of bounds, or no number, counts as the nearest."""
        if not value > LOWEST:
            value = LOWEST
        elif value > HIGHEST:
            value = HIGHEST
        bucket = math.ceil(math.log(value) / _GROWTH)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._count += 1
        self._total += value
        if value < self._lowest:
            self._lowest = value
        if value > self._highest:
            self._highest = value

    def distribution(self) -> Distribution:
        """Of the values so far."""
        if not self._count:
            return Distribution()
        return Distribution(
            count=self._count,
            total=self._total,
            lowest=self._lowest,
            highest=self._highest,
            buckets=tuple(sorted(self._buckets.items())),
        )


def distribution(values: Any) -> Distribution:
    """Of these values.

    >>> distribution([0.5, 0.25]).highest
    0.5
    """
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram.distribution()
