"""The table at the end, and how its figures are written."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .ledger import Entry, Sum, total

FOOTNOTE = "+ and what the cut stream took, which its provider did not say"


def seconds(value: float) -> str:
    """Seconds for people.

    >>> seconds(1.234)
    '1.2 s'
    """
    return f"{value:.1f} s"


def tokens(value: Sum) -> str:
    """A number of tokens; a plus says that there were more."""
    return f"{value.known:,}{_plus(value)}"


def cost(value: Sum) -> str:
    """US dollars; a plus says that it was more."""
    return f"${value.known:.5f}{_plus(value)}"


def _plus(value: Sum) -> str:
    return "" if value.complete else "+"


def results(entries: Sequence[Entry]) -> Table:
    """What each workflow took, and all together."""
    # One blank between columns, so that 80 characters are enough.
    table = Table(box=SIMPLE_HEAD, show_footer=True, show_edge=False, padding=0)
    for name, footer in zip(_COLUMNS, _totals(entries), strict=True):
        table.add_column(
            name,
            footer=footer,
            justify="left" if name in _TEXTS else "right",
            no_wrap=True,
        )
    for entry in entries:
        table.add_row(*_row(entry))
    return table


_COLUMNS = (
    "workflow",
    "form",
    "model",
    "attempts",
    "waits",
    "tokens",
    "cost",
    "time",
    "outcome",
)

_TEXTS = ("workflow", "form", "model", "outcome")


def _row(entry: Entry) -> tuple[str | Text, ...]:
    outcome = Text("failed", "red") if entry.failed else Text("ok", "green")
    return (
        entry.title,
        entry.form,
        entry.model.rpartition("/")[2],
        str(entry.attempts),
        seconds(entry.waited) if entry.waited else "",
        tokens(entry.tokens),
        cost(entry.cost),
        seconds(entry.seconds),
        outcome,
    )


def _totals(entries: Sequence[Entry]) -> tuple[str, ...]:
    done = sum(entry.failed is None for entry in entries)
    return (
        "total",
        "",
        "",
        str(sum(entry.attempts for entry in entries)),
        seconds(sum(entry.waited for entry in entries)),
        tokens(total(entry.tokens for entry in entries)),
        cost(total(entry.cost for entry in entries)),
        seconds(sum(entry.seconds for entry in entries)),
        f"{done}/{len(entries)} ok",
    )
