"""What other libraries get wrong under test (reference: peers.md), one test a row."""

from __future__ import annotations

import pickle
import time
from contextlib import contextmanager
from decimal import Decimal

import httpx
import pytest

from llm_adapter import (
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    TextDelta,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_comes_true, left_to_the_collector

WORDS = Reply(text="one two three four")
OVERLOADED = {"error": dict(faults.overloaded().error)}


@contextmanager
def ends_after(seconds):
    """The block takes about that long: not less, and never a second more."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert seconds - 0.02 <= took < seconds + 1


# -- a stream cut before its terminal marker ------------------------------------------


@pytest.mark.parametrize(
    "cut",
    [
        faults.truncated_stream("before_done"),
        faults.truncated_stream("before_finish"),
        Reply(stop_at="before_done", stop="close"),
        Reply(stop_at="before_finish", stop="reset"),
    ],
    ids=["no [DONE]", "no finish reason", "closed", "reset"],
)
async def test_a_cut_stream_is_an_error_that_holds_what_had_arrived(emulator, llm, cut):
    emulator.always(WORDS | cut)
    seen = ""
    with pytest.raises(LLMStreamInterruptedError) as caught:
        async with llm.stream("Hi") as stream:
            async for text in stream.text():
                seen += text
    assert seen == "one two three four"
    assert caught.value.partial.text == caught.value.text == "one two three four"
    assert caught.value.partial.finish_reason == "error"
    assert stream.partial.text == "one two three four"


# -- timeout=0.2, whatever the server does --------------------------------------------


HANGING = {
    "never answers": faults.stall("connect"),
    "hangs in the status line": faults.stall("status"),
    "hangs in the headers": faults.stall("headers"),
    "hangs in the body": faults.stall("body"),
    "drips the body": faults.drip(0.05),
    "drips the headers": Reply(head_chunk=1, interval=0.05),
    "is slow": faults.slow_first_byte(20),
}


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_timeout_bounds_a_call_whose_server(emulator, connect, fault):
    emulator.always(fault)
    llm = connect(timeout=0.2)
    with ends_after(0.2), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert "0.2 s" in str(caught.value)
    assert caught.value.attempts == emulator.counts.requests == 1


@pytest.mark.parametrize(
    "fault",
    [*HANGING.values(), faults.pings(0.05), WORDS | Reply(interval=0.08)],
    ids=[*HANGING, "sends pings for ever", "sends a word now and then"],
)
async def test_timeout_bounds_a_stream_whose_server(emulator, connect, fault):
    emulator.always(fault)
    llm = connect(timeout=0.2)
    with ends_after(0.2), pytest.raises(LLMTimeoutError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert "0.2 s" in str(caught.value)
    assert caught.value.attempts == emulator.counts.requests == 1


async def test_timeout_is_not_multiplied_by_retries(emulator, connect):
    emulator.script(faults.server_error() | Reply(delay=0.1))
    emulator.always(faults.stall("body"))
    llm = connect(timeout=0.25, max_retries=10)
    with ends_after(0.25), pytest.raises(LLMTimeoutError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == emulator.counts.requests == 2


# -- failures in mid-stream -----------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Reply(stop_at=0.7, stop="reset"),
        Reply(stop_at=0.7, stop="close"),
        Reply(stop_at=0.7, stop="end"),
        faults.broken_utf8(),
        Reply(encoding="gzip", stop_at=0.7, stop="end"),
        Reply(encoding="gzip", stop_at=0.7, stop="close"),
        Reply(text="one", headers={"content-encoding": "gzip"}),
        Reply(text="one", headers={"content-encoding": "zstd"}),
    ],
    ids=[
        "reset",
        "closed",
        "cut",
        "broken UTF-8",
        "gzip cut",
        "gzip closed",
        "no gzip",
        "unknown encoding",
    ],
)
async def test_a_failure_in_mid_stream_stays_in_the_family(emulator, connect, fault):
    emulator.always(Reply(text="one two three four five six") | fault)
    llm = connect(max_retries=0)
    with pytest.raises(LLMServiceError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert not isinstance(caught.value, httpx.HTTPError)
    assert caught.value.provider == "groq"
    assert caught.value.model == "openai/gpt-oss-120b"
    assert caught.value.attempts == 1


@pytest.mark.parametrize("after", [0, 2], ids=["before the first delta", "in mid-text"])
@pytest.mark.parametrize("named", [True, False], ids=["event: error", "plain data"])
async def test_overload_inside_a_200_stream_is_overload(
    emulator, connect, after, named
):
    fault = faults.stream_error(OVERLOADED, after=after, named=named)
    emulator.always(WORDS | fault)
    llm = connect(max_retries=0)
    with pytest.raises(LLMOverloadedError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert caught.value.code == "server_is_overloaded"
    assert caught.value.request_id.startswith("req_")
    assert stream.partial.text == ("one two" if after else "")


@pytest.mark.parametrize("after", [0, 2], ids=["before the first delta", "in mid-text"])
async def test_tool_use_failed_inside_a_200_stream_keeps_what_the_model_wrote(
    emulator, connect, after
):
    fault = {
        "error": {
            "message": "Tool call validation failed",
            "type": "invalid_request_error",
            "code": "tool_use_failed",
            "failed_generation": '{"name": "lookup"}',
            "status_code": 400,
        }
    }
    emulator.always(WORDS | faults.stream_error(fault, after=after))
    llm = connect(max_retries=0)
    with pytest.raises(LLMInvalidResponseError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert caught.value.code == "tool_use_failed"
    assert caught.value.status_code == 400
    assert caught.value.failed_generation == '{"name": "lookup"}'
    assert stream.partial.text == ("one two" if after else "")


# -- answers that are none ------------------------------------------------------------


async def test_a_web_page_with_status_200_is_an_invalid_response(emulator, llm):
    emulator.always(faults.html())
    with pytest.raises(LLMInvalidResponseError, match="web page") as caught:
        await llm.generate("Hi")
    assert caught.value.text.startswith("<!DOCTYPE html>")
    assert caught.value.status_code == 200
    assert emulator.counts.requests == 1


async def test_a_web_page_instead_of_a_stream_is_an_invalid_response(emulator, llm):
    emulator.always(faults.html())
    with pytest.raises(LLMInvalidResponseError, match="web page"):
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    assert emulator.counts.requests == 1


async def test_a_web_page_instead_of_models_is_an_invalid_response(emulator, llm):
    emulator.always(faults.html())
    with pytest.raises(LLMInvalidResponseError, match="web page"):
        await llm.list_models()


async def test_an_error_object_with_status_200_is_mapped_by_its_body(emulator, connect):
    emulator.always(faults.error_object())
    llm = connect(max_retries=0)
    with pytest.raises(LLMOverloadedError) as caught:
        await llm.generate("Hi")
    assert caught.value.code == "server_is_overloaded"
    assert caught.value.request_id.startswith("req_")


async def test_an_error_object_instead_of_a_stream_is_mapped_by_its_body(
    emulator, connect
):
    emulator.always(faults.error_object())
    llm = connect(max_retries=0)
    with pytest.raises(LLMOverloadedError):
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass


# -- errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.rate_limited("3600"),
        faults.json_validate_failed("{"),
        faults.invalid_api_key(),
        faults.html(),
        faults.reset("body"),
        WORDS | faults.truncated_stream("body"),
    ],
    ids=["429", "400", "401", "HTML", "reset", "cut stream"],
)
async def test_an_error_survives_pickle(emulator, connect, fault):
    emulator.always(fault)
    llm = connect(max_retries=1)
    with pytest.raises(LLMServiceError) as caught:
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                pass
    error = caught.value
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


async def test_retry_after_of_an_hour_fails_at_once(emulator, llm):
    emulator.always(faults.rate_limited("3600"))
    with ends_after(0), pytest.raises(LLMRateLimitError) as caught:
        await llm.generate("Hi")
    assert caught.value.retry_after == 3600
    assert "3600 s" in str(caught.value)
    assert caught.value.attempts == emulator.counts.requests == 1


async def test_an_exhausted_quota_is_not_retried(emulator, llm):
    emulator.always(faults.quota_exhausted())
    with pytest.raises(LLMQuotaExceededError) as caught:
        await llm.generate("Hi")
    assert caught.value.code == "insufficient_quota"
    assert caught.value.attempts == emulator.counts.requests == 1


# -- leaving a stream releases its connection -----------------------------------------


ENDLESS = WORDS | faults.stall("before_finish")


def released(emulator):
    counts = emulator.counts
    return counts.aborted_by_client == 1 and counts.connections_open == 0


async def test_break_in_a_with_block_releases_the_connection(emulator, llm):
    emulator.always(ENDLESS)
    async with llm.stream("Hi") as stream:
        async for _ in stream:
            break
    assert await async_comes_true(lambda: released(emulator))


@left_to_the_collector
async def test_break_without_a_with_block_releases_the_connection(emulator, llm):
    emulator.always(ENDLESS)
    async for _ in llm.stream("Hi"):
        break
    assert await async_comes_true(lambda: released(emulator))


async def test_an_exception_in_the_block_releases_the_connection(emulator, llm):
    emulator.always(ENDLESS)
    with pytest.raises(ZeroDivisionError):
        async with llm.stream("Hi") as stream:
            async for _ in stream:
                raise ZeroDivisionError
    assert await async_comes_true(lambda: released(emulator))


async def test_close_releases_the_connection(emulator, llm):
    emulator.always(ENDLESS)
    stream = llm.stream("Hi")
    assert isinstance(await anext(stream), TextDelta)
    await stream.close()
    assert await async_comes_true(lambda: released(emulator))


async def test_a_block_that_reads_nothing_releases_the_connection(emulator, llm):
    emulator.always(ENDLESS)
    async with llm.stream("Hi"):
        pass
    assert await async_comes_true(lambda: released(emulator))


# -- money ----------------------------------------------------------------------------


async def test_cached_tokens_are_priced_once(emulator, llm):
    usage = {
        "prompt_tokens": 1_000_000,
        "completion_tokens": 0,
        "prompt_tokens_details": {"cached_tokens": 400_000},
    }
    emulator.always(WORDS | Reply(usage=usage))
    response = await llm.generate("Hi", model="openai/gpt-oss-120b")
    # 600,000 at 0.15 and 400,000 at 0.075 dollars a million.
    assert response.cost == Decimal("0.12")
    assert response.usage.cached_input_tokens == 400_000


async def test_a_server_that_recovers_costs_one_retry(emulator, llm):
    emulator.script(faults.server_error())
    response = await llm.generate("Hi")
    assert response.attempts == emulator.counts.requests == 2
    assert response.history[0].error == LLMServerError.__name__
