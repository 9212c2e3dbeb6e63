"""Calls that end at odd moments: after their tracker, their process, in a lock."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from llm_adapter import Budget, TokenTracker, TrackingLLMService
from llm_adapter.ledger import Amounts, LedgerError, touched
from llm_adapter.testing.emulator import faults
from tests.ledgers import kept_records

BUDGET = Budget(tokens=100_000)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def track(connect):
    """Makes services that book; the end of the test closes them."""
    with ExitStack() as stack:
        yield lambda tracker: stack.enter_context(
            TrackingLLMService(connect(), tracker)
        )


@pytest.fixture
def make_tracker(url):
    made = []

    def make():
        made.append(TokenTracker(url, budgets=[BUDGET]))
        return made[-1]

    yield make
    for tracker in made:
        tracker.close()


def standing(tracker):
    database = tracker.ledger.database
    (found,) = database.standings(touched([BUDGET], at=datetime.now(UTC)))
    return found.spent, found.reserved


def test_call_that_outlives_its_tracker_is_booked_by_the_next(
    emulator, track, make_tracker
):
    emulator.script(faults.slow_first_byte(0.5))
    tracker = make_tracker()
    service = track(tracker)
    responses = []
    call = threading.Thread(
        target=lambda: responses.append(service.generate("Hi", max_tokens=50))
    )
    call.start()
    assert emulator.wait_for(lambda counts: counts.requests == 1)
    tracker.close()
    heir = make_tracker()
    assert heir.flush()
    assert [each.status for each in kept_records(heir)] == ["lost"]
    call.join()
    tracker.close()
    assert heir.flush()
    (record,) = kept_records(heir)
    assert (record.status, record.usage) == ("succeeded", responses[0].usage)
    assert standing(heir) == (responses[0].tokens_used, 0)


def test_usage_that_is_told_counts_also_when_the_process_is_killed(url, make_tracker):
    source = """
        import os, signal, sys
        from llm_adapter import Budget, TokenTracker

        tracker = TokenTracker(sys.argv[1], budgets=[Budget(tokens=100_000)])
        tracker.log_usage("bob", "letters", "groq", "m", 95)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), url], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    tracker = make_tracker()
    assert tracker.flush()
    assert standing(tracker) == (95, 0)


# Of a circle the socket may be collected before the stream that would close it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stream_that_is_collected_while_budgets_are_settled_holds_nothing_up(
    track, make_tracker
):
    tracker = make_tracker()
    service = track(tracker)

    def dropped():
        stream = service.stream("Hi")
        next(stream)
        cycle = [stream]
        cycle.append(cycle)

    ledger = tracker.ledger
    settle = ledger.database.settle

    def settle_and_collect(*arguments):
        gc.collect()
        return settle(*arguments)

    gc.collect()
    dropped()
    ledger.database.settle = settle_and_collect
    ledger.settle("a", Amounts(dollars=0, tokens=0))
    assert tracker.flush(20)
    assert tracker.stats().waiting == 0


def test_child_that_leaves_the_stream_of_its_parent_books_nothing(track, make_tracker):
    tracker = make_tracker()
    service = track(tracker)
    with service.stream("Hi") as stream:
        next(stream)
        child = os.fork()
        if not child:
            try:
                stream.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        heir = make_tracker()
        assert heir.flush()
        for _ in stream:
            pass
    assert tracker.flush()
    (record,) = kept_records(tracker)
    assert (record.status, record.usage) == ("succeeded", stream.response.usage)


def test_budget_that_cannot_be_told_at_the_end_is_warned_of(
    make_tracker, caplog, monkeypatch
):
    tracker = make_tracker()

    def away(*arguments):
        raise LedgerError("away")

    monkeypatch.setattr(tracker.ledger.database, "settle", away)
    tracker._timeout = 0.1
    tracker.ledger.settle("a", Amounts(dollars=0, tokens=0))
    tracker.close()
    assert "Budgets count what was reserved" in caplog.text
    monkeypatch.undo()
