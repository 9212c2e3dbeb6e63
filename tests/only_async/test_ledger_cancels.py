"""Calls that are cancelled at any moment are booked, and budgets get back the rest."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import anyio
import pytest

from llm_adapter import AsyncTokenTracker, AsyncTrackingLLMService, Budget
from llm_adapter.ledger import touched
from llm_adapter.testing.emulator import Reply, faults
from tests.ledgers import kept_records

CALLS = 40


@pytest.fixture
async def tracker(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    async with AsyncTokenTracker(url, budgets=[Budget(tokens=10**9)]) as tracker:
        yield tracker


async def call(service, number, seconds):
    with anyio.move_on_after(seconds):
        if number % 2:
            await service.generate("Hi", max_tokens=10)
            return
        async with service.stream("Hi", max_tokens=10) as stream:
            async for _ in stream:
                pass


async def test_cancelled_calls_are_booked_as_such(emulator, connect, tracker):
    emulator.always(Reply(text="one two three") | faults.drip(0.01, 100))
    dice = random.Random(7)
    async with connect() as base:
        service = AsyncTrackingLLMService(base, tracker)
        async with anyio.create_task_group() as group:
            for number in range(CALLS):
                group.start_soon(call, service, number, dice.uniform(0, 0.3))
    assert await tracker.flush(30)
    records = kept_records(tracker)
    # A call may have been cancelled before its request was whole.
    assert emulator.counts.requests <= len(records) <= CALLS
    found = {each.status for each in records}
    assert found <= {"succeeded", "cancelled", "interrupted"}
    assert found & {"cancelled", "interrupted"}
    ledger = tracker.ledger
    counters = touched(ledger.budgets, at=datetime.now(UTC))
    assert [each.reserved for each in ledger.database.standings(counters)] == [0]
