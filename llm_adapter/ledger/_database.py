"""The ledger in a database: records, their sums, and what budgets have left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from .._checks import type_error
from ..errors import LLMConfigurationError
from ._budgets import Amounts, Counter, Standing
from ._records import Record
from ._rows import DayRow, Group, UsageRow, UserUsage
from ._texts import kept, kept_or_none, kept_user

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

TIDY_EVERY = 512
"""Reservations after which one looks for what is too old to matter."""

_ZERO = Decimal(0)
_GROUPS = ("user", "workflow", "model", "provider", "day")


class Database:
    """A ledger in an SQLite file, or in PostgreSQL for several machines.

    The tables are made, or brought up to date, when they are first needed. Any number
    of threads and processes may use one at once; a forked process connects anew. Every
    method blocks. What fails raises LedgerError, and doing it again never counts
    anything twice.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://...`.
        timeout: seconds to wait for a connection, and for other processes.

    Raises:
        LLMConfigurationError: the URL cannot be used, or a package is missing.
    """

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        if not isinstance(url, str):
            raise type_error("url", "a string", url)
        try:
            from ._connections import Connections
            from ._location import Location
        except ImportError as error:
            raise LLMConfigurationError(
                "The ledger needs SQLAlchemy 2.0 or newer: "
                "pip install 'llm-adapter[ledger]'"
            ) from error
        location = Location.from_url(url)
        self._shown = location.shown
        self._connections = Connections(location, timeout)
        self._reservations = 0

    def __repr__(self) -> str:
        return f"Database({self._shown!r})"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._connections.close()

    def prepare(self) -> None:
        """Connect, and make the tables or bring them up to date, if need be."""
        self._connections.read(lambda connection: None)

    # -- records ------------------------------------------------------------------

    def insert(self, records: Iterable[Record]) -> int:
        """Write records, but for those that are there: how many were new.

        They are written in portions: after an error some of them may be there.
        """
        from ._columns import add, portions

        write = self._connections.write
        return sum(write(partial(add, rows)) for rows in portions(records))

    def usage(
        self,
        *,
        by: Group | Sequence[Group] | None = None,
        user_id: str | int | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[UsageRow]:
        """Sums for each group: days in their order, and then the dearest first.

        Args:
            by: what to tell apart, one thing or several; None for one row of all.
            user_id: whose records; None for those of all.
            workflow: which records; None for those of all.
            since: from when on; a date begins with its day of UTC.
            until: up to but without that moment, or that day.
        """
        from ._queries import sums

        groups = _groups(by)
        where = _where(user_id, workflow, since, until)
        return self._connections.read(lambda each: sums(each, groups, where))

    def series(
        self,
        *,
        user_id: str | int | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[DayRow]:
        """Sums, percentiles and errors of each day on which anything happened.

        Args:
            user_id: whose records; None for those of all.
            workflow: which records; None for those of all.
            since: from when on; a date begins with its day of UTC.
            until: up to but without that moment, or that day.
        """
        from ._queries import series

        where = _where(user_id, workflow, since, until)
        return self._connections.read(lambda each: series(each, where))

    def user_usage(
        self, user_id: str | int, days: int = 30, *, now: datetime | None = None
    ) -> UserUsage:
        """What a user has used today and on the days before, so many in all.

        Tokens for no workflow stand under the empty name.
        """
        if isinstance(days, bool) or not isinstance(days, int):
            raise type_error("days", "a whole number", days)
        if not 1 <= days <= 36_500:
            raise ValueError(f"days is {days}: use a number from 1 to 36500")
        today = (now or datetime.now(UTC)).astimezone(UTC).date()
        since = today - timedelta(days=days - 1)
        rows = self.usage(by="workflow", user_id=user_id, since=since)
        return {
            "total_tokens": sum(row.total_tokens for row in rows),
            "total_cost": _known_cost(rows),
            "workflows": {row.workflow or "": row.total_tokens for row in rows},
        }

    # -- budgets ------------------------------------------------------------------

    def reserve(
        self,
        call_id: str,
        counters: Sequence[Counter],
        amounts: Amounts,
        *,
        now: datetime | None = None,
    ) -> Standing | None:
        """Reserve for a call in all counters, or in none.

        What a process had reserved that died counts as spent: it may have been.

        Args:
            call_id: of the call; while it holds anything, or once it has been spent,
                reserving again for it changes nothing.
            counters: that it touches.
            amounts: that it may take at most. Where that is not known, it may begin as
                long as anything is left.
            now: when it begins.

        Returns:
            What stands in the way, for `exceeded` to put in words; None when nothing.
        """
        from ._reservations import reserve, tidy

        if not counters:
            return None
        moment = now or datetime.now(UTC)
        call = kept(call_id)
        self._reservations += 1
        if self._reservations % TIDY_EVERY == 1:
            self._connections.write(lambda each: tidy(each, moment))
        return self._connections.write(
            lambda each: reserve(each, call, counters, amounts, moment)
        )

    def settle(self, call_id: str, amounts: Amounts) -> bool:
        """Count what a call has taken instead of what it had reserved.

        What is not known counts as it was reserved. The second time changes nothing,
        nor does it for a call that has reserved nothing.

        Returns:
            Whether there was something reserved.
        """
        from ._reservations import settle

        return self._connections.write(
            lambda each: settle(each, kept(call_id), amounts)
        )

    def spend(
        self,
        call_id: str,
        counters: Sequence[Counter],
        amounts: Amounts,
        *,
        now: datetime | None = None,
    ) -> bool:
        """Count a call that may have reserved nothing, such as one logged by hand.

        The second time changes nothing. It is not for calls that `settle` has counted.

        Args:
            call_id: of the call.
            counters: that it touches. Where it has reserved, it counts there instead.
            amounts: that it has taken; what is not known counts as reserved, or not.
            now: when it was.

        Returns:
            Whether it has been counted by this.
        """
        from ._reservations import spend

        moment = now or datetime.now(UTC)
        return self._connections.write(
            lambda each: spend(each, kept(call_id), counters, amounts, moment)
        )

    def release(self, call_id: str) -> None:
        """Give back what a call had reserved, which has taken nothing."""
        from ._reservations import release

        self._connections.write(lambda each: release(each, kept(call_id)))

    def standings(self, counters: Sequence[Counter]) -> list[Standing]:
        """How far each of the counters is used, in their order."""
        from ._reservations import standings

        return self._connections.read(lambda each: standings(each, counters))


def _known_cost(rows: Sequence[UsageRow]) -> Decimal | None:
    """Of all rows; None when there is no request of which it is known."""
    cost = sum((row.cost for row in rows), start=_ZERO)
    unpriced = sum(row.unpriced for row in rows)
    is_unknown = unpriced and unpriced == sum(row.succeeded for row in rows)
    return None if is_unknown and not cost else cost


def _groups(by: Group | Sequence[Group] | None) -> list[Group]:
    given: list[Group] = [by] if isinstance(by, str) else list(by or ())
    for each in given:
        if each not in _GROUPS:
            raise ValueError(f"by has {each!r:.80}: use {', '.join(_GROUPS)}")
    return given


def _where(
    user_id: str | int | None,
    workflow: str | None,
    since: datetime | date | None,
    until: datetime | date | None,
) -> list[ColumnElement[bool]]:
    from ._queries import conditions

    return conditions(
        user_id=kept_user(user_id),
        workflow=kept_or_none(workflow),
        since=_moment("since", since),
        until=_moment("until", until),
    )


def _moment(name: str, value: object) -> datetime | None:
    from ._columns import utc

    if value is None:
        return None
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise type_error(name, "a datetime, a date or None", value)
