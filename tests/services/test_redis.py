"""Answers in Redis: a server that is down, restarted, slow or shared."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time

import pytest
import redis
import trustme

from llm_adapter.caches import RedisCache
from llm_adapter.errors import LLMConfigurationError
from tests.concurrency import comes_true, fan_out
from tests.processes import run_program
from tests.servers import loopback, tls_context
from tests.services.crowd import Crowd
from tests.services.files import BOUND, in_time
from tests.services.forks import FORK
from tests.services.redis_server import behind_tls

CALLS = {
    "get": lambda cache: cache.get("key"),
    "set": lambda cache: cache.set("key", b"answer", 60),
    "set for ever": lambda cache: cache.set("key", b"answer", None),
    "delete": lambda cache: cache.delete("key"),
    "claim": lambda cache: cache.claim("key", "we", 60),
    "renew": lambda cache: cache.renew("key", "we", 60),
    "release": lambda cache: cache.release("key", "we"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def client(redis_server):
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


# -- what stands in Redis -------------------------------------------------------------


def test_answer_ends_in_redis_itself(make_redis, client):
    make_redis().set("key", b"answer", 60)
    assert client.keys() == [b"llm-adapter:answer:key"]
    assert 50_000 < client.pttl("llm-adapter:answer:key") <= 60_000


def test_claim_ends_in_redis_itself(make_redis, client):
    make_redis().claim("key", "we", 60)
    assert client.get("llm-adapter:claim:key") == b"we"
    assert 50_000 < client.pttl("llm-adapter:claim:key") <= 60_000


def test_caches_of_different_prefixes_share_nothing(make_redis):
    ours, theirs = make_redis(), make_redis(prefix="theirs:")
    ours.set("key", b"answer", 60)
    ours.claim("key", "we", 60)
    assert theirs.get("key") is None
    assert theirs.claim("key", "they", 60)


def test_caches_of_different_databases_share_nothing(make_redis, redis_server):
    make_redis().set("key", b"answer", 60)
    assert make_redis(redis_server.url[:-1] + "3").get("key") is None


def test_value_of_another_kind_is_an_error(make_redis, client):
    client.rpush("llm-adapter:answer:key", "somebody's list")
    client.rpush("llm-adapter:claim:key", "somebody's list")
    cache = make_redis()
    for name in ("get", "claim", "renew", "release"):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            CALLS[name](cache)


def test_value_of_another_kind_is_replaced(make_redis, client):
    client.rpush("llm-adapter:answer:key", "somebody's list")
    cache = make_redis()
    cache.set("key", b"answer", 60)
    assert cache.get("key") == b"answer"


def test_full_redis_is_an_error_until_there_is_room(make_redis, client):
    cache = make_redis()
    cache.set("early", b"answer", None)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.ResponseError):
            cache.set("key", b"x" * 100_000, None)
        assert cache.get("early") == b"answer"
    finally:
        client.config_set("maxmemory", 0)
    cache.set("key", b"x" * 100_000, None)
    assert len(cache.get("key")) == 100_000


def test_new_connection_says_nothing_but_what_was_asked(make_redis, client):
    cache = make_redis()
    client.config_resetstat()
    cache.get("key")
    assert {name for name in client.info("commandstats") if "info" not in name} <= {
        "cmdstat_get",
        "cmdstat_config|resetstat",
        "cmdstat_config",
    }


# -- ways to it -----------------------------------------------------------------------


def test_unix_socket_is_a_way(make_redis, redis_server):
    cache = make_redis(redis_server.unix_url)
    cache.set("key", b"answer", 60)
    assert make_redis().get("key") == b"answer"


def test_password_is_said_to_the_server(make_redis, client, redis_server):
    rights = {"keys": ["*"], "categories": ["+@all"]}
    client.acl_setuser("worker", enabled=True, passwords=["+secret"], **rights)
    host = redis_server.url.partition("//")[2]
    try:
        make_redis(f"redis://worker:secret@{host}").set("key", b"answer", 60)
        with pytest.raises(redis.AuthenticationError):
            make_redis(f"redis://worker:wrong@{host}").get("key")
    finally:
        client.acl_deluser("worker")
    assert make_redis().get("key") == b"answer"


def test_tls_is_a_way(make_redis, redis_server, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tunnel = behind_tls(redis_server.port, tls_context(authority))
    with loopback(tunnel) as server:
        url = f"rediss://127.0.0.1:{server.port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
        with make_redis(url) as cache:
            cache.set("key", b"answer", 60)
    assert make_redis().get("key") == b"answer"


def test_tls_of_an_unknown_authority_is_an_error(make_redis, redis_server):
    tunnel = behind_tls(redis_server.port, tls_context(trustme.CA()))
    with loopback(tunnel) as server:
        cache = make_redis(f"rediss://127.0.0.1:{server.port}/0")
        with pytest.raises(redis.ConnectionError, match="certificate"):
            cache.get("key")


# -- a server that is down, restarted or silent ---------------------------------------


@every_call
def test_server_that_is_down_is_an_error_in_time(make_redis, redis_server, call):
    cache = make_redis(timeout=0.25)
    cache.get("key")
    redis_server.stop()
    for _ in range(3):
        with in_time(), pytest.raises(redis.ConnectionError):
            call(cache)


@every_call
def test_restarted_server_costs_no_call(make_redis, redis_server, call):
    """A connection that was lost meanwhile is replaced at once."""
    cache = make_redis()
    cache.get("key")
    redis_server.stop()
    redis_server.start()
    call(cache)


@every_call
def test_silent_server_is_an_error_in_time(make_redis, redis_server, call):
    cache = make_redis(timeout=0.25)
    redis_server.pause()
    with in_time(), pytest.raises(redis.TimeoutError):
        call(cache)
    redis_server.resume()
    call(cache)


def test_name_that_nobody_looks_up_is_an_error_in_time(make_redis, monkeypatch):
    """A look-up has no limit of its own."""
    goes_on = threading.Event()

    def look_up(*arguments, **options):
        goes_on.wait(10)
        raise OSError("not found")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    cache = make_redis("redis://cache.example:6379/0", timeout=0.25)
    with in_time(), pytest.raises(redis.TimeoutError):
        cache.get("key")
    goes_on.set()


def test_connection_that_gets_silent_is_an_error_in_time(make_redis, redis_server):
    cache = make_redis(timeout=0.25)
    cache.set("key", b"answer", 60)
    redis_server.pause()
    for _ in range(3):
        with in_time(), pytest.raises(redis.TimeoutError):
            cache.get("key")
    redis_server.resume()
    assert cache.get("key") == b"answer"


def test_late_answer_is_not_taken_for_that_of_the_next_call(make_redis, redis_server):
    cache = make_redis(timeout=0.25)
    cache.set("one", b"1", 60)
    cache.set("two", b"2", 60)
    redis_server.pause()
    with pytest.raises(redis.TimeoutError):
        cache.get("one")
    redis_server.resume()
    assert cache.get("two") == b"2"


def test_threads_go_on_after_the_server_was_killed(make_redis, redis_server):
    cache = make_redis(timeout=0.25)
    stop = threading.Event()
    slowest, strange, worked, failed = [], [], [], []

    def use():
        while not stop.is_set():
            began = time.monotonic()
            try:
                cache.set("key", b"answer", 60)
                cache.get("key")
                worked.append(time.monotonic())
            except redis.RedisError:
                failed.append(time.monotonic())
            except BaseException as error:
                strange.append(error)
            slowest.append(time.monotonic() - began)
            stop.wait(0.001)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert comes_true(lambda: len(worked) > 20)
    redis_server.stop()
    assert comes_true(lambda: len(failed) > 20)
    redis_server.start()
    restarted = time.monotonic()
    # Each thread has failed in a call that had begun before, at most.
    assert comes_true(lambda: worked[-1] > restarted + 0.1)
    stop.set()
    for thread in threads:
        thread.join()
    assert strange == []
    assert max(slowest) < 2 * BOUND
    assert max(failed) < restarted + BOUND


def test_two_hundred_threads_get_a_connection_each(make_redis):
    cache = make_redis()
    cache.set("key", b"answer", 60)
    together = threading.Barrier(200)

    def use(_):
        together.wait(timeout=30)
        return cache.get("key")

    assert fan_out(use, 200) == [b"answer"] * 200


def test_closed_cache_has_no_connection_left(make_redis, client):
    cache = make_redis()
    cache.get("key")
    pool = cache._clients.get().connection_pool  # so that it does not just go
    cache.close()
    assert pool is not None
    assert comes_true(lambda: len(client.client_list()) == 1)


# -- several processes ----------------------------------------------------------------


@pytest.fixture
def crowd(redis_server):
    with Crowd(f"RedisCache({redis_server.url!r}, timeout=10)") as crowd:
        yield crowd


def test_one_of_several_processes_gets_a_claim(crowd):
    granted = [
        crowd.ask(f"store.claim('round {n}', me, 60)").count(True) for n in range(20)
    ]
    assert granted == [1] * 20


def test_processes_find_what_others_keep(crowd):
    crowd.ask("store.set(me, me.encode() * 1000, 60)")
    read = "[store.get(f'process {n}') == b'process %d' % n * 1000 for n in range(4)]"
    assert crowd.ask(read) == [[True] * 4] * 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_child_has_connections_of_its_own(redis_server):
    run_program(
        FORK
        + """
    with RedisCache(sys.argv[1], timeout=10) as cache:
        cache.set("key", b"answer", 60)
        def use():
            for _ in range(50):
                assert cache.get("key") == b"answer"
            cache.close()
        for _ in range(3):
            assert in_child(use) == 0
            assert cache.get("key") == b"answer"
        # One whose pool a thread was just using.
        with cache._clients.get().connection_pool._lock:
            assert in_child(use) == 0
        assert cache.get("key") == b"answer"
    """,
        redis_server.url,
    )


# -- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@localhost", "http://***@localhost"),
        ("localhost:6379", "localhost:6379"),
        ("me:secret@localhost", "***"),
        ("redis://me:secret", "redis://***"),
        ("redis://me:secret@localhost:port/0", "redis://***"),
        ("redis://me:sec/ret@localhost:6379", "redis://***"),
        ("redis://me:secret@localhost/first", "redis://***@localhost/first"),
        ("redis://me:secret@localhost/0?db=one", "redis://***@localhost/0"),
        ("redis://localhost/0?password=s@cret&x=1", "redis://***"),
        ("redis://localhost/0?colour=secret", "redis://localhost/0"),
        ("redis://localhost/0?socket_timeout=9", "redis://localhost/0"),
        ("redis://localhost/0?max_connections=9", "redis://localhost/0"),
        ("redis://localhost/0?retry_on_timeout=yes", "redis://localhost/0"),
        ("redis://[::1]:6379/0?decode_responses=yes", "redis://[::1]:6379/0"),
        (
            "unix://me@/tmp/redis.sock?password=secret&no=1",
            "unix://***@/tmp/redis.sock",
        ),
    ],
)
def test_url_that_cannot_be_used_is_refused_without_its_password(url, shown):
    with pytest.raises(LLMConfigurationError) as caught:
        RedisCache(url)
    assert f"The Redis URL {shown!r} cannot be used" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://", "redis://"),
        ("redis://localhost", "redis://localhost"),
        ("redis://:secret@example.com:6380/2", "redis://***@example.com:6380/2"),
        ("rediss://me:secret@example.com/0", "rediss://***@example.com/0"),
        ("unix:///tmp/redis.sock?db=2&password=secret", "unix:///tmp/redis.sock"),
        ("redis://localhost?db=2", "redis://localhost"),
    ],
)
def test_shows_its_address_without_a_password(url, shown):
    assert repr(RedisCache(url)) == f"RedisCache({shown!r})"


@pytest.mark.parametrize("arguments", [{"url": 1}, {"url": "redis://", "prefix": None}])
def test_url_or_prefix_that_is_no_string_is_refused(arguments):
    with pytest.raises(TypeError, match=r"(url|prefix) must be a string, not"):
        RedisCache(**arguments)


@pytest.mark.parametrize("timeout", [0, -1, float("inf")])
def test_timeout_without_a_sense_is_refused(timeout):
    with pytest.raises(ValueError, match=r"timeout is .*: use seconds > 0"):
        RedisCache("redis://", timeout=timeout)


def test_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    expected = re.escape("pip install 'llm-adapter[redis]'")
    with pytest.raises(LLMConfigurationError, match=expected):
        RedisCache("redis://")


def test_making_one_connects_to_nothing(redis_server, client):
    RedisCache(redis_server.url)
    assert len(client.client_list()) == 1


def test_first_call_imports_nothing(redis_server):
    """What that takes would count against the call."""
    out = run_program(
        """
    import sys
    from llm_adapter.caches import RedisCache
    cache = RedisCache(sys.argv[1])
    before = set(sys.modules)
    cache.get("key")
    cache.close()
    print(*sorted(set(sys.modules) - before))
    """,
        redis_server.url,
    )
    # Python itself has some parts of its resolver still to load.
    known = ("encodings", "stringprep", "unicodedata")
    assert [name for name in out.split() if not name.startswith(known)] == []
