"""The providers that are built in: data without I/O, loaded when it is first used.

A program asks one of them; the dialects and catalogues of the others would only make
its start slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import LLMConfigurationError
from ._completing import (
    Defaults,
    check_api,
    check_request,
    choose_dialect,
    complete,
    unsupported,
)
from ._provider import EmbeddingApi, Model, Provider

if TYPE_CHECKING:
    from .anthropic import ANTHROPIC
    from .groq import GROQ
    from .local import LOCAL
    from .openai import OPENAI

__all__ = [
    "ANTHROPIC",
    "GROQ",
    "LOCAL",
    "OPENAI",
    "PROVIDERS",
    "Defaults",
    "EmbeddingApi",
    "Model",
    "Provider",
    "check_api",
    "check_request",
    "choose_dialect",
    "complete",
    "provider_named",
    "unsupported",
]

_MODULES = {
    "groq": "groq",
    "openai": "openai",
    "anthropic": "anthropic",
    "local": "local",
    "mistral": "compatible",
    "deepseek": "compatible",
    "xai": "compatible",
    "together": "compatible_hosts",
    "fireworks": "compatible_hosts",
    "openrouter": "compatible_hosts",
    "cerebras": "compatible_hosts",
    "perplexity": "compatible",
    "azure": "compatible",
    "gemini": "compatible",
}


class _Providers(Mapping[str, Provider]):
    """The providers by their names."""

    def __getitem__(self, name: str) -> Provider:
        module = import_module(f".{_MODULES[name]}", __name__)
        found: Provider = getattr(module, name.upper())
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


PROVIDERS: Mapping[str, Provider] = _Providers()


def provider_named(name: str) -> Provider:
    """The built-in provider of a name.

    Raises:
        TypeError: the name is not a string.
        LLMConfigurationError: there is none of this name.
    """
    if not isinstance(name, str):
        raise TypeError(f"provider must be a string, not {type(name).__name__}")
    known = name.strip().lower()
    if known not in _MODULES:
        raise LLMConfigurationError(
            f"Unknown LLM provider {name!r:.80}. Built in are: {', '.join(PROVIDERS)}."
        )
    return PROVIDERS[known]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return PROVIDERS[name.lower()]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
