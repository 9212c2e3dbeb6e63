"""Sums over the model, added up by the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from attrs import evolve
from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import Coalesce, RowNumber

from ...ledger import DayRow, Group, Percentiles, UsageRow
from ...ledger._rows import place

_KEYS: dict[Group, tuple[str, ...]] = {
    "user": ("user_id",),
    "workflow": ("workflow",),
    "model": ("provider", "model"),
    "provider": ("provider",),
    "day": ("day",),
}
_PERCENTS = (50, 90, 95, 99)

_IS_REQUEST = ~Q(status="cached")
_SUCCEEDED = Q(status="succeeded")
# A stream that was left has no error.
_IS_ERROR = Q(status="failed") | Q(status="interrupted", error__isnull=False)
_TOKENS = (
    *("input_tokens", "output_tokens", "cached_input_tokens"),
    *("cache_write_tokens", "reasoning_tokens"),
)
_ALL_TOKENS = Coalesce(
    "total_tokens", Coalesce("input_tokens", 0) + Coalesce("output_tokens", 0)
)


def _measured() -> dict[str, Any]:
    found = {
        "calls": Count("call_id", distinct=True),
        "requests": Count("id", filter=_IS_REQUEST),
        "succeeded": Count("id", filter=_SUCCEEDED),
        "errors": Count("id", filter=_IS_ERROR),
        "cached": Count("id", filter=Q(status="cached")),
        **{name: Sum(name, filter=_IS_REQUEST, default=0) for name in _TOKENS},
        "total_tokens": Sum(_ALL_TOKENS, filter=_IS_REQUEST, default=0),
        "cost": Sum("cost", filter=_IS_REQUEST),
        "unpriced": Count("id", filter=_SUCCEEDED & Q(cost__isnull=True)),
        "latency": Sum("latency", filter=_IS_REQUEST, default=0.0),
    }
    # A name of its own for each: the model has fields that are called so.
    return {f"sum_{name}": sum_ for name, sum_ in found.items()}


def total(rows: QuerySet[Any]) -> UsageRow:
    """Of all rows together, which may be none."""
    return _usage_row(rows.order_by().aggregate(**_measured()))


def grouped(rows: QuerySet[Any], groups: Sequence[Group]) -> list[UsageRow]:
    """One row for each group, by day first, then the dearest first."""
    names = list(dict.fromkeys(name for each in groups for name in _KEYS[each]))
    found = rows.order_by().values(*names).annotate(**_measured())
    return sorted(map(_usage_row, found), key=place)


def _usage_row(found: dict[str, Any]) -> UsageRow:
    known = {name.removeprefix("sum_"): value for name, value in found.items()}
    cost = known.pop("cost")
    # PostgreSQL adds whole numbers up to decimal ones.
    whole: dict[str, Any] = {
        name: int(value) if isinstance(value, Decimal) else value
        for name, value in known.items()
    }
    return UsageRow(cost=Decimal(0) if cost is None else cost, **whole)


def series(rows: QuerySet[Any]) -> list[DayRow]:
    """What happened on each day on which something did, in their order."""
    latency = _percentiles(rows, "latency")
    first_token = _percentiles(rows, "first_token")
    errors = _errors(rows)
    return [
        DayRow(
            day=day,
            usage=evolve(usage, day=day),
            latency=latency.get(day),
            first_token=first_token.get(day),
            errors=errors.get(day, {}),
        )
        for usage in grouped(rows, ["day"])
        if (day := usage.day) is not None
    ]


def _percentiles(rows: QuerySet[Any], column: str) -> dict[date, Percentiles]:
    """By day, over the requests that succeeded: the nearest of the values there are."""
    places = {f"p{each}": (F("number") * each + 99) / 100 for each in _PERCENTS}
    wanted: Any = Q()
    for each in places.values():
        wanted |= Q(place=each)
    by_day: dict[str, Any] = {"partition_by": F("day")}
    ranked = (
        rows.order_by()
        .filter(_SUCCEEDED, **{f"{column}__isnull": False})
        .annotate(
            place=Window(RowNumber(), order_by=F(column).asc(), **by_day),
            number=Window(Count("id"), **by_day),
        )
        .filter(wanted)
        .values_list("day", "number", "place", column)
    )
    found: dict[date, dict[str, float]] = {}
    for day, number, rank, value in ranked:
        for percent in _PERCENTS:
            if rank == (number * percent + 99) // 100:
                found.setdefault(day, {})[f"p{percent}"] = value
    return {day: Percentiles(**values) for day, values in found.items()}


def _errors(rows: QuerySet[Any]) -> dict[date, dict[str, int]]:
    counted = (
        rows.filter(_IS_ERROR)
        .order_by()
        .values_list("day", "error")
        .annotate(times=Count("id"))
        .order_by("day", "-times", "error")
    )
    found: dict[date, dict[str, int]] = {}
    for day, error, times in counted:
        found.setdefault(day, {})[error or "unknown"] = times
    return found
