"""Moves records from the journal into the database, in a thread of its own."""

from __future__ import annotations

import atexit
import os
import random
import threading
import weakref
from collections.abc import Callable, Sequence
from time import monotonic

from attrs import frozen

from ._journal import Journal
from ._records import Record
from ._warnings import Trouble

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds after a failure; half of it and more, at random."""

ADOPT_EVERY = 30.0
"""Seconds between two looks for journals of dead processes."""


@frozen(kw_only=True)
class WriterStats:
    """What a writer has done, in this process.

    Args:
        booked: records that ended here.
        adopted: records of processes that died.
        written: records of either kind that are in the database.
        waiting: records that are not there yet.
        dropped: records that found no room while they were not.
        failures: of the database.
    """

    booked: int
    adopted: int
    written: int
    waiting: int
    dropped: int
    failures: int


class Writer:
    """Books records without making their calls wait for the database.

    The thread starts with the first record, and in a forked process once more.

    Args:
        journal: keeps them until they are booked; closed with the writer.
        sink: puts records in the database, all of them or none, where their ids are
            not there yet; raises whatever it likes.
        has_more: whether the sink has something to do beside records, none perhaps.
        interval: seconds for which records are gathered.
        batch: records that are handed over at once.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        journal: Journal,
        sink: Callable[[Sequence[Record]], None],
        *,
        has_more: Callable[[], bool] = lambda: False,
        interval: float = 0.5,
        batch: int = 500,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._journal = journal
        self._sink = sink
        self._has_more = has_more
        self._interval = interval
        self._batch = batch
        self._clock = clock
        self._is_closed = False
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        """As new; in a forked process as well, which has no thread of its parent's."""
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._trouble = Trouble(self._clock)
        self._is_idle = False
        self._portion = self._batch
        self._failed_in_a_row = 0
        self._adopt_at = float("-inf")
        self._asked = self._seen = self._answered = self._flushing = 0
        self._adopted = self._written = self._failures = 0

    # -- for those who call -----------------------------------------------------------

    def begin(self, record: Record) -> None:
        """A request is about to be sent."""
        self._journal.begin(record)

    def end(self, record: Record) -> None:
        """It has ended, or was spared: book it."""
        self._journal.end(record)
        self.rouse()

    def flush(self, seconds: float) -> bool:
        """Whether all that was booked before, here and by the dead, is in the database.

        Args:
            seconds: to wait for that.
        """
        return self._drain(seconds, adopt=True)

    def close(self, seconds: float = 5.0) -> None:
        """Book what can be booked in time; leave the rest to the next process.

        What ends afterwards is left to it as well.
        """
        end = self._clock() + seconds
        if self._is_waited_for:
            self._drain(seconds, adopt=False)
        with self._wake:
            self._is_closed = True
            thread = self._thread
            self._wake.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, end - self._clock()))
        self._journal.close()
        _writers.discard(self)

    def stats(self) -> WriterStats:
        """What was done so far."""
        return WriterStats(
            booked=self._journal.kept,
            adopted=self._adopted,
            written=self._written,
            waiting=self._journal.waiting,
            dropped=self._journal.dropped,
            failures=self._failures,
        )

    def rouse(self) -> None:
        """There is something to do."""
        if self._thread is None or self._is_idle:
            with self._wake:
                self._is_idle = False
                self._start()
                self._wake.notify_all()

    @property
    def _is_waited_for(self) -> bool:
        return bool(self._journal.waiting) or self._has_more()

    def _start(self) -> None:
        if self._thread is not None or self._is_closed:
            return
        thread = threading.Thread(
            target=self._run, name="llm_adapter ledger", daemon=True
        )
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # too many threads, or the interpreter is at its end
            self._thread = None

    def _drain(self, seconds: float, *, adopt: bool) -> bool:
        end = self._clock() + seconds
        with self._wake:
            self._start()
            if self._thread is None:
                return not self._is_waited_for
            self._asked += 1
            asked = self._asked
            if adopt:
                self._adopt_at = float("-inf")
            self._flushing += 1
            self._wake.notify_all()
            try:
                return self._wake.wait_for(
                    lambda: self._answered >= asked, end - self._clock()
                ) and self._are_booked(self._journal.ids(), end)
            finally:
                self._flushing -= 1

    def _are_booked(self, ids: set[str], end: float) -> bool:
        def are_booked() -> bool:
            ids.intersection_update(self._journal.ids())
            return not (ids or self._has_more())

        return self._wake.wait_for(are_booked, end - self._clock())

    # -- the thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._round()
                self._rest()
        finally:
            with self._wake:
                self._thread = None
                self._wake.notify_all()

    def _round(self) -> None:
        with self._wake:
            self._seen = self._asked
            adopts = self._clock() >= self._adopt_at
            if adopts:
                self._adopt_at = self._clock() + ADOPT_EVERY
        is_done = not adopts or self._adopt()
        records = self._journal.next(self._portion)
        if records or self._has_more():
            self._write(records)
        with self._wake:
            if is_done:
                self._answered = self._seen
            else:
                self._adopt_at = float("-inf")
            self._wake.notify_all()

    def _adopt(self) -> bool:
        """Whether that was all of what dead processes left."""
        self._journal.tend()
        self._adopted += self._journal.adopt(self._batch)
        return self._journal.waiting < self._batch

    def _write(self, records: list[Record]) -> None:
        try:
            self._sink(records)
        except Exception as error:  # whatever the database raises
            self._failed(records, error)
            return
        self._journal.booked(records)
        self._written += len(records)
        self._portion = min(self._batch, 2 * self._portion)
        if self._failed_in_a_row:
            self._failed_in_a_row = 0
            self._adopt_at = float("-inf")
            self._trouble.over("The ledger is written again.")

    def _failed(self, records: list[Record], error: Exception) -> None:
        self._failures += 1
        self._failed_in_a_row += 1
        # It may be one record that the database refuses: the others shall not wait.
        self._portion = max(1, len(records) // 2)
        if len(records) == 1:
            self._journal.defer(records[0])
        self._trouble.warn(
            "The ledger cannot be written (%s: %.200s); %d records wait in %s.",
            type(error).__name__,
            error,
            self._journal.waiting,
            self._journal.directory,
        )

    def _pause(self) -> float:
        """Seconds until the next attempt after a failure."""
        longest = FIRST_PAUSE if self._flushing else LONGEST_PAUSE
        pause = FIRST_PAUSE * 2.0 ** min(self._failed_in_a_row - 1, 10)
        return min(longest, pause) * random.uniform(0.5, 1)

    def _rest(self) -> None:
        with self._wake:
            if self._failed_in_a_row:
                self._wake.wait_for(self._is_wanted, self._pause())
                return
            if self._flushing and (self._is_waited_for or self._asked > self._answered):
                return
            self._is_idle = True
            self._wake.wait_for(self._has_work, self._adopt_at - self._clock())
            self._is_idle = False
            if self._journal.waiting < self._portion:
                self._wake.wait_for(self._is_wanted, self._interval)

    def _is_wanted(self) -> bool:
        return self._is_closed or self._asked > self._seen

    def _has_work(self) -> bool:
        return self._is_waited_for or self._is_wanted()


# -- all of the process ---------------------------------------------------------------

_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for writer in list(_writers):
        writer.close()


def _reset_all() -> None:
    for writer in list(_writers):
        writer._reset()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_reset_all)
