"""What becomes of a call whose budget cannot be asked for, or not at once."""

from __future__ import annotations

import pytest

from llm_adapter import Budget, LLMBudgetExceededError
from llm_adapter._concurrency import NotBegun, Tried
from llm_adapter._tracking import LONGEST_PAUSE, TrackedCall, once, outcome
from llm_adapter.ledger import LedgerError
from llm_adapter.ledger._ledger import Ledger, directory


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", [Budget(1)])
    yield ledger
    ledger.close(5)


@pytest.fixture
def call(ledger):
    return TrackedCall(
        ledger, "generate", {}, provider="groq", model="a-model", now=100.0
    )


AWAY = LedgerError("away")
BROKEN = LedgerError("of a newer release", retryable=False)


# -- what becomes of a reservation ----------------------------------------------------


def test_ledger_that_is_away_is_asked_again_after_ever_longer_pauses(call):
    pauses = [call.pause(number, AWAY, 100.0) for number in range(10)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_ledger_that_is_slow_is_asked_again(call):
    assert call.pause(0, TimeoutError(), 100.0) > 0


@pytest.mark.parametrize(
    ("error", "left", "retryable"),
    [(AWAY, 0.01, True), (BROKEN, 100.0, False), (TimeoutError("slow"), 0.0, True)],
    ids=["no time", "no use", "slow"],
)
def test_call_ends_when_there_is_no_other_attempt(call, error, left, retryable):
    with pytest.raises(LedgerError, match="No budget could be asked") as caught:
        call.pause(0, error, left)
    assert (caught.value.provider, caught.value.model) == ("groq", "a-model")
    assert caught.value.retryable is retryable
    assert caught.value.__cause__ is error


def test_other_errors_are_raised_as_they_are(call):
    error = LLMBudgetExceededError("no")
    with pytest.raises(LLMBudgetExceededError) as caught:
        call.pause(0, error, 100.0)
    assert caught.value is error


def test_reservation_that_found_no_thread_holds_nothing(call, monkeypatch):
    settled = []
    monkeypatch.setattr(call.booking, "_settle", lambda *told: settled.append(told))
    call.booking.reserving()
    call.pause(0, NotBegun(), 100.0)
    call.booking.over()
    assert settled == []
    assert call.booking._open == 0


def test_nobody_waits_for_a_thread_twice():
    assert once()


# -- what becomes of a question -------------------------------------------------------


def test_answer_of_the_ledger_is_given(ledger):
    assert outcome(Tried(result=7), ledger) == 7


def test_ledger_that_answers_too_late_is_an_error_of_the_family(ledger):
    with pytest.raises(LedgerError, match=r"ledger\.db.* is busy: it took"):
        outcome(Tried(error=TimeoutError("it took more than 3 s")), ledger)


def test_error_of_the_ledger_is_raised(ledger):
    with pytest.raises(LedgerError, match="away"):
        outcome(Tried(error=AWAY), ledger)


# -- where things are -----------------------------------------------------------------


def test_what_waits_stands_beside_its_file(tmp_path):
    assert directory(f"sqlite:///{tmp_path}/a.db") == tmp_path / "a.db.waiting"


def test_what_waits_for_a_server_stands_below_the_state_of_the_user(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one = directory("postgresql://u:secret@host/db")
    assert one.parent == tmp_path / "llm-adapter"
    assert one == directory("postgresql://u:changed@host/db")
    assert one != directory("postgresql://u:secret@host/other")


def test_state_of_a_user_is_below_their_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = directory("postgresql://host/db")
    assert found.parent == tmp_path / ".local" / "state" / "llm-adapter"


def test_user_without_a_home_has_a_temporary_directory(tmp_path, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    monkeypatch.setattr("llm_adapter.ledger._ledger.gettempdir", lambda: str(tmp_path))
    found = directory("postgresql://host/db")
    assert found.parent == tmp_path / "llm-adapter"
