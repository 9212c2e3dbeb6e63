"""One service for each process: shared, made late, made anew."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from functools import partial

import anyio
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from llm_adapter import (
    AsyncLLMService,
    LLMService,
    LLMServiceError,
)
from llm_adapter.integrations import django as front
from llm_adapter.integrations.django import (
    close_llm_services,
    flush_llm_ledger,
    get_async_llm_service,
    get_llm_service,
)
from llm_adapter.integrations.django.models import LLMUsage
from tests.integrations.django.wraps import answering
from tests.processes import run_program

HEAD = """
    import os
    from django.conf import settings
    settings.configure(
        INSTALLED_APPS=["llm_adapter.integrations.django"],
        LLM_ADAPTER={"PROVIDER": "mock"},
    )
    import django
    django.setup()
    from llm_adapter.integrations.django import *
"""


def test_every_thread_gets_the_same_service(configured):
    begin = threading.Barrier(8)
    got = []

    def get():
        begin.wait()
        got.append(get_llm_service())

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in got}) == 1
    assert isinstance(got[0], LLMService)


def test_async_service_is_there_at_once_and_shared(configured):
    assert get_async_llm_service() is get_async_llm_service()
    assert isinstance(get_async_llm_service(), AsyncLLMService)


def test_a_workflow_is_a_view_of_the_shared_service(configured, emulator):
    workflows = {"ranking": {"max_tokens": 77}}
    configured(LEDGER="django", LEDGER_IMMEDIATE=True, WORKFLOWS=workflows)
    get_llm_service("ranking").generate("Hello")
    assert emulator.seen[0].json["max_completion_tokens"] == 77
    assert LLMUsage.objects.get().workflow == "ranking"


async def generated():
    return await get_async_llm_service("content_ranking").generate("Hello")


def test_an_async_workflow_likewise(configured):
    configured(LEDGER="django", LEDGER_IMMEDIATE=True)
    anyio.run(generated)
    assert flush_llm_ledger()
    assert LLMUsage.objects.get().workflow == "content_ranking"


def test_with_leaves_the_shared_service_open(configured, emulator):
    with get_llm_service() as llm:
        llm.generate("Hello")
    get_llm_service().generate("Hello")
    assert emulator.counts.requests == 2


def test_async_with_leaves_the_shared_service_open(configured, emulator):
    async def ask():
        async with get_async_llm_service() as llm:
            await llm.generate("Hello")
        await get_async_llm_service().generate("Hello")

    anyio.run(ask)
    assert emulator.counts.requests == 2


def test_closing_all_ends_what_was_made_and_the_next_is_new(configured, emulator):
    old = get_llm_service()
    close_llm_services()
    assert get_llm_service() is not old
    with pytest.raises(LLMServiceError, match="closed"):
        old.generate("Hello")


def test_closing_all_closes_an_async_service_without_a_loop(configured):
    old = get_async_llm_service()
    close_llm_services()
    with pytest.raises(LLMServiceError, match="closed"):
        anyio.run(old.generate, "Hello")


def test_closing_all_within_a_loop_closes_the_async_service_soon(configured, emulator):
    async def ask():
        old = get_async_llm_service()
        await old.generate("Hello")
        close_llm_services()
        closed = partial(emulator.wait_for, lambda counts: not counts.connections_open)
        assert await anyio.to_thread.run_sync(closed)

    anyio.run(ask)


def test_a_changed_setting_makes_a_new_service(configured):
    before = get_llm_service()
    with override_settings(LLM_ADAPTER={"PROVIDER": "mock"}):
        assert get_llm_service().get_provider_name() == "mock"
    assert get_llm_service() is not before
    assert get_llm_service().get_provider_name() == "groq"


def test_another_changed_setting_changes_nothing(configured):
    before = get_llm_service()
    with override_settings(DEBUG=True):
        assert get_llm_service() is before


def test_the_setting_reaches_the_provider(configured, emulator):
    configured(MODEL="openai/gpt-oss-20b", TIMEOUT=30, MAX_RETRIES=0)
    get_llm_service().generate("Hello")
    [seen] = emulator.seen
    assert seen.headers["authorization"] == "Bearer gsk_a_secret_of_groq"
    assert seen.json["model"] == "openai/gpt-oss-20b"


def test_cache_spares_requests_that_the_ledger_still_knows(configured, emulator):
    configured(CACHE="memory://", CACHE_TTL=60, LEDGER="django", LEDGER_IMMEDIATE=True)
    for _ in range(2):
        get_llm_service().generate("Hello", temperature=0)
    assert emulator.counts.requests == 1
    statuses = LLMUsage.objects.values_list("status", flat=True)
    assert sorted(statuses) == ["cached", "succeeded"]


def test_cache_has_its_usual_time(configured, emulator):
    configured(CACHE="memory://")
    for _ in range(2):
        get_llm_service().generate("Hello", temperature=0)
    assert emulator.counts.requests == 1


def test_monitoring_counts_calls(configured):
    configured(MONITORING=True)
    get_llm_service().generate("Hello")
    assert get_llm_service().snapshot().total.calls == 1


@pytest.mark.parametrize(
    "wrap", [answering, "tests.integrations.django.wraps.answering"]
)
def test_wrap_is_used_in_the_place_of_the_service(configured, wrap):
    configured(WRAP=wrap)
    assert get_llm_service().generate("Hello").text == "wrapped"
    assert anyio.run(get_async_llm_service().generate, "Hello").text == "wrapped"


def test_wrap_that_returns_no_service_is_told(configured):
    configured(WRAP=lambda service: None)
    with pytest.raises(ImproperlyConfigured, match="returned None: return a LLMServ"):
        get_llm_service()


@pytest.mark.parametrize("get", [get_llm_service, get_async_llm_service])
def test_ledger_with_a_url_keeps_to_budgets(configured, tmp_path, get):
    from llm_adapter import Budget, LLMBudgetExceededError

    configured(LEDGER=f"sqlite:///{tmp_path}/ledger.db", BUDGETS=[Budget(tokens=1)])
    ask = get().generate
    with pytest.raises(LLMBudgetExceededError):
        ask("Hello") if get is get_llm_service else anyio.run(ask, "Hello")


def test_flush_without_a_ledger_has_nothing_to_wait_for(configured):
    get_llm_service()
    assert flush_llm_ledger()


# -- processes ------------------------------------------------------------------------


def test_a_forked_process_makes_its_own():
    program = """
    before = get_llm_service()
    abefore = get_async_llm_service()
    child = os.fork()
    if not child:
        print(get_llm_service() is before, get_async_llm_service() is abefore)
        raise SystemExit
    os.waitpid(child, 0)
    print(get_llm_service() is before)
    """
    assert run_program(HEAD + program).split() == ["False", "False", "True"]


def test_a_process_forks_between_two_batches_of_the_ledger(tmp_path, monkeypatch):
    """Within one SQLite would leave the child a lock that nobody releases."""
    # Coverage, too, has locks that a thread may hold.
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    program = """
    import os, sys, threading, time, warnings
    from datetime import datetime
    from django.conf import settings
    options = {"transaction_mode": "IMMEDIATE", "timeout": 1}
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": sys.argv[1],
        "OPTIONS": options,
    }
    settings.configure(
        INSTALLED_APPS=["llm_adapter.integrations.django"],
        DATABASES={"default": database},
    )
    import django
    django.setup()
    from django.core.management import call_command
    from django.db import connections, transaction
    from llm_adapter.integrations.django._ledger import DjangoLedger
    from llm_adapter.ledger import Record

    warnings.simplefilter("ignore", DeprecationWarning)

    def record():
        return Record(
            id=os.urandom(8).hex(),
            call_id="c",
            attempt=1,
            at=datetime.now(),
            operation="generate",
            provider="groq",
            model="llama",
        )

    call_command("migrate", verbosity=0)
    connections.close_all()
    ledger = DjangoLedger("default", sys.argv[2])
    insert, writes = ledger.database.insert, threading.Event()

    def slowly(records):
        with transaction.atomic():
            insert(records)
            writes.set()
            time.sleep(1)

    ledger.database.insert = slowly
    ledger.end(record())
    writes.wait()
    child = os.fork()
    if not child:
        ledger.database.insert = insert
        ledger.end(record())
        print(ledger.flush(4), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    ledger.close(10)
    """
    said = run_program(program, str(tmp_path / "db"), str(tmp_path / "journal"))
    assert said.split() == ["True"]


def test_the_end_of_the_process_closes_what_was_made():
    program = """
    from llm_adapter import MockLLMService

    class Told(MockLLMService):
        def close(self):
            print("closed")

    settings.LLM_ADAPTER = {"PROVIDER": "mock", "WRAP": lambda service: Told()}
    get_llm_service()
    """
    assert run_program(HEAD + program).split() == ["closed"]


def test_the_end_of_the_process_writes_what_was_booked(tmp_path):
    program = """
    import sys
    from django.conf import settings
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}
    settings.configure(
        INSTALLED_APPS=["llm_adapter.integrations.django"],
        DATABASES={"default": database},
        LLM_ADAPTER={"PROVIDER": "mock", "LEDGER": "django"},
    )
    import django
    django.setup()
    from django.core.management import call_command
    from llm_adapter.integrations.django import get_async_llm_service, get_llm_service
    call_command("migrate", verbosity=0)
    if sys.argv[2] == "sync":
        get_llm_service().generate("Hello")
    else:
        from asgiref.sync import async_to_sync

        async def ask():
            await get_async_llm_service().generate("Hello")

        async_to_sync(ask)()
    """
    for number, form in enumerate(["sync", "async"], start=1):
        run_program(program, str(tmp_path / "db"), form)
        with closing(sqlite3.connect(tmp_path / "db")) as connection:
            count = connection.execute("SELECT count(*) FROM llm_adapter_llmusage")
            assert count.fetchone() == (number,)


def test_front_door_is_importable_before_django_is_ready():
    program = """
    import sys
    import llm_adapter
    print("django" in sys.modules)
    import llm_adapter.integrations.django
    print("django" in sys.modules)
    """
    assert run_program(program).split() == ["False", "False"]


def test_front_door_names_what_it_has():
    assert set(front.__all__) <= set(dir(front))
    assert all(getattr(front, name) for name in front.__all__)


def test_unknown_name_of_the_front_door_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'llm'"):
        front.llm  # noqa: B018 - looking is the test
