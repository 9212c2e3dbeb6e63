"""Answers as they are written: their events, their end, and their failures."""

from __future__ import annotations

import time

import pytest

from llm_adapter import (
    AsyncMockLLMService,
    LLMConnectionError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    ReasoningDelta,
    StreamEnd,
    TextDelta,
    Timeout,
    Tool,
    ToolCallDelta,
)
from llm_adapter._concurrency import async_sleep
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true

WORDS = Reply(text="one two three four")
OVERLOADED = {"error": dict(faults.overloaded().error)}
# Several events in one piece of the body.
AT_ONCE = Reply(
    body=b'data: {"choices": [{"delta": {"content": "one"}}]}\n\n'
    b'data: {"choices": [{"delta": {"content": " two"}}]}\n\n'
    b"data: [DONE]\n\n",
    content_type="text/event-stream",
)


async def read(stream):
    """All events of a stream."""
    async with stream:
        return [event async for event in stream]


# -- events ---------------------------------------------------------------------------


async def test_deltas_are_the_text_in_pieces(emulator, llm):
    async with llm.stream("Hi", max_tokens=40) as stream:
        events = [event async for event in stream]
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(deltas) > 5
    assert "".join(deltas) == stream.response.text
    # The same question, the same answer: streamed or not.
    assert (await llm.generate("Hi", max_tokens=40)).text == stream.response.text


async def test_a_stream_is_asked_for_without_what_groq_does_not_need(emulator, llm):
    await read(llm.stream("Hi"))
    sent = emulator.seen[0].json
    assert sent["stream"] is True
    assert "stream_options" not in sent


async def test_the_end_holds_the_response(emulator, llm):
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    emulator.always(WORDS | Reply(usage=usage))
    async with llm.stream("Hi") as stream:
        events = [event async for event in stream]
    last = events[-1]
    assert isinstance(last, StreamEnd)
    assert last.response is stream.response
    response = stream.response
    assert response.text == "one two three four"
    assert response.model == "openai/gpt-oss-120b"
    assert response.provider == "groq"
    assert response.finish_reason == "stop"
    assert response.tokens_used == 14
    assert response.cost > 0
    assert response.id.startswith("chatcmpl-")
    assert response.request_id.startswith("req_")
    assert response.attempts == len(response.history) == 1
    assert 0 < response.generation_time < 5
    assert stream.partial is response


async def test_text_alone(emulator, llm):
    emulator.always(WORDS | Reply(reasoning="Count."))
    async with llm.stream("Hi") as stream:
        assert [text async for text in stream.text()] == [
            "one",
            " two",
            " three",
            " four",
        ]
    assert stream.response.reasoning == "Count."


async def test_reasoning_comes_before_the_text(emulator, llm):
    emulator.always(Reply(reasoning="I count.", text="one", deltas=2))
    events = await read(llm.stream("Hi"))
    kinds = [event.type for event in events]
    assert kinds == ["reasoning", "reasoning", "text", "text", "end"]
    reasoning = [e.reasoning for e in events if isinstance(e, ReasoningDelta)]
    assert "".join(reasoning) == events[-1].response.reasoning == "I count."


async def test_tool_calls_come_in_pieces(emulator, llm):
    calls = (("lookup", {"name": "Ana"}), ("lookup", {"name": "Bo"}))
    emulator.always(Reply(tool_calls=calls, deltas=3))
    events = await read(llm.stream("Who?", tools=[Tool("lookup")]))
    pieces = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [piece.index for piece in pieces] == [0, 0, 0, 1, 1, 1]
    assert [piece.name for piece in pieces[:2]] == ["lookup", None]
    first, second = events[-1].response.tool_calls
    assert "".join(p.arguments for p in pieces[:3]) == first.raw_arguments
    assert (first.arguments, second.arguments) == ({"name": "Ana"}, {"name": "Bo"})
    assert first.id == pieces[0].id
    assert events[-1].response.finish_reason == "tool_calls"


async def test_events_arrive_while_the_answer_is_written(emulator, llm):
    emulator.always(WORDS | faults.stall("before_finish"))
    seen = []
    async with llm.stream("Hi") as stream:
        async for text in stream.text():
            seen.append(text)
            if len(seen) == 4:
                break
    assert seen == ["one", " two", " three", " four"]


# -- before and after the end ---------------------------------------------------------


async def test_nothing_is_sent_before_the_stream_is_used(emulator, llm):
    stream = llm.stream("Hi")
    assert emulator.counts.connections_opened == 0
    assert stream.partial.text == ""
    await stream.close()
    assert [event async for event in stream] == []
    assert emulator.counts.connections_opened == 0


async def test_entering_the_block_sends(emulator, llm):
    async with llm.stream("Hi"):
        assert emulator.counts.requests == 1


async def test_the_response_is_not_there_before_the_end(emulator, llm):
    emulator.always(WORDS)
    async with llm.stream("Hi") as stream:
        with pytest.raises(LLMServiceError, match="not been read to its end"):
            _ = stream.response
        await anext(stream)
        with pytest.raises(LLMServiceError, match=r"\.partial"):
            _ = stream.response


async def test_the_response_is_not_there_before_the_end_is_read(emulator, llm):
    emulator.always(AT_ONCE)
    async with llm.stream("Hi") as stream:
        assert await anext(stream) == TextDelta("one")
        with pytest.raises(LLMServiceError, match="not been read to its end"):
            _ = stream.response


async def test_what_has_arrived_can_be_had_at_any_time(emulator, llm):
    emulator.always(WORDS | Reply(interval=0.02, reasoning="Hm."))
    async with llm.stream("Hi") as stream:
        assert stream.partial.text == ""
        lengths = []
        async for _ in stream.text():
            lengths.append(len(stream.partial.text))
            assert stream.partial.finish_reason == "error"
        assert lengths == sorted(lengths)
        assert stream.partial.finish_reason == "stop"
    partial = stream.partial
    assert (partial.text, partial.reasoning) == ("one two three four", "Hm.")


async def test_a_stream_works_without_a_block(emulator, llm):
    emulator.always(WORDS)
    stream = llm.stream("Hi")
    assert "".join([text async for text in stream.text()]) == "one two three four"
    assert stream.response.text == "one two three four"
    assert await async_comes_true(lambda: emulator.counts.in_flight == 0)


async def test_iterating_after_the_end_stops(emulator, llm):
    async with llm.stream("Hi") as stream:
        assert [event async for event in stream]
        assert [event async for event in stream] == []
        assert [text async for text in stream.text()] == []
    assert [event async for event in stream] == []
    assert emulator.counts.requests == 1


async def test_iterating_after_close_stops(emulator, llm):
    emulator.always(AT_ONCE)
    stream = llm.stream("Hi")
    assert await anext(stream) == TextDelta("one")
    await stream.close()
    assert [event async for event in stream] == []
    # What had arrived stays readable.
    assert stream.partial.text == "one two"


async def test_iterating_after_the_block_stops(emulator, llm):
    emulator.always(AT_ONCE)
    async with llm.stream("Hi") as stream:
        await anext(stream)
    assert [event async for event in stream] == []


async def test_iterating_after_a_failure_stops(emulator, connect):
    emulator.always(WORDS | faults.truncated_stream())
    stream = connect(max_retries=0).stream("Hi")
    with pytest.raises(LLMStreamInterruptedError):
        await read(stream)
    assert [event async for event in stream] == []
    assert emulator.counts.requests == 1


async def test_entering_twice_sends_once(emulator, llm):
    stream = llm.stream("Hi")
    async with stream:
        async with stream:
            await anext(stream)
        assert [event async for event in stream] == []
    assert emulator.counts.requests == 1


async def test_a_whole_stream_leaves_its_connection_for_the_next(emulator, llm):
    for _ in range(3):
        assert await read(llm.stream("Hi"))
    assert emulator.counts.connections_opened == 1
    assert emulator.counts.aborted_by_client == 0


async def test_a_body_that_ends_soon_after_the_marker_leaves_its_connection(
    emulator, llm
):
    body = AT_ONCE.body + b": bye\n\n"
    pace = {"chunk": len(AT_ONCE.body), "interval": 0.02}
    emulator.always(AT_ONCE | Reply(body=body, **pace))
    for _ in range(2):
        assert (await read(llm.stream("Hi")))[-1].response.text == "one two"
    assert emulator.counts.connections_opened == 1


async def test_a_body_that_goes_on_after_the_marker_is_left_soon(emulator, llm):
    # Everything up to [DONE]; then nothing, with the connection open.
    emulator.always(AT_ONCE | Reply(length=1000) | Reply(stop_at=1.0, stop="stall"))
    begun = time.monotonic()
    events = await read(llm.stream("Hi"))
    assert time.monotonic() - begun < 1
    assert events[-1].response.text == "one two"
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


# -- retries --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.rate_limited("0.01"),
        faults.server_error(),
        faults.reset("connect"),
        faults.reset("headers"),
        # Behind the role, before the first word.
        WORDS | Reply(stop_at="before_finish", stop="end", text=""),
        faults.stream_error(OVERLOADED, after=0),
        faults.empty_body(),
        faults.truncated_json() | Reply(body=b'{"choices": [{"message": '),
    ],
    ids=[
        "a rate limit",
        "a server error",
        "a reset connection",
        "a reset in the headers",
        "a stream without a delta",
        "an error event",
        "an empty body",
        "half a JSON body",
    ],
)
async def test_is_asked_for_again_after(emulator, llm, fault):
    emulator.script(fault, WORDS)
    async with llm.stream("Hi") as stream:
        text = "".join([text async for text in stream.text()])
    assert text == stream.response.text == "one two three four"
    assert stream.response.attempts == len(stream.response.history) == 2
    assert emulator.counts.requests == (1 if fault.strikes_early else 2)


@pytest.mark.parametrize(
    "fault",
    [
        Reply(stop_at="before_finish", stop="reset"),
        Reply(stop_at="before_finish", stop="close"),
        Reply(stop_at="before_finish", stop="end"),
        faults.stream_error(OVERLOADED, after=1),
    ],
    ids=["reset", "closed", "cut", "error event"],
)
async def test_nothing_is_asked_for_again_after_the_first_delta(emulator, llm, fault):
    emulator.script(WORDS | fault)
    with pytest.raises(LLMServiceError) as caught:
        await read(llm.stream("Hi"))
    assert caught.value.attempts == len(caught.value.history) == 1
    assert emulator.counts.requests == 1


async def test_attempts_before_the_first_delta_are_told_by_a_later_failure(
    emulator, llm
):
    emulator.script(faults.server_error(), WORDS | faults.truncated_stream())
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await read(llm.stream("Hi"))
    first, second = caught.value.history
    assert (first.error, second.error) == (
        "LLMServerError",
        "LLMStreamInterruptedError",
    )
    assert caught.value.partial.attempts == 1
    assert caught.value.request_id.endswith("2")


async def test_retries_of_a_stream_come_to_an_end(emulator, connect):
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError) as caught:
        await read(connect(max_retries=2).stream("Hi"))
    assert caught.value.attempts == emulator.counts.requests == 3


async def test_a_stream_that_never_brings_a_delta_is_interrupted(emulator, connect):
    emulator.always(Reply(text="", stop_at="before_finish", stop="end"))
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await read(connect(max_retries=2).stream("Hi"))
    assert caught.value.partial.text == ""
    assert caught.value.attempts == emulator.counts.requests == 3


# -- on the wire ----------------------------------------------------------------------


async def test_bytes_in_any_pieces_are_the_same_stream(emulator, llm):
    text = "naïve 東京 🚀 👩‍💻"
    emulator.always(Reply(text=text) | faults.split_everywhere())
    events = await read(llm.stream("Hi"))
    assert events[-1].response.text == text
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert pieces == ["naïve", " 東京", " 🚀", " 👩‍💻"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
async def test_a_compressed_stream_arrives_as_it_is_written(emulator, llm, encoding):
    emulator.always(WORDS | Reply(encoding=encoding) | faults.stall("before_finish"))
    async with llm.stream("Hi") as stream:
        pieces = [await anext(stream.text()) for _ in range(4)]
    assert pieces == ["one", " two", " three", " four"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
async def test_a_compressed_stream_ends_as_any_other(emulator, llm, encoding):
    emulator.always(WORDS | Reply(encoding=encoding))
    for _ in range(2):
        events = await read(llm.stream("Hi"))
        assert events[-1].response.text == "one two three four"
    assert emulator.counts.connections_opened == 1


async def test_json_instead_of_a_stream_is_read_whole(emulator, llm):
    message = {"role": "assistant", "content": "Hello", "reasoning": "Hm."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "model": "m", "choices": [choice]}
    emulator.always(Reply(body=body))
    events = await read(llm.stream("Hi"))
    assert [event.type for event in events] == ["reasoning", "text", "end"]
    assert events[-1].response.text == "Hello"
    assert events[-1].response.attempts == 1


async def test_a_stream_instead_of_json_is_read_whole(emulator, llm):
    emulator.always(AT_ONCE)
    assert (await llm.generate("Hi")).text == "one two"


async def test_a_stream_under_a_wrong_content_type_is_read(emulator, llm):
    emulator.always(WORDS | faults.wrong_content_type())
    events = await read(llm.stream("Hi"))
    assert events[-1].response.text == "one two three four"


async def test_a_stream_that_says_it_is_json_is_read(emulator, llm):
    emulator.always(WORDS | faults.wrong_content_type("Application/JSON"))
    events = await read(llm.stream("Hi"))
    assert events[-1].response.text == "one two three four"


async def test_broken_utf8_in_mid_stream_keeps_what_came_before(emulator, llm):
    emulator.always(Reply(text="fine caf\udcff"))
    with pytest.raises(LLMStreamInterruptedError, match="UTF-8") as caught:
        await read(llm.stream("Hi"))
    assert caught.value.partial.text == "fine"
    assert emulator.counts.requests == 1


async def test_an_endless_event_ends(emulator, connect):
    emulator.always(Reply(body=b"data: ") | Reply(pad=70_000_000))
    llm = connect(max_retries=0)
    with pytest.raises(LLMInvalidResponseError, match="larger than"):
        await read(llm.stream("Hi"))
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


# -- time -----------------------------------------------------------------------------


async def test_silence_before_the_first_token_ends_an_attempt(emulator, connect):
    emulator.script(WORDS | Reply(delay=5), WORDS)
    timeout = Timeout(first_token=0.2)
    events = await read(connect(timeout=timeout).stream("Hi"))
    response = events[-1].response
    assert response.text == "one two three four"
    first, second = response.history
    assert first.error == "LLMTimeoutError"
    assert 0.18 <= first.duration < 1.2
    assert second.error is None


async def test_pings_are_no_first_token(emulator, connect):
    emulator.always(Reply(text="") | faults.pings(0.02))
    llm = connect(timeout=Timeout(first_token=0.2), max_retries=0)
    with pytest.raises(LLMTimeoutError, match=r"0\.2 s for the first token"):
        await read(llm.stream("Hi"))


async def test_the_first_token_ends_its_limit(emulator, connect):
    emulator.always(WORDS | Reply(interval=0.1))
    llm = connect(timeout=Timeout(first_token=0.25))
    events = await read(llm.stream("Hi"))
    assert events[-1].response.attempts == 1


async def test_silence_in_mid_stream_is_a_timeout(emulator, connect):
    emulator.always(WORDS | faults.stall("before_finish"))
    llm = connect(timeout=Timeout(idle=0.2))
    stream = llm.stream("Hi")
    with pytest.raises(LLMTimeoutError, match=r"0\.2 s without a byte") as caught:
        await read(stream)
    assert caught.value.attempts == emulator.counts.requests == 1
    assert stream.partial.text == "one two three four"
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


async def test_a_slow_stream_is_not_silent(emulator, connect):
    emulator.always(WORDS | Reply(interval=0.1))
    events = await read(connect(timeout=Timeout(idle=0.3)).stream("Hi"))
    assert events[-1].response.text == "one two three four"


async def test_the_timeout_ends_a_stream_in_its_middle(emulator, llm):
    emulator.always(WORDS | Reply(interval=0.2))
    stream = llm.stream("Hi", timeout=0.3)
    with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.3 s"):
        await read(stream)
    assert "one two three four".startswith(stream.partial.text)
    assert stream.partial.text


async def test_a_slow_reader_meets_the_timeout(emulator, llm):
    emulator.always(WORDS | Reply(interval=0.05))
    with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.2 s"):
        async with llm.stream("Hi", timeout=0.2) as stream:
            async for _ in stream:
                await async_sleep(0.15)


async def test_a_slow_reader_meets_the_timeout_though_all_has_arrived(emulator, llm):
    emulator.always(WORDS)
    with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.1 s"):
        async with llm.stream("Hi", timeout=0.1) as stream:
            async for _ in stream:
                await async_sleep(0.12)


async def test_an_error_event_after_deltas_keeps_the_partial_response(emulator, llm):
    emulator.always(WORDS | faults.stream_error(OVERLOADED, after=2))
    stream = llm.stream("Hi")
    with pytest.raises(LLMOverloadedError):
        await read(stream)
    assert stream.partial.text == "one two"
    assert stream.partial.finish_reason == "error"


async def test_a_refused_connection_is_an_error_of_the_block(emulator, connect):
    llm = connect(max_retries=1)
    with emulator.refusing():
        stream = llm.stream("Hi")
        with pytest.raises(LLMConnectionError) as caught:
            async with stream:
                pytest.fail("the block was entered")
    assert caught.value.attempts == 2
    assert [event async for event in stream] == []


async def test_events_that_are_there_are_given_at_once():
    mock = AsyncMockLLMService({"Hi": "one two three"})
    async with mock.stream("Hi") as stream:
        await anext(stream)
        rest = await stream.next_events()
    assert [event.text for event in rest[:-1]] == ["two ", "three"]
    assert stream.response is rest[-1].response
