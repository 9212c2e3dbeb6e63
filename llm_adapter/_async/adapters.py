"""One adapter per provider: data from providers/, everything else shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Unpack

from .._call import client, conclude, decode_models, models_call, prepare
from .._concurrency import monotonic
from ..models import (
    LLMRequest,
    LLMResponse,
    Part,
    RequestOverrides,
    Timeout,
    as_request,
)
from ..providers import GROQ, Provider
from ..settings import Settings
from .http_events import AsyncHTTPEvents
from .service import AsyncLLMService
from .session import AsyncSession
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

    provider: ClassVar[Provider]

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
        self._client = client(
            self.provider,
            Settings.from_env() if settings is None else settings,
            api_key=api_key,
            base_url=base_url,
            model=model,
            timeout=timeout,
            max_retries=max_retries,
        )
        self._session = AsyncSession(self._client, http_client)

    async def generate(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> LLMResponse:
        """The model's answer, with retries and within the timeout."""
        call = prepare(self._client, as_request(request, overrides))
        found = await self._session.fetch(call, self._client.dialect.decode)
        return conclude(
            call,
            found.value,
            found.attempts,
            now=monotonic(),
            request_id=found.request_id,
        )

    def stream(
        self,
        request: LLMRequest | str | Sequence[Part],
        **overrides: Unpack[RequestOverrides],
    ) -> AsyncResponseStream:
        """The answer as it is written; use it in a `with` block."""
        wanted = as_request(request, overrides)
        call = prepare(self._client, wanted, stream=True)
        return AsyncResponseStream(AsyncHTTPEvents(self._session, self._client, call))

    def get_provider_name(self) -> str:
        """The provider's name, such as groq."""
        return self.provider.name

    def get_available_models(self) -> list[str]:
        """Names of the catalogue, current models first and retired ones last."""
        return [model.id for model in self.provider.models]

    async def list_models(self) -> list[str]:
        """Names of the models that the provider offers this key now."""
        call = models_call(self._client)
        return (await self._session.fetch(call, decode_models)).value

    async def close(self) -> None:
        """Release the connections; a client of yours stays open."""
        await self._session.close()

    def __repr__(self) -> str:
        model = self._client.defaults.model or self.provider.default_model
        return f"<{type(self).__name__} {model} at {self._client.endpoint.base_url}>"


class AsyncGroqAdapter(AsyncProviderAdapter):
    """Groq's fast inference of open models; the key is in GROQ_API_KEY."""

    provider = GROQ
