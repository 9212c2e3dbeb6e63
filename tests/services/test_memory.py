"""Answers in memory: what makes room, when, and for what."""

from __future__ import annotations

import os
import sys
from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llm_adapter.caches import MemoryCache
from tests.processes import run_program
from tests.services.conftest import Clock
from tests.services.forks import FORK

# -- room -----------------------------------------------------------------------------


def test_least_recently_kept_value_makes_room():
    cache = MemoryCache(max_entries=2)
    for key in "abc":
        cache.set(key, b"answer", None)
    assert [cache.get(key) for key in "abc"] == [None, b"answer", b"answer"]


def test_value_that_was_used_stays():
    cache = MemoryCache(max_entries=2)
    cache.set("a", b"answer", None)
    cache.set("b", b"answer", None)
    cache.get("a")
    cache.set("c", b"answer", None)
    assert [cache.get(key) for key in "abc"] == [b"answer", None, b"answer"]


def test_bytes_of_values_and_keys_are_limited():
    cache = MemoryCache(max_bytes=100)
    cache.set("a", b"x" * 49, None)
    cache.set("b", b"x" * 49, None)
    assert (len(cache), cache.size) == (2, 100)
    cache.set("c", b"", None)
    assert (len(cache), cache.size) == (2, 51)


def test_value_that_is_too_large_pushes_nothing_out():
    cache = MemoryCache(max_bytes=100)
    cache.set("a", b"answer", None)
    cache.set("b", b"x" * 100, None)
    assert [cache.get("a"), cache.get("b")] == [b"answer", None]


def test_value_that_is_too_large_leaves_no_earlier_one():
    cache = MemoryCache(max_bytes=100)
    cache.set("a", b"answer", None)
    cache.set("a", b"x" * 100, None)
    assert cache.get("a") is None


def test_expired_value_makes_room_before_a_live_one(clock):
    cache = MemoryCache(max_entries=2)
    cache.set("a", b"answer", None)
    cache.set("b", b"answer", 5)
    clock.now += 5
    cache.set("c", b"answer", None)
    assert [cache.get(key) for key in "abc"] == [b"answer", None, b"answer"]


def test_value_has_gone_at_the_very_end_of_its_time(clock):
    cache = MemoryCache()
    cache.set("a", b"answer", 5)
    clock.now += 5
    assert cache.get("a") is None


def test_expired_values_are_not_counted(clock):
    cache = MemoryCache()
    cache.set("a", b"answer", 5)
    clock.now += 5
    assert (cache.size, len(cache)) == (0, 0)


def test_values_that_are_replaced_leave_nothing_behind(clock):
    """Also no notes of when they would have ended."""
    cache = MemoryCache()
    cache.set("lasting", b"answer", None)
    for _ in range(10_000):
        cache.set("key", b"answer", 60)
    assert len(cache._contents.get()._ends) < 100


def test_claims_of_owners_that_are_no_more_leave_nothing_behind(clock):
    cache = MemoryCache()
    for number in range(1000):
        cache.claim(f"key {number}", "we", 5)
        clock.now += 1
    assert len(cache._contents.get().claims) < 10


# -- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["max_entries", "max_bytes"])
@pytest.mark.parametrize("value", [0, -1])
def test_limit_below_one_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}: use a whole number >= 1"):
        MemoryCache(**{name: value})


@pytest.mark.parametrize("name", ["max_entries", "max_bytes"])
@pytest.mark.parametrize("value", [None, 1.5, "10", True])
def test_limit_that_is_no_whole_number_is_refused(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a whole number, not"):
        MemoryCache(**{name: value})


def test_shows_how_much_it_keeps():
    cache = MemoryCache()
    cache.set("a", b"answer", None)
    assert repr(cache) == "MemoryCache(1 entries, 7 bytes)"


def test_empty_cache_is_true():
    assert MemoryCache()


# -- forks ----------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_child_does_not_wait_for_a_thread_of_its_parent():
    run_program(
        FORK
        + """
    cache = MemoryCache()
    cache.set("key", b"answer", None)
    def use():
        assert cache.get("key") is None
        cache.set("key", b"child", None)
        assert cache.get("key") == b"child"
    with cache._contents.get().lock:
        assert in_child(use) == 0
    assert cache.get("key") == b"answer"
    """
    )


def test_process_keeps_nothing_of_its_parent(monkeypatch):
    cache = MemoryCache()
    cache.set("key", b"answer", None)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert cache.get("key") is None
    monkeypatch.undo()
    assert cache.get("key") is None


# -- against a model ------------------------------------------------------------------

KEYS = st.sampled_from("abcdefgh")
OWNERS = st.sampled_from(["we", "they"])
SECONDS = st.integers(-1, 20)
MAX_ENTRIES, MAX_BYTES = 4, 60


class MemoryMachine(RuleBasedStateMachine):
    """The same as a list of key, value and end, the least recently used first."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.patch = patch("llm_adapter.caches._memory.monotonic", self.clock)
        self.patch.start()
        self.cache = MemoryCache(MAX_ENTRIES, MAX_BYTES)
        self.kept = []
        self.claims = {}

    def teardown(self):
        self.patch.stop()

    def forget(self, key):
        self.kept = [row for row in self.kept if row[0] != key]

    def is_ours(self, key, owner):
        holder, end = self.claims.get(key, (None, 0))
        return holder == owner and end > self.clock.now

    @rule(key=KEYS, length=st.integers(0, 70), ttl=SECONDS | st.none())
    def set(self, key, length, ttl):
        value = os.urandom(length)
        self.cache.set(key, value, ttl)
        self.forget(key)
        if length + 1 <= MAX_BYTES and (ttl is None or ttl > 0):
            end = self.clock.now + (10**9 if ttl is None else ttl)
            self.kept.append((key, value, end))
        while len(self.kept) > MAX_ENTRIES or self.size() > MAX_BYTES:
            del self.kept[0]

    @rule(key=KEYS)
    def get(self, key):
        found = [row for row in self.kept if row[0] == key]
        assert self.cache.get(key) == (found[0][1] if found else None)
        self.forget(key)
        self.kept += found

    @rule(key=KEYS)
    def delete(self, key):
        self.cache.delete(key)
        self.forget(key)

    @rule(seconds=st.integers(1, 15))
    def wait(self, seconds):
        self.clock.now += seconds
        self.kept = [row for row in self.kept if row[2] > self.clock.now]

    @rule(key=KEYS, owner=OWNERS, seconds=SECONDS)
    def claim(self, key, owner, seconds):
        other = "they" if owner == "we" else "we"
        free = not self.is_ours(key, other)
        assert self.cache.claim(key, owner, seconds) == free
        if free:
            self.claims[key] = owner, self.clock.now + seconds

    @rule(key=KEYS, owner=OWNERS, seconds=SECONDS)
    def renew(self, key, owner, seconds):
        ours = self.is_ours(key, owner)
        assert self.cache.renew(key, owner, seconds) == ours
        if ours:
            self.claims[key] = owner, self.clock.now + seconds

    @rule(key=KEYS, owner=OWNERS)
    def release(self, key, owner):
        self.cache.release(key, owner)
        if self.is_ours(key, owner):
            del self.claims[key]

    def size(self):
        return sum(len(key) + len(value) for key, value, _ in self.kept)

    @invariant()
    def counts_agree(self):
        assert (len(self.cache), self.cache.size) == (len(self.kept), self.size())


MemoryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestMemoryAgainstAModel = MemoryMachine.TestCase


def test_entries_that_end_together_go_together(clock):
    cache = MemoryCache()
    for number in range(100):
        cache.set(f"key {number}", b"answer", 5)
    clock.now += 5
    cache.set("key", b"answer", 5)
    found = Counter(cache.get(f"key {number}") for number in range(100))
    assert (found, len(cache)) == ({None: 100}, 1)
