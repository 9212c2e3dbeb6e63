"""Whose a call is: what its request says, or what surrounds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from llm_adapter import usage_context
from llm_adapter._context import UsageContext, label, usage_of


def test_nobody_is_named_without_a_context():
    assert usage_of({}) == UsageContext()


def test_context_ends_with_its_block():
    with usage_context(user_id="ann"):
        assert usage_of({}).user_id == "ann"
    assert usage_of({}).user_id is None


def test_context_ends_with_an_error_too():
    with pytest.raises(ZeroDivisionError), usage_context(user_id="ann"):
        raise ZeroDivisionError
    assert usage_of({}).user_id is None


def test_inner_context_leaves_what_it_does_not_name():
    with usage_context(user_id="ann", workflow="a"), usage_context(workflow="b"):
        assert usage_of({}) == UsageContext("ann", "b")


def test_request_counts_more_than_what_surrounds_it():
    with usage_context(user_id="ann", workflow="a"):
        assert usage_of({"user_id": 7}) == UsageContext("7", "a")


def test_empty_label_is_none():
    with usage_context(user_id="ann"):
        assert usage_of({"user_id": "", "workflow": ""}) == UsageContext("ann", None)


def test_zero_is_a_user():
    assert usage_of({"user_id": 0}).user_id == "0"


def test_thread_has_a_context_of_its_own():
    with usage_context(user_id="ann"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(usage_of, {}).result() == UsageContext()


@pytest.mark.parametrize(
    ("value", "shown"), [(7, "7"), ("x", "x"), (UUID(int=1), str(UUID(int=1)))]
)
def test_label_is_text(value, shown):
    assert label("user_id", value) == shown


@pytest.mark.parametrize("value", [True, 1.5, b"x", ["x"]])
def test_what_is_no_label_is_refused(value):
    with pytest.raises(TypeError, match="user_id must be a string, a whole number"):
        usage_context(user_id=value).__enter__()
