"""Money in a column, which databases add without an error."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models

from ...ledger._money import to_dollars, to_pico

if TYPE_CHECKING:
    _BigInteger = models.BigIntegerField[Any, Any]
else:
    _BigInteger = models.BigIntegerField


class DollarsField(_BigInteger):
    """US dollars as Decimal, exact to 1e-12; whole pico-dollars in the database.

    Sums of it are exact, too, on SQLite as on PostgreSQL.
    """

    description: Any = "US dollars"

    def from_db_value(self, value: Any, *others: Any) -> Decimal | None:
        """What a column, or a sum of it, holds."""
        return None if value is None else to_dollars(int(value))

    def to_python(self, value: Any) -> Any:
        """A Decimal of what people or fixtures write.

        Raises:
            ValidationError: it is no number.
        """
        if value is None:
            return None
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise ValidationError(f"{value!r:.80} is no amount of US dollars") from None

    def get_prep_value(self, value: Any) -> int | None:
        """What the column holds."""
        dollars: Decimal | None = self.to_python(value)
        return None if dollars is None else to_pico(dollars)
