"""Stores of each kind; a real Redis, one for each worker of the tests."""

from __future__ import annotations

import pytest

from llm_adapter.caches import MemoryCache, RedisCache, SQLiteCache
from tests.services.postgres_server import database as database
from tests.services.postgres_server import ledger_url as ledger_url
from tests.services.postgres_server import make_database as make_database
from tests.services.postgres_server import postgres as postgres
from tests.services.postgres_server import postgres_url as postgres_url
from tests.services.postgres_server import running_postgres as running_postgres
from tests.services.postgres_server import sqlite_url as sqlite_url
from tests.services.redis_server import running

PATIENT = 10
"""Seconds that a store waits where a test is not about that."""


@pytest.fixture(scope="session")
def running_redis():
    with running() as server:
        yield server


@pytest.fixture
def redis_server(running_redis):
    """Running and empty."""
    running_redis.restore()
    yield running_redis
    running_redis.restore()


@pytest.fixture
def make_redis(redis_server):
    """Makes stores in Redis; the end of the test closes them."""
    made = []

    def make(url=None, **options):
        store = RedisCache(url or redis_server.url, **{"timeout": PATIENT, **options})
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def make_sqlite(tmp_path):
    """Makes stores of one file; the end of the test closes them."""
    made = []

    def make(path=tmp_path / "answers.db", **options):
        store = SQLiteCache(path, **{"timeout": PATIENT, **options})
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request):
    """A store of each kind."""
    if request.param == "memory":
        return MemoryCache()
    return request.getfixturevalue(f"make_{request.param}")()


@pytest.fixture
def unmeasured(monkeypatch):
    """For programs that fork while they have threads.

    Coverage, too, has a lock that such a thread may hold: then the child would wait for
    ever.
    """
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """What a test says it is, for one of the clocks of a store."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock of the stores in memory and in a file."""
    clock = Clock()
    monkeypatch.setattr("llm_adapter.caches._memory.monotonic", clock)
    monkeypatch.setattr("llm_adapter.caches._sqlite.wall_clock", clock)
    return clock
