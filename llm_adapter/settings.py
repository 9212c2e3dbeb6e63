"""Settings from the environment and `.env`; explicit arguments always win."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from attrs import field, frozen

from .errors import LLMConfigurationError

__all__ = ["Settings"]


def _text(value: str) -> str:
    return value


def _name(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError(value)
    return value


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(value)
    return number


def _seconds(value: str) -> float:
    number = _number(value)
    if number == 0:
        raise ValueError(value)
    return number


def _count(value: str) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(value)
    return number


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError(value)
    return number


def _secret() -> Any:
    return field(default=None, repr=False)


def shown_url(url: str | None) -> str:
    """A base URL for messages: without user name, password and query.

    >>> shown_url("https://me:secret@example.com/v1?key=secret")
    "'https://***@example.com/v1'"
    """
    return repr(url and re.sub(r"[^/]*@", "***@", re.split(r"[?#]", url)[0]))


def _url() -> Any:
    return field(default=None, repr=shown_url)


def _shown_store(url: str | None) -> str:
    # Nobody encodes the password of a database: it may hold a slash, "#" or "?".
    return shown_url(url and re.sub(r"//.*@", "//***@", url, flags=re.DOTALL))


@frozen(kw_only=True)
class Settings:
    """What the environment says; None where it says nothing.

    Args:
        provider: LLM_PROVIDER, such as groq or groq:openai/gpt-oss-20b.
        model: LLM_MODEL.
        default_temperature: LLM_DEFAULT_TEMPERATURE; None means 0.3 where it is taken.
        default_max_tokens: LLM_DEFAULT_MAX_TOKENS; None means 2000 where that helps.
        max_retries: LLM_MAX_RETRIES, retries after the first attempt.
        timeout_seconds: LLM_TIMEOUT_SECONDS, for the whole call.
        cache_url: LLM_CACHE_URL, where answers are kept.
        ledger_url: LLM_LEDGER_URL, where is booked what was used.
        workflows_file: LLM_WORKFLOWS_FILE, a TOML file with the models of workflows.
        prices_file: LLM_PRICES_FILE, a JSON or TOML file with prices of one's own.
        workflow_models: variables LLM_MODEL_<WORKFLOW>, as they stand.
        others: keys, addresses and accounts of further providers, by variable.
    """

    provider: str = "groq"
    model: str | None = None
    groq_api_key: str | None = _secret()
    openai_api_key: str | None = _secret()
    anthropic_api_key: str | None = _secret()
    local_llm_api_key: str | None = _secret()
    groq_base_url: str | None = _url()
    openai_base_url: str | None = _url()
    anthropic_base_url: str | None = _url()
    local_llm_base_url: str | None = _url()
    default_temperature: float | None = None
    default_max_tokens: int | None = None
    max_retries: int = 3
    timeout_seconds: float = 60.0
    cache_url: str | None = field(default=None, repr=_shown_store)
    ledger_url: str | None = field(default=None, repr=_shown_store)
    workflows_file: str | None = None
    prices_file: str | None = None
    workflow_models: Mapping[str, str] = field(factory=dict)
    others: Mapping[str, str] = field(factory=dict, repr=False)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        dotenv: str | Path | None = ".env",
    ) -> Settings:
        """Read the environment, then `.env` for what it leaves open.

        Args:
            environ: instead of the process's own environment.
            dotenv: path of the file, None for no file; it need not exist.

        Raises:
            LLMConfigurationError: a value cannot be read; names variable and value.
        """
        found = {**_read_dotenv(dotenv), **(os.environ if environ is None else environ)}
        values = {
            name: _parse(variable, found[variable], read, allowed)
            for variable, (name, read, allowed) in _VARIABLES.items()
            if found.get(variable)
        }
        others = {name: found[name] for name in OTHER_VARIABLES if found.get(name)}
        models = {
            name: value
            for name, value in found.items()
            if name.startswith(_WORKFLOW_MODEL) and value
        }
        return cls(**values, workflow_models=models, others=others)

    def variable(self, name: str) -> str | None:
        """The value of a key or base-URL variable, such as GROQ_API_KEY."""
        value: str | None = getattr(self, name.lower(), None)
        return value or self.others.get(name)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Settings hold API keys, so they are not pickled: call Settings.from_env() "
            "where they are needed"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


_Reader = Callable[[str], Any]

OTHER_VARIABLES = (
    "ANTHROPIC_AUTH_TOKEN",
    "AZURE_OPENAI_AD_TOKEN",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_ENDPOINT",
    "CEREBRAS_API_KEY",
    "CEREBRAS_BASE_URL",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "FIREWORKS_BASE_URL",
    "GEMINI_API_KEY",
    "MISTRAL_API_KEY",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "OPENROUTER_API_KEY",
    "OPENROUTER_APP_TITLE",
    "OPENROUTER_APP_URL",
    "PERPLEXITY_API_KEY",
    "PERPLEXITY_BASE_URL",
    "TOGETHER_API_KEY",
    "TOGETHER_BASE_URL",
    "XAI_API_KEY",
)
"""Variables that providers name in their data, read but not interpreted here."""

_VARIABLES: Mapping[str, tuple[str, _Reader, str]] = {
    "LLM_PROVIDER": ("provider", _name, "a provider's name"),
    "LLM_MODEL": ("model", _name, "a model's name"),
    "GROQ_API_KEY": ("groq_api_key", _text, "a key"),
    "OPENAI_API_KEY": ("openai_api_key", _text, "a key"),
    "ANTHROPIC_API_KEY": ("anthropic_api_key", _text, "a key"),
    "LOCAL_LLM_API_KEY": ("local_llm_api_key", _text, "a key"),
    "GROQ_BASE_URL": ("groq_base_url", _text, "a URL"),
    "OPENAI_BASE_URL": ("openai_base_url", _text, "a URL"),
    "ANTHROPIC_BASE_URL": ("anthropic_base_url", _text, "a URL"),
    "LOCAL_LLM_BASE_URL": ("local_llm_base_url", _text, "a URL"),
    "LLM_DEFAULT_TEMPERATURE": ("default_temperature", _number, "a number >= 0"),
    "LLM_DEFAULT_MAX_TOKENS": ("default_max_tokens", _positive, "a whole number >= 1"),
    "LLM_MAX_RETRIES": ("max_retries", _count, "a whole number >= 0"),
    "LLM_TIMEOUT_SECONDS": ("timeout_seconds", _seconds, "a number of seconds > 0"),
    "LLM_CACHE_URL": ("cache_url", _text, "a URL"),
    "LLM_LEDGER_URL": ("ledger_url", _text, "a URL"),
    "LLM_WORKFLOWS_FILE": ("workflows_file", _text, "a path"),
    "LLM_PRICES_FILE": ("prices_file", _text, "a path"),
}
_WORKFLOW_MODEL = "LLM_MODEL_"


def _parse(variable: str, value: str, read: _Reader, allowed: str) -> Any:
    try:
        return read(value)
    except (ValueError, OverflowError):
        raise LLMConfigurationError(
            f"{variable} is {value!r:.80}: set it to {allowed}, or remove it."
        ) from None


def _read_dotenv(path: str | Path | None) -> dict[str, str]:
    try:
        # A directory of that name is somebody's virtual environment.
        if path is None or not Path(path).is_file():
            return {}
        from dotenv import dotenv_values

        values = dotenv_values(path, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise LLMConfigurationError(
            f"The settings file {str(path)!r} cannot be read: {error}"
        ) from None
    return {name: value for name, value in values.items() if value is not None}
