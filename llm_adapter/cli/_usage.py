"""`llm-adapter usage`: what was used, by whom, and what it cost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from .._figures import plain
from ..errors import LLMConfigurationError
from ..ledger._rows import Group, UsageRow
from ..settings import Settings
from ._exits import table as exit_table
from ._files import checked, write_whole
from ._notes import Notes
from ._output import Output
from ._tables import KEYS, shown

if TYPE_CHECKING:
    from ..ledger._database import Database
    from ..usage_page import Report

_DEFAULT_URL = "sqlite:///llm_usage.db"
_GROUPS: tuple[Group, ...] = ("model", "workflow", "user", "day", "provider")
_DAY = timedelta(days=1)
_MEASURED = (
    *("calls", "requests", "succeeded", "errors", "cached", "input_tokens"),
    *("output_tokens", "cached_input_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "total_tokens"),
)


@frozen(kw_only=True)
class Asked:
    """What is to be summed up.

    Args:
        first: of the days (UTC).
        last: of the days, which counts.
        user_id: whose calls; None for all.
        workflow: which calls; None for all.
    """

    first: date
    last: date
    user_id: str | None
    workflow: str | None

    @property
    def filters(self) -> dict[str, Any]:
        """The same for the ledger, whose last day does not count."""
        return {
            "user_id": self.user_id,
            "workflow": self.workflow,
            "since": self.first,
            "until": self.last + _DAY,
        }


def _groups(
    context: click.Context, option: click.Parameter, value: tuple[str, ...]
) -> tuple[Group, ...]:
    known: dict[str, Group] = {group: group for group in _GROUPS}
    found: dict[Group, None] = {}
    for name in (part.strip() for each in value for part in each.split(",")):
        if name not in known:
            raise click.BadParameter(
                f"{name!r} is none of {', '.join(known)}.", context, option
            )
        found[known[name]] = None
    return tuple(found)


@click.command(
    epilog=exit_table(0, 1, 2, 3, 130, 141),
    short_help="Show what was used, and what it cost.",
)
@click.option(
    "--by",
    "groups",
    multiple=True,
    callback=_groups,
    metavar="GROUP",
    help=f"What to tell apart: {', '.join(_GROUPS)}, or several of them, as in "
    "workflow,model. Default: model.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    default=30,
    show_default=True,
    metavar="NUMBER",
    help="Days of UTC, of which today is the last.",
)
@click.option("--user", metavar="ID", help="Calls of this user only.")
@click.option("--workflow", metavar="NAME", help="Calls of this workflow only.")
@click.option(
    "--ledger",
    metavar="URL",
    help=f"Which ledger. Default: LLM_LEDGER_URL, else {_DEFAULT_URL}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--html",
    "file",
    type=click.Path(path_type=Path),
    help="Write a page with tables and plots over time to this file instead.",
)
def usage(
    groups: tuple[Group, ...],
    days: int,
    user: str | None,
    workflow: str | None,
    ledger: str | None,
    as_json: bool,
    file: Path | None,
) -> None:
    """Show what was used, and what it cost, as the ledger has it.

    Costs are US dollars, from the prices of the day of each call.
    """
    if file and (as_json or groups):
        raise click.UsageError("--html shows everything: leave out --json and --by.")
    if file == Path("-"):
        raise click.UsageError("--html needs a file: name it, as in usage.html.")
    last = datetime.now(UTC).date()
    first = last - (days - 1) * _DAY
    asked = Asked(first=first, last=last, user_id=user, workflow=workflow)
    target = file and checked(file)
    with closing(open_ledger(ledger)) as database:
        if target:
            write_page(target, database, asked)
        else:
            show = show_json if as_json else show_table
            show(database, asked, groups or ("model",))


# -- the ledger -----------------------------------------------------------------------


def open_ledger(url: str | None) -> Database:
    """The ledger, which is not made by looking at it.

    Raises:
        LLMConfigurationError: there is none, or the URL cannot be used.
    """
    from ..ledger._database import Database

    found = url or Settings.from_env().ledger_url or _DEFAULT_URL
    database = Database(found)
    path = _file_of(found)
    if path is not None and not _holds_ledger(path):
        raise LLMConfigurationError(
            f"There is no ledger at {path} yet: nothing has been booked. If it is "
            "elsewhere, name it with --ledger or LLM_LEDGER_URL."
        )
    return database


def _file_of(url: str) -> Path | None:
    # Imported late and after Database, which says what to do without SQLAlchemy.
    from ..ledger._location import Location

    return Location.from_url(url).path


def _holds_ledger(path: Path) -> bool:
    """Whether the ledger may read a file; what is no database it tells by itself."""
    if not path.exists():
        return False
    query = "SELECT 1 FROM sqlite_master WHERE name = 'llm_adapter_usage'"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            return file.execute(query).fetchone() is not None
    except sqlite3.Error:
        return True


# -- on standard output ---------------------------------------------------------------


def show_table(database: Database, asked: Asked, groups: tuple[Group, ...]) -> None:
    from ..usage_page import unpriced

    rows, total, models = _sums(database, asked, groups)
    output = Output()
    output.write(f"{_told(asked, rows)}\n")
    if rows:
        output.write(f"\n{shown(rows, total, groups, output)}")
    if note := unpriced(total, models):
        output.write(f"\n{plain(note)}\n")


def show_json(database: Database, asked: Asked, groups: tuple[Group, ...]) -> None:
    rows, total, models = _sums(database, asked, groups)
    data = {
        "first_day": asked.first.isoformat(),
        "last_day": asked.last.isoformat(),
        "user_id": asked.user_id,
        "workflow": asked.workflow,
        "by": list(groups),
        "rows": [{**_keys(row, groups), **_values(row)} for row in rows],
        "totals": _values(total),
        "unpriced_models": [
            {"provider": row.provider, "model": row.model, "requests": row.unpriced}
            for row in models
            if row.unpriced
        ],
    }
    Output().write_json(data)


def _sums(
    database: Database, asked: Asked, groups: tuple[Group, ...]
) -> tuple[list[UsageRow], UsageRow, list[UsageRow]]:
    """The rows, their total, and the models where some cost is missing."""
    rows = database.usage(by=groups, **asked.filters)
    [total] = database.usage(**asked.filters)
    models = database.usage(by="model", **asked.filters) if total.unpriced else []
    return rows, total, models


def _told(asked: Asked, rows: list[UsageRow]) -> str:
    """What the table is about."""
    days = (asked.last - asked.first + _DAY).days
    facts = [f"{asked.first} to {asked.last}", "1 day" if days == 1 else f"{days} days"]
    if asked.user_id is not None:
        facts.append(f"user {plain(asked.user_id)}")
    if asked.workflow is not None:
        facts.append(f"workflow {plain(asked.workflow)}")
    about = ", ".join(facts)
    return about if rows else f"Nothing was booked: {about}."


def _keys(row: UsageRow, groups: tuple[Group, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for group in groups:
        for name in KEYS[group]:
            value = getattr(row, name)
            found[name] = str(value) if isinstance(value, date) else value
    return found


def _values(row: UsageRow) -> dict[str, Any]:
    """What was measured; a cost as a string, since JSON's numbers are not exact."""
    return {
        **{name: getattr(row, name) for name in _MEASURED},
        "cost": f"{row.cost:f}",
        "unpriced": row.unpriced,
        "mean_latency": row.mean_latency,
    }


# -- in a file ------------------------------------------------------------------------


def write_page(file: Path, database: Database, asked: Asked) -> None:
    from ..usage_page import page

    write_whole(file, page(_report(database, asked)))
    Notes(verbose=False).say(f"The page is in {file}.")


def _report(database: Database, asked: Asked) -> Report:
    from ..usage_page import Report

    where = asked.filters
    [total] = database.usage(**where)
    return Report(
        first=asked.first,
        last=asked.last,
        made=datetime.now(UTC),
        user_id=asked.user_id,
        workflow=asked.workflow,
        total=total,
        days=database.series(**where),
        daily=database.usage(by=("day", "model"), **where),
        models=database.usage(by="model", **where),
        workflows=database.usage(by="workflow", **where),
        users=database.usage(by="user", **where),
    )
