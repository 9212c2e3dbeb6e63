from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import anyio
import httpcore
import pytest
import trio
from anyio.lowlevel import checkpoint

from llm_adapter import _concurrency
from llm_adapter._concurrency import (
    AsyncLock,
    AsyncSlots,
    Lock,
    PerLoop,
    Slots,
    async_connect_tcp,
    async_loop,
    async_on_loop_end,
    async_shielded,
    async_sleep,
    async_soon,
    async_wake_reader,
    async_write,
    connect_tcp,
    loop,
    loop_has_ended,
    on_loop_end,
    shielded,
    sleep,
    soon,
    wake_reader,
    write,
)
from tests.concurrency import comes_true

RUNNERS = {
    "asyncio": lambda main: asyncio.run(main()),
    "trio": lambda main: trio.run(main),
}
on_a_loop_of_its_own = pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)

# -- pairs ----------------------------------------------------------------------------

UNPAIRED = {
    "connected_within",
    "ForkSafeLock",
    "NotBegun",
    "PerLoop",
    "Tried",
    "loop_has_ended",
    "monotonic",
    "time",
}
DUNDERS = {"__aenter__": "__enter__", "__aexit__": "__exit__"}


def pair(name):
    """The sync form of an async name."""
    return name.removeprefix("Async").removeprefix("async_")


def signature(callable_):
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(callable_).parameters.values()
    ]


def signatures(kind):
    """Of every method that users of a class see, by its sync name."""
    return {
        DUNDERS.get(name, name): signature(method)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and (name[0] != "_" or name[:2] == "__")
    }


PAIRS = [(name, pair(name)) for name in _concurrency.__all__ if pair(name) != name]


def test_every_public_name_is_in_a_pair_or_among_those_that_need_none():
    paired = {name for names in PAIRS for name in names}
    assert paired | UNPAIRED == set(_concurrency.__all__)
    assert not paired & UNPAIRED


def test_everything_public_is_listed():
    own = {
        name
        for name, value in vars(_concurrency).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith(_concurrency.__name__)
        and not name.startswith("_")
    }
    assert own <= set(_concurrency.__all__)


@pytest.mark.parametrize(("name", "twin"), PAIRS)
def test_both_of_a_pair_have_equal_signatures(name, twin):
    first, second = getattr(_concurrency, name), getattr(_concurrency, twin)
    if inspect.isclass(first):
        assert signatures(first) == signatures(second)
    else:
        assert signature(first) == signature(second)
        assert not inspect.iscoroutinefunction(second)


# -- waiting --------------------------------------------------------------------------


async def test_async_sleep_lets_others_run():
    happened = []
    begun = anyio.Event()

    async def sleeper():
        begun.set()
        start = time.monotonic()
        await async_sleep(0.02)
        happened.append(time.monotonic() - start >= 0.015)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper)
        await begun.wait()
        happened.append("meanwhile")
    assert happened == ["meanwhile", True]


def test_sleep_waits():
    begun = time.monotonic()
    sleep(0.02)
    assert time.monotonic() - begun >= 0.02


async def test_shielded_awaits_happen_although_the_caller_is_cancelled():
    happened = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        with async_shielded():
            await anyio.sleep(0.001)
            happened.append(1)
        await checkpoint()
        happened.append(2)
    assert happened == [1]


def test_threads_need_no_shield():
    with shielded():
        pass


# -- loops ----------------------------------------------------------------------------


def test_event_loop_is_the_same_within_a_run_and_another_in_the_next():
    async def twice():
        return {async_loop(), async_loop()}

    for run in (anyio.run, lambda main: anyio.run(main, backend="trio")):
        (first,), (second,) = run(twice), run(twice)
        assert first != second


def test_event_loop_is_told_apart_from_one_beside_it():
    with ThreadPoolExecutor(2) as threads:
        both = threading.Barrier(2)

        async def main():
            both.wait(5)
            return async_loop()

        found = list(threads.map(lambda run: run(main), [anyio.run, trio.run]))
    assert found[0] != found[1]


def test_async_service_without_a_loop_is_sent_to_the_sync_one():
    expected = (
        "an async service needs a running event loop: use it inside asyncio.run() "
        "or trio.run(), or use the sync service"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(expected)}$"):
        async_loop()


def test_threads_of_a_process_share_their_connections():
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(loop).result() == loop() == os.getpid()


async def test_running_loop_has_not_ended():
    assert not loop_has_ended(async_loop())


def test_closed_loop_has_ended():
    async def main():
        return async_loop()

    assert loop_has_ended(asyncio.run(main()))


def test_process_ends_for_its_forks():
    assert not loop_has_ended(loop())
    assert loop_has_ended(loop() + 1)


# -- what happens at the end of a loop ------------------------------------------------


class Closing:
    """Something to close, on either side."""

    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1

    async def aclose(self):
        await checkpoint()
        self.closed += 1


@on_a_loop_of_its_own
def test_loop_that_ends_closes_what_waits_for_it(run):
    held = Closing()
    kept = []

    async def main():
        kept.append(await async_on_loop_end(held.aclose))
        await checkpoint()
        assert held.closed == 0

    run(main)
    assert held.closed == 1


async def test_ending_the_guard_closes_at_once_and_only_once():
    held = Closing()
    guard = await async_on_loop_end(held.aclose)
    await guard.aclose()
    await guard.aclose()
    assert held.closed == 1


async def test_guard_that_ends_in_a_cancelled_scope_closes_all_the_same():
    held = Closing()
    guard = await async_on_loop_end(held.aclose)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await guard.aclose()
    assert held.closed == 1


async def test_pulling_the_guard_ends_it_without_closing():
    held = Closing()
    guard = await async_on_loop_end(held.aclose)
    assert await anext(guard, None) is None
    await guard.aclose()
    assert held.closed == 0


def test_sync_guard_closes_when_it_ends_and_only_once():
    held = Closing()
    guard = on_loop_end(held.close)
    assert held.closed == 0
    guard.close()
    guard.close()
    assert held.closed == 1


def test_sync_guard_closes_when_nobody_holds_it():
    held = Closing()
    on_loop_end(held.close)
    assert held.closed == 1


def test_pulling_the_sync_guard_ends_it_without_closing():
    held = Closing()
    guard = on_loop_end(held.close)
    assert next(guard, None) is None
    guard.close()
    assert held.closed == 0


# -- acting on another loop -----------------------------------------------------------


async def test_act_is_awaited_on_its_own_loop_whichever_thread_asks():
    where = []
    done = anyio.Event()
    here = async_loop()

    async def act():
        await checkpoint()
        where.append(async_loop())
        done.set()

    await anyio.to_thread.run_sync(async_soon, here, act)
    with anyio.fail_after(5):
        await done.wait()
    assert where == [here]


@on_a_loop_of_its_own
def test_loop_that_has_ended_awaits_nothing_more(run):
    async def main():
        return async_loop()

    ended = run(main)
    acted = []

    async def act():
        acted.append(True)

    async_soon(ended, act)
    assert acted == []


def test_trio_run_that_is_ending_awaits_nothing_more_and_says_nothing():
    acted, kept = [], []

    async def act():
        acted.append(True)

    async def main():
        owner = async_loop()

        async def close():
            async_soon(owner, act)
            await anyio.sleep(0.01)

        kept.append(await async_on_loop_end(close))

    trio.run(main)
    assert acted == []


def test_threads_act_at_once():
    held = Closing()
    soon(loop(), held.close)
    assert held.closed == 1


# -- one value per loop ---------------------------------------------------------------


def test_value_is_kept_for_its_owner():
    values = PerLoop()
    assert values.get(loop()) is None
    assert values.add(loop(), "a") == "a"
    assert values.get(loop()) == "a"
    assert values.pop(loop()) == "a"
    assert values.pop(loop()) is None


def test_first_value_stays():
    values = PerLoop()
    assert values.add(loop(), "a") == "a"
    assert values.add(loop(), "b") == "a"


def test_threads_that_are_equally_fast_get_one_value():
    values = PerLoop()
    start = threading.Barrier(8)

    def add(number):
        start.wait(5)
        return values.add(loop(), number)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(add, range(8)))) == 1


def test_values_of_ended_loops_are_forgotten_when_one_is_added():
    values = PerLoop()
    ended = asyncio.new_event_loop()
    values.add(ended, "a")
    ended.close()
    values.add(loop() + 1, "b")  # a process that we are a fork of
    values.add(loop(), "c")
    assert [values.get(owner) for owner in (ended, loop() + 1, loop())] == [
        None,
        None,
        "c",
    ]


def test_values_of_ended_loops_are_given_back_once():
    values = PerLoop()
    ended = asyncio.new_event_loop()
    values.add(loop(), "a")
    values.add(ended, "b")
    assert list(values.ended()) == []
    ended.close()
    assert list(values.ended()) == [(ended, "b")]
    assert list(values.ended()) == []
    assert values.get(loop()) == "a"


def test_draining_gives_every_value_once():
    values = PerLoop()
    with closing(asyncio.new_event_loop()) as other:
        values.add(loop(), "a")
        values.add(other, "b")
        assert dict(values.drain()) == {loop(): "a", other: "b"}
        assert list(values.drain()) == []


def test_threads_that_drain_at_once_share_the_values():
    class Racing(dict):
        """Another thread takes the last value between two steps of this one."""

        def popitem(self):
            if len(self) == 1:
                self.clear()
            return super().popitem()

    values = PerLoop()
    values._values = Racing({1: "a", 2: "b"})
    assert list(values.drain()) == [(2, "b")]


# -- locks ----------------------------------------------------------------------------


async def test_async_lock_is_held_by_one_task_at_a_time():
    lock = AsyncLock()
    inside = most = 0

    async def enter():
        nonlocal inside, most
        async with lock:
            inside += 1
            most = max(most, inside)
            await checkpoint()
            inside -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(enter)
    assert (inside, most) == (0, 1)


async def test_free_async_lock_is_taken_without_giving_others_a_turn():
    lock = AsyncLock()
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with lock:  # a checkpoint would raise here
            entered = True
    assert entered


def test_lock_is_held_by_one_thread_at_a_time():
    lock = Lock()
    inside = most = 0

    def enter(_):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            time.sleep(0.001)
            inside -= 1

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(enter, range(10)))
    assert (inside, most) == (0, 1)


# -- slots ----------------------------------------------------------------------------


async def test_async_slot_that_comes_free_in_time_is_taken():
    slots = AsyncSlots(1)
    assert await slots.acquire(0)
    taken = []

    async def wait():
        taken.append(await slots.acquire(5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert taken == []
        slots.release()
    assert taken == [True]


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_async_slot_that_does_not_come_free_is_given_up(seconds):
    slots = AsyncSlots(2)
    assert [await slots.acquire(0) for _ in range(2)] == [True, True]
    assert not await slots.acquire(seconds)
    slots.release()
    assert await slots.acquire(0)
    assert not await slots.acquire(0)


def test_slot_that_comes_free_in_time_is_taken():
    slots = Slots(1)
    assert slots.acquire(0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(slots.acquire, 5)
        time.sleep(0.02)
        slots.release()
        assert waiting.result() is True


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
def test_slot_that_does_not_come_free_is_given_up(seconds):
    slots = Slots(2)
    assert [slots.acquire(0) for _ in range(2)] == [True, True]
    assert not slots.acquire(seconds)
    slots.release()
    assert slots.acquire(0)


# -- connecting -----------------------------------------------------------------------


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        yield listening


@pytest.fixture
def port(server):
    return server.getsockname()[1]


@pytest.fixture
def refusing_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def slow_look_up(monkeypatch):
    """Names take as long to look up as this event takes to be set."""
    answered = threading.Event()
    answered.asked = threading.Event()
    look_up = socket.getaddrinfo

    def slow(host, port, family=0, type=0, proto=0, flags=0):
        if not flags & socket.AI_NUMERICHOST:  # that asks nobody
            answered.asked.set()
            answered.wait(5)
        return look_up(host, port, family, type, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield answered
    answered.set()


def test_connection_is_there_as_soon_as_it_stands(server, port):
    begun = time.monotonic()
    connect_tcp("127.0.0.1", port, 10, []).close()
    assert time.monotonic() - begun < 5


def test_connection_carries_bytes(server, port):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    with closing(stream), server.accept()[0] as peer:
        stream.write(b"ping", 5)
        assert peer.recv(4) == b"ping"
        peer.sendall(b"pong")
        assert stream.read(4, 5) == b"pong"


async def test_async_connection_carries_bytes(server, port):
    stream = await async_connect_tcp("127.0.0.1", port, 5, [])
    with server.accept()[0] as peer:
        await stream.write(b"ping", 5)
        assert peer.recv(4) == b"ping"
        peer.sendall(b"pong")
        assert await stream.read(4, 5) == b"pong"
        await stream.aclose()


def test_socket_options_are_set(server, port):
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    with closing(connect_tcp("127.0.0.1", port, 5, options)) as stream:
        made = stream.get_extra_info("socket")
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_refused_connection_is_the_error_of_httpcore(refusing_port):
    with pytest.raises(httpcore.ConnectError):
        connect_tcp("127.0.0.1", refusing_port, 5, [])


async def test_refused_async_connection_is_the_error_of_httpcore(refusing_port):
    with pytest.raises(httpcore.ConnectError):
        await async_connect_tcp("127.0.0.1", refusing_port, 5, [])


def test_slow_look_up_of_a_name_does_not_outlast_the_timeout(port, slow_look_up):
    begun = time.monotonic()
    with pytest.raises(httpcore.ConnectTimeout, match=r"^no connection after 0\.05 s$"):
        connect_tcp("127.0.0.1", port, 0.05, [])
    assert time.monotonic() - begun < 2


async def test_slow_look_up_does_not_outlast_the_timeout_on_a_loop(port, slow_look_up):
    begun = time.monotonic()
    with pytest.raises(httpcore.ConnectTimeout):
        await async_connect_tcp("localhost", port, 0.05, [])
    slow_look_up.set()
    assert time.monotonic() - begun < 2


def test_connection_that_comes_too_late_is_closed(server, port, slow_look_up):
    with pytest.raises(httpcore.ConnectTimeout):
        connect_tcp("127.0.0.1", port, 0.05, [])
    slow_look_up.set()
    with server.accept()[0] as peer:
        peer.settimeout(5)
        assert peer.recv(1) == b""


def test_failure_that_comes_too_late_is_nobodys(refusing_port, slow_look_up):
    """`filterwarnings = error` would turn a thread's exception into a failure here."""
    threads = threading.active_count()
    with pytest.raises(httpcore.ConnectTimeout):
        connect_tcp("127.0.0.1", refusing_port, 0.05, [])
    slow_look_up.set()
    assert comes_true(lambda: threading.active_count() <= threads)


def interrupted_while_connecting(port, look_up, meanwhile):
    """Ctrl-C while the name is looked up."""
    main = threading.main_thread().ident

    def press():
        look_up.asked.wait(5)
        time.sleep(0.1)  # until the main thread waits
        signal.pthread_kill(main, signal.SIGINT)

    def interrupt(number, frame):
        meanwhile()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    pressing = threading.Thread(target=press)
    pressing.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            connect_tcp("127.0.0.1", port, 30, [])
    finally:
        pressing.join()
        signal.signal(signal.SIGINT, before)


def test_connection_that_comes_after_an_interrupt_is_closed(server, port, slow_look_up):
    interrupted_while_connecting(port, slow_look_up, lambda: None)
    slow_look_up.set()
    with server.accept()[0] as peer:
        peer.settimeout(5)
        assert peer.recv(1) == b""


def test_connection_that_comes_together_with_an_interrupt_is_closed(
    server, port, slow_look_up
):
    threads = threading.active_count()

    def connected():
        slow_look_up.set()
        comes_true(lambda: threading.active_count() <= threads)

    interrupted_while_connecting(port, slow_look_up, connected)
    with server.accept()[0] as peer:
        peer.settimeout(5)
        assert peer.recv(1) == b""


# -- reading and writing --------------------------------------------------------------

DATA = b"0123456789" * 500_000


def received(peer, pause=0.0):
    """All that comes, in small pieces."""
    pieces = []
    while piece := peer.recv(65536):
        pieces.append(piece)
        time.sleep(pause)
    return b"".join(pieces)


def test_everything_is_written(server, port):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    with server.accept()[0] as peer, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(received, peer)
        write(stream, DATA, 10)
        write(stream, b"", 10)
        stream.close()
        assert reading.result(10) == DATA


async def test_everything_is_written_on_a_loop(server, port):
    stream = await async_connect_tcp("127.0.0.1", port, 5, [])
    with server.accept()[0] as peer, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(received, peer)
        await async_write(stream, DATA, 10)
        await stream.aclose()
        assert reading.result(10) == DATA


@pytest.mark.parametrize("pause", [None, 0.05])
def test_reader_that_stalls_or_is_slow_does_not_outlast_the_time(server, port, pause):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    with server.accept()[0] as peer, ThreadPoolExecutor(1) as threads:
        if pause is not None:
            threads.submit(received, peer, pause)
        begun = time.monotonic()
        with pytest.raises(httpcore.WriteTimeout):
            write(stream, DATA * 10, 0.2)
        assert 0.15 <= time.monotonic() - begun < 3
        wake_reader(stream)
        stream.close()
        peer.shutdown(socket.SHUT_RDWR)


def test_writing_to_a_connection_that_is_gone_is_the_error_of_httpcore(server, port):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    stream.close()
    with pytest.raises(httpcore.WriteError):
        write(stream, DATA, 5)


def test_waking_a_reader_ends_its_read(server, port):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    with closing(stream), server.accept()[0], ThreadPoolExecutor(1) as threads:
        reading = threads.submit(stream.read, 1, 5)
        time.sleep(0.02)
        wake_reader(stream)
        assert reading.result(5) == b""


def test_waking_a_reader_whose_connection_is_gone_does_nothing(server, port):
    stream = connect_tcp("127.0.0.1", port, 5, [])
    stream.close()
    wake_reader(stream)


async def test_async_readers_need_no_waking(server, port):
    stream = await async_connect_tcp("127.0.0.1", port, 5, [])
    with server.accept()[0] as peer:
        async_wake_reader(stream)
        peer.sendall(b"pong")
        assert await stream.read(4, 5) == b"pong"
        await stream.aclose()
