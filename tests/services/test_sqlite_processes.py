"""Answers in a file that threads and processes share, and that forks."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from llm_adapter.caches import _sqlite
from tests.processes import run_program
from tests.services.crowd import Crowd
from tests.services.files import another_connection, in_time, is_sound, no_fork, rows
from tests.services.forks import FORK

# -- others who use it ----------------------------------------------------------------


def test_file_that_another_writes_to_is_read_all_the_same(make_sqlite):
    cache = make_sqlite(timeout=0.1)
    cache.set("key", b"answer", 60)
    with another_connection(cache.path, "BEGIN IMMEDIATE"):
        assert cache.get("key") == b"answer"


def test_file_that_another_writes_to_is_an_error_in_time(make_sqlite):
    cache = make_sqlite(timeout=0.1)
    cache.set("key", b"answer", 60)
    with another_connection(cache.path, "BEGIN IMMEDIATE"):
        with in_time(), pytest.raises(sqlite3.OperationalError, match="locked"):
            cache.set("key", b"another", 60)
        with in_time(), pytest.raises(sqlite3.OperationalError, match="locked"):
            cache.claim("key", "we", 60)
    cache.set("key", b"another", 60)
    assert cache.get("key") == b"another"


def test_write_waits_for_that_of_another(make_sqlite):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    with another_connection(cache.path, "BEGIN IMMEDIATE") as connection:
        end = threading.Timer(0.2, connection.rollback)
        end.start()
        cache.set("key", b"another", 60)
        end.join()
    assert cache.get("key") == b"another"


def test_file_that_another_has_for_itself_is_an_error_in_time(make_sqlite):
    cache = make_sqlite(timeout=0.1)
    with another_connection(
        cache.path, "CREATE TABLE t (x)", "BEGIN EXCLUSIVE", "INSERT INTO t VALUES (1)"
    ):
        for _ in range(2):
            with in_time(), pytest.raises(sqlite3.OperationalError, match="locked"):
                cache.get("key")
    assert cache.get("key") is None


def test_thread_that_waits_for_another_gets_an_error_in_time(make_sqlite):
    cache = make_sqlite(timeout=0.1)
    cache.set("key", b"answer", 60)
    with cache._lock:
        with in_time(), pytest.raises(TimeoutError, match=r"in use for 0\.1 s"):
            cache.get("key")
        with in_time(), pytest.raises(TimeoutError):
            cache.close()
    assert cache.get("key") == b"answer"


def test_waiting_for_a_thread_and_for_a_process_takes_no_longer(make_sqlite):
    cache = make_sqlite(timeout=1.5)
    cache.get("key")
    cache._lock.acquire()
    release = threading.Timer(1.4, cache._lock.release)
    with another_connection(cache.path, "BEGIN IMMEDIATE"):
        release.start()
        with in_time(2.6), pytest.raises(sqlite3.OperationalError, match="locked"):
            cache.set("key", b"another", 60)
    release.join()


def test_reader_that_does_not_end_holds_no_writer_up(make_sqlite, monkeypatch):
    monkeypatch.setattr(_sqlite, "MAX_LOG", 1)
    make_sqlite().set("key", b"answer", 60)
    read = "SELECT * FROM llm_adapter_answers_v1"
    with another_connection(make_sqlite().path, "BEGIN", read), in_time():
        make_sqlite().set("key", b"another", 60)


def test_processes_that_begin_at_once_all_begin(tmp_path):
    begin = "(cache := SQLiteCache({!r}, timeout=10)).set(me, b'', 60), cache.close()"
    with Crowd("MemoryCache()") as crowd:
        for number in range(20):
            path = tmp_path / f"{number}.db"
            assert crowd.ask(begin.format(str(path))) == [(None, None)] * 4
            assert rows(path, "llm_adapter_answers_v1") == 4


def test_processes_read_and_write_at_once(tmp_path):
    path = tmp_path / "answers.db"
    with Crowd(f"SQLiteCache({str(path)!r}, timeout=10)") as crowd:
        crowd.ask(
            "[(store.set(f'{me} {n}', me.encode() * 300, 60), store.get(f'{me} 0'))"
            " for n in range(200)] and None"
        )
        counted = crowd.ask(
            "sum(store.get(f'process {p} {n}') == b'process %d' % p * 300"
            " for p in range(4) for n in range(200))"
        )
    assert counted == [800] * 4
    assert is_sound(path)


def test_one_of_several_processes_gets_a_claim(tmp_path):
    path = tmp_path / "answers.db"
    with Crowd(f"SQLiteCache({str(path)!r}, timeout=10)") as crowd:
        granted = [
            crowd.ask(f"store.claim('round {n}', me, 60)").count(True)
            for n in range(20)
        ]
    assert granted == [1] * 20


def test_claim_of_a_process_that_died_runs_out(make_sqlite, clock):
    make_sqlite().claim("key", "they", 5)
    clock.now += 4
    assert not make_sqlite().claim("key", "we", 5)
    clock.now += 1
    assert make_sqlite().claim("key", "we", 5)


# -- forks ----------------------------------------------------------------------------


@no_fork
def test_child_opens_the_file_itself(tmp_path):
    run_program(
        FORK
        + """
    with SQLiteCache(sys.argv[1], timeout=10) as cache:
        cache.set("key", b"parent", 60)
        def use():
            assert cache.get("key") == b"parent"
            cache.set("key", b"child", 60)
            cache.close()
        assert in_child(use) == 0
        assert cache.get("key") == b"child"
        assert in_child(lambda: None) == 0
        cache.set("key", b"parent again", 60)
        assert cache.get("key") == b"parent again"
    """,
        str(tmp_path / "answers.db"),
    )
    assert is_sound(tmp_path / "answers.db")


@no_fork
def test_child_does_not_wait_for_a_thread_of_its_parent(tmp_path):
    run_program(
        FORK
        + """
    with SQLiteCache(sys.argv[1], timeout=0.1) as cache:
        def use():
            cache.set("key", b"child", 60)
            cache.close()
        with cache._lock:
            assert in_child(use) == 0
        assert cache.get("key") == b"child"
    """,
        str(tmp_path / "answers.db"),
    )


@no_fork
def test_child_leaves_a_connection_alone_that_was_in_use(tmp_path):
    run_program(
        FORK
        + """
    import sqlite3
    with SQLiteCache(sys.argv[1], timeout=0.1) as cache:
        cache.set("key", b"parent", 60)
        def use():
            try:
                cache.get("key")
            except sqlite3.OperationalError as error:
                assert "when this process was forked" in str(error)
            else:
                raise AssertionError("It was opened again.")
            cache.close()
        with cache._lock:
            assert in_child(use) == 0
        assert cache.get("key") == b"parent"
    """,
        str(tmp_path / "answers.db"),
    )


def test_fork_closes_the_file_for_a_moment(make_sqlite):
    """What the hooks do, without a fork."""
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    _sqlite._before_fork()
    assert cache._connection is None
    _sqlite._after_fork_in_parent()
    assert cache.get("key") == b"answer"


def test_fork_of_a_file_in_use_leaves_it_to_the_parent(make_sqlite, monkeypatch):
    """What the hooks do, without a fork."""
    monkeypatch.setattr(_sqlite, "_never_closed", [])
    free, busy, unopened = make_sqlite(), make_sqlite(), make_sqlite()
    for cache in (free, busy, unopened):
        cache.timeout = 0.05
    free.get("key")
    busy.get("key")
    with busy._lock, unopened._lock:
        _sqlite._before_fork()
        _sqlite._after_fork_in_child()
    assert (free.get("key"), unopened.get("key")) == (None, None)
    with pytest.raises(sqlite3.OperationalError, match="when this process was forked"):
        busy.get("key")
    _sqlite._never_closed.pop().close()
