"""Cancellation at every await leaves no connection, task, generator or slot behind."""

from __future__ import annotations

from contextlib import contextmanager, suppress

import anyio
import pytest
import trustme

from llm_adapter import AsyncGroqAdapter, LLMTimeoutError
from llm_adapter._async import transport
from llm_adapter.testing.emulator import Reply, faults
from tests.only_async.cancelling import (
    cancel_at_each_await,
    cancelled_again_and_again,
    cancelled_as_a_task,
    cancelled_by_its_scope,
    quick_collections,
)
from tests.only_async.loops import run, tasks_alive
from tests.servers import answer_with_tls, loopback, tls_context

WAYS = {
    "Task.cancel()": (cancelled_as_a_task, "asyncio"),
    "Task.cancel() on uvloop": (cancelled_as_a_task, "uvloop"),
    "Task.cancel() again and again": (cancelled_again_and_again, "asyncio"),
    "a scope on asyncio": (cancelled_by_its_scope, "asyncio"),
    "a scope on trio": (cancelled_by_its_scope, "trio"),
}

every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def one_connection_at_a_time(monkeypatch):
    """A slot that is lost is missed by the next call."""
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(transport, "MAX_CONNECTING", 1)


@contextmanager
def nothing_left_behind(emulator):
    with quick_collections():
        yield
    assert emulator.wait_for(lambda now: now.connections_open == now.in_flight == 0), (
        emulator.counts
    )


async def generate(llm):
    await llm.generate("Hi", timeout=5)


async def list_models(llm):
    await llm.list_models()


async def read_a_stream(llm):
    async with llm.stream("Hi", timeout=5) as stream:
        async for _ in stream:
            pass


async def leave_a_stream(llm):
    async with llm.stream("Hi", timeout=5) as stream:
        await anext(stream)


async def read_a_stream_without_a_block(llm):
    stream = llm.stream("Hi", timeout=5)
    try:
        async for _ in stream:
            pass
    finally:
        await stream.close()


JOURNEYS = {
    "generate": (generate,),
    "generate, answer in pieces": (generate, faults.drip(0.0005, 100)),
    "generate, retry": (generate, faults.server_error()),
    "generate, asked to wait": (generate, faults.rate_limited(retry_after_ms=5)),
    "generate, cut and retry": (generate, faults.reset("body")),
    "generate, redirect": (generate, faults.redirect("/openai/v1/chat/completions")),
    "list models": (list_models,),
    "stream": (read_a_stream,),
    "stream, without a block": (read_a_stream_without_a_block,),
    "stream, word by word": (read_a_stream, Reply(text="a b c", interval=0.001)),
    "stream, retry": (read_a_stream, faults.overloaded()),
    "stream, no end after the last event": (
        read_a_stream,
        Reply(text="a b", stop_at=0.999, stop="stall"),
    ),
    "leave a stream": (leave_a_stream, Reply(text="a b c", interval=0.01)),
}


@every_way
@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=JOURNEYS)
def test_a_cancelled_call_leaves_nothing_behind(emulator, connect, way, journey):
    cancelled, loop = way
    act, *replies = journey

    async def cancel(number):
        llm = connect()
        emulator.script(*replies)
        before = tasks_alive()
        was_cancelled = await cancelled(act(llm), number)
        assert tasks_alive() == before
        emulator.reset()
        await llm.generate("The connection and its slot are free", timeout=5)
        assert emulator.wait_for(lambda now: now.connections_open == 1)
        await llm.close()
        return was_cancelled

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_a_cancelled_call_gives_a_used_connection_up(emulator, connect, way):
    cancelled, loop = way

    async def cancel(number):
        llm = connect()
        await llm.generate("This opens the connection", timeout=5)
        was_cancelled = await cancelled(generate(llm), number)
        await llm.generate("The connection and its slot are free", timeout=5)
        assert emulator.wait_for(lambda now: now.connections_open == 1)
        await llm.close()
        return was_cancelled

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_a_cancelled_close_still_closes(emulator, connect, monkeypatch, way):
    cancelled, loop = way
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 3)

    async def cancel(number):
        llm = connect()
        async with llm.stream("1"), llm.stream("2"), llm.stream("3"):
            pass
        streams = [llm.stream("Hi") for _ in range(3)]
        for stream in streams:
            await stream.__aenter__()
        for stream in streams:
            async for _ in stream:
                pass
        assert emulator.counts.connections_open == 3
        return await cancelled(llm.close(), number)

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_a_cancelled_wait_for_a_free_connection_takes_none(emulator, connect, way):
    cancelled, loop = way

    async def give_up(llm):
        with suppress(LLMTimeoutError):
            await llm.generate("Hi", timeout=0.02)

    async def cancel(number):
        llm = connect()
        async with llm.stream("This holds the only one", timeout=5):
            was_cancelled = await cancelled(give_up(llm), number)
        await llm.generate("It is free again", timeout=5)
        await llm.close()
        return was_cancelled

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_cancelled_as_a_connection_becomes_free_leaves_it_free(emulator, connect, way):
    cancelled, loop = way

    async def cancel(number):
        llm = connect()
        held = llm.stream("This holds the only one", timeout=5)
        await held.__aenter__()

        async def wait_for_it():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(held.close)
                await llm.generate("Hi", timeout=5)

        was_cancelled = await cancelled(wait_for_it(), number)
        await held.close()
        await llm.generate("It is free again", timeout=5)
        await llm.close()
        return was_cancelled

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_a_cancelled_look_up_leaves_nothing_behind(emulator, connect, way):
    cancelled, loop = way
    by_name = emulator.base_url("groq").replace("127.0.0.1", "localhost")

    async def cancel(number):
        llm = connect(base_url=by_name)
        was_cancelled = await cancelled(generate(llm), number)
        await llm.generate("The connection and its slot are free", timeout=5)
        await llm.close()
        return was_cancelled

    with nothing_left_behind(emulator):
        run(loop, cancel_at_each_await, cancel)


@every_way
def test_a_cancelled_handshake_leaves_nothing_behind(monkeypatch, tmp_path, way):
    cancelled, loop = way
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    serve = answer_with_tls(tls_context(authority))

    async def cancel(number):
        url = f"https://127.0.0.1:{server.port}"
        llm = AsyncGroqAdapter("test-key", base_url=url)
        was_cancelled = await cancelled(generate(llm), number)
        await llm.generate("The connection and its slot are free", timeout=5)
        await llm.close()
        return was_cancelled

    with loopback(serve) as server, quick_collections():
        run(loop, cancel_at_each_await, cancel)
        assert server.is_left()
