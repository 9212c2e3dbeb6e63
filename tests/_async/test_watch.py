"""Who watches a call sees each of its requests begin once and end once."""

from __future__ import annotations

import pytest

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncLLMService,
    AsyncMockLLMService,
    AsyncOpenAIAdapter,
    AsyncResponseStream,
    LLMAuthenticationError,
    LLMResponse,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    LLMUnsupportedFeatureError,
    MemoryCache,
    TextDelta,
    Timeout,
)
from llm_adapter._events import events_of
from llm_adapter._watch import watched_by
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true, async_drained, async_fan_out

KEY = "test-key-3f9a"


class Seen:
    """A watch that writes down what it sees."""

    def __init__(self):
        self.calls = []
        self.begun = []
        self.endings = []

    def call(self, operation, provider, model):
        self.calls.append((operation, provider, model))
        return self

    def began(self, number):
        self.begun.append(number)

    def ended(self, ending):
        self.endings.append(ending)

    @property
    def outcomes(self):
        return [ending.outcome for ending in self.endings]


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
async def llm(connect):
    return connect()


async def test_answer_is_seen_with_its_tokens_and_cost(llm, seen):
    with watched_by(seen):
        response = await llm.generate("Hi")
    assert seen.calls == [("generate", "groq", "openai/gpt-oss-120b")]
    assert seen.begun == [1]
    (ending,) = seen.endings
    assert (ending.outcome, ending.error) == ("succeeded", None)
    assert ending.answer is response
    assert ending.attempt == response.history[0]


async def test_each_attempt_is_seen(emulator, llm, seen):
    emulator.script(faults.server_error(), faults.rate_limited("0"))
    with watched_by(seen):
        await llm.generate("Hi")
    assert seen.begun == [1, 2, 3]
    assert seen.outcomes == ["failed", "failed", "succeeded"]
    assert [each.attempt.number for each in seen.endings] == [1, 2, 3]
    assert seen.endings[0].error.status_code == 500


async def test_failure_is_seen(emulator, llm, seen):
    emulator.script(faults.invalid_api_key())
    with watched_by(seen), pytest.raises(LLMAuthenticationError):
        await llm.generate("Hi")
    (ending,) = seen.endings
    assert (ending.outcome, ending.attempt.status_code) == ("failed", 401)


async def test_timeout_is_seen(emulator, llm, seen):
    emulator.script(faults.slow_first_byte(2))
    with watched_by(seen), pytest.raises(LLMTimeoutError):
        await llm.generate("Hi", timeout=0.1)
    assert seen.outcomes == ["failed"]


async def test_nothing_is_seen_of_what_is_not_sent(llm, seen):
    with watched_by(seen), pytest.raises(ValueError, match="empty"):
        await llm.generate("")
    assert seen.begun == []


async def test_stream_is_seen_with_its_first_token(llm, seen):
    with watched_by(seen):
        _, response = await async_drained(llm.stream("Hi"))
    (ending,) = seen.endings
    assert (ending.outcome, ending.answer) == ("succeeded", response)
    assert 0 < ending.attempt.first_token <= ending.attempt.duration


async def test_retries_of_a_stream_are_seen(emulator, llm, seen):
    emulator.script(faults.server_error(), faults.reset(at="headers"))
    with watched_by(seen):
        await async_drained(llm.stream("Hi"))
    assert seen.outcomes == ["failed", "failed", "succeeded"]


async def test_stream_that_is_cut_is_seen_with_what_had_arrived(emulator, llm, seen):
    emulator.script(faults.truncated_stream())
    with watched_by(seen), pytest.raises(LLMStreamInterruptedError) as caught:
        await async_drained(llm.stream("Hi"))
    (ending,) = seen.endings
    assert (ending.outcome, ending.error) == ("interrupted", caught.value)
    assert ending.answer.text == caught.value.partial.text


async def test_stream_that_is_too_slow_is_seen_with_what_had_arrived(
    emulator, llm, seen
):
    emulator.script(Reply(text="one two three") | faults.stall(at=0.6))
    with watched_by(seen), pytest.raises(LLMTimeoutError):
        await async_drained(llm.stream("Hi", timeout=Timeout(total=5, idle=0.1)))
    (ending,) = seen.endings
    assert ending.outcome == "interrupted"
    assert ending.answer is not None


async def test_stream_that_is_left_is_seen_with_what_had_arrived(llm, seen):
    with watched_by(seen):
        async with llm.stream("Hi") as stream:
            await anext(stream)
    (ending,) = seen.endings
    assert (ending.outcome, ending.error) == ("interrupted", None)
    assert ending.answer.reasoning == stream.partial.reasoning


async def test_stream_that_is_left_before_its_first_delta_is_cancelled(
    emulator, llm, seen
):
    emulator.script(faults.stall(at="body"))
    with watched_by(seen):
        async with llm.stream("Hi", timeout=5):
            pass
    assert seen.outcomes == ["cancelled"]


async def test_stream_is_seen_by_who_watches_as_it_is_opened(llm, seen):
    stream = llm.stream("Hi")
    with watched_by(seen):
        await anext(stream)
    await async_drained(stream)
    assert seen.outcomes == ["succeeded"]


async def test_vectors_are_seen_and_lists_are_not(emulator, seen):
    base_url = emulator.base_url("openai")
    with watched_by(seen):
        async with AsyncOpenAIAdapter(KEY, base_url=base_url) as llm:
            vectors = await llm.embed("sea")
            await llm.list_models()
            await llm.count_tokens("sea")
    assert [operation for operation, _, _ in seen.calls] == ["embed"]
    assert seen.endings[0].answer is vectors


async def test_who_waits_for_the_call_of_another_sees_nothing(emulator, llm):
    caching = AsyncCachingLLMService(llm, MemoryCache())
    emulator.script(faults.slow_first_byte(0.1))
    watches = [Seen() for _ in range(5)]

    async def call(number):
        with watched_by(watches[number]):
            return await caching.generate("Hi", timeout=30)

    answers = await async_fan_out(call, 5)
    assert sorted(each.outcomes for each in watches) == [[], [], [], [], ["succeeded"]]
    (paid,) = [n for n, answer in enumerate(answers) if not answer.cached]
    assert watches[paid].outcomes == ["succeeded"]


async def test_nobody_sees_the_calls_after_the_block(llm, seen):
    with watched_by(seen):
        pass
    await llm.generate("Hi")
    assert not await async_comes_true(lambda: bool(seen.begun), seconds=0.01)


async def test_who_watches_around_sees_what_is_watched_within(llm, seen):
    within = Seen()
    with watched_by(seen), watched_by(within):
        response = await llm.generate("Hi")
    assert seen.begun == within.begun == [1]
    assert seen.endings == within.endings
    assert seen.endings[0].answer is response


# -- services that do not tell of their requests --------------------------------------


class OwnService(AsyncLLMService):
    """Somebody's own, which asks another service or answers by itself."""

    def __init__(self, base=None, error=None):
        self.base = base
        self.error = error

    async def generate(self, request):
        if self.base is not None:
            return await self.base.generate(request)
        if self.error is not None:
            raise self.error
        return LLMResponse("Hello", "own-model", cached=request.cache is True)

    def get_provider_name(self):
        return "own"

    def get_available_models(self):
        return []


class SlowService(OwnService):
    """With a stream of its own, which gives one event at a time."""

    def stream(self, request, **overrides):
        return AsyncResponseStream(self)

    async def open(self):
        self.arrived = ""

    async def pull(self):
        if self.arrived and self.error is not None:
            raise self.error
        self.arrived += "one "
        return [TextDelta("one ")]

    def partial(self):
        return LLMResponse(self.arrived, "own-model")


async def test_own_service_is_seen_as_one_request(seen):
    with watched_by(seen):
        response = await OwnService().generate("Hi", model="a-model")
    assert seen.calls == [("generate", "own", "a-model")]
    (ending,) = seen.endings
    assert (ending.outcome, ending.answer) == ("succeeded", response)
    assert ending.attempt.number == 1


async def test_own_service_is_seen_behind_its_json(seen):
    mock = AsyncMockLLMService({"x": {"a": 1}})
    with watched_by(seen):
        assert await mock.generate_json("x") == {"a": 1}
    assert seen.calls == [("generate", "mock", "mock-model")]


async def test_own_service_that_fails_is_seen(seen):
    error = LLMAuthenticationError("no", status_code=401)
    with watched_by(seen), pytest.raises(LLMAuthenticationError):
        await OwnService(error=error).generate("Hi")
    (ending,) = seen.endings
    assert (ending.outcome, ending.error) == ("failed", error)
    assert ending.attempt.error == "LLMAuthenticationError"
    assert ending.attempt.status_code == 401


async def test_errors_that_are_not_of_the_family_are_seen_by_name(seen):
    with watched_by(seen), pytest.raises(ZeroDivisionError):
        await OwnService(error=ZeroDivisionError()).generate("Hi")
    (ending,) = seen.endings
    assert (ending.outcome, ending.error) == ("failed", None)
    assert ending.attempt.error == "ZeroDivisionError"


async def test_own_service_that_is_interrupted_is_cancelled(seen):
    with watched_by(seen), pytest.raises(KeyboardInterrupt):
        await OwnService(error=KeyboardInterrupt()).generate("Hi")
    assert seen.outcomes == ["cancelled"]


async def test_own_service_around_an_adapter_is_not_seen_twice(llm, seen):
    with watched_by(seen):
        await OwnService(llm).generate("Hi")
    assert [provider for _, provider, _ in seen.calls] == ["groq"]
    assert seen.outcomes == ["succeeded"]


async def test_own_service_with_a_cache_of_its_own_is_not_seen_for_a_hit(seen):
    with watched_by(seen):
        await OwnService().generate("Hi", cache=True)
    assert seen.calls == []


async def test_stream_of_a_service_that_has_none_is_seen(seen):
    with watched_by(seen):
        await async_drained(OwnService().stream("Hi"))
    assert seen.outcomes == ["succeeded"]


async def test_own_stream_is_seen_with_its_first_token(seen):
    with watched_by(seen):
        stream = AsyncMockLLMService().stream("Hi")
        _, response = await async_drained(stream)
    assert seen.calls == [("stream", "mock", "mock-model")]
    assert [(each.outcome, each.answer) for each in seen.endings] == [
        ("succeeded", response)
    ]


async def test_own_stream_that_is_left_is_seen(seen):
    with watched_by(seen):
        async with SlowService().stream("Hi") as stream:
            await anext(stream)
    (ending,) = seen.endings
    assert (ending.outcome, ending.answer.text) == ("interrupted", "one ")
    assert 0 < ending.attempt.first_token <= ending.attempt.duration


async def test_own_stream_that_breaks_is_seen(seen):
    with watched_by(seen), pytest.raises(LLMTimeoutError):
        await async_drained(SlowService(error=LLMTimeoutError("late")).stream("Hi"))
    (ending,) = seen.endings
    assert (ending.outcome, ending.answer.text) == ("interrupted", "one ")


async def test_own_stream_that_is_left_at_once_is_cancelled(seen):
    with watched_by(seen):
        async with AsyncMockLLMService().stream("Hi"):
            pass
    assert seen.outcomes == ["cancelled"]


async def test_own_stream_that_fails_is_seen(seen):
    mock = AsyncMockLLMService({"Hi": LLMTimeoutError("late")})
    with watched_by(seen), pytest.raises(LLMTimeoutError):
        await async_drained(mock.stream("Hi"))
    assert seen.outcomes == ["failed"]


async def test_own_stream_that_nobody_opens_is_not_seen(seen):
    with watched_by(seen):
        AsyncMockLLMService().stream("Hi")
    assert seen.calls == []


async def test_own_vectors_are_seen(seen):
    with watched_by(seen):
        vectors = await AsyncMockLLMService().embed("sea", model="a-model")
    assert seen.calls == [("embed", "mock", "a-model")]
    assert seen.endings[0].answer is vectors


@pytest.mark.parametrize(
    "error",
    [ValueError("empty"), TypeError("wrong"), LLMUnsupportedFeatureError("cannot")],
    ids=lambda error: type(error).__name__,
)
async def test_own_service_that_asks_nobody_is_not_seen(seen, error):
    with watched_by(seen), pytest.raises(type(error)):
        await OwnService(error=error).generate("Hi")
    assert seen.calls == []


async def test_own_service_that_asks_itself_is_not_seen_twice(seen):
    class Whole(SlowService):
        async def pull(self):
            return events_of(LLMResponse("one two", "own-model"))

        async def generate(self, request):
            _, response = await async_drained(self.stream(request))
            return response

    with watched_by(seen):
        await Whole().generate("Hi")
    assert seen.calls == [("generate", "own", "own-model")]


async def test_own_stream_shows_what_has_arrived(seen):
    with watched_by(seen):
        async with SlowService().stream("Hi") as stream:
            for _ in range(2):
                await anext(stream)
            assert stream.partial.text == "one one "
    assert seen.outcomes == ["interrupted"]


async def test_own_service_that_brings_something_else_is_seen(seen):
    class Odd(OwnService):
        async def generate(self, request):
            return {"text": "no response of ours"}

    with watched_by(seen):
        await Odd().generate("Hi")
    (ending,) = seen.endings
    assert (ending.outcome, ending.answer) == ("succeeded", None)
