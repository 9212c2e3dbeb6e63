"""What a web client is told of an error: a status, a text, and when to come back."""

from __future__ import annotations

import math

import pytest

from llm_adapter import (
    LLMAuthenticationError,
    LLMBudgetExceededError,
    LLMConfigurationError,
    LLMConnectionError,
    LLMContentPolicyError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    LLMUnsupportedFeatureError,
)
from llm_adapter.integrations._http import REPLIES, Reply, reply_to, with_overrides

STATUSES = {
    LLMRateLimitError: 429,
    LLMQuotaExceededError: 429,
    LLMTimeoutError: 504,
    LLMContentPolicyError: 400,
    LLMInvalidResponseError: 500,
    LLMStreamInterruptedError: 500,
    LLMOverloadedError: 503,
    LLMBudgetExceededError: 402,
    LLMConfigurationError: 500,
    LLMUnsupportedFeatureError: 500,
    LLMConnectionError: 500,
    LLMAuthenticationError: 500,
    LLMServerError: 500,
    LLMServiceError: 500,
}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_every_class_has_its_status(kind, status):
    assert reply_to(kind("inside")).status == status


@pytest.mark.parametrize("kind", STATUSES)
def test_nothing_of_what_happened_inside_is_told(kind):
    error = kind("inside", provider="inside", model="inside", body="inside")
    assert "inside" not in repr(reply_to(error))


@pytest.mark.parametrize(
    ("seconds", "header"),
    [(7, "7"), (1.2, "2"), (0.01, "1"), (0, "1"), (86_400.0, "86400")],
)
def test_retry_after_is_in_whole_seconds_that_are_long_enough(seconds, header):
    reply = reply_to(LLMRateLimitError(retry_after=seconds))
    assert reply.headers == {"Retry-After": header}
    assert reply.detail.endswith(f"Try again in {header} s.")


@pytest.mark.parametrize("seconds", [None, math.inf, math.nan])
def test_retry_after_that_nobody_knows_is_left_out(seconds):
    reply = reply_to(LLMRateLimitError(retry_after=seconds))
    assert reply is REPLIES[LLMRateLimitError]


@pytest.mark.parametrize("kind", [LLMOverloadedError, LLMBudgetExceededError])
def test_other_errors_say_when_to_come_back_too(kind):
    assert reply_to(kind(retry_after=3)).headers == {"Retry-After": "3"}


def test_override_of_a_status_keeps_the_text():
    replies = with_overrides({LLMTimeoutError: 503})
    assert replies[LLMTimeoutError] == Reply(503, REPLIES[LLMTimeoutError].detail)


def test_override_of_a_class_without_an_entry_has_the_text_of_the_next_above():
    replies = with_overrides({LLMQuotaExceededError: 503})
    reply = reply_to(LLMQuotaExceededError(), replies)
    assert reply == Reply(503, REPLIES[LLMRateLimitError].detail)


def test_override_holds_for_classes_below():
    replies = with_overrides({LLMConnectionError: Reply(502, "Away.")})
    assert reply_to(LLMConnectionError(), replies).status == 502
    assert reply_to(LLMTimeoutError(), replies).status == 504  # has its own


def test_headers_of_an_override_stay_beside_retry_after():
    replies = with_overrides({LLMRateLimitError: Reply(420, "Calm.", {"X-Calm": "1"})})
    reply = reply_to(LLMRateLimitError(retry_after=5), replies)
    assert reply.headers == {"X-Calm": "1", "Retry-After": "5"}


def test_usual_replies_are_left_alone():
    before = dict(REPLIES)
    with_overrides({LLMTimeoutError: 503})
    assert before == REPLIES


@pytest.mark.parametrize("kind", [ValueError, "LLMTimeoutError", LLMTimeoutError()])
def test_override_for_no_class_of_ours_is_a_type_error(kind):
    with pytest.raises(TypeError, match="is no class of LLMServiceError"):
        with_overrides({kind: 503})


@pytest.mark.parametrize("reply", [True, "503", None])
def test_override_that_is_no_reply_is_a_type_error(reply):
    with pytest.raises(TypeError, match="LLMTimeoutError needs a status or a Reply"):
        with_overrides({LLMTimeoutError: reply})


@pytest.mark.parametrize("reply", [200, 399, 600, Reply(302, "Elsewhere.")])
def test_override_with_a_status_of_no_error_is_a_value_error(reply):
    with pytest.raises(ValueError, match="LLMTimeoutError is answered with"):
        with_overrides({LLMTimeoutError: reply})
