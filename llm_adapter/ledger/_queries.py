"""Sums over the ledger, added up by the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from attrs import evolve
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)

from ._money import to_dollars
from ._rows import DayRow, Group, Percentiles, UsageRow, place
from ._schema import USAGE

_ROW = USAGE.c
_COLUMNS = {
    "user": ("user_id",),
    "workflow": ("workflow",),
    "model": ("provider", "model"),
    "provider": ("provider",),
    "day": ("day",),
}
_PERCENTS = (50, 90, 95, 99)

_MILLION = 10**6
"""Costs are added in two parts, for SQLite's sums end at nine million dollars."""

_IS_REQUEST = _ROW.status != "cached"
_SUCCEEDED = _ROW.status == "succeeded"
# A stream that was left has no error.
_IS_ERROR = or_(
    _ROW.status == "failed",
    and_(_ROW.status == "interrupted", _ROW.error.is_not(None)),
)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((condition, 1)))


def _of_requests(value: ColumnElement[Any], none: float = 0) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((_IS_REQUEST, value))), none)


_SUMS: dict[str, ColumnElement[Any]] = {
    "calls": func.count(_ROW.call_id.distinct()),
    "requests": _count(_IS_REQUEST),
    "succeeded": _count(_SUCCEEDED),
    "errors": _count(_IS_ERROR),
    "cached": _count(_ROW.status == "cached"),
    **{
        name: _of_requests(_ROW[name])
        for name in (
            *("input_tokens", "output_tokens", "cached_input_tokens"),
            *("cache_write_tokens", "reasoning_tokens"),
        )
    },
    "total_tokens": _of_requests(
        func.coalesce(
            _ROW.total_tokens,
            func.coalesce(_ROW.input_tokens, 0) + func.coalesce(_ROW.output_tokens, 0),
        )
    ),
    "millions": _of_requests(_ROW.cost // _MILLION),
    "rest": _of_requests(_ROW.cost % _MILLION),
    "unpriced": _count(and_(_SUCCEEDED, _ROW.cost.is_(None))),
    "latency": _of_requests(_ROW.latency, 0.0),
}
_FLOATS = ("latency",)


def conditions(
    *,
    user_id: str | None = None,
    workflow: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ColumnElement[bool]]:
    """What a record has to meet; None asks nothing. Times are of UTC, without zone."""
    found: list[ColumnElement[bool]] = []
    if user_id is not None:
        found.append(_ROW.user_id == user_id)
    if workflow is not None:
        found.append(_ROW.workflow == workflow)
    if since is not None:
        found.append(_ROW.at >= since)
    if until is not None:
        found.append(_ROW.at < until)
    return found


def sums(
    connection: Connection,
    groups: Sequence[Group],
    where: Iterable[ColumnElement[bool]],
) -> list[UsageRow]:
    """One row for each group, by day first, then the dearest first.

    Without groups there is one row, also over no records.
    """
    names = list(dict.fromkeys(name for each in groups for name in _COLUMNS[each]))
    columns = [_ROW[name] for name in names]
    measured = [column.label(name) for name, column in _SUMS.items()]
    query = select(*columns, *measured).where(*where).group_by(*columns)
    rows = [_usage_row(row, names) for row in connection.execute(query).mappings()]
    return sorted(rows, key=place)


def series(
    connection: Connection, where: Sequence[ColumnElement[bool]]
) -> list[DayRow]:
    """What happened on each day on which something did, in their order."""
    latency = _percentiles(connection, _ROW.latency, where)
    first_token = _percentiles(connection, _ROW.first_token, where)
    errors = _errors(connection, where)
    return [
        DayRow(
            day=day,
            usage=evolve(usage, day=day),
            latency=latency.get(day),
            first_token=first_token.get(day),
            errors=errors.get(day, {}),
        )
        for usage in sums(connection, ["day"], where)
        if (day := usage.day) is not None
    ]


def _usage_row(found: Mapping[Any, Any], names: Sequence[str]) -> UsageRow:
    # PostgreSQL adds whole numbers up to decimal ones.
    known: dict[str, Any] = {
        name: float(found[name]) if name in _FLOATS else int(found[name])
        for name in _SUMS
    }
    pico = known.pop("millions") * _MILLION + known.pop("rest")
    keys = {name: found[name] for name in names}
    return UsageRow(cost=to_dollars(int(pico)), **keys, **known)


def _percentiles(
    connection: Connection,
    column: ColumnElement[float | None],
    where: Sequence[ColumnElement[bool]],
) -> dict[date, Percentiles]:
    """By day, over the requests that succeeded: the nearest of the values there are."""
    ranked = (
        select(
            _ROW.day,
            column.label("value"),
            func.row_number()
            .over(partition_by=_ROW.day, order_by=column)
            .label("place"),
            func.count().over(partition_by=_ROW.day).label("number"),
        )
        .where(_SUCCEEDED, column.is_not(None), *where)
        .subquery()
    )
    of = ranked.c
    query = select(
        of.day,
        *(
            func.max(case((of.place == _nearest(of.number, percent), of.value)))
            for percent in _PERCENTS
        ),
    ).group_by(of.day)
    return {
        day: Percentiles(p50=p50, p90=p90, p95=p95, p99=p99)
        for day, p50, p90, p95, p99 in map(list[Any], connection.execute(query))
    }


def _nearest(number: ColumnElement[int], percent: int) -> ColumnElement[int]:
    return (cast(number, Integer) * percent + 99) // 100


def _errors(
    connection: Connection, where: Sequence[ColumnElement[bool]]
) -> dict[date, dict[str, int]]:
    name = func.coalesce(_ROW.error, "unknown")
    times = func.count()
    query = (
        select(_ROW.day, name, times)
        .where(_IS_ERROR, *where)
        .group_by(_ROW.day, _ROW.error)
        .order_by(_ROW.day, times.desc(), _ROW.error)
    )
    found: dict[date, dict[str, int]] = {}
    for day, error, number in connection.execute(query):
        found.setdefault(day, {})[error] = number
    return found
