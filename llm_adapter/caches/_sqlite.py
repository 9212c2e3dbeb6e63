"""Answers in a file that processes share, and that outlives them."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from time import time as wall_clock

from .._checks import type_error
from ._arguments import wait_in_seconds
from ._store import CacheStore

LEAP = 5.0
"""Seconds that the clock may go back without harm. What is older in the future than
that was written by a clock that was wrong, and is not valid."""

TIDY_EVERY = 64
"""Writes after which one looks for what has expired."""

PORTION = 100
"""Rows that are removed then."""

TIDY_WAIT = 0.025
"""Seconds that it may wait for other processes."""

MAX_LOG = 16 * 1024 * 1024
"""Bytes of the write-ahead log beyond which it is emptied."""

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS llm_adapter_answers_v1 (
        key TEXT NOT NULL PRIMARY KEY,
        written REAL NOT NULL,
        expires REAL,
        value BLOB NOT NULL
    )
    """,
    """
    CREATE INDEX IF NOT EXISTS llm_adapter_answers_v1_expires
    ON llm_adapter_answers_v1 (expires)
    """,
    """
    CREATE TABLE IF NOT EXISTS llm_adapter_claims_v1 (
        key TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        written REAL NOT NULL,
        expires REAL NOT NULL
    )
    """,
)

_GET = f"""
    SELECT value FROM llm_adapter_answers_v1
    WHERE key = :key
    AND (expires IS NULL OR (expires > :now AND written <= :now + {LEAP}))
"""
_SET = """
    INSERT OR REPLACE INTO llm_adapter_answers_v1 (key, written, expires, value)
    VALUES (:key, :now, :now + :ttl, :value)
"""
_DELETE = "DELETE FROM llm_adapter_answers_v1 WHERE key = :key"

_CLAIM = f"""
    INSERT INTO llm_adapter_claims_v1 (key, owner, written, expires)
    VALUES (:key, :owner, :now, :now + :seconds)
    ON CONFLICT (key) DO UPDATE
    SET owner = excluded.owner, written = excluded.written, expires = excluded.expires
    WHERE owner = excluded.owner OR expires <= :now OR written > :now + {LEAP}
"""
_RENEW = f"""
    UPDATE llm_adapter_claims_v1 SET written = :now, expires = :now + :seconds
    WHERE key = :key AND owner = :owner
    AND expires > :now AND written <= :now + {LEAP}
"""
_RELEASE = "DELETE FROM llm_adapter_claims_v1 WHERE key = :key AND owner = :owner"

_PURGE = tuple(
    f"""
    DELETE FROM {table} WHERE rowid IN (
        SELECT rowid FROM {table} WHERE expires <= :now LIMIT {PORTION}
    )
    """
    for table in ("llm_adapter_answers_v1", "llm_adapter_claims_v1")
)


class SQLiteCache(CacheStore):
    """Keeps answers in an SQLite file: for the next run, and for other processes.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, SQLiteCache(f"{folder}/a.db") as cache:
    ...     cache.set("key", b"answer", ttl=60)
    ...     cache.get("key")
    b'answer'

    The file, and the directories above it, are made when they are first needed. In a
    database that is there already, two tables are added. What cannot be read or
    written raises sqlite3.Error, OSError or TimeoutError, and harms nothing.

    Args:
        path: of the file; `~` is the home directory.
        timeout: seconds for which a method waits, for other threads and processes.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 0.25) -> None:
        self.path: Path = _checked_path(path)
        self.timeout: float = wait_in_seconds("timeout", timeout)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._is_a_parents = False
        self._writes = 0
        _stores[id(self)] = self

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def get(self, key: str) -> bytes | None:
        """What is kept under a key; None when there is nothing, or no longer."""
        with self._connected() as connection:
            found = connection.execute(_GET, {"key": key, "now": wall_clock()})
            value = next(iter(found.fetchall()), (None,))[0]
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep a value for `ttl` seconds, or, with None, until it is deleted."""
        with self._connected() as connection:
            now = wall_clock()
            row = {"key": key, "now": now, "ttl": ttl, "value": value}
            connection.execute(_SET, row)
            self._tidy(connection, now)

    def delete(self, key: str) -> None:
        """Forget a key, known or not."""
        with self._connected() as connection:
            connection.execute(_DELETE, {"key": key})

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Claim a key, unless another owner, of whatever process, holds it."""
        return self._changes(_CLAIM, key, owner, seconds)

    def renew(self, key: str, owner: str, seconds: float) -> bool:
        """Hold a claim for that long from now: whether it was still ours."""
        return self._changes(_RENEW, key, owner, seconds)

    def release(self, key: str, owner: str) -> None:
        """Give up a claim, if it is still ours."""
        self._changes(_RELEASE, key, owner)

    def _changes(
        self, statement: str, key: str, owner: str, seconds: float = 0
    ) -> bool:
        with self._connected() as connection:
            named = {"key": key, "owner": owner, "seconds": seconds}
            done = connection.execute(statement, {**named, "now": wall_clock()})
            return done.rowcount == 1

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._locked():
            self._drop()

    def __repr__(self) -> str:
        return f"SQLiteCache({str(self.path)!r})"

    # -- the connection -----------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """The lock; the moment until which there is time."""
        end = monotonic() + self.timeout
        lock = self._lock
        if not lock.acquire(timeout=self.timeout):
            raise TimeoutError(f"{self!r} was in use for {self.timeout:g} s")
        try:
            yield end
        finally:
            lock.release()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._locked() as end:
            try:
                connection = self._open(end)
                _wait_until(end, connection)
                yield connection
            except sqlite3.Error:
                # The next call begins anew: the file may have been repaired by then.
                self._drop()
                raise

    def _open(self, end: float) -> sqlite3.Connection:
        if self._is_a_parents:
            raise sqlite3.OperationalError(
                f"{self!r} was in use when this process was forked, and SQLite cannot "
                "open a file again that a parent had open"
            )
        if self._connection is not None:
            if self._file == _identity(self.path):
                return self._connection
            self._drop()  # somebody removed or replaced the file
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path,
            timeout=max(0.001, end - monotonic()),
            isolation_level=None,  # each statement is a transaction
            check_same_thread=False,  # the lock sees to it
        )
        try:
            _prepare(connection, end)
        except BaseException:
            connection.close()
            raise
        self._connection, self._file = connection, _identity(self.path)
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _tidy(self, connection: sqlite3.Connection, now: float) -> None:
        """Remove some of what has expired, now and then."""
        self._writes += 1
        if self._writes % TIDY_EVERY != 1:
            return
        # The answer has been kept: what fails here is no failure of that.
        with suppress(sqlite3.OperationalError, OSError):
            _wait_until(monotonic() + TIDY_WAIT, connection)
            for statement in _PURGE:
                connection.execute(statement, {"now": now})
            # Readers that overlap without end keep SQLite from doing this by itself.
            if os.stat(f"{self.path}-wal").st_size > MAX_LOG:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # -- forks --------------------------------------------------------------------

    def pause(self) -> bool:
        """Before a fork: close the file and let nobody open it, if it comes free.

        SQLite's locks on a file that a parent had open mislead it in the child, where
        the parent's connection may be neither used nor closed.
        """
        if not self._lock.acquire(timeout=2 * self.timeout):
            return False
        self._drop()
        return True

    def resume(self) -> None:
        """After a fork, in either process."""
        self._lock.release()

    def disown(self) -> None:
        """In the child of a fork for which the file did not come free."""
        self._lock = threading.Lock()
        if self._connection is not None:
            self._is_a_parents = True
            _never_closed.append(self._connection)
            self._connection = None


def _checked_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise type_error("path", "a path", path)
    name = os.fspath(path)
    if not isinstance(name, str):
        raise type_error("path", "a path of text", path)
    if not name or name == ":memory:" or "\0" in name:
        raise ValueError(
            f"path is {name!r:.80}: name a file, or use MemoryCache() for the memory"
        )
    # Absolute, so that a change of the working directory is no change of the file.
    return Path(name).expanduser().absolute()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _wait_until(end: float, connection: sqlite3.Connection) -> None:
    """Let the next statement wait for other processes, but no longer."""
    left = max(1, round((end - monotonic()) * 1000))
    connection.execute(f"PRAGMA busy_timeout = {left}")


def _prepare(connection: sqlite3.Connection, end: float) -> None:
    # Of several processes that begin at once, one changes the mode, which the file
    # keeps; the others fail. What else may be wrong the next statements tell.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 4194304").fetchall()
    for statement in _SCHEMA:
        _wait_until(end, connection)
        connection.execute(statement)


# -- all stores of the process, for forks ---------------------------------------------

_stores: weakref.WeakValueDictionary[int, SQLiteCache] = weakref.WeakValueDictionary()
_forking = threading.local()
_never_closed: list[sqlite3.Connection] = []
"""Connections of a parent: their end would close them."""


def _known() -> list[SQLiteCache]:
    # A copy that is made in one step: other threads may add to them.
    found = (reference() for reference in _stores.valuerefs())
    return [store for store in found if store is not None]


def _before_fork() -> None:
    _forking.paused = [store for store in _known() if store.pause()]


def _after_fork_in_parent() -> None:
    for store in _forking.paused:
        store.resume()
    _forking.paused = []


def _after_fork_in_child() -> None:
    for store in _known():
        if store in _forking.paused:
            store.resume()
        else:
            store.disown()
    _forking.paused = []


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
