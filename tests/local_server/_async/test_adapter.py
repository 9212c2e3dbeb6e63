"""Our adapter for local servers against a real one."""

from __future__ import annotations

import math

import attrs
import pytest

from llm_adapter import (
    LLMAPIError,
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    Message,
    StreamEnd,
    TextDelta,
    Tool,
    Usage,
)
from llm_adapter._concurrency import async_sleep
from tests.concurrency import async_fan_out
from tests.local_server.model import (
    GOES_ON,
    SAYS,
    SAYS_TOKENS,
    THINKS,
    THINKS_TOKENS,
    prompt_tokens,
)
from tests.local_server.requests import FORECAST, TOOL, UNENDING

FORECASTER = Tool("forecast", "The weather", TOOL["function"]["parameters"])
PROMPT_TOKENS = prompt_tokens("Hi") + 1  # and the mark that opens its thoughts


@attrs.frozen
class Forecast:
    city: str
    days: int
    rain: list[bool]


async def test_an_answer_holds_what_the_model_said_and_thought(llm):
    response = await llm.generate("Hi")
    assert (response.text, response.reasoning) == (SAYS, THINKS)
    assert (response.finish_reason, response.model) == ("stop", "bigram")


async def test_usage_is_what_the_server_counted(llm):
    usage = (await llm.generate("Hi")).usage
    assert usage == Usage(
        input_tokens=PROMPT_TOKENS,
        output_tokens=THINKS_TOKENS + SAYS_TOKENS,
        cached_input_tokens=usage.cached_input_tokens,
        total_tokens=PROMPT_TOKENS + THINKS_TOKENS + SAYS_TOKENS,
    )


async def test_a_system_message_is_read(llm):
    usage = (await llm.generate("Hi", system_message="Be kind.")).usage
    assert usage.input_tokens == prompt_tokens("Be kind.", "Hi") + 1


async def test_a_stream_says_the_same(llm):
    async with llm.stream("Hi") as stream:
        events = [event async for event in stream]
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == stream.response.text == SAYS
    assert len(deltas) > 5
    assert isinstance(events[-1], StreamEnd)
    assert stream.response.reasoning == THINKS
    assert stream.response.usage.output_tokens == THINKS_TOKENS + SAYS_TOKENS


# The server's Responses API does not know the wish for JSON.
async def test_json_follows_the_schema_of_a_type(chat):
    wanted = Forecast("ok", 1, [])
    assert await chat.generate_as(Forecast, "Hi") == wanted


async def test_json_follows_a_schema(chat):
    schema = {"type": "json_schema", "json_schema": {"name": "it", "schema": FORECAST}}
    found = await chat.generate_json("Hi", response_format=schema)
    assert found == {"city": "ok", "days": 1, "rain": [True]}


async def test_a_tool_is_called_and_its_result_is_read(llm):
    asked = await llm.generate("Hi", tools=[FORECASTER], tool_choice="required")
    [call] = asked.tool_calls
    assert (call.name, call.arguments) == ("forecast", {"city": "ok", "days": 1})
    assert asked.finish_reason == "tool_calls"
    conversation = [
        Message("user", "Hi"),
        asked.message,
        Message("tool", "Rain", tool_call_id=call.id),
    ]
    response = await llm.generate("", messages=conversation, tools=[FORECASTER])
    assert response.text == SAYS


async def test_a_tool_call_is_streamed(llm):
    tools = {"tools": [FORECASTER], "tool_choice": "required"}
    async with llm.stream("Hi", **tools) as stream:
        async for _ in stream:
            pass
    [call] = stream.response.tool_calls
    assert call.arguments == {"city": "ok", "days": 1}


async def test_a_prompt_beyond_the_context_is_refused_once(llm):
    with pytest.raises(LLMContextLengthError) as caught:
        await llm.generate("long " * 600)
    assert caught.value.attempts == 1
    with pytest.raises(LLMContextLengthError):
        async with llm.stream("long " * 600) as stream:
            async for _ in stream:
                pass


async def test_tokens_are_counted_as_they_will_be(llm):
    counted = await llm.count_tokens("Hi")
    assert counted == (await llm.generate("Hi")).usage.input_tokens


async def test_reasoning_can_be_switched_off(chat):
    response = await chat.generate("Hi", reasoning_effort="none")
    assert (response.text, response.reasoning) == (SAYS, None)


async def test_an_answer_ends_at_max_tokens(chat):
    limit = THINKS_TOKENS + SAYS_TOKENS + 3
    response = await chat.generate("Hi", max_tokens=limit, extra_body=UNENDING)
    assert response.text == SAYS + GOES_ON
    assert response.finish_reason == "length"


async def test_an_answer_ends_before_a_stop_sequence(chat):
    response = await chat.generate("Hi", stop_sequences=["grüße"])
    assert response.text == SAYS.partition("grüße")[0]


async def test_models_are_listed(chat):
    assert await chat.list_models() == ["bigram"]


async def test_vectors_come_in_the_order_of_their_texts(connect, embedding_server):
    found = await connect(embedding_server).embed(["one", "two", "one"])
    assert found[0] == found[2] != found[1]
    assert [math.hypot(*vector) for vector in found] == pytest.approx([1, 1, 1])
    assert found.usage.input_tokens == len("onetwoone")


async def test_a_server_without_embeddings_says_how_to_start_it(chat):
    with pytest.raises(LLMBadRequestError, match="--embeddings"):
        await chat.embed("Hi")


async def test_a_key_is_sent(connect, guarded_server):
    response = await connect(guarded_server, api_key="right-key").generate("Hi")
    assert response.text == SAYS


async def test_a_wrong_key_is_refused(connect, guarded_server):
    with pytest.raises(LLMAuthenticationError):
        await connect(guarded_server, api_key="wrong-key").generate("Hi")


async def test_a_server_that_is_still_loading_is_waited_for(connect, loading_server):
    llm = connect(loading_server, max_retries=20)
    assert (await llm.generate("Hi")).text == SAYS


async def test_a_server_that_dies_interrupts_the_stream(connect, doomed_server):
    llm = connect(doomed_server, max_retries=0)
    with pytest.raises(LLMStreamInterruptedError) as caught:
        async with llm.stream("Hi", max_tokens=90_000, extra_body=UNENDING) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    doomed_server.kill()
    assert caught.value.partial.text.startswith("Hello")
    with pytest.raises(LLMConnectionError):
        await llm.generate("Hi")


async def test_leaving_a_stream_ends_the_work(connect, doomed_server):
    llm = connect(doomed_server)
    async with llm.stream("Hi", max_tokens=90_000, extra_body=UNENDING) as stream:
        async for _ in stream:
            break
        assert not doomed_server.is_idle(timeout=0)
    await async_sleep(0.1)  # let the event loop close the connection
    assert doomed_server.is_idle()


async def test_a_timeout_ends_the_work(connect, doomed_server):
    llm = connect(doomed_server, timeout=0.5, max_retries=0)
    with pytest.raises(LLMTimeoutError):
        await llm.generate("Hi", max_tokens=90_000, extra_body=UNENDING)
    await async_sleep(0.1)  # let the event loop close the connection
    assert doomed_server.is_idle()


async def test_an_error_in_the_middle_of_a_stream_is_raised(connect, crowded_server):
    llm = connect(crowded_server)

    async def read(number):
        try:
            async with llm.stream("Hi", extra_body=UNENDING) as stream:
                async for _ in stream:
                    pass
        except LLMServiceError as error:
            return error
        return None

    found = [error for error in await async_fan_out(read, 2) if error is not None]
    assert found
    assert all(isinstance(error, LLMAPIError) for error in found), found
    assert all("Context size" in str(error) for error in found)
