"""Calls that several share: one who is cancelled concerns none of the others."""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncMockLLMService,
    CacheStore,
    MemoryCache,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true
from tests.only_async.loops import LOOPS, on_every_loop, run, tasks_alive

USER = contextvars.ContextVar("USER", default="nobody")


@pytest.fixture
async def llm(connect):
    async with AsyncCachingLLMService(connect(), MemoryCache()) as llm:
        yield llm


async def cancelled(tasks, call):
    """Runs a call; what cancels it."""
    scope = anyio.CancelScope()

    async def act():
        with scope:
            await call()

    tasks.start_soon(act)
    await anyio.sleep(0.02)  # it has joined by then, or does so in time
    return scope.cancel


def in_flight(emulator, number):
    return async_comes_true(lambda: emulator.counts.in_flight == number)


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_one_who_is_cancelled_leaves_the_call_to_the_others(emulator, llm, which):
    emulator.script(faults.slow_first_byte(0.3))
    answers = []

    async def call():
        answers.append(await llm.generate("Hi", timeout=30))

    async with anyio.create_task_group() as tasks:
        cancels = [await cancelled(tasks, call) for _ in range(3)]
        assert await in_flight(emulator, 1)
        cancels[which]()
    assert len(answers) == 2
    assert emulator.counts.requests == 1


async def test_call_that_all_have_left_is_ended(emulator, llm):
    emulator.script(faults.stall(at="headers"))

    async with anyio.create_task_group() as tasks:
        cancels = [
            await cancelled(tasks, lambda: llm.generate("Hi", timeout=30))
            for _ in range(3)
        ]
        assert await in_flight(emulator, 1)
        for cancel in cancels:
            cancel()
    assert await in_flight(emulator, 0)
    assert (await llm.generate("Hi", timeout=30)).text, "the next starts anew"


async def test_task_that_is_cancelled_leaves_no_task_behind(emulator, llm):
    emulator.script(faults.stall(at="headers"))
    before = tasks_alive()
    with anyio.move_on_after(0.1):
        await llm.generate("Hi", timeout=30)
    assert await async_comes_true(lambda: tasks_alive() <= before)


async def test_reader_who_is_cancelled_leaves_the_stream_to_the_others(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.drip(0.005, chunk=20))
    texts = []

    async def read():
        async with llm.stream("Hi", timeout=30) as stream:
            texts.append("".join([text async for text in stream.text()]))

    async with anyio.create_task_group() as tasks:
        cancels = [await cancelled(tasks, read) for _ in range(3)]
        assert await in_flight(emulator, 1)
        cancels[0]()
    assert texts == ["one two three"] * 2
    assert emulator.counts.requests == 1


async def test_stream_that_all_have_left_is_ended(emulator, llm):
    emulator.script(Reply(text="one two three") | faults.stall(at="body"))

    async def read():
        async with llm.stream("Hi", timeout=30) as stream:
            async for _ in stream:
                pass

    async with anyio.create_task_group() as tasks:
        cancels = [await cancelled(tasks, read) for _ in range(3)]
        assert await in_flight(emulator, 1)
        for cancel in cancels:
            cancel()
    assert await in_flight(emulator, 0)


async def test_generation_behind_a_stream_that_is_left_is_ended(tmp_path):
    ended = anyio.Event()

    class Slow(AsyncMockLLMService):
        async def generate(self, request, **overrides):
            try:
                await anyio.sleep_forever()
            finally:
                ended.set()

        def stream(self, request, **overrides):
            return super(AsyncMockLLMService, self).stream(request, **overrides)

    llm = AsyncCachingLLMService(Slow(), MemoryCache())
    with anyio.move_on_after(0.05):
        async with llm.stream("Hi") as stream:
            await anext(stream)
    with anyio.fail_after(5):
        await ended.wait()


async def test_call_has_the_context_of_the_one_who_began_it():
    seen = []

    def answer(request):
        seen.append(USER.get())
        return "Hello"

    llm = AsyncCachingLLMService(AsyncMockLLMService({"Hi": answer}), MemoryCache())
    USER.set("Ana")
    await llm.generate("Hi")
    assert seen == ["Ana"]


@on_every_loop
def test_loops_of_several_threads_make_one_call(emulator, connect, loop):
    service = AsyncCachingLLMService(connect(), MemoryCache())
    together = threading.Barrier(4)
    emulator.script(faults.slow_first_byte(0.3))

    async def call():
        together.wait(10)
        return await service.generate("Hi", timeout=30)

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(run, loop, call) for _ in range(4)]
        answers = [each.result() for each in calls]
    assert emulator.counts.requests == 1
    assert [answer.cached for answer in answers].count(False) == 1


def test_loop_that_ends_in_mid_call_leaves_it_to_the_others(emulator, connect):
    service = AsyncCachingLLMService(connect(), MemoryCache())
    begun = threading.Event()
    emulator.script(faults.slow_first_byte(5), Reply(text="Second."))

    async def give_up():
        with anyio.move_on_after(0.5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: service.generate("Hi", timeout=30))
                await in_flight(emulator, 1)
                begun.set()

    async def call():
        return await service.generate("Hi", timeout=30)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(run, "asyncio", give_up)
        assert begun.wait(5)
        second = threads.submit(run, "trio", call)
        first.result()
        # Its own task goes on as long as the loop; this one has come to its end.
        assert second.result().text == "Second."


@pytest.mark.parametrize("loop", LOOPS)
def test_one_service_is_used_on_loops_that_follow_one_another(emulator, connect, loop):
    service = AsyncCachingLLMService(connect(), MemoryCache())

    async def call(prompt):
        return await service.generate(prompt, timeout=30)

    assert not run(loop, call, "Hi").cached
    assert run(loop, call, "Hi").cached
    assert not run(loop, call, "Ho").cached


class Slow(CacheStore):
    """A store that does not keep to its own time."""

    timeout = 0.05

    def __init__(self):
        self.asked = 0
        self.released = threading.Event()

    def get(self, key):
        self.asked += 1
        self.released.wait(5)

    set = delete = get


async def test_store_that_hangs_holds_a_call_up_once_and_not_for_long(connect):
    store = Slow()
    async with AsyncCachingLLMService(connect(), store) as llm:
        begun = time.monotonic()
        assert (await llm.generate("Hi", timeout=30)).text
        assert (await llm.generate("Hi", timeout=30)).text
        assert time.monotonic() - begun < 3
    store.released.set()
    assert store.asked == 1
    assert llm.stats().failures == 1


async def test_claim_is_given_up_by_one_who_is_cancelled(emulator, connect):
    emulator.script(faults.stall(at="headers"))
    first, second = (
        AsyncCachingLLMService(connect(), store) for store in [MemoryCache()] * 2
    )
    with anyio.move_on_after(0.1):
        await first.generate("Hi", timeout=30)
    begun = time.monotonic()
    assert (await second.generate("Hi", timeout=30)).text
    assert time.monotonic() - begun < 2, "no need to wait until the claim runs out"
    await first.close()
    await second.close()
