"""What is booked: one record for each request on the wire, one for each spared."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from attrs import field, frozen

from ..models import Usage

Status: TypeAlias = Literal[
    "succeeded", "failed", "cancelled", "interrupted", "cached", "lost"
]
"""How a request ended. Interrupted: a stream that broke, or was left, after its
beginning. Cached: spared. Lost: the process died before its end."""

Operation: TypeAlias = Literal["generate", "stream", "embed"]


@frozen(kw_only=True)
class Record:
    """One request on the wire, or a call that a cache has spared.

    Args:
        id: of the record; booking it again changes nothing.
        call_id: of the call; its retries share it.
        attempt: 1 for the first request of a call; 0 for a spared one.
        at: when it began (UTC).
        operation: what was asked for.
        provider: name of the provider.
        model: that was asked for or, at the end, that answered.
        user_id: whose it is.
        workflow: what it is for.
        status: how it ended.
        error: class name of what went wrong.
        status_code: HTTP status, None when none arrived.
        usage: tokens, as far as they are known.
        cost: US dollars; None when a price or the tokens are unknown.
        price_date: of the prices that the cost was computed with.
        latency: seconds until its end.
        first_token: seconds until the first delta of a stream.
        request_id: the provider's id of the request.
    """

    id: str
    call_id: str
    attempt: int
    at: datetime
    operation: Operation
    provider: str
    model: str
    user_id: str | None = None
    workflow: str | None = None
    status: Status = "succeeded"
    error: str | None = None
    status_code: int | None = None
    usage: Usage = field(factory=Usage)
    cost: Decimal | None = None
    price_date: date | None = None
    latency: float = 0.0
    first_token: float | None = None
    request_id: str | None = None
