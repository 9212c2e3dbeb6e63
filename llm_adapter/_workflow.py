"""What is known of a workflow: values, and how one lies over another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, fields, frozen

from . import _checks
from ._lineups import Task, fitted
from ._registry import installed_names
from ._replace import replace
from ._siblings import provider_name
from .models import LLMRequest
from .providers import PROVIDERS

_MOCK = "mock"


@frozen
class ModelConfig:
    """With which model a workflow is done, and how.

    Args:
        provider: its name, as in LLM_PROVIDER.
        model: None takes the service's own default.
        temperature: None leaves it to the service, as the next two.
        max_tokens: cap on the answer, reasoning included.
        description: for people.
        reasoning_effort: the provider's level, such as low, medium or high.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is out of range.
    """

    provider: str = field(converter=provider_name)
    model: str | None = field(default=None, validator=_checks.model_name)
    temperature: float | None = field(default=None, validator=_checks.finite)
    max_tokens: int | None = field(default=None, validator=_checks.positive_integer)
    description: str = field(default="", validator=_checks.text)
    reasoning_effort: str | None = field(default=None, validator=_checks.optional_text)


@frozen(kw_only=True)
class Choice:
    """What is known of a workflow before its provider is.

    Args:
        workflow: its name.
        task: the built-in one, None for workflows of a program's own.
        said: fields of a ModelConfig that somebody has set.
    """

    workflow: str = field(validator=_checks.text)
    task: Task | None
    said: Mapping[str, Any]

    @property
    def provider(self) -> str | None:
        """The provider that configuration names for it."""
        return self.said.get("provider")

    def under(self, said: Mapping[str, Any]) -> Choice:
        """The same where more is said, which counts more."""
        below = self.said
        if "model" not in said and said.get("provider", self.provider) != self.provider:
            # A model belongs to the provider that it was named for.
            below = {name: below[name] for name in below if name != "model"}
        return evolve(self, said={**below, **said})

    def config(self, provider: str, named: str | None = None) -> ModelConfig:
        """The whole of it for a provider.

        Args:
            provider: name of the provider.
            named: the model that stands before the built-in ones.
        """
        return ModelConfig(**{**self._values(provider, named), "provider": provider})

    def request(
        self, request: LLMRequest, provider: str, named: str | None = None
    ) -> LLMRequest:
        """The request with what it left open, and the workflow as its label."""
        asked = {name: getattr(request, name) for name in _ASKED}
        said = {name: value for name, value in asked.items() if value is not None}
        values = self.under(said)._values(provider, named)
        return replace(
            request,
            metadata={"workflow": self.workflow, **request.metadata},
            **{name: values.get(name) for name in _ASKED},
        )

    def _values(self, provider: str, named: str | None) -> Mapping[str, Any]:
        if self.task is None:
            return self.said
        return fitted(self.task, provider, self.said, named)


_ASKED = ("model", "temperature", "max_tokens", "reasoning_effort")
_FIELDS = tuple(attribute.name for attribute in fields(ModelConfig))
_KNOWN = ", ".join(_FIELDS)

# -- what somebody has said -----------------------------------------------------------


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that somebody has set.

    Raises:
        TypeError, ValueError: one is unknown, or has a value that it cannot have.
    """
    unknown = [name for name in given if name not in _FIELDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r:.80} is unknown; known are {_KNOWN}")
    said = _set(given)
    config = ModelConfig(**{"provider": "groq", **said})
    return {name: getattr(config, name) for name in said}


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def whole(config: ModelConfig) -> dict[str, Any]:
    """The fields of a config that say something."""
    return _set({name: getattr(config, name) for name in _FIELDS})


def named(text: str) -> dict[str, Any]:
    """What a model's name says, with or without a provider before it.

    Names of models hold colons, too: what stands before the first one counts as a
    provider where there is one of that name.

    Raises:
        TypeError: it is not a string.
        ValueError: it is blank, or not printable.
    """
    said = checked({"model": text})
    prefix, colon, model = text.partition(":")
    name = prefix.strip().lower()
    if colon and (name in PROVIDERS or name == _MOCK or name in installed_names()):
        return checked({"provider": name, "model": model.strip() or None})
    return said
