"""Who watches a call sees every request of it: as it is sent, and as it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol, TypeAlias

from attrs import frozen

from .errors import LLMServiceError
from .models import Attempt, EmbeddingResponse, LLMResponse

Operation: TypeAlias = Literal["generate", "stream", "embed"]
Outcome: TypeAlias = Literal["succeeded", "failed", "cancelled", "interrupted"]


@frozen(kw_only=True)
class Ending:
    """How a request ended.

    Args:
        attempt: the request; its number is that of its beginning.
        outcome: interrupted: a stream that broke or was left after its first delta.
        answer: the answer, or what had arrived of a stream.
        error: what went wrong.
    """

    attempt: Attempt
    outcome: Outcome
    answer: LLMResponse | EmbeddingResponse | None = None
    error: LLMServiceError | None = None


class CallWatch(Protocol):
    """Sees the requests of one call; each that begins ends once."""

    def began(self, number: int) -> None:
        """A request is about to be sent."""
        ...

    def ended(self, ending: Ending) -> None:
        """It has ended, perhaps long after its caller has left."""
        ...


class Watch(Protocol):
    """Sees the calls that are made while it is set."""

    def call(self, operation: Operation, provider: str, model: str) -> CallWatch:
        """A call begins."""
        ...


_watch: ContextVar[Watch | None] = ContextVar("llm_adapter_watch", default=None)


def current_watch() -> Watch | None:
    """Who watches the calls of this task or thread."""
    return _watch.get()


@contextmanager
def watched_by(watch: Watch) -> Iterator[None]:
    """Let `watch` see the calls of the block, and of tasks that are begun there."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
