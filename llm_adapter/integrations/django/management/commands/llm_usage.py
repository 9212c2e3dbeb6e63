"""`manage.py llm_usage`: what was used, by whom, and what it cost."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import BaseCommand, CommandError

from .....errors import LLMServiceError
from .....ledger._database import Database
from ..._config import DJANGO, NAME, Config, load
from ..._services import ledger_of

if TYPE_CHECKING:
    from .....ledger import Group

PATIENCE = 5.0
"""Seconds for what waits to be written, such as by processes that died."""

_GROUPS: tuple[Group, ...] = ("model", "workflow", "user", "day", "provider")


def _groups(text: str) -> list[Group]:
    known: dict[str, Group] = {group: group for group in _GROUPS}
    found = []
    for name in map(str.strip, text.split(",")):
        if name not in known:
            said = f"{name!r} is none of {', '.join(known)}"
            raise argparse.ArgumentTypeError(said)
        found.append(known[name])
    return found


def _days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 36_500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 36500")
    return int(text)


class Command(BaseCommand):
    """Shows what the ledger of LLM_ADAPTER has."""

    help = (
        "Shows what was used, and what it cost, as the ledger has it. Costs are US "
        "dollars, from the prices of the day of each call."
    )

    def add_arguments(self, parser: Any) -> None:
        """The same as those of `llm-adapter usage`."""
        parser.add_argument(
            "--by",
            type=_groups,
            metavar="GROUP",
            help=f"What to tell apart: {', '.join(_GROUPS)}, or several of them, as in "
            "workflow,model. Default: model.",
        )
        parser.add_argument(
            "--days",
            type=_days,
            default=30,
            metavar="NUMBER",
            help="Days of UTC, of which today is the last. Default: 30.",
        )
        parser.add_argument("--user", metavar="ID", help="Calls of this user only.")
        parser.add_argument(
            "--workflow", metavar="NAME", help="Calls of this workflow only."
        )
        parser.add_argument("--json", action="store_true", help="Print a JSON object.")
        parser.add_argument(
            "--html",
            type=Path,
            metavar="FILE",
            help="Write a page with tables and plots to this file instead.",
        )

    def handle(self, **options: Any) -> None:
        """Show it.

        Raises:
            CommandError: there is no ledger, or it cannot be read.
        """
        if options["html"] and (options["json"] or options["by"]):
            raise CommandError("--html shows everything: leave out --json and --by.")
        try:
            import click

            from .....cli import _usage
        except ModuleNotFoundError as missing:
            raise CommandError(
                f"This needs {missing.name}: pip install 'llm-adapter[cli]'"
            ) from missing
        last = datetime.now(UTC).date()
        asked = _usage.Asked(
            first=last - timedelta(days=options["days"] - 1),
            last=last,
            user_id=options["user"],
            workflow=options["workflow"],
        )
        show = _usage.show_json if options["json"] else _usage.show_table
        try:
            with closing(self._database(load())) as database:
                if options["html"]:
                    _usage.write_page(options["html"], database, asked)
                    return
                with redirect_stdout(cast(Any, self.stdout)._out):
                    show(database, asked, tuple(options["by"] or ["model"]))
        except (LLMServiceError, click.ClickException) as error:
            raise CommandError(str(error)) from error
        except click.exceptions.Exit as ended:  # nobody reads any more
            sys.exit(ended.exit_code)

    def _database(self, config: Config) -> Database:
        if config.ledger is None:
            raise CommandError(
                f"There is no ledger: set {NAME}['LEDGER'] to 'django' or to a URL."
            )
        if config.ledger != DJANGO:
            from .....cli._usage import open_ledger

            return open_ledger(config.ledger)
        ledger = ledger_of(config)
        if not ledger.flush(PATIENCE):
            waiting = ledger.stats().waiting
            self.stderr.write(f"{waiting} records are not in the database yet.")
        return ledger.database
