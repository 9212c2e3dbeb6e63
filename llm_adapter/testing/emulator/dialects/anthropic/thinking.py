"""Whether a model thinks, and what becomes of its thoughts (wire-protocols.md 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ... import text
from ..dialect import REQUEST_ID
from ..payload import Payload
from .models import Model, model_of

_SEAL = re.compile(r"Es.{26}([0-9a-f]{16})([0-9a-f]{16})")


def thinks(payload: Payload) -> bool:
    """Whether the model thinks before it answers this request."""
    kind = payload.dig("thinking", "type")
    if kind is not None:
        return kind in ("adaptive", "enabled")
    model = model_of(payload.model)
    return model is not None and model.thinks


def shows_thoughts(payload: Payload) -> bool:
    """Whether the text of thoughts comes with them."""
    display = payload.dig("thinking", "display")
    if display is not None:
        return bool(display == "summarized")
    model = model_of(payload.model)
    return model is None or not model.omits


def seal(thought: str, model: str) -> str:
    """The signature of a thought: proves that it comes back as it was.

    >>> seal("so", "claude-opus-5-5") == seal("no", "claude-opus-5-5")
    False
    """
    return f"Es{REQUEST_ID}{text.digest(thought):016x}{text.digest(model):016x}"


def is_sealed(block: Mapping[str, Any], model: Model) -> bool:
    """Whether a thinking block is unchanged, and of this model where that matters."""
    match = _SEAL.fullmatch(str(block.get("signature")))
    if match is None:
        return False
    thought = f"{text.digest(str(block.get('thinking'))):016x}"
    own = match[2] == f"{text.digest(model.name):016x}"
    return match[1] == thought and (own or not model.bound)
