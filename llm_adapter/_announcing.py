"""What those who watch hear of services that do not tell of their requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from ._watch import (
    CallWatch,
    Ending,
    Operation,
    Outcome,
    Watch,
    current_watch,
    watched_by,
)
from .errors import (
    LLMBudgetExceededError,
    LLMConfigurationError,
    LLMServiceError,
    LLMUnsupportedFeatureError,
)
from .models import Attempt, EmbeddingResponse, LLMResponse


class Named(Protocol):
    """A service, as far as it takes to say whose a call is."""

    def get_provider_name(self) -> str:
        """Its provider."""
        ...

    def _named_model(self) -> str | None:
        """The model that whoever made the service has named."""
        ...


class Announcement:
    """One call of such a service: told of as one request, when it has ended.

    Unless another service, which it has asked, has told of its own requests.

    Args:
        watch: who hears of it.
        service: whose call it is.
        operation: what was asked for.
        model: that the call names.
    """

    def __init__(
        self, watch: Watch, service: Named, operation: Operation, model: str | None
    ) -> None:
        self._watch = watch
        self._service = service
        self._operation: Operation = operation
        self._provider = service.get_provider_name()
        self._model = model or service._named_model() or ""
        self._started = 0.0
        self._first_token: float | None = None
        self._is_told = False

    @classmethod
    def of(
        cls, service: Named, operation: Operation, model: str | None
    ) -> Announcement | None:
        """Of a call, if anybody watches and it is no part of another one."""
        watch = current_watch()
        if watch is None or _announced.get() is service:
            return None
        return cls(watch, service, operation, model)

    @contextmanager
    def within(self) -> Iterator[None]:
        """The block works for this call."""
        token = _announced.set(self._service)
        try:
            with watched_by(self):
                yield
        finally:
            _announced.reset(token)

    # -- of those who are asked in turn -----------------------------------------------

    def call(self, operation: Operation, provider: str, model: str) -> CallWatch:
        """Another service tells of its own."""
        self._is_told = True
        return self

    def began(self, number: int) -> None:
        """Whoever watches hears it from there."""

    def ended(self, ending: Ending) -> None:
        """Whoever watches hears it from there."""

    # -- of the call ------------------------------------------------------------------

    def begins(self, now: float) -> None:
        """It does (monotonic s)."""
        self._started = now

    def delivered(self, now: float) -> None:
        """The first delta of its stream is there."""
        if self._first_token is None:
            self._first_token = now - self._started

    def answered(self, answer: object, now: float) -> None:
        """It has brought an answer, which may be none of ours."""
        known = answer if isinstance(answer, LLMResponse | EmbeddingResponse) else None
        self._is_told = self._is_told or (known is not None and known.cached)
        self._tell("succeeded", now, known)

    def failed(
        self, error: BaseException, now: float, partial: LLMResponse | None = None
    ) -> None:
        """It has raised something; an end from outside is none of its errors."""
        if not isinstance(error, Exception):
            self.left(now, partial)
        elif not _came_before_a_request(error):
            broke = self._first_token is not None
            self._tell("interrupted" if broke else "failed", now, partial, error)

    def left(self, now: float, partial: LLMResponse | None) -> None:
        """Nobody wants it any longer."""
        broke = self._first_token is not None
        self._tell("interrupted" if broke else "cancelled", now, partial)

    def _tell(
        self,
        outcome: Outcome,
        now: float,
        answer: LLMResponse | EmbeddingResponse | None,
        error: Exception | None = None,
    ) -> None:
        if self._is_told:
            return
        self._is_told = True
        model = self._model or (answer.model if answer is not None else "")
        call = self._watch.call(self._operation, self._provider, model)
        call.began(1)
        attempt = Attempt(
            number=1,
            duration=now - self._started,
            error=None if error is None else type(error).__name__,
            status_code=getattr(error, "status_code", None),
            first_token=self._first_token,
        )
        known = error if isinstance(error, LLMServiceError) else None
        call.ended(Ending(attempt=attempt, outcome=outcome, answer=answer, error=known))


def _came_before_a_request(error: Exception) -> bool:
    if isinstance(error, LLMServiceError):
        return isinstance(error, _BEFORE)
    return isinstance(error, TypeError | ValueError)


_BEFORE = (
    LLMConfigurationError,
    LLMUnsupportedFeatureError,
    LLMBudgetExceededError,
)
_announced: ContextVar[Named | None] = ContextVar("llm_adapter_announced", default=None)
"""The service that a call is announced of, and that may ask itself for it."""
