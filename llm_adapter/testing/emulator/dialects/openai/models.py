"""OpenAI's models and what each of them takes (wire-protocols.md 1.3, 1.5 and 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from attrs import frozen

from ..dialect import CREATED

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")

_LOW_HIGH = ("low", "medium", "high")
_LOW_XHIGH = (*_LOW_HIGH, "xhigh")
_LOW_MAX = (*_LOW_XHIGH, "max")

Sampling = Literal["always", "without_reasoning", "defaults", "never"]
OnChat = Literal["all", "tools_without_reasoning", "no_tools", "nothing"]


@frozen(kw_only=True)
class Model:
    """A row of the catalogue."""

    name: str
    max_output: int = 128_000
    """Tokens."""
    efforts: tuple[str, ...] = ()
    """None where the model does not reason."""
    chat_efforts: tuple[str, ...] | None = None
    """Those that Chat takes, where it is others."""
    effort: str = "medium"
    """The default."""
    sampling: Sampling = "never"
    """When temperature and its like may be set; `defaults`: to their default values."""
    on_chat: OnChat = "all"
    takes_max_tokens: bool = False
    takes_stop: bool = True
    dimensions: int | None = None
    """Of an embedding model."""

    @property
    def reasons(self) -> bool:
        return bool(self.efforts)

    def encode(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "object": "model",
            "created": CREATED,
            "owned_by": "system",
        }


def _plain(max_output: int, *names: str) -> Iterator[Model]:
    for name in names:
        yield Model(
            name=name, max_output=max_output, sampling="always", takes_max_tokens=True
        )


def _reasoning(*names: str, efforts: tuple[str, ...], **fields: Any) -> Iterator[Model]:
    for name in names:
        yield Model(name=name, efforts=efforts, **fields)


def _switchable(
    *names: str, efforts: tuple[str, ...], **fields: Any
) -> Iterator[Model]:
    """Models that sample freely when they do not reason."""
    for name in names:
        yield Model(
            name=name,
            efforts=("none", *efforts),
            sampling="without_reasoning",
            **fields,
        )


def _embedding(name: str, dimensions: int) -> Model:
    return Model(name=name, dimensions=dimensions, on_chat="nothing")


_MODELS = (
    *_plain(16_384, "gpt-4o", "gpt-4o-mini"),
    *_plain(32_768, "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"),
    Model(name="gpt-5-chat-latest", max_output=16_384, sampling="always"),
    *_reasoning(
        "o3", "o4-mini", efforts=_LOW_HIGH, max_output=100_000, takes_stop=False
    ),
    *_reasoning("gpt-5", "gpt-5-mini", "gpt-5-nano", efforts=("minimal", *_LOW_HIGH)),
    *_reasoning("gpt-5-pro", efforts=("high",), effort="high", on_chat="nothing"),
    *_switchable("gpt-5.1", efforts=_LOW_HIGH, effort="none"),
    *_reasoning("gpt-5.1-codex", efforts=_LOW_HIGH, on_chat="nothing"),
    *_switchable("gpt-5.2", efforts=_LOW_XHIGH, effort="none"),
    *_reasoning("gpt-5.2-chat-latest", efforts=("medium",)),
    *_switchable("gpt-5.3-codex", efforts=_LOW_XHIGH, effort="none", on_chat="nothing"),
    *_switchable(
        "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", efforts=_LOW_XHIGH, effort="none"
    ),
    *_switchable("gpt-5.5", efforts=("minimal", *_LOW_XHIGH)),
    *_switchable("gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", efforts=_LOW_XHIGH),
    *_reasoning(
        *("gpt-5.2-pro", "gpt-5.4-pro", "gpt-5.5-pro"),
        efforts=("medium", "high", "xhigh"),
        on_chat="nothing",
    ),
    *_reasoning(
        *("gpt-6-astra", "gpt-6.1-sol", "gpt-6.1-terra"),
        efforts=_LOW_MAX,
        on_chat="no_tools",
    ),
    *_switchable(
        "gpt-6-sol", "gpt-6-luna", efforts=_LOW_MAX, on_chat="tools_without_reasoning"
    ),
    *_reasoning(
        *("gpt-6.2-astra", "gpt-6.2-sol"),
        efforts=_LOW_MAX,
        chat_efforts=_LOW_XHIGH,
        sampling="defaults",
    ),
    _embedding("text-embedding-3-small", 1536),
    _embedding("text-embedding-3-large", 3072),
    _embedding("text-embedding-ada-002", 1536),
)
MODELS = {model.name: model for model in _MODELS}


def model_of(name: str) -> Model | None:
    """The model of that name, which may carry a snapshot's date.

    >>> model_of("gpt-4o-2024-08-06").name
    'gpt-4o'
    """
    return MODELS.get(name) or MODELS.get(_DATED.sub("", name))
