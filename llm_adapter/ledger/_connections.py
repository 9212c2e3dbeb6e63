"""Connections to the ledger's database, which come back after a restart or a fork."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from .._secrets import hidden
from . import _schema
from ._errors import LedgerError
from ._location import Location

T = TypeVar("T")

PATIENCE = 30
"""Seconds after which a silent connection is given up, and PostgreSQL ends what a
stopped process has begun, for that may hold what others need."""

_AGAIN = ("40001", "40P01", "42P01")
"""Of PostgreSQL: it could not tell who was first, a deadlock, and a missing table."""


class Connections:
    """Runs work in transactions, and once more when only the connection was at fault.

    Work must therefore be such that doing it twice changes nothing.

    Args:
        location: of the database.
        timeout: seconds to wait for a connection, a lock, or another process.
    """

    def __init__(self, location: Location, timeout: float) -> None:
        self._location = location
        self._timeout = timeout
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._file: tuple[int, int] | None = None
        self._is_a_parents = False
        _known[id(self)] = self

    def read(self, work: Callable[[Connection], T]) -> T:
        """What the work finds, all of it at one moment.

        Raises:
            LedgerError: the database cannot be used.
        """
        return self._run(work, "BEGIN")

    def write(self, work: Callable[[Connection], T]) -> T:
        """What the work answers, when all of it has been done.

        Raises:
            LedgerError: the database cannot be used; nothing was done.
        """
        return self._run(work, "BEGIN IMMEDIATE")

    def close(self) -> None:
        """Close the connections that are not in use; the next call opens others."""
        with self._locked():
            self._drop()

    def _run(self, work: Callable[[Connection], T], begin: str) -> T:
        try:
            return self._try(work, begin)
        except LedgerError as error:
            if not _is_worth_another_try(error.__cause__):
                raise
        return self._try(work, begin)

    def _try(self, work: Callable[[Connection], T], begin: str) -> T:
        try:
            return self._done(work, begin)
        # UnicodeError: of a name that cannot be one of a host.
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            # What failed once may be another file, or another server, by now.
            self._forget(error)
            raise self._mapped(error) from error

    def _done(self, work: Callable[[Connection], T], begin: str) -> T:
        if self._location.path is None:
            engine = self._engine
            if engine is None:
                with self._locked():
                    engine = self._open()
            try:
                with engine.begin() as connection:
                    return work(connection)
            finally:
                if engine is not self._engine:
                    engine.pool.dispose()  # `close` left this connection, in use
        # Within a process there is one connection, and one thread at a time.
        with self._locked():
            engine = self._open()
            with engine.begin() as connection:
                connection.exec_driver_sql(begin)
                return work(connection)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock
        if not lock.acquire(timeout=self._timeout):
            raise LedgerError(
                f"The ledger's database {self._location.shown} was in use by another "
                f"thread for {self._timeout:g} s."
            )
        try:
            yield
        finally:
            lock.release()

    def _open(self) -> Engine:
        if self._is_a_parents:
            raise LedgerError(
                f"{self._location.shown} was in use when this process was forked, and "
                "SQLite cannot open a file again that a parent had open.",
                retryable=False,
            )
        path = self._location.path
        if self._engine is not None and self._file == _identity(path):
            return self._engine
        self._drop()  # somebody removed or replaced the file
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(self._location.url, self._timeout)
        try:
            _prepare(engine)
        except BaseException:
            engine.dispose()
            raise
        self._engine, self._file = engine, _identity(path)
        return engine

    def _drop(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            # Not the engine: connections in use must find their way back.
            engine.pool.dispose()

    def _forget(self, error: Exception) -> None:
        if self._location.path is not None or _code(error) == "42P01":
            with self._locked():
                self._drop()

    def _mapped(self, error: Exception) -> LedgerError:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = re.split(r"\n| \(Background on", str(cause).strip())[0][:300]
        for secret in self._location.secrets:
            reason = hidden(reason, secret)
        return LedgerError(
            f"The ledger's database {self._location.shown} cannot be used: {reason}"
        )

    # -- forks --------------------------------------------------------------------

    def pause(self) -> bool:
        """Before a fork: let nobody open a connection, if the lock comes free.

        A file is closed. SQLite's locks on one that a parent had open mislead it in the
        child, where the parent's connection may be neither used nor closed.
        """
        if not self._lock.acquire(timeout=2 * self._timeout):
            return False
        if self._location.path is not None:
            self._drop()
        return True

    def resume(self) -> None:
        """After a fork, in either process."""
        self._lock.release()

    def disown(self) -> None:
        """In the child: leave the parent's connections alone."""
        self._lock = threading.Lock()
        if self._engine is not None:
            self._is_a_parents = self._location.path is not None
            _never_closed.append(self._engine)
            self._engine = None


def _engine(url: URL, timeout: float) -> Engine:
    options: dict[str, Any]
    if url.get_backend_name() == "sqlite":
        options = {
            "timeout": timeout,
            "isolation_level": None,  # the BEGIN is ours
            "check_same_thread": False,  # the lock sees to it
        }
        engine = create_engine(url, connect_args=options, hide_parameters=True)
        event.listen(engine, "connect", _set_up_sqlite)
        return engine
    defaults: dict[str, Any] = {
        "connect_timeout": max(2, round(timeout)),
        "tcp_user_timeout": PATIENCE * 1000,
        "application_name": "llm-adapter",
    }
    options = {name: each for name, each in defaults.items() if name not in url.query}
    options["prepare_threshold"] = None  # poolers between us lose what is prepared
    engine = create_engine(
        url, connect_args=options, hide_parameters=True, pool_timeout=timeout
    )
    waits = round(timeout * 1000)

    def set_up(connection: Any, _record: Any) -> None:
        connection.execute(f"SET lock_timeout = {waits}")
        connection.execute(
            f"SET idle_in_transaction_session_timeout = {PATIENCE * 1000}"
        )
        connection.commit()

    event.listen(engine, "connect", set_up)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Of several processes that begin at once, one changes the mode, which the file
    # keeps; the others fail. What else may be wrong the next statements tell.
    with suppress(connection.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 4194304").fetchall()


def _prepare(engine: Engine) -> None:
    """Bring the tables up to date; who may only read needs no more than that."""
    is_file = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if _schema.is_current(connection):
            return
    with engine.begin() as connection:
        if is_file:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        _schema.upgrade(connection)


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_worth_another_try(error: BaseException | None) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    return (
        error.connection_invalidated
        or _code(error) in _AGAIN
        or "no such table" in str(error.orig)
    )


def _code(error: Exception) -> str | None:
    """PostgreSQL's own code for what happened."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


# -- all of the process, for forks ----------------------------------------------------

_known: weakref.WeakValueDictionary[int, Connections] = weakref.WeakValueDictionary()
_forking = threading.local()
_never_closed: list[Engine] = []
"""Of a parent: their end would close its connections."""


def _all() -> list[Connections]:
    # A copy that is made in one step: other threads may add to them.
    found = (reference() for reference in _known.valuerefs())
    return [each for each in found if each is not None]


def _before_fork() -> None:
    _forking.paused = [each for each in _all() if each.pause()]


def _after_fork_in_parent() -> None:
    for each in _forking.paused:
        each.resume()
    _forking.paused = []


def _after_fork_in_child() -> None:
    for each in _all():
        each.disown()
    _forking.paused = []


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
