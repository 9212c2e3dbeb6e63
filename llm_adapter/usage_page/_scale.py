"""Axes of plots: round numbers and days, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from attrs import frozen

from .._figures import dollars, month_name, places_for

SMALLEST, LARGEST = 1e-15, 1e15
"""That a plot tells apart from nothing, and from any larger number."""

_MOST_DAYS = 5
_MOST_MONTHS = 4
_LONG = 330
"""Days from which on the axis names months."""
_STEPS = (1, 2, 3, 7, 14, 28, 56, 84)
_SIZES = ((1e12, " tn"), (1e9, " bn"), (1e6, " M"), (1e3, " k"), (1.0, ""))


@frozen
class Unit:
    """What an axis counts.

    Args:
        label: a tick, given the last one and the step between them.
        tell: a value in full, given the largest of those that it stands among.
        is_whole: whether there is nothing between one and two.
    """

    label: Callable[[float, float, float], str]
    tell: Callable[[float, float], str]
    is_whole: bool = False


def measured(value: float | Decimal) -> float:
    """A value that a plot can draw.

    >>> measured(-1), measured(Decimal("0.5")), measured(1e300)
    (0.0, 0.5, 1000000000000000.0)
    """
    number = min(float(value), LARGEST)
    return number if number >= SMALLEST else 0.0


def ticks(largest: float, *, is_whole: bool = False) -> list[float]:
    """Round numbers from zero up to the largest value or a little more.

    >>> ticks(0.93), ticks(3, is_whole=True), ticks(0)
    ([0.0, 0.5, 1.0], [0.0, 1.0, 2.0, 3.0], [0.0])
    """
    if largest <= 0:
        return [0.0]
    rough = largest / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(each * size for each in (1, 2, 5, 10, 20) if each * size >= rough)
    if is_whole:
        step = max(1.0, step)
    return [number * step for number in range(math.ceil(largest / step - 1e-9) + 1)]


def day_ticks(days: Sequence[date]) -> list[tuple[int, str]]:
    """Places and names of a few days, the last one among them, or of months.

    >>> from datetime import timedelta
    >>> day_ticks([date(2026, 11, 1) + timedelta(each) for each in range(9)])
    [(0, '1 Nov'), (2, '3 Nov'), (4, '5 Nov'), (6, '7 Nov'), (8, '9 Nov')]
    """
    if len(days) > _LONG:
        firsts = [place for place, day in enumerate(days) if day.day == 1]
        every = math.ceil(len(firsts) / _MOST_MONTHS)
        return [
            (place, f"{month_name(days[place])} {days[place].year}")
            for place in firsts[::every]
        ]
    every = next(each for each in _STEPS if len(days) <= each * _MOST_DAYS)
    return [
        (place, f"{days[place].day} {month_name(days[place])}")
        for place in range((len(days) - 1) % every, len(days), every)
    ]


def _money(tick: float, last: float, step: float) -> str:
    if last >= 10_000:
        return f"${_sized(tick, last)}"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    if places > 4:
        return f"${tick:g}"
    return f"${tick:,.{2 if places == 1 else places}f}" if tick else "$0"


def _sized(tick: float, last: float, _step: float = 0) -> str:
    if not tick:
        return "0"
    size, suffix = next(each for each in _SIZES if last >= each[0])
    return f"{tick / size:g}{suffix}"


def _time(tick: float, last: float, _step: float) -> str:
    if not tick:
        return "0"
    return f"{tick * 1000:g} ms" if last < 1 else f"{tick:g} s"


def _tell_money(value: float, largest: float) -> str:
    return dollars(Decimal(value), places_for([Decimal(largest)])) if value else "$0"


MONEY = Unit(_money, _tell_money)
COUNT = Unit(_sized, lambda value, _largest: f"{value:,.0f}", is_whole=True)
SECONDS = Unit(_time, lambda value, _largest: f"{value:,.2f} s")
