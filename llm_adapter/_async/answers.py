"""Answers that are kept: found, or made once for all who want them."""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex
from typing import Any, Generic, Protocol, TypeVar

from .._caching import FIRST_PAUSE, LONGEST_PAUSE, UNDER_WAY, Counters, Look
from .._concurrency import async_sleep, monotonic
from .._stored import NotStored, as_hit
from ..caches import CacheStore
from ..models import EmbeddingResponse, LLMResponse
from .flights import AsyncFlights
from .store import AsyncGuardedStore

R = TypeVar("R", bound=LLMResponse | EmbeddingResponse)
R_co = TypeVar("R_co", bound=LLMResponse | EmbeddingResponse, covariant=True)


class AsyncMake(Protocol[R_co]):
    """Makes an answer that is not there."""

    async def __call__(self) -> R_co:
        """The answer."""
        ...


class AsyncAnswers:
    """A store, and the calls that are under way to fill it.

    Args:
        store: where answers are kept.
        counters: what is counted.
    """

    def __init__(self, store: CacheStore, counters: Counters) -> None:
        self.store = AsyncGuardedStore(store, counters)
        self.counters = counters
        self._flights: AsyncFlights[Any] = AsyncFlights()

    async def answer(self, look: Look[R], make: AsyncMake[R]) -> R:
        """The answer that is kept, or that somebody is about to get, or a new one.

        Raises:
            LLMServiceError: it was to be made, and that failed.
            LLMTimeoutError: somebody else's call takes longer than this one may.
        """
        found = None if look.refresh else await self.find(look)
        if found is not None:
            return found
        making = _AsyncMaking(self, look, make)
        until = monotonic() + look.left(monotonic())
        joined = await self._flights.join(look.shared_with, making, until)
        if joined is None:
            raise look.too_late(UNDER_WAY)
        answer: R = joined[0]
        return self.joined(look, answer) if joined[1] else answer

    def joined(self, look: Look[R], answer: R) -> R:
        """What another caller has paid for, to be changed by nobody else."""
        self.counters.count("joined", saved=answer.cost)
        with suppress(ValueError):  # it cannot be written as JSON
            answer = look.codec.decode(look.codec.encode(answer))
        return as_hit(answer, monotonic() - look.started)

    async def find(self, look: Look[R]) -> R | None:
        """The answer that is kept, if the caller can do something with it."""
        data = await self.store.get(look.key)
        if data is None:
            return None
        try:
            answer = look.codec.decode(data)
        except NotStored as error:
            await self.store.drop(look.key, error)
            return None
        hit = as_hit(answer, monotonic() - look.started)
        if not look.is_usable(hit):
            return None
        self.counters.count("hits", saved=answer.cost)
        return hit

    async def keep(self, look: Look[R], answer: R) -> None:
        """Keep a new answer, if it is whole and of use."""
        data = look.encoded(answer)
        kept = data is not None and await self.store.set(look.key, data, look.ttl)
        self.counters.count("kept" if kept else "not_kept")


class _AsyncMaking(Generic[R]):
    """One answer being made, by this process alone."""

    def __init__(
        self, answers: AsyncAnswers, look: Look[R], make: AsyncMake[R]
    ) -> None:
        self._answers = answers
        self._look = look
        self._make = make
        self._holds = False

    async def __call__(self) -> R:
        """The answer: a new one, or what another process has made meanwhile."""
        look = self._look
        with self._answers.store.making(look.key) as needs_a_claim:
            if look.refresh or not needs_a_claim:
                return await self._made()
            return await self._claimed()

    async def _claimed(self) -> R:
        owner = token_hex(8)
        try:
            found = await self._found(owner)
            return await self._made() if found is None else found
        finally:
            if self._holds:
                await self._answers.store.release(self._look.key, owner)

    async def _made(self) -> R:
        answers, look = self._answers, self._look
        answers.counters.count("misses")
        answer = await self._make()
        await answers.keep(look, answer)
        return answer

    async def _found(self, owner: str) -> R | None:
        """What another process has made; None as soon as it is this one's turn."""
        answers, look = self._answers, self._look
        pause = FIRST_PAUSE
        while (granted := await answers.store.claim(look.key, owner)) is False:
            left = look.left(monotonic())
            if left == 0:
                raise look.too_late(UNDER_WAY)
            await async_sleep(min(pause, left))
            pause = min(1.5 * pause, LONGEST_PAUSE)
            found = await answers.find(look)
            if found is not None:
                return found
        self._holds = granted is True
        # Between our first look and our claim another may have finished.
        return await answers.find(look)
