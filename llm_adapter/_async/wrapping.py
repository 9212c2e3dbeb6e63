"""What wrappers share: the whole port, passed on to another service."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Unpack

from .. import _checks
from .._identity import Identity
from ..models import (
    CacheUse,
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    Timeout,
    as_request,
)
from .service import AsyncLLMService
from .stream import AsyncResponseStream

T = TypeVar("T")


class AsyncWrappingLLMService(AsyncLLMService):
    """A service around another one, which it closes with itself.

    Args:
        base: the service that is wrapped, of the same form.

    Raises:
        TypeError: it is not such a service.
    """

    def __init__(self, base: AsyncLLMService) -> None:
        _checks.service("base", base, AsyncLLMService)
        self._base = base

    @abstractmethod
    def _around(self, base: AsyncLLMService) -> AsyncLLMService:
        """The same wrapper around another service."""

    def _wanted(
        self, request: LLMRequest | str | Sequence[Part], overrides: Mapping[str, Any]
    ) -> LLMRequest:
        """The request that is passed on."""
        return as_request(request, overrides)

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer."""
        return await self._base.generate(self._wanted(request, overrides))

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object, asked for and read strictly."""
        return await self._base.generate_json(self._wanted(request, overrides))

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of a type."""
        return await self._base.generate_as(kind, self._wanted(request, overrides))

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block."""
        return self._base.stream(self._wanted(request, overrides))

    async def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str | None = None,
        dimensions: int | None = None,
        timeout: float | Timeout | None = None,
        extra_body: Mapping[str, Any] | None = None,
        cache: CacheUse | None = None,
        cache_ttl: float | None = None,
    ) -> EmbeddingResponse:
        """A vector for each text, in their order."""
        return await self._base.embed(
            texts,
            model=model,
            dimensions=dimensions,
            timeout=timeout,
            extra_body=extra_body,
            cache=cache,
            cache_ttl=cache_ttl,
        )

    async def count_tokens(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> int:
        """How many tokens the provider counts in a request, without answering it."""
        return await self._base.count_tokens(self._wanted(request, overrides))

    async def identify(self, request: LLMRequest) -> Identity:
        """What decides the answer to a request."""
        return await self._base.identify(self._wanted(request, {}))

    async def identify_embeddings(
        self, model: str | None = None, timeout: float | Timeout | None = None
    ) -> Identity:
        """What decides the vectors of a text, beside the text and its options."""
        return await self._base.identify_embeddings(model, timeout)

    async def list_models(self) -> list[str]:
        """Names of the models that the provider offers this key now."""
        return await self._base.list_models()

    def get_provider_name(self) -> str:
        """The provider's name, such as groq."""
        return self._base.get_provider_name()

    def get_available_models(self) -> list[str]:
        """Names of the built-in catalogue, current models first; asks nobody."""
        return self._base.get_available_models()

    async def close(self) -> None:
        """Release what the wrapped service holds."""
        await self._base.close()
