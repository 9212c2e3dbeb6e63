"""Cancels a coroutine at one chosen await, and sees what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import types
import weakref
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

import anyio

Cancel = Callable[[], object]


class Steps:
    """Runs a coroutine and calls `cancel` as it suspends for the `at`-th time.

    Args:
        again: whether to call it at every await that follows, too.
    """

    def __init__(self, at: int, cancel: Cancel, *, again: bool = False) -> None:
        self._at = at
        self._cancel = cancel
        self._again = again
        self.taken = 0

    @types.coroutine
    def run(self, coroutine: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        steps = coroutine.__await__()
        resume = partial(steps.send, None)
        while True:
            try:
                awaited = resume()
            except StopIteration:
                return
            self.taken += 1
            if self.taken == self._at or (self._again and self.taken > self._at):
                self._cancel()
            try:
                sent = yield awaited
            except BaseException as error:
                resume = partial(steps.throw, error)
            else:
                resume = partial(steps.send, sent)


async def cancelled_as_a_task(
    coroutine: Coroutine[Any, Any, None], at: int, *, again: bool = False
) -> bool:
    """Whether `Task.cancel()` at that await ended it; False: it has fewer awaits."""
    steps = Steps(at, lambda: task.cancel(), again=again)

    async def run() -> None:
        await steps.run(coroutine)

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()  # an error that took the cancellation's place shows itself
    assert steps.taken < at, f"the cancellation at await {at} was swallowed"
    return False


cancelled_again_and_again = partial(cancelled_as_a_task, again=True)
"""The same, and the clean-up is cancelled at each of its awaits as well."""


async def cancelled_by_its_scope(coroutine: Coroutine[Any, Any, None], at: int) -> bool:
    """The same by the scope around it, which no await outside a shield survives."""
    with anyio.CancelScope() as scope:
        steps = Steps(at, scope.cancel)
        await steps.run(coroutine)
    return steps.taken >= at


class Generators:
    """The async generators that were begun while it watched."""

    def __init__(self) -> None:
        self._begun: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self.left_to_the_collector: list[str] = []

    def begin(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._begun.add(generator)

    @property
    def suspended(self) -> list[str]:
        return [each.__qualname__ for each in self._begun if each.ag_frame is not None]


@contextmanager
def watched_generators() -> Iterator[Generators]:
    """Notes every async generator of this thread, on top of the loop's own hooks."""
    first, last = sys.get_asyncgen_hooks()
    seen = Generators()

    def begin(generator: AsyncGenerator[Any, Any]) -> None:
        seen.begin(generator)
        first(generator)

    def finalize(generator: AsyncGenerator[Any, Any]) -> None:
        seen.left_to_the_collector.append(generator.__qualname__)
        last(generator)

    sys.set_asyncgen_hooks(begin, finalize)
    try:
        yield seen
    finally:
        sys.set_asyncgen_hooks(first, last)


@contextmanager
def quick_collections() -> Iterator[None]:
    """Keeps what is alive now out of the collector's way."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def cancel_at_each_await(run: Callable[[int], Awaitable[bool]]) -> None:
    """Calls `run(1)`, `run(2)` ... until one says that there was nothing to cancel."""
    for number in count(1):
        with watched_generators() as generators:
            was_cancelled = await run(number)
            assert generators.suspended == [], f"cancelled at await {number}"
            gc.collect()
        assert generators.left_to_the_collector == [], f"cancelled at await {number}"
        if not was_cancelled:
            assert number > 1
            return
