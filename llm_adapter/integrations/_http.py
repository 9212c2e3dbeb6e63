"""What a web client is told of an error, whatever the framework."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from ..errors import (
    LLMBudgetExceededError,
    LLMContentPolicyError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServiceError,
    LLMTimeoutError,
)


@frozen
class Reply:
    """An answer to a web client.

    Args:
        status: of HTTP.
        detail: for people; says nothing of what happened inside.
        headers: such as Retry-After.
    """

    status: int
    detail: str
    headers: Mapping[str, str] = field(factory=dict)


REPLIES: Mapping[type[LLMServiceError], Reply] = {
    LLMRateLimitError: Reply(429, "The language model's rate limit is exceeded."),
    LLMTimeoutError: Reply(504, "The language model did not answer in time."),
    LLMContentPolicyError: Reply(
        400, "The content violates the policy of the language model's provider."
    ),
    LLMInvalidResponseError: Reply(
        500, "The language model's answer could not be used."
    ),
    LLMOverloadedError: Reply(503, "The language model is overloaded."),
    LLMBudgetExceededError: Reply(402, "The budget for the language model is used up."),
    LLMServiceError: Reply(500, "The language model could not be used."),
}
"""By class; of the classes of an error the nearest counts."""


def reply_to(
    error: LLMServiceError,
    replies: Mapping[type[LLMServiceError], Reply] = REPLIES,
) -> Reply:
    """What a client is told, with Retry-After where it is known.

    >>> reply = reply_to(LLMRateLimitError("secret", retry_after=1.2))
    >>> reply.status, reply.headers
    (429, {'Retry-After': '2'})

    Args:
        error: of which nothing is shown but its class.
        replies: by class.
    """
    kind = next(kind for kind in type(error).__mro__ if kind in replies)
    reply = replies[kind]
    if error.retry_after is None or not math.isfinite(error.retry_after):
        return reply
    seconds = max(1, math.ceil(error.retry_after))
    detail = f"{reply.detail} Try again in {seconds} s."
    return Reply(reply.status, detail, {**reply.headers, "Retry-After": str(seconds)})


def with_overrides(
    overrides: Mapping[type[LLMServiceError], int | Reply] | None,
) -> Mapping[type[LLMServiceError], Reply]:
    """The table with an application's own entries.

    >>> with_overrides({LLMTimeoutError: 503})[LLMTimeoutError].status
    503

    Args:
        overrides: a status, or a whole reply, by class of error.

    Raises:
        TypeError: an entry is for no class of our errors, or no reply.
        ValueError: a status is no one of an error.
    """
    found = dict(REPLIES)
    given: Mapping[Any, Any] = overrides or {}
    for kind, wanted in given.items():
        if not (isinstance(kind, type) and issubclass(kind, LLMServiceError)):
            raise TypeError(f"{kind!r} is no class of LLMServiceError")
        found[kind] = _reply(kind, wanted)
    return found


def _reply(kind: type[LLMServiceError], wanted: Any) -> Reply:
    if isinstance(wanted, bool) or not isinstance(wanted, int | Reply):
        raise TypeError(f"{kind.__name__} needs a status or a Reply, not {wanted!r}")
    usual = next(REPLIES[each] for each in kind.__mro__ if each in REPLIES)
    reply = wanted if isinstance(wanted, Reply) else evolve(usual, status=wanted)
    if not 400 <= reply.status <= 599:
        raise ValueError(
            f"{kind.__name__} is answered with {reply.status}: use 400 to 599"
        )
    return reply
