"""Numbers and names for people, on a terminal and on a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from .ledger import UsageRow

UNKNOWN = "unknown"
NONE = "\N{EN DASH}"
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_SIZES = ((1e12, " tn"), (1e9, " bn"), (1e6, " M"), (1e3, " k"))
_HIDDEN = ("Cc", "Cs", "Cn", "Co")
_STEERING = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def places_for(costs: Iterable[Decimal]) -> int:
    """Decimal places for all of a column: cents, or what its largest cost needs.

    >>> [places_for([Decimal(each)]) for each in ("1234", "38.4", "0.5", "1e-12")]
    [2, 4, 6, 12]
    """
    largest = max(costs, default=Decimal(0))
    if not largest:
        return 2
    wanted = 4 - largest.adjusted()
    return min(12, max(2, wanted + wanted % 2))


def dollars(cost: Decimal, places: int) -> str:
    """A cost that is never shown as zero unless it is.

    >>> dollars(Decimal("1234.5"), 2), dollars(Decimal("0.0004"), 2)
    ('$1,234.50', '<$0.01')
    """
    unit = Decimal(1).scaleb(-places)
    return f"<${unit:f}" if 0 < 2 * cost < unit else f"${cost:,.{places}f}"


def known_cost(row: UsageRow, places: int) -> str:
    """What requests cost as far as that is known.

    >>> known_cost(UsageRow(unpriced=3), 2), known_cost(UsageRow(), 2)
    ('unknown', '$0.00')
    """
    return UNKNOWN if row.unpriced and not row.cost else dollars(row.cost, places)


def compact(number: float) -> str:
    """A count with at most four digits, and the size they have.

    >>> compact(9_999), compact(12_345), compact(999_960)
    ('9,999', '12.3 k', '1.00 M')
    """
    if number < 10_000:
        return f"{number:,.0f}"
    size, suffix = next(each for each in _SIZES if number >= 0.99995 * each[0])
    sized = number / size
    return f"{sized:,.{2 if sized < 9.995 else 1}f}{suffix}"


def share(part: float, whole: float) -> str:
    """A part in percent.

    >>> share(1, 8), share(1, 5000), share(0, 0) == NONE
    ('12.5 %', '<0.1 %', True)
    """
    if not whole:
        return NONE
    percent = 100 * part / whole
    return "<0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def seconds(value: float | None) -> str:
    """A time that is comparable with those above and below it.

    >>> seconds(0.1234), seconds(None) == NONE
    ('0.12 s', True)
    """
    return NONE if value is None else f"{value:,.2f} s"


def day_name(day: date) -> str:
    """A day in words that no setting of the machine changes.

    >>> day_name(date(2026, 11, 3))
    '3 Nov 2026'
    """
    return f"{day.day} {month_name(day)} {day.year}"


def month_name(day: date) -> str:
    """The month in three letters."""
    return _MONTHS[day.month - 1]


def model_name(row: UsageRow) -> str:
    """Provider and model, as programs write them."""
    return f"{row.provider}:{row.model}"


def plain(text: str) -> str:
    r"""A name on one line; what steers terminals or the order of letters is replaced.

    >>> plain("a\n b\x1b[1m \u202etxt.exe")
    'a b\ufffd[1m \ufffdtxt.exe'
    """
    line = " ".join(text.split())
    if line.isascii() and line.isprintable():
        return line
    return "".join("\ufffd" if _steers(each) else each for each in line)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or character in _STEERING
