"""The form of price files: JSON or TOML values read into prices, faults named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias

from ..errors import LLMConfigurationError
from ._prices import BUCKETS, ModelPrice, Price, Rate, Terms

Place: TypeAlias = tuple[str, ...]
"""A file, and the keys below which a value stands in it: for messages."""

_OF_TERMS = (*BUCKETS, "from", "hours", "workdays")
_OF_A_MODEL = ("tiers", "names", "prefixes", "date", "source")
_PRICE = 'US dollars per million tokens, such as "0.15"'
_TABLE = "a table of prices"
_STEPS = "a table of prices by the input tokens above which they hold, 0 among them"
_HOURS = 'two times of the day in UTC, such as ["01:00", "04:00"]'


def refuse(place: Place, value: object, allowed: str) -> NoReturn:
    """Say what is there, and what may be.

    Raises:
        LLMConfigurationError: always.
    """
    where = ", ".join((place[0], *(f"{key!r:.80}" for key in place[1:])))
    raise LLMConfigurationError(f"{where}: {_shown(value)} is not {allowed}.")


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):  # too many digits, nested too deeply
        return f"a value of type {type(value).__name__}"


def as_table(place: Place, value: object, allowed: str = _TABLE) -> Mapping[str, Any]:
    """A mapping of names.

    Raises:
        LLMConfigurationError: it is none.
    """
    if not isinstance(value, Mapping) or not all(isinstance(n, str) for n in value):
        refuse(place, value, allowed)
    return value


def read_text(place: Place, value: object) -> str | None:
    """A text that may be missing.

    Raises:
        LLMConfigurationError: it is another value.
    """
    return value if isinstance(value, str | None) else refuse(place, value, "a text")


def read_date(place: Place, value: object) -> date | None:
    """A date that may be missing; TOML has dates of its own.

    Raises:
        LLMConfigurationError: it is none.
    """
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        refuse(place, value, 'a date, such as "2026-11-24"')


def read_names(place: Place, value: object) -> Sequence[str]:
    """Names of models.

    Raises:
        LLMConfigurationError: they are none.
    """
    if not isinstance(value, list | tuple) or not all(
        isinstance(name, str) and name for name in value
    ):
        refuse(place, value, "a list of names of models")
    return value


# -- a model --------------------------------------------------------------------------


def read_model(place: Place, value: object) -> ModelPrice:
    """What a model costs.

    Raises:
        LLMConfigurationError: it cannot be read; names place, value and what may be.
    """
    table = as_table(place, value)
    tiers = as_table((*place, "tiers"), table.get("tiers", {}))
    return ModelPrice(
        standard=_read_all_standard(place, table),
        tiers={
            name.lower(): _read_tier((*place, "tiers", name), each)
            for name, each in tiers.items()
        },
        date=read_date((*place, "date"), table.get("date")),
        source=read_text((*place, "source"), table.get("source")),
    )


def _read_all_standard(place: Place, table: Mapping[str, Any]) -> tuple[Terms, ...]:
    """Prices that change stand in a list, others beside what else is said."""
    if "prices" not in table:
        own = {key: each for key, each in table.items() if key not in _OF_A_MODEL}
        return (_read_standard(place, own),)
    _refuse_others(place, table, ("prices", *_OF_A_MODEL))
    return _read_list((*place, "prices"), table["prices"], _read_standard)


def _read_list(
    place: Place, value: object, read: Callable[[Place, object], Terms]
) -> tuple[Terms, ...]:
    if not isinstance(value, list | tuple) or not value:
        refuse(place, value, "a list of tables of prices")
    return tuple(read((*place, str(n)), each) for n, each in enumerate(value, 1))


def _read_tier(place: Place, value: object) -> tuple[Terms, ...]:
    if isinstance(value, list | tuple):
        return _read_list(place, value, _read_terms)
    if isinstance(value, Mapping):
        return (_read_terms(place, value),)
    factor = _decimal(value)
    if factor is None:
        refuse(place, value, "a factor of the standard prices, or a table of prices")
    return (Terms(factor=factor),)


def _read_standard(place: Place, value: object) -> Terms:
    terms = _read_terms(place, value)
    if terms.price.input is None:
        refuse(place, value, f"a table with a price of input: {_PRICE}")
    return terms


def _read_terms(place: Place, value: object) -> Terms:
    table = as_table(place, value)
    _refuse_others(place, table, _OF_TERMS)
    rates = {
        name: _read_rate((*place, name), table[name])
        for name in BUCKETS
        if name in table
    }
    return Terms(
        price=Price(**rates),
        start=read_date((*place, "from"), table.get("from")),
        hours=_read_hours((*place, "hours"), table.get("hours")),
        workdays=_read_flag((*place, "workdays"), table.get("workdays", False)),
    )


def _refuse_others(
    place: Place, table: Mapping[str, Any], known: tuple[str, ...]
) -> None:
    for key in table:
        if key not in known:
            refuse(
                place, key, f"one of {', '.join(dict.fromkeys(known + _OF_A_MODEL))}"
            )


def _read_flag(place: Place, value: object) -> bool:
    return value if isinstance(value, bool) else refuse(place, value, "true or false")


def _read_hours(place: Place, value: object) -> tuple[time, time] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        refuse(place, value, _HOURS)
    begin, end = (_read_time(place, each) for each in value)
    return begin, end


def _read_time(place: Place, value: object) -> time:
    try:
        # Only hours and minutes: with a time zone, no other time compares to it.
        return time.fromisoformat(
            value if isinstance(value, str) and len(value) == 5 else ""
        )
    except ValueError:
        refuse(place, value, _HOURS)


# -- a price --------------------------------------------------------------------------


def _read_rate(place: Place, value: object) -> Rate:
    if not isinstance(value, Mapping):
        return ((0, _read_price(place, value)),)
    steps = {
        _read_threshold(place, key): None
        if each is None
        else _read_price((*place, key), each)
        for key, each in as_table(place, value, _STEPS).items()
    }
    if 0 not in steps:
        refuse(place, value, _STEPS)
    return tuple(sorted(steps.items(), reverse=True))


def _read_threshold(place: Place, key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) <= 12):
        refuse(place, key, "a number of input tokens")
    return int(key)


def _read_price(place: Place, value: object) -> Decimal:
    price = _decimal(value)
    return refuse(place, value, _PRICE) if price is None else price


def _decimal(value: object) -> Decimal | None:
    """The number as it is written, None when it is none that a price could be.

    >>> _decimal(0.1), _decimal("0.15"), _decimal("-1"), _decimal(True)
    (Decimal('0.1'), Decimal('0.15'), None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):  # ValueError: an int of too many digits
        return None
    return number if _could_be_a_price(number) else None


def _could_be_a_price(number: Decimal) -> bool:
    # With more digits than these, a sum might not be exact.
    if not number.is_finite() or number.is_signed():
        return False
    return number.adjusted() < 10 and int(number.as_tuple().exponent) > -20
