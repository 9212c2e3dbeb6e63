"""`llm-adapter doctor` and stores that run on servers."""

from __future__ import annotations

import json

from llm_adapter import cli


def stores(capsys):
    """What it tells of the cache and the ledger."""
    cli.main(["doctor", "--json"])
    return json.loads(capsys.readouterr().out)["stores"]


def test_redis_that_runs_works(redis_server, monkeypatch, capsys):
    monkeypatch.setenv("LLM_CACHE_URL", redis_server.url)
    cache = stores(capsys)["cache"]
    assert (cache["works"], cache["note"]) == (True, "answers")


def test_postgresql_that_runs_works_and_gets_no_tables(
    postgres_url, monkeypatch, capsys
):
    import psycopg

    monkeypatch.setenv("LLM_LEDGER_URL", postgres_url)
    ledger = stores(capsys)["ledger"]
    assert (ledger["works"], ledger["note"]) == (True, "answers")
    query = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'llm_adapter%'"
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(query).fetchone() == (0,)
