"""Budgets in a database do what a few lines of Python do that keep them in a dict."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_adapter.ledger._budgets import Amounts, Budget, touched

BUDGETS = (
    Budget("0.00000000001"),
    Budget(tokens=12),
    Budget(tokens=8, user_id="*"),
    Budget(tokens=6, user_id="ann", workflow="letters"),
    Budget(tokens=15, per="month", user_id="*", workflow="*"),
    Budget("0.000000000015", per="month", user_id="ann"),
)
_MONTHS = count()
"""Each example has one of its own, in which nothing has been spent."""


class Model:
    """What has been spent by key, what calls hold, and which have been logged."""

    def __init__(self):
        self.spent, self.held, self.logged = {}, {}, set()

    def used(self, key):
        held = sum(each.get(key, 0) for each in self.held.values())
        return self.spent.get(key, 0), held

    def reserve(self, call, touched, taken):
        if call in self.held or call in self.logged:
            return None
        asked = [
            (each, 1 if taken[each.unit] is None else taken[each.unit])
            for each, _ in touched
        ]
        for number, ((_, key), (budget, amount)) in enumerate(
            zip(touched, asked, strict=True)
        ):
            if amount and sum(self.used(key)) + amount > budget.amount:
                return number
        if touched:
            self.held[call] = {
                key: amount
                for (_, key), (_, amount) in zip(touched, asked, strict=True)
            }
        return None

    def settle(self, call, taken):
        for key, amount in self.held.get(call, {}).items():
            known = taken[key[0]]
            self._add(key, amount if known is None else known)
        return self.held.pop(call, None) is not None

    def spend(self, call, touched, taken):
        if self.settle(call, taken):
            self.logged.add(call)
            return True
        if call in self.logged or not touched:
            return False
        for key in {key for _, key in touched}:
            self._add(key, taken[key[0]] or 0)
        self.logged.add(call)
        return True

    def release(self, call):
        self.held.pop(call, None)

    def _add(self, key, amount):
        self.spent[key] = self.spent.get(key, 0) + amount


def concerned(at, user, workflow):
    """The budgets that a call is for, each with what it counts."""
    found = []
    for budget in BUDGETS:
        named = ((budget.user_id, user), (budget.workflow, workflow))
        if all(own in (None, of) or (own == "*" and of) for own, of in named):
            period = at.strftime("%Y-%m-%d" if budget.per == "day" else "%Y-%m")
            of_whom = [of if own else None for own, of in named]
            found.append((budget, (budget.unit, period, *of_whom)))
    return found


_AMOUNT = st.none() | st.integers(0, 6)
_OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "does": st.sampled_from(
                ["reserve", "reserve", "settle", "spend", "release"]
            ),
            "call": st.sampled_from("abcdef"),
            "day": st.sampled_from([1, 2]),
            "user": st.sampled_from([None, "ann", "bob"]),
            "workflow": st.sampled_from([None, "letters"]),
            "taken": st.fixed_dictionaries({"dollars": _AMOUNT, "tokens": _AMOUNT}),
        }
    ),
    max_size=25,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(operations=_OPERATIONS)
def test_database_counts_as_the_model_does(database, operations):
    month, model = next(_MONTHS), Model()
    for each in operations:
        at = datetime(2030 + month // 12, month % 12 + 1, each["day"], tzinfo=UTC)
        labels = {"user_id": each["user"], "workflow": each["workflow"], "at": at}
        counters = touched(BUDGETS, **labels)
        pairs = concerned(at, each["user"], each["workflow"])
        call, name = each["call"], f"{month} {each['call']}"
        taken, amounts = each["taken"], Amounts(**each["taken"])
        match each["does"]:
            case "reserve":
                standing = database.reserve(name, counters, amounts, now=at)
                place = None if standing is None else counters.index(standing.counter)
                assert place == model.reserve(call, pairs, taken)
            case "settle":
                assert database.settle(name, amounts) == model.settle(call, taken)
            case "spend":
                done = database.spend(name, counters, amounts, now=at)
                assert done == model.spend(call, pairs, taken)
            case "release":
                database.release(name)
                model.release(call)
        found = [(each.spent, each.reserved) for each in database.standings(counters)]
        assert found == [model.used(key) for _, key in pairs]
