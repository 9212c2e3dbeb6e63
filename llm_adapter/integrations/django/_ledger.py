"""The ledger in Django's database, for trackers that know one with a URL."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from django.core import mail
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections, transaction

from llm_adapter import AsyncTokenTracker, TokenTracker

from ..._checks import type_error
from ..._concurrency import ForkSafeLock
from ...ledger import DayRow, Group, Record, UsageRow
from ...ledger._database import Database
from ...ledger._journal import Journal
from ...ledger._ledger import WAITING, Ledger, _state
from ...ledger._texts import kept_or_none, kept_user
from ...ledger._warnings import Trouble
from ...ledger._writer import Writer, WriterStats

if TYPE_CHECKING:
    from django.db.models import QuerySet

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a question may take, and that closing may."""

PAUSE = 5.0
"""Seconds that a fork waits for the writer to be done."""


class DjangoDatabase(Database):
    """The model, asked as trackers ask a database; it keeps no budgets.

    Args:
        using: alias of the database.
    """

    def __init__(self, using: str) -> None:
        self.using = using

    def __repr__(self) -> str:
        return f"DjangoDatabase({self.using!r})"

    def close(self) -> None:
        """Nothing: connections belong to Django."""

    def insert(self, records: Any) -> int:
        """Write records, but for those that are there, and were not lost."""
        from ._rows import row
        from .models import LLMUsage

        # Sorted: processes that write the same ones cannot wait in a circle.
        rows = sorted(map(row, records), key=lambda each: (each.id, _is_lost(each)))
        ended = [each.id for each in rows if not _is_lost(each)]
        table = LLMUsage.objects.using(self.using)
        atomic: Any = transaction.atomic(using=self.using)
        with atomic:
            # Their process had only closed its ledger.
            table.filter(status="lost", id__in=ended).delete()
            table.bulk_create(rows, ignore_conflicts=True)
        return len(rows)

    def usage(
        self,
        *,
        by: Group | Sequence[Group] | None = None,
        user_id: str | int | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[UsageRow]:
        """Sums for each group: days in their order, and then the dearest first."""
        from ...ledger._database import _groups
        from ._sums import grouped, total

        rows = self._rows(user_id, workflow, since, until)
        groups = _groups(by)
        return grouped(rows, groups) if groups else [total(rows)]

    def series(
        self,
        *,
        user_id: str | int | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[DayRow]:
        """Sums, percentiles and errors of each day on which anything happened."""
        from ._sums import series

        return series(self._rows(user_id, workflow, since, until))

    def _rows(
        self, user_id: Any, workflow: str | None, since: Any, until: Any
    ) -> QuerySet[Any]:
        from .models import LLMUsage

        wanted = {
            "user_id": kept_user(user_id),
            "workflow": kept_or_none(workflow),
            "at__gte": _moment("since", since),
            "at__lt": _moment("until", until),
        }
        known = {name: value for name, value in wanted.items() if value is not None}
        rows: QuerySet[Any] = LLMUsage.objects.using(self.using).filter(**known)
        return rows


def _is_lost(row: Any) -> bool:
    return bool(row.status == "lost")


def _moment(name: str, value: object) -> datetime | None:
    from ._rows import moment

    if value is None:
        return None
    if isinstance(value, datetime):
        return moment(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return moment(datetime.combine(value, time(), UTC))
    raise type_error(name, "a datetime, a date or None", value)


# -- booking --------------------------------------------------------------------------


class DjangoLedger(Ledger):
    """A ledger in Django's database, written behind the back of calls.

    Args:
        using: alias of the database.
        journal: directory for what is not in it yet; None for the usual one.
    """

    def __init__(self, using: str, journal: str | Path | None = None) -> None:
        self.budgets = ()
        self._taken = {}
        self.database = DjangoDatabase(using)
        where = directory(using) if journal is None else journal
        self._writer = Writer(Journal(where), self._write)

        self._using = using

    def _write(self, records: Sequence[Record]) -> None:
        with _forks.away(), _giving_back(self._using):
            self.database.insert(records)

    def ask(self, question: Callable[[Database], T], seconds: float) -> T:
        """What the database answers, once it knows what was booked before; blocks."""
        self.flush(seconds)
        with _giving_back(self._using):
            return question(self.database)


@contextmanager
def _giving_back(using: str) -> Iterator[None]:
    """Close a connection that the block has opened.

    In threads of ours no request ends, with which Django would close it.
    """
    connection = connections[using]
    was_open = connection.connection is not None
    try:
        yield
    finally:
        if not was_open:
            connection.close()


class ImmediateLedger(Ledger):
    """A ledger whose rows are in the database at once, for tests.

    They are written through the connection of whoever calls, and so vanish with the
    transaction of a TestCase. What ends in an event loop, where Django lets nobody
    write, is written by the next `flush`. What cannot be written is lost.

    Args:
        using: alias of the database.
    """

    def __init__(self, using: str) -> None:
        self.budgets = ()
        self.database = DjangoDatabase(using)
        self._lock = ForkSafeLock()
        self._waiting: list[Record] = []
        self._trouble = Trouble()
        self._written = self._failures = 0

    def begin(self, record: Record) -> None:
        """Nothing is known yet."""

    def end(self, record: Record) -> None:
        """Write it."""
        with self._lock:
            self._waiting.append(record)
        self.flush(0)

    def flush(self, seconds: float) -> bool:
        """Whether all is written; it is, unless this is an event loop."""
        with self._lock:
            records, self._waiting = self._waiting, []
        if not records:
            return True
        try:
            self.database.insert(records)
        except SynchronousOnlyOperation:
            with self._lock:
                self._waiting = [*records, *self._waiting]
            return False
        except Exception as error:  # whatever the database raises
            self._failures += 1
            self._trouble.warn(
                "%d records of the ledger are lost (%s: %.200s).",
                len(records),
                type(error).__name__,
                error,
            )
            return True
        self._written += len(records)
        return True

    def stats(self) -> WriterStats:
        """What was booked so far."""
        waiting = len(self._waiting)
        return WriterStats(
            booked=self._written + waiting,
            adopted=0,
            written=self._written,
            waiting=waiting,
            dropped=0,
            failures=self._failures,
        )

    def close(self, seconds: float) -> None:
        """Write what waits."""
        self.flush(seconds)


def ledger_for(using: str, journal: str | None, immediate: bool | None) -> Ledger:
    """The ledger that a configuration asks for.

    Args:
        using: alias of the database.
        journal: directory; None for the usual one.
        immediate: None means where Django's tests run.
    """
    # Django's own sign: its test runner, and pytest-django, make this mailbox.
    if hasattr(mail, "outbox") if immediate is None else immediate:
        return ImmediateLedger(using)
    return DjangoLedger(using, journal)


def directory(using: str) -> Path:
    """For what is not in a database yet: the same for all processes that use it."""
    connection: Any = connections[using]
    known = connection.settings_dict
    name = str(known["NAME"])
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():
        path = Path(name).absolute()
        return path.with_name(path.name + WAITING)
    parts = [connection.vendor, known["HOST"], known["PORT"], name]
    digest = sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
    return _state() / "llm-adapter" / f"ledger-{digest}"


# -- forks ----------------------------------------------------------------------------


class _Forks:
    """Keeps forks away from what a thread of ours does in a database.

    A forked process would believe for ever that SQLite's file is locked, and would
    share a connection to a server.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forking = threading.local()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody forks within the block, if it is done in time."""
        with self._lock:
            yield

    def before(self) -> None:
        """Somebody is about to fork, and should not wait for ever."""
        self._forking.holds = self._lock.acquire(timeout=PAUSE)

    def in_parent(self) -> None:
        """It is done."""
        if self._forking.holds:
            self._lock.release()

    def in_child(self) -> None:
        """The thread that may hold the lock is not here."""
        self._lock = threading.Lock()


_forks = _Forks()

if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_forks.before,
        after_in_parent=_forks.in_parent,
        after_in_child=_forks.in_child,
    )


# -- trackers -------------------------------------------------------------------------


class DjangoTokenTracker(TokenTracker):
    """Books in Django's database."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._timeout = PATIENCE


class AsyncDjangoTokenTracker(AsyncTokenTracker):
    """Books in Django's database."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._timeout = PATIENCE
