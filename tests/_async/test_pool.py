"""Connections: how many there are, which one is used, and what they survive."""

from __future__ import annotations

import gc
import socket
import time

import pytest

from llm_adapter import (
    AsyncGroqAdapter,
    LLMConnectionError,
    LLMInvalidResponseError,
    LLMTimeoutError,
    Timeout,
)
from llm_adapter.testing.emulator import Emulator, Reply, faults
from tests.concurrency import async_comes_true, async_fan_out
from tests.servers import ANSWER, loopback, read_request

WORDS = Reply(text="one two three four")


@pytest.fixture
def small_pool(monkeypatch):
    """Pools of so many connections at most."""
    package = AsyncGroqAdapter.__module__.rpartition(".")[0]
    monkeypatch.setattr(f"{package}.transport.MAX_CONNECTIONS", 3)
    return 3


def sockets_to(emulator):
    """Sockets of this process that lead there, closed by the other end or not."""
    host, port = emulator.url.removeprefix("http://").split(":")
    sockets = [each for each in gc.get_objects() if type(each) is socket.socket]
    return [each for each in sockets if _peer(each) == (host, int(port))]


def _peer(each):
    try:
        return each.getpeername()
    except OSError:
        return None


async def test_calls_in_turn_share_one_connection(emulator, llm):
    for number in range(5):
        await llm.generate(f"Question {number}")
    await llm.list_models()
    assert emulator.counts.connections_opened == 1
    assert emulator.counts.requests == 6


async def test_an_answer_that_is_an_error_leaves_its_connection(emulator, llm):
    emulator.script(faults.server_error(), faults.json_validate_failed())
    await llm.generate("Hi")
    assert emulator.counts.connections_opened == 1


async def test_calls_at_once_have_a_connection_each_at_most(emulator, llm):
    emulator.always(Reply(text="Hello", delay=0.1))
    await async_fan_out(lambda number: llm.generate(f"{number}"), 20)
    opened = emulator.counts.connections_opened
    assert opened <= 20
    assert emulator.counts.max_in_flight > 10
    await async_fan_out(lambda number: llm.generate(f"{number}"), 20)
    assert emulator.counts.connections_opened == opened


async def test_the_connection_used_last_is_used_next(emulator, llm):
    # The later of two answers leaves the connection that all calls take from then on.
    emulator.script(faults.slow_first_byte(0.05), faults.slow_first_byte(0.2))
    await async_fan_out(lambda number: llm.generate("Hi"), 2)
    slower = emulator.seen[1].connection
    for _ in range(3):
        await llm.generate("Hi")
    assert [seen.connection for seen in emulator.seen[2:]] == [slower] * 3


async def test_three_hundred_calls_at_once(emulator, llm):
    emulator.always(Reply(text="Hello", delay=0.2))
    answers = await async_fan_out(lambda number: llm.generate(f"{number}"), 300)
    assert [answer.text for answer in answers] == ["Hello"] * 300
    assert {answer.attempts for answer in answers} == {1}
    assert emulator.counts.connections_opened <= 300


async def test_more_calls_than_connections_wait_their_turn(
    emulator, connect, small_pool
):
    emulator.always(Reply(text="Hello", delay=0.02))
    llm = connect()
    answers = await async_fan_out(lambda number: llm.generate(f"{number}"), 12)
    assert {answer.attempts for answer in answers} == {1}
    assert emulator.counts.max_in_flight <= small_pool


async def test_the_timeout_bounds_the_wait_for_a_connection(
    emulator, connect, small_pool
):
    emulator.always(faults.stall("body"))
    llm = connect()

    async def ask(number):
        begun = time.monotonic()
        with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.3 s"):
            await llm.generate("Hi", timeout=0.3)
        return time.monotonic() - begun

    waits = await async_fan_out(ask, 3 * small_pool)
    assert max(waits) < 1.3
    emulator.always(None)
    assert (await llm.generate("Hi")).attempts == 1


async def test_an_attempt_waits_no_longer_for_a_connection_than_for_an_answer(
    emulator, connect, small_pool
):
    emulator.always(WORDS | faults.stall("before_finish"))
    llm = connect(max_retries=0, timeout=Timeout(attempt=0.2))
    streams = [llm.stream("Hi", timeout=10) for _ in range(small_pool)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(LLMTimeoutError, match=r"0\.2 s for one attempt"):
        await llm.generate("Hi")
    for stream in streams:
        await stream.close()
    emulator.always(None)
    assert await llm.generate("Hi")


async def test_failures_give_their_place_in_the_pool_back(
    emulator, connect, small_pool
):
    llm = connect(max_retries=0, timeout=5)
    for fault in (
        faults.reset("connect"),
        faults.reset("headers"),
        faults.reset("body"),
        faults.html(),
        faults.empty_body(),
    ):
        emulator.always(fault)
        for _ in range(small_pool + 1):
            with pytest.raises(Exception, match=r"groq"):
                await llm.generate("Hi")
    emulator.always(None)
    await async_fan_out(lambda number: llm.generate("Hi"), small_pool)


# -- connections that close -----------------------------------------------------------


async def test_a_server_that_closes_after_each_answer_costs_no_attempt(emulator, llm):
    emulator.always(Reply(text="Hello", headers={"connection": "close"}))
    for _ in range(3):
        assert (await llm.generate("Hi")).attempts == 1
    assert emulator.counts.connections_opened == 3
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


async def test_an_answer_that_ends_with_its_connection_is_read(emulator, llm):
    emulator.always(Reply(text="Hello", headers={"content-length": None}))
    for _ in range(2):
        response = await llm.generate("Hi")
        assert (response.text, response.attempts) == ("Hello", 1)


async def test_connections_that_the_server_closed_cost_no_attempt(emulator, llm):
    emulator.always(Reply(text="Hello", delay=0.1))
    await async_fan_out(lambda number: llm.generate("Hi"), 5)
    with emulator.refusing():
        pass
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)
    answers = await async_fan_out(lambda number: llm.generate("Hi"), 5)
    assert {answer.attempts for answer in answers} == {1}


async def test_a_restart_of_the_server_is_survived(emulator, llm):
    port = int(emulator.url.rpartition(":")[2])
    await llm.generate("Hi")
    emulator.close()
    with Emulator(port=port) as restarted:
        assert (await llm.generate("Hi")).attempts == 1
        assert restarted.counts.requests == 1


async def test_connections_that_the_server_closed_are_not_kept_for_ever(emulator, llm):
    emulator.always(Reply(text="Hello", delay=0.1))
    await async_fan_out(lambda number: llm.generate("Hi"), 10)
    assert len(sockets_to(emulator)) == 10
    # One of them is in use while the server closes the others, and lies above them
    # from then on.
    emulator.always(WORDS | Reply(interval=0.02))
    async with llm.stream("Hi") as stream:
        with emulator.refusing():
            pass
        async for _ in stream:
            pass
    emulator.always(None)
    for _ in range(10):
        await llm.generate("Hi")
    assert emulator.counts.connections_opened == 10
    assert len(sockets_to(emulator)) == 1


async def test_closing_the_service_closes_its_connections(emulator, connect):
    emulator.always(Reply(text="Hello", delay=0.1))
    llm = connect()
    await async_fan_out(lambda number: llm.generate("Hi"), 5)
    await llm.close()
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


async def test_a_stream_that_outlives_its_service_ends_well(emulator, connect):
    emulator.always(WORDS | Reply(interval=0.02))
    llm = connect()
    async with llm.stream("Hi") as stream:
        await anext(stream)
        await llm.close()
        async for _ in stream:
            pass
    assert stream.response.text == "one two three four"
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)


# -- bodies ---------------------------------------------------------------------------


async def test_a_huge_answer_is_refused_before_it_is_read(emulator, connect):
    emulator.always(faults.huge_body() | faults.stall("headers") | Reply(stop_at=2000))
    with pytest.raises(LLMInvalidResponseError, match="larger than 64 MiB") as caught:
        await connect(timeout=5).generate("Hi")
    assert caught.value.attempts == emulator.counts.requests == 1
    assert await async_comes_true(lambda: emulator.counts.connections_open == 0)
    assert emulator.counts.aborted_by_client == 1


async def test_a_huge_answer_of_unknown_length_is_not_read_to_its_end(
    emulator, connect
):
    emulator.always(faults.huge_body() | Reply(headers={"content-length": None}))
    with pytest.raises(LLMInvalidResponseError, match="larger than 64 MiB"):
        await connect().generate("Hi")
    assert emulator.counts.requests == 1
    assert await async_comes_true(lambda: emulator.counts.aborted_by_client == 1)


async def test_a_compressed_bomb_is_not_unpacked(emulator, connect):
    emulator.always(faults.huge_body(encoding="gzip"))
    with pytest.raises(LLMInvalidResponseError, match="larger than 64 MiB"):
        await connect().generate("Hi")
    assert emulator.counts.requests == 1


async def test_a_large_answer_is_read(emulator, llm):
    emulator.always(Reply(text="Hello", pad=1_000_000))
    assert (await llm.generate("Hi")).text == "Hello"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_compressed_answer_is_read(emulator, llm, encoding):
    emulator.always(Reply(text="naïve 🚀", encoding=encoding))
    for _ in range(2):
        assert (await llm.generate("Hi")).text == "naïve 🚀"
    assert emulator.counts.connections_opened == 1
    assert emulator.seen[0].headers["accept-encoding"] == "gzip, deflate"


async def test_an_encoding_that_nobody_knows_is_an_invalid_response(emulator, connect):
    emulator.always(Reply(text="Hello", headers={"content-encoding": "zstd"}))
    with pytest.raises(LLMInvalidResponseError, match="compressed with zstd"):
        await connect().generate("Hi")


async def test_json_under_another_content_type_is_read(emulator, llm):
    emulator.always(Reply(text="Hello") | faults.wrong_content_type())
    assert (await llm.generate("Hi")).text == "Hello"


async def test_bytes_that_are_no_utf8_are_an_invalid_response(emulator, llm):
    emulator.always(faults.broken_utf8())
    with pytest.raises(LLMInvalidResponseError, match="UTF-8") as caught:
        await llm.generate("Hi")
    assert caught.value.status_code == 200
    assert caught.value.request_id.startswith("req_")


async def test_a_body_in_pieces_of_a_byte_is_read(emulator, llm):
    emulator.always(Reply(text="naïve 🚀") | faults.split_everywhere())
    assert (await llm.generate("Hi")).text == "naïve 🚀"


# -- connections that the server has closed --------------------------------------------


def hangs_up_after(answers):
    """Answers so many requests of a connection, reads one more, and says nothing."""

    def serve(client):
        with client.makefile("rb") as requests:
            for _ in range(answers):
                if read_request(requests) is None:
                    return
                client.sendall(ANSWER)
            read_request(requests)

    return serve


async def test_a_connection_that_was_closed_while_idle_costs_no_retry():
    """Servers close connections that they have promised to keep; llama.cpp does."""
    with loopback(hangs_up_after(1)) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with AsyncGroqAdapter("key", base_url=url, max_retries=0) as llm:
            for _ in range(3):
                response = await llm.generate("Hi")
    assert response.text == "Hello"
    assert [attempt.delay for attempt in response.history] == [0, 0]
    assert response.history[0].error == "LLMConnectionError"


async def test_a_stream_gets_over_it_as_well():
    with loopback(hangs_up_after(1)) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with AsyncGroqAdapter("key", base_url=url, max_retries=0) as llm:
            await llm.generate("Hi")
            async with llm.stream("Hi") as stream:
                assert "".join([text async for text in stream.text()]) == "Hello"


async def test_a_new_connection_that_says_nothing_is_a_failure():
    with loopback(hangs_up_after(0)) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with AsyncGroqAdapter("key", base_url=url, max_retries=0) as llm:
            with pytest.raises(LLMConnectionError) as caught:
                await llm.generate("Hi")
    assert caught.value.attempts == 1


async def test_an_answer_that_breaks_off_on_an_old_connection_is_a_failure():
    def serve(client):
        with client.makefile("rb") as requests:
            read_request(requests)
            client.sendall(ANSWER)
            read_request(requests)
            client.sendall(ANSWER[:20])

    with loopback(serve) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with AsyncGroqAdapter("key", base_url=url, max_retries=0) as llm:
            await llm.generate("Hi")
            with pytest.raises(LLMConnectionError) as caught:
                await llm.generate("Hi")
    assert caught.value.attempts == 1
