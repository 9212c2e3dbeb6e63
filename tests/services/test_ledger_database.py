"""The ledger's database: what is booked once is there once, and adds up."""

from __future__ import annotations

import pickle
import traceback
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from math import ceil, inf, nan
from uuid import uuid4

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_adapter.errors import LLMServiceError
from llm_adapter.ledger._errors import LedgerError
from llm_adapter.ledger._rows import Percentiles, UsageRow
from llm_adapter.models import Usage
from tests.services.ledgers import NOON, record

DAY = timedelta(days=1)

# -- booking --------------------------------------------------------------------------


def test_empty_ledger_has_one_row_of_zeros(database):
    assert database.usage() == [UsageRow()]


def test_record_is_booked_with_all_that_it_says(database):
    usage = Usage(
        input_tokens=100,
        output_tokens=50,
        cached_input_tokens=40,
        cache_write_tokens=30,
        reasoning_tokens=20,
        total_tokens=160,
    )
    booked = record(
        user_id="ann",
        workflow="letters",
        operation="stream",
        usage=usage,
        cost=Decimal("0.000000000001"),
        first_token=0.1,
        price_date=date(2026, 11, 1),
        request_id="r-1",
        status_code=200,
    )
    assert database.insert([booked]) == 1
    assert database.usage(by=["user", "workflow", "model", "day"]) == [
        UsageRow(
            user_id="ann",
            workflow="letters",
            day=NOON.date(),
            provider="groq",
            model="llama",
            calls=1,
            requests=1,
            succeeded=1,
            input_tokens=100,
            output_tokens=50,
            cached_input_tokens=40,
            cache_write_tokens=30,
            reasoning_tokens=20,
            total_tokens=160,
            latency=0.5,
            cost=Decimal("0.000000000001"),
        )
    ]


def test_booking_twice_changes_nothing(database):
    first, second = record(), record()
    assert database.insert([first]) == 1
    assert database.insert([first, second, first]) == 1
    assert database.usage()[0].requests == 2


def test_record_that_was_lost_may_be_found(database):
    """Its process had closed the ledger before the request ended."""
    begun = record(status="lost", usage=Usage(), cost=None)
    assert database.insert([begun]) == 1
    ended = evolve(begun, status="succeeded", cost=Decimal(1))
    assert database.insert([begun, ended]) == 1
    assert database.insert([begun]) == 0
    [row] = database.usage()
    assert (row.requests, row.succeeded, row.cost) == (1, 1, 1)


def test_record_that_has_ended_does_not_end_again(database):
    first = record(cost=Decimal(1))
    database.insert([first, evolve(first, cost=Decimal(2))])
    database.insert([evolve(first, status="failed", cost=None)])
    assert database.usage()[0].cost == 1


def test_many_records_are_booked_in_one_go(database):
    assert database.insert(record() for _ in range(1201)) == 1201
    assert database.usage()[0].cost == Decimal("12.01")


def test_nothing_to_book_is_fine(database):
    assert database.insert([]) == 0


def test_sum_of_costs_has_no_limit(database):
    million = Decimal(8_999_999) + Decimal("0.000000000001")
    database.insert(record(cost=million) for _ in range(5))
    assert database.usage()[0].cost == 5 * million


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-1", "1E+500", "9000001"])
def test_impossible_cost_is_an_unknown_one(database, cost):
    database.insert([record(cost=Decimal(cost))])
    [row] = database.usage()
    assert (row.cost, row.unpriced) == (0, 1)


@pytest.mark.parametrize("tokens", [-1, 10**13, 10**30])
def test_impossible_count_is_an_unknown_one(database, tokens):
    database.insert([record(usage=Usage(total_tokens=tokens, input_tokens=3))])
    assert database.usage()[0].total_tokens == 3


@pytest.mark.parametrize("latency", [nan, inf])
def test_impossible_latency_is_none(database, latency):
    database.insert([record(latency=latency, first_token=latency)])
    assert database.usage()[0].latency == 0
    assert database.series()[0].first_token is None


@pytest.mark.parametrize(
    "name", ["nul \0", "half a pair \ud800", "'; DROP TABLE x", "ä" * 9000, "%s :x"]
)
def test_any_text_can_be_booked_and_found_again(database, name):
    database.insert([record(user_id=name, workflow=name, model=name, error=name)])
    assert database.usage(user_id=name, workflow=name)[0].requests == 1


def test_long_names_that_begin_alike_stay_two(database):
    database.insert([record(user_id="x" * 300), record(user_id="x" * 301)])
    assert len(database.usage(by="user")) == 2


# -- sums -----------------------------------------------------------------------------


def test_retries_are_requests_of_one_call(database):
    database.insert(
        [
            record(call_id="a", attempt=1, status="failed", cost=None, usage=Usage()),
            record(call_id="a", attempt=2),
        ]
    )
    [row] = database.usage()
    assert (row.calls, row.requests, row.succeeded, row.errors) == (1, 2, 1, 1)


def test_spared_call_costs_nothing_twice(database):
    database.insert([record(status="cached", attempt=0)])
    assert database.usage() == [UsageRow(calls=1, cached=1)]


@pytest.mark.parametrize(
    ("status", "error", "errors"),
    [
        ("succeeded", None, 0),
        ("failed", "LLMServerError", 1),
        ("interrupted", "LLMStreamInterruptedError", 1),
        ("interrupted", None, 0),
        ("cancelled", "CancelledError", 0),
        ("lost", None, 0),
    ],
)
def test_errors_are_failures_and_broken_streams(database, status, error, errors):
    database.insert([record(status=status, error=error)])
    assert database.usage()[0].errors == errors
    assert sum(database.series()[0].errors.values()) == errors


def test_only_successes_without_a_cost_are_unpriced(database):
    database.insert([record(cost=None), record(cost=None, status="failed")])
    assert database.usage()[0].unpriced == 1


def test_total_is_counted_where_the_provider_gives_none(database):
    database.insert([record(usage=Usage(input_tokens=7)), record(usage=Usage())])
    assert database.usage()[0].total_tokens == 7


def test_mean_latency_is_that_of_the_requests(database):
    database.insert([record(latency=1.0), record(latency=2.0)])
    assert database.usage()[0].mean_latency == 1.5


def test_no_request_has_no_mean_latency():
    assert UsageRow().mean_latency is None


def test_same_model_of_two_providers_is_two(database):
    database.insert([record(), record(provider="local")])
    rows = database.usage(by="model")
    assert [(row.provider, row.model) for row in rows] == [
        ("groq", "llama"),
        ("local", "llama"),
    ]


def test_days_come_in_their_order_and_then_the_dearest_first(database):
    database.insert(
        [
            record(at=NOON, user_id="cheap", cost=Decimal(1)),
            record(at=NOON, user_id="dear", cost=Decimal(2)),
            record(at=NOON - DAY, user_id="early", cost=Decimal(1)),
            record(at=NOON, user_id=None, cost=Decimal(1)),
        ]
    )
    rows = database.usage(by=("user", "day"))
    assert [row.user_id for row in rows] == ["early", "dear", None, "cheap"]


def test_unknown_group_names_the_known_ones(database):
    with pytest.raises(ValueError, match=r"'hour'.*user, workflow, model"):
        database.usage(by="hour")


def test_number_is_the_user_that_its_digits_are(database):
    database.insert([record(user_id="42"), record(user_id="43")])
    assert database.usage(user_id=42)[0].requests == 1


@pytest.mark.parametrize("user", [True, 1.5])
def test_user_that_is_neither_text_nor_a_whole_number_is_refused(database, user):
    with pytest.raises(TypeError, match="user_id must be"):
        database.usage(user_id=user)


def test_since_is_included_and_until_is_not(database):
    database.insert(record(at=NOON + n * DAY) for n in range(4))
    found = database.usage(by="day", since=NOON + DAY, until=NOON + 3 * DAY)
    assert [row.day.day for row in found] == [25, 26]


def test_date_stands_for_the_beginning_of_its_day_in_utc(database):
    database.insert(
        record(at=datetime(2026, 11, 24, 0, 0, tzinfo=UTC) + n * timedelta(hours=12))
        for n in range(4)
    )
    found = database.usage(since=date(2026, 11, 24), until=date(2026, 11, 25))
    assert found[0].requests == 2


def test_day_of_a_record_is_that_of_utc(database):
    early = datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=2)))
    database.insert([record(at=early)])
    assert database.usage(by="day")[0].day == date(2026, 11, 23)


def test_time_without_zone_is_of_utc(database):
    database.insert([record(at=datetime(2026, 11, 24, 12))])
    assert database.usage(since=NOON)[0].requests == 1


def test_period_that_is_no_time_is_refused(database):
    with pytest.raises(TypeError, match="since must be"):
        database.usage(since="yesterday")


def test_usage_of_a_user_is_told_as_the_design_says(database):
    database.insert(
        [
            record(user_id="1", workflow="letters"),
            record(user_id="1", workflow="letters"),
            record(user_id="1", workflow="profile", usage=Usage(total_tokens=4)),
            record(user_id="1", cost=None),
            record(user_id="2"),
        ]
    )
    assert database.user_usage(1, now=NOON) == {
        "total_tokens": 49,
        "total_cost": Decimal("0.03"),
        "workflows": {"letters": 30, "profile": 4, "": 15},
    }


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([], Decimal(0)),
        ([("succeeded", None)], None),
        ([("succeeded", None), ("succeeded", Decimal(0))], Decimal(0)),
        ([("succeeded", None), ("cancelled", Decimal(2))], Decimal(2)),
        ([("failed", None)], Decimal(0)),
    ],
    ids=["nothing", "unknown", "free", "cancelled", "failed"],
)
def test_cost_of_a_user_is_unknown_when_none_is_known(database, costs, expected):
    database.insert(
        record(user_id="1", status=status, cost=cost) for status, cost in costs
    )
    assert database.user_usage(1, now=NOON)["total_cost"] == expected


def test_usage_of_a_user_is_of_so_many_days_with_today(database):
    database.insert(record(user_id="1", at=NOON - n * DAY) for n in range(5))
    assert database.user_usage("1", days=3, now=NOON)["total_tokens"] == 45


def test_usage_of_a_user_is_up_to_now(database):
    database.insert([record(user_id="1", at=datetime.now(UTC))])
    assert database.user_usage("1", days=1)["total_tokens"] == 15


@pytest.mark.parametrize(
    ("days", "kind"), [(0, ValueError), (10**9, ValueError), (1.5, TypeError)]
)
def test_number_of_days_is_checked(database, days, kind):
    with pytest.raises(kind, match="days"):
        database.user_usage("1", days=days)


# -- over time ------------------------------------------------------------------------


def test_percentiles_are_latencies_that_there_were(database):
    database.insert(record(latency=float(n)) for n in range(1, 101))
    [day] = database.series()
    assert day.latency == Percentiles(p50=50.0, p90=90.0, p95=95.0, p99=99.0)


def test_percentiles_of_one_request_are_its_latency(database):
    database.insert([record(latency=2.0, first_token=1.0)])
    [day] = database.series()
    assert day.latency == Percentiles(p50=2.0, p90=2.0, p95=2.0, p99=2.0)
    assert day.first_token == Percentiles(p50=1.0, p90=1.0, p95=1.0, p99=1.0)


def test_day_without_success_has_no_percentiles(database):
    database.insert([record(status="failed", error="LLMServerError", first_token=1.0)])
    [day] = database.series()
    assert (day.latency, day.first_token) == (None, None)


def test_errors_of_a_day_are_counted_by_class_the_most_frequent_first(database):
    errors = ["LLMServerError", "LLMTimeoutError", "LLMTimeoutError", None]
    database.insert(record(status="failed", error=error) for error in errors)
    [day] = database.series()
    assert next(iter(day.errors.items())) == ("LLMTimeoutError", 2)
    assert day.errors == {"LLMTimeoutError": 2, "LLMServerError": 1, "unknown": 1}


def test_series_has_a_row_for_each_day_and_only_of_what_was_asked(database):
    database.insert(
        [
            record(at=NOON, user_id="ann"),
            record(at=NOON - DAY, user_id="ann", latency=9.0),
            record(at=NOON, user_id="bob", status="failed"),
        ]
    )
    days = database.series(user_id="ann", until=NOON + DAY)
    assert [(each.day, each.usage.requests) for each in days] == [
        (date(2026, 11, 23), 1),
        (date(2026, 11, 24), 1),
    ]
    assert days[1].errors == {}
    assert days[0].usage.day == days[0].day


# -- sums of the database are sums over the records -----------------------------------

_TOKENS = st.none() | st.integers(0, 10**12)
_COSTS = st.none() | st.decimals(0, 10**6, places=12)
_SECONDS = st.floats(0, 1000).map(lambda value: round(value, 3))
_RECORDS = st.lists(
    st.builds(
        record,
        call_id=st.sampled_from(["a", "b", "c"]),
        at=st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 4)),
        provider=st.sampled_from(["groq", "local"]),
        model=st.sampled_from(["big", "small"]),
        user_id=st.sampled_from([None, "ann", "bob"]),
        status=st.sampled_from(
            ["succeeded", "failed", "cancelled", "interrupted", "cached", "lost"]
        ),
        error=st.sampled_from([None, "LLMServerError", "LLMTimeoutError"]),
        usage=st.builds(
            Usage,
            input_tokens=_TOKENS,
            output_tokens=_TOKENS,
            cached_input_tokens=_TOKENS,
            cache_write_tokens=_TOKENS,
            reasoning_tokens=_TOKENS,
            total_tokens=_TOKENS,
        ),
        cost=_COSTS,
        latency=_SECONDS,
        first_token=st.none() | _SECONDS,
    ),
    max_size=12,
)
_BY = {
    "user": lambda each: {"user_id": each.user_id},
    "model": lambda each: {"provider": each.provider, "model": each.model},
    "provider": lambda each: {"provider": each.provider},
    "day": lambda each: {"day": each.at.date()},
}
_PARTS = (
    *("input_tokens", "output_tokens", "cached_input_tokens"),
    *("cache_write_tokens", "reasoning_tokens"),
)


def is_error(each):
    broke = each.status == "interrupted" and each.error is not None
    return each.status == "failed" or broke


def expected_total(usage):
    if usage.total_tokens is not None:
        return usage.total_tokens
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def expected_row(records, **keys):
    requests = [each for each in records if each.status != "cached"]
    succeeded = [each for each in records if each.status == "succeeded"]
    return UsageRow(
        **keys,
        calls=len({each.call_id for each in records}),
        requests=len(requests),
        succeeded=len(succeeded),
        errors=sum(map(is_error, records)),
        cached=len(records) - len(requests),
        **{
            name: sum(getattr(each.usage, name) or 0 for each in requests)
            for name in _PARTS
        },
        total_tokens=sum(expected_total(each.usage) for each in requests),
        cost=sum((each.cost or Decimal(0) for each in requests), start=Decimal(0)),
        unpriced=sum(each.cost is None for each in succeeded),
        latency=sum(each.latency for each in requests),
    )


def grouped(records, by):
    groups = {}
    for each in records:
        keys = {name: key for group in by for name, key in _BY[group](each).items()}
        groups.setdefault(tuple(keys.items()), []).append(each)
    return [expected_row(found, **dict(keys)) for keys, found in groups.items()]


def comparable(rows):
    """Without what depends on the order in which fractions are added."""
    return Counter(evolve(row, latency=round(row.latency, 6)) for row in rows)


@settings(
    max_examples=40,
    deadline=None,
    # Each example has a workflow of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(records=_RECORDS, by=st.lists(st.sampled_from(list(_BY)), min_size=1))
def test_sums_of_the_database_are_sums_over_the_records(database, records, by):
    workflow = uuid4().hex
    # Hypothesis makes the same ids again, and what is there is not booked twice.
    ids = (uuid4().hex for _ in records)
    database.insert(
        evolve(each, id=made, workflow=workflow)
        for made, each in zip(ids, records, strict=True)
    )
    found = database.usage(by=by, workflow=workflow)
    assert comparable(found) == comparable(grouped(records, by))
    [whole] = database.usage(workflow=workflow)
    assert comparable([whole]) == comparable([expected_row(records)])


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seconds=st.lists(_SECONDS, min_size=1, max_size=30))
def test_percentile_is_the_nearest_of_the_sorted_values(database, seconds):
    workflow = uuid4().hex
    database.insert(record(workflow=workflow, latency=each) for each in seconds)
    [day] = database.series(workflow=workflow)
    ordered = sorted(seconds)
    for percent in (50, 90, 95, 99):
        place = ceil(len(ordered) * percent / 100)
        assert getattr(day.latency, f"p{percent}") == ordered[place - 1]


# -- errors ---------------------------------------------------------------------------


def test_error_is_one_of_the_family_and_keeps_its_cause(make_database, postgres):
    database = make_database(postgres.url_of("missing"))
    with pytest.raises(LedgerError, match="missing") as caught:
        database.usage()
    assert isinstance(caught.value, LLMServiceError)
    assert caught.value.retryable
    assert type(caught.value.__cause__).__name__ == "OperationalError"


def test_error_can_be_pickled(make_database, postgres):
    with pytest.raises(LedgerError) as caught:
        make_database(postgres.url_of("missing")).prepare()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_wrong_password_is_told_without_it(make_database, postgres):
    url = postgres.url.replace("a-secret-of-postgres", "another-secret")
    database = make_database(url)
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        database.prepare()
    shown = "".join(traceback.format_exception(caught.value))
    assert "another-secret" not in shown + repr(database) + repr(caught.value)


def test_password_that_the_server_quotes_is_hidden(make_database, postgres):
    """Such as one that is the name of the user as well."""
    url = f"postgresql://quoted:quoted@127.0.0.1:{postgres.port}/postgres"
    with pytest.raises(LedgerError) as caught:
        make_database(url).prepare()
    assert "quoted" not in str(caught.value)


def test_file_that_cannot_be_made_is_an_error(make_database, tmp_path):
    (tmp_path / "file").write_text("")
    database = make_database(f"sqlite:///{tmp_path}/file/ledger.db")
    with pytest.raises(LedgerError, match=r"file/ledger.db cannot be used"):
        database.prepare()


def test_file_that_is_no_database_is_an_error(make_database, tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match="not a database"):
        make_database(f"sqlite:///{path}").prepare()
