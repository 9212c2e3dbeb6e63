"""A whole response as the events of a stream."""

from __future__ import annotations

from .models import (
    LLMResponse,
    ReasoningDelta,
    StreamEnd,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)


def events_of(response: LLMResponse) -> list[StreamEvent]:
    """The events that a stream of this response would have had.

    >>> [event.type for event in events_of(LLMResponse("Hi"))]
    ['text', 'end']
    """
    events: list[StreamEvent] = []
    if response.reasoning:
        events.append(ReasoningDelta(response.reasoning))
    if response.text:
        events.append(TextDelta(response.text))
    for index, call in enumerate(response.tool_calls):
        events.append(ToolCallDelta(index, call.id, call.name, call.raw_arguments))
    events.append(StreamEnd(response))
    return events
