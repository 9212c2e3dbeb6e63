"""Calls in threads, a bounded number at once, whose results come in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 16
"""Results for each call at once that may wait for an earlier one."""


@define
class InOrder(Generic[Result]):
    """Gives back in their order what comes in any.

    >>> order = InOrder()
    >>> order.put(1, "b"), order.put(0, "a"), order.put(3, "d")
    ([], ['a', 'b'], [])
    """

    _waiting: dict[int, Result] = field(factory=dict)
    _next: int = 0

    @property
    def given(self) -> int:
        """How many it has given back."""
        return self._next

    def put(self, number: int, result: Result) -> list[Result]:
        """What is in order, now that this is there."""
        self._waiting[number] = result
        ready = []
        while self._next in self._waiting:
            ready.append(self._waiting.pop(self._next))
            self._next += 1
        return ready


@frozen
class _Raised:
    """What a call, or the source of the tasks, raised."""

    error: BaseException


class _Left:
    """In place of a result: of a call that was not begun."""


_END, _WAKE, _LEFT = object(), object(), _Left()


class Window(Generic[Task, Result]):
    """Makes calls in threads, and tells their results in the order of the tasks.

    Tasks are read in a thread too, so that a slow source holds up no result. All of
    the threads are daemons: whoever leaves in a hurry waits for none of them.

    Args:
        tasks: read only as far as there is room; closed by the thread that reads.
        act: the result of a task, called in a thread.
        at_once: calls at the same time.
        known: a result that needs no call, or None.
    """

    def __init__(
        self,
        tasks: Generator[Task],
        act: Callable[[Task], Result],
        *,
        at_once: int,
        known: Callable[[Task], Result | None],
    ) -> None:
        self._tasks = tasks
        self._act = act
        self._known = known
        self._at_once = at_once
        self._room = threading.Semaphore(at_once * AHEAD)
        self._todo: SimpleQueue[Any] = SimpleQueue()
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._lock = threading.Lock()
        self._taken = 0
        self._stopped = False

    def stop(self) -> None:
        """Begin no more calls; those under way may end. A signal may call it."""
        self._stopped = True
        self._arrived.put(_WAKE)

    def results(self) -> Generator[Result]:
        """The results in order, up to the first that a stop has prevented.

        Raises:
            BaseException: what the source of the tasks has raised, after the results
                of those before; or what a call has raised, at its place.
        """
        for target in (self._read, *[self._work] * self._at_once):
            threading.Thread(target=target, daemon=True).start()
        order: InOrder[Any] = InOrder()
        end: _Raised | None = None
        ended = False
        try:
            while not (ended or self._stopped) or order.given < self._taken:
                number, result = self._next()
                if number is _END:
                    ended, end = True, result
                elif number is not _WAKE:
                    for each in order.put(number, result):
                        if each is _LEFT:
                            return
                        yield self._checked(each)
                        self._room.release()
        finally:
            self._stopped = True
            self._room.release()  # the one who reads may be waiting
            for _ in range(self._at_once):
                self._todo.put(_END)
        if end is not None:
            raise end.error

    def _next(self) -> tuple[Any, Any]:
        found = self._arrived.get()
        return (found, None) if found is _WAKE else found

    def _checked(self, result: Any) -> Result:
        if isinstance(result, _Raised):
            raise result.error
        checked: Result = result
        return checked

    # -- threads ----------------------------------------------------------------------

    def _read(self) -> None:
        raised = None
        try:
            with closing(self._tasks) as tasks:
                for task in tasks:
                    self._room.acquire()
                    if not self._take(task):
                        break
        except BaseException as error:  # for the one who waits
            raised = _Raised(error)
        self._arrived.put((_END, raised))

    def _take(self, task: Task) -> bool:
        """Hand a task on, unless no more are wanted."""
        known = self._known(task)
        with self._lock:
            if self._stopped:
                return False
            number, self._taken = self._taken, self._taken + 1
        if known is None:
            self._todo.put((number, task))
        else:
            self._arrived.put((number, known))
        return True

    def _work(self) -> None:
        while (item := self._todo.get()) is not _END:
            number, task = item
            self._arrived.put((number, self._done(task)))

    def _done(self, task: Task) -> Any:
        if self._stopped:
            return _LEFT
        try:
            return self._act(task)
        except BaseException as error:  # for the one who waits
            return _Raised(error)
