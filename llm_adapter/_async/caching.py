"""A service that never pays twice for the same answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, Unpack

from attrs import evolve

from .._answers import json_request, read_as, read_object
from .._caching import (
    DEFAULT_TTL,
    CacheStats,
    Counters,
    Keeping,
    Look,
    Once,
    as_store,
    embedding_look,
    response_look,
)
from .._concurrency import monotonic
from .._embedding import EmbeddingOptions, EmbedOptions, as_texts
from .._flights import Together
from .._identity import with_timeout
from ..caches import CacheStore, cache_from_url
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    Timeout,
    as_request,
)
from ..settings import Settings
from .answers import AsyncAnswers
from .cached_stream import AsyncCachedEvents, AsyncSharedStream
from .service import AsyncLLMService
from .stream import AsyncResponseStream
from .wrapping import AsyncWrappingLLMService

T = TypeVar("T")


class AsyncCachingLLMService(AsyncWrappingLLMService):
    """Never pays twice for the same answer.

    It keeps answers for the same request, and asks once for all who want the same at
    the same time.

    Only whole answers are kept. A hit says `cached`, costs nothing, and has the tokens
    of the call that brought it. Requests may say `cache=False` or `cache="refresh"`,
    and their own `cache_ttl`. JSON and typed answers are asked for by `generate`, and
    kept when they can be read.

    Args:
        base: the service that is asked, closed with this one.
        cache: a store, or its URL; None means LLM_CACHE_URL, else memory. A store of
            yours is not closed.
        ttl: seconds that an answer is kept; None for ever.
        settings: instead of Settings.from_env().

    Raises:
        LLMConfigurationError: the URL is no store's.
        TypeError: an argument has the wrong type.
        ValueError: ttl is not above zero.
    """

    def __init__(
        self,
        base: AsyncLLMService,
        cache: CacheStore | str | None = None,
        ttl: float | None = DEFAULT_TTL,
        *,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(base)
        self._ttl = Keeping(ttl).ttl
        store = _store(cache, settings)
        self._answers = AsyncAnswers(store, Counters())
        self._streams: Together[AsyncSharedStream] = Together()
        self._owns_store = store is not cache

    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        other = object.__new__(type(self))
        vars(other).update(vars(self), _base=base, _owns_store=False)
        return other

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer, if need be."""
        return await self._read(as_request(request, overrides), _itself)

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object; others are not kept."""
        wanted = json_request(as_request(request, overrides))
        return await self._read(wanted, read_object)

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of a type; what does not fit is not kept."""
        wanted = evolve(as_request(request, overrides), response_format=kind)
        return await self._read(wanted, partial(read_as, kind))

    async def _read(self, wanted: LLMRequest, read: Callable[[LLMResponse], T]) -> T:
        """What `read` makes of the answer, which is kept when it makes something."""
        once = Once(read)
        look = await self.look(wanted, once)
        if look is None:
            return read(await self._base.generate(wanted))
        asked = partial(self._ask, wanted, look)
        value: T = once(await self._answers.answer(look, asked))
        return value

    async def _ask(self, wanted: LLMRequest, look: Look[LLMResponse]) -> LLMResponse:
        timeout = look.in_time(wanted.timeout, monotonic())
        return await self._base.generate(with_timeout(wanted, timeout))

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written, or at once when it is there.

        Callers in one event loop or process read the same stream together.
        """
        wanted = as_request(request, overrides)
        stream = self._base.stream(wanted)  # says what is wrong with the request
        if wanted.cache is False:
            self._answers.counters.count("bypassed")
            return stream
        return AsyncResponseStream(
            AsyncCachedEvents(self, self._answers, self._streams, wanted, stream)
        )

    def in_time(
        self,
        stream: AsyncResponseStream,
        wanted: LLMRequest,
        look: Look[LLMResponse] | None,
    ) -> AsyncResponseStream:
        """The stream of a request, or one that keeps to what is left of its time."""
        if look is None:
            return stream
        timed = with_timeout(wanted, look.in_time(wanted.timeout, monotonic()))
        return stream if timed is wanted else self._base.stream(timed)

    async def look(
        self, wanted: LLMRequest, fits: Callable[[LLMResponse], object]
    ) -> Look[LLMResponse] | None:
        """What a request wants from the cache; None when it goes past it."""
        started = monotonic()
        look = None
        if wanted.cache is not False:
            identity = await self._base.identify(wanted)
            look = response_look(identity, wanted, fits, ttl=self._ttl, started=started)
        if look is None:
            self._answers.counters.count("bypassed")
        return look

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order; the same texts again are a hit."""
        started = monotonic()
        wanted = EmbeddingOptions(**options)
        inputs = as_texts(texts)
        look = None
        if wanted.cache is not False:
            identity = await self._base.identify_embeddings(
                wanted.model, wanted.timeout
            )
            look = embedding_look(
                identity, inputs, wanted, ttl=self._ttl, started=started
            )
        if look is None:
            self._answers.counters.count("bypassed")
            return await self._vectors(inputs, wanted, wanted.timeout)
        asked = partial(self._vectors_in_time, inputs, wanted, look)
        return await self._answers.answer(look, asked)

    async def _vectors_in_time(
        self,
        texts: Sequence[str],
        options: EmbeddingOptions,
        look: Look[EmbeddingResponse],
    ) -> EmbeddingResponse:
        timeout = look.in_time(options.timeout, monotonic())
        return await self._vectors(texts, options, timeout)

    async def _vectors(
        self,
        texts: Sequence[str],
        options: EmbeddingOptions,
        timeout: float | Timeout | None,
    ) -> EmbeddingResponse:
        return await self._base.embed(
            texts,
            model=options.model,
            dimensions=options.dimensions,
            timeout=timeout,
            extra_body=options.extra_body,
        )

    def stats(self) -> CacheStats:
        """What the cache has done since this service was made."""
        return self._answers.counters.stats()

    async def close(self) -> None:
        """Release what the wrapped service holds, and a store that was made here."""
        try:
            await self._base.close()
        finally:
            if self._owns_store:
                await self._answers.store.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._base!r} in {self._answers.store!r}>"


def _itself(response: LLMResponse) -> LLMResponse:
    return response


def _store(cache: CacheStore | str | None, settings: Settings | None) -> CacheStore:
    if cache is None:
        known = Settings.from_env() if settings is None else settings
        cache = known.cache_url or "memory://"
    return cache_from_url(cache) if isinstance(cache, str) else as_store(cache)
