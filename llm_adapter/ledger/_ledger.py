"""A ledger as a process uses it: booked behind its back, asked for sums, kept to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from typing import TypeVar

from .._checks import type_error
from ._budgets import Amounts, Budget, Counter, exceeded, taken_by, touched
from ._database import Database
from ._errors import LedgerError
from ._journal import Journal
from ._records import Record
from ._warnings import Trouble
from ._writer import Writer, WriterStats

T = TypeVar("T")

DEFAULT_URL = "sqlite:///llm_usage.db"
WAITING = ".waiting"
"""Of the directory beside an SQLite file, for what is not in it yet."""


class Ledger:
    """What the trackers of a program share with those who ask them.

    Args:
        url: of the database.
        budgets: that calls are kept to.
        journal: directory for what is not in the database yet; None means one beside
            an SQLite file, or one below the user's own state.

    Raises:
        LLMConfigurationError: the URL cannot be used, or a package is missing.
    """

    def __init__(
        self,
        url: str,
        budgets: Iterable[Budget] = (),
        journal: str | os.PathLike[str] | None = None,
    ) -> None:
        self.budgets: tuple[Budget, ...] = _checked(budgets)
        self.database: Database = Database(url)
        where = directory(url) if journal is None else journal
        # By call: what it has taken, and the database does not know yet. Without a
        # lock, since a collected stream may settle in the middle of anything.
        self._taken: dict[str, Amounts] = {}
        self._trouble = Trouble()
        self._writer = Writer(Journal(where), self._write, has_more=self._has_taken)

    def __repr__(self) -> str:
        return repr(self.database)

    # -- booking ----------------------------------------------------------------------

    def begin(self, record: Record) -> None:
        """A request is about to be sent."""
        self._writer.begin(record)

    def end(self, record: Record) -> None:
        """It has ended, or was spared: it is written in a moment."""
        self._writer.end(record)

    def _write(self, records: Sequence[Record]) -> None:
        self.database.insert(records)
        for record in records:
            if record.id == record.call_id:  # told by hand: nothing was reserved
                self._spend(record)
        self._settle_all()

    def _spend(self, record: Record) -> None:
        counters = touched(
            self.budgets,
            user_id=record.user_id,
            workflow=record.workflow,
            at=record.at,
        )
        if counters:
            amounts = taken_by(record)
            self.database.spend(record.id, counters, amounts, now=record.at)

    # -- budgets ----------------------------------------------------------------------

    def reserve(
        self,
        call_id: str,
        counters: Sequence[Counter],
        amounts: Amounts,
        now: datetime,
    ) -> None:
        """Reserve for a call what it may take; blocks.

        Raises:
            LLMBudgetExceededError: it would overrun a budget.
            LedgerError: the database cannot be used.
        """
        self._settle_all()  # or calls of ours that are over stand in the way
        standing = self.database.reserve(call_id, counters, amounts, now=now)
        if standing is not None:
            raise exceeded(standing, now)

    def settle(self, call_id: str, amounts: Amounts) -> None:
        """A call is over that has reserved something, or has tried to."""
        self._taken[call_id] = amounts
        self._writer.rouse()

    def _has_taken(self) -> bool:
        return bool(self._taken)

    def _settle_all(self) -> None:
        # A copy that is made in one step, during which nothing is collected.
        for call_id, amounts in dict(self._taken).items():
            self.database.settle(call_id, amounts)
            self._taken.pop(call_id, None)

    # -- what is asked of it ----------------------------------------------------------

    def ask(self, question: Callable[[Database], T], seconds: float) -> T:
        """What the database answers, once it knows what was booked before; blocks.

        Args:
            question: of the database.
            seconds: to wait for that.

        Raises:
            LedgerError: the database cannot be used.
        """
        self.flush(seconds)
        return question(self.database)

    def flush(self, seconds: float) -> bool:
        """Whether all that was booked before is in the database, in time; blocks."""
        return self._writer.flush(seconds)

    def stats(self) -> WriterStats:
        """What was booked so far, and what waits."""
        return self._writer.stats()

    def close(self, seconds: float) -> None:
        """Book what can be booked in time, leave the rest to the next process; blocks.

        What ends afterwards is left to it as well.
        """
        self._writer.close(seconds)
        try:
            self._settle_all()  # what has ended since an earlier close
        except LedgerError as error:
            self._trouble.warn("Budgets count what was reserved: %s", error)
        self.database.close()


def directory(url: str) -> Path:
    """For what is not in a database yet: the same for all processes that use it."""
    from ._location import Location

    location = Location.from_url(url)
    if location.path is not None:
        return location.path.with_name(location.path.name + WAITING)
    name = sha256(location.shown.encode()).hexdigest()[:16]
    return _state() / "llm-adapter" / f"ledger-{name}"


def _state() -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(named):
        return Path(named)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:  # a user without a home
        return Path(gettempdir())


def _checked(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    if isinstance(budgets, Budget) or not isinstance(budgets, Iterable):
        raise type_error("budgets", "a sequence of Budgets", budgets)
    found = tuple(budgets)
    for each in found:
        if not isinstance(each, Budget):
            raise type_error("each of budgets", "a Budget", each)
    return found
