"""What every store does, in memory, in a file or in Redis."""

from __future__ import annotations

import re
import sys

import pytest

from llm_adapter import caches
from llm_adapter.caches import CacheStore
from tests.concurrency import comes_true, fan_out
from tests.processes import run_program
from tests.services.forks import FORK


class Least(CacheStore):
    """As little as a store has to do."""

    def get(self, key):
        return None

    def set(self, key, value, ttl):
        pass

    def delete(self, key):
        pass


# -- answers --------------------------------------------------------------------------


def test_what_is_kept_is_found(store):
    store.set("key", b"answer", None)
    assert store.get("key") == b"answer"


@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n", b"x" * 1_000_000])
def test_any_bytes_come_back_as_they_were(store, value):
    store.set("key", value, 60)
    assert store.get("key") == value


def test_key_of_any_text_is_a_key(store):
    store.set("Ключ: 'x' %s\n", b"answer", 60)
    assert store.get("Ключ: 'x' %s\n") == b"answer"


def test_unknown_key_has_nothing(store):
    assert store.get("key") is None


def test_later_value_replaces_the_earlier_one(store):
    store.set("key", b"first", 60)
    store.set("key", b"second", 60)
    assert store.get("key") == b"second"


def test_value_goes_when_its_time_is_over(store):
    store.set("key", b"answer", 0.05)
    assert comes_true(lambda: store.get("key") is None)


def test_value_stays_while_its_time_is_not_over(store):
    store.set("other", b"answer", 0.05)
    store.set("key", b"answer", 60)
    assert comes_true(lambda: store.get("other") is None)
    assert store.get("key") == b"answer"


def test_later_time_replaces_the_earlier_one(store):
    store.set("key", b"answer", 0.05)
    store.set("key", b"answer", None)
    store.set("other", b"answer", 0.05)
    assert comes_true(lambda: store.get("other") is None)
    assert store.get("key") == b"answer"


@pytest.mark.parametrize("ttl", [0, -1, -0.5])
def test_value_without_time_replaces_another_by_nothing(store, ttl):
    store.set("key", b"first", 60)
    store.set("key", b"second", ttl)
    assert store.get("key") is None


@pytest.mark.parametrize("ttl", [1e-9, 0.0001])
def test_any_fraction_of_a_second_is_a_time(store, ttl):
    store.set("key", b"answer", ttl)
    assert comes_true(lambda: store.get("key") is None)


@pytest.mark.parametrize("ttl", [1.5, 10**15, 1e300, float("inf")])
def test_any_longer_time_is_a_time(store, ttl):
    store.set("key", b"answer", ttl)
    assert store.get("key") == b"answer"


def test_deleted_value_is_gone(store):
    store.set("key", b"answer", 60)
    store.delete("key")
    assert store.get("key") is None


def test_unknown_key_can_be_deleted(store):
    store.delete("key")
    assert store.get("key") is None


# -- claims ---------------------------------------------------------------------------


def test_claim_is_granted_to_one_owner(store):
    assert store.claim("key", "we", 60)
    assert not store.claim("key", "they", 60)


def test_claim_of_ones_own_is_granted_again(store):
    store.claim("key", "we", 60)
    assert store.claim("key", "we", 60)


def test_claims_of_other_keys_are_others(store):
    store.claim("key", "we", 60)
    assert store.claim("other", "they", 60)


def test_claim_does_not_touch_the_value(store):
    store.set("key", b"answer", 60)
    store.claim("key", "we", 60)
    store.release("key", "we")
    assert store.get("key") == b"answer"


def test_value_does_not_touch_the_claim(store):
    store.claim("key", "we", 60)
    store.set("key", b"answer", 60)
    store.delete("key")
    assert not store.claim("key", "they", 60)


def test_claim_that_is_released_is_free(store):
    store.claim("key", "we", 60)
    store.release("key", "we")
    assert store.claim("key", "they", 60)


def test_claim_is_released_by_its_owner_only(store):
    store.claim("key", "we", 60)
    store.release("key", "they")
    assert not store.claim("key", "they", 60)


def test_claim_runs_out(store):
    store.claim("key", "we", 0.05)
    assert comes_true(lambda: store.claim("key", "they", 60))


def test_renewed_claim_holds_longer(store):
    store.claim("key", "we", 0.05)
    assert store.renew("key", "we", 60)
    store.claim("other", "we", 0.05)
    assert comes_true(lambda: store.claim("other", "they", 60))
    assert not store.claim("key", "they", 60)


def test_claim_of_another_is_not_renewed(store):
    store.claim("key", "they", 60)
    assert not store.renew("key", "we", 60)


def test_claim_that_nobody_holds_is_not_renewed(store):
    assert not store.renew("key", "we", 60)
    assert store.claim("key", "they", 60)


def test_claim_that_ran_out_is_not_renewed(store):
    store.claim("key", "we", 0.01)
    store.claim("other", "we", 0.02)
    assert comes_true(lambda: store.claim("other", "they", 60))
    assert not store.renew("key", "we", 60)


def test_claim_is_granted_to_one_of_many_threads(store):
    for number in range(5):
        granted = fan_out(
            lambda thread, key=f"key {number}": store.claim(key, str(thread), 60), 20
        )
        assert granted.count(True) == 1


# -- the object -----------------------------------------------------------------------


def test_closed_store_opens_again(store):
    store.set("key", b"answer", 60)
    store.close()
    store.close()
    store.get("key")
    store.set("key", b"another", 60)
    assert store.get("key") == b"another"


def test_store_is_closed_by_with(store):
    with store as same:
        assert same is store
        store.set("key", b"answer", 60)
    assert store.get("key") in (b"answer", None)


def test_many_threads_share_a_store(store):
    def use(number):
        for turn in range(5):
            store.set(f"{number}-{turn}", b"%d" % number, 60)
            store.get("shared")
        return [store.get(f"{number}-{turn}") for turn in range(5)]

    found = fan_out(use, 50)
    assert found == [[b"%d" % number] * 5 for number in range(50)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
@pytest.mark.usefixtures("unmeasured")
def test_process_may_fork_while_its_threads_use_a_store(kind, tmp_path, request):
    """Parent and children go on, and each child ends in time."""
    made = {
        "memory": lambda: "MemoryCache()",
        "sqlite": lambda: f"SQLiteCache({str(tmp_path / 'a.db')!r}, timeout=10)",
        "redis": lambda: (
            f"RedisCache({request.getfixturevalue('redis_server').url!r}, timeout=10)"
        ),
    }
    program = FORK + HAMMERED
    run_program(program.replace("STORE", made[kind]()))


HAMMERED = """
    store = STORE
    stop = threading.Event()
    failed = []
    def hammer(number):
        try:
            while not stop.is_set():
                store.set(f"thread {number}", b"x" * 1000, 60)
                assert store.get(f"thread {number}")
                store.claim("claim", str(number), 60)
                store.release("claim", str(number))
        except BaseException as error:
            failed.append(error)
    store.get("key")
    threads = [
        threading.Thread(target=hammer, args=(n,), daemon=True) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    def use():
        for number in range(20):
            store.set("child", b"answer", 60)
            assert store.get("child") == b"answer"
    for _ in range(10):
        assert in_child(use) == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed
    store.close()
"""


# -- stores of others -----------------------------------------------------------------


def test_store_without_claims_grants_them():
    least = Least()
    assert least.claim("key", "we", 60)
    assert least.claim("key", "they", 60)
    assert least.renew("key", "we", 60)
    assert least.release("key", "we") is None


def test_store_without_connections_closes():
    with Least() as least:
        assert least.close() is None


def test_stores_that_wait_say_so(store):
    assert store.blocking is (type(store).__name__ != "MemoryCache")


# -- the package ----------------------------------------------------------------------


@pytest.mark.parametrize("name", caches.__all__)
def test_every_public_name_is_there(name):
    assert getattr(caches, name).__name__ == name


def test_public_names_are_listed_before_they_were_used():
    out = run_program("import llm_adapter.caches as c; print(*dir(c))")
    assert set(caches.__all__) <= set(out.split())


def test_unknown_name_is_an_attribute_error():
    expected = "module 'llm_adapter.caches' has no attribute 'Cache'"
    with pytest.raises(AttributeError, match=f"^{re.escape(expected)}$"):
        _ = caches.Cache


@pytest.mark.parametrize(
    "code",
    [
        "import llm_adapter.caches",
        "from llm_adapter.caches import CacheStore, MemoryCache; MemoryCache()",
        "from llm_adapter.caches import cache_from_url; cache_from_url('memory://')",
        "from llm_adapter.caches import RedisCache",
    ],
)
def test_neither_database_nor_client_is_loaded_before_it_is_used(code):
    names = run_program(f"{code}\nimport sys\nprint(*sys.modules)").split()
    # Of sqlite3 our module: whoever measures coverage has loaded the other.
    assert not {"redis", "llm_adapter.caches._sqlite"} & set(names)
