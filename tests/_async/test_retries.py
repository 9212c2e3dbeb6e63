"""When a call is sent again, after which wait, and when it is not."""

from __future__ import annotations

import gzip
import logging
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llm_adapter import (
    LLMAPIError,
    LLMBadRequestError,
    LLMConnectionError,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    _policy,
)
from llm_adapter._policy import RetryBudget
from llm_adapter.testing.emulator import Emulator, Reply, faults

KEY = "test-key-3f9a"
WHOLE = gzip.compress(b'{"choices": [{"message": {"content": "Hello"}}]}')


# -- how often ------------------------------------------------------------------------


async def test_three_retries_are_up_to_four_attempts(emulator, connect):
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError) as caught:
        await connect(max_retries=3).generate("Hi")
    assert caught.value.attempts == len(caught.value.history) == 4
    assert emulator.counts.requests == 4
    assert "4 attempts" in str(caught.value)


async def test_the_last_retry_may_bring_the_answer(emulator, connect):
    emulator.script(*[faults.server_error()] * 3)
    response = await connect(max_retries=3).generate("Hi")
    assert response.attempts == emulator.counts.requests == 4


async def test_three_retries_are_the_default(emulator, llm):
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 4


async def test_no_retries_are_one_attempt(emulator, connect):
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError) as caught:
        await connect(max_retries=0).generate("Hi")
    assert caught.value.attempts == emulator.counts.requests == 1


async def test_every_attempt_sends_the_same(emulator, llm):
    emulator.script(faults.server_error(), faults.reset("headers"))
    await llm.generate("Hi", extra_headers={"X-Trace": "t"})
    first, second, third = emulator.seen
    assert first.body == second.body == third.body
    assert first.headers == second.headers == third.headers


# -- what is retried ------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [408, 409, 429, 498, 499, 500, 502, 503, 504, 524, 529, 599]
)
async def test_is_retried(emulator, llm, code):
    emulator.script(faults.status(code))
    response = await llm.generate("Hi")
    assert response.attempts == emulator.counts.requests == 2
    assert response.history[0].status_code == code


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 413, 415, 418, 422])
async def test_is_not_retried(emulator, llm, code):
    emulator.script(faults.status(code))
    with pytest.raises(LLMAPIError) as caught:
        await llm.generate("Hi")
    assert caught.value.status_code == code
    assert caught.value.attempts == emulator.counts.requests == 1


async def test_groqs_413_is_not_retried_although_its_code_is_a_rate_limit(
    emulator, llm
):
    emulator.script(faults.request_too_large())
    with pytest.raises(LLMBadRequestError) as caught:
        await llm.generate("Hi")
    assert caught.value.code == "rate_limit_exceeded"
    assert emulator.counts.requests == 1


@pytest.mark.parametrize(
    "at", ["connect", "status", "headers", "body"], ids=lambda at: f"at the {at}"
)
async def test_a_reset_is_retried(emulator, llm, at):
    emulator.script(faults.reset(at))
    response = await llm.generate("Hi")
    assert response.attempts == 2
    assert response.history[0].error == "LLMConnectionError"
    assert response.history[0].status_code == (200 if at == "body" else None)


@pytest.mark.parametrize(
    "fault",
    [
        faults.empty_body(),
        faults.truncated_json(),
        faults.broken_utf8() | Reply(stop_at=0.9, stop="end"),
        Reply(body={"choices": []}),
        Reply(encoding="gzip", stop_at=0.9, stop="end"),
        Reply(body=WHOLE[:-4], headers={"content-encoding": "gzip"}),
    ],
    ids=[
        "empty",
        "truncated",
        "broken UTF-8",
        "no choices",
        "truncated gzip",
        "gzip without its length",
    ],
)
async def test_an_unreadable_answer_is_asked_for_once_more(emulator, llm, fault):
    emulator.always(fault)
    with pytest.raises(LLMInvalidResponseError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == emulator.counts.requests == 2
    emulator.always(None)
    emulator.script(fault)
    assert (await llm.generate("Hi")).attempts == 2


@pytest.mark.parametrize(
    "fault",
    [faults.json_validate_failed("{bad"), faults.tool_use_failed("{bad")],
    ids=["json_validate_failed", "tool_use_failed"],
)
async def test_output_that_groq_rejected_is_asked_for_once_more(emulator, llm, fault):
    emulator.always(fault)
    with pytest.raises(LLMInvalidResponseError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == emulator.counts.requests == 2
    assert caught.value.failed_generation == caught.value.text == "{bad"
    assert caught.value.status_code == 400


async def test_a_refused_connection_is_retried(emulator, llm):
    with emulator.refusing(), pytest.raises(LLMConnectionError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 4
    assert caught.value.status_code is None
    assert emulator.url in str(caught.value)


class Then(logging.Handler):
    """Does something as soon as a failed attempt is logged."""

    def __init__(self, act):
        super().__init__(logging.INFO)
        self._act = act

    def emit(self, record):
        self._act()


async def test_a_server_that_comes_back_is_reached(emulator, llm, caplog):
    caplog.set_level(logging.INFO, "llm_adapter")
    refusing = emulator.refusing()
    refusing.__enter__()
    handler = Then(lambda: refusing.__exit__(None, None, None))
    logger = logging.getLogger("llm_adapter")
    logger.addHandler(handler)
    try:
        response = await llm.generate("Hi")
    finally:
        logger.removeHandler(handler)
    assert response.attempts == 2


async def test_the_provider_may_forbid_a_retry(emulator, llm):
    emulator.always(faults.status(500, headers={"x-should-retry": "false"}))
    with pytest.raises(LLMServerError):
        await llm.generate("Hi")
    assert emulator.counts.requests == 1


async def test_the_provider_may_wish_for_a_retry(emulator, llm):
    emulator.script(faults.status(400, headers={"x-should-retry": "true"}))
    assert (await llm.generate("Hi")).attempts == 2


async def test_the_provider_cannot_wish_for_a_retry_of_a_used_up_quota(emulator, llm):
    emulator.always(
        faults.quota_exhausted() | Reply(headers={"x-should-retry": "true"})
    )
    with pytest.raises(LLMRateLimitError):
        await llm.generate("Hi")
    assert emulator.counts.requests == 1


async def test_the_status_counts_when_the_body_of_an_error_is_lost(emulator, llm):
    emulator.script(faults.server_error(503) | Reply(stop_at="body", stop="reset"))
    response = await llm.generate("Hi")
    assert response.history[0].status_code == 503


# -- after which wait -----------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.rate_limited("0.1"),
        faults.rate_limited(retry_after_ms=100),
        faults.rate_limited("0.01", retry_after_ms=100),
        faults.rate_limited(in_message="100ms"),
        faults.rate_limited(in_message="0.1s"),
        faults.status(503, headers={"retry-after": "0.1"}),
        faults.status(504, headers={"retry-after": "0.1"}),
    ],
    ids=[
        "in seconds",
        "in milliseconds",
        "milliseconds before seconds",
        "in the message, ms",
        "in the message, s",
        "of an overloaded server",
        "of a gateway's timeout",
    ],
)
async def test_retry_after_is_honoured(emulator, llm, fault):
    emulator.script(fault)
    response = await llm.generate("Hi")
    assert response.attempts == 2
    assert 0.1 <= response.history[1].delay < 0.12
    first, second = emulator.seen
    assert second.at - first.at >= 0.1


async def test_retry_after_may_be_a_date(emulator, connect):
    # Measured against the answer's own date, so our clock does not matter.
    sent = datetime(2020, 1, 1, tzinfo=UTC)
    date = {"date": format_datetime(sent, usegmt=True)}
    fault = faults.rate_limited(sent + timedelta(seconds=3)) | Reply(headers=date)
    emulator.always(fault)
    with pytest.raises(LLMRateLimitError) as caught:
        await connect(timeout=1).generate("Hi")
    assert caught.value.retry_after == 3


async def test_retry_after_that_has_passed_is_no_wait(emulator, llm):
    emulator.script(faults.rate_limited(datetime(2020, 1, 1, tzinfo=UTC)))
    response = await llm.generate("Hi")
    assert response.history[1].delay < 0.1


async def test_a_wait_beyond_the_timeout_fails_at_once(emulator, connect):
    emulator.always(faults.rate_limited("5"))
    with pytest.raises(LLMRateLimitError) as caught:
        await connect(timeout=2).generate("Hi")
    assert caught.value.retry_after == 5
    assert emulator.counts.requests == 1


async def test_waits_grow_and_are_told(emulator, llm):
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError) as caught:
        await llm.generate("Hi")
    history = caught.value.history
    assert [attempt.number for attempt in history] == [1, 2, 3, 4]
    assert history[0].delay == 0
    # Full jitter: up to 10, 20 and 40 ms here.
    bounds = (0.01, 0.02, 0.04)
    delays = [attempt.delay for attempt in history[1:]]
    assert all(0 <= d <= bound for d, bound in zip(delays, bounds, strict=True))
    assert all(attempt.error == "LLMServerError" for attempt in history)
    assert all(attempt.status_code == 500 for attempt in history)
    assert all(attempt.duration > 0 for attempt in history)


async def test_a_response_tells_what_was_tried(emulator, llm):
    emulator.script(faults.rate_limited("0.05"), faults.reset("body"))
    response = await llm.generate("Hi")
    first, second, third = response.history
    assert (first.error, first.status_code) == ("LLMRateLimitError", 429)
    assert (second.error, second.status_code) == ("LLMConnectionError", 200)
    assert (third.error, third.status_code) == (None, 200)
    waited = sum(attempt.delay + attempt.duration for attempt in response.history)
    assert response.generation_time >= waited


# -- the budget of the process --------------------------------------------------------


async def test_a_used_up_budget_stops_retries(emulator, llm, monkeypatch):
    budget = RetryBudget(capacity=2, per_call=0, per_second=0)
    monkeypatch.setitem(_policy._budgets, emulator.base_url("groq"), budget)
    emulator.always(faults.server_error())
    attempts = []
    for _ in range(3):
        with pytest.raises(LLMServerError) as caught:
            await llm.generate("Hi")
        attempts.append(caught.value.attempts)
    assert attempts == [3, 1, 1]


async def test_services_share_the_budget_of_an_endpoint(emulator, connect, monkeypatch):
    budget = RetryBudget(capacity=1, per_call=0, per_second=0)
    monkeypatch.setitem(_policy._budgets, emulator.base_url("groq"), budget)
    emulator.always(faults.server_error())
    for llm in (connect(), connect()):
        with pytest.raises(LLMServerError):
            await llm.generate("Hi")
    assert emulator.counts.requests == 3


# -- redirects ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [307, 308])
@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
async def test_a_redirect_to_the_same_host_is_followed_with_the_body(
    emulator, llm, code, relative
):
    path = "/openai/v1/chat/completions"
    location = path if relative else emulator.url + path
    emulator.script(faults.redirect(location, code))
    response = await llm.generate("Hi")
    assert response.attempts == 1
    first, second = emulator.seen
    assert second.body == first.body
    assert second.headers == first.headers


async def test_a_redirect_to_another_host_is_refused_and_the_key_stays(emulator, llm):
    with Emulator() as other:
        emulator.always(faults.redirect(other.base_url("groq") + "/chat/completions"))
        with pytest.raises(LLMAPIError, match="redirects to") as caught:
            await llm.generate("Hi")
        with pytest.raises(LLMAPIError, match="redirects to"):
            async with llm.stream("Hi"):
                pass
        assert other.counts.connections_opened == 0
    assert caught.value.status_code == 307
    assert emulator.counts.requests == 2


@pytest.mark.parametrize("code", [300, 301, 302, 303, 304])
async def test_a_redirect_that_would_lose_the_body_is_refused(emulator, llm, code):
    emulator.always(faults.redirect("/openai/v1/chat/completions", code))
    with pytest.raises(LLMAPIError, match="redirects to") as caught:
        await llm.generate("Hi")
    assert caught.value.status_code == code
    assert emulator.counts.requests == 1


@pytest.mark.parametrize(
    "fault", [Reply(status=307, body=b""), faults.redirect("http://[")]
)
async def test_a_redirect_to_nowhere_is_refused(emulator, llm, fault):
    emulator.always(fault)
    with pytest.raises(LLMAPIError, match="redirects to"):
        await llm.generate("Hi")
    assert emulator.counts.requests == 1


async def test_redirects_in_a_circle_end(emulator, llm):
    emulator.always(faults.redirect("/openai/v1/chat/completions"))
    with pytest.raises(LLMConnectionError, match="circle") as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 1
    assert emulator.counts.requests == 5


# -- what is logged -------------------------------------------------------------------


async def test_attempts_and_waits_are_logged(emulator, llm, caplog):
    caplog.set_level(logging.DEBUG, "llm_adapter")
    emulator.script(faults.rate_limited("0.05"))
    await llm.generate("Hi")
    (record,) = caplog.records
    assert record.name == "llm_adapter"
    assert record.levelname == "INFO"
    text = record.getMessage()
    assert "groq openai/gpt-oss-120b" in text
    assert "attempt 1 failed" in text
    assert "HTTP 429" in text
    assert re.search(r"waiting 0\.0[56] s", text)


async def test_the_final_failure_is_logged(emulator, connect, caplog):
    caplog.set_level(logging.DEBUG, "llm_adapter")
    emulator.always(faults.server_error())
    with pytest.raises(LLMServerError):
        await connect(max_retries=1).generate("Hi")
    waiting, final = caplog.records
    assert (waiting.levelname, final.levelname) == ("INFO", "WARNING")
    assert "failed after 2 attempts (LLMServerError, HTTP 500)" in final.getMessage()


async def test_no_prompt_no_answer_and_no_key_is_logged(emulator, llm, caplog):
    caplog.set_level(logging.DEBUG)
    answer = Reply(text="the-answer-9")
    emulator.script(
        faults.server_error(),
        faults.json_validate_failed("the-answer-9"),
        answer,
        answer | faults.truncated_stream(),
        faults.status(401, f"Incorrect API key provided: {KEY}"),
    )
    await llm.generate("the-prompt-7")
    for _ in range(2):
        with pytest.raises(LLMServiceError) as caught:
            async with llm.stream("the-prompt-7") as stream:
                async for _ in stream:
                    pass
    assert caught.value.status_code == 401
    assert caplog.records
    for secret in ("the-prompt-7", "the-answer-9", KEY):
        assert secret not in caplog.text
