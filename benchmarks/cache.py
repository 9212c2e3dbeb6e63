"""What a hit costs: CPU of this process and wall time, each store in one run.

A row alternates three sides and takes the best of several rounds: the store's own
library asked for the bytes and json.loads (what any cache has to do), a hit of ours,
and the same call without a cache, over loopback.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis
from speed import ROUNDS, server

from llm_adapter import (
    AsyncCachingLLMService,
    AsyncGroqAdapter,
    CachingLLMService,
    GroqAdapter,
    LLMService,
)
from tests.services.redis_server import running

PROMPT = "Say something. " * 50
TIMES = 300
ANSWER = json.dumps({"text": "The quick brown fox. " * 100}).encode()


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Microseconds of CPU and of wall time for each of the calls in `work`."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    each = 1e6 / TIMES
    return (time.process_time() - cpu) * each, (time.perf_counter() - wall) * each


def row(name: str, *sides: Callable[[], object]) -> None:
    """Measure all sides in turns and print the best of each."""
    for side in sides:
        side()
    rounds = [[measured(side) for side in sides] for _ in range(ROUNDS)]
    best = [
        (min(cpu for cpu, _ in side), min(wall for _, wall in side))
        for side in zip(*rounds, strict=True)
    ]
    print(f"{name:16}", *(f"{cpu:8.0f} {wall:8.0f}" for cpu, wall in best))


def repeated(act: Callable[[], object]) -> Callable[[], None]:
    def work() -> None:
        for _ in range(TIMES):
            act()

    return work


def generates(llm: LLMService) -> Callable[[], None]:
    return repeated(lambda: llm.generate(PROMPT))


def generates_on_a_loop(url: str, base_url: str) -> Callable[[], None]:
    async def main() -> None:
        base = AsyncGroqAdapter("key", base_url=base_url)
        async with AsyncCachingLLMService(base, url) if url else base as llm:
            for _ in range(TIMES):
                await llm.generate(PROMPT)

    return lambda: asyncio.run(main())


def compare(address: str, redis_url: str, folder: Path) -> None:
    base_url = f"{address}/call/v1"
    path = folder / "plain.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, value BLOB)")
    database.execute("INSERT INTO answers VALUES ('key', ?)", (ANSWER,))
    database.commit()
    client = redis.Redis.from_url(redis_url)
    client.set("key", ANSWER)
    kept = {"key": ANSWER}
    select = "SELECT value FROM answers WHERE key = ?"
    raw: dict[str, Callable[[], object]] = {
        "memory://": lambda: json.loads(kept["key"]),
        f"sqlite:///{folder / 'ours.db'}": lambda: json.loads(
            database.execute(select, ("key",)).fetchone()[0]
        ),
        redis_url: lambda: json.loads(client.get("key")),
    }
    with GroqAdapter("key", base_url=base_url) as plain:
        for url, read in raw.items():
            name = url.partition(":")[0]
            with CachingLLMService(GroqAdapter("key", base_url=base_url), url) as llm:
                row(name, repeated(read), generates(llm), generates(plain))
                assert llm.stats().misses <= 1
            row(
                f"{name}, async",
                repeated(read),
                generates_on_a_loop(url, base_url),
                generates_on_a_loop("", base_url),
            )
    client.close()
    database.close()


if __name__ == "__main__":
    print(f"{'us: CPU, wall':16} {'store alone':>17} {'a hit':>17} {'no cache':>17}")
    with (
        server() as address,
        tempfile.TemporaryDirectory() as folder,
        running() as redis_server,
    ):
        compare(address, redis_server.url, Path(folder))
