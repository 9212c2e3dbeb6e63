"""What stands in a ledger in a file, read and held as another program would."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from attrs import fields

from llm_adapter.ledger import Record
from llm_adapter.models import Usage

_USAGE = [each.name for each in fields(Usage)]
_OTHERS = [each.name for each in fields(Record) if each.name != "usage"]
PICO = 10**12


def path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def kept_records(tracker: Any) -> list[Record]:
    """All of a tracker's ledger, in the order of their beginning."""
    path = path_of(repr(tracker.ledger).split("'")[1])
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("PRAGMA table_info(llm_adapter_usage)").fetchall():
            return []
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM llm_adapter_usage ORDER BY at, id")
        return [_record(dict(row)) for row in rows]


def _record(row: dict[str, Any]) -> Record:
    known = {name: row[name] for name in _OTHERS}
    known["at"] = datetime.fromisoformat(row["at"])
    if row["cost"] is not None:
        known["cost"] = Decimal(row["cost"]) / PICO
    if row["price_date"] is not None:
        known["price_date"] = date.fromisoformat(row["price_date"])
    return Record(**known, usage=Usage(**{name: row[name] for name in _USAGE}))


@contextmanager
def locked(url: str, seconds: float) -> Iterator[None]:
    """The file is another program's for so long, or until the block ends."""
    # The end comes from another thread.
    connection = sqlite3.connect(path_of(url), check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    end = threading.Timer(seconds, connection.rollback)
    end.start()
    try:
        yield
    finally:
        end.join()
        connection.close()
