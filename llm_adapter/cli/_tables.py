"""Tables for terminals, and for pipes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from io import StringIO
from shutil import get_terminal_size

from attrs import frozen
from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from .._figures import NONE, known_cost, places_for, plain, seconds, share
from ..ledger._rows import Group, UsageRow
from ._output import Output

KEYS: Mapping[Group, tuple[str, ...]] = {
    "model": ("provider", "model"),
    "workflow": ("workflow",),
    "user": ("user_id",),
    "day": ("day",),
    "provider": ("provider",),
}
"""The fields of a row that a group tells apart."""

_TITLES = {"user_id": "User"}
_UNBOUNDED = 100_000
_NAME = 24
"""Characters of a name that are worth more than another column."""

_NARROWEST = 10
_GAP = 2
_LINES = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
_ASCII_LINES = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n")


@frozen
class Column:
    """A number of each row.

    Args:
        title: above it.
        value: of a row, in words.
        spared: when it is left out for want of room: 1 first, 0 never.
    """

    title: str
    value: Callable[[UsageRow], str]
    spared: int = 0

    def width(self, rows: Sequence[UsageRow]) -> int:
        """Characters that it takes."""
        return max(len(self.title), *(len(self.value(row)) for row in rows))


def shown(
    rows: Sequence[UsageRow],
    total: UsageRow,
    groups: Sequence[Group],
    output: Output,
) -> str:
    """A table that fits the terminal; where there is none, as wide as it comes.

    Args:
        rows: in their order.
        total: of all rows.
        groups: that they tell apart.
        output: where it is going to be shown.
    """
    names = list(dict.fromkeys(name for group in groups for name in KEYS[group]))
    cells = [[_cell(getattr(row, name)) for name in names] for row in rows]
    width = get_terminal_size().columns if output.is_terminal else _UNBOUNDED
    wide = [_name_width(each) for each in zip(names, *cells, strict=True)]
    taken = sum(wide) + _GAP * len(wide)
    columns, needed = _fitting(_columns(total), [*rows, total], width - taken)
    least = needed + sum(min(each, _NARROWEST) + _GAP for each in wide)
    table = _empty(output, show_footer=True)
    for name in names:
        title = _TITLES.get(name, name.capitalize())
        foot = "Total" if name == names[0] else ""
        table.add_column(title, foot, overflow="fold")
    for column in columns:
        foot = column.value(total)
        table.add_column(column.title, foot, justify="right", no_wrap=True)
    for row, named in zip(rows, cells, strict=True):
        table.add_row(*named, *(column.value(row) for column in columns))
    # Rather broken by the terminal than cut off.
    return _rendered(table, max(width, least), output)


def listed(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    output: Output,
    *,
    right: Collection[str] = (),
) -> str:
    """A table of words; on a terminal it is as wide as that, and lines are broken.

    Args:
        titles: of the columns.
        rows: a cell for each of them.
        output: where it is going to be shown.
        right: titles of columns of numbers, which are never broken.
    """
    table = _empty(output)
    for title in titles:
        if title in right:
            table.add_column(title, justify="right", no_wrap=True)
        else:
            table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    width = get_terminal_size().columns if output.is_terminal else _UNBOUNDED
    return _rendered(table, width, output)


def _empty(output: Output, *, show_footer: bool = False) -> Table:
    return Table(
        box=_LINES if output.is_unicode else _ASCII_LINES,
        show_edge=False,
        show_footer=show_footer,
        pad_edge=False,
        collapse_padding=True,
    )


def _columns(total: UsageRow) -> list[Column]:
    places = places_for([total.cost])
    found = [
        Column("Calls", lambda row: f"{row.calls:,}"),
        Column("Requests", lambda row: f"{row.requests:,}", spared=1),
        Column("Errors", lambda row: f"{row.errors:,}"),
        Column("Input", lambda row: f"{row.input_tokens:,}", spared=3),
        Column("Output", lambda row: f"{row.output_tokens:,}", spared=3),
        Column("Tokens", lambda row: f"{row.total_tokens:,}"),
        Column("Cached", lambda row: share(row.cached, row.calls), spared=5),
        Column("Latency", lambda row: seconds(row.mean_latency), spared=4),
        Column("Cost", lambda row: known_cost(row, places)),
    ]
    if total.unpriced:
        found.append(
            Column(
                "Unpriced",
                lambda row: f"{row.unpriced:,}" if row.unpriced else "",
                spared=2,
            )
        )
    return found


def _fitting(
    columns: list[Column], rows: Sequence[UsageRow], room: int
) -> tuple[list[Column], int]:
    """As many of the columns as there is room for, and what they take of it."""
    needed = sum(each.width(rows) + _GAP for each in columns) - _GAP
    spared = [each.spared for each in columns if each.spared]
    if needed <= room or not spared:
        return columns, needed
    rest = [each for each in columns if each.spared != min(spared)]
    return _fitting(rest, rows, room)


def _name_width(cells: Sequence[str]) -> int:
    return min(_NAME, max(map(cell_len, cells)))


def _cell(value: object) -> str:
    return NONE if value is None else plain(str(value))


def _rendered(table: Table, width: int, output: Output) -> str:
    console = Console(
        file=StringIO(),
        width=width,
        color_system=None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    with console.capture() as capture:
        console.print(table)
    text = "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
    return text if output.is_unicode else text.replace(NONE, "-")
