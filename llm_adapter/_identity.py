"""Who would answer a request, what they would be asked, and in which time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from ._replace import replace
from .errors import LLMTimeoutError
from .models import LLMRequest, Timeout

if TYPE_CHECKING:
    from .pricing import PriceList


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
        prices: of the caller's own; they decide no answer.
    """

    provider: str
    model: str = ""
    base_url: str = ""
    api: str = ""
    request: LLMRequest | None = field(default=None, repr=False)
    timeout: float | None = None
    prices: PriceList | None = field(default=None, repr=False)


def total_seconds(timeout: float | Timeout | None) -> float | None:
    """The limit of a whole call, where one is set.

    >>> total_seconds(3), total_seconds(Timeout(total=5, idle=1)), total_seconds(None)
    (3, 5, None)
    """
    return timeout.total if isinstance(timeout, Timeout) else timeout


UNNOTICED = 0.005
"""Seconds that may be missing from a call's time."""


@frozen(kw_only=True)
class TimeLeft:
    """What a call may still take that has done something before it is made.

    Args:
        identity: of who would answer.
        started: when the call began (monotonic s).
    """

    identity: Identity
    started: float

    def left(self, now: float) -> float:
        """Seconds until the call must have ended; infinite where nobody set a limit."""
        limit = self.identity.timeout
        return math.inf if limit is None else max(0.0, self.started + limit - now)

    def in_time(
        self, timeout: float | Timeout | None, now: float
    ) -> float | Timeout | None:
        """The timeout of the call that is made now.

        >>> time = TimeLeft(identity=Identity(provider="groq", timeout=30), started=0)
        >>> time.in_time(None, now=0.001), time.in_time(30, now=10)
        (None, 20)

        Raises:
            LLMTimeoutError: there is none left.
        """
        left = self.left(now)
        if now - self.started < UNNOTICED or left == math.inf:
            return timeout
        if left == 0:
            raise self.too_late("the time was used up before the request was sent")
        return replace(timeout, total=left) if isinstance(timeout, Timeout) else left

    def too_late(self, why: str) -> LLMTimeoutError:
        """The error for a caller whose time is up."""
        return LLMTimeoutError(
            f"No answer after {self.identity.timeout:.3g} s: {why}.",
            provider=self.identity.provider,
            model=self.identity.model or None,
        )


def with_timeout(request: LLMRequest, timeout: float | Timeout | None) -> LLMRequest:
    """The request with another timeout, the same when it has that already."""
    return request if timeout is request.timeout else evolve(request, timeout=timeout)
