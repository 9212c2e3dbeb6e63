"""Adapters of further providers, with the settings of the first."""

from __future__ import annotations

from typing import Any

from .._siblings import Family, provider_name
from .service import AsyncLLMService


class AsyncSiblings:
    """Makes an adapter for each provider once, and closes all of them with the first.

    Args:
        first: the adapter that owns the others.
        options: arguments of an adapter that mean the same to all providers.
    """

    def __init__(self, first: AsyncLLMService, **options: Any) -> None:
        self._options = options
        self._known = Family(first.get_provider_name(), first)

    def get(self, provider: str) -> AsyncLLMService:
        """The adapter of a provider.

        Raises:
            LLMConfigurationError: as for the factory.
        """
        name = provider_name(provider)
        return self._known.get(name, lambda: self._made(name))

    def _made(self, name: str) -> AsyncLLMService:
        # Both stand on this module.
        from .adapters import AsyncProviderAdapter
        from .factory import AsyncLLMFactory

        sibling = AsyncLLMFactory.create_beside(name, **self._options)
        if isinstance(sibling, AsyncProviderAdapter):
            sibling._family = self
        return sibling

    async def close_others(self, closing: AsyncLLMService) -> None:
        """Close what the first one owns, when it is closed itself."""
        if closing is self._known.first:
            for each in self._known.take_others():
                await each.close()
