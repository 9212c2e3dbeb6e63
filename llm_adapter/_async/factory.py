"""The factory: configuration picks the provider, code never does."""

from __future__ import annotations

from typing import Any, ClassVar

from .._registry import (
    check_registration,
    installed_adapter,
    split_name,
    unknown_provider,
)
from ..providers import PROVIDERS
from ..settings import Settings
from .service import AsyncLLMService

MOCK = "mock"
# It takes the place of an adapter, whatever that was given.
_NOT_FOR_A_MOCK = frozenset(
    {"api_key", "api", "base_url", "settings", "timeout", "max_retries", "http_client"}
)


class AsyncLLMFactory:
    """Creates the service that the configuration names."""

    _registered: ClassVar[dict[str, type[AsyncLLMService]]] = {}

    @classmethod
    def create(cls, provider: str | None = None, **options: Any) -> AsyncLLMService:
        """A service for a provider.

        Args:
            provider: a name, or name:model; None means LLM_PROVIDER, else groq.
            options: arguments of the adapter, such as api_key, base_url, model,
                settings, timeout, max_retries and http_client; openai and local also
                take api.

        Raises:
            LLMConfigurationError: unknown provider, missing key, unusable setting.
            TypeError: the adapter does not know an option.
        """
        settings = options.get("settings")
        if settings is None:
            settings = Settings.from_env()
        elif not isinstance(settings, Settings):
            kind = type(settings).__name__
            raise TypeError(f"settings must be Settings, not {kind}")
        chosen = settings.provider if provider is None else provider
        name, model = split_name(chosen)
        if model is not None and options.get("model") is None:
            options["model"] = model
        adapter = cls._registered.get(name)
        if adapter is None and name == MOCK:
            return _mock(options)
        if adapter is None and name in PROVIDERS:
            return _built_in(name, settings, options)
        adapter = adapter or installed_adapter(name, AsyncLLMService)
        if adapter is None:
            raise unknown_provider(name, {MOCK, *PROVIDERS, *cls._registered})
        return adapter(**options)

    @classmethod
    def create_beside(cls, provider: str, **options: Any) -> AsyncLLMService:
        """A service for a further provider of a program that has one.

        Adapters that are not ours are made without the options, which they may not
        know.

        Raises:
            LLMConfigurationError: as for create.
        """
        ours = provider in {MOCK, *PROVIDERS} and provider not in cls._registered
        return cls.create(provider, **(options if ours else {}))

    @classmethod
    def register_adapter(cls, name: str, adapter_class: type[AsyncLLMService]) -> None:
        """Make an adapter of your own known under a name, which may replace ours.

        Raises:
            TypeError: it is not a service of this form.
            ValueError: the name is empty or holds a colon.
        """
        known_as = check_registration(name, adapter_class, AsyncLLMService)
        cls._registered[known_as] = adapter_class


# Imported there: the adapters bring httpx, which a mock does not need.
def _mock(options: dict[str, Any]) -> AsyncLLMService:
    from .mock import AsyncMockLLMService

    own = {name: options[name] for name in options.keys() - _NOT_FOR_A_MOCK}
    return AsyncMockLLMService(**own)


def _built_in(
    name: str, settings: Settings, options: dict[str, Any]
) -> AsyncLLMService:
    from . import adapters

    own: dict[str, type[adapters.AsyncProviderAdapter]] = {
        "groq": adapters.AsyncGroqAdapter,
        "openai": adapters.AsyncOpenAIAdapter,
        "anthropic": adapters.AsyncAnthropicAdapter,
        "local": adapters.AsyncLocalLLMAdapter,
    }
    options = {**options, "settings": settings}
    if name in own:
        return own[name](**options)
    return adapters.AsyncOpenAICompatibleAdapter(name, **options)
