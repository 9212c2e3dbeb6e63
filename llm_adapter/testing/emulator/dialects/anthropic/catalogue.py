"""The list of models, in pages (wire-protocols.md 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from ...replies import Reply
from ..dialect import Call, Said
from ..payload import Payload
from .models import MODELS, Model, model_of
from .words import invalid, model_not_found

PAGE = 5
"""Models on a page unless `limit` says else; the real one has 20."""
_MOST = 1000


def check(call: Call, payload: Payload) -> Reply | None:
    """The refusal of a request for one model or for a page."""
    if call.last:
        return None if model_of(call.last) else model_not_found(call.last)
    query = _query(call)
    limit = query.get("limit", str(PAGE))
    if not limit.isdecimal():
        return invalid("limit: Input should be a valid integer")
    if not 1 <= int(limit) <= _MOST:
        return invalid(f"limit: Input should be between 1 and {_MOST}")
    for name in ("after_id", "before_id"):
        if name in query and query[name] not in MODELS:
            return invalid(f"{name}: {query[name]} is not the id of a model")
    return None


def say(call: Call, payload: Payload, reply: Reply) -> Said:
    """One model, or a page of them."""
    model = model_of(call.last)
    return page(_query(call)) if model is None else model.encode()


def page(query: Mapping[str, str]) -> dict[str, Any]:
    """The models after or before one, or from the first on.

    >>> [each["id"] for each in page({"limit": "1"})["data"]]
    ['claude-fable-5-2']
    """
    models = list(MODELS.values())
    limit = int(query.get("limit", PAGE))
    start, end = 0, len(models)
    if (after := query.get("after_id")) is not None:
        start = _place(models, after) + 1
    if (before := query.get("before_id")) is not None:
        end = _place(models, before)
        start = max(start, end - limit)
    shown = models[start : min(end, start + limit)]
    names = [model.name for model in shown]
    more = start > 0 if before is not None else start + limit < end
    return {
        "data": [model.encode() for model in shown],
        "has_more": more,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def _place(models: list[Model], name: str) -> int:
    return [model.name for model in models].index(name)


def _query(call: Call) -> dict[str, str]:
    several = parse_qs(call.query, keep_blank_values=True)
    return {name: values[-1] for name, values in several.items()}
