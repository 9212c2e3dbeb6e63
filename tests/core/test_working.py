"""Work elsewhere: blocking calls, tasks of nobody's, signals, locks that forks free."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from llm_adapter._concurrency import (
    AsyncSignal,
    ForkSafeLock,
    NotBegun,
    Signal,
    async_detach,
    async_offload,
    async_sleep,
    async_tried,
    detach,
    locks,
    offload,
    tried,
    working,
)
from tests.concurrency import async_comes_true, async_fan_out

MARK = contextvars.ContextVar("MARK", default="nobody")


# -- blocking calls -------------------------------------------------------------------


async def test_blocking_call_leaves_the_loop_to_others():
    released = threading.Event()

    async def release():
        released.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(release)
        assert await async_offload(released.wait, 5, seconds=5)


async def test_blocking_call_that_takes_too_long_is_left_behind():
    ended = threading.Event()
    with pytest.raises(TimeoutError):
        await async_offload(ended.wait, 5, seconds=0.02)
    ended.set()


async def test_error_of_a_blocking_call_is_its_callers():
    with pytest.raises(ZeroDivisionError):
        await async_offload(divmod, 1, 0, seconds=5)


async def test_blocking_calls_do_not_take_the_threads_of_the_program():
    ended = threading.Event()
    limiter = anyio.to_thread.current_default_thread_limiter()
    async with anyio.create_task_group() as tasks:
        for _ in range(working.WORKERS):
            tasks.start_soon(lambda: async_offload(ended.wait, 5, seconds=5))
        await anyio.wait_all_tasks_blocked()
        assert limiter.borrowed_tokens == 0
        ended.set()


async def test_no_more_calls_block_at_once_than_there_are_workers():
    lock = threading.Lock()
    at_once, most = 0, 0

    def call():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.01)
        with lock:
            at_once -= 1

    await async_fan_out(lambda _: async_offload(call, seconds=30), 3 * working.WORKERS)
    assert most <= working.WORKERS


async def test_result_that_was_there_in_time_is_taken_by_a_loop_that_was_late():
    begun = threading.Event()

    def call():
        begun.set()
        time.sleep(0.05)
        return "result"

    async def stand_still():
        assert await async_comes_true(begun.is_set)
        time.sleep(0.3)  # noqa: ASYNC251  # what a program may do to its loop

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stand_still)
        assert await async_offload(call, seconds=0.1) == "result"


async def test_call_that_finds_no_thread_has_not_begun():
    ended, begun = threading.Event(), []
    async with anyio.create_task_group() as tasks:
        for _ in range(working.WORKERS):
            tasks.start_soon(lambda: async_offload(ended.wait, 5, seconds=5))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(NotBegun):
            await async_offload(begun.append, 1, seconds=0.02)
        ended.set()
    assert begun == []


def never():
    return False


async def test_what_comes_of_a_call_is_told():
    told = {"blocks": True, "seconds": 5, "gives_up": never}
    came = await async_tried(lambda: 7, **told)
    assert (came.result, came.error) == (7, None)
    failed = await async_tried(lambda: divmod(1, 0), **told)
    assert isinstance(failed.error, ZeroDivisionError)
    assert failed.took < 1


async def test_call_that_does_not_block_is_made_here():
    told = {"blocks": False, "seconds": 5, "gives_up": never}
    assert (await async_tried(threading.get_ident, **told)).result == (
        threading.get_ident()
    )


async def test_call_that_is_late_took_all_its_time():
    ended = threading.Event()
    came = await async_tried(
        lambda: ended.wait(5), blocks=True, seconds=0.02, gives_up=never
    )
    ended.set()
    assert isinstance(came.error, TimeoutError)
    assert came.took == 0.02


async def test_call_waits_for_a_thread_until_it_gives_up():
    ended, asked = threading.Event(), []

    def give_up():
        asked.append(1)
        return len(asked) == 3

    async with anyio.create_task_group() as tasks:
        for _ in range(working.WORKERS):
            tasks.start_soon(lambda: async_offload(ended.wait, 5, seconds=5))
        await anyio.wait_all_tasks_blocked()
        came = await async_tried(never, blocks=True, seconds=0.02, gives_up=give_up)
        ended.set()
    assert isinstance(came.error, NotBegun)
    assert (len(asked), came.took) == (3, 0)


def test_what_comes_of_a_sync_call_is_told():
    told = {"blocks": True, "seconds": 5, "gives_up": never}
    assert tried(lambda: 7, **told).result == 7
    assert isinstance(tried(lambda: divmod(1, 0), **told).error, ZeroDivisionError)


def test_sync_blocking_call_is_made_here():
    assert offload(threading.get_ident, seconds=1) == threading.get_ident()


# -- tasks of nobody's ----------------------------------------------------------------


async def test_detached_task_goes_on_when_its_starter_is_cancelled():
    going_on, ended = anyio.Event(), anyio.Event()

    async def act():
        await going_on.wait()
        ended.set()

    with anyio.CancelScope() as scope:
        await async_detach(act)
        scope.cancel()
        await async_sleep(1)
    going_on.set()
    with anyio.fail_after(5):
        await ended.wait()


async def test_detached_task_is_ended_by_its_result():
    begun, cancelled = anyio.Event(), anyio.Event()

    async def act():
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    end = await async_detach(act)
    await begun.wait()
    end()
    with anyio.fail_after(5):
        await cancelled.wait()


async def test_detached_task_is_ended_from_another_thread():
    ended = threading.Event()

    async def act():
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    end = await async_detach(act)
    await async_sleep(0)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(end).result()
    assert await async_comes_true(ended.is_set)


async def test_detached_task_has_the_context_of_its_starter():
    seen = []

    async def act():
        seen.append(MARK.get())

    token = MARK.set("somebody")
    await async_detach(act)
    MARK.reset(token)
    assert await async_comes_true(lambda: seen == ["somebody"])


def test_ending_the_task_of_a_loop_that_is_gone_does_nothing():
    async def main():
        return await async_detach(anyio.sleep_forever)

    end = asyncio.run(main())
    with ThreadPoolExecutor(1) as threads:
        threads.submit(end).result()


def test_sync_detached_work_has_ended_when_its_starter_goes_on():
    done = []
    end = detach(lambda: done.append(threading.get_ident()))
    assert done == [threading.get_ident()]
    assert end() is None


# -- signals --------------------------------------------------------------------------


async def test_signal_wakes_from_the_same_loop():
    signal = AsyncSignal()

    async def tell():
        signal.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        assert await signal.wait(5)


async def test_signal_wakes_from_another_thread():
    signal = AsyncSignal()
    with ThreadPoolExecutor(1) as threads:
        threads.submit(signal.set)
        assert await signal.wait(5)


async def test_signal_that_is_not_set_is_waited_for_no_longer_than_said():
    assert not await AsyncSignal().wait(0.01)


async def test_signal_that_was_set_before_needs_no_waiting():
    signal = AsyncSignal()
    signal.set()
    assert await signal.wait(0)


def test_sync_signal_wakes_another_thread():
    signal = Signal()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(signal.wait, 5)
        signal.set()
        assert waiting.result()


def test_sync_signal_that_is_not_set_is_waited_for_no_longer_than_said():
    assert not Signal().wait(0.01)


# -- locks ----------------------------------------------------------------------------


def test_short_section_keeps_others_out():
    lock = ForkSafeLock()
    inside = []

    def enter():
        with lock:
            inside.append(1)

    with ThreadPoolExecutor(1) as threads:
        with lock:
            waiting = threads.submit(enter)
            time.sleep(0.02)
            assert inside == []
        waiting.result(5)
    assert inside == [1]


def test_lock_is_free_after_a_fork_whoever_held_it():
    lock = ForkSafeLock()
    lock.__enter__()
    locks._free_all()  # as in a forked process, where coverage could not see it
    with lock:
        pass


def test_reentrant_lock_is_taken_again_by_its_holder():
    lock = ForkSafeLock(reentrant=True)
    with lock, lock:
        pass


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_forked_process_finds_a_held_lock_free():
    lock = ForkSafeLock()
    with lock:
        child = os.fork()
        if not child:
            with lock:
                os._exit(7)
        # Were it held, the child would wait for ever: the parent holds its own still.
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
