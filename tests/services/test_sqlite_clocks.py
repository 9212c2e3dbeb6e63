"""Answers in a file: what clocks do, what goes, and all of it against a model."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llm_adapter.caches import SQLiteCache, _sqlite
from tests.services.conftest import Clock
from tests.services.files import another_connection, rows

# -- clocks ---------------------------------------------------------------------------


@pytest.mark.parametrize("back", [6, 3600, 10**6])
def test_answer_from_the_future_is_not_valid(make_sqlite, clock, back):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    clock.now -= back
    assert cache.get("key") is None


def test_answer_from_the_future_is_replaced(make_sqlite, clock):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    clock.now -= 3600
    cache.set("key", b"another", 60)
    assert cache.get("key") == b"another"


def test_claim_from_the_future_is_not_valid(make_sqlite, clock):
    cache = make_sqlite()
    cache.claim("key", "they", 60)
    clock.now -= 3600
    assert not cache.renew("key", "they", 60)
    assert cache.claim("key", "we", 60)


def test_small_correction_of_the_clock_does_no_harm(make_sqlite, clock):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    cache.claim("key", "we", 60)
    clock.now -= 1
    assert cache.get("key") == b"answer"
    assert not cache.claim("key", "they", 60)


def test_answer_without_an_end_outlives_any_clock(make_sqlite, clock):
    cache = make_sqlite()
    cache.set("key", b"answer", None)
    clock.now = 0
    assert cache.get("key") == b"answer"
    clock.now = 1e12
    assert cache.get("key") == b"answer"


# -- what accumulates -----------------------------------------------------------------


def test_expired_answers_and_claims_leave_the_file(make_sqlite, clock):
    cache = make_sqlite()
    for number in range(50):
        cache.set(f"old {number}", b"answer", 5)
        cache.claim(f"old {number}", "we", 5)
    clock.now += 5
    for number in range(_sqlite.TIDY_EVERY):
        cache.set(f"new {number}", b"answer", 5)
    assert rows(cache.path, "llm_adapter_answers_v1") == _sqlite.TIDY_EVERY
    assert rows(cache.path, "llm_adapter_claims_v1") == 0


def test_expired_answers_leave_the_file_in_portions(make_sqlite, clock):
    cache = make_sqlite()
    for number in range(3 * _sqlite.PORTION):
        cache.set(f"old {number}", b"answer", 5)
    clock.now += 5
    make_sqlite().set("new", b"answer", 5)
    left = rows(cache.path, "llm_adapter_answers_v1")
    assert left == 2 * _sqlite.PORTION + 1


def test_log_is_emptied_although_readers_overlap_without_end(make_sqlite, monkeypatch):
    monkeypatch.setattr(_sqlite, "MAX_LOG", 1_000_000)
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    stop = threading.Event()

    def read():
        with another_connection(cache.path) as connection:
            while not stop.is_set():
                connection.execute("BEGIN")
                connection.execute("SELECT * FROM llm_adapter_answers_v1").fetchone()
                stop.wait(0.005)
                connection.execute("COMMIT")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(2000):
            cache.set(f"key {number % 10}", b"x" * 10_000, 60)
        size = Path(f"{cache.path}-wal").stat().st_size
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert size < 8_000_000  # of some 25 MB that were written


# -- against a model ------------------------------------------------------------------

KEYS = st.sampled_from("abcd")
OWNERS = st.sampled_from(["we", "they"])
SECONDS = st.integers(-1, 20)
STORES = st.integers(0, 1)


class SQLiteMachine(RuleBasedStateMachine):
    """Two objects of one file are as one dictionary, whatever the clock does."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.patches = [
            patch.object(_sqlite, "wall_clock", self.clock),
            # What has been removed would not come back with a clock that goes back.
            patch.object(_sqlite, "_PURGE", ()),
        ]
        for each in self.patches:
            each.start()
        self.folder = tempfile.mkdtemp()
        path = f"{self.folder}/answers.db"
        self.caches = [SQLiteCache(path, timeout=10) for _ in range(2)]
        self.kept = {}
        self.claims = {}

    def teardown(self):
        for cache in self.caches:
            cache.close()
        for each in self.patches:
            each.stop()
        shutil.rmtree(self.folder)

    def is_valid(self, written, seconds):
        if seconds is None:
            return True
        now = self.clock.now
        return written - _sqlite.LEAP <= now < written + seconds

    def holds(self, key, owner):
        holder, *times = self.claims.get(key, (None, 0, 0))
        return holder == owner and self.is_valid(*times)

    @rule(which=STORES, key=KEYS, value=st.binary(max_size=9), ttl=SECONDS | st.none())
    def set(self, which, key, value, ttl):
        self.caches[which].set(key, value, ttl)
        self.kept[key] = value, self.clock.now, ttl

    @rule(which=STORES, key=KEYS)
    def delete(self, which, key):
        self.caches[which].delete(key)
        self.kept.pop(key, None)

    @rule(seconds=st.integers(-40, 15))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(which=STORES)
    def close(self, which):
        self.caches[which].close()

    @rule(which=STORES, key=KEYS, owner=OWNERS, seconds=SECONDS)
    def claim(self, which, key, owner, seconds):
        free = not self.holds(key, "they" if owner == "we" else "we")
        assert self.caches[which].claim(key, owner, seconds) == free
        if free:
            self.claims[key] = owner, self.clock.now, seconds

    @rule(which=STORES, key=KEYS, owner=OWNERS, seconds=SECONDS)
    def renew(self, which, key, owner, seconds):
        ours = self.holds(key, owner)
        assert self.caches[which].renew(key, owner, seconds) == ours
        if ours:
            self.claims[key] = owner, self.clock.now, seconds

    @rule(which=STORES, key=KEYS, owner=OWNERS)
    def release(self, which, key, owner):
        self.caches[which].release(key, owner)
        if self.claims.get(key, (None,))[0] == owner:
            del self.claims[key]

    @invariant()
    def both_find_what_is_valid(self):
        for key in "abcd":
            value, *times = self.kept.get(key, (None, 0, 0))
            expected = value if self.is_valid(*times) else None
            assert [cache.get(key) for cache in self.caches] == [expected] * 2


SQLiteMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
TestSQLiteAgainstAModel = SQLiteMachine.TestCase
