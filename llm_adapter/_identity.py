"""Who would answer a request, and what they would be asked."""

from __future__ import annotations

from attrs import field, frozen

from .models import LLMRequest, Timeout


@frozen(kw_only=True)
class Identity:
    """What decides an answer: all that a cache key or a budget has to know.

    Args:
        provider: name of the provider.
        model: that would answer; empty where only the provider knows.
        base_url: of its API; empty for services that have none.
        api: which of its APIs would be spoken.
        request: as it would be sent, defaults filled in; None for embeddings.
        timeout: of the whole call, in seconds, where one is set.
    """

    provider: str
    model: str = ""
    base_url: str = ""
    api: str = ""
    request: LLMRequest | None = field(default=None, repr=False)
    timeout: float | None = None


def total_seconds(timeout: float | Timeout | None) -> float | None:
    """The limit of a whole call, where one is set.

    >>> total_seconds(3), total_seconds(Timeout(total=5, idle=1)), total_seconds(None)
    (3, 5, None)
    """
    return timeout.total if isinstance(timeout, Timeout) else timeout
