"""Identical calls at once are one: how it ends for each who waits."""

from __future__ import annotations

import pytest

from llm_adapter import LLMRateLimitError, LLMTimeoutError
from llm_adapter._concurrency import async_sleep, monotonic
from tests.concurrency import async_fan_out, async_flights


class Act:
    """Takes a while, and ends as it is told."""

    def __init__(self, *endings, seconds=0.1):
        self._endings = [*endings]
        self._seconds = seconds
        self.asked = 0

    async def __call__(self):
        self.asked += 1
        ending = self._endings.pop(0) if len(self._endings) > 1 else self._endings[0]
        await async_sleep(self._seconds)
        if isinstance(ending, BaseException):
            raise ending
        return ending


def joined(table, act, untils):
    """One who joins for each of the points in time, the first one at once."""

    async def join(number):
        await async_sleep(0.02 * number)
        return await table.join("key", act, untils[number])

    return join


async def test_value_is_made_once():
    act = Act("value")
    join = joined(async_flights(), act, [monotonic() + 30] * 3)
    assert await async_fan_out(join, 3) == [
        ("value", False),
        ("value", True),
        ("value", True),
    ]
    assert act.asked == 1


async def test_next_value_is_made_anew():
    table, act = async_flights(), Act(1, 2, seconds=0)
    assert [await table.join("key", act) for _ in range(2)] == [(1, False), (2, False)]


async def test_who_has_no_more_time_gets_nothing():
    act, now = Act("value", seconds=0.3), monotonic()
    join = joined(async_flights(), act, [now + 30, now + 0.1])
    assert await async_fan_out(join, 2) == [("value", False), None]


async def test_who_has_time_left_calls_when_the_first_gives_up():
    act, now = Act(LLMTimeoutError("Too slow."), "value"), monotonic()
    table = async_flights()

    async def join(number):
        if number:
            await async_sleep(0.02)
            return await table.join("key", act, now + 30)
        with pytest.raises(LLMTimeoutError):
            await table.join("key", act, now + 30)
        return None

    assert await async_fan_out(join, 2) == [None, ("value", False)]


async def test_who_has_more_time_calls_when_the_first_may_not_wait():
    busy, now = LLMRateLimitError("Slow down."), monotonic()
    act, table = Act(busy, "value"), async_flights()

    async def join(number):
        if number:
            await async_sleep(0.02)
            return await table.join("key", act, now + 30)
        with pytest.raises(LLMRateLimitError):
            await table.join("key", act, now + 5)
        return None

    assert await async_fan_out(join, 2) == [None, ("value", False)]


async def test_errors_of_other_code_are_met_by_all_at_the_same_time():
    act, table = Act(KeyError("a"), seconds=0.2), async_flights()

    async def join(number):
        with pytest.raises(KeyError):
            await table.join("key", act)

    begun = monotonic()
    await async_fan_out(join, 8)
    assert monotonic() - begun < 1.2, "not one after another"


async def test_what_is_no_exception_reaches_its_caller_once():
    class Odd(BaseException):
        pass

    act, table = Act(Odd("odd"), seconds=0), async_flights()
    with pytest.raises(Odd):
        await table.join("key", act)
    assert act.asked == 1


async def test_what_nobody_wants_any_longer_is_made_anew():
    table, act = async_flights(goes_on=True), Act("value", seconds=0.2)

    async def join(number):
        if not number:
            return await table.join("key", act)
        await async_sleep(0.05)
        table.end_all()
        return await table.join("key", act)

    results = await async_fan_out(join, 2)
    assert [value for value, _ in results] == ["value"] * 2
    assert act.asked >= 2
