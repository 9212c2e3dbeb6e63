"""What a provider can do, read off its own data: for the table in the README."""

from __future__ import annotations

from collections.abc import Mapping

from .._wire.traits import Traits
from ..models import Audio, Document, Image, LLMRequest, Tool
from ._provider import Provider

_TOOL = Tool("f")
_FIELDS: Mapping[str, LLMRequest] = {
    "tools": LLMRequest("Hi", tools=[_TOOL]),
    "forced tool": LLMRequest("Hi", tools=[_TOOL], tool_choice="f"),
    "stop": LLMRequest("Hi", stop_sequences=["."]),
    "seed": LLMRequest("Hi", seed=7),
}
_PARTS = {"image": Image, "document": Document, "audio": Audio}
_FORMATS = {"JSON": "json_object", "JSON schema": "json_schema"}

YES, NO, BY_MODEL, IN_WORDS = "yes", "no", "by model", "in words"


def capabilities(provider: Provider) -> dict[str, str]:
    """Each feature with yes, no, by model, or in words: asked for in the prompt.

    >>> from llm_adapter.providers import GROQ, OPENAI
    >>> capabilities(GROQ)["seed"], capabilities(OPENAI)["seed"]
    ('yes', 'by model')
    """
    return {
        "API": ", ".join(dialect.name for dialect in provider.dialects),
        **{name: _format(provider, kind) for name, kind in _FORMATS.items()},
        **{name: _field(provider, probe) for name, probe in _FIELDS.items()},
        "temperature": _temperature(provider),
        **{name: _yes(kind in provider.parts) for name, kind in _PARTS.items()},
        "embeddings": _yes(provider.embeddings is not None),
        "token count": _yes(bool(provider.token_count)),
    }


def _yes(condition: bool) -> str:
    return YES if condition else NO


def _format(provider: Provider, kind: str) -> str:
    return YES if any(kind in each.formats for each in provider.dialects) else IN_WORDS


def _temperature(provider: Provider) -> str:
    always = all(traits.sampling == "yes" for traits in _families(provider))
    return YES if always else BY_MODEL


def _families(provider: Provider) -> list[Traits]:
    return [traits for _, traits in provider.families] or [Traits()]


def _field(provider: Provider, probe: LLMRequest) -> str:
    answers = {_takes(provider, probe, traits) for traits in _families(provider)}
    return BY_MODEL if len(answers) > 1 else _yes(answers.pop())


def _takes(provider: Provider, probe: LLMRequest, traits: Traits) -> bool:
    """Whether any of the APIs can say it to a model."""
    refused = any(getattr(probe, name) not in (None, (), "") for name in traits.lacks)
    said = (each.unsupported(probe, traits) is None for each in provider.dialects)
    return not refused and any(said)
