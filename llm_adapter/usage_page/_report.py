"""What a page of usage tells, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from attrs import frozen

from .._figures import model_name
from ..ledger import DayRow, UsageRow
from ._plots import Plot, Series
from ._scale import COUNT, MONEY, SECONDS, measured

MOST = 5
"""Names that a plot tells apart; the rest is one more."""

FEWEST_DAYS = 30
"""That a plot shows, though the ledger may have begun later."""


@frozen(kw_only=True)
class Report:
    """Sums over some days.

    Args:
        first: of the days.
        last: of the days, which counts.
        made: when it was asked for (UTC).
        user_id: whose calls it counts; None for all.
        workflow: which calls it counts; None for all.
        total: of all rows.
        days: on which anything happened.
        daily: by day and model.
        models: by model.
        workflows: by workflow.
        users: by user.
    """

    first: date
    last: date
    made: datetime
    user_id: str | None = None
    workflow: str | None = None
    total: UsageRow
    days: Sequence[DayRow] = ()
    daily: Sequence[UsageRow] = ()
    models: Sequence[UsageRow] = ()
    workflows: Sequence[UsageRow] = ()
    users: Sequence[UsageRow] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was booked."""
        return not self.total.calls


def plots(report: Report) -> list[Plot]:
    """Cost, tokens, latency and errors over time."""
    days = shown_days(report)
    rows = {row.day: row for row in report.days}
    usage = {day: row.usage for day, row in rows.items()}
    found = [rows.get(day) for day in days]
    costs = (
        (row.day, model_name(row), measured(row.cost))
        for row in report.daily
        if row.day is not None
    )
    errors = (
        (day, name, float(number))
        for day, row in rows.items()
        for name, number in row.errors.items()
    )
    return [
        Plot(
            key="cost",
            title="Cost per day",
            days=days,
            unit=MONEY,
            palette="s",
            series=stacked(days, costs, "models"),
        ),
        Plot(
            key="tokens",
            title="Tokens per day",
            days=days,
            unit=COUNT,
            palette="t",
            series=_tokens(days, usage),
        ),
        Plot(
            key="latency",
            title="Latency",
            days=days,
            unit=SECONDS,
            palette="l",
            series=_latency(found),
        ),
        Plot(
            key="errors",
            title="Errors per day",
            days=days,
            unit=COUNT,
            palette="e",
            series=stacked(days, errors, "kinds"),
        ),
    ]


def shown_days(report: Report) -> list[date]:
    """All days, but for most of those before anything happened."""
    known = [row.day for row in report.days]
    begun = min(known, default=report.last)
    at_most = report.last - timedelta(days=FEWEST_DAYS - 1)
    first = max(report.first, min(begun, at_most))
    number = (report.last - first).days + 1
    return [first + timedelta(days=each) for each in range(number)]


def stacked(
    days: Sequence[date], cells: Iterable[tuple[date, str, float]], kind: str
) -> list[Series]:
    """The largest of the names, the largest first, and one series for all others.

    Args:
        days: that the series have.
        cells: day, name and value; one name may have several of a day.
        kind: what the others are called.
    """
    table: dict[str, dict[date, float]] = {}
    for day, name, value in cells:
        row = table.setdefault(name, {})
        row[day] = row.get(day, 0.0) + value
    names = sorted(table, key=lambda name: (-sum(table[name].values()), name))
    names = [name for name in names if any(table[name].values())]
    most = MOST if len(names) > MOST + 1 else MOST + 1
    series = [_series(name, days, [table[name]]) for name in names[:most]]
    rest = [table[name] for name in names[most:]]
    if rest:
        series.append(_series(f"{len(rest)} other {kind}", days, rest))
    return series


def _series(
    name: str, days: Sequence[date], rows: Sequence[Mapping[date, float]]
) -> Series:
    return Series(name, [sum(row.get(day, 0.0) for row in rows) for day in days])


def _tokens(days: Sequence[date], usage: Mapping[date, UsageRow]) -> list[Series]:
    rows = [usage.get(day, UsageRow()) for day in days]
    fresh = [row.input_tokens - row.cached_input_tokens for row in rows]
    named = (
        ("Input", fresh),
        ("Input from the provider's cache", [row.cached_input_tokens for row in rows]),
        ("Output", [row.output_tokens for row in rows]),
    )
    return [Series(name, values) for name, values in named]


def _latency(rows: Sequence[DayRow | None]) -> list[Series]:
    answers = [row.latency if row else None for row in rows]
    tokens = [row.first_token if row else None for row in rows]
    named = (
        ("Whole answer, 95 %", [each.p95 if each else None for each in answers]),
        ("Whole answer, median", [each.p50 if each else None for each in answers]),
        ("First token, median", [each.p50 if each else None for each in tokens]),
    )
    return [
        Series(name, values)
        for name, values in named
        if any(value is not None for value in values)
    ]
