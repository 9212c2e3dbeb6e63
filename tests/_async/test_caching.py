"""Answers that are kept: what is a hit, what is kept, and what a bad store does."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import pytest
from attrs import evolve

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncGroqAdapter,
    AsyncLLMService,
    AsyncLocalLLMAdapter,
    AsyncMockLLMService,
    AsyncOpenAIAdapter,
    CacheStore,
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMRequest,
    LLMResponse,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    LLMUnsupportedFeatureError,
    MemoryCache,
    ReasoningDelta,
    Settings,
    StreamEnd,
    TextDelta,
    Timeout,
    Tool,
    _caching,
)
from llm_adapter._concurrency import async_sleep
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_drained, async_fan_out

KEY = "test-key-3f9a"


class Shelf(CacheStore):
    """A store that tells what it was asked."""

    blocking = False

    def __init__(self):
        self.values = {}
        self.lifetimes = []
        self.asked = []
        self.closed = 0

    def get(self, key):
        self.asked.append("get")
        return self.values.get(key)

    def set(self, key, value, ttl):
        self.asked.append("set")
        self.values[key] = value
        self.lifetimes.append(ttl)

    def delete(self, key):
        self.asked.append("delete")
        self.values.pop(key, None)

    def close(self):
        self.closed += 1


class Broken(CacheStore):
    """A store that fails at all it is asked."""

    blocking = False

    def __init__(self):
        self.asked = []

    def fail(self, what):
        self.asked.append(what)
        raise OSError("no space left on device")

    def get(self, key):
        self.fail("get")

    def set(self, key, value, ttl):
        self.fail("set")

    def delete(self, key):
        self.fail("delete")

    def claim(self, key, owner, seconds):
        self.fail("claim")

    def release(self, key, owner):
        self.fail("release")

    def close(self):
        self.fail("close")

    def __repr__(self):
        return "Broken()"


@pytest.fixture
async def shelf():
    return Shelf()


@pytest.fixture
async def llm(connect, shelf):
    return AsyncCachingLLMService(connect(), shelf)


def requests(emulator):
    return emulator.counts.requests


# -- hits -----------------------------------------------------------------------------


async def test_same_request_is_asked_once(emulator, llm):
    first = await llm.generate("Hi")
    second = await llm.generate("Hi")
    assert requests(emulator) == 1
    assert (first.cached, second.cached) == (False, True)
    assert second.text == first.text


async def test_hit_costs_nothing_and_has_the_tokens_of_its_call(llm):
    first = await llm.generate("Hi")
    second = await llm.generate("Hi")
    assert first.cost > 0
    assert second.cost == Decimal(0)
    assert second.usage == first.usage
    assert (second.attempts, second.history) == (0, ())


async def test_hit_is_the_answer_in_all_that_it_says(emulator, llm):
    emulator.script(Reply(tool_calls=(("weather", {"city": "Bern"}),)))
    request = LLMRequest("Hi", tools=[Tool("weather")])
    first = await llm.generate(request)
    second = await llm.generate(request)
    assert first.tool_calls
    assert second.raw == first.raw
    assert second.message == first.message
    same = ("cached", "cost", "attempts", "history", "generation_time")
    assert second == evolve(first, **{name: getattr(second, name) for name in same})


async def test_hit_that_its_caller_changes_stays_as_it_is(llm):
    await llm.generate("Hi")
    first = await llm.generate("Hi")
    first.raw.clear()
    assert (await llm.generate("Hi")).raw


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.9},
        {"model": "openai/gpt-oss-20b"},
        {"system_message": "Be terse."},
        {"extra_body": {"top_k": 1}},
        {"extra_headers": {"X-Feature": "on"}},
        {"max_tokens": 7},
    ],
    ids=str,
)
async def test_other_request_is_asked_anew(emulator, llm, change):
    await llm.generate("Hi")
    assert not (await llm.generate("Hi", **change)).cached
    assert requests(emulator) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"user_id": 7}},
        {"timeout": 7},
        {"timeout": Timeout(idle=7)},
        {"cache_ttl": 7},
        {"cache": True},
        {"extra_headers": {"X-Api-Key": "secret"}},
        {"temperature": 0.3},  # the default
        {"model": "openai/gpt-oss-120b"},  # the default
    ],
    ids=str,
)
async def test_what_changes_no_answer_is_a_hit(emulator, llm, change):
    await llm.generate("Hi")
    assert (await llm.generate("Hi", **change)).cached


async def test_zero_is_zero_however_it_is_written(llm):
    await llm.generate("Hi", temperature=0, extra_body={"a": 1, "b": 0.0})
    again = await llm.generate("Hi", temperature=0.0, extra_body={"b": 0, "a": 1.0})
    assert again.cached


async def test_other_address_is_another_provider(emulator, connect, shelf):
    base_url = emulator.base_url("groq")
    await AsyncCachingLLMService(connect(), shelf).generate("Hi")
    other = AsyncCachingLLMService(
        connect(base_url=base_url.replace("127.0.0.1", "localhost")), shelf
    )
    assert not (await other.generate("Hi")).cached


async def test_other_default_of_the_service_is_another_request(connect, shelf):
    await AsyncCachingLLMService(connect(), shelf).generate("Hi")
    warmer = Settings(groq_api_key=KEY, default_temperature=0.9)
    other = AsyncCachingLLMService(connect(settings=warmer), shelf)
    assert not (await other.generate("Hi")).cached


async def test_other_api_of_the_same_model_is_another_request(emulator, shelf):
    base_url = emulator.base_url("openai")
    for api in ("chat", "responses"):
        async with AsyncOpenAIAdapter(
            KEY, base_url=base_url, model="gpt-6-luna", api=api
        ) as base:
            llm = AsyncCachingLLMService(base, shelf)
            assert not (await llm.generate("Hi")).cached


async def test_services_that_share_a_store_share_answers(emulator, connect, shelf):
    await AsyncCachingLLMService(connect(), shelf).generate("Hi")
    assert (await AsyncCachingLLMService(connect(), shelf).generate("Hi")).cached


async def test_model_that_a_local_server_has_is_in_the_key(emulator, shelf):
    base_url = emulator.base_url("local")
    async with AsyncLocalLLMAdapter(base_url=base_url) as base:
        llm = AsyncCachingLLMService(base, shelf)
        first = await llm.generate("Hi")
        assert (await llm.generate("Hi", model=first.model)).cached


async def test_answer_of_a_mock_is_kept_by_its_model(shelf):
    mock = AsyncMockLLMService(model="a")
    await AsyncCachingLLMService(mock, shelf).generate("Hi")
    assert (await AsyncCachingLLMService(mock, shelf).generate("Hi")).cached
    other = AsyncCachingLLMService(AsyncMockLLMService(model="b"), shelf)
    assert not (await other.generate("Hi")).cached


async def test_adapter_of_ones_own_is_cached_by_its_name(shelf):
    class AsyncEcho(AsyncLLMService):
        asked = 0

        async def generate(self, request, **overrides):
            self.asked += 1
            return LLMResponse(str(request.prompt), "echo-1")

        def get_provider_name(self):
            return "echo"

        def get_available_models(self):
            return ["echo-1"]

    echo = AsyncEcho()
    llm = AsyncCachingLLMService(echo, shelf)
    assert (await llm.generate("Hi")).text == "Hi"
    assert (await llm.generate("Hi")).cached
    events, _ = await async_drained(llm.stream("Hi"))
    assert [event.type for event in events] == ["text", "end"]
    assert echo.asked == 1


# -- JSON and types -------------------------------------------------------------------


@dataclass
class Point:
    x: int
    y: int


async def test_json_is_asked_once(emulator, llm):
    emulator.script(Reply(text='{"x": 1}'))
    assert await llm.generate_json("JSON") == {"x": 1}
    assert await llm.generate_json("JSON") == {"x": 1}
    assert requests(emulator) == 1


async def test_value_of_a_type_is_asked_once(emulator, llm):
    emulator.script(Reply(text='{"x": 1, "y": 2}'))
    assert await llm.generate_as(Point, "Where?") == Point(1, 2)
    assert await llm.generate_as(Point, "Where?") == Point(1, 2)
    assert requests(emulator) == 1


async def test_answer_that_is_not_json_is_not_kept(emulator, llm):
    emulator.script(Reply(text="Sorry."), Reply(text='{"x": 1}'))
    with pytest.raises(LLMInvalidResponseError):
        await llm.generate_json("JSON")
    assert await llm.generate_json("JSON") == {"x": 1}


async def test_answer_that_does_not_fit_its_type_is_not_kept(emulator, llm):
    emulator.script(Reply(text='{"x": "?"}'), Reply(text='{"x": 1, "y": 2}'))
    with pytest.raises(LLMInvalidResponseError):
        await llm.generate_as(Point, "Where?")
    assert await llm.generate_as(Point, "Where?") == Point(1, 2)


async def test_kept_text_that_is_no_json_is_asked_for_anew(emulator, llm):
    emulator.script(Reply(text="Sorry."), Reply(text='{"x": 1}'))
    asked = {"response_format": {"type": "json_object"}}
    await llm.generate("JSON", **asked)
    assert (await llm.generate("JSON", **asked)).cached
    assert await llm.generate_json("JSON") == {"x": 1}
    assert (await llm.generate("JSON", **asked)).text == '{"x": 1}'


async def test_json_of_a_hit_is_its_callers_own(emulator, llm):
    emulator.script(Reply(text='{"x": [1]}'))
    await llm.generate_json("JSON")
    (await llm.generate_json("JSON"))["x"].clear()
    assert await llm.generate_json("JSON") == {"x": [1]}


# -- vectors --------------------------------------------------------------------------


@pytest.fixture
async def vectors(emulator, shelf):
    base = AsyncOpenAIAdapter(KEY, base_url=emulator.base_url("openai"))
    async with AsyncCachingLLMService(base, shelf) as llm:
        yield llm


async def test_vectors_are_asked_once(emulator, vectors):
    first = await vectors.embed(["sea", "sky"])
    second = await vectors.embed(["sea", "sky"])
    assert requests(emulator) == 1
    assert (first.cached, second.cached) == (False, True)
    assert (second.vectors, second.cost) == (first.vectors, Decimal(0))


@pytest.mark.parametrize(
    "other",
    [
        {"texts": ["sky", "sea"]},
        {"texts": ["sea"]},
        {"model": "text-embedding-3-small"},
        {"dimensions": 7},
        {"extra_body": {"user": "ana"}},
    ],
    ids=str,
)
async def test_other_vectors_are_asked_for_anew(vectors, other):
    await vectors.embed(["sea", "sky"], model="text-embedding-3-large")
    wanted = {"texts": ["sea", "sky"], "model": "text-embedding-3-large", **other}
    assert not (await vectors.embed(**wanted)).cached


async def test_vectors_may_be_asked_for_past_the_cache(emulator, vectors, shelf):
    await vectors.embed("sea", cache=False)
    assert shelf.asked == []
    await vectors.embed("sea", cache_ttl=7)
    assert shelf.lifetimes == [7]
    assert not (await vectors.embed("sea", cache="refresh")).cached
    assert requests(emulator) == 3


async def test_vectors_are_of_the_model_that_a_local_server_has(emulator, shelf):
    async with AsyncLocalLLMAdapter(base_url=emulator.base_url("local")) as base:
        llm = AsyncCachingLLMService(base, shelf)
        first = await llm.embed("sea")
        assert (await llm.embed("sea", model=first.model)).cached


async def test_mock_makes_vectors_once(shelf):
    llm = AsyncCachingLLMService(AsyncMockLLMService(), shelf)
    assert not (await llm.embed("sea")).cached
    assert (await llm.embed("sea")).cached


async def test_service_without_vectors_says_so_as_without_a_cache(llm, connect):
    with pytest.raises(LLMConfigurationError) as plain:
        await connect().embed("sea")
    with pytest.raises(LLMConfigurationError) as cached:
        await llm.embed("sea")
    assert str(cached.value) == str(plain.value)


async def test_text_that_is_no_json_is_embedded_past_the_cache(vectors):
    with pytest.raises(ValueError, match="not valid Unicode"):
        await vectors.embed("\ud800")
    assert vectors.stats().bypassed == 1


# -- what is kept ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="Cut sh", finish_reason="length"),
        Reply(text="I", finish_reason="content_filter"),
        Reply(text="?", finish_reason="new_reason"),
        Reply(text=""),
        Reply(tool_calls=(("weather", '{"city": '),)),
    ],
    ids=["cut", "filtered", "unknown", "empty", "half a tool call"],
)
async def test_answer_that_is_not_whole_is_not_kept(emulator, llm, reply):
    emulator.script(reply, Reply(text="Whole."))
    request = LLMRequest("Hi", tools=[Tool("weather")])
    with suppress(LLMServiceError):  # some of them are errors already
        await llm.generate(request)
    assert (await llm.generate(request)).text == "Whole."


async def test_refusal_is_not_kept(shelf):
    mock = AsyncMockLLMService({"Hi": LLMResponse("No.", refusal="No.")})
    llm = AsyncCachingLLMService(mock, shelf)
    await llm.generate("Hi")
    assert shelf.values == {}


async def test_failure_is_not_kept(emulator, llm):
    emulator.script(faults.invalid_api_key(), Reply(text="Whole."))
    with pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi")
    assert (await llm.generate("Hi")).text == "Whole."


async def test_answer_that_json_does_not_take_is_not_kept(shelf):
    llm = AsyncCachingLLMService(AsyncMockLLMService({"Hi": "half \ud800"}), shelf)
    assert (await llm.generate("Hi")).text == "half \ud800"
    assert shelf.values == {}
    assert llm.stats().not_kept == 1


async def test_what_is_kept_is_json_without_the_question(llm, shelf):
    await llm.generate("A private question", metadata={"user": "Ana"})
    (key,), (value,) = shelf.values, shelf.values.values()
    assert value.startswith(b"{")
    for secret in ("private question", "Ana", KEY):
        assert secret not in key
        assert secret.encode() not in value


async def test_answers_are_kept_for_an_hour(llm, shelf):
    await llm.generate("Hi")
    assert shelf.lifetimes == [3600]


@pytest.mark.parametrize("ttl", [7, None])
async def test_service_says_how_long_answers_are_kept(connect, shelf, ttl):
    await AsyncCachingLLMService(connect(), shelf, ttl=ttl).generate("Hi")
    assert shelf.lifetimes == [ttl]


async def test_request_says_how_long_its_answer_is_kept(llm, shelf):
    await llm.generate("Hi", cache_ttl=7)
    assert shelf.lifetimes == [7]


async def test_answer_is_gone_after_its_time(emulator, connect):
    llm = AsyncCachingLLMService(connect(), MemoryCache(), ttl=0.01)
    await llm.generate("Hi")
    await async_sleep(0.02)
    assert not (await llm.generate("Hi")).cached


# -- past the cache -------------------------------------------------------------------


async def test_request_may_go_past_the_cache(emulator, llm, shelf):
    await llm.generate("Hi", cache=False)
    assert not (await llm.generate("Hi", cache=False)).cached
    assert shelf.asked == []


async def test_request_may_refresh_what_is_kept(emulator, llm):
    emulator.script(Reply(text="Old."), Reply(text="New."))
    await llm.generate("Hi")
    assert (await llm.generate("Hi", cache="refresh")).text == "New."
    again = await llm.generate("Hi")
    assert (again.text, again.cached) == ("New.", True)


async def test_refresh_that_fails_leaves_what_is_kept(emulator, llm):
    emulator.script(Reply(text="Old."), faults.invalid_api_key())
    await llm.generate("Hi")
    with pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi", cache="refresh")
    assert (await llm.generate("Hi")).text == "Old."


async def test_stream_may_go_past_the_cache_and_refresh_it(emulator, llm, shelf):
    emulator.script(Reply(text="One."), Reply(text="Two."), Reply(text="Three."))
    await async_drained(llm.stream("Hi", cache=False))
    assert shelf.asked == []
    await async_drained(llm.stream("Hi"))
    await async_drained(llm.stream("Hi", cache="refresh"))
    assert (await llm.generate("Hi")).text == "Three."


async def test_request_without_a_key_goes_past_the_cache(shelf):
    mock = AsyncMockLLMService({"Hi": "Hello"})
    llm = AsyncCachingLLMService(mock, shelf)
    request = LLMRequest("Hi", extra_body={"what": object()})
    assert (await llm.generate(request)).text == "Hello"
    _, response = await async_drained(llm.stream(request))
    assert response.text == "Hello"
    assert shelf.asked == []
    assert llm.stats().bypassed == 2


# -- what cannot be asked -------------------------------------------------------------


@pytest.mark.parametrize("method", ["generate", "generate_json"])
async def test_empty_prompt_is_an_error_as_without_a_cache(llm, method):
    with pytest.raises(ValueError, match="the prompt is empty"):
        await getattr(llm, method)("")


async def test_stream_of_an_empty_prompt_is_an_error_before_it_is_entered(llm):
    with pytest.raises(ValueError, match="the prompt is empty"):
        llm.stream("")


async def test_what_the_provider_cannot_do_is_an_error_although_it_is_kept(llm):
    with pytest.raises(LLMUnsupportedFeatureError):
        await llm.generate("Hi", reasoning_effort="extreme")


# -- streams --------------------------------------------------------------------------


async def test_stream_is_kept_and_replayed_as_events(emulator, llm):
    first, response = await async_drained(llm.stream("Hi"))
    second, replayed = await async_drained(llm.stream("Hi"))
    assert requests(emulator) == 1
    assert len(first) > 2
    assert second == [
        ReasoningDelta(response.reasoning),
        TextDelta(response.text),
        StreamEnd(replayed),
    ]
    assert (response.cached, replayed.cached) == (False, True)
    assert (replayed.cost, replayed.usage) == (Decimal(0), response.usage)


async def test_stream_and_whole_answer_are_kept_as_one(emulator, llm):
    _, response = await async_drained(llm.stream("Hi"))
    assert (await llm.generate("Hi")).text == response.text
    await llm.generate("Ho")
    assert (await async_drained(llm.stream("Ho")))[1].cached
    assert requests(emulator) == 2


async def test_stream_arrives_piece_by_piece(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.5))
    async with llm.stream("Hi", timeout=10) as stream:
        assert (await anext(stream)).text.startswith("one")


async def test_stream_that_is_cut_is_not_kept(emulator, llm):
    emulator.script(faults.truncated_stream(), Reply(text="Whole."))
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await async_drained(llm.stream("Hi"))
    assert caught.value.partial.text
    assert (await llm.generate("Hi")).text == "Whole."


async def test_stream_that_is_left_early_is_not_kept(emulator, llm, shelf):
    async with llm.stream("Hi") as stream:
        await anext(stream)
    assert stream.partial.reasoning
    assert shelf.values == {}
    assert emulator.wait_for(lambda now: now.in_flight == 0)


async def test_stream_that_cannot_begin_fails_when_it_is_entered(emulator, llm):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        async with llm.stream("Hi"):
            pass


async def test_stream_that_was_not_entered_has_no_part_yet(llm):
    assert llm.stream("Hi").partial.text == ""


async def test_replayed_stream_has_its_response_before_it_is_read(llm):
    whole = await llm.generate("Hi")
    async with llm.stream("Hi") as stream:
        assert stream.partial.text == whole.text


async def test_streams_at_once_are_one_request(emulator, llm):
    emulator.script(faults.slow_first_byte(0.1))

    async def read(number):
        return await async_drained(llm.stream("Hi", timeout=30))

    results = await async_fan_out(read, 20)
    assert requests(emulator) == 1
    assert len({response.text for _, response in results}) == 1
    assert [response.cached for _, response in results].count(False) == 1
    assert sum(response.cost for _, response in results if response.cached) == 0
    assert all(events[:-1] == results[0][0][:-1] for events, _ in results)


async def test_reader_that_leaves_leaves_the_stream_to_the_others(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.drip(0.002, chunk=200))

    async def read(number):
        async with llm.stream("Hi", timeout=30) as stream:
            if number % 2:
                return await anext(stream)
            return "".join([text async for text in stream.text()])

    results = await async_fan_out(read, 6)
    assert results[::2] == ["one two three"] * 3
    assert requests(emulator) == 1


async def test_readers_share_the_end_of_a_stream_that_is_cut(emulator, llm):
    emulator.script(faults.slow_first_byte(0.1) | faults.truncated_stream())

    async def read(number):
        with pytest.raises(LLMStreamInterruptedError) as caught:
            await async_drained(llm.stream("Hi", timeout=30))
        return caught.value

    errors = await async_fan_out(read, 5)
    assert requests(emulator) == 1
    assert len({id(error) for error in errors}) == 5
    assert all(error.partial.text for error in errors)


async def test_who_joins_a_stream_late_keeps_its_own_time(emulator, llm):
    emulator.script(faults.slow_first_byte(3), Reply(text="Second."))

    async def read(number):
        if number:
            await async_sleep(0.3)
            return (await async_drained(llm.stream("Hi", timeout=0.6)))[1]
        with pytest.raises(LLMTimeoutError):
            await async_drained(llm.stream("Hi", timeout=0.6))
        return None

    _, response = await async_fan_out(read, 2)
    assert response.text == "Second."


async def test_who_joins_a_stream_that_stalls_keeps_its_own_time(emulator, llm):
    emulator.script(faults.stall(at=0.0), Reply(text="Second."))

    async def read(number):
        if number:
            await async_sleep(0.3)
            return (await async_drained(llm.stream("Hi", timeout=0.6)))[1]
        with pytest.raises(LLMTimeoutError):
            await async_drained(llm.stream("Hi", timeout=0.6))
        return None

    _, response = await async_fan_out(read, 2)
    assert response.text == "Second."


async def test_who_has_read_a_part_shares_the_end_of_the_stream(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.6))

    async def read(number):
        await async_sleep(0.1 * number)
        with pytest.raises(LLMTimeoutError):
            await async_drained(llm.stream("Hi", timeout=0.5))

    await async_fan_out(read, 2)
    assert requests(emulator) == 1


async def test_reader_whose_stream_is_closed_is_told_so(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.6))
    first, second = (llm.stream("Hi", timeout=10) for _ in range(2))

    async def work(number):
        await async_sleep(0.1 * number)
        if number == 2:
            # The first has the next event pulled, and both wait for it.
            await second.close()
            await async_sleep(0.1)
            await first.close()
            return
        with pytest.raises(LLMStreamInterruptedError, match="closed while it was read"):
            await async_drained((first, second)[number])

    await async_fan_out(work, 3)
    assert requests(emulator) == 1


async def test_closing_a_stream_that_nobody_reads_is_no_error(llm):
    stream = llm.stream("Hi")
    await stream.close()
    async with llm.stream("Hi") as stream:
        pass


# -- at once --------------------------------------------------------------------------


async def test_calls_at_once_are_one_request(emulator, llm):
    emulator.script(faults.slow_first_byte(0.1))
    results = await async_fan_out(lambda _: llm.generate("Hi", timeout=30), 20)
    assert requests(emulator) == 1
    assert len({response.text for response in results}) == 1
    assert [response.cached for response in results].count(False) == 1
    paid = [response.cost for response in results if not response.cached]
    assert sum(response.cost for response in results) == paid[0]
    stats = llm.stats()
    assert stats.misses == 1
    assert stats.joined + stats.hits == 19


async def test_different_calls_at_once_are_asked_each(emulator, llm):
    await async_fan_out(lambda number: llm.generate(f"Say {number}"), 5)
    assert requests(emulator) == 5


async def test_vectors_at_once_are_one_request(emulator, vectors):
    emulator.script(faults.slow_first_byte(0.1))
    results = await async_fan_out(lambda _: vectors.embed("sea", timeout=30), 20)
    assert requests(emulator) == 1
    assert [response.cached for response in results].count(False) == 1


async def test_refreshes_at_once_are_one_request(emulator, llm):
    await llm.generate("Hi")
    emulator.script(faults.slow_first_byte(0.1))

    async def refresh(number):
        return await llm.generate("Hi", cache="refresh", timeout=30)

    results = await async_fan_out(refresh, 5)
    assert requests(emulator) == 2
    assert [response.cached for response in results].count(False) == 1


async def test_services_of_one_store_make_one_call_at_once(emulator, connect):
    store = MemoryCache()
    services = [AsyncCachingLLMService(connect(), store) for _ in range(4)]
    emulator.script(faults.slow_first_byte(0.1))
    results = await async_fan_out(
        lambda number: services[number].generate("Hi", timeout=30), 4
    )
    assert requests(emulator) == 1
    assert [response.cached for response in results].count(False) == 1


async def test_failure_is_told_to_each_who_waits(emulator, llm):
    emulator.script(faults.slow_first_byte(0.1) | faults.invalid_api_key())

    async def call(number):
        with pytest.raises(LLMAuthenticationError) as caught:
            await llm.generate("Hi", timeout=30)
        return caught.value

    errors = await async_fan_out(call, 5)
    assert requests(emulator) == 1
    assert len({id(error) for error in errors}) == 5


async def test_who_may_not_wait_as_long_is_told_in_time(emulator, llm):
    emulator.script(faults.slow_first_byte(0.4))

    async def call(number):
        if not number:
            return await llm.generate("Hi", timeout=30)
        await async_sleep(0.1)
        with pytest.raises(LLMTimeoutError, match=r"No answer after 0\.1 s") as caught:
            await llm.generate("Hi", timeout=0.1)
        assert (caught.value.provider, caught.value.model) == (
            "groq",
            "openai/gpt-oss-120b",
        )
        return None

    answer, _ = await async_fan_out(call, 2)
    assert not answer.cached
    assert requests(emulator) == 1


async def test_who_may_wait_longer_calls_when_the_first_gives_up(emulator, llm):
    emulator.script(faults.slow_first_byte(2))

    async def call(number):
        if number:
            await async_sleep(0.05)
            return await llm.generate("Hi", timeout=30)
        with pytest.raises(LLMTimeoutError):
            await llm.generate("Hi", timeout=0.2)
        return None

    _, answer = await async_fan_out(call, 2)
    assert not answer.cached
    assert requests(emulator) == 2


async def test_error_of_a_users_code_is_raised_by_each_call(shelf):
    def fail(request):
        raise ZeroDivisionError

    llm = AsyncCachingLLMService(AsyncMockLLMService({"Hi": fail}), shelf)

    async def call(number):
        with pytest.raises(ZeroDivisionError):
            await llm.generate("Hi")

    assert await async_fan_out(call, 3) == [None] * 3


async def test_who_asks_as_somebody_else_makes_a_call_of_its_own(emulator, llm):
    emulator.script(faults.slow_first_byte(0.2) | faults.invalid_api_key(), Reply())

    async def call(number):
        headers = {"X-Api-Key": f"secret {number}"}
        if number:
            await async_sleep(0.05)
            return await llm.generate("Hi", timeout=30, extra_headers=headers)
        with pytest.raises(LLMAuthenticationError):
            await llm.generate("Hi", timeout=30, extra_headers=headers)
        return None

    _, answer = await async_fan_out(call, 2)
    assert answer.text
    assert requests(emulator) == 2


async def test_answer_that_is_shared_may_be_changed_by_each(emulator, llm):
    emulator.script(
        faults.slow_first_byte(0.1) | Reply(tool_calls=(("f", {"city": "Bern"}),))
    )
    request = LLMRequest("Hi", tools=[Tool("f")], timeout=30)
    answers = await async_fan_out(lambda _: llm.generate(request), 3)
    assert requests(emulator) == 1
    for answer in answers:
        (call,) = answer.tool_calls
        assert call.arguments == {"city": "Bern"}
        call.arguments["city"] = "Zug"
        answer.raw.clear()


async def test_answer_that_json_does_not_take_is_shared_as_it_is(shelf):
    text = "half \ud800"

    class Slow(AsyncMockLLMService):
        async def generate(self, request, **overrides):
            await async_sleep(0.1)
            return LLMResponse(text)

    llm = AsyncCachingLLMService(Slow(), shelf)
    answers = await async_fan_out(lambda _: llm.generate("Hi"), 3)
    assert {answer.text for answer in answers} == {text}
    assert llm.stats().joined == 2


async def test_what_is_no_exception_is_raised_once(shelf):
    class Odd(BaseException):
        pass

    asked = []

    def fail(request):
        asked.append(request)
        raise Odd

    llm = AsyncCachingLLMService(AsyncMockLLMService({"Hi": fail}), shelf)
    with pytest.raises(Odd):
        await llm.generate("Hi")
    assert len(asked) == 1


# -- bad stores -----------------------------------------------------------------------


async def test_broken_store_fails_no_call(emulator, connect):
    store = Broken()
    llm = AsyncCachingLLMService(connect(), store)
    assert (await llm.generate("Hi")).text == (await llm.generate("Hi")).text
    _, response = await async_drained(llm.stream("Hi"))
    assert not response.cached
    assert requests(emulator) == 3
    assert set(store.asked) == {"get", "set", "claim"}
    assert llm.stats().failures == len(store.asked)


async def test_broken_store_is_warned_of_once(connect, caplog):
    llm = AsyncCachingLLMService(connect(), Broken())
    with caplog.at_level(logging.WARNING, "llm_adapter"):
        await llm.generate("Hi")
        await llm.generate("Hi")
    (record,) = [each for each in caplog.records if "cache" in each.message]
    assert "Broken() could not read (OSError: no space left" in record.message


async def test_store_that_made_a_call_wait_is_left_alone(connect, monkeypatch):
    monkeypatch.setattr(_caching, "SLOW", 0.0)
    store = Broken()
    llm = AsyncCachingLLMService(connect(), store)
    await llm.generate("Hi")
    await llm.generate("Hi")
    assert store.asked == ["get"]


async def test_calls_at_once_are_one_although_the_store_is_broken(emulator, connect):
    llm = AsyncCachingLLMService(connect(), Broken())
    emulator.script(faults.slow_first_byte(0.1))
    await async_fan_out(lambda _: llm.generate("Hi", timeout=30), 5)
    assert requests(emulator) == 1


@pytest.mark.parametrize(
    "rubbish", [b"", b"\xff\xfe", b"null", b"[" * 100_000, b'{"v": 99}'], ids=len
)
async def test_rubbish_is_asked_for_anew_and_replaced(emulator, llm, shelf, rubbish):
    await llm.generate("Hi")
    (key,) = shelf.values
    shelf.values[key] = rubbish
    assert not (await llm.generate("Hi")).cached
    assert (await llm.generate("Hi")).cached
    assert llm.stats().failures


async def test_time_that_the_store_took_is_part_of_the_calls(emulator, connect, shelf):
    def wait(key):
        time.sleep(0.1)  # slow, but within what is allowed

    shelf.get = wait
    llm = AsyncCachingLLMService(connect(), shelf)
    emulator.script(faults.slow_first_byte(5))
    with pytest.raises(LLMTimeoutError):
        await llm.generate("Hi", timeout=0.3)
    emulator.script(faults.slow_first_byte(5))
    with pytest.raises(LLMTimeoutError):
        await async_drained(llm.stream("Hi", timeout=Timeout(total=0.3)))
    emulator.script(Reply(text="In time."))
    assert (await llm.generate("Hi", timeout=5)).text == "In time."


async def test_no_time_is_left_when_the_store_took_all_of_it(emulator, connect, shelf):
    def wait(key):
        time.sleep(0.05)

    shelf.get = wait
    llm = AsyncCachingLLMService(connect(), shelf)
    with pytest.raises(LLMTimeoutError):
        await llm.generate("Hi", timeout=0.01)
    assert requests(emulator) == 0


# -- claims ---------------------------------------------------------------------------


async def test_answer_that_another_process_makes_is_waited_for(emulator, connect):
    store = MemoryCache()
    other = AsyncCachingLLMService(connect(), MemoryCache())
    llm = AsyncCachingLLMService(connect(), store)
    await other.generate("Hi")
    (look, value) = await kept(other, "Hi")
    store.claim(look.key, "another process", 30)

    async def work(number):
        if not number:
            return await llm.generate("Hi", timeout=30)
        await async_sleep(0.1)
        store.set(look.key, value, None)
        return None

    answer, _ = await async_fan_out(work, 2)
    assert answer.cached
    assert requests(emulator) == 1


async def test_who_waits_for_another_process_is_told_in_time(emulator, connect):
    store = MemoryCache()
    llm = AsyncCachingLLMService(connect(), store)
    look, _ = await kept(llm, "Hi")
    store.claim(look.key, "another process", 30)
    with pytest.raises(LLMTimeoutError, match="identical call"):
        await llm.generate("Hi", timeout=0.1)
    assert requests(emulator) == 0


async def test_claim_of_a_process_that_died_runs_out(emulator, connect):
    store = MemoryCache()
    llm = AsyncCachingLLMService(connect(), store)
    look, _ = await kept(llm, "Hi")
    store.claim(look.key, "another process", 0.1)
    assert not (await llm.generate("Hi", timeout=30)).cached


async def test_claim_is_given_up_after_a_failure(emulator, connect):
    store = MemoryCache()
    llm = AsyncCachingLLMService(connect(), store)
    look, _ = await kept(llm, "Hi")
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi")
    assert store.claim(look.key, "another process", 30)


async def kept(llm, prompt):
    """How a prompt is looked for, and what is kept of it."""
    look = await llm.look(LLMRequest(prompt), lambda response: None)
    return look, await llm._answers.store.get(look.key)


# -- counting -------------------------------------------------------------------------


async def test_stats_tell_what_was_spared(llm):
    first = await llm.generate("Hi")
    await llm.generate("Hi")
    await llm.generate("Hi", cache=False)
    await async_drained(llm.stream("Hi"))
    stats = llm.stats()
    assert (stats.hits, stats.misses, stats.kept, stats.bypassed) == (2, 1, 1, 1)
    assert stats.saved == 2 * first.cost


async def test_stats_of_answers_without_a_price_are_saved_nothing(shelf):
    llm = AsyncCachingLLMService(AsyncMockLLMService(), shelf)
    await llm.generate("Hi")
    await llm.generate("Hi")
    assert llm.stats().saved == 0


# -- the wrapper ----------------------------------------------------------------------


async def test_cache_is_in_memory_unless_something_is_said(emulator, connect):
    llm = AsyncCachingLLMService(connect())
    await llm.generate("Hi")
    assert (await llm.generate("Hi")).cached
    assert "MemoryCache" in repr(llm)


async def test_cache_is_where_the_settings_say(tmp_path, connect, monkeypatch):
    url = f"sqlite:///{tmp_path / 'answers.db'}"
    async with AsyncCachingLLMService(
        connect(), settings=Settings(cache_url=url)
    ) as llm:
        await llm.generate("Hi")
    monkeypatch.setenv("LLM_CACHE_URL", url)
    async with AsyncCachingLLMService(connect()) as llm:
        assert (await llm.generate("Hi")).cached


async def test_closing_closes_the_base_and_not_a_store_of_the_users(shelf):
    closed = []

    class AsyncOpen(AsyncMockLLMService):
        async def close(self):
            closed.append(self)

    base = AsyncOpen()
    async with AsyncCachingLLMService(base, shelf):
        pass
    assert (closed, shelf.closed) == ([base], 0)


async def test_store_that_cannot_be_closed_fails_nobody(monkeypatch, caplog):
    monkeypatch.setattr(MemoryCache, "close", Broken().close)
    await AsyncCachingLLMService(AsyncMockLLMService(), "memory://").close()
    assert "could not close" in caplog.text


async def test_other_calls_are_passed_on(connect, llm):
    plain = connect()
    assert llm.get_provider_name() == "groq"
    assert llm.get_available_models() == plain.get_available_models()
    assert await llm.list_models() == await plain.list_models()
    mock = AsyncCachingLLMService(AsyncMockLLMService())
    assert await mock.count_tokens("one two") == 2


async def test_caches_may_stand_behind_one_another(emulator, connect, shelf):
    far = AsyncCachingLLMService(connect(), shelf)
    near = AsyncCachingLLMService(far, MemoryCache())
    await near.generate("Hi")
    assert (await far.generate("Hi")).cached
    assert (await near.generate("Hi")).cached
    assert (await AsyncCachingLLMService(far, MemoryCache()).generate("Hi")).cached
    assert requests(emulator) == 1


async def test_cache_goes_with_the_service_to_another_provider(emulator, shelf):
    settings = Settings(
        groq_api_key=KEY,
        groq_base_url=emulator.base_url("groq"),
        openai_api_key=KEY,
        openai_base_url=emulator.base_url("openai"),
    )
    async with AsyncCachingLLMService(
        AsyncGroqAdapter(settings=settings), shelf
    ) as llm:
        other = llm.for_provider("openai")
        assert not (await other.generate("Hi")).cached
        assert (await other.generate("Hi")).cached
        assert llm.stats() == other.stats()
        assert (await llm.generate("Hi")).provider == "groq"


async def test_caches_behind_one_another_may_keep_in_one_place(
    emulator, connect, tmp_path
):
    url = f"sqlite:///{tmp_path / 'answers.db'}"
    async with AsyncCachingLLMService(
        AsyncCachingLLMService(connect(), url), url
    ) as llm:
        assert (await llm.generate("Hi", timeout=5)).text
        assert (await llm.generate("Hi", timeout=5)).cached
    assert requests(emulator) == 1


async def test_mocks_do_not_share_answers(shelf):
    first, second = (
        AsyncCachingLLMService(AsyncMockLLMService({"Hi": text}), shelf)
        for text in ("One.", "Two.")
    )
    assert (await first.generate("Hi")).text == "One."
    assert (await second.generate("Hi")).text == "Two."


@pytest.mark.parametrize(
    ("cache", "ttl", "error", "message"),
    [
        (7, 60, TypeError, "cache must be a CacheStore or a URL, not int"),
        ("file:///x", 60, LLMConfigurationError, "file:///x"),
        (None, 0, ValueError, "ttl is 0"),
        (None, "1 h", TypeError, "ttl must be a number of seconds or None"),
    ],
)
async def test_wrong_argument_is_named(cache, ttl, error, message):
    with pytest.raises(error, match=message):
        AsyncCachingLLMService(AsyncMockLLMService(), cache, ttl)


async def test_what_is_wrapped_must_be_a_service():
    with pytest.raises(TypeError, match="base must be a service of the form"):
        AsyncCachingLLMService("groq")


@pytest.mark.parametrize("error", [LLMRateLimitError, LLMAuthenticationError])
async def test_error_of_the_base_comes_as_it_is(shelf, error):
    raised = error("No.")
    llm = AsyncCachingLLMService(AsyncMockLLMService({"Hi": raised}), shelf)
    with pytest.raises(error) as caught:
        await llm.generate("Hi")
    assert caught.value is raised
