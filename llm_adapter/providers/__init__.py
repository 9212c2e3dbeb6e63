"""The providers that are built in: one file each, data without I/O."""

from __future__ import annotations

from ._provider import Defaults, Model, Price, Provider, check_request, complete
from .groq import GROQ

PROVIDERS = {provider.name: provider for provider in (GROQ,)}

__all__ = [
    "GROQ",
    "PROVIDERS",
    "Defaults",
    "Model",
    "Price",
    "Provider",
    "check_request",
    "complete",
]
