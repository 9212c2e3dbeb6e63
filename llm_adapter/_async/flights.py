"""Identical calls at once are one call."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from math import inf
from typing import Generic, Protocol, TypeVar

from .._concurrency import (
    AsyncSignal,
    async_detach,
    async_go_on_ending,
    monotonic,
)
from .._flights import Flight, FlightTable, Outcome

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class AsyncAct(Protocol[T_co]):
    """Makes what several callers want."""

    async def __call__(self) -> T_co:
        """The value."""
        ...


class AsyncFlights(Generic[T]):
    """Has a value made once for all who want it at the same time.

    It is made by a task of nobody's: that one of those who wait is cancelled does not
    concern the others. When nobody waits any longer, it is ended.

    Args:
        goes_on: whether it goes on when nobody waits.
    """

    def __init__(self, *, goes_on: bool = False) -> None:
        self._table: FlightTable[T] = FlightTable(goes_on=goes_on)

    async def join(
        self,
        key: Hashable,
        act: AsyncAct[T],
        until: float = inf,
        signal: AsyncSignal | None = None,
    ) -> tuple[T, bool] | None:
        """The value of a key, and whether somebody else has it made.

        None when another's is not there in time, or when its caller has been called
        away.

        Args:
            key: of what is made.
            act: makes it.
            until: a point in time, monotonic.
            signal: calls the caller away.

        Raises:
            Exception: what `act` raises; of another's errors, those of its provider.
        """
        waits = signal or AsyncSignal()
        while True:
            flight, leads = self._table.board(key, waits, until)
            if leads:
                flight.cancel = await async_detach(partial(self._run, key, flight, act))
            try:
                # `act` keeps to the time of the one who has it run.
                await waits.wait(None if leads or until == inf else until - monotonic())
            finally:
                self._table.leave(key, flight, waits)
            waits = AsyncSignal()
            outcome = flight.outcome
            if outcome is None:
                return None
            if outcome.value is not None:
                return outcome.value, not leads
            if leads and outcome.error is not None:
                raise outcome.error
            if outcome.is_of_other_code:
                return await act(), False
            error = outcome.shared_error(more_time=until > flight.until)
            if error is not None:
                raise error

    def end_all(self) -> None:
        """Nobody wants any of them any longer."""
        self._table.end_all()

    async def _run(self, key: Hashable, flight: Flight[T], act: AsyncAct[T]) -> None:
        outcome: Outcome[T] = Outcome()
        try:
            outcome = Outcome(value=await act())
        except BaseException as error:  # raised where it belongs: by those who wait
            outcome = Outcome(error=error)
            async_go_on_ending(error)
        finally:
            self._table.land(key, flight, outcome)
