"""Budgets without a database: what they may be, which calls touch them, their words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter.errors import LLMBudgetExceededError, LLMServiceError
from llm_adapter.ledger._budgets import (
    Amounts,
    Budget,
    Counter,
    Standing,
    exceeded,
    touched,
)
from llm_adapter.ledger._money import LARGEST, PICO

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

# -- what a budget may be -------------------------------------------------------------


@pytest.mark.parametrize("limit", [5, 5.0, "5", Decimal(5), "5e0", " 5 "])
def test_limit_may_be_written_in_many_ways(limit):
    assert Budget(limit).amount == 5 * PICO
    assert Budget(limit) == Budget(5)


def test_fraction_is_meant_as_it_is_written():
    assert Budget(0.1).limit == Decimal("0.1")


@pytest.mark.parametrize(
    "limit",
    [
        *("", "much", "$5", "NaN", "sNaN", "inf", float("nan"), float("inf")),
        *(-1, -0.01, "-1", Decimal("NaN"), 10**30, 10**5000, 9_000_001, "1e400"),
    ],
    ids=lambda limit: (
        f"{type(limit).__name__} {limit!s:.9}" if limit != 10**5000 else ""
    ),
)
def test_limit_that_is_no_amount_of_dollars_is_refused(limit):
    with pytest.raises(ValueError, match="limit is ") as caught:
        Budget(limit)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("limit", [True, b"5", [5], 5j])
def test_limit_of_another_kind_is_refused(limit):
    with pytest.raises(TypeError, match="limit must be a number of US dollars"):
        Budget(limit)


@pytest.mark.parametrize(
    "tokens", [-1, LARGEST + 1, 10**30, -(10**5000)], ids=list("abcd")
)
def test_number_of_tokens_has_bounds(tokens):
    with pytest.raises(ValueError, match=r"tokens is .*: use a whole number") as caught:
        Budget(tokens=tokens)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("tokens", [True, 1.0, "1", b"1", Decimal(1)])
def test_number_of_tokens_is_a_whole_one(tokens):
    with pytest.raises(TypeError, match="tokens must be a whole number"):
        Budget(tokens=tokens)


def test_budget_has_one_limit():
    with pytest.raises(ValueError, match="one in tokens"):
        Budget()
    with pytest.raises(ValueError, match="one in tokens"):
        Budget(1, tokens=1)


@pytest.mark.parametrize("per", ["week", "", None, 1])
def test_period_is_a_day_or_a_month(per):
    with pytest.raises(ValueError, match="'per' must be in"):
        Budget(1, per=per)


@pytest.mark.parametrize("name", ["user_id", "workflow"])
def test_name_that_is_empty_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name} is empty: .*'\*' for each"):
        Budget(1, **{name: ""})


@pytest.mark.parametrize("workflow", [1, True, b"letters", ["letters"]])
def test_workflow_of_another_kind_is_refused(workflow):
    with pytest.raises(TypeError, match="workflow must be a string or None"):
        Budget(1, workflow=workflow)


@pytest.mark.parametrize("user_id", [True, 1.5, b"ann"])
def test_user_of_another_kind_is_refused(user_id):
    with pytest.raises(TypeError, match="user_id must be"):
        Budget(1, user_id=user_id)


@pytest.mark.parametrize("field", ["dollars", "tokens"])
@pytest.mark.parametrize("amount", [-1, LARGEST + 1])
def test_amounts_have_bounds(field, amount):
    with pytest.raises(ValueError, match=field):
        Amounts(**{field: amount})


@pytest.mark.parametrize(
    ("cost", "tokens", "expected"),
    [
        (None, None, Amounts()),
        (Decimal(0), 0, Amounts(dollars=0, tokens=0)),
        (Decimal("NaN"), -1, Amounts()),
        (Decimal(-1), 10**30, Amounts()),
        (Decimal(2), LARGEST, Amounts(dollars=2 * PICO, tokens=LARGEST)),
    ],
)
def test_amounts_that_cannot_be_are_unknown(cost, tokens, expected):
    assert Amounts.of(cost=cost, tokens=tokens) == expected


# -- which calls touch it -------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "labels", "counted"),
    [
        ({}, {}, (None, None)),
        ({}, {"user_id": "ann", "workflow": "letters"}, (None, None)),
        ({"user_id": "ann"}, {"user_id": "ann"}, ("ann", None)),
        ({"user_id": 42}, {"user_id": "42"}, ("42", None)),
        ({"user_id": "ann"}, {"user_id": "bob"}, None),
        ({"user_id": "ann"}, {}, None),
        ({"user_id": "*"}, {"user_id": 42}, ("42", None)),
        ({"user_id": "*"}, {"workflow": "letters"}, None),
        ({"workflow": "*"}, {"workflow": "letters"}, (None, "letters")),
        ({"workflow": "*"}, {"user_id": "ann"}, None),
        ({"user_id": "*", "workflow": "letters"}, {"workflow": "letters"}, None),
    ],
)
def test_budget_counts_the_calls_that_it_names(budget, labels, counted):
    found = touched([Budget(1, **budget)], **labels, at=NOON)
    expected = [] if counted is None else [counted]
    assert [(each.user_id, each.workflow) for each in found] == expected


@pytest.mark.parametrize(
    ("per", "at", "period", "ends"),
    [
        ("day", NOON, "2026-11-24", datetime(2026, 11, 25, tzinfo=UTC)),
        (
            "day",
            NOON.replace(tzinfo=None),
            "2026-11-24",
            datetime(2026, 11, 25, tzinfo=UTC),
        ),
        ("month", NOON, "2026-11", datetime(2026, 12, 1, tzinfo=UTC)),
        ("month", datetime(2026, 12, 31), "2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2028, 2, 29), "2028-02", datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_period_is_one_of_utc(per, at, period, ends):
    [counter] = touched([Budget(1, per=per)], at=at)
    assert (counter.period, counter.ends) == (period, ends)


def test_period_is_that_of_utc_whatever_the_zone_of_the_call():
    early = datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert touched([Budget(1, per="month")], at=early)[0].period == "2026-11"


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_month_ends_on_the_first_of_the_next(at):
    [counter] = touched([Budget(1, per="month")], at=at)
    last = counter.ends - timedelta(microseconds=1)
    assert (counter.ends.day, f"{last:%Y-%m}") == (1, counter.period)
    assert at.replace(tzinfo=UTC) <= last


_NAMES = st.none() | st.sampled_from(["ann", "null", "None", '"', "ä"])


@given(
    st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(["day", "month"])), max_size=9)
)
def test_counters_have_one_key_exactly_when_they_count_the_same(labels):
    parts, keys = set(), set()
    for user, workflow, per in labels:
        for budget in (Budget(1, per=per), Budget(tokens=1, per=per)):
            counter = Counter(
                budget=budget, user_id=user, workflow=workflow, period=per, ends=NOON
            )
            parts.add((budget.unit, user, workflow, per))
            keys.add(counter.key)
    assert len(keys) == len(parts)


# -- its words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(5), "$5.00 per day"),
        (Budget("0.0001", per="month"), "$0.0001 per month"),
        (
            Budget(tokens=10**6, user_id="ann"),
            "1,000,000 tokens per day for user 'ann'",
        ),
        (
            Budget(1, user_id="*", workflow="letters"),
            "$1.00 per day for each user and workflow 'letters'",
        ),
        (Budget(1, workflow="*"), "$1.00 per day for each workflow"),
    ],
    ids=lambda each: "" if isinstance(each, Budget) else each,
)
def test_budget_is_told_in_words(budget, words):
    assert repr(budget) == f'Budget("{words}")' or repr(budget) == f"Budget('{words}')"


def test_refusal_is_an_error_that_tells_all():
    [counter] = touched(
        [Budget(tokens=100, user_id="*", workflow="*")],
        user_id="ann",
        workflow="letters",
        at=NOON,
    )
    standing = Standing(counter=counter, spent=60, reserved=30, asked=20)
    error = exceeded(standing, NOON.replace(tzinfo=None))
    assert isinstance(error, LLMBudgetExceededError | LLMServiceError)
    assert str(error).startswith(
        "The budget of 100 tokens per day for user 'ann' and workflow 'letters' does "
        "not allow this call: 60 tokens spent, 30 tokens reserved by calls in flight, "
        "and this one may take 20 tokens. It renews at 2026-11-25 00:00 UTC."
    )
    assert error.retry_after == 12 * 3600
    assert not error.retryable


def test_refusal_of_a_period_that_has_ended_need_not_wait():
    [counter] = touched([Budget(tokens=1)], at=NOON)
    error = exceeded(Standing(counter=counter, asked=2), NOON + timedelta(days=3))
    assert error.retry_after == 0
