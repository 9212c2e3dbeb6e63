"""Whether the ledger is right in the end, with faults and a database that goes away.

Four processes call a provider on loopback, of whose replies a fifth are faults, and
book in one PostgreSQL, which is stopped and killed meanwhile. The ledger must have a
row for each request that the provider has counted, and the budget must be kept.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from llm_adapter import (
    AsyncGroqAdapter,
    AsyncTokenTracker,
    AsyncTrackingLLMService,
    Budget,
    GroqAdapter,
    LLMBudgetExceededError,
    LLMService,
    LLMServiceError,
    TokenTracker,
    TrackingLLMService,
)
from llm_adapter.testing.emulator import Emulator, faults
from tests.services.postgres_server import PostgresServer, running

PROCESSES, AT_ONCE = 4, 8
# Each of them after the request has been read, for others are none of the provider's.
MISHAPS = (
    faults.server_error(),
    faults.overloaded(),
    faults.rate_limited("0"),
    faults.reset(at="headers"),
    faults.empty_body(),
    faults.html(502),
    faults.broken_utf8(),
    faults.truncated_stream(),
    faults.truncated_json(),
)
SHARE = 0.2
LIMIT = Decimal("0.02")
BOUNDED = "bounded"
AWAY = 2.0
"""Seconds that the database is."""


def asked(number: int) -> dict[str, Any]:
    """What the call of that number is about."""
    user = BOUNDED if number % 4 == 0 else f"user-{number % 10}"
    workflow = ("cover_letter_generation", "content_ranking")[number % 2]
    return {
        "max_tokens": 200,
        "timeout": 60,
        "metadata": {"user_id": user, "workflow": workflow},
    }


def call(llm: LLMService, number: int) -> str:
    """What became of a call; every third is a stream, and some of those are left."""
    try:
        if number % 3:
            llm.generate("Hi", **asked(number))
            return "answered"
        with llm.stream("Hi", **asked(number)) as stream:
            for read, _ in enumerate(stream):
                if number % 5 == 0 and read == 2:
                    return "left"
        return "answered"
    except LLMBudgetExceededError:
        return "over budget"
    except LLMServiceError as error:
        return type(error).__name__


async def async_call(llm: Any, number: int) -> str:
    """The same on an event loop."""
    try:
        if number % 3:
            await llm.generate("Hi", **asked(number))
            return "answered"
        async with llm.stream("Hi", **asked(number)) as stream:
            read = 0
            async for _ in stream:
                read += 1
                if number % 5 == 0 and read == 3:
                    return "left"
        return "answered"
    except LLMBudgetExceededError:
        return "over budget"
    except LLMServiceError as error:
        return type(error).__name__


def with_threads(base_url: str, url: str, journal: str, numbers: range) -> Counter[str]:
    tracker = TokenTracker(url, budgets=[budget()], journal=journal, timeout=30)
    base = GroqAdapter("key", base_url=base_url)
    with TrackingLLMService(base, tracker) as llm, ThreadPoolExecutor(AT_ONCE) as pool:
        found = Counter(pool.map(lambda number: call(llm, number), numbers))
    tracker.close()
    return found


async def on_a_loop(
    base_url: str, url: str, journal: str, numbers: range
) -> Counter[str]:
    tracker = AsyncTokenTracker(url, budgets=[budget()], journal=journal, timeout=30)
    base = AsyncGroqAdapter("key", base_url=base_url)
    left = iter(numbers)
    found: Counter[str] = Counter()

    async def worker(llm: Any) -> None:
        for number in left:
            found[await async_call(llm, number)] += 1

    async with AsyncTrackingLLMService(base, tracker) as llm:
        await asyncio.gather(*(worker(llm) for _ in range(AT_ONCE)))
    await tracker.close()
    return found


def budget() -> Budget:
    return Budget(LIMIT, per="month", user_id=BOUNDED)


def process(index: int, results: Any, *where: Any) -> None:
    if index % 2:
        results.put(with_threads(*where))
    else:
        results.put(asyncio.run(on_a_loop(*where)))


def run(calls: int, server: PostgresServer, emulator: Emulator, folder: Path) -> bool:
    """Whether the ledger is right in the end."""
    url = server.new_database()
    results: Any = multiprocessing.get_context("spawn").Queue()
    each = calls // PROCESSES
    workers = [
        multiprocessing.get_context("spawn").Process(
            target=process,
            args=(
                index,
                results,
                emulator.base_url("groq"),
                url,
                str(folder / "journal"),
                range(index * each, (index + 1) * each),
            ),
        )
        for index in range(PROCESSES)
    ]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    for share, end in ((0.25, server.stop), (0.5, server.kill)):
        while emulator.counts.requests < calls * share:
            time.sleep(0.05)
        end()
        time.sleep(AWAY)
        server.start()
        print(f"  {emulator.counts.requests:6} requests: database {end.__name__}, back")
    found = sum((results.get() for _ in workers), Counter())
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - started
    print(f"  {sum(found.values())} calls in {seconds:.0f} s: {dict(found)}")
    return is_right(url, emulator.counts.requests)


def is_right(url: str, requests: int) -> bool:
    with TokenTracker(url, journal=tempfile.mkdtemp()) as tracker:
        (total,) = tracker.get_usage()
        (bounded,) = tracker.get_usage(user_id=BOUNDED)
    print(f"  requests: the provider has seen {requests}, the ledger {total.requests}")
    print(f"  dollars: {total.cost}; of them {bounded.cost} by the user with {LIMIT}")
    return total.requests == requests and bounded.cost <= LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    calls = parser.parse_args().calls
    with running() as server, Emulator() as emulator:
        emulator.chance(SHARE, *MISHAPS)
        with tempfile.TemporaryDirectory() as folder:
            right = run(calls, server, emulator, Path(folder))
    print("  the ledger is right" if right else "  THE LEDGER IS WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
