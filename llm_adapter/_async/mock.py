"""A service that answers from a table: for the unit tests of programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack
from uuid import uuid4

from attrs import evolve

from .._embedding import EmbeddingOptions, EmbedOptions, as_texts
from .._events import events_of
from .._identity import Identity
from .._mocking import (
    MODEL,
    Answers,
    check_called,
    prompt_text,
    vector,
    word_by_word,
)
from .._siblings import provider_name
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    StreamEvent,
    Timeout,
    as_request,
)
from ..providers import check_request
from .service import AsyncLLMService
from .stream import AsyncResponseStream


class AsyncMockLLMService(AsyncLLMService):
    """Answers by keywords in the prompt and remembers what it was asked.

    Args:
        responses: keyword -> text, exception, LLMResponse, mapping (sent as JSON),
            callable that takes the request, or a list of these for calls in turn.
        model: the name that its answers bear when a request names none.
    """

    def __init__(
        self,
        responses: Mapping[str, Any] | None = None,
        *,
        model: str | None = None,
    ) -> None:
        self._answers = Answers(responses)
        self._model = model or MODEL
        self.calls: list[LLMRequest] = []
        # A cache must not give the answers of one test's mock to another's.
        self._place = f"mock:{uuid4().hex}"

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The prepared answer; a prepared exception is raised.

        Raises:
            ValueError: the prompt is empty, as with a real adapter.
        """
        wanted = as_request(request, overrides)
        check_request(wanted)
        self.calls.append(wanted)
        if wanted.model is None:
            wanted = evolve(wanted, model=self._model)
        return self._answers.find(wanted)

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The prepared answer, word by word."""
        wanted = as_request(request, overrides)
        check_request(wanted)
        return AsyncResponseStream(_AsyncMockEvents(self, wanted))

    def get_provider_name(self) -> str:
        """The word mock."""
        return "mock"

    def get_available_models(self) -> list[str]:
        """The one name that its answers bear."""
        return [self._model]

    async def list_models(self) -> list[str]:
        """The one name that its answers bear."""
        return [self._model]

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """Made-up vectors of length 1: the same text has the same one everywhere."""
        wanted = EmbeddingOptions(**options)
        vectors = [vector(text, wanted.dimensions) for text in as_texts(texts)]
        return EmbeddingResponse(vectors, wanted.model or self._model, provider="mock")

    async def count_tokens(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> int:
        """The number of words in the prompt and the conversation before it."""
        return len(prompt_text(as_request(request, overrides)).split())

    async def identify(self, request: LLMRequest) -> Identity:
        """This mock, with the model whose name its answers bear."""
        model = request.model or self._model
        known = await super().identify(evolve(request, model=model))
        return evolve(known, base_url=self._place)

    async def identify_embeddings(
        self, model: str | None = None, timeout: float | Timeout | None = None
    ) -> Identity:
        """The mock, with the model whose name its vectors bear."""
        return await super().identify_embeddings(model or self._model, timeout)

    def for_provider(self, provider: str) -> AsyncLLMService:
        """Itself: it takes the place of any of them."""
        provider_name(provider)
        return self

    def assert_called_with(self, keyword: str) -> bool:
        """True when a prompt contained the keyword.

        Raises:
            AssertionError: none did; the message shows what was asked.
        """
        return check_called(self.calls, keyword)


class _AsyncMockEvents:
    """The prepared answer as a stream."""

    def __init__(self, service: AsyncMockLLMService, request: LLMRequest) -> None:
        self._service = service
        self._request = request

    async def open(self) -> None:
        """Nothing is held."""

    async def pull(self) -> Sequence[StreamEvent]:
        """All events at once."""
        response = await self._service.generate(self._request)
        return [*word_by_word(events_of(response))]

    def partial(self) -> LLMResponse:
        """Nothing, until everything is there."""
        return LLMResponse(finish_reason="error")

    async def close(self) -> None:
        """Nothing is held."""
