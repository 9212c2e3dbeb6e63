"""Calls in flight: which identical ones are one. Bookkeeping without waiting."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from ._concurrency import ForkSafeLock
from .errors import LLMServiceError, LLMStreamInterruptedError, LLMTimeoutError
from .models import LLMResponse

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class Wakes(Protocol):
    """Somebody who waits, and can be told from any thread."""

    def set(self) -> None:
        """Tell them."""
        ...


@frozen(kw_only=True)
class Outcome(Generic[T]):
    """How a call has ended: with a value, an error, or, with neither, before its end.

    Args:
        value: what it has brought.
        error: what its own caller is told.
    """

    value: T | None = None
    error: BaseException | None = None

    def shared_error(self, *, more_time: bool) -> LLMServiceError | None:
        """What the others are told; None when they had better call themselves.

        Args:
            more_time: whether they have more than the one who called: its limits say
                nothing about what they would have met.
        """
        error = self.error
        if not isinstance(error, LLMServiceError) or isinstance(error, LLMTimeoutError):
            return None
        return None if more_time and error.retryable else own_copy(error)

    @property
    def is_of_other_code(self) -> bool:
        """Whether a program's own code has raised, which does so for each caller."""
        known = isinstance(self.error, LLMServiceError)
        return isinstance(self.error, Exception) and not known


def own_copy(error: E) -> E:
    """The same error for somebody else: a traceback belongs to one of them."""
    if not isinstance(error, LLMServiceError):
        return error  # of another program's code: who knows how it is made
    # Not by calling its class, which may be a user's with a constructor of its own.
    other = type(error).__new__(type(error), *error.args)
    vars(other).update(vars(error))
    other.__cause__ = error
    return other


def closed_while_read(partial: LLMResponse) -> LLMStreamInterruptedError:
    """The error for a reader whose stream was closed by someone else."""
    return LLMStreamInterruptedError(
        "The stream was closed while it was read.",
        partial=partial,
        provider=partial.provider,
        model=partial.model or None,
    )


def error_of_all(error: BaseException, partial: LLMResponse) -> Exception:
    """What all readers of a stream are told when the pull of one of them failed.

    Nothing but an error may end it for them: not the interruption of the one who
    pulled, and not the silence of a source that was closed.
    """
    silent = isinstance(error, StopIteration | StopAsyncIteration)
    if isinstance(error, Exception) and not silent:
        return error
    return closed_while_read(partial)


def _nothing() -> None:
    """How a flight is ended that has not been started yet, or cannot be."""


@define(eq=False)
class Flight(Generic[T]):
    """One call under way, and who waits for it.

    Args:
        until: when its own caller's time is up (monotonic s).
        waiting: each to be woken at its end.
        outcome: None until then.
        cancel: ends it early.
    """

    until: float = math.inf
    waiting: set[Wakes] = field(factory=set)
    outcome: Outcome[T] | None = None
    cancel: Callable[[], object] = _nothing


class FlightTable(Generic[T]):
    """The calls under way in this process.

    Each method is made of single operations of a dict and a set, which threads may
    share, in an order that loses nobody: a lock could stay locked for ever in a forked
    process. Nor does a fork inherit calls that only its parent's threads will end.

    Args:
        goes_on: whether a call goes on when nobody waits.
    """

    def __init__(self, *, goes_on: bool = False) -> None:
        self._goes_on = goes_on
        self._under_way: dict[tuple[int, Hashable], Flight[T]] = {}

    def board(
        self, key: Hashable, one: Wakes, until: float = math.inf
    ) -> tuple[Flight[T], bool]:
        """The flight of a key, and whether `one` is the first and has to start it."""
        flight: Flight[T] = Flight(until)
        known = self._under_way.setdefault((os.getpid(), key), flight)
        known.waiting.add(one)
        if known.outcome is not None:  # it landed before it could see `one`
            one.set()
        return known, known is flight

    def leave(self, key: Hashable, flight: Flight[T], one: Wakes) -> None:
        """`one` waits no longer; a flight that nobody waits for is ended."""
        flight.waiting.discard(one)
        if not (flight.waiting or flight.outcome or self._goes_on):
            self._end(key, flight)

    def end_all(self) -> None:
        """Nobody wants any of them any longer."""
        mine = os.getpid()
        for (pid, key), flight in [*self._under_way.items()]:
            if pid == mine:
                self._end(key, flight)

    def _end(self, key: Hashable, flight: Flight[T]) -> None:
        self.land(key, flight, Outcome())  # whoever comes now starts anew
        flight.cancel()

    def land(self, key: Hashable, flight: Flight[T], outcome: Outcome[T]) -> None:
        """Tell everybody how it has ended, once; whoever comes later starts anew."""
        if flight.outcome is None:
            flight.outcome = outcome
        if self._under_way.get((os.getpid(), key)) is flight:
            self._under_way.pop((os.getpid(), key), None)
        for one in list(flight.waiting):
            one.set()


class Together(Generic[T]):
    """Things that several use at the same time, until the last of them leaves."""

    def __init__(self) -> None:
        # A finaliser may want it in the very thread that holds it.
        self._lock = ForkSafeLock(reentrant=True)
        self._things: dict[Hashable, T] = {}
        self._users: dict[T, int] = {}

    def join(self, key: Hashable, new: T) -> tuple[T, bool]:
        """The thing of a key, one more uses it, and whether it is the new one."""
        with self._lock:
            thing = self._things.setdefault(key, new)
            self._users[thing] = self._users.get(thing, 0) + 1
            return thing, thing is new

    def end(self, key: Hashable, thing: T) -> None:
        """Whoever comes from now on gets a new one."""
        with self._lock:
            if self._things.get(key) is thing:
                del self._things[key]

    def leave(self, key: Hashable, thing: T) -> bool:
        """One less uses it: whether it was the last."""
        with self._lock:
            users = self._users.pop(thing) - 1
            if users:
                self._users[thing] = users
            elif self._things.get(key) is thing:
                del self._things[key]
            return not users
