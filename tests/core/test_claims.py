"""Claims on answers are renewed while this process makes them."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import pytest

from llm_adapter import MemoryCache
from llm_adapter._claims import Keeper, making
from tests.concurrency import comes_true

LEASE = 0.15


@pytest.fixture
def keeper():
    return Keeper(LEASE)


@pytest.fixture
def store():
    return MemoryCache()


def keepers():
    return [each for each in threading.enumerate() if each.name == "llm_adapter_claims"]


def claimed(store, keeper, key="a"):
    claim = (store, key, "me")
    assert store.claim(key, "me", keeper.lease)
    keeper.hold(*claim)
    return claim


def test_claim_outlives_its_lease_while_it_is_held(store, keeper):
    claim = claimed(store, keeper)
    time.sleep(3 * LEASE)
    assert not store.claim("a", "another", LEASE)
    keeper.let_go(*claim)


def test_claim_that_was_let_go_runs_out(store, keeper):
    keeper.let_go(*claimed(store, keeper))
    assert comes_true(lambda: store.claim("a", "another", LEASE))


def test_thread_ends_with_the_last_claim(store, keeper):
    claims = [claimed(store, keeper, key) for key in "abc"]
    assert len(keepers()) == 1
    for claim in claims:
        keeper.let_go(*claim)
    assert comes_true(lambda: not keepers())


def test_thread_begins_anew_with_the_next_claim(store, keeper):
    keeper.let_go(*claimed(store, keeper))
    assert comes_true(lambda: not keepers())
    claim = claimed(store, keeper, "b")
    time.sleep(2 * LEASE)
    assert not store.claim("b", "another", LEASE)
    keeper.let_go(*claim)


def test_store_that_fails_does_not_end_the_others_claims(store, keeper):
    class Broken(MemoryCache):
        def renew(self, key, owner, seconds):
            raise OSError("gone")

    broken, held = claimed(Broken(), keeper), claimed(store, keeper)
    time.sleep(3 * LEASE)
    assert not store.claim("a", "another", LEASE)
    keeper.let_go(*broken)
    keeper.let_go(*held)


def test_forked_process_leaves_the_claims_of_its_parent(store, keeper, monkeypatch):
    parents = claimed(store, keeper)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        childs = claimed(store, keeper, "b")
        assert [*keeper._held.values()] == [childs[0]]
        keeper.let_go(*childs)
        assert comes_true(lambda: not keepers())
    keeper.let_go(*parents)


def test_store_need_not_be_hashable(keeper):
    @dataclass
    class Plain(MemoryCache):
        name: str = "plain"

        def __post_init__(self):
            super().__init__()

    keeper.let_go(*claimed(Plain(), keeper))
    assert comes_true(lambda: not keepers())


def test_claim_runs_out_where_no_thread_can_be_started(store, keeper, monkeypatch):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        keeper.let_go(*claimed(store, keeper))
    claim = claimed(store, keeper, "b")
    assert len(keepers()) == 1, "the next one tries again"
    keeper.let_go(*claim)


def test_maker_of_an_answer_needs_no_second_claim_for_it(store):
    with making(store, "a") as outer, making(store, "a") as inner:
        assert (outer, inner) == (True, False)
        with making(store, "b") as other, making(MemoryCache(), "a") as elsewhere:
            assert (other, elsewhere) == (True, True)
    with making(store, "a") as again:
        assert again
