"""What a caching service decides and counts, without I/O."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any, Generic, TypeVar

from attrs import field, frozen

from . import _checks
from ._concurrency import ForkSafeLock
from ._embedding import EmbeddingOptions
from ._identity import Identity, TimeLeft
from ._keys import embedding_key, request_key
from ._replace import replace
from ._secrets import is_secret
from ._stored import (
    decode_embeddings,
    decode_response,
    encode_embeddings,
    encode_response,
    storable,
)
from .caches import CacheStore
from .errors import LLMInvalidResponseError
from .models import EmbeddingResponse, LLMRequest, LLMResponse

R = TypeVar("R", bound=LLMResponse | EmbeddingResponse)

logger = logging.getLogger("llm_adapter")

DEFAULT_TTL = 3600.0
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.05
"""Seconds between two looks at what another process is making."""
UNDER_WAY = "another caller's identical call is still under way"
REST = 5.0
"""Seconds that a store which made a call wait is left alone."""
SLOW = 0.05
"""Seconds from which on a failure has made a call wait."""
QUIET = 60.0
"""Seconds between two warnings of the same store."""


@frozen
class Keeping:
    """How long answers are kept.

    Args:
        ttl: seconds; None for ever.
    """

    ttl: float | None = field(default=DEFAULT_TTL, validator=_checks.seconds)


def as_store(cache: object) -> CacheStore:
    """A store of the caller's.

    Raises:
        TypeError: it is none.
    """
    if isinstance(cache, CacheStore):
        return cache
    kind = type(cache).__name__
    raise TypeError(f"cache must be a CacheStore or a URL, not {kind}")


# -- one call -------------------------------------------------------------------------


@frozen(kw_only=True)
class Look(TimeLeft, Generic[R]):
    """What one call wants from the cache.

    Args:
        identity: of who would answer.
        started: when the call began (monotonic s).
        key: of the answer.
        ttl: seconds that a new answer is kept; None for ever.
        refresh: whether a new answer is wanted.
        codec: how answers are kept.
        fits: raises LLMInvalidResponseError where an answer is of no use.
        secrets: headers that are in no key: whose is the call?
    """

    key: str
    ttl: float | None
    refresh: bool
    codec: Codec[R]
    fits: Callable[[R], object]
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def shared_with(self) -> Hashable:
        """What calls have in common that are made as one."""
        return self.key, self.refresh, self.secrets

    def is_usable(self, answer: R) -> bool:
        """Whether the caller can do something with an answer."""
        try:
            self.fits(answer)
        except LLMInvalidResponseError:
            return False
        return True

    def encoded(self, answer: R) -> bytes | None:
        """A new answer as it is kept; None when it had better not be."""
        if not (self.codec.keeps(answer) and self.is_usable(answer)):
            return None
        try:
            return self.codec.encode(answer)
        except ValueError:  # half of a surrogate pair, which JSON does not take
            return None


@frozen
class Codec(Generic[R]):
    """How one kind of answer is kept."""

    encode: Callable[[R], bytes]
    decode: Callable[[bytes], R]
    keeps: Callable[[R], bool]


def _always(response: EmbeddingResponse) -> bool:
    return True


RESPONSES: Codec[LLMResponse] = Codec(encode_response, decode_response, storable)
EMBEDDINGS: Codec[EmbeddingResponse] = Codec(
    encode_embeddings, decode_embeddings, _always
)


def response_look(
    identity: Identity,
    request: LLMRequest,
    fits: Callable[[LLMResponse], object],
    *,
    ttl: float | None,
    started: float,
) -> Look[LLMResponse] | None:
    """What a request wants from the cache; None when no key can be made of it."""
    try:
        key = request_key(identity)
    except ValueError:
        return None
    return Look(
        key=key,
        identity=identity,
        started=started,
        ttl=ttl if request.cache_ttl is None else request.cache_ttl,
        refresh=request.cache == "refresh",
        codec=RESPONSES,
        fits=fits,
        secrets=tuple(
            item for item in request.extra_headers.items() if is_secret(item[0])
        ),
    )


def embedding_look(
    identity: Identity,
    texts: tuple[str, ...],
    options: EmbeddingOptions,
    *,
    ttl: float | None,
    started: float,
) -> Look[EmbeddingResponse] | None:
    """What an embedding wants from the cache; None when no key can be made of it."""
    try:
        key = embedding_key(identity, texts, options)
    except ValueError:
        return None
    return Look(
        key=key,
        identity=identity,
        started=started,
        ttl=ttl if options.cache_ttl is None else options.cache_ttl,
        refresh=options.cache == "refresh",
        codec=EMBEDDINGS,
        fits=_always,
    )


class Once(Generic[R]):
    """Reads an answer once, however often it is asked to."""

    def __init__(self, read: Callable[[R], Any]) -> None:
        self._read = read
        self._answer: R | None = None
        self._value: Any = None

    def __call__(self, answer: R) -> Any:
        if answer is not self._answer:
            self._value = self._read(answer)
            self._answer = answer
        return self._value


# -- counting -------------------------------------------------------------------------


@frozen(kw_only=True)
class CacheStats:
    """What a cache has done since its service was made.

    Args:
        hits: answers that were there.
        misses: calls that were made because they were not.
        joined: calls that were spared since an identical one was under way.
        kept: new answers that were stored.
        not_kept: new answers that were not whole, not usable, or too large.
        bypassed: calls that went past the cache.
        failures: times that the store failed, was late, or held rubbish.
        saved: US dollars that the spared calls would have cost, where that is known.
    """

    hits: int = 0
    misses: int = 0
    joined: int = 0
    kept: int = 0
    not_kept: int = 0
    bypassed: int = 0
    failures: int = 0
    saved: Decimal = field(default=Decimal(0))


class Counters:
    """Counts for CacheStats, from many threads."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._stats = CacheStats()

    def count(self, name: str, saved: Decimal | None = None) -> None:
        """One more of a kind; `saved` dollars."""
        with self._lock:
            changes: dict[str, Any] = {name: getattr(self._stats, name) + 1}
            if saved:
                changes["saved"] = self._stats.saved + saved
            self._stats = replace(self._stats, **changes)

    def stats(self) -> CacheStats:
        """The counts of this moment."""
        return self._stats


class Trouble:
    """What is wrong with a store, and whether it had better be left alone.

    A store that fails at once costs nothing, and is asked again by the next call. One
    that made a call wait is not, for a while.
    """

    def __init__(self, store: object) -> None:
        self._store = store
        self._rests_until = -math.inf
        self._quiet_until = -math.inf
        self._told = False

    def rests(self, now: float) -> bool:
        """Whether the store is not to be asked at the moment."""
        return now < self._rests_until

    def failed(self, what: str, error: Exception, *, took: float, now: float) -> None:
        """Note a failure after so many seconds; say so, but not each time."""
        if took >= SLOW:
            self._rests_until = now + REST
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            self._told = True
            logger.warning(
                "The cache %r could not %s (%s: %.200s); calls go on without it.",
                self._store,
                what,
                type(error).__name__,
                error,
            )

    def worked(self) -> None:
        """Note that the store has done what it was asked."""
        if self._told:
            self._told = False
            logger.info("The cache %r works again.", self._store)
