"""Records into rows of the model."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import asdict
from django.conf import settings
from django.utils import timezone

from ...ledger import Record
from ...ledger._texts import kept, kept_or_none, kept_seconds, kept_usage
from .models import LLMUsage

_TEXTS = ("user_id", "workflow", "error", "request_id")


def row(record: Record) -> LLMUsage:
    """A record as the model holds it.

    What no database could keep must not stop the rest: an impossible number becomes an
    unknown one.
    """
    at = record.at if record.at.tzinfo else record.at.replace(tzinfo=UTC)
    return LLMUsage(
        id=kept(record.id),
        call_id=kept(record.call_id),
        attempt=record.attempt,
        at=moment(at),
        day=at.astimezone(UTC).date(),
        operation=record.operation,
        provider=kept(record.provider),
        model=kept(record.model),
        status=record.status,
        status_code=record.status_code,
        cost=record.cost,
        price_date=record.price_date,
        latency=kept_seconds(record.latency) or 0.0,
        first_token=kept_seconds(record.first_token),
        **{name: kept_or_none(getattr(record, name)) for name in _TEXTS},
        **{name: kept_usage(value) for name, value in asdict(record.usage).items()},
    )


def moment(at: datetime) -> datetime:
    """A time as Django wants it in the database: without zone where USE_TZ is off."""
    if settings.USE_TZ:
        return at
    naive: datetime = timezone.make_naive(at, timezone.get_default_timezone())
    return naive
