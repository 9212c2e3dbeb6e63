"""Prices as values: of a bucket of tokens, of a model, of a model at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TypeAlias

from attrs import field, fields, frozen

Rate: TypeAlias = tuple[tuple[int, Decimal | None], ...]
"""Pairs, the highest threshold first: above so many input tokens, all tokens of a
bucket have that price; None where it is not known. The last holds for what is below."""


def rate_for(rate: Rate, sent: int) -> Decimal | None:
    """The price for a request of so many input tokens.

    >>> rate_for(((272_000, Decimal(4)), (0, Decimal(2))), 272_000)
    Decimal('2')
    """
    for threshold, price in rate:
        if sent > threshold:
            return price
    return rate[-1][1]


@frozen(kw_only=True)
class Price:
    """US dollars per million tokens; None where no such price is known.

    Args:
        input: tokens of the prompt.
        cached: tokens of the prompt that were read from the provider's cache.
        cache_write: tokens of the prompt that were written to it.
        cache_write_long: those of them that it keeps for an hour or longer.
        output: tokens of the answer, reasoning included.
    """

    input: Rate | None = None
    cached: Rate | None = None
    cache_write: Rate | None = None
    cache_write_long: Rate | None = None
    output: Rate | None = None

    @property
    def free(self) -> bool:
        """Whether nothing costs anything, so that no token has to be counted."""
        return all(getattr(self, name) == _NOTHING for name in BUCKETS)


_NOTHING: Rate = ((0, Decimal(0)),)
BUCKETS = tuple(each.name for each in fields(Price))


def _combined(
    one: Price, other: Price, combine: Callable[[Rate | None, Rate | None], Rate | None]
) -> Price:
    made = {name: combine(getattr(one, name), getattr(other, name)) for name in BUCKETS}
    return Price(**made)


@frozen(kw_only=True)
class Terms:
    """A price and when it holds.

    Args:
        price: that holds then; of a service tier, what differs from the standard.
        factor: of a service tier: of the standard, instead of a price.
        start: its first day, in UTC.
        hours: of every day from one time until before the other, in UTC.
        workdays: whether it holds from Monday to Friday only.
    """

    price: Price = Price()
    factor: Decimal | None = None
    start: date | None = None
    hours: tuple[time, time] | None = None
    workdays: bool = False

    def holds(self, moment: datetime) -> bool:
        """Whether the price is that of a moment in UTC."""
        if self.start is not None and moment.date() < self.start:
            return False
        if self.workdays and moment.isoweekday() > 5:
            return False
        if self.hours is None:
            return True
        begin, end = self.hours
        now = moment.time()
        return begin <= now < end if begin <= end else now >= begin or now < end

    @property
    def always(self) -> bool:
        """Whether it holds at any time."""
        return self.start is None and self.hours is None and not self.workdays

    def over(self, standard: Price) -> Price:
        """The price of a tier, where the standard is this."""
        if self.factor is None:
            return _combined(self.price, standard, lambda own, other: own or other)
        factor = self.factor
        return _combined(standard, standard, lambda rate, _: _times(rate, factor))


def _times(rate: Rate | None, factor: Decimal) -> Rate | None:
    if rate is None:
        return None
    return tuple((start, price and price * factor) for start, price in rate)


@frozen(kw_only=True)
class ModelPrice:
    """What a model costs.

    Args:
        standard: its prices, of which the last that holds counts.
        tiers: the same of each service tier, by its name; batch is one of them.
        date: of the price.
        source: where it stands.
    """

    standard: tuple[Terms, ...]
    tiers: Mapping[str, tuple[Terms, ...]] = field(factory=dict)
    date: date | None = None
    source: str | None = None

    def price(self, tier: str | None, at: datetime | None) -> Price | None:
        """The price in a tier, None being the standard, at a time, None being now.

        None where there is none: a factor of another tier is not guessed.
        """
        standard = _current(self.standard, at)
        if standard is None:
            return None
        if tier is None or standard.price.free:
            return standard.price
        own = _current(self.tiers.get(tier, ()), at)
        return None if own is None else own.over(standard.price)


def _current(terms: tuple[Terms, ...], at: datetime | None) -> Terms | None:
    if len(terms) == 1 and terms[0].always:
        return terms[0]  # mostly: nobody has to look at a clock
    return _last_that_holds(terms, _in_utc(at)) if terms else None


def _in_utc(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return at if at.tzinfo is None else at.astimezone(UTC)


def _last_that_holds(terms: Iterable[Terms], moment: datetime) -> Terms | None:
    holding = [each for each in terms if each.holds(moment)]
    return holding[-1] if holding else None
