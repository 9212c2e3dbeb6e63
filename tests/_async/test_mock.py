"""The mock: what a program's own tests may rely on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llm_adapter import (
    AsyncLLMFactory,
    AsyncMockLLMService,
    Image,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    Message,
    ReasoningDelta,
    StreamEnd,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)


@dataclass
class Point:
    x: int
    y: int


# -- answers --------------------------------------------------------------------------


async def test_without_answers_there_is_one():
    response = await AsyncMockLLMService().generate("Hi")
    assert response == LLMResponse(
        "Mock LLM response",
        "mock-model",
        provider="mock",
        usage=Usage(input_tokens=1, output_tokens=3, total_tokens=4),
    )


async def test_the_first_keyword_that_the_prompt_contains_answers():
    llm = AsyncMockLLMService({"resume": "A resume.", "skill": "A skill."})
    assert (await llm.generate("My SKILLS, and my Resume")).text == "A resume."
    assert (await llm.generate("My skills")).text == "A skill."
    assert (await llm.generate("My hobbies")).text == "Mock LLM response"


async def test_a_keyword_may_stand_in_the_conversation_or_in_a_part():
    llm = AsyncMockLLMService({"ana": "Yes."})
    earlier = [Message("user", "I am Ana"), Message("assistant", [Text("Hello")])]
    assert (await llm.generate("Who am I?", messages=earlier)).text == "Yes."
    picture = Image("https://example.org/a.png")
    assert (await llm.generate([Text("Is this Ana?"), picture])).text == "Yes."


async def test_a_keyword_in_the_system_message_does_not_count():
    llm = AsyncMockLLMService({"resume": "A resume."})
    response = await llm.generate("Hi", system_message="You write resumes.")
    assert response.text == "Mock LLM response"


async def test_an_exception_is_raised():
    llm = AsyncMockLLMService({"fail": LLMRateLimitError(retry_after=7)})
    with pytest.raises(LLMRateLimitError) as caught:
        await llm.generate("Please fail")
    assert caught.value.retry_after == 7
    assert len(llm.calls) == 1


async def test_an_exception_may_be_given_as_its_class():
    llm = AsyncMockLLMService({"fail": LLMServiceError})
    with pytest.raises(LLMServiceError):
        await llm.generate("Please fail")


async def test_a_response_is_given_as_it_is():
    prepared = LLMResponse("Hi", "m", finish_reason="length", raw={"a": 1})
    llm = AsyncMockLLMService({"say": prepared})
    assert await llm.generate("Say") is prepared


async def test_a_mapping_is_given_as_json():
    llm = AsyncMockLLMService({"json": {"name": "Ana", "age": 7}})
    assert (await llm.generate("JSON")).text == '{"name": "Ana", "age": 7}'
    assert await llm.generate_json("JSON") == {"name": "Ana", "age": 7}


async def test_a_callable_is_given_the_request():
    llm = AsyncMockLLMService({"": lambda request: request.prompt.upper()})
    assert (await llm.generate("Shout", seed=1)).text == "SHOUT"
    assert llm.calls == [LLMRequest("Shout", seed=1)]


async def test_a_callable_may_answer_with_an_exception():
    llm = AsyncMockLLMService({"": lambda request: LLMServiceError(request.prompt)})
    with pytest.raises(LLMServiceError, match="Hi"):
        await llm.generate("Hi")


async def test_a_list_answers_calls_in_turn_and_its_last_stays():
    answers = [LLMRateLimitError(), "second", {"third": 3}]
    llm = AsyncMockLLMService({"go": answers})
    with pytest.raises(LLMRateLimitError):
        await llm.generate("Go")
    texts = [(await llm.generate("Go")).text for _ in range(3)]
    assert texts == ["second", '{"third": 3}', '{"third": 3}']
    assert len(answers) == 3


async def test_json_is_an_empty_object_where_nothing_is_prepared():
    assert await AsyncMockLLMService().generate_json("JSON") == {}


async def test_json_that_is_none_is_an_invalid_response():
    llm = AsyncMockLLMService({"json": "Certainly!"})
    with pytest.raises(LLMInvalidResponseError):
        await llm.generate_json("JSON")


async def test_a_type_is_built_from_a_mapping():
    llm = AsyncMockLLMService({"where": {"x": 1, "y": 2}})
    assert await llm.generate_as(Point, "Where?") == Point(1, 2)


async def test_the_model_is_the_requests_or_the_mocks():
    llm = AsyncMockLLMService(model="m")
    assert (await llm.generate("Hi")).model == "m"
    assert (await llm.generate("Hi", model="n")).model == "n"
    assert llm.get_available_models() == await llm.list_models() == ["m"]
    assert llm.get_provider_name() == "mock"


async def test_tokens_are_words():
    llm = AsyncMockLLMService({"count": "one two three"})
    usage = (await llm.generate("Count to three")).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 3, 6)


async def test_an_answer_of_another_kind_is_a_programming_error():
    llm = AsyncMockLLMService({"hi": 7})
    with pytest.raises(TypeError, match="cannot answer with int"):
        await llm.generate("Hi")


@pytest.mark.parametrize(
    ("responses", "error", "message"),
    [
        (["Hi"], TypeError, "mapping of keyword to answer, not list"),
        ({7: "Hi"}, TypeError, "keyword must be a string, not int"),
        ({"hi": []}, ValueError, "answers to 'hi' is empty"),
    ],
)
async def test_answers_that_cannot_be_given_are_refused_at_once(
    responses, error, message
):
    with pytest.raises(error, match=message):
        AsyncMockLLMService(responses)


# -- calls ----------------------------------------------------------------------------


async def test_calls_are_remembered_in_their_order():
    llm = AsyncMockLLMService()
    request = LLMRequest("one", metadata={"user_id": "u"})
    await llm.generate(request)
    await llm.generate("two", temperature=0)
    async with llm.stream("three") as stream:
        async for _ in stream:
            pass
    expected = [request, LLMRequest("two", temperature=0), LLMRequest("three")]
    assert llm.calls == expected


async def test_a_keyword_that_was_asked_with_is_found():
    llm = AsyncMockLLMService()
    await llm.generate("Improve my Resume")
    assert llm.assert_called_with("resume") is True


async def test_a_keyword_that_was_not_asked_with_shows_the_calls():
    llm = AsyncMockLLMService()
    with pytest.raises(AssertionError, match=r"'resume'.*\n  \(no calls\)"):
        llm.assert_called_with("resume")
    await llm.generate("Improve my letter")
    with pytest.raises(AssertionError, match="'Improve my letter'"):
        llm.assert_called_with("resume")


# -- streams --------------------------------------------------------------------------


async def test_a_stream_comes_word_by_word():
    llm = AsyncMockLLMService({"count": " one  two\nthree"})
    async with llm.stream("Count") as stream:
        events = [event async for event in stream]
    assert events == [
        TextDelta(" "),
        TextDelta("one  "),
        TextDelta("two\n"),
        TextDelta("three"),
        StreamEnd(stream.response),
    ]
    assert stream.response.text == " one  two\nthree"


async def test_a_stream_has_all_that_a_response_has():
    call = ToolCall("c1", "lookup", {"a": 1}, '{"a": 1}')
    prepared = LLMResponse("Hi", reasoning="Hm. Hm.", tool_calls=(call,))
    async with AsyncMockLLMService({"": prepared}).stream("Hi") as stream:
        events = [event async for event in stream]
    assert events == [
        ReasoningDelta("Hm. Hm."),
        TextDelta("Hi"),
        ToolCallDelta(0, "c1", "lookup", '{"a": 1}'),
        StreamEnd(prepared),
    ]


async def test_the_response_of_a_stream_is_not_there_before_its_end():
    async with AsyncMockLLMService().stream("Hi") as stream:
        await anext(stream)
        with pytest.raises(LLMServiceError, match="read to its end"):
            _ = stream.response


async def test_an_exception_is_raised_by_the_stream():
    llm = AsyncMockLLMService({"fail": LLMRateLimitError()})
    stream = llm.stream("Please fail")
    assert llm.calls == []
    with pytest.raises(LLMRateLimitError):
        async with stream:
            async for _ in stream:
                pass
    assert len(llm.calls) == 1
    assert stream.partial.finish_reason == "error"


async def test_a_stream_takes_the_next_answer_of_a_list():
    llm = AsyncMockLLMService({"go": ["one", "two"]})
    for expected in ("one", "two"):
        stream = llm.stream("Go")
        assert [text async for text in stream.text()] == [expected]


# -- as a real adapter ----------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["", " \n", []])
async def test_an_empty_prompt_is_refused(prompt):
    llm = AsyncMockLLMService()
    with pytest.raises(ValueError, match="prompt is empty"):
        await llm.generate(prompt)
    with pytest.raises(ValueError, match="prompt is empty"):
        llm.stream(prompt)
    assert llm.calls == []


async def test_messages_alone_are_enough():
    llm = AsyncMockLLMService()
    await llm.generate("", messages=[Message("user", "Hi")])
    assert llm.assert_called_with("hi")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((None, {}), TypeError),
        ((7, {}), TypeError),
        (("Hi", {"temperature": "warm"}), TypeError),
        (("Hi", {"max_tokens": 0}), ValueError),
        (("Hi", {"temprature": 0}), TypeError),
        (("Hi", {"tool_choice": "lookup"}), ValueError),
    ],
)
async def test_wrong_arguments_are_refused(arguments, error):
    llm = AsyncMockLLMService()
    request, overrides = arguments
    with pytest.raises(error):
        await llm.generate(request, **overrides)
    with pytest.raises(error):
        llm.stream(request, **overrides)
    assert llm.calls == []


async def test_a_mock_is_a_service_with_a_block(monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    async with AsyncLLMFactory.create(responses={"hi": "Hello"}) as llm:
        assert (await llm.generate("Hi")).text == "Hello"
        assert isinstance(llm, AsyncMockLLMService)
