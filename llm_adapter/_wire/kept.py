"""What a provider wants back unchanged: how it travels on a response and a message.

Reasoning items and signatures are kept as they came, labelled with the dialect that
knows them and the model that wrote them, so that a conversation can move to another
provider and leave them behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
