"""What is seen of calls that are cancelled."""

from __future__ import annotations

import anyio
import pytest

from llm_adapter import AsyncCachingLLMService, MemoryCache
from llm_adapter._watch import watched_by
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true


class Seen:
    def __init__(self):
        self.begun = 0
        self.endings = []

    def call(self, operation, provider, model):
        return self

    def began(self, number):
        self.begun += 1

    def ended(self, ending):
        self.endings.append(ending)


@pytest.fixture
async def llm(connect):
    async with connect() as llm:
        yield llm


async def test_call_that_is_cancelled_is_seen_to_end(emulator, llm):
    emulator.script(faults.stall(at="headers"))
    seen = Seen()
    with watched_by(seen), anyio.move_on_after(0.1):
        await llm.generate("Hi", timeout=30)
    assert [ending.outcome for ending in seen.endings] == ["cancelled"]


async def test_call_that_is_cancelled_between_attempts_has_ended(emulator, llm):
    emulator.script(faults.rate_limited("20"))
    seen = Seen()
    with watched_by(seen), anyio.move_on_after(0.2):
        await llm.generate("Hi", timeout=30)
    assert [ending.outcome for ending in seen.endings] == ["failed"]


@pytest.mark.parametrize(
    ("at", "outcome"), [("headers", "cancelled"), (0.6, "interrupted")]
)
async def test_stream_that_is_cancelled_is_seen_to_end(emulator, llm, at, outcome):
    emulator.script(Reply(text="one two three") | faults.stall(at=at))
    seen = Seen()
    with watched_by(seen), anyio.move_on_after(0.2):
        async with llm.stream("Hi", timeout=30) as stream:
            async for _ in stream:
                pass
    assert [ending.outcome for ending in seen.endings] == [outcome]


async def test_call_that_goes_on_for_others_is_seen_to_its_end(emulator, llm):
    emulator.script(faults.slow_first_byte(0.3))
    caching = AsyncCachingLLMService(llm, MemoryCache())
    first, second = Seen(), Seen()

    async def begin():
        with watched_by(first), anyio.move_on_after(0.1):
            await caching.generate("Hi", timeout=30)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(begin)
        assert await async_comes_true(lambda: emulator.counts.in_flight == 1)
        with watched_by(second):
            answer = await caching.generate("Hi", timeout=30)
    assert answer.cached
    assert [ending.outcome for ending in first.endings] == ["succeeded"]
    assert second.begun == 0
