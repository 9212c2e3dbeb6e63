"""`llm_usage` and `llm_check`, for a ledger of either kind."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management.base import CommandError
from django.test import override_settings

from llm_adapter import TokenTracker
from llm_adapter.integrations.django._ledger import DjangoDatabase, DjangoLedger
from llm_adapter.testing.emulator import faults
from tests.integrations.django.conftest import KEY
from tests.services.ledgers import record

SECRET = "a-secret-of-mine"


def now(**fields):
    return record(at=datetime.now(UTC), **fields)


BOOKED = [
    now(user_id="ann", workflow="ranking", cost=Decimal("1.25")),
    now(user_id="bob", workflow="ranking", model="gpt", cost=Decimal("0.5")),
    now(user_id="bob", status="failed", error="LLMServerError", cost=None),
]


@pytest.fixture(params=["file", "postgres", "url"])
def ledger(request, configured, tmp_path):
    """Where the same is booked."""
    if request.param == "url":
        url = f"sqlite:///{tmp_path}/ledger.db"
        with TokenTracker(url) as tracker:
            tracker.ledger.database.insert(BOOKED)
        configured(LEDGER=url)
    else:
        alias = request.getfixturevalue(f"{request.param}_alias")
        DjangoDatabase(alias).insert(BOOKED)
        configured(LEDGER="django", LEDGER_DATABASE=alias)


# -- llm_usage ------------------------------------------------------------------------


def test_usage_shows_a_table_by_model(ledger, run):
    said = run("llm_usage")
    assert "30 days" in said
    assert [line.split()[:2] for line in said.splitlines() if "groq" in line] == [
        ["groq", "llama"],
        ["groq", "gpt"],
    ]
    assert "$1.75" in said.splitlines()[-1]


def test_usage_tells_apart_and_filters(ledger, run):
    data = json.loads(
        run("llm_usage", "--by", "user, day", "--workflow", "ranking", "--json")
    )
    today = datetime.now(UTC).date().isoformat()
    assert [(row["user_id"], row["day"], row["cost"]) for row in data["rows"]] == [
        ("ann", today, "1.25"),
        ("bob", today, "0.5"),
    ]
    assert data["totals"]["cost"] == "1.75"


def test_usage_is_that_of_one_user(ledger, run):
    data = json.loads(run("llm_usage", "--user", "bob", "--days", "1", "--json"))
    assert (data["totals"]["requests"], data["totals"]["errors"]) == (2, 1)
    assert data["first_day"] == data["last_day"]


def test_usage_writes_a_page(ledger, run, tmp_path, capsys):
    page = tmp_path / "usage.html"
    run("llm_usage", "--html", str(page))
    assert "ranking" in page.read_text("utf-8")


def test_usage_knows_what_a_process_has_left(configured, run, tmp_path):
    def refuse(records):
        raise OSError

    left = DjangoLedger("default", tmp_path / "journal")
    left._writer._sink = refuse
    left.end(now())
    left.close(0.1)
    configured(LEDGER="django")
    assert json.loads(run("llm_usage", "--json"))["totals"]["requests"] == 1


def test_usage_says_what_waits_for_the_database(configured, run, tmp_path, monkeypatch):
    def refuse(records):
        raise OSError

    monkeypatch.setattr(
        "llm_adapter.integrations.django.management.commands.llm_usage.PATIENCE", 0.1
    )
    from llm_adapter.integrations.django import get_llm_service

    configured(LEDGER="django")
    ledger = get_llm_service().tracker.ledger
    with monkeypatch.context() as patch:
        patch.setattr(ledger._writer, "_sink", refuse)
        ledger.end(now())
        assert "1 records are not in the database yet." in run("llm_usage")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "colour"], "'colour' is none of model"),
        (["--days", "0"], "'0' is no number from 1 to 36500"),
        (["--days", "many"], "'many' is no number from 1 to 36500"),
        (["--html", "page.html", "--json"], "leave out --json and --by"),
    ],
)
def test_wrong_usage_is_told(configured, run, arguments, said):
    configured(LEDGER="django")
    with pytest.raises(CommandError, match=said):
        run("llm_usage", *arguments)


def test_usage_without_a_ledger_says_what_to_set(configured, run):
    with pytest.raises(CommandError, match="'LEDGER'] to 'django' or to a URL"):
        run("llm_usage")


def test_usage_of_a_ledger_that_there_is_not_is_told(configured, run, tmp_path):
    configured(LEDGER=f"sqlite:///{tmp_path}/nothing.db")
    with pytest.raises(CommandError, match="There is no ledger at"):
        run("llm_usage")


def test_usage_without_the_extra_says_what_to_install(configured, run, monkeypatch):
    configured(LEDGER="django")
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(CommandError, match=r"pip install 'llm-adapter\[cli\]'"):
        run("llm_usage")


def test_usage_ends_quietly_when_nobody_reads(configured, monkeypatch):
    import click
    from django.core.management import call_command

    configured(LEDGER="django")

    class Closed(io.StringIO):
        def write(self, text):
            raise click.exceptions.Exit(141)

    with pytest.raises(SystemExit) as ended:
        call_command("llm_usage", stdout=Closed())
    assert ended.value.code == 141


# -- llm_check ------------------------------------------------------------------------


def test_check_tells_one_fact_a_line(configured, run, emulator):
    configured(LEDGER="django", CACHE="memory://", MODEL="openai/gpt-oss-20b")
    lines = run("llm_check").splitlines()
    assert [line[:6].strip() for line in lines] == ["ok"] * 6
    assert [line[7:].partition(":")[0] for line in lines] == [
        *("settings", "provider", "key", "cache", "ledger", "models"),
    ]
    assert KEY not in "".join(lines)
    assert "model openai/gpt-oss-20b" in lines[1]
    assert "0 rows in Django's database 'default'" in lines[4]
    assert emulator.counts.requests == 1


def test_check_offline_asks_nobody(configured, run, emulator):
    assert "models" not in run("llm_check", "--offline")
    assert emulator.counts.requests == 0


def test_check_fails_when_the_provider_refuses(configured, run, emulator):
    emulator.script(faults.invalid_api_key())
    with pytest.raises(CommandError, match="Calls may fail"):
        run("llm_check")


@pytest.fixture
def failing(capsys):
    """What a check says that fails."""
    from django.core.management import call_command

    def failing(*arguments):
        with pytest.raises(CommandError):
            call_command("llm_check", *arguments, no_color=True)
        return capsys.readouterr().out

    return failing


def test_check_tells_what_is_wrong_with_the_settings(configured, failing):
    configured(TIMEOUT=0, API_KEY=[SECRET])
    said = failing()
    assert said.count("FAILED settings") == 2
    assert SECRET not in said


def test_check_tells_a_missing_key(failing):
    with override_settings(LLM_ADAPTER={"PROVIDER": "groq"}):
        said = failing()
    assert "FAILED settings: There is no API key for groq" in said
    assert "key: is missing" in said
    assert "models" not in said


def test_check_tells_a_database_without_tables(configured, failing, tmp_path):
    from django.db import connections

    from tests.integrations.django.conftest import sqlite_database

    given = {**connections.settings, "empty": sqlite_database(tmp_path / "empty")}
    connections.settings["empty"] = connections.configure_settings(given)["empty"]
    try:
        configured(LEDGER="django", LEDGER_DATABASE="empty")
        assert "FAILED ledger: no such table" in failing("--offline")
    finally:
        connections["empty"].close()
        del connections["empty"]
        del connections.settings["empty"]


def test_check_tells_a_ledger_that_cannot_be_reached(configured, failing):
    configured(LEDGER=f"postgresql://me:{SECRET}@127.0.0.1:1/nothing")
    said = failing("--offline")
    assert "FAILED ledger" in said
    assert SECRET not in said


def test_check_tells_a_cache_that_cannot_be_reached(configured, failing):
    configured(CACHE=f"redis://me:{SECRET}@127.0.0.1:1/0")
    said = failing("--offline")
    assert "FAILED cache" in said
    assert SECRET not in said


def test_check_makes_the_tables_of_a_ledger_with_a_url(configured, run, tmp_path):
    configured(LEDGER=f"sqlite:///{tmp_path}/ledger.db")
    assert f"Database('sqlite:///{tmp_path}/ledger.db')" in run("llm_check")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"PROVIDER": "mock"}, "key: left to the adapter"),
        ({"PROVIDER": "local"}, "key: is not needed"),
        ({"PROVIDER": "anthropic"}, "key: is in ANTHROPIC_AUTH_TOKEN"),
    ],
)
def test_check_tells_where_the_key_is(run, monkeypatch, keys, said):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", SECRET)
    with override_settings(LLM_ADAPTER=keys):
        found = run("llm_check", "--offline")
    assert said in found
    assert SECRET not in found
