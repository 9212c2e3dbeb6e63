"""One adapter per provider: data from providers/, everything else shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypedDict, Unpack

from attrs import evolve

from .._call import Generation, client, conclude, identity, prepare
from .._concurrency import monotonic
from .._embedding import EmbeddingOptions, EmbedOptions, as_texts
from .._identity import Identity
from .._other_calls import (
    conclude_embeddings,
    count_call,
    embed_call,
    embedding_identity,
    models_call,
)
from .._policy import merge_timeout
from .._replace import replace
from .._wire.embeddings import decode_embeddings
from .._wire.model_list import answers_text, decode_models, makes_vectors
from .._wire.token_count import decode_count
from ..errors import LLMConfigurationError, LLMModelNotFoundError
from ..models import (
    EmbeddingResponse,
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    Timeout,
    as_request,
)
from ..providers import Provider, provider_named
from ..settings import Settings
from .http_events import AsyncHTTPEvents
from .service import AsyncLLMService
from .session import AsyncSession
from .siblings import AsyncSiblings
from .stream import AsyncResponseStream

if TYPE_CHECKING:
    import httpx


class AsyncProviderAdapter(AsyncLLMService):
    """What the adapters share.

    Args:
        api_key: instead of the provider's environment variable.
        base_url: instead of the provider's own; kept as it is when it has a path.
        model: what is used when a request names none.
        settings: instead of Settings.from_env().
        timeout: seconds for a whole call, or a Timeout.
        max_retries: retries after the first attempt.
        http_client: an httpx client of yours, used as it is and never closed.

    Raises:
        LLMConfigurationError: key missing or unusable, base URL not a URL.
    """

    provider: ClassVar[str]
    _announces = True

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        model: str | None = None,
        settings: Settings | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._connect(
            provider_named(self.provider),
            api_key,
            base_url=base_url,
            model=model,
            settings=settings,
            timeout=timeout,
            max_retries=max_retries,
            http_client=http_client,
        )

    def _connect(
        self,
        provider: Provider,
        api_key: str | None,
        *,
        api: str = "auto",
        base_url: str | None = None,
        model: str | None = None,
        settings: Settings | None = None,
        timeout: float | Timeout | None = None,
        max_retries: int | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        settings = Settings.from_env() if settings is None else settings
        self._client = client(
            provider,
            settings,
            api_key=api_key,
            api=api,
            base_url=base_url,
            model=model,
            timeout=timeout,
            max_retries=max_retries,
        )
        self._session = AsyncSession(self._client, http_client)
        self._served: dict[Callable[[str], bool], str] = {}
        self._family = AsyncSiblings(
            self,
            settings=settings,
            timeout=timeout,
            max_retries=max_retries,
            http_client=http_client,
        )

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer, with retries and within the timeout."""
        call = prepare(self._client, as_request(request, overrides))
        if not call.model:
            call = await self._ready(call)
        found = await self._session.fetch(call, call.dialect.decode)
        response = conclude(
            call,
            found.value,
            found.attempts,
            now=monotonic(),
            request_id=found.request_id,
        )
        found.attempts.answered(response)
        return response

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block."""
        wanted = as_request(request, overrides)
        call = prepare(self._client, wanted, stream=True)
        return AsyncResponseStream(AsyncHTTPEvents(self._session, call, self._ready))

    async def embed(
        self, texts: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> EmbeddingResponse:
        """A vector for each text, in their order."""
        wanted = EmbeddingOptions(**options)
        inputs = as_texts(texts)
        call = embed_call(self._client, inputs, wanted)
        if not call.model:
            name, spent = await self._served_model(call.timeout, makes_vectors)
            named = evolve(wanted, model=name)
            call = replace(embed_call(self._client, inputs, named), spent=spent)
        found = await self._session.fetch(
            call, lambda body: decode_embeddings(body, len(inputs))
        )
        response = conclude_embeddings(
            call,
            found.value,
            found.attempts,
            now=monotonic(),
            request_id=found.request_id,
        )
        found.attempts.answered(response)
        return response

    async def count_tokens(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> int:
        """How many tokens the provider counts in a request, without answering it."""
        wanted = as_request(request, overrides)
        call = count_call(self._client, wanted)
        if not call.model:
            name, spent = await self._served_model(call.timeout, answers_text)
            named = evolve(wanted, model=name)
            call = replace(count_call(self._client, named), spent=spent)
        try:
            return (await self._session.fetch(call, decode_count)).value
        except LLMModelNotFoundError as error:
            if not self._client.provider.model_from_server:
                raise
            # Of the servers of one's own, only some have the address.
            raise self._cannot(
                "count_tokens", f"cannot count: {error.message}"
            ) from error

    async def identify(self, request: LLMRequest) -> Identity:
        """What decides the answer to a request: the request as it would be sent."""
        known = identity(self._client, request)
        if known.model:
            return known
        timeout = merge_timeout(request.timeout, self._client.timeout)
        name, _ = await self._served_model(timeout, answers_text)
        return identity(self._client, evolve(request, model=name))

    async def identify_embeddings(
        self, model: str | None = None, timeout: float | Timeout | None = None
    ) -> Identity:
        """What decides the vectors of a text: the model that would make them."""
        options = EmbeddingOptions(model=model, timeout=timeout)
        known = embedding_identity(self._client, options)
        if known.model:
            return known
        limits = merge_timeout(timeout, self._client.timeout)
        name, _ = await self._served_model(limits, makes_vectors)
        return replace(known, model=name)

    def get_provider_name(self) -> str:
        """The provider's name, such as groq."""
        return self._client.provider.name

    def get_available_models(self) -> list[str]:
        """Names of the catalogue, current models first and retired ones last.

        Each is a ModelName, which says whether it is retired.
        """
        return self._client.provider.model_names()

    async def list_models(self) -> list[str]:
        """Names of the models that the provider offers this key now, all pages."""
        return await self._listed(self._client.timeout)

    async def _listed(self, timeout: Timeout) -> list[str]:
        started = monotonic()
        names: list[str] = []
        last: str | None = None
        while True:
            call = models_call(
                self._client,
                after=last,
                timeout=timeout,
                spent=monotonic() - started,
            )
            page = (await self._session.fetch(call, decode_models)).value
            names += page.names
            if page.last in (None, last):  # a server that repeats itself ends, too
                return names
            last = page.last

    async def _ready(self, call: Generation) -> Generation:
        """The call with the model that the server offers, where nobody has named one.

        Raises:
            LLMConfigurationError: it offers none.
            LLMServiceError: it could not be asked.
        """
        if call.model:
            return call
        name, spent = await self._served_model(call.timeout, answers_text)
        named = evolve(call.request, model=name)
        return replace(prepare(self._client, named, stream=call.stream), spent=spent)

    async def _served_model(
        self, timeout: Timeout, fits: Callable[[str], bool]
    ) -> tuple[str, float]:
        """The first model that the server lists and that fits; seconds that it took."""
        if (known := self._served.get(fits)) is not None:
            return known, 0.0
        started = monotonic()
        try:
            names = await self._listed(timeout)
        except LLMModelNotFoundError as error:
            names = []
            cause: Exception | None = error
        else:
            cause = None
        if not names:
            raise LLMConfigurationError(
                f"The server at {self._client.endpoint.base_url} lists no model: load "
                "one there, or name one with model= or LLM_MODEL.",
                provider=self.get_provider_name(),
            ) from cause
        name = next((name for name in names if fits(name)), names[0])
        self._served[fits] = name
        return name, monotonic() - started

    def for_provider(self, provider: str) -> AsyncLLMService:
        """This adapter, or the factory's with the same settings, which it closes."""
        return self._family.get(provider)

    def _named_model(self) -> str | None:
        return self._client.defaults.model

    async def close(self) -> None:
        """Release the connections; a client of yours stays open."""
        await self._session.close()
        await self._family.close_others(self)

    def __repr__(self) -> str:
        known = self._named_model() or self._client.provider.default_model
        where = self._client.endpoint.base_url
        return f"<{type(self).__name__} {known or 'its own model'} at {where}>"


class AsyncAdapterOptions(TypedDict, total=False):
    """Arguments that every adapter takes beside its key."""

    base_url: str | None
    model: str | None
    settings: Settings | None
    timeout: float | Timeout | None
    max_retries: int | None
    http_client: httpx.AsyncClient | None


class AsyncGroqAdapter(AsyncProviderAdapter):
    """Groq's fast inference of open models; the key is in GROQ_API_KEY."""

    provider = "groq"


class AsyncOpenAIAdapter(AsyncProviderAdapter):
    """OpenAI; the key is in OPENAI_API_KEY.

    Args:
        api_key: instead of the environment variable.
        api: chat, responses, or auto: the Responses API where the model or the request
            needs it, Chat Completions otherwise.
        options: as for every adapter.
    """

    provider = "openai"

    def __init__(
        self,
        api_key: str | None = None,
        *,
        api: str = "auto",
        **options: Unpack[AsyncAdapterOptions],
    ) -> None:
        self._connect(provider_named(self.provider), api_key, api=api, **options)


class AsyncAnthropicAdapter(AsyncProviderAdapter):
    """Anthropic's Claude; the key is in ANTHROPIC_API_KEY."""

    provider = "anthropic"


class AsyncLocalLLMAdapter(AsyncProviderAdapter):
    """A server of one's own: Ollama, llama.cpp, vLLM, LM Studio, anything compatible.

    Without a model the first that the server lists is taken.

    Args:
        api_key: for servers that want one.
        api: chat, responses, or auto: Chat Completions, which all of them have.
        options: as for every adapter.
    """

    provider = "local"

    def __init__(
        self,
        api_key: str | None = None,
        *,
        api: str = "auto",
        **options: Unpack[AsyncAdapterOptions],
    ) -> None:
        self._connect(provider_named(self.provider), api_key, api=api, **options)


class AsyncOpenAICompatibleAdapter(AsyncProviderAdapter):
    """A provider that is known by data alone, such as mistral or openrouter.

    Args:
        provider: its name, as in LLM_PROVIDER.
        api_key: instead of the provider's environment variable.
        options: as for every adapter.
    """

    def __init__(
        self,
        provider: str,
        api_key: str | None = None,
        **options: Unpack[AsyncAdapterOptions],
    ) -> None:
        self._connect(provider_named(provider), api_key, **options)
