"""The providers that the emulator can be: another one is a row and a dialect."""

from __future__ import annotations

from types import MappingProxyType

from . import anthropic, groq, ollama, openai
from .dialect import HEEDED, REQUEST_ID, Call, Dialect, Provider

__all__ = [
    "HEEDED",
    "PROVIDERS",
    "REQUEST_ID",
    "Call",
    "Dialect",
    "Provider",
    "provider_of",
]

PROVIDERS = MappingProxyType(
    {
        provider.name: provider
        for provider in (
            Provider("groq", "/openai/v1", groq.DIALECT),
            Provider("openai", "/v1", openai.DIALECT),
            Provider("anthropic", "/anthropic/v1", anthropic.DIALECT),
            Provider("local", "/local/v1", ollama.DIALECT),
        )
    }
)


def provider_of(path: str) -> Provider | None:
    """The provider with the longest prefix of the path."""
    found = [each for each in PROVIDERS.values() if path.startswith(f"{each.prefix}/")]
    return max(found, key=lambda each: len(each.prefix), default=None)
