"""Processes that call and book at once: what one of them leaves the others book."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from contextlib import ExitStack

import pytest

from llm_adapter import TokenTracker
from llm_adapter.testing.emulator import Emulator, faults

THREADS = 4
CALLS = """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import suppress
    from llm_adapter import (
        GroqAdapter, LLMServiceError, TokenTracker, TrackingLLMService
    )

    base_url, url, journal, user, count = sys.argv[1:]
    tracker = TokenTracker(url, journal=journal, timeout=30)
    base = GroqAdapter("key", base_url=base_url)
    service = TrackingLLMService(base, tracker)

    def call(number):
        with suppress(LLMServiceError):  # of some calls all attempts fail
            service.generate("Hi", timeout=30, metadata={"user_id": user})

    print("begins", flush=True)
    with service, ThreadPoolExecutor(%d) as pool:
        for _ in pool.map(call, range(int(count))):
            pass
    tracker.close()
"""


@pytest.fixture
def emulator():
    with Emulator() as running:
        running.chance(0.2, faults.server_error(), faults.rate_limited("0"))
        yield running


@pytest.fixture
def begin(emulator, tmp_path):
    """Begins a process that makes calls; the end of the test ends it."""
    with ExitStack() as stack:

        def begin(url, user, count):
            process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "error", "-c"),
                    textwrap.dedent(CALLS % THREADS),
                    *(emulator.base_url("groq"), url, str(tmp_path / "journal")),
                    *(user, str(count)),
                ],
                stdout=subprocess.PIPE,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout.readline() == b"begins\n"
            return process

        yield begin


@pytest.fixture
def heir(tmp_path):
    """Opens a ledger as the next process does."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(
            TokenTracker(url, journal=tmp_path / "journal", timeout=30)
        )


def rows(tracker):
    assert tracker.flush(30)
    return {row.user_id: row for row in tracker.get_usage(by="user")}


def test_processes_book_all_that_the_provider_has_seen(
    emulator, begin, heir, postgres, postgres_url
):
    processes = [begin(postgres_url, f"user {n}", 40) for n in range(4)]
    assert emulator.wait_for(lambda counts: counts.requests > 40, 30)
    postgres.stop()
    postgres.start()
    assert [process.wait(60) for process in processes] == [0] * 4
    found = rows(heir(postgres_url))
    assert sum(row.requests for row in found.values()) == emulator.counts.requests
    assert [row.calls for row in found.values()] == [40] * 4


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_process_that_is_ended_leaves_its_requests_to_the_next(
    emulator, begin, heir, ledger_url, end
):
    # Of a stalled request nobody knows the end.
    emulator.script(*[faults.slow_first_byte(0.05)] * 50)
    victim = begin(ledger_url, "victim", 10_000)
    assert emulator.wait_for(lambda counts: counts.requests > 60, 30)
    victim.send_signal(end)
    victim.wait(30)
    seen = emulator.counts.requests
    (row,) = rows(heir(ledger_url)).values()
    # What was about to be sent is booked already.
    assert seen <= row.requests <= seen + THREADS
    assert row.requests - row.succeeded - row.errors <= THREADS


def test_others_go_on_when_one_is_killed(emulator, begin, heir, postgres, postgres_url):
    victim = begin(postgres_url, "victim", 10_000)
    others = [begin(postgres_url, f"user {n}", 40) for n in range(3)]
    assert emulator.wait_for(lambda counts: counts.requests > 60, 30)
    victim.kill()
    assert [process.wait(60) for process in others] == [0] * 3
    found = rows(heir(postgres_url))
    assert [found[f"user {n}"].calls for n in range(3)] == [40] * 3
    seen = emulator.counts.requests
    booked = sum(row.requests for row in found.values())
    assert seen <= booked <= seen + THREADS
