"""What an answer costs: tokens in disjoint buckets times the price of each."""

from __future__ import annotations

from decimal import Decimal

from .models import Usage
from .providers import PROVIDERS, Price

__all__ = ["cost"]

_MILLION = Decimal(1_000_000)


def cost(usage: Usage, provider: str, model: str) -> Decimal | None:
    """US dollars for the tokens used; None when tokens or price are unknown.

    >>> usage = Usage(input_tokens=1_000_000, output_tokens=0)
    >>> cost(usage, "groq", "openai/gpt-oss-20b")
    Decimal('0.0750')
    """
    known = PROVIDERS[provider].model(model) if provider in PROVIDERS else None
    if known is None or known.price is None:
        return None
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return _cost(known.price, usage.input_tokens, usage.output_tokens, usage)


def _cost(price: Price, sent: int, received: int, usage: Usage) -> Decimal | None:
    if price.threshold is not None and sent > price.threshold:
        if price.above is None:
            return None
        price = price.above
    cached = min(usage.cached_input_tokens or 0, sent)
    written = min(usage.cache_write_tokens or 0, sent - cached)
    buckets = (
        (sent - cached - written, price.input),
        (cached, price.cached),
        (written, price.cache_write),
        (received, price.output),
    )
    total = Decimal(0)
    for tokens, each in buckets:
        if tokens and each is None:
            return None
        total += tokens * (each or 0)
    return total / _MILLION
