"""Who uses the model, and what for: from the request, or from what surrounds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias
from uuid import UUID

from attrs import frozen

from ._checks import type_error

UserId: TypeAlias = str | int | UUID


@frozen
class UsageContext:
    """Whose calls these are, and for which workflow; None where nobody has said."""

    user_id: str | None = None
    workflow: str | None = None


_NOBODY = UsageContext()
_context: ContextVar[UsageContext | None] = ContextVar(
    "llm_adapter_usage", default=None
)


@contextmanager
def usage_context(
    *, user_id: UserId | None = None, workflow: str | None = None
) -> Iterator[UsageContext]:
    """Book the calls of the block, and of tasks begun there, to a user and a workflow.

    >>> with usage_context(user_id=7), usage_context(workflow="ranking") as both:
    ...     both
    UsageContext(user_id='7', workflow='ranking')

    Args:
        user_id: None leaves it to the context around.
        workflow: likewise.

    Raises:
        TypeError: one of them is neither text, a whole number nor a UUID.
    """
    around = _context.get() or _NOBODY
    inside = UsageContext(
        user_id=label("user_id", user_id) or around.user_id,
        workflow=label("workflow", workflow) or around.workflow,
    )
    token = _context.set(inside)
    try:
        yield inside
    finally:
        _context.reset(token)


def usage_of(metadata: Mapping[str, Any]) -> UsageContext:
    """Whose a request is: its metadata first, what surrounds it second.

    >>> usage_of({"user_id": 7, "workflow": "ranking", "other": object()})
    UsageContext(user_id='7', workflow='ranking')
    """
    around = _context.get() or _NOBODY
    return UsageContext(
        user_id=label("user_id", metadata.get("user_id")) or around.user_id,
        workflow=label("workflow", metadata.get("workflow")) or around.workflow,
    )


def label(name: str, value: object) -> str | None:
    """A label as it is booked; an empty one is none.

    Raises:
        TypeError: it is neither text, a whole number nor a UUID.
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise type_error(name, "a string, a whole number, a UUID or None", value)
