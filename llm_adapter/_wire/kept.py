"""What a provider wants back unchanged: how it travels on a response and a message.

Reasoning items and signatures are kept as they came, labelled with the dialect that
knows them, the model that wrote them and the provider that it ran at, so that a
conversation can move to another provider and leave them behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._replace import replace
from ..models import Message
from .body import mapping


def kept(
    dialect: str, model: str, items: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """The items, labelled; nothing when there are none.

    Args:
        dialect: its name, such as responses.
        model: as the answer names it.
        items: decoded JSON objects, in the order in which they came.
    """
    if not items:
        return ()
    return ({"dialect": dialect, "model": model, "items": list(items)},)


def kept_items(message: Message, dialect: str) -> tuple[str, list[dict[str, Any]]]:
    """The model that wrote a message, and the items that a dialect kept of it."""
    for label in message.provider_items:
        items = label.get("items")
        if label.get("dialect") == dialect and isinstance(items, list):
            return str(label.get("model")), [item for item in items if mapping(item)]
    return "", []


def labelled(
    items: tuple[Mapping[str, Any], ...], provider: str
) -> tuple[Mapping[str, Any], ...]:
    """Kept items that also name the provider to which they belong."""
    return tuple({**label, "provider": provider} for label in items)


def without_foreign(message: Message, provider: str) -> Message:
    """The message without what another provider wants back."""
    own = tuple(
        label
        for label in message.provider_items
        if label.get("provider") in (None, provider)
    )
    if len(own) == len(message.provider_items):
        return message
    return replace(message, provider_items=own)
