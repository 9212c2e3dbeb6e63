"""What was used, by whom, and what it cost."""

from __future__ import annotations

from ._budgets import Amounts, Budget, taken_by, touched
from ._errors import LedgerError
from ._money import LARGEST
from ._records import Operation, Record, Status
from ._rows import DayRow, Group, Percentiles, UsageRow, UserUsage

__all__ = [
    "LARGEST",
    "Amounts",
    "Budget",
    "DayRow",
    "Group",
    "LedgerError",
    "Operation",
    "Percentiles",
    "Record",
    "Status",
    "UsageRow",
    "UserUsage",
    "taken_by",
    "touched",
]
