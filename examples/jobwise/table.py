"""The table at the end, and how its figures are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .catalogue import WORKFLOWS
from .ledger import Entry, Sum, total

FOOTNOTE = "+ at least, - unknown: a cut stream tells no tokens"
UNKNOWN = "-"


def seconds(value: float) -> str:
    """Seconds for people.

    >>> seconds(0.0123), seconds(1.234), seconds(123.4)
    ('<0.1 s', '1.2 s', '123 s')
    """
    if value < 0.05:
        return "<0.1 s"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def tokens(value: Sum) -> str:
    """A number of tokens; a plus says that there were more."""
    return UNKNOWN if value.is_unknown else f"{value.known:,}{_plus(value)}"


def cost(value: Sum) -> str:
    """US dollars; a plus says that it was more.

    >>> from decimal import Decimal
    >>> cost(Sum(Decimal("0.5"), False)), cost(Sum(Decimal(0), True))
    ('$0.50000+', '$0')
    """
    if value.complete and not value.known:
        return "$0"
    return UNKNOWN if value.is_unknown else f"${value.known:.5f}{_plus(value)}"


def _plus(value: Sum) -> str:
    return "" if value.complete else "+"


def results(entries: Sequence[Entry], acts: int) -> Table:
    """What each workflow took, each provider, and all together.

    Args:
        entries: of all workflows that were begun, act by act.
        acts: how many of them there are.
    """
    # One blank between columns, so that 80 characters are enough.
    table = Table(box=SIMPLE_HEAD, show_footer=True, show_edge=False, padding=0)
    footers = ("total", "", *_sums(entries, acts))
    for name, footer in zip(_COLUMNS, footers, strict=True):
        table.add_column(
            name,
            footer=footer,
            justify="left" if name in _TEXTS else "right",
            no_wrap=True,
            max_width=_MODEL_WIDTH if name == _MODEL else None,
        )
    for (provider, form), each in groupby(entries, lambda e: (e.provider, e.form)):
        act = list(each)
        table.add_row(provider, form, *_sums(act, 1), style="bold")
        for entry in act:
            table.add_row(*_row(entry))
    return table


_MODEL = "form, model"
_MODEL_WIDTH = 19
_COLUMNS = (
    "provider",
    _MODEL,
    "attempts",
    "waits",
    "tokens",
    "cost",
    "time",
    "outcome",
)

_TEXTS = ("provider", _MODEL, "outcome")


def _row(entry: Entry) -> tuple[str | Text, ...]:
    outcome = Text("failed", "red") if entry.failed else Text("ok", "green")
    model = entry.model.rpartition("/")[2]
    return (f"  {entry.title}", f"  {model}", *_figures([entry]), outcome)


def _sums(entries: Sequence[Entry], acts: int) -> tuple[str, ...]:
    done = sum(entry.failed is None for entry in entries)
    return (*_figures(entries), f"{done}/{acts * len(WORKFLOWS)}")


def _figures(entries: Sequence[Entry]) -> tuple[str, ...]:
    waited = sum(entry.waited for entry in entries)
    return (
        str(sum(entry.attempts for entry in entries)),
        seconds(waited) if waited else "",
        tokens(total(entry.tokens for entry in entries)),
        cost(total(entry.cost for entry in entries)),
        seconds(sum(entry.seconds for entry in entries)),
    )
