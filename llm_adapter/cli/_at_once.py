"""Calls at the same time, none of which is waited for too long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Generic, TypeVar

from attrs import frozen

from ..errors import LLMTimeoutError

T = TypeVar("T")


@frozen
class Outcome(Generic[T]):
    """What came of a call."""

    result: T | None = None
    error: Exception | None = None


def all_at_once(
    calls: Mapping[str, Callable[[], T]], seconds: float
) -> dict[str, Outcome[T]]:
    """What comes of calls in threads, none of which is waited for any longer.

    Args:
        calls: by name.
        seconds: for all of them together.
    """
    found: dict[str, Outcome[T]] = {}

    def run(name: str, call: Callable[[], T]) -> None:
        try:
            found[name] = Outcome(call())
        except Exception as error:  # for the one who asked to tell of
            found[name] = Outcome(error=error)

    threads = [
        threading.Thread(target=run, args=each, daemon=True) for each in calls.items()
    ]
    for thread in threads:
        thread.start()
    end = monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - monotonic()))
    late: Outcome[T] = Outcome(error=LLMTimeoutError(f"No answer in {seconds:g} s."))
    return {name: found.get(name, late) for name in calls}
