"""What budgets have left, counted in the database that processes share.

Every change holds the rows of its counters until the end of its transaction, in the
order of their keys: no two can wait for each other in a circle, and what one reads no
other changes. Rows that are missing are made, in the same order, before any is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ._budgets import Amounts, Counter, Standing, Unit
from ._columns import utc
from ._money import LARGEST
from ._schema import BUDGETS, RESERVATIONS

KEPT = timedelta(days=40)
"""For which reservations, marks and ended counters are kept. No month is as long: what
nobody settles counts until the end of its period."""

_COUNTER = BUDGETS.c
_RESERVED = RESERVATIONS.c


def reserve(
    connection: Connection,
    call_id: str,
    counters: Sequence[Counter],
    amounts: Amounts,
    now: datetime,
) -> Standing | None:
    """Reserve in all counters, or in none: the one that the call would overrun."""
    spent = _hold(connection, counters)
    if _is_known(connection, call_id):
        return None  # by a try whose answer was lost
    reserved = _reserved(connection, spent)
    for counter in counters:
        standing = Standing(
            counter=counter,
            spent=spent[counter.key],
            reserved=reserved.get(counter.key, 0),
            asked=_asked(amounts, counter.budget.unit),
        )
        if standing.is_overrun:
            return standing
    units = _units(counters)
    held = {key: _asked(amounts, unit) for key, unit in units.items()}
    _note(connection, call_id, held, now)
    return None


def settle(connection: Connection, call_id: str, amounts: Amounts) -> bool:
    """Count what a call has taken instead of what it had reserved, once.

    Where that is not known, what it had reserved.
    """
    return bool(_settled(connection, call_id, amounts))


def spend(
    connection: Connection,
    call_id: str,
    counters: Sequence[Counter],
    amounts: Amounts,
    now: datetime,
) -> bool:
    """Count a call that may have reserved nothing, once: whether it was the first time.

    That takes a mark, which is kept for as long as KEPT. A call that `settle` has
    counted leaves none.
    """
    keys = _settled(connection, call_id, amounts)
    if not keys:
        spent = _hold(connection, counters)
        if _is_known(connection, call_id):
            return False
        units = _units(counters)
        taken = {key: amounts.in_unit(unit) or 0 for key, unit in units.items()}
        _spend(connection, spent, taken)
        keys = list(units)
    _note(connection, call_id, dict.fromkeys(keys, 0), now, settled=1)
    return bool(keys)


def release(connection: Connection, call_id: str) -> None:
    """Give back what a call had reserved."""
    _drop(connection, call_id)


def standings(connection: Connection, counters: Sequence[Counter]) -> list[Standing]:
    """How far each of the counters is used."""
    keys = [counter.key for counter in counters]
    query = select(_COUNTER.key, _COUNTER.spent).where(_COUNTER.key.in_(keys))
    spent = {row.key: row.spent for row in connection.execute(query)}
    reserved = _reserved(connection, spent)
    return [
        Standing(
            counter=counter,
            spent=spent.get(counter.key, 0),
            reserved=reserved.get(counter.key, 0),
        )
        for counter in counters
    ]


def tidy(connection: Connection, now: datetime) -> None:
    """Forget what can no longer matter."""
    before = utc(now) - KEPT
    connection.execute(delete(RESERVATIONS).where(_RESERVED.at < before))
    connection.execute(delete(BUDGETS).where(_COUNTER.ends < before))


def _units(counters: Iterable[Counter]) -> dict[str, Unit]:
    """Of each key: several counters may count the same."""
    return {counter.key: counter.budget.unit for counter in counters}


def _asked(amounts: Amounts, unit: Unit) -> int:
    """The smallest part where it is not known: it must not be used up already."""
    known = amounts.in_unit(unit)
    return 1 if known is None else known


def _hold(connection: Connection, counters: Iterable[Counter]) -> dict[str, int]:
    """Hold the rows of counters, which are made if need be: what each has spent."""
    wanted = {counter.key: counter for counter in counters}
    there = connection.execute(
        select(_COUNTER.key).where(_COUNTER.key.in_(list(wanted)))
    )
    missing = wanted.keys() - set(there.scalars())
    if missing:
        rows = [_counter_row(wanted[key]) for key in sorted(missing)]
        is_file = connection.dialect.name == "sqlite"
        table: Any = (sqlite if is_file else postgresql).insert(BUDGETS)
        connection.execute(table.on_conflict_do_nothing(), rows)
    return _hold_keys(connection, wanted)


def _counter_row(counter: Counter) -> dict[str, Any]:
    return {
        "key": counter.key,
        "unit": counter.budget.unit,
        "period": counter.period,
        "user_id": counter.user_id,
        "workflow": counter.workflow,
        "ends": utc(counter.ends),
        "spent": 0,
    }


def _hold_keys(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    query = select(_COUNTER.key, _COUNTER.spent).where(_COUNTER.key.in_(list(keys)))
    # SQLite has no such lock: the whole transaction has one.
    held = connection.execute(query.order_by(_COUNTER.key).with_for_update())
    return {row.key: row.spent for row in held}


def _reserved(connection: Connection, keys: Iterable[str]) -> dict[str, int]:
    query = (
        select(_RESERVED.key, func.sum(_RESERVED.amount))
        .where(_RESERVED.key.in_(list(keys)), _RESERVED.settled == 0)
        .group_by(_RESERVED.key)
    )
    return {key: int(amount) for key, amount in connection.execute(query)}


def _is_known(connection: Connection, call_id: str) -> bool:
    """Whether the call holds anything, or has been spent."""
    query = select(_RESERVED.key).where(_RESERVED.call_id == call_id).limit(1)
    return connection.execute(query).first() is not None


def _settled(connection: Connection, call_id: str, amounts: Amounts) -> list[str]:
    """Count what a call has taken where it had reserved: the keys of that."""
    query = (
        select(_RESERVED.key, _COUNTER.unit, _RESERVED.amount)
        .join(BUDGETS, _COUNTER.key == _RESERVED.key)
        .where(_RESERVED.call_id == call_id, _RESERVED.settled == 0)
    )
    held = connection.execute(query).all()
    if not held:
        return []
    spent = _hold_keys(connection, [key for key, _, _ in held])
    if not _drop(connection, call_id):
        return []  # somebody else was faster
    taken = {}
    for key, unit, reserved in held:
        known = amounts.in_unit(unit)
        taken[key] = reserved if known is None else known
    _spend(connection, spent, taken)
    return list(taken)


def _note(
    connection: Connection,
    call_id: str,
    amounts: dict[str, int],
    now: datetime,
    *,
    settled: int = 0,
) -> None:
    rows = [
        {
            "call_id": call_id,
            "key": key,
            "amount": amount,
            "settled": settled,
            "at": utc(now),
        }
        for key, amount in amounts.items()
    ]
    if rows:
        connection.execute(insert(RESERVATIONS), rows)


def _spend(
    connection: Connection, before: dict[str, int], taken: dict[str, int]
) -> None:
    rows = [
        {"of": key, "after": min(before[key] + amount, LARGEST)}
        for key, amount in taken.items()
    ]
    if rows:
        query = update(BUDGETS).where(_COUNTER.key == bindparam("of"))
        connection.execute(query.values(spent=bindparam("after")), rows)


def _drop(connection: Connection, call_id: str) -> bool:
    mine = and_(_RESERVED.call_id == call_id, _RESERVED.settled == 0)
    return connection.execute(delete(RESERVATIONS).where(mine)).rowcount > 0
