"""What tests of the ledger's database share: records, budgets, and a look behind it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import psycopg

from llm_adapter.ledger._budgets import Amounts, touched
from llm_adapter.ledger._records import Record
from llm_adapter.models import Usage
from tests.services.crowd import Crowd

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = """
from contextlib import closing
from datetime import *
from decimal import Decimal
from llm_adapter.ledger._budgets import *
from llm_adapter.ledger._database import Database
from llm_adapter.ledger._records import Record
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
"""
"""For programs."""


def record(**fields):
    """A request that was answered, and whatever the test says of it."""
    made = uuid4().hex
    given = {
        "id": made,
        "call_id": made,
        "attempt": 1,
        "at": NOON,
        "operation": "generate",
        "provider": "groq",
        "model": "llama",
        "usage": Usage(input_tokens=10, output_tokens=5, total_tokens=15),
        "cost": Decimal("0.01"),
        "latency": 0.5,
    }
    return Record(**{**given, **fields})


def amounts(cost=None, tokens=None):
    return Amounts.of(cost=None if cost is None else Decimal(cost), tokens=tokens)


def reserve(database, call, *budgets, cost=None, tokens=None, at=NOON, **labels):
    """What stands in the way of a call that those budgets are for, if anything."""
    counters = touched(budgets, at=at, **labels)
    return database.reserve(call, counters, amounts(cost, tokens), now=at)


def spend(database, call, *budgets, cost=None, tokens=None, at=NOON, **labels):
    counters = touched(budgets, at=at, **labels)
    return database.spend(call, counters, amounts(cost, tokens), now=at)


def used(database, *budgets, at=NOON, **labels):
    """What has been spent of each budget that such a call touches, and reserved."""
    standings = database.standings(touched(budgets, at=at, **labels))
    return [(each.spent, each.reserved) for each in standings]


def sql(url, *statements):
    """What the database itself says to the last of some statements."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        connecting = closing(sqlite3.connect(path, isolation_level=None))
    else:
        connecting = psycopg.connect(url, autocommit=True)
    with connecting as connection:
        for statement in statements:
            found = connection.execute(statement)
        return found.fetchall() if found.description else []


def ledger_crowd(url, count=4):
    """Processes with a ledger each, under the name `store`."""
    return Crowd(f"exec({NAMES!r}) or closing(Database({url!r}, timeout=30))", count)


def requests(database):
    """How many have been booked."""
    return database.usage()[0].requests


def end_connections(url):
    """As an administrator does; how many there were."""
    return len(
        sql(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'llm-adapter'",
        )
    )


def wait_until_blocked(url, count=1, *, by="Lock"):
    """Until so many of our connections wait for a lock, or for a "Timeout"."""
    deadline = time.monotonic() + 20
    blocked = (
        f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = '{by}' "
        "AND datname = current_database() AND application_name = 'llm-adapter'"
    )
    while sql(url, blocked) != [(count,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def table_locked(url):
    """By another program."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE llm_adapter_usage, llm_adapter_budgets")
        yield connection
