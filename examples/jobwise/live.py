"""Which provider is asked, and whether it can be: before anything is shown."""

from __future__ import annotations

import os
from urllib.request import getproxies

from llm_adapter import LLMConfigurationError, LLMFactory, Settings

KEYS = {
    "groq": ("GROQ_API_KEY", "https://console.groq.com/keys"),
    "openai": ("OPENAI_API_KEY", "https://platform.openai.com/api-keys"),
    "anthropic": ("ANTHROPIC_API_KEY", "https://platform.claude.com/settings/keys"),
    "local": None,
}
"""The variable of each provider's key, and the page where keys are made."""


def live_provider(named: str, settings: Settings) -> str:
    """The provider that `--live` names, or the environment where it names none.

    Raises:
        LLMConfigurationError: JobWise does not know it, it has no key, or a setting
            cannot be used.
    """
    provider = (named or settings.provider).partition(":")[0].strip().lower()
    if provider not in KEYS:
        raise LLMConfigurationError(
            f"JobWise has no models for {provider!r:.80}: name one of "
            f"{', '.join(KEYS)} after --live."
        )
    try:
        LLMFactory.create(provider, settings=settings).close()
    except LLMConfigurationError:
        key = KEYS[provider]
        if key is None or settings.variable(key[0]):
            raise
        raise LLMConfigurationError(
            f"--live {provider} needs a key: set {key[0]} ({key[1]}), or leave out "
            "--live."
        ) from None
    return provider


def reach_loopback_directly() -> None:
    """A proxy of the environment would look for the emulator on its own machine."""
    if proxies := getproxies():
        os.environ["no_proxy"] = f"127.0.0.1,{proxies.get('no', '')}"
