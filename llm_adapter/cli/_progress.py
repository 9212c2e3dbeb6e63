"""How far a map has come, on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress
from decimal import Decimal
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

import click
from attrs import define, field

from .._figures import dollars, places_for
from ._lines import Line

EVERY = 5.0
"""Seconds between two lines where no terminal is."""

_ZERO = Decimal(0)


@define
class Tally:
    """What has become of the rows so far.

    Args:
        started: seconds of the monotonic clock.
        answered: rows with an answer, made now.
        failed: rows with an error, made now.
        kept: rows that the output had already.
        kept_failed: those of them with an error.
        cost: of the answers, as far as it is known, in US dollars.
        unpriced: answers without a known cost.
        end: bytes of the input that are done.
    """

    started: float = field(factory=monotonic)
    answered: int = 0
    failed: int = 0
    kept: int = 0
    kept_failed: int = 0
    cost: Decimal = _ZERO
    unpriced: int = 0
    end: int = 0

    def add(self, line: Line, *, kept: bool, end: int) -> None:
        """Count a row."""
        self.end = end
        if kept:
            self.kept += 1
            self.kept_failed += line.failed
            return
        self.failed += line.failed
        self.answered += not line.failed
        self.cost += line.cost or _ZERO
        self.unpriced += line.cost is None and not line.failed

    def told(self, now: float) -> str:
        """All of it in one line.

        >>> Tally(started=0.0, answered=8, failed=2, kept=5).told(5.0)
        '15 rows: 8 answered, 2 failed, 5 kept; 2.0 rows/s; $0.00'
        """
        made = self.answered + self.failed
        rows = made + self.kept
        counts = [f"{self.answered:,} answered", f"{self.failed:,} failed"]
        if self.kept:
            bad = f" ({self.kept_failed:,} of them failed)" if self.kept_failed else ""
            counts.append(f"{self.kept:,} kept{bad}")
        rate = made / max(now - self.started, 0.001)
        cost = dollars(self.cost, places_for([self.cost]))
        if self.unpriced:
            cost += f" and {self.unpriced:,} of unknown cost"
        noun = "row" if rows == 1 else "rows"
        return f"{rows:,} {noun}: {', '.join(counts)}; {rate:,.1f} rows/s; {cost}"


class Progress(Protocol):
    """Shows a tally as it grows, in a `with` block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, tally: Tally) -> None:
        """Show it, unless that was done just now."""
        ...


def progress(size: int | None, *, bar: bool) -> Progress:
    """What suits standard error.

    Args:
        size: of the input in bytes, None where it is not known.
        bar: whether a bar may stand there, should it be a terminal.
    """
    is_terminal = bool(sys.stderr and sys.stderr.isatty())
    return _Bar(size) if bar and is_terminal else _Lines()


def say(text: str) -> None:
    """A line on standard error."""
    if sys.stderr is None:  # closed from the start
        return
    with suppress(OSError, ValueError):  # nobody to hear it
        click.echo(text, err=True)


class _Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._next = monotonic() + EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held."""

    def show(self, tally: Tally) -> None:
        """A line, if the last is long enough ago."""
        now = monotonic()
        if now >= self._next:
            self._next = now + EVERY
            say(tally.told(now))


class _Bar:
    """A bar that stands in its place, and is gone at the end."""

    def __init__(self, size: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bars.add_task("", total=size)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, tally: Tally) -> None:
        """The bar as far as it is now."""
        told = tally.told(monotonic())
        self._bars.update(self._task, completed=tally.end, description=told)
