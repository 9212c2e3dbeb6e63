"""What an adapter gets that implements the least, and what it must implement."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llm_adapter import (
    AsyncLLMService,
    LLMInvalidResponseError,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    LLMUnsupportedFeatureError,
    StreamEnd,
    Text,
    TextDelta,
    Tool,
    ToolCall,
)


class AsyncMinimal(AsyncLLMService):
    """Implements what must be, and remembers what it was given."""

    def __init__(self, answer="Hello"):
        self.answer = answer
        self.given = []

    async def generate(self, request):
        self.given.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, LLMResponse):
            return self.answer
        return LLMResponse(self.answer, "minimal-1", provider="minimal")

    def get_provider_name(self):
        return "minimal"

    def get_available_models(self):
        return ["minimal-1"]


@dataclass
class Point:
    x: int
    y: int


async def test_a_minimal_adapter_is_given_a_whole_request():
    llm = AsyncMinimal()
    response = await llm.generate("Hi", temperature=0, max_tokens=5)
    assert response.text == "Hello"
    assert llm.given == [LLMRequest("Hi", temperature=0, max_tokens=5)]


async def test_parts_of_a_prompt_become_a_request():
    llm = AsyncMinimal()
    await llm.generate([Text("Hi"), "there"])
    assert llm.given == [LLMRequest([Text("Hi"), Text("there")])]


async def test_keywords_override_a_request_and_leave_it_as_it_was():
    llm = AsyncMinimal()
    request = LLMRequest("Hi", temperature=0.9)
    await llm.generate(request, temperature=0)
    assert llm.given == [LLMRequest("Hi", temperature=0)]
    assert request.temperature == 0.9


async def test_a_request_without_keywords_is_handed_on_as_it_is():
    llm = AsyncMinimal()
    request = LLMRequest("Hi")
    await llm.generate(request)
    assert llm.given[0] is request


async def test_an_unknown_keyword_is_named():
    llm = AsyncMinimal()
    with pytest.raises(TypeError, match=r"unknown argument temprature; known are"):
        await llm.generate("Hi", temprature=0)
    with pytest.raises(TypeError, match="unknown argument"):
        llm.stream(LLMRequest("Hi"), temprature=0)
    assert llm.given == []


async def test_json_comes_with_a_minimal_adapter():
    llm = AsyncMinimal('```json\n{"a": 1}\n```')
    assert await llm.generate_json("Give me an object", temperature=0) == {"a": 1}
    (given,) = llm.given
    assert given.response_format == {"type": "json_object"}
    assert given.temperature == 0
    assert "JSON" in given.system_message


async def test_json_that_is_none_is_an_invalid_response():
    llm = AsyncMinimal("Certainly!")
    with pytest.raises(LLMInvalidResponseError) as caught:
        await llm.generate_json("JSON")
    assert caught.value.provider == "minimal"
    assert caught.value.model == "minimal-1"
    assert (caught.value.text, caught.value.position) == ("Certainly!", 0)


async def test_types_come_with_a_minimal_adapter():
    llm = AsyncMinimal('{"x": 1, "y": 2}')
    assert await llm.generate_as(Point, "Where?", seed=1) == Point(1, 2)
    assert llm.given == [LLMRequest("Where?", seed=1, response_format=Point)]


async def test_a_stream_comes_in_one_piece():
    llm = AsyncMinimal()
    async with llm.stream("Hi", temperature=0) as stream:
        assert llm.given == []
        assert stream.partial.text == ""
        events = [event async for event in stream]
    assert events == [TextDelta("Hello"), StreamEnd(stream.response)]
    assert stream.response.text == stream.partial.text == "Hello"
    assert llm.given == [LLMRequest("Hi", temperature=0)]


async def test_the_text_of_a_stream_comes_in_one_piece():
    stream = AsyncMinimal().stream("Hi")
    assert [text async for text in stream.text()] == ["Hello"]
    assert stream.response.model == "minimal-1"


async def test_a_stream_has_all_that_a_response_has():
    call = ToolCall("c1", "lookup", {"a": 1}, '{"a": 1}')
    response = LLMResponse("Hi", "m", reasoning="Hm.", tool_calls=(call,))
    async with AsyncMinimal(response).stream("Hi", tools=[Tool("lookup")]) as stream:
        events = [event async for event in stream]
    assert [event.type for event in events] == ["reasoning", "text", "tool_call", "end"]
    assert (events[2].id, events[2].arguments) == ("c1", '{"a": 1}')
    assert stream.response is response


async def test_a_stream_without_text_has_no_delta_of_text():
    async with AsyncMinimal(LLMResponse()).stream("Hi") as stream:
        assert [event.type async for event in stream] == ["end"]


async def test_a_failure_in_a_stream_is_the_adapters():
    llm = AsyncMinimal(LLMServiceError("down"))
    with pytest.raises(LLMServiceError, match="down"):
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert stream.partial.finish_reason == "error"


async def test_a_minimal_adapter_has_no_list_to_ask_for():
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await AsyncMinimal().list_models()
    assert caught.value.feature == "list_models"
    assert caught.value.provider == "minimal"
    assert "Minimal" in str(caught.value)
    assert "get_available_models()" in str(caught.value)


async def test_a_block_closes_the_service():
    closed = []

    class AsyncHolding(AsyncMinimal):
        async def close(self):
            closed.append(self)

    async with AsyncHolding() as llm:
        assert closed == []
    assert closed == [llm]
    with pytest.raises(ZeroDivisionError):
        async with AsyncHolding():
            raise ZeroDivisionError
    assert len(closed) == 2


async def test_closing_what_holds_nothing_is_fine():
    async with AsyncMinimal() as llm:
        await llm.close()


@pytest.mark.parametrize(
    "missing", ["generate", "get_provider_name", "get_available_models"]
)
async def test_an_adapter_cannot_be_made_without(missing):
    complete = {
        name: vars(AsyncMinimal)[name]
        for name in ("generate", "get_provider_name", "get_available_models")
        if name != missing
    }
    incomplete = type("Incomplete", (AsyncLLMService,), complete)
    with pytest.raises(TypeError, match=missing):
        incomplete()


async def test_an_adapter_may_take_keywords_itself():
    class AsyncOwnKeywords(AsyncMinimal):
        async def generate(self, request, **overrides):
            assert overrides == {}
            return await super().generate(request)

    llm = AsyncOwnKeywords()
    await llm.generate("Hi", temperature=0)
    assert llm.given == [LLMRequest("Hi", temperature=0)]


async def test_a_subclass_that_changes_nothing_works_as_its_base():
    class AsyncSame(AsyncMinimal):
        pass

    llm = AsyncSame()
    await llm.generate("Hi", seed=1)
    assert llm.given == [LLMRequest("Hi", seed=1)]


@pytest.mark.parametrize("feature", ["embed", "count_tokens", "list_models"])
async def test_what_a_service_does_not_implement_is_a_feature_that_it_lacks(feature):
    method = getattr(AsyncMinimal(), feature)
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await (method() if feature == "list_models" else method("Hi"))
    assert caught.value.feature == feature
    assert caught.value.provider == "minimal"
