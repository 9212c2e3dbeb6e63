"""Money as whole numbers of pico-dollars, which databases add without an error."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

PICO = 10**12
"""Of them make a dollar; the cheapest token costs thousands."""

LARGEST = 9 * 10**18
"""That one column holds: nine million dollars."""

_EXACT = Context(prec=200)


def to_pico(dollars: Decimal) -> int | None:
    """Whole pico-dollars; None when it is no amount, or not one that can be booked.

    >>> to_pico(Decimal("0.0000375"))
    37500000
    """
    if not dollars.is_finite() or not -PICO < dollars < PICO:
        return None
    pico = int(
        _EXACT.multiply(dollars, Decimal(PICO)).to_integral_value(ROUND_HALF_EVEN)
    )
    return pico if 0 <= pico <= LARGEST else None


def to_dollars(pico: int) -> Decimal:
    """The exact amount.

    >>> to_dollars(1_500_000_000_000)
    Decimal('1.5')
    """
    return _EXACT.divide(Decimal(pico), Decimal(PICO))


def shown(pico: int) -> str:
    """For people: cents, or as many places as it takes.

    >>> shown(1_500_000_000_000), shown(75_000_000), shown(1234 * 10**12)
    ('$1.50', '$0.000075', '$1,234.00')
    """
    dollars = to_dollars(pico)
    places = max(2, -int(dollars.as_tuple().exponent))
    return f"${dollars:,.{places}f}"
