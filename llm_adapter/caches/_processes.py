"""What each process has for itself, also when it was forked from another."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """A value that a forked process makes anew.

    What the parent had may have been changed by a thread at the moment of the fork; in
    the child that thread is not there to end its work or to free its lock.

    Args:
        make: the value of a process that has none.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, T] = {}

    def get(self) -> T:
        """The value of this process."""
        process = os.getpid()
        value = self._values.get(process)
        if value is None:
            # Threads may meet here: all get the one that was first.
            value = self._values.setdefault(process, self._make())
            for other in set(self._values) - {process}:
                self._values.pop(other, None)
        return value

    def take(self) -> T | None:
        """The value of this process, which then has none."""
        return self._values.pop(os.getpid(), None)
