"""What a shell offers when it completes the value of an option or an argument."""

from __future__ import annotations

import click

from .._registry import installed_names, split_name
from ..errors import LLMConfigurationError
from ..models import ModelName
from ..providers import PROVIDERS
from ..settings import Settings


def providers(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of providers; after a colon, those of a provider's models."""
    name, colon, model = incomplete.partition(":")
    if colon:
        return [f"{name}:{each}" for each in catalogue(name) if each.startswith(model)]
    known = sorted({*PROVIDERS, *installed_names(), "mock"})
    return [each for each in known if each.startswith(name)]


def models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of models that the chosen provider offers."""
    try:
        chosen = context.params.get("provider") or Settings.from_env().provider
        name, _ = split_name(chosen)
    except LLMConfigurationError:  # a shell has no place for it
        return []
    return [each for each in catalogue(name) if each.startswith(incomplete)]


def catalogue(provider: str) -> list[str]:
    """The models of a built-in provider that are still offered."""
    known = PROVIDERS[provider].model_names() if provider in PROVIDERS else []
    return [
        each for each in known if not (isinstance(each, ModelName) and each.retired)
    ]
