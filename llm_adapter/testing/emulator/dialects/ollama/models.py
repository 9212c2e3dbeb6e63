"""The models that have been pulled (wire-protocols.md 5)."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ..dialect import CREATED


@frozen(kw_only=True)
class Model:
    """A model that has been pulled."""

    name: str
    reasons: bool = False
    tools: bool = True
    dimensions: int | None = None
    """Of an embedding model."""

    def encode(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": CREATED,
            "owned_by": "library",
        }


_MODELS = (
    Model(name="llama3.2:3b"),
    Model(name="qwen3:8b", reasons=True),
    Model(name="gpt-oss:20b", reasons=True),
    Model(name="gemma3:4b", tools=False),
    Model(name="nomic-embed-text:latest", tools=False, dimensions=768),
)
MODELS = {model.name: model for model in _MODELS}


def model_of(name: str) -> Model | None:
    """The model of that name; without a tag, the latest.

    >>> model_of("nomic-embed-text").dimensions
    768
    """
    return MODELS.get(name) or MODELS.get(f"{name}:latest")
