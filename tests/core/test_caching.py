"""What a caching service decides and counts."""

from __future__ import annotations

import logging
import math
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from llm_adapter import LLMInvalidResponseError, LLMResponse
from llm_adapter._caching import (
    QUIET,
    RESPONSES,
    REST,
    SLOW,
    Counters,
    Keeping,
    Look,
    Once,
    Trouble,
)
from llm_adapter._identity import Identity

ANSWER = LLMResponse("Hello", "a-model")


def look(**changes):
    known = {
        "key": "1:a",
        "identity": Identity(provider="groq", model="a-model", timeout=30),
        "started": 100.0,
        "ttl": None,
        "refresh": False,
        "codec": RESPONSES,
        "fits": lambda answer: None,
    }
    return Look(**{**known, **changes})


# -- what is kept ---------------------------------------------------------------------


def test_answer_that_its_caller_cannot_use_is_not_kept():
    def refuse(answer):
        raise LLMInvalidResponseError("No.")

    assert look(fits=refuse).encoded(ANSWER) is None
    assert look().encoded(ANSWER)


def test_other_errors_of_reading_are_the_callers():
    def fail(answer):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look(fits=fail).encoded(ANSWER)


def test_answer_is_read_once():
    reads = []
    once = Once(lambda answer: reads.append(answer) or len(reads))
    other = LLMResponse("Hello", "a-model")
    assert [once(ANSWER), once(ANSWER), once(other), once(other)] == [1, 1, 2, 2]


@pytest.mark.parametrize("ttl", [0, -1, math.inf, math.nan, "1 h", True])
def test_time_to_keep_is_a_number_of_seconds(ttl):
    with pytest.raises((TypeError, ValueError), match="ttl"):
        Keeping(ttl)


# -- counting -------------------------------------------------------------------------


def test_counts_of_many_threads_add_up():
    counters = Counters()

    def count(number):
        counters.count("hits", saved=Decimal("0.25"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(2000)))
    assert (counters.stats().hits, counters.stats().saved) == (2000, 500)


def test_unknown_price_saves_nothing():
    counters = Counters()
    counters.count("hits", saved=None)
    assert counters.stats().saved == 0


# -- trouble --------------------------------------------------------------------------


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "llm_adapter")
    return lambda: [record.levelname for record in caplog.records]


def failed(trouble, began, took=0.0):
    trouble.failed("read", OSError("gone"), took=took, now=began + took)


def test_store_that_fails_at_once_is_asked_again():
    trouble = Trouble("store")
    failed(trouble, 100.0)
    assert not trouble.rests(100.0)


def test_store_that_made_a_call_wait_rests():
    trouble = Trouble("store")
    failed(trouble, 100.0, took=2 * SLOW)
    assert trouble.rests(100.0 + 2 * SLOW)
    assert not trouble.rests(100.0 + 2 * SLOW + REST)


def test_failures_are_told_once_in_a_while(said):
    trouble = Trouble("store")
    for second in range(int(QUIET) + 1):
        failed(trouble, 100.0 + second)
    assert said() == ["WARNING", "WARNING"]


def test_end_of_trouble_is_told(said):
    trouble = Trouble("store")
    trouble.worked()
    failed(trouble, 100.0)
    trouble.worked()
    trouble.worked()
    assert said() == ["WARNING", "INFO"]


def test_store_that_fails_now_and_then_does_not_fill_the_log(said):
    trouble = Trouble("store")
    for second in range(30):
        failed(trouble, 100.0 + second)
        trouble.worked()
    assert said() == ["WARNING", "INFO"]
