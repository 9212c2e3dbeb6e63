"""A decorator around the port: the same service, watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

from llm_adapter import (
    AsyncLLMService,
    AsyncResponseStream,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    Part,
)
from llm_adapter.models import RequestOverrides

from ..ledger import Outcome


class AsyncWatchedLLMService(AsyncLLMService):
    """Tells what every call brought; `generate_json` comes with `generate`.

    Args:
        llm: who answers.
        called: told of each answer and each error, but not of streams: who reads a
            stream knows best how it ended.
    """

    def __init__(self, llm: AsyncLLMService, called: Callable[[Outcome], None]) -> None:
        self._llm = llm
        self._called = called

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        try:
            response = await self._llm.generate(request, **overrides)
        except LLMServiceError as error:
            self._called(error)
            raise
        self._called(response)
        return response

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        return self._llm.stream(request, **overrides)

    def for_provider(self, provider: str) -> AsyncLLMService:
        return AsyncWatchedLLMService(self._llm.for_provider(provider), self._called)

    def get_provider_name(self) -> str:
        return self._llm.get_provider_name()

    def get_available_models(self) -> list[str]:
        return self._llm.get_available_models()
