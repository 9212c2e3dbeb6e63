"""One map: rows in, lines out, and what of it was there already."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import click
from attrs import evolve, frozen

from .._answers import json_request
from .._sync.service import LLMService
from ..errors import (
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMModelNotFoundError,
    LLMQuotaExceededError,
    LLMServiceError,
    LLMUnsupportedFeatureError,
)
from ..models import LLMRequest
from ._lines import Line, answered, failed, refused
from ._progress import Progress, Tally, say
from ._rows import Row
from ._window import Window

HOPELESS = (
    LLMAuthenticationError,
    LLMConfigurationError,
    LLMModelNotFoundError,
    LLMQuotaExceededError,
    LLMUnsupportedFeatureError,
)
"""Errors that every other row would meet, too: they end the map."""


@frozen
class Kept:
    """A line that is there already.

    Args:
        line: for its row.
        is_here: whether it need not be written again.
        stays: whether its row is not asked again.
    """

    line: Line
    is_here: bool = True
    stays: bool = True


@frozen
class Task:
    """A row, and the line that it has already and keeps."""

    row: Row
    kept: Kept | None = None


@frozen
class Done:
    """What became of a row."""

    row: Row
    line: Line
    kept: Kept | None = None


def tasks(
    rows: Iterable[Row], kept: Iterator[Kept], name: str, *, whole: bool = True
) -> Iterator[Task]:
    """The rows with their lines.

    Args:
        rows: of the input.
        kept: a line for each of them, as far as there are lines.
        name: of the output, for messages.
        whole: whether these are all rows of the input.

    Raises:
        click.UsageError: the lines are those of other rows.
    """
    for row in rows:
        found = next(kept, None)
        if found is not None and found.line.digest != row.digest:
            raise click.UsageError(
                f"Line {row.line} of the input is not what line {row.index + 1} of "
                f"{name!r} was made from, or it was asked in another way: name another "
                "output, or start over with --no-resume."
            )
        yield Task(row, found if found is not None and found.stays else None)
    if whole and next(kept, None) is not None:
        raise click.UsageError(
            f"{name!r} has more lines than the input has rows: it was made from "
            "another input. Name another output, or start over with --no-resume."
        )


def merged(old: Iterator[Line], new: Iterator[Line] | None = None) -> Iterator[Kept]:
    """The lines that are there.

    Args:
        old: of an output.
        new: of the one that is to replace it: what it has is not made again, and of
            the old one only errors are. None when the old one is kept.
    """
    if new is None:
        yield from map(Kept, old)
        return
    for line in new:
        next(old, None)
        yield Kept(line)
    for line in old:
        yield Kept(line, is_here=False, stays=not line.failed)


class Caller:
    """Makes the line of a row.

    Args:
        llm: whom to ask.
        request: without its prompt.
        as_json: whether the answers are to be JSON objects.
    """

    def __init__(self, llm: LLMService, request: LLMRequest, *, as_json: bool) -> None:
        self._llm = llm
        self._request = request
        self._as_json = as_json

    def known(self, task: Task) -> Done | None:
        """What needs no call."""
        row = task.row
        if task.kept is not None:
            return Done(row, task.kept.line, task.kept)
        return Done(row, refused(row, row.problem)) if row.problem else None

    def made(self, task: Task) -> Done:
        """What comes of a call.

        Raises:
            LLMServiceError: no other row would be answered either.
        """
        row = task.row
        try:
            request = evolve(self._request, prompt=row.prompt or "")
            wanted = json_request(request) if self._as_json else request
            response = self._llm.generate(wanted)
        except HOPELESS:
            raise
        except LLMServiceError as error:
            return Done(row, failed(row, error))
        except ValueError as error:  # half a character, which no request can hold
            return Done(row, refused(row, str(error)))
        return Done(row, answered(row, response, as_json=self._as_json))


def run(
    window: Window[Task, Done],
    write: Callable[[bytes], None],
    progress: Progress,
    tally: Tally,
) -> bool:
    """Write the lines as they come; whether Ctrl-C has ended it before its time."""
    with interruptible(window.stop) as is_interrupted, progress:
        with closing(window.results()) as results:
            for done in results:
                if done.kept is None or not done.kept.is_here:
                    write(done.line.raw)
                tally.add(done.line, kept=done.kept is not None, end=done.row.end)
                progress.show(tally)
        return is_interrupted()


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Makes the first Ctrl-C a wish, and leaves the second as it was.

    Args:
        stop: called with the first one.
    """
    met: list[int] = []

    def on_signal(number: int, frame: Any) -> None:
        met.append(number)
        signal.signal(signal.SIGINT, before)
        say("Waiting for the calls under way; press Ctrl-C again to leave them.")
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield lambda: bool(met)
    finally:
        signal.signal(signal.SIGINT, before)
