"""The providers that are built in: one file each, data without I/O."""

from __future__ import annotations

from ..errors import LLMConfigurationError
from ._completing import (
    Defaults,
    check_api,
    check_request,
    choose_dialect,
    complete,
    unsupported,
)
from ._provider import EmbeddingApi, Model, Price, Provider
from .anthropic import ANTHROPIC
from .groq import GROQ
from .local import LOCAL
from .openai import OPENAI

PROVIDERS = {provider.name: provider for provider in (GROQ, OPENAI, ANTHROPIC, LOCAL)}


def provider_named(name: str) -> Provider:
    """The built-in provider of a name.

    Raises:
        TypeError: the name is not a string.
        LLMConfigurationError: there is none of this name.
    """
    if not isinstance(name, str):
        raise TypeError(f"provider must be a string, not {type(name).__name__}")
    found = PROVIDERS.get(name.strip().lower())
    if found is None:
        raise LLMConfigurationError(
            f"Unknown LLM provider {name!r:.80}. Built in are: {', '.join(PROVIDERS)}."
        )
    return found


__all__ = [
    "ANTHROPIC",
    "GROQ",
    "LOCAL",
    "OPENAI",
    "PROVIDERS",
    "Defaults",
    "EmbeddingApi",
    "Model",
    "Price",
    "Provider",
    "check_api",
    "check_request",
    "choose_dialect",
    "complete",
    "provider_named",
    "unsupported",
]
