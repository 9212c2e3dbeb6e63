"""The ledger for programs: what was used, by whom, and what it cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import TracebackType
from typing import Self, TypeVar

from .._concurrency import async_offload, async_tried
from .._context import UserId, label
from .._tracking import by_hand, once, outcome
from ..ledger import Budget, DayRow, Group, UsageRow, UserUsage
from ..ledger._database import Database
from ..ledger._ledger import DEFAULT_URL, Ledger
from ..ledger._writer import WriterStats
from ..models import Usage
from ..settings import Settings

T = TypeVar("T")

GRACE = 5.0
"""Seconds beyond its own timeout that a blocking call is given to say what is wrong."""


class AsyncTokenTracker:
    """Books what is used, in an SQLite file or in PostgreSQL, and keeps to budgets.

    Booking makes no call wait: records are written in batches, behind its back. Until
    they are, they stand in a file of this process. When the process dies, or the
    database is away, whoever uses the same ledger next books them; none twice.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://...`;
            None means LLM_LEDGER_URL, else sqlite:///llm_usage.db.
        budgets: what calls through a TrackingLLMService are kept to.
        journal: directory for what is not in the database yet; None means one beside
            an SQLite file, or one below the user's own state.
        timeout: seconds that a question may take, and that closing may.
        settings: instead of Settings.from_env().

    Raises:
        LLMConfigurationError: the URL cannot be used, or a package is missing.
        TypeError: an argument has the wrong type.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        budgets: Iterable[Budget] = (),
        journal: str | os.PathLike[str] | None = None,
        timeout: float = 10.0,
        settings: Settings | None = None,
    ) -> None:
        if url is None:
            known = Settings.from_env() if settings is None else settings
            url = known.ledger_url or DEFAULT_URL
        self.ledger: Ledger = Ledger(url, budgets, journal)
        self._timeout = timeout

    async def log_usage(
        self,
        user_id: UserId | None,
        workflow: str | None,
        provider: str,
        model: str,
        tokens_used: int | None = None,
        *,
        usage: Usage | None = None,
        cost: Decimal | None = None,
        latency: float = 0.0,
    ) -> None:
        """Book what was used without a TrackingLLMService; budgets count it, too.

        Args:
            user_id: whose it is.
            workflow: what it was for.
            provider: who answered.
            model: likewise.
            tokens_used: of all kinds together, which have no price.
            usage: instead: tokens of each kind.
            cost: US dollars; None means by the prices that are known.
            latency: seconds that it took.

        Raises:
            TypeError: an argument has the wrong type.
            ValueError: a number is out of range.
        """
        record = by_hand(
            user_id=user_id,
            workflow=workflow,
            provider=provider,
            model=model,
            tokens_used=tokens_used,
            usage=usage,
            cost=cost,
            latency=latency,
        )
        await self._do(lambda: self.ledger.end(record))

    async def get_user_usage(self, user_id: UserId, days: int = 30) -> UserUsage:
        """What a user has used today and on the days before (UTC), so many in all.

        Tokens for no workflow stand under the empty name. The cost is that of all
        requests of which it is known.

        Raises:
            LedgerError: the database cannot be used.
            TypeError, ValueError: an argument makes no sense.
        """
        user = label("user_id", user_id) or ""
        return await self._ask(lambda database: database.user_usage(user, days))

    async def get_usage(
        self,
        *,
        by: Group | Sequence[Group] | None = None,
        user_id: UserId | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[UsageRow]:
        """Sums for each group: days in their order, and then the dearest first.

        Args:
            by: what to tell apart: user, workflow, model, provider, day, or several of
                them; None for one row of all.
            user_id: whose records; None for those of all.
            workflow: which records; None for those of all.
            since: from when on; a date begins with its day of UTC.
            until: up to but without that moment, or that day.

        Raises:
            LedgerError: the database cannot be used.
            TypeError, ValueError: an argument makes no sense.
        """
        user = label("user_id", user_id)
        return await self._ask(
            lambda database: database.usage(
                by=by, user_id=user, workflow=workflow, since=since, until=until
            )
        )

    async def get_days(
        self,
        *,
        user_id: UserId | None = None,
        workflow: str | None = None,
        since: datetime | date | None = None,
        until: datetime | date | None = None,
    ) -> list[DayRow]:
        """Sums, percentiles of seconds, and errors of each day that has records.

        Raises:
            LedgerError: the database cannot be used.
            TypeError: an argument has the wrong type.
        """
        user = label("user_id", user_id)
        return await self._ask(
            lambda database: database.series(
                user_id=user, workflow=workflow, since=since, until=until
            )
        )

    async def flush(self, seconds: float = 10.0) -> bool:
        """Whether all that was booked before is in the database, within that time."""
        return await async_offload(self.ledger.flush, seconds, seconds=seconds + GRACE)

    def stats(self) -> WriterStats:
        """What this process has booked, and what of it waits for the database."""
        return self.ledger.stats()

    async def close(self) -> None:
        """Write what waits; what cannot be written in time is left to the next process.

        The end of the program does it as well.
        """
        await async_offload(
            self.ledger.close, self._timeout, seconds=self._timeout + GRACE
        )

    async def _ask(self, question: Callable[[Database], T]) -> T:
        return await self._do(lambda: self.ledger.ask(question, self._timeout))

    async def _do(self, act: Callable[[], T]) -> T:
        seconds = 2 * self._timeout + GRACE
        found = await async_tried(act, blocks=True, seconds=seconds, gives_up=once)
        return outcome(found, self.ledger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.ledger!r}>"
