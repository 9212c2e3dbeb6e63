"""Answers in a file: where it is, and what may be wrong with it."""

from __future__ import annotations

import os
import sqlite3
import sys

import pytest

from llm_adapter.caches import SQLiteCache
from tests.processes import run_program
from tests.services.files import another_connection, is_sound, no_fork, rows
from tests.services.forks import FORK

# -- the file -------------------------------------------------------------------------


def test_answers_outlive_the_object(make_sqlite):
    with make_sqlite() as cache:
        cache.set("key", b"answer", 60)
    assert make_sqlite().get("key") == b"answer"


def test_file_is_made_when_it_is_first_needed(make_sqlite, tmp_path):
    cache = make_sqlite(tmp_path / "new" / "folder" / "answers.db")
    assert list(tmp_path.iterdir()) == []
    assert cache.get("key") is None
    assert cache.path.is_file()


def test_home_directory_may_be_written_as_usual(make_sqlite, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert make_sqlite("~/answers.db").path == tmp_path / "answers.db"


def test_change_of_directory_is_no_change_of_the_file(
    make_sqlite, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    cache = make_sqlite("answers.db")
    monkeypatch.chdir("/")
    cache.set("key", b"answer", 60)
    assert (tmp_path / "answers.db").is_file()


def test_closed_cache_leaves_one_file(make_sqlite, tmp_path):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    cache.close()
    assert [path.name for path in tmp_path.iterdir()] == ["answers.db"]


def test_database_of_others_keeps_what_it_has(make_sqlite, tmp_path):
    path = tmp_path / "theirs.db"
    with another_connection(path, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)"):
        pass
    make_sqlite(path).set("key", b"answer", 60)
    assert rows(path, "t") == 1


def test_text_that_others_put_there_is_no_answer(make_sqlite):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    change = "UPDATE llm_adapter_answers_v1 SET value = 'text'"
    with another_connection(cache.path, change):
        assert cache.get("key") is None


def test_file_that_was_removed_is_made_anew(make_sqlite):
    cache, other = make_sqlite(), make_sqlite()
    cache.set("key", b"answer", 60)
    for path in cache.path.parent.iterdir():
        path.unlink()
    assert cache.get("key") is None
    cache.set("key", b"another", 60)
    assert other.get("key") == b"another"


def test_shows_its_path(make_sqlite, tmp_path):
    assert repr(make_sqlite()) == f"SQLiteCache({str(tmp_path / 'answers.db')!r})"


# -- arguments ------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b"])
def test_path_that_names_no_file_is_refused(path):
    with pytest.raises(
        ValueError, match=r"path is .*: name a file, or use MemoryCache"
    ):
        SQLiteCache(path)


@pytest.mark.parametrize("path", [None, 1, b"answers.db"])
def test_path_that_is_none_is_refused(path):
    with pytest.raises(TypeError, match="path must be a path, not"):
        SQLiteCache(path)


def test_path_object_of_bytes_is_refused():
    class Bytes(os.PathLike):
        def __fspath__(self):
            return b"answers.db"

    with pytest.raises(TypeError, match="path must be a path of text"):
        SQLiteCache(Bytes())


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), 3601])
def test_timeout_without_a_sense_is_refused(timeout):
    with pytest.raises(ValueError, match=r"timeout is .*: use seconds > 0"):
        SQLiteCache("answers.db", timeout=timeout)


@pytest.mark.parametrize("timeout", [None, "1", True])
def test_timeout_that_is_no_number_is_refused(timeout):
    with pytest.raises(TypeError, match="timeout must be a number of seconds, not"):
        SQLiteCache("answers.db", timeout=timeout)


# -- what may be wrong, and gets right ------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda cache: cache.get("key"),
        lambda cache: cache.set("key", b"answer", 60),
        lambda cache: cache.delete("key"),
        lambda cache: cache.claim("key", "we", 60),
        lambda cache: cache.renew("key", "we", 60),
        lambda cache: cache.release("key", "we"),
    ],
    ids=["get", "set", "delete", "claim", "renew", "release"],
)
def test_file_that_is_no_database_is_an_error_and_stays_as_it_is(
    make_sqlite, tmp_path, call
):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"Somebody's notes. " * 1000)
    cache = make_sqlite(path)
    with pytest.raises(sqlite3.DatabaseError):
        call(cache)
    assert path.read_bytes() == b"Somebody's notes. " * 1000
    path.unlink()
    call(cache)


def test_directory_is_an_error_until_it_is_gone(make_sqlite, tmp_path):
    path = tmp_path / "answers.db"
    path.mkdir()
    cache = make_sqlite(path)
    with pytest.raises(sqlite3.OperationalError):
        cache.get("key")
    path.rmdir()
    assert cache.get("key") is None


def test_file_in_place_of_a_directory_is_an_error_until_it_is_gone(
    make_sqlite, tmp_path
):
    (tmp_path / "folder").write_text("A file.")
    cache = make_sqlite(tmp_path / "folder" / "answers.db")
    with pytest.raises(OSError, match="folder"):
        cache.set("key", b"answer", 60)
    (tmp_path / "folder").unlink()
    cache.set("key", b"answer", 60)
    assert cache.get("key") == b"answer"


def test_file_that_is_damaged_while_it_is_open_is_an_error_until_it_is_gone(
    make_sqlite,
):
    cache = make_sqlite()
    for number in range(100):
        cache.set(f"key {number}", b"x" * 1000, 60)
    with another_connection(cache.path, "PRAGMA wal_checkpoint(TRUNCATE)"):
        pass
    with cache.path.open("r+b") as file:
        file.write(b"rubbish " * 10_000)
    with pytest.raises(sqlite3.DatabaseError):
        for number in range(100):
            cache.get(f"key {number}")
    for path in cache.path.parent.iterdir():
        path.unlink()
    cache.set("key", b"answer", 60)
    assert cache.get("key") == b"answer"


def test_tables_that_somebody_removed_are_made_again(make_sqlite):
    cache = make_sqlite()
    cache.set("key", b"answer", 60)
    with another_connection(cache.path, "DROP TABLE llm_adapter_answers_v1"):
        pass
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        cache.get("key")
    cache.set("key", b"another", 60)
    assert cache.get("key") == b"another"


@no_fork
def test_place_that_cannot_be_written_is_an_error_until_it_can(tmp_path):
    """In a process that is not root, who may write anywhere."""
    run_program(
        FORK
        + """
    import sqlite3, tempfile
    from llm_adapter.caches import SQLiteCache

    def become(user):
        if os.getuid() == 0:
            os.seteuid(user)

    folder = tempfile.mkdtemp()
    def use():
        os.chmod(folder, 0o555)
        become(65534)
        cache = SQLiteCache(folder + "/answers.db")
        try:
            cache.set("key", b"answer", 60)
        except sqlite3.OperationalError:
            pass
        else:
            raise AssertionError("It can be written.")
        become(0)
        os.chmod(folder, 0o777)
        become(65534)
        cache.set("key", b"answer", 60)
        assert cache.get("key") == b"answer"
        cache.close()
        become(0)
    assert in_child(use) == 0
    os.remove(folder + "/answers.db")
    os.rmdir(folder)
    """
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_full_disk_is_an_error_until_there_is_room(tmp_path):
    run_program(
        """
    import resource, sqlite3, sys
    from llm_adapter.caches import SQLiteCache

    with SQLiteCache(sys.argv[1], timeout=10) as cache:
        cache.set("early", b"answer", None)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        failed = 0
        for number in range(100):
            try:
                cache.set(f"key {number}", b"x" * 20_000, None)
            except sqlite3.OperationalError:
                failed += 1
        assert failed > 80, failed
        assert cache.get("early") == b"answer"
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        cache.set("late", b"x" * 1_000_000, None)
        assert len(cache.get("late")) == 1_000_000
    """,
        str(tmp_path / "answers.db"),
    )
    assert is_sound(tmp_path / "answers.db")
