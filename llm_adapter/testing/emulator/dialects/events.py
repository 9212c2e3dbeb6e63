"""Server-sent events, and which of them a fault may be placed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from attrs import frozen

from .. import json_bytes
from ..wire import Answer

Mark = Literal["delta", "finish", "done"]


@frozen
class Event:
    """One event; marked where it carries content or ends the stream."""

    data: bytes
    mark: Mark | None = None

    @classmethod
    def of(
        cls, value: Any, mark: Mark | None = None, *, name: str | None = None
    ) -> Self:
        """An event with JSON data."""
        return cls(encode_event(value, name), mark)


DONE = Event(b"data: [DONE]\n\n", "done")
"""The terminal marker of the OpenAI family's Chat Completions."""


def encode_event(value: Any, name: str | None = None) -> bytes:
    """The bytes of an event, with a name or without.

    >>> encode_event({"a": 1}, "ping")
    b'event: ping\\ndata: {"a":1}\\n\\n'
    """
    lead = f"event: {name}\n".encode() if name else b""
    return b"%bdata: %b\n\n" % (lead, json_bytes.encode(value))


def event_stream(
    status: int, headers: Mapping[str, str], events: tuple[Event, ...]
) -> Answer:
    """The events as an answer that knows where it finishes and ends."""
    return Answer(
        status,
        headers,
        tuple(event.data for event in events),
        stream=True,
        finish=_place(events, "finish"),
        done=_place(events, "done"),
    )


def broken(events: tuple[Event, ...], after: int) -> tuple[Event, ...]:
    """The events up to where a fault strikes: after so many deltas, or as it ends."""
    deltas = [at for at, event in enumerate(events) if event.mark == "delta"]
    return events[: deltas[after] if after < len(deltas) else _place(events, "finish")]


def _place(events: tuple[Event, ...], mark: Mark) -> int:
    """The index of the first event so marked; the last one where there is none."""
    found = (at for at, event in enumerate(events) if event.mark == mark)
    return next(found, len(events) - 1)
