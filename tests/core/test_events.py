from __future__ import annotations

from hypothesis import given

from llm_adapter import (
    LLMResponse,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from llm_adapter._events import events_of
from tests.core import values


def test_response_comes_as_reasoning_then_text_then_calls_then_its_end():
    response = LLMResponse(
        "Hi",
        reasoning="hm",
        tool_calls=(
            ToolCall("1", "f", {"a": 1}, '{"a": 1}'),
            ToolCall("2", "g", raw_arguments="nonsense", invalid=True),
        ),
    )
    assert events_of(response) == [
        ReasoningDelta("hm"),
        TextDelta("Hi"),
        ToolCallDelta(0, "1", "f", '{"a": 1}'),
        ToolCallDelta(1, "2", "g", "nonsense"),
        StreamEnd(response),
    ]


def test_empty_response_is_nothing_but_its_end():
    assert events_of(LLMResponse()) == [StreamEnd(LLMResponse())]


@values.few
@given(values.responses)
def test_events_add_up_to_the_response_that_ends_them(response):
    *deltas, end = events_of(response)
    assert end.response is response
    texts = [event.text for event in deltas if isinstance(event, TextDelta)]
    assert "".join(texts) == response.text
    calls = [event.id for event in deltas if isinstance(event, ToolCallDelta)]
    assert calls == [call.id for call in response.tool_calls]
