"""A stream as browsers read it (text/event-stream), whatever the framework."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import asdict

from ..models import LLMResponse, StreamEnd, StreamEvent
from ._http import Reply

Shown: TypeAlias = Literal["text", "reasoning", "tool_call"]

TEXT: tuple[Shown, ...] = ("text",)
KINDS: tuple[Shown, ...] = ("text", "reasoning", "tool_call")

PING = b": ping\n\n"
"""A comment, which keeps proxies from taking silence for the end."""

HEADERS: Mapping[str, str] = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Nothing on the way may keep the events for later."""


def frame(event: str, data: Mapping[str, Any]) -> bytes:
    r"""One event; its data is JSON, in which no line ends.

    >>> frame("text", {"text": "a\nb"})
    b'event: text\ndata: {"text": "a\\nb"}\n\n'
    """
    # Escapes also say half of a surrogate pair, which UTF-8 cannot.
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode("ascii")


def frames(events: Iterable[StreamEvent], show: Collection[str]) -> bytes:
    r"""What a client is sent of some events.

    >>> from llm_adapter import ReasoningDelta, TextDelta
    >>> frames([ReasoningDelta("Hm."), TextDelta("Yes")], ["text"])
    b'event: text\ndata: {"text": "Yes"}\n\n'

    Args:
        events: as they came; the end becomes `done`.
        show: the types of the others that are sent.
    """
    return b"".join(
        frame("done", _done(event.response))
        if isinstance(event, StreamEnd)
        else frame(event.type, asdict(event))
        for event in events
        if event.type in show or isinstance(event, StreamEnd)
    )


def _done(response: LLMResponse) -> Mapping[str, Any]:
    return {
        "finish_reason": response.finish_reason,
        "model": response.model,
        "usage": asdict(response.usage),
    }


def error_frame(reply: Reply) -> bytes:
    r"""What a client is told of an error when it is too late for a status.

    >>> error_frame(Reply(503, "Overloaded."))
    b'event: error\ndata: {"status": 503, "detail": "Overloaded."}\n\n'
    """
    return frame("error", {"status": reply.status, "detail": reply.detail})
