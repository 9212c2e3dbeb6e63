"""One async service on several event loops, one after another and at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncMonitoringLLMService,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    LLMServiceError,
    LLMStreamInterruptedError,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true
from tests.only_async.loops import LOOPS, on_every_loop, run, tasks_alive

SLOW = Reply(text="one two three four five", interval=0.01)


def nothing_open(emulator):
    return emulator.wait_for(lambda now: now.connections_open == now.in_flight == 0)


# -- one after another ----------------------------------------------------------------


def test_one_service_works_on_loops_that_follow_one_another(emulator, connect):
    llm = connect()

    async def call():
        first = await llm.generate("Hi", timeout=5)
        async with llm.stream("Hi", timeout=5) as stream:
            async for _ in stream:
                pass
        return first.text == stream.response.text != ""

    for loop in [*LOOPS, *LOOPS, "asyncio", "asyncio"]:
        emulator.reset()
        assert run(loop, call)
        assert emulator.counts.connections_opened == 1, "keep-alive within a loop"
        assert nothing_open(emulator), f"connections end with {loop}"


@pytest.mark.filterwarnings(
    # What asyncio says of a loop that is closed without shutdown_asyncgens().
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
def test_loops_that_were_closed_carelessly_are_forgotten(emulator, connect):
    llm = connect()
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(llm.generate("Hi", timeout=5))
        loop.close()
    gc.collect()
    assert emulator.wait_for(lambda now: now.connections_open == 1)
    run("asyncio", llm.generate, "Hi")
    del loop
    gc.collect()
    assert nothing_open(emulator)


@on_every_loop
@pytest.mark.parametrize("begun", ["entered", "iterated", "left by break"])
def test_the_end_of_a_loop_ends_its_streams(emulator, connect, caplog, loop, begun):
    emulator.always(SLOW)
    llm = connect()
    streams = [llm.stream("Hi", timeout=5) for _ in range(5)]

    async def begin(stream):
        if begun == "entered":
            await stream.__aenter__()
        elif begun == "iterated":
            await anext(stream)
        else:
            async for _ in stream:
                break

    async def begin_all():
        for stream in streams:
            await begin(stream)

    run(loop, begin_all)
    assert nothing_open(emulator)
    assert not [record for record in caplog.records if record.name == "asyncio"]


@on_every_loop
def test_the_end_of_a_loop_ends_streams_around_streams(
    emulator, connect, caplog, loop, tmp_path
):
    emulator.always(SLOW)
    streams = []

    async def begin_all():
        tracker = AsyncTokenTracker(f"sqlite:///{tmp_path}/ledger.db")
        llm = AsyncMonitoringLLMService(AsyncTrackingLLMService(connect(), tracker))
        for _ in range(5):
            streams.append(llm.stream("Hi", timeout=5))
            await anext(streams[-1])

    run(loop, begin_all)
    assert nothing_open(emulator)
    assert not [record for record in caplog.records if record.name == "asyncio"]


# -- at once --------------------------------------------------------------------------


def test_one_service_works_on_several_loops_at_once(emulator, connect):
    llm = connect()
    together = threading.Barrier(9)

    async def call(number):
        response = await llm.generate(f"Say {number}", timeout=20)
        return response.text

    async def calls():
        together.wait(10)
        texts = {}

        async def one(number):
            texts[number] = await call(number)

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
        return texts

    with ThreadPoolExecutor(9) as threads:
        results = list(threads.map(lambda loop: run(loop, calls), [*LOOPS] * 3))
    assert all(result == results[0] for result in results)
    assert len(results[0]) == 20
    assert emulator.counts.requests == 180
    assert nothing_open(emulator)


class Elsewhere:
    """A loop in a thread of its own that has made a call and runs until released."""

    def __init__(self, loop, llm):
        self._released = threading.Event()
        self._called = threading.Event()
        self._thread = threading.Thread(target=run, args=(loop, self._main, llm))

    async def _main(self, llm):
        await llm.generate("Hi", timeout=5)
        self._called.set()
        await async_comes_true(self._released.is_set, 30)

    def __enter__(self):
        self._thread.start()
        assert self._called.wait(10)
        return self

    def __exit__(self, *error):
        self._released.set()
        self._thread.join()


@on_every_loop
@pytest.mark.parametrize("other", LOOPS)
def test_close_reaches_the_connections_of_other_loops(emulator, connect, loop, other):
    llm = connect()
    with Elsewhere(loop, llm):
        run(other, llm.generate, "Hi")
        run(other, llm.close)
        assert nothing_open(emulator)


@on_every_loop
def test_a_service_closed_elsewhere_lets_calls_in_flight_finish(
    emulator, connect, loop
):
    emulator.always(SLOW)
    llm = connect()
    reading = threading.Event()

    async def read():
        async with llm.stream("Hi", timeout=5) as stream:
            await anext(stream)
            reading.set()
            async for _ in stream:
                pass
        with pytest.raises(LLMServiceError, match="service is closed"):
            await llm.generate("Hi", timeout=5)
        return stream.response.text

    with ThreadPoolExecutor(1) as thread:
        text = thread.submit(run, loop, read)
        assert reading.wait(10)
        run("asyncio", llm.close)
        assert text.result() == SLOW.text
    assert nothing_open(emulator)


@on_every_loop
def test_tasks_may_close_a_service_at_once(emulator, connect, loop):
    llm = connect()

    async def close():
        await llm.generate("Hi", timeout=5)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(llm.close)
        await llm.close()

    run(loop, close)
    assert nothing_open(emulator)


@on_every_loop
def test_a_service_closed_while_tasks_begin_to_call_leaves_nothing_open(
    emulator, connect, loop
):
    llm = connect()
    answered = []

    async def call():
        try:
            answered.append(await llm.generate("Hi", timeout=5))
        except LLMServiceError as error:
            assert "service is closed" in str(error)

    async def main():
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(call)
            await anyio.sleep(0.002)
            await llm.close()
            for _ in range(20):
                tasks.start_soon(call)

    run(loop, main)
    assert len(answered) <= 20
    assert nothing_open(emulator)


# -- services that nobody closes ------------------------------------------------------


@on_every_loop
@pytest.mark.parametrize("in_a_cycle", [False, True])
def test_a_service_that_is_collected_closes_its_connections(
    emulator, connect, loop, in_a_cycle
):
    async def main():
        before = tasks_alive()
        llm = connect()
        await llm.generate("Hi", timeout=5)
        if in_a_cycle:
            llm.itself = llm
        assert emulator.counts.connections_open == 1
        del llm
        gc.collect()
        assert await async_comes_true(lambda: not emulator.counts.connections_open)
        await anyio.wait_all_tasks_blocked()
        assert tasks_alive() == before

    run(loop, main)


@on_every_loop
def test_a_service_forgotten_as_its_loop_ends_closes_its_connections(
    emulator, connect, caplog, loop
):
    async def main():
        llm = connect()
        await llm.generate("Hi", timeout=5)

    # The end of the loop and that of the service race; both must win in turn.
    for _ in range(40):
        run(loop, main)
    gc.collect()
    assert nothing_open(emulator)
    assert not [record for record in caplog.records if record.name == "asyncio"]


# -- not on a loop, and on two tasks --------------------------------------------------


def test_without_a_loop_the_error_names_the_way_out(connect):
    call = connect().generate("Hi")
    with pytest.raises(RuntimeError, match=r"asyncio\.run\(\).*use the sync service"):
        call.send(None)


STATES = {
    "before the answer begins": (0, Reply(delay=0.2)),
    "between two attempts": (0, faults.rate_limited(retry_after_ms=200)),
    "between two pieces": (
        2,
        Reply(text="one two", stop_at="before_finish", stop="stall"),
    ),
}


@on_every_loop
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_stream_closed_by_another_task_ends_with_an_error(
    emulator, connect, loop, state
):
    seen, reply = state
    emulator.always(reply)

    async def main():
        llm = connect()
        async with anyio.create_task_group() as tasks:
            stream = llm.stream("Hi", timeout=5)

            async def close():
                await async_comes_true(lambda: emulator.counts.requests == 1)
                await async_comes_true(lambda: len(received) == seen)
                await anyio.sleep(0.05)
                await stream.close()

            tasks.start_soon(close)
            received = []
            with pytest.raises(LLMStreamInterruptedError) as caught:
                async for text in stream.text():
                    received += [text]
        assert len(received) == seen
        assert caught.value.attempts == emulator.counts.requests == 1
        await llm.close()
        assert nothing_open(emulator)

    run(loop, main)


def test_a_service_is_usable_before_any_loop_runs(emulator):
    llm = AsyncGroqAdapter("test-key", base_url=emulator.base_url("groq"))
    stream = llm.stream("Hi", timeout=5)

    async def read():
        return [event async for event in stream]

    assert run("trio", read)
    assert nothing_open(emulator)
