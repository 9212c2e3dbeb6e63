"""What an answer costs: tokens in disjoint buckets times the price of each."""

from __future__ import annotations

import datetime
from decimal import Context, Decimal

from ..models import Usage
from ._lists import PriceList, shipped
from ._prices import ModelPrice, Price, Rate, rate_for

__all__ = ["ModelPrice", "Price", "PriceList", "cost", "find_price", "price_date"]

_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)
# Of our own: in the caller's a sum might be rounded. Nothing in it raises.
_EXACT = Context(prec=100, traps=[])
_STANDARD = frozenset({"", "auto", "default", "on_demand", "standard"})
_COMBINED = "+"


def cost(
    usage: Usage,
    provider: str,
    model: str,
    *,
    batch: bool = False,
    service_tier: str | None = None,
    at: datetime.datetime | None = None,
    prices: PriceList | None = None,
) -> Decimal | None:
    """US dollars for the tokens used; None when tokens or a price are unknown.

    Args:
        usage: the tokens, and the service tier that the answer names.
        provider: whose model it is.
        model: as the answer names it.
        batch: whether it came through the provider's batches.
        service_tier: instead of the one in usage.
        at: when it was used, None for now; without a time zone it is in UTC.
        prices: of one's own, laid over those that ship with the package.

    >>> usage = Usage(input_tokens=1_000_000, output_tokens=0)
    >>> cost(usage, "groq", "openai/gpt-oss-20b")
    Decimal('0.075')
    """
    known = find_price(provider, model, prices)
    if known is None:
        return None
    price = known.price(_tier(usage, batch, service_tier), at)
    if price is None:
        return None
    return _NOTHING if price.free else _cost(price, usage)


def price_date(
    provider: str, model: str, prices: PriceList | None = None
) -> datetime.date | None:
    """The date of the price that `cost` takes; None where there is no price or date."""
    known = find_price(provider, model, prices)
    return None if known is None else known.date


def find_price(
    provider: str, model: str, prices: PriceList | None = None
) -> ModelPrice | None:
    """All prices of a model, or of the one that it is a dated snapshot of."""
    own = None if prices is None else prices.find(provider, model)
    return own or shipped(provider).find(model)


def _tier(usage: Usage, batch: bool, service_tier: str | None) -> str | None:
    """The name of the tier, None for the standard; what is combined has no price."""
    served = usage.service_tier if service_tier is None else service_tier
    if not batch and served is None and usage.speed is None:
        return None
    named = ("batch" if batch else "", served or "", usage.speed or "")
    special = {name.lower() for name in named} - _STANDARD
    return _COMBINED.join(sorted(special)) or None


def _cost(price: Price, usage: Usage) -> Decimal | None:
    sent, received = usage.input_tokens, usage.output_tokens
    if sent is None or received is None:
        return None
    cached = min(usage.cached_input_tokens or 0, sent)
    written = min(usage.cache_write_tokens or 0, sent - cached)
    long = usage.cache_write_long_tokens
    if written and long is None and price.cache_write_long is not None:
        return None  # two prices, and nobody said which tokens have which
    long = min(long or 0, written)
    buckets = (
        (sent - cached - written, price.input),
        (cached, price.cached),
        (written - long, price.cache_write),
        (long, price.cache_write_long),
        (received, price.output),
    )
    return _sum(buckets, sent)


def _sum(buckets: tuple[tuple[int, Rate | None], ...], sent: int) -> Decimal | None:
    total = _NOTHING
    for tokens, rate in buckets:
        if not tokens:
            continue
        each = None if rate is None else rate_for(rate, sent)
        if each is None:
            return None
        total = _EXACT.fma(tokens, each, total)
    return _EXACT.divide(total, _MILLION)
