"""What a call may still take that has done something before it is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMTimeoutError, Timeout
from llm_adapter._identity import Identity, TimeLeft, with_timeout
from llm_adapter.models import LLMRequest

WHO = {"provider": "groq", "model": "a-model"}


def time_left(**limit):
    return TimeLeft(identity=Identity(**WHO, **limit), started=100.0)


@given(st.floats(0, 29.9))
def test_time_that_is_used_up_is_no_longer_the_calls(spent):
    timeout = Timeout(total=30, idle=2)
    left = time_left(timeout=30).in_time(timeout, 100.0 + spent)
    assert left.idle == 2
    assert left.total == pytest.approx(30 - spent, abs=0.006)


@given(st.floats(0, 1e6))
def test_call_without_a_limit_gets_none(spent):
    assert time_left().in_time(None, 100.0 + spent) is None


def test_call_without_time_is_not_begun():
    with pytest.raises(LLMTimeoutError, match="No answer after 30 s") as caught:
        time_left(timeout=30).in_time(None, 131.0)
    assert (caught.value.provider, caught.value.model) == ("groq", "a-model")


def test_request_with_its_own_timeout_stays_the_same():
    request = LLMRequest("Hi", timeout=3)
    assert with_timeout(request, request.timeout) is request
    assert with_timeout(request, 2).timeout == 2
