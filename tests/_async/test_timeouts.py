"""Every limit of a Timeout: what it ends, what it does not, and how it is named."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager

import pytest

from llm_adapter import (
    AsyncGroqAdapter,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMServerError,
    LLMTimeoutError,
    Settings,
    Timeout,
)
from llm_adapter._concurrency import async_sleep
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_fan_out


@contextmanager
def ends_after(seconds):
    """The block takes about that long: not less, and never a second more."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert seconds - 0.02 <= took < seconds + 1


@pytest.fixture
def unreachable():
    """A base URL where nobody answers, not even with a refusal."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(2):  # what the backlog of nought holds
            filling = sockets.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/openai/v1"


# -- connect --------------------------------------------------------------------------


async def test_a_connection_has_a_limit(unreachable, connect):
    llm = connect(base_url=unreachable, timeout=Timeout(connect=0.1), max_retries=0)
    with ends_after(0.1), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert "0.1 s for a connection" in str(caught.value)


async def test_a_connection_that_takes_too_long_is_tried_again(unreachable, connect):
    llm = connect(base_url=unreachable, timeout=Timeout(connect=0.1), max_retries=2)
    with ends_after(0.3), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 3


async def test_the_timeout_bounds_a_connection(unreachable, connect):
    llm = connect(base_url=unreachable, timeout=0.1)
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match=r"timeout of 0\.1 s"):
        await llm.generate("Hi")


async def test_a_time_that_is_up_before_the_connection_is_a_timeout(emulator, llm):
    with pytest.raises(LLMTimeoutError, match="timeout of 1e-09 s"):
        await llm.generate("Hi", timeout=1e-9)
    assert emulator.counts.connections_opened == 0


async def test_a_time_that_is_up_before_the_request_is_a_timeout(emulator, llm):
    await llm.generate("Hi")
    with pytest.raises(LLMTimeoutError, match="timeout of 1e-09 s"):
        await llm.generate("Hi", timeout=1e-9)
    assert emulator.counts.requests == emulator.counts.connections_opened == 1


async def test_a_connection_that_may_not_be_opened_in_time_is_a_timeout(
    emulator, connect, monkeypatch
):
    package = AsyncGroqAdapter.__module__.rpartition(".")[0]
    monkeypatch.setattr(f"{package}.transport.MAX_CONNECTING", 0)
    llm = connect(timeout=Timeout(connect=0.1), max_retries=0)
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match="for a connection"):
        await llm.generate("Hi")
    assert emulator.counts.connections_opened == 0


async def test_connections_that_wait_to_be_opened_have_the_same_limit(
    unreachable, connect, monkeypatch
):
    package = AsyncGroqAdapter.__module__.rpartition(".")[0]
    monkeypatch.setattr(f"{package}.transport.MAX_CONNECTING", 1)
    llm = connect(base_url=unreachable, timeout=Timeout(connect=0.5), max_retries=0)

    async def ask(number):
        with pytest.raises(LLMTimeoutError, match=r"0\.5 s for a connection"):
            await llm.generate("Hi")

    begun = time.monotonic()
    await async_fan_out(ask, 3)
    # One that was let through late has what is left, not its time anew.
    assert time.monotonic() - begun < 0.9


async def test_the_limit_of_a_connection_does_not_bind_its_answer(emulator, connect):
    emulator.always(faults.slow_first_byte(0.2))
    response = await connect(timeout=Timeout(connect=0.1)).generate("Hi")
    assert response.attempts == 1


# -- idle -----------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["connect", "headers", "body"])
async def test_silence_has_a_limit(emulator, connect, at):
    emulator.always(faults.stall(at))
    llm = connect(timeout=Timeout(idle=0.1), max_retries=0)
    with ends_after(0.1), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert "0.1 s without a byte" in str(caught.value)


async def test_silence_is_named_also_where_a_connection_may_take_less(
    emulator, connect
):
    emulator.always(faults.stall("body"))
    llm = connect(timeout=Timeout(idle=0.2, connect=0.1), max_retries=0)
    with pytest.raises(LLMTimeoutError, match=r"0\.2 s without a byte"):
        await llm.generate("Hi")


async def test_a_drip_is_no_silence(emulator, connect):
    emulator.always(Reply(text="Hello", chunk=60, interval=0.05))
    response = await connect(timeout=Timeout(idle=0.3)).generate("Hi")
    assert response.text == "Hello"
    assert response.generation_time > 0.3


# -- attempt --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.stall("connect"),
        faults.stall("headers"),
        faults.stall("body"),
        faults.drip(0.05),
        Reply(head_chunk=1, interval=0.05),
    ],
    ids=["no answer", "half a head", "half a body", "drip", "drip in the head"],
)
async def test_an_attempt_has_a_limit_and_is_tried_again(emulator, connect, fault):
    emulator.script(fault)
    with ends_after(0.2):
        response = await connect(timeout=Timeout(attempt=0.2)).generate("Hi")
    first, second = response.history
    assert (first.error, second.error) == ("LLMTimeoutError", None)
    assert first.duration == pytest.approx(0.2, abs=0.1)


async def test_the_limit_of_an_attempt_is_named(emulator, connect):
    emulator.always(faults.stall("body"))
    llm = connect(timeout=Timeout(attempt=0.1), max_retries=1)
    with pytest.raises(LLMTimeoutError, match=r"0\.1 s for one attempt") as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 2


# -- total ----------------------------------------------------------------------------


async def test_the_total_holds_all_attempts(emulator, connect):
    emulator.always(faults.stall("body"))
    llm = connect(timeout=Timeout(total=0.25, attempt=0.1), max_retries=10)
    with ends_after(0.25), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert "timeout of 0.25 s" in str(caught.value)
    assert caught.value.attempts == 3


async def test_the_total_holds_the_waits_between_attempts(emulator, connect):
    emulator.always(faults.rate_limited("0.2"))
    begun = time.monotonic()
    with pytest.raises(LLMRateLimitError) as caught:
        await connect(timeout=0.5, max_retries=10).generate("Hi")
    # The wait that would pass the end is not begun.
    assert time.monotonic() - begun < 0.5
    assert caught.value.attempts == 3


async def test_the_total_cuts_an_attempt_that_begins_late(emulator, connect):
    emulator.script(faults.rate_limited("0.2"), faults.stall("body"))
    with ends_after(0.4), pytest.raises(LLMTimeoutError) as caught:
        await connect(timeout=0.4).generate("Hi")
    assert caught.value.attempts == 2


async def test_the_total_holds_an_error_that_does_not_end(emulator, connect):
    emulator.always(faults.server_error() | faults.stall("body"))
    with ends_after(0.2), pytest.raises(LLMServerError) as caught:
        await connect(timeout=0.2).generate("Hi")
    assert caught.value.status_code == 500
    assert caught.value.attempts == 1


async def test_the_total_holds_redirects(emulator, connect):
    emulator.script(faults.redirect("/openai/v1/chat/completions"))
    emulator.always(faults.stall("connect"))
    with ends_after(0.2), pytest.raises(LLMTimeoutError):
        await connect(timeout=0.2).generate("Hi")


async def test_the_total_holds_a_body_that_comes_fast_and_for_ever(emulator, connect):
    emulator.always(Reply(body=b"x", pad=10**12, content_type="text/event-stream"))
    with pytest.raises((LLMTimeoutError, LLMInvalidResponseError)):
        await connect(timeout=1, max_retries=0).generate("Hi")


async def test_a_list_of_models_has_the_same_limits(emulator, connect):
    emulator.always(faults.stall("body"))
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match=r"timeout of 0\.1 s"):
        await connect(timeout=0.1).list_models()


# -- whose limit ----------------------------------------------------------------------


async def test_a_requests_timeout_stands_before_the_services(emulator, connect):
    emulator.always(faults.stall("body"))
    llm = connect(timeout=20)
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match=r"timeout of 0\.1 s"):
        await llm.generate("Hi", timeout=0.1)


async def test_a_request_may_take_longer_than_the_service_says(emulator, connect):
    emulator.always(faults.slow_first_byte(0.2))
    llm = connect(timeout=0.1)
    assert (await llm.generate("Hi", timeout=5)).attempts == 1


async def test_limits_that_a_request_leaves_open_are_the_services(emulator, connect):
    emulator.always(faults.stall("body"))
    llm = connect(timeout=Timeout(idle=0.1), max_retries=0)
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match="without a byte"):
        await llm.generate("Hi", timeout=10)


async def test_the_timeout_of_the_settings_counts(emulator, connect):
    emulator.always(faults.stall("body"))
    llm = connect(settings=Settings(timeout_seconds=0.1))
    with ends_after(0.1), pytest.raises(LLMTimeoutError, match=r"timeout of 0\.1 s"):
        await llm.generate("Hi")


async def test_the_limits_of_one_call_do_not_bind_the_next(emulator, llm):
    await llm.generate("Hi", timeout=0.1)
    await async_sleep(0.15)
    emulator.always(faults.slow_first_byte(0.2))
    assert (await llm.generate("Hi")).attempts == 1
    assert emulator.counts.connections_opened == 1
