"""`llm-adapter usage` with a ledger in PostgreSQL, as with one in a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from llm_adapter import cli
from llm_adapter.ledger._records import Record
from llm_adapter.models import Usage


def record(number, **fields):
    return Record(
        id=f"r{number}",
        call_id=f"c{number}",
        attempt=1,
        at=datetime.now(UTC),
        operation="generate",
        provider="groq",
        model="llama",
        usage=Usage(input_tokens=10, output_tokens=5),
        **fields,
    )


def test_usage_tells_what_any_ledger_holds(
    make_database, ledger_url, capsys, monkeypatch
):
    make_database(ledger_url).insert(
        [
            record(1, cost=Decimal("0.000000000001"), user_id="ann", latency=1.0),
            record(2, cost=Decimal("7"), user_id="bob", latency=2.0),
            record(3, status="failed", error="LLMServerError", user_id="bob"),
        ]
    )
    monkeypatch.setenv("LLM_LEDGER_URL", ledger_url)
    assert cli.main(["usage", "--json", "--by", "user"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["user_id"] for row in data["rows"]] == ["bob", "ann"]
    assert data["totals"]["cost"] == "7.000000000001"
    assert (data["totals"]["calls"], data["totals"]["errors"]) == (3, 1)


def test_usage_writes_a_page_of_any_ledger(make_database, ledger_url, tmp_path, capsys):
    make_database(ledger_url).insert([record(1, cost=Decimal("7"), latency=1.0)])
    path = tmp_path / "usage.html"
    assert cli.main(["usage", "--ledger", ledger_url, "--html", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert path.read_text(encoding="utf-8").count("<svg") == 4
