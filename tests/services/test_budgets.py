"""Budgets in a database: what fits may begin, and nothing is counted twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from llm_adapter.ledger import _database
from llm_adapter.ledger._budgets import Budget, exceeded, touched
from llm_adapter.ledger._money import LARGEST
from tests.services.ledgers import NOON, amounts, reserve, spend, sql, used

DAY = timedelta(days=1)
TEN = Budget(tokens=10)

# -- whose calls, and when ------------------------------------------------------------


def test_call_may_take_all_that_is_left_and_no_more(database):
    assert reserve(database, "a", TEN, tokens=9) is None
    assert reserve(database, "b", TEN, tokens=2).counter.budget == TEN
    assert reserve(database, "c", TEN, tokens=1) is None


def test_dollars_are_counted_to_the_pico(database):
    budget = Budget("0.3")
    for call in "abc":
        assert reserve(database, call, budget, cost="0.1") is None
    assert reserve(database, "d", budget, cost="0.000000000001") is not None


def test_dollars_and_tokens_are_counted_apart(database):
    both = (Budget(1), Budget(tokens=1))
    reserve(database, "a", *both, cost=1, tokens=0)
    assert used(database, *both) == [(0, 10**12), (0, 0)]
    assert reserve(database, "b", *both, cost=0, tokens=1) is None
    assert reserve(database, "c", *both, cost="0.01", tokens=0) is not None


def test_budget_of_a_user_counts_nobody_else(database):
    budget = Budget(tokens=10, user_id="ann")
    assert reserve(database, "a", budget, tokens=10, user_id="ann") is None
    assert reserve(database, "b", budget, tokens=11, user_id="bob") is None
    assert reserve(database, "c", budget, tokens=11) is None
    assert reserve(database, "d", budget, tokens=1, user_id="ann") is not None


def test_budget_of_each_user_counts_each_by_itself(database):
    budget = Budget(tokens=10, user_id="*")
    assert reserve(database, "a", budget, tokens=10, user_id="ann") is None
    assert reserve(database, "b", budget, tokens=10, user_id=42) is None
    assert reserve(database, "c", budget, tokens=1, user_id="ann") is not None
    assert reserve(database, "d", budget, tokens=1, user_id="42") is not None
    assert reserve(database, "e", budget, tokens=11) is None


def test_budget_of_each_workflow_counts_each_by_itself(database):
    budget = Budget(tokens=10, workflow="*")
    assert reserve(database, "a", budget, tokens=10, workflow="letters") is None
    assert reserve(database, "b", budget, tokens=10, workflow="profile") is None
    assert reserve(database, "c", budget, tokens=1, workflow="letters") is not None


def test_budget_of_each_user_in_a_workflow_counts_the_pairs(database):
    budget = Budget(tokens=10, user_id="*", workflow="letters")
    ann = {"user_id": "ann", "workflow": "letters"}
    assert reserve(database, "a", budget, tokens=10, **ann) is None
    assert reserve(database, "b", budget, tokens=1, **ann) is not None
    assert reserve(database, "c", budget, tokens=10, **{**ann, "user_id": "b"}) is None
    assert reserve(database, "d", budget, tokens=11, user_id="ann") is None


def test_budget_of_all_counts_all_together(database):
    assert reserve(database, "a", TEN, tokens=9, user_id="ann") is None
    assert reserve(database, "b", TEN, tokens=2, workflow="letters") is not None


def test_day_begins_anew_at_midnight_of_utc(database):
    evening = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
    assert reserve(database, "a", TEN, tokens=10, at=evening) is None
    assert reserve(database, "b", TEN, tokens=1, at=evening) is not None
    midnight = evening + timedelta(seconds=1)
    assert reserve(database, "c", TEN, tokens=10, at=midnight) is None


@pytest.mark.parametrize("month", [1, 2, 12])
def test_month_counts_its_days_together_and_begins_anew(database, month):
    budget = Budget(tokens=10, per="month")
    first = datetime(2026, month, 1, tzinfo=UTC)
    following = datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    assert reserve(database, "a", budget, tokens=9, at=first) is None
    assert reserve(database, "b", budget, tokens=2, at=following - DAY) is not None
    assert reserve(database, "c", budget, tokens=10, at=following) is None


def test_call_counts_in_the_period_in_which_it_began(database):
    reserve(database, "a", TEN, tokens=5)
    database.settle("a", amounts(tokens=7))
    assert used(database, TEN) == [(7, 0)]
    assert used(database, TEN, at=NOON + DAY) == [(0, 0)]


def test_time_of_another_zone_is_that_of_utc(database):
    assert reserve(database, "a", TEN, tokens=3, at=NOON.replace(tzinfo=None)) is None
    assert used(database, TEN) == [(0, 3)]


# -- reserving ------------------------------------------------------------------------


def test_nothing_is_reserved_when_one_of_several_says_no(database):
    several = (
        Budget(tokens=100, user_id="*"),
        Budget(tokens=5, workflow="*"),
        Budget(tokens=100),
    )
    labels = {"user_id": "ann", "workflow": "letters"}
    standing = reserve(database, "a", *several, tokens=6, **labels)
    assert standing.counter.budget == several[1]
    assert used(database, *several, **labels) == [(0, 0)] * 3


def test_call_reserves_once(database):
    for _ in range(3):
        assert reserve(database, "a", TEN, tokens=6) is None
    assert used(database, TEN) == [(0, 6)]


def test_call_of_which_nothing_is_known_may_begin_while_anything_is_left(database):
    reserve(database, "a", TEN, tokens=9)
    assert reserve(database, "b", TEN) is None
    assert reserve(database, "c", TEN) is not None


def test_call_that_takes_nothing_may_always_begin(database):
    spend(database, "a", TEN, tokens=99)
    assert reserve(database, "b", TEN, tokens=0) is None


def test_budget_of_nothing_lets_nothing_begin(database):
    assert reserve(database, "a", Budget(0), cost="0.1") is not None
    assert reserve(database, "b", Budget(tokens=0)) is not None


def test_budgets_that_count_the_same_share_it_and_the_narrower_one_decides(database):
    narrow, wide = Budget(tokens=5, user_id="ann"), Budget(tokens=10, user_id="*")
    assert reserve(database, "a", wide, narrow, tokens=5, user_id="ann") is None
    assert used(database, wide, narrow, user_id="ann") == [(0, 5), (0, 5)]
    standing = reserve(database, "b", wide, narrow, tokens=1, user_id="ann")
    assert standing.counter.budget == narrow
    assert reserve(database, "c", wide, tokens=5, user_id="ann") is None


def test_call_that_no_budget_is_for_reserves_nothing(database):
    assert database.reserve("a", [], amounts(tokens=5)) is None
    assert not database.settle("a", amounts(tokens=5))
    assert not database.spend("a", [], amounts(tokens=5))
    assert database.standings([]) == []


@pytest.mark.parametrize("call", ["nul \0", "half a pair \ud800", "ä" * 900, "%s :x '"])
def test_call_may_have_any_name(database, call):
    reserve(database, call, TEN, tokens=5)
    reserve(database, call, TEN, tokens=5)
    assert database.settle(call, amounts(tokens=5))
    assert used(database, TEN) == [(5, 0)]


def test_time_is_now_unless_it_is_given(database):
    counters = touched([Budget(tokens=10, per="month")], at=datetime.now(UTC))
    database.reserve("a", counters, amounts(tokens=5))
    database.spend("b", counters, amounts(tokens=3))
    [standing] = database.standings(counters)
    assert (standing.spent, standing.reserved) == (3, 5)


# -- the end of a call ----------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 3, 6, 99])
def test_what_a_call_has_taken_counts_instead_of_what_it_reserved(database, taken):
    reserve(database, "a", TEN, tokens=6)
    assert database.settle("a", amounts(tokens=taken))
    assert used(database, TEN) == [(taken, 0)]


def test_what_a_call_has_taken_counts_as_reserved_when_it_is_unknown(database):
    both = (Budget(1), TEN)
    reserve(database, "a", *both, cost="0.5", tokens=6)
    assert database.settle("a", amounts(tokens=2))
    assert used(database, *both) == [(5 * 10**11, 0), (2, 0)]


def test_call_settles_once(database):
    reserve(database, "a", TEN, tokens=6)
    assert [database.settle("a", amounts(tokens=2)) for _ in range(3)] == [
        *(True, False, False)
    ]
    assert used(database, TEN) == [(2, 0)]


def test_call_that_reserved_nothing_settles_nothing(database):
    assert not database.settle("a", amounts(tokens=2))
    assert used(database, TEN) == [(0, 0)]


def test_released_reservation_is_free_again(database):
    reserve(database, "a", TEN, tokens=10)
    database.release("a")
    database.release("a")
    assert reserve(database, "b", TEN, tokens=10) is None
    assert not database.settle("a", amounts(tokens=5))


def test_released_call_may_reserve_again(database):
    reserve(database, "a", TEN, tokens=10)
    database.release("a")
    assert reserve(database, "a", TEN, tokens=4) is None
    assert used(database, TEN) == [(0, 4)]


def test_reservation_never_becomes_free_by_itself(database):
    budget = Budget(tokens=10, per="month")
    reserve(database, "a", budget, tokens=10, at=datetime(2026, 1, 1, tzinfo=UTC))
    end = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
    assert reserve(database, "b", budget, tokens=1, at=end).reserved == 10


# -- what is logged by hand -----------------------------------------------------------


def test_logged_usage_counts_once(database):
    assert spend(database, "a", TEN, tokens=6)
    assert not spend(database, "a", TEN, tokens=6)
    assert used(database, TEN) == [(6, 0)]


def test_logged_usage_counts_beyond_the_limit(database):
    spend(database, "a", TEN, tokens=60)
    assert reserve(database, "b", TEN).spent == 60


def test_logged_usage_that_is_unknown_counts_nothing(database):
    assert spend(database, "a", TEN, Budget(1), tokens=4)
    assert used(database, TEN, Budget(1)) == [(4, 0), (0, 0)]


def test_logged_usage_takes_the_place_of_a_reservation_once(database):
    reserve(database, "a", TEN, tokens=6)
    assert [spend(database, "a", TEN, tokens=4) for _ in range(3)] == [
        *(True, False, False)
    ]
    assert used(database, TEN) == [(4, 0)]


def test_logged_call_reserves_nothing_more(database):
    spend(database, "a", TEN, tokens=4)
    assert reserve(database, "a", TEN, tokens=4) is None
    database.release("a")
    assert not database.settle("a", amounts(tokens=4))
    assert used(database, TEN) == [(4, 0)]


def test_sum_ends_where_the_column_does(database):
    for call in "ab":
        spend(database, call, TEN, tokens=LARGEST)
    assert used(database, TEN) == [(LARGEST, 0)]
    assert reserve(database, "c", TEN, tokens=LARGEST) is not None


# -- what it says ---------------------------------------------------------------------


def test_standings_come_in_the_order_of_the_counters(database):
    reserve(database, "a", TEN, tokens=3, user_id="ann")
    spend(database, "b", Budget(tokens=9, user_id="ann"), tokens=2, user_id="ann")
    both = (Budget(tokens=9, user_id="ann"), TEN)
    assert used(database, *both, user_id="ann") == [(2, 0), (0, 3)]


def test_refusal_says_what_is_used_and_when_it_renews(database):
    budget = Budget("1", user_id="*")
    spend(database, "a", budget, cost="0.5", user_id="ann")
    reserve(database, "b", budget, cost="0.2", user_id="ann")
    standing = reserve(database, "c", budget, cost="0.4", user_id="ann")
    error = exceeded(standing, NOON)
    assert str(error).startswith(
        "The budget of $1.00 per day for user 'ann' does not allow this call: $0.50 "
        "spent, $0.20 reserved by calls in flight, and this one may take $0.40. It "
        "renews at 2026-11-25 00:00 UTC."
    )
    assert error.retry_after == 12 * 3600


# -- what is old ----------------------------------------------------------------------


@pytest.mark.parametrize(("days", "is_there"), [(39, True), (41, False)])
def test_reservation_is_forgotten_long_after_its_period(
    make_database, ledger_url, days, is_there
):
    first = make_database(ledger_url)
    reserve(first, "a", TEN, tokens=3)
    reserve(make_database(ledger_url), "b", TEN, tokens=1, at=NOON + days * DAY)
    assert first.settle("a", amounts(tokens=2)) == is_there
    assert used(first, TEN) == [(2 if is_there else 0, 0)]


def test_what_is_old_is_looked_for_now_and_then(make_database, ledger_url, monkeypatch):
    monkeypatch.setattr(_database, "TIDY_EVERY", 3)
    database = make_database(ledger_url)
    spend(database, "old", TEN, tokens=1)
    count = "SELECT count(*) FROM llm_adapter_reservations WHERE call_id = 'old'"
    found = []
    for n in range(4):
        days = 0 if n == 0 else 41
        reserve(database, f"{n}", TEN, tokens=1, at=NOON + days * DAY)
        found += sql(ledger_url, count)
    assert found == [(1,), (1,), (1,), (0,)]


# -- at once --------------------------------------------------------------------------


def test_threads_never_overrun_a_budget(database):
    budgets = (Budget("0.5"), Budget(tokens=1000, user_id="*"))

    def call(n):
        users = {"user_id": f"{n % 3}"}
        return reserve(database, f"{n}", *budgets, cost="0.01", tokens=1, **users)

    with ThreadPoolExecutor(16) as threads:
        granted = list(threads.map(call, range(120))).count(None)
    assert granted == 50
    assert used(database, Budget("0.5")) == [(0, Decimal("0.5") * 10**12)]


def test_call_that_threads_settle_at_once_is_settled_once(database):
    for n in range(5):
        reserve(database, f"{n}", TEN, tokens=2)
        with ThreadPoolExecutor(8) as threads:
            calls = [f"{n}"] * 8
            done = threads.map(lambda a: database.settle(a, amounts(tokens=1)), calls)
            assert list(done).count(True) == 1
    assert used(database, TEN) == [(5, 0)]


def test_call_that_threads_log_at_once_is_logged_once(database):
    for n in range(5):
        with ThreadPoolExecutor(8) as threads:
            calls = [f"{n}"] * 8
            done = threads.map(lambda a: spend(database, a, TEN, tokens=1), calls)
            assert list(done).count(True) == 1
    assert used(database, TEN) == [(5, 0)]
