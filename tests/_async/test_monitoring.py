"""A monitoring service knows how its providers behave, and changes nothing else."""

from __future__ import annotations

import pytest
from attrs import frozen

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncMonitoringLLMService,
    AsyncOpenAIAdapter,
    AsyncResponseStream,
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMServerError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    MemoryCache,
    ModelSelector,
    Settings,
    usage_context,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import (
    async_comes_true,
    async_drained,
    async_fan_out,
    left_to_the_collector,
)

KEY = "test-key-3f9a"
MODEL = "openai/gpt-oss-120b"


@pytest.fixture
async def llm(connect):
    return AsyncMonitoringLLMService(connect(), telemetry=False)


@frozen
class Letter:
    a: int


def only_row(llm):
    (row,) = llm.snapshot().rows
    return row


def ends(llm):
    total = llm.snapshot().total
    return total.succeeded, total.failed, total.cancelled, total.left


# -- answers --------------------------------------------------------------------------


async def test_answer_is_the_same_and_is_counted(llm):
    response = await llm.generate("Hi")
    row = only_row(llm)
    assert (row.provider, row.model, row.workflow) == ("groq", MODEL, None)
    assert (row.calls, row.succeeded, row.in_flight) == (1, 1, 0)
    assert row.input_tokens == response.usage.input_tokens
    assert row.output_tokens == response.usage.output_tokens
    assert row.latency.highest >= response.generation_time
    assert row.tokens_per_second.count == 1


async def test_json_and_typed_answers_are_counted_with_their_tokens(emulator, llm):
    emulator.script(Reply(text='{"a": 1}'), Reply(text='{"a": 2}'))
    assert await llm.generate_json("Give JSON") == {"a": 1}
    assert await llm.generate_as(Letter, "Give JSON") == Letter(2)
    row = only_row(llm)
    assert (row.succeeded, row.cached, row.tokens_per_second.count) == (2, 0, 2)
    assert row.output_tokens > 0


async def test_answer_that_is_no_json_is_a_failure_that_was_paid_for(emulator, llm):
    emulator.script(Reply(text="no JSON"))
    with pytest.raises(LLMInvalidResponseError):
        await llm.generate_json("Give JSON")
    row = only_row(llm)
    assert row.errors == {"LLMInvalidResponseError": 1}
    assert row.output_tokens > 0


async def test_vectors_are_counted(emulator):
    base = AsyncOpenAIAdapter(KEY, base_url=emulator.base_url("openai"))
    async with AsyncMonitoringLLMService(base) as llm:
        with usage_context(workflow="search"):
            vectors = await llm.embed(["sea", "sky"], dimensions=8)
    row = only_row(llm)
    assert len(vectors[0]) == 8
    assert (row.provider, row.workflow) == ("openai", "search")
    assert (row.succeeded, row.input_tokens) == (1, vectors.usage.input_tokens)


async def test_lists_and_counts_of_tokens_are_no_calls(emulator):
    base = AsyncOpenAIAdapter(KEY, base_url=emulator.base_url("openai"))
    async with AsyncMonitoringLLMService(base) as llm:
        await llm.list_models()
        await llm.count_tokens("sea")
    assert llm.snapshot().rows == ()


async def test_mock_is_counted_like_a_provider():
    llm = AsyncMonitoringLLMService(AsyncMockLLMService(model="tiny"))
    await llm.generate("Hi")
    await async_drained(llm.stream("Hi"))
    await llm.embed("Hi")
    row = only_row(llm)
    assert (row.provider, row.model, row.succeeded) == ("mock", "tiny", 3)
    assert (row.cached, row.retries, row.first_token.count) == (0, 0, 1)


# -- failures -------------------------------------------------------------------------


async def test_error_is_the_same_and_is_counted_by_its_class(emulator, llm):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi")
    row = only_row(llm)
    assert (row.model, row.errors) == (MODEL, {"LLMAuthenticationError": 1})


async def test_retries_are_counted(emulator, llm):
    emulator.script(faults.server_error(), faults.rate_limited("0"))
    await llm.generate("Hi")
    row = only_row(llm)
    assert (row.succeeded, row.retries) == (1, 2)


async def test_retries_of_a_call_that_fails_are_counted(emulator, connect):
    llm = AsyncMonitoringLLMService(connect(max_retries=1))
    emulator.script(faults.server_error(), faults.server_error())
    with pytest.raises(LLMServerError):
        await llm.generate("Hi")
    row = only_row(llm)
    assert (row.failed, row.retries) == (1, 1)


async def test_request_that_cannot_be_sent_is_a_failure(llm):
    with pytest.raises(ValueError, match="empty"):
        await llm.generate("")
    with pytest.raises(ValueError, match="empty"):
        llm.stream("")
    row = only_row(llm)
    assert (row.failed, row.errors) == (2, {"ValueError": 2})


async def test_vectors_that_cannot_be_had_are_a_failure(llm):
    with pytest.raises(LLMConfigurationError):
        await llm.embed("sea")
    assert only_row(llm).errors == {"LLMConfigurationError": 1}


# -- streams --------------------------------------------------------------------------


async def test_stream_is_the_same_and_is_timed(emulator, llm, connect):
    text = "one two three four five"
    emulator.script(Reply(text=text), Reply(text=text))
    plain, expected = await async_drained(connect().stream("Hi"))
    events, response = await async_drained(llm.stream("Hi"))
    assert [each.type for each in events] == [each.type for each in plain]
    assert response.text == expected.text
    row = only_row(llm)
    assert (row.calls, row.succeeded) == (1, 1)
    assert row.output_tokens == response.usage.output_tokens
    assert 0 < row.first_token.highest <= row.latency.highest


async def test_retries_of_a_stream_are_counted(emulator, llm):
    emulator.script(faults.server_error(), faults.reset(at="headers"))
    await async_drained(llm.stream("Hi"))
    row = only_row(llm)
    assert (row.succeeded, row.retries) == (1, 2)


async def test_stream_that_is_cut_is_a_failure(emulator, llm):
    emulator.script(faults.truncated_stream())
    with pytest.raises(LLMStreamInterruptedError) as caught:
        await async_drained(llm.stream("Hi"))
    assert caught.value.partial.text != ""
    row = only_row(llm)
    assert row.errors == {"LLMStreamInterruptedError": 1}
    assert row.first_token.count == 1


async def test_stream_that_does_not_begin_is_a_failure(emulator, llm):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(LLMAuthenticationError):
        await async_drained(llm.stream("Hi"))
    row = only_row(llm)
    assert (row.errors, row.first_token.count) == ({"LLMAuthenticationError": 1}, 0)


async def test_stream_that_is_late_is_a_failure(emulator, llm):
    emulator.script(faults.stall(at="body"))
    with pytest.raises(LLMTimeoutError):
        await async_drained(llm.stream("Hi", timeout=0.1))
    assert only_row(llm).errors == {"LLMTimeoutError": 1}


async def test_stream_that_is_left_is_no_error(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.6))
    async with llm.stream("Hi", timeout=5) as stream:
        await anext(stream)
        assert only_row(llm).in_flight == 1
    assert ends(llm) == (0, 0, 0, 1)
    assert stream.partial.text != ""
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


async def test_stream_that_is_left_before_it_brought_anything_is_no_error(
    emulator, llm
):
    emulator.script(faults.stall(at="body"))
    async with llm.stream("Hi", timeout=5):
        pass
    assert ends(llm) == (0, 0, 0, 1)
    assert only_row(llm).first_token.count == 0


@left_to_the_collector
async def test_stream_that_is_forgotten_is_left(llm):
    async for _ in llm.stream("Hi", timeout=5):
        break
    assert await async_comes_true(lambda: ends(llm) == (0, 0, 0, 1))


async def test_stream_that_is_not_opened_is_no_call(llm):
    llm.stream("Hi")
    assert llm.snapshot().rows == ()


async def test_first_token_is_timed_from_the_opening(emulator, llm):
    emulator.script(faults.slow_first_byte(0.05))
    await async_drained(llm.stream("Hi", timeout=5))
    assert only_row(llm).first_token.lowest >= 0.05


# -- caches ---------------------------------------------------------------------------


async def test_hits_are_counted_where_their_misses_are(emulator, connect):
    emulator.script(Reply(text="Hi"), Reply(text='{"a": 1}'), Reply(text="Hello"))
    llm = AsyncMonitoringLLMService(AsyncCachingLLMService(connect(), MemoryCache()))
    for _ in range(2):
        await llm.generate("Hi")
        await llm.generate_as(Letter, "Hi")
        await async_drained(llm.stream("Hello"))
    row = only_row(llm)
    assert (row.calls, row.succeeded) == (6, 6)
    assert row.cached == 3
    assert row.latency.count == 3


async def test_calls_that_wait_for_another_are_hits(emulator, connect):
    emulator.script(faults.slow_first_byte(0.1))
    llm = AsyncMonitoringLLMService(AsyncCachingLLMService(connect(), MemoryCache()))

    async def call(number):
        return await llm.generate("Hi", timeout=30)

    await async_fan_out(call, 5)
    row = only_row(llm)
    assert (row.succeeded, row.cached, row.latency.count) == (5, 4, 1)


# -- workflows and other services -----------------------------------------------------


async def test_workflow_and_its_model_are_told_apart(connect):
    llm = AsyncMonitoringLLMService(connect())
    selector = ModelSelector(
        {"ranking": {"model": "openai/gpt-oss-20b"}}, environ={}, dotenv=None
    )
    await llm.for_workflow("ranking", selector=selector).generate("Hi")
    await llm.generate("Hi", metadata={"workflow": "other"})
    rows = [(row.model, row.workflow) for row in llm.snapshot().rows]
    assert rows == [(MODEL, "other"), ("openai/gpt-oss-20b", "ranking")]


async def test_services_of_other_providers_share_the_counts(emulator, connect):
    settings = Settings(openai_api_key=KEY, openai_base_url=emulator.base_url("openai"))
    async with AsyncMonitoringLLMService(connect(settings=settings)) as llm:
        other = llm.for_provider("openai")
        await other.generate("Hi")
        await llm.generate("Hi")
        assert [row.provider for row in llm.snapshot().rows] == ["groq", "openai"]
        assert other.snapshot().total.calls == 2
        assert llm.for_provider("groq") is llm


async def test_reset_begins_anew(llm):
    await llm.generate("Hi")
    llm.reset()
    assert llm.snapshot().total.calls == 0


async def test_monitor_within_another_is_seen_by_both(connect):
    inner = AsyncMonitoringLLMService(connect())
    outer = AsyncMonitoringLLMService(inner)
    await outer.generate("Hi")
    await async_drained(outer.stream("Hi"))
    for each in (inner, outer):
        row = only_row(each)
        assert (row.succeeded, row.cached, row.model) == (2, 0, MODEL)
        assert row.output_tokens > 0


async def test_repr_shows_what_is_monitored(llm):
    assert repr(llm).startswith("<" + type(llm).__name__ + " of <")
    assert KEY not in repr(llm)


# -- adapters of users ----------------------------------------------------------------


class AsyncOwn(AsyncLLMService):
    """Answers whatever it was made with."""

    def __init__(self, answer):
        self.answer = answer

    async def generate(self, request, **overrides):
        return self.answer

    def get_provider_name(self):
        return "own"

    def get_available_models(self):
        return []


class AsyncStops:
    """The events of a stream that is stopped from outside."""

    async def open(self):
        pass

    async def pull(self):
        raise KeyboardInterrupt

    def partial(self):
        return None

    async def close(self):
        pass


class AsyncStopped(AsyncOwn):
    """Stops the program."""

    async def generate(self, request, **overrides):
        raise KeyboardInterrupt

    def stream(self, request, **overrides):
        return AsyncResponseStream(AsyncStops())


async def test_call_that_is_stopped_from_outside_is_cancelled():
    llm = AsyncMonitoringLLMService(AsyncStopped(None))
    with pytest.raises(KeyboardInterrupt):
        await llm.generate("Hi")
    with pytest.raises(KeyboardInterrupt):
        await async_drained(llm.stream("Hi"))
    assert ends(llm) == (0, 0, 2, 0)


async def test_base_must_be_a_service():
    with pytest.raises(TypeError, match="base must be a service"):
        AsyncMonitoringLLMService("groq")
