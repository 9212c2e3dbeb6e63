"""Who watches a call sees every request of it: as it is sent, and as it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from attrs import evolve, frozen

from .errors import LLMServiceError
from .models import Attempt, EmbeddingResponse, LLMResponse

if TYPE_CHECKING:
    from .pricing import PriceList

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
        prices: of the caller's own, by which the answer is paid.
    """

    attempt: Attempt
    outcome: Outcome
    answer: LLMResponse | EmbeddingResponse | None = None
    error: LLMServiceError | None = None
    prices: PriceList | None = None


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


@frozen
class Priced:
    """Tells `call` of the prices by which its requests are paid."""

    call: CallWatch
    prices: PriceList

    def began(self, number: int) -> None:
        """A request is about to be sent."""
        self.call.began(number)

    def ended(self, ending: Ending) -> None:
        """It has ended."""
        self.call.ended(evolve(ending, prices=self.prices))


_watch: ContextVar[Watch | None] = ContextVar("llm_adapter_watch", default=None)


def current_watch() -> Watch | None:
    """Who watches the calls of this task or thread."""
    return _watch.get()


@frozen
class _CallOfTwo:
    """Both of them see the requests of a call."""

    outer: CallWatch
    inner: CallWatch

    def began(self, number: int) -> None:
        self.outer.began(number)
        self.inner.began(number)

    def ended(self, ending: Ending) -> None:
        self.outer.ended(ending)
        self.inner.ended(ending)


@frozen
class _Two:
    """Who watched before, and who watches within."""

    outer: Watch
    inner: Watch

    def call(self, operation: Operation, provider: str, model: str) -> CallWatch:
        return _CallOfTwo(
            self.outer.call(operation, provider, model),
            self.inner.call(operation, provider, model),
        )


@contextmanager
def watched_by(watch: Watch) -> Iterator[None]:
    """Let `watch` see the calls of the block, and of tasks that are begun there.

    Who watches around the block goes on to see them.
    """
    around = _watch.get()
    token = _watch.set(watch if around is None else _Two(around, watch))
    try:
        yield
    finally:
        _watch.reset(token)
