"""The ledger in Django's database: what is in it, and that nothing is lost."""

from __future__ import annotations

import logging
import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import anyio
import pytest
from attrs import evolve
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.test import override_settings
from django.test.utils import setup_test_environment, teardown_test_environment

from llm_adapter.integrations.django import (
    _ledger,
    close_llm_services,
    flush_llm_ledger,
    get_async_llm_service,
    get_llm_service,
)
from llm_adapter.integrations.django._ledger import (
    DjangoDatabase,
    DjangoLedger,
    DjangoTokenTracker,
    ImmediateLedger,
    directory,
)
from llm_adapter.integrations.django.models import LLMUsage
from llm_adapter.ledger._database import Database
from llm_adapter.models import Usage
from llm_adapter.testing.emulator import faults
from tests.services.ledgers import NOON, record


@pytest.fixture
def database(alias):
    return DjangoDatabase(alias)


def rows(alias):
    return LLMUsage.objects.using(alias)


# -- what is kept ---------------------------------------------------------------------


def test_a_record_is_kept_whole(database, alias):
    made = record(
        user_id="ann",
        workflow="ranking",
        status="failed",
        error="LLMServerError",
        status_code=500,
        cost=Decimal("0.000000000001"),
        price_date=date(2026, 11, 1),
        first_token=0.25,
        request_id="req_1",
        usage=Usage(input_tokens=10, output_tokens=5, service_tier="flex"),
    )
    database.insert([made])
    kept = rows(alias).get()
    for name in ("id", "call_id", "attempt", "at", "operation", "provider", "model"):
        assert getattr(kept, name) == getattr(made, name)
    assert (kept.user_id, kept.workflow, kept.status) == ("ann", "ranking", "failed")
    assert (kept.error, kept.status_code) == ("LLMServerError", 500)
    assert (kept.cost, kept.price_date) == (made.cost, made.price_date)
    assert (kept.first_token, kept.request_id) == (0.25, "req_1")
    assert (kept.input_tokens, kept.total_tokens) == (10, None)
    assert (kept.day, kept.service_tier) == (date(2026, 11, 24), "flex")
    assert str(kept) == "groq:llama 2026-11-24 12:00:00"


def test_a_record_is_kept_once(database, alias):
    made = record()
    database.insert([made])
    database.insert([made, record()])
    assert rows(alias).count() == 2


def test_a_record_that_was_lost_may_be_found(database, alias):
    lost = record(status="lost", cost=None)
    database.insert([lost])
    database.insert([evolve(lost, status="succeeded", cost=Decimal(1)), lost])
    database.insert([lost])
    assert (rows(alias).get().status, rows(alias).get().cost) == ("succeeded", 1)


def test_what_no_database_could_keep_does_not_stop_the_rest(database, alias):
    wild = record(
        user_id="nul \0" + "x" * 999,
        cost=Decimal("NaN"),
        latency=float("inf"),
        first_token=float("nan"),
        usage=Usage(input_tokens=10**13),
    )
    database.insert([wild])
    kept = rows(alias).get()
    assert len(kept.user_id) == 255
    assert (kept.cost, kept.latency, kept.first_token) == (None, 0.0, None)
    assert kept.input_tokens is None


@pytest.mark.parametrize("use_tz", [True, False])
def test_days_are_those_of_utc(database, alias, use_tz):
    at = datetime(2026, 11, 24, 1, tzinfo=timezone(timedelta(hours=2)))
    with override_settings(USE_TZ=use_tz, TIME_ZONE="Asia/Tokyo"):
        database.insert([record(at=at), record(at=datetime(2026, 11, 23, 23))])
        assert {each.day for each in rows(alias).all()} == {date(2026, 11, 23)}
        [total] = database.usage(since=date(2026, 11, 23), until=date(2026, 11, 24))
        [none] = database.usage(since=date(2026, 11, 24))
    assert (total.calls, none.calls) == (2, 0)


def test_costs_can_be_compared_and_added_without_an_error(database, alias):
    from django.db.models import Sum

    database.insert([record(cost=Decimal("0.1")) for _ in range(3)])
    database.insert([record(cost=Decimal("1e-12"))])
    assert rows(alias).filter(cost__gte=Decimal("0.1")).count() == 3
    found = rows(alias).aggregate(total=Sum("cost"))
    assert found["total"] == Decimal("0.300000000001")


def test_rows_go_through_fixtures(database, alias):
    database.insert([record(cost=Decimal("1e-12")), record(cost=None)])
    written = serializers.serialize("json", rows(alias).all())
    before = {each.id: each.cost for each in rows(alias).all()}
    rows(alias).all().delete()
    for each in serializers.deserialize("json", written, using=alias):
        each.save(using=alias)
    assert {each.id: each.cost for each in rows(alias).all()} == before


def test_a_cost_that_is_no_number_is_told():
    with pytest.raises(ValidationError, match="no amount"):
        LLMUsage(cost="much").clean_fields(exclude={"id"})


# -- sums, as the other ledger has them -----------------------------------------------

BOOKED = [
    record(user_id="ann", workflow="a", cost=Decimal("1.5"), latency=1.0),
    record(user_id="ann", workflow="b", cost=None, first_token=0.3),
    record(user_id="bob", model="gpt", provider="openai", latency=2.0),
    record(user_id="bob", status="failed", error="LLMServerError", usage=Usage()),
    record(status="interrupted", error="LLMStreamInterruptedError", cost=None),
    record(status="interrupted", cost=None),
    record(status="cached", attempt=0, cost=Decimal(0), usage=Usage()),
    record(at=NOON + timedelta(days=1), first_token=0.7, latency=9.0),
    *(record(at=NOON + timedelta(days=2), latency=each / 8) for each in range(23)),
    record(at=NOON + timedelta(days=2), status="failed", error=None, cost=None),
]


@pytest.fixture
def other(tmp_path):
    """The same in a ledger of SQLAlchemy's."""
    other = Database(f"sqlite:///{tmp_path}/other.db")
    other.insert(BOOKED)
    yield other
    other.close()


@pytest.mark.parametrize(
    "by", [None, "user", "workflow", "model", "provider", "day", ("day", "user")]
)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"user_id": "ann"},
        {"workflow": "b"},
        {"since": NOON + timedelta(days=1)},
        {"until": date(2026, 11, 25)},
        {"user_id": "nobody"},
    ],
    ids=lambda asked: "-".join(asked) + str(asked.get("user_id", "")),
)
def test_sums_are_those_of_the_other_ledger(database, other, by, asked):
    database.insert(BOOKED)
    assert database.usage(by=by, **asked) == other.usage(by=by, **asked)


def test_days_are_those_of_the_other_ledger(database, other):
    database.insert(BOOKED)
    assert database.series() == other.series()


def test_a_moment_that_is_none_is_told(database):
    with pytest.raises(TypeError, match="since must be a datetime"):
        database.usage(since="yesterday")


def test_tracker_answers_from_djangos_database(alias, tmp_path):
    ledger = DjangoLedger(alias, tmp_path)
    with DjangoTokenTracker(ledger) as tracker:
        tracker.log_usage("ann", "ranking", "groq", "llama", 42)
        usage = tracker.get_user_usage("ann")
        assert usage["workflows"] == {"ranking": 42}
        assert repr(alias) in repr(tracker)


# -- behind the back of calls ---------------------------------------------------------


@pytest.fixture
def written(configured, alias):
    configured(LEDGER="django", LEDGER_DATABASE=alias)
    return lambda: flush_llm_ledger(20)


def test_every_request_is_booked_retries_included(written, configured, alias, emulator):
    configured(LEDGER="django", LEDGER_DATABASE=alias, MAX_RETRIES=1)
    emulator.script(faults.server_error())
    get_llm_service().generate("Hello")
    assert written()
    statuses = rows(alias).order_by("attempt").values_list("status", flat=True)
    assert list(statuses) == ["failed", "succeeded"]
    assert emulator.counts.requests == 2


def test_async_calls_are_booked_in_the_same_ledger(written, alias):
    get_llm_service().generate("Hello")
    anyio.run(get_async_llm_service().generate, "Hello")
    assert written()
    assert rows(alias).count() == 2


def test_the_writer_leaves_no_connection_open(
    written, postgres_alias, configured, postgres
):
    configured(LEDGER="django", LEDGER_DATABASE=postgres_alias)
    get_llm_service().generate("Hello")
    assert written()
    connections[postgres_alias].close()
    name = connections[postgres_alias].settings_dict["NAME"]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    assert postgres.run(query) == [(0,)]


def test_asking_in_a_thread_leaves_no_connection_open(written, alias):
    get_llm_service().generate("Hello")
    tracker = get_llm_service().tracker
    found = []

    def ask():
        found.extend(tracker.get_usage())
        found.append(connections[alias].connection)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found[0].calls == 1
    assert found[1] is None


def test_what_the_database_does_not_take_is_written_later(
    written, postgres_alias, configured, postgres
):
    configured(LEDGER="django", LEDGER_DATABASE=postgres_alias)
    connections[postgres_alias].close()
    postgres.stop()
    get_llm_service().generate("Hello")
    assert not flush_llm_ledger(1)
    postgres.start()
    assert flush_llm_ledger(30)
    assert rows(postgres_alias).count() == 1


def test_what_a_process_leaves_is_written_by_the_next(
    written, alias, tmp_path, emulator
):
    class Broken(Exception):
        pass

    def refuse(records):
        raise Broken

    ledger = DjangoLedger(alias, tmp_path / "journal")
    ledger._writer._sink = refuse
    ledger.end(record())
    ledger.close(0.1)
    get_llm_service().generate("Hello")
    assert written()
    assert rows(alias).count() == 2


def test_the_journal_is_beside_the_file(project):
    name = connections["default"].settings_dict["NAME"]
    assert str(directory("default")) == f"{name}.waiting"


def test_the_journal_of_a_server_is_below_the_users_state(
    postgres_alias, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = directory(postgres_alias)
    assert found.parent == tmp_path / "llm-adapter"
    assert found == directory(postgres_alias)


# -- at once, for tests ---------------------------------------------------------------


def test_immediate_rows_vanish_with_the_transaction(configured):
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)
    with transaction.atomic():
        get_llm_service().generate("Hello")
        assert LLMUsage.objects.count() == 1
        transaction.set_rollback(True)
    assert not LLMUsage.objects.exists()


def test_immediate_is_what_djangos_tests_get(configured):
    setup_test_environment()
    try:
        configured(LEDGER="django")
        get_llm_service().generate("Hello")
        assert LLMUsage.objects.count() == 1
    finally:
        teardown_test_environment()


def test_immediate_records_of_a_loop_wait_for_the_flush(configured):
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)

    async def ask():
        await get_async_llm_service().generate("Hello")
        return get_async_llm_service().tracker.stats()

    stats = anyio.run(ask)
    assert (stats.booked, stats.waiting, stats.written) == (1, 1, 0)
    assert flush_llm_ledger()
    assert get_async_llm_service().tracker.stats().written == 1


def test_immediate_records_that_cannot_be_written_fail_no_call(
    configured, caplog, monkeypatch
):
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)
    ledger = get_llm_service().tracker.ledger
    monkeypatch.setattr(ledger.database, "using", "nowhere")
    with caplog.at_level(logging.WARNING, "llm_adapter"):
        get_llm_service().generate("Hello")
    assert "1 records of the ledger are lost" in caplog.text
    assert ledger.stats().failures == 1


def test_immediate_ledger_writes_when_it_is_closed(configured):
    ledger = ImmediateLedger("default")

    async def book():
        ledger.end(record())

    anyio.run(book)
    ledger.close(1)
    assert LLMUsage.objects.count() == 1
    close_llm_services()


def test_a_fork_does_not_wait_for_ever(monkeypatch):
    forks = _ledger._Forks()
    monkeypatch.setattr(_ledger, "PAUSE", 0.01)
    with forks.away():
        forks.before()
        forks.in_parent()
    with forks.away():
        pass


def test_a_forked_process_may_write_whatever_its_parent_does():
    forks = _ledger._Forks()
    forks.before()
    forks.in_child()
    with forks.away():
        pass


def test_immediate_ledger_without_records_leaves_the_database_alone():
    ledger = ImmediateLedger("nowhere")
    assert ledger.flush(1)
    assert ledger.stats().failures == 0
