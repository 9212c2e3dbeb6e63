"""The port: what programs depend on, whichever provider is behind it."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from attrs import evolve

from .._answers import json_request, read_as, read_object
from .._embedding import EmbedOptions
from .._identity import Identity, total_seconds
from .._siblings import no_sibling, provider_name
from .._watch import current_watch
from ..errors import LLMUnsupportedFeatureError
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    Timeout,
    as_request,
)
from .announcing import announced_stream, async_announced
from .stream import AsyncGeneratedEvents, AsyncResponseStream

if TYPE_CHECKING:
    from ..selector import ModelSelector
    from .workflow import AsyncWorkflowLLMService

T = TypeVar("T")


class AsyncLLMService(ABC):
    """A large language model, wherever it runs.

    Every method takes a request or plain text, and any field of LLMRequest as a
    keyword. An adapter of your own implements `generate(self, request)`, which is
    always given a whole LLMRequest, and the two getters; the rest builds on those.
    """

    _announces = False
    """Whether it tells those who watch of its requests, or asks others that do."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, wrap in _WRAPS.items():
            own = vars(cls).get(name)
            if own is not None:
                setattr(cls, name, wrap(own, announces=cls._announces))

    @abstractmethod
    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer.

        Args:
            request: a request, text, or parts of a prompt.
            overrides: fields of LLMRequest that differ from it.

        Raises:
            LLMServiceError: whatever went wrong on the way.
            TypeError: an argument has the wrong type.
            ValueError: an argument is out of range.
        """

    async def generate_json(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> dict[str, Any]:
        """The model's answer as a JSON object, asked for and read strictly.

        Raises:
            LLMInvalidResponseError: the answer was cut, refused, or is not a JSON
                object; with the text and the position.
            LLMServiceError: as for generate.
        """
        wanted = json_request(as_request(request, overrides))
        return read_object(await self.generate(wanted))

    async def generate_as(
        self,
        kind: type[T],
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> T:
        """The model's answer as a value of an attrs, dataclass, TypedDict or
        pydantic type, whose JSON schema the model is given.

        Raises:
            LLMInvalidResponseError: the answer does not fit the type.
            LLMServiceError: as for generate.
            TypeError: the type has no JSON schema.
        """
        wanted = evolve(as_request(request, overrides), response_format=kind)
        return read_as(kind, await self.generate(wanted))

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block.

        Nothing is sent before the block is entered or the first event is asked for.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: an argument is out of range.
        """
        return AsyncResponseStream(
            AsyncGeneratedEvents(self, as_request(request, overrides))
        )

    @abstractmethod
    def get_provider_name(self) -> str:
        """The provider's name, such as groq."""

    @abstractmethod
    def get_available_models(self) -> list[str]:
        """Names of the built-in catalogue, current models first; asks nobody."""

    async def list_models(self) -> list[str]:
        """Names of the models that the provider offers this key now.

        Raises:
            LLMServiceError: as for generate.
            LLMUnsupportedFeatureError: this service has no provider to ask.
        """
        raise self._cannot(
            "list_models",
            "cannot list models; get_available_models() names those that it knows.",
        )

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order.

        Args:
            texts: one text or several.
            model: the embedding model; None takes the provider's usual one.
            dimensions: length of the vectors, where the model lets it be chosen.
            timeout: seconds for the whole call, or a Timeout.
            extra_body: the provider's own fields, merged last.
            cache: as in LLMRequest.
            cache_ttl: as in LLMRequest.

        Raises:
            LLMServiceError: as for generate.
            LLMUnsupportedFeatureError: this service makes no embeddings.
            TypeError: an argument has the wrong type.
            ValueError: there is no text, or one of them is blank.
        """
        raise self._cannot("embed", "makes no embeddings.")

    async def count_tokens(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> int:
        """How many tokens the provider counts in a request, without answering it.

        Raises:
            LLMServiceError: as for generate.
            LLMUnsupportedFeatureError: this service does not count.
        """
        raise self._cannot("count_tokens", "does not count tokens.")

    async def identify(self, request: LLMRequest) -> Identity:
        """What decides the answer to a request; a provider may be asked for its model.

        Caches take their keys from it. Override it in an adapter whose answers depend
        on more than its provider's name and the request.

        Raises:
            LLMServiceError: as for generate, as far as it is known before the call.
        """
        return Identity(
            provider=self.get_provider_name(),
            model=request.model or "",
            request=request,
            timeout=total_seconds(request.timeout),
        )

    async def identify_embeddings(
        self, model: str | None = None, timeout: float | Timeout | None = None
    ) -> Identity:
        """What decides the vectors of a text, beside the text and its options.

        Raises:
            LLMServiceError: as for embed, as far as it is known before the call.
        """
        return Identity(
            provider=self.get_provider_name(),
            model=model or "",
            timeout=total_seconds(timeout),
        )

    def for_workflow(
        self, workflow: str, *, selector: ModelSelector | None = None
    ) -> AsyncWorkflowLLMService:
        """This service, asked with the model and the settings of a workflow.

        Args:
            workflow: its name, which becomes the label of its requests.
            selector: knows the workflows; None means that of the environment.

        Raises:
            LLMConfigurationError: the workflow is not known.
        """
        # It stands on this module.
        from .workflow import AsyncWorkflowLLMService

        return AsyncWorkflowLLMService(self, workflow, selector=selector)

    def for_provider(self, provider: str) -> AsyncLLMService:
        """This service if it is of that provider, else one of its kind that is.

        It belongs to this one and is closed with it.

        Raises:
            LLMConfigurationError: there is none, or its key is missing.
        """
        name = provider_name(provider)
        if name == self.get_provider_name():
            return self
        raise no_sibling(type(self).__name__, self.get_provider_name(), name)

    def _named_model(self) -> str | None:
        """The model that whoever made the service has named."""
        return None

    def _cannot(self, feature: str, what: str) -> LLMUnsupportedFeatureError:
        return LLMUnsupportedFeatureError(
            f"{type(self).__name__} {what}",
            feature=feature,
            provider=self.get_provider_name(),
        )

    # A service that holds nothing need not say so.
    async def close(self) -> None:  # noqa: B027
        """Release what the service holds; it cannot be used afterwards."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def _given_a_request(generate: Any, *, announces: bool) -> Any:
    """`generate`, called with a whole request whatever its caller passed."""

    @functools.wraps(generate)
    async def with_request(self: Any, request: Any, **overrides: Any) -> Any:
        wanted = as_request(request, overrides)
        if announces or current_watch() is None:
            return await generate(self, wanted)
        call = functools.partial(generate, self, wanted)
        return await async_announced(self, "generate", wanted.model, call)

    return with_request


def _told_stream(stream: Any, *, announces: bool) -> Any:
    """`stream`, of which whoever watches is told."""
    if announces:
        return stream

    @functools.wraps(stream)
    def told(self: Any, request: Any, **overrides: Any) -> Any:
        events = stream(self, request, **overrides)
        if current_watch() is None:
            return events
        return announced_stream(self, as_request(request, overrides).model, events)

    return told


def _told_vectors(embed: Any, *, announces: bool) -> Any:
    """`embed`, of which whoever watches is told."""
    if announces:
        return embed

    @functools.wraps(embed)
    async def told(self: Any, texts: Any, **options: Any) -> Any:
        call = functools.partial(embed, self, texts, **options)
        if current_watch() is None:
            return await call()
        return await async_announced(self, "embed", options.get("model"), call)

    return told


_WRAPS = {
    "generate": _given_a_request,
    "stream": _told_stream,
    "embed": _told_vectors,
}
