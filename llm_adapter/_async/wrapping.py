"""What wrappers share: the whole port, passed on to another service."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Unpack

from .. import _checks
from .._embedding import EmbedOptions
from .._identity import Identity
from ..models import (
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

    _announces = True

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

    def _directed(
        self, request: LLMRequest | str | Sequence[Part], overrides: Mapping[str, Any]
    ) -> tuple[AsyncLLMService, LLMRequest]:
        """Who is asked, and what."""
        return self._base, self._wanted(request, overrides)

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer."""
        service, wanted = self._directed(request, overrides)
        return await service.generate(wanted)

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object, asked for and read strictly."""
        service, wanted = self._directed(request, overrides)
        return await service.generate_json(wanted)

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of a type."""
        service, wanted = self._directed(request, overrides)
        return await service.generate_as(kind, wanted)

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block."""
        service, wanted = self._directed(request, overrides)
        return service.stream(wanted)

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order."""
        return await self._base.embed(texts, **options)

    async def count_tokens(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> int:
        """How many tokens the provider counts in a request, without answering it."""
        service, wanted = self._directed(request, overrides)
        return await service.count_tokens(wanted)

    async def identify(self, request: LLMRequest) -> Identity:
        """What decides the answer to a request."""
        service, wanted = self._directed(request, {})
        return await service.identify(wanted)

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

    def for_provider(self, provider: str) -> AsyncLLMService:
        """This service around one of that provider, sharing all that it has."""
        base = self._base.for_provider(provider)
        return self if base is self._base else self._around(base)

    def _named_model(self) -> str | None:
        return self._base._named_model()

    async def close(self) -> None:
        """Release what the wrapped service holds."""
        await self._base.close()
