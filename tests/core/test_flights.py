"""Which calls under way are one: the table alone, without waiting."""

from __future__ import annotations

import os

import pytest

from llm_adapter import (
    LLMAuthenticationError,
    LLMRateLimitError,
    LLMResponse,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
)
from llm_adapter._flights import (
    FlightTable,
    Outcome,
    Together,
    error_of_all,
    own_copy,
)


class One:
    """Somebody who waits."""

    def __init__(self):
        self.told = 0

    def set(self):
        self.told += 1


def test_first_has_to_start_and_the_second_finds_it():
    table = FlightTable()
    flight, leads = table.board("a", One())
    assert leads
    assert table.board("a", One()) == (flight, False)


def test_other_keys_are_other_flights():
    table = FlightTable()
    first, _ = table.board("a", One())
    second, leads = table.board("b", One())
    assert leads
    assert first is not second


def test_landing_tells_all_who_wait():
    table, crew = FlightTable(), [One(), One()]
    for one in crew:
        flight, _ = table.board("a", one)
    table.land("a", flight, Outcome(value=1))
    assert [one.told for one in crew] == [1, 1]
    assert flight.outcome == Outcome(value=1)


def test_who_comes_after_the_landing_starts_anew():
    table = FlightTable()
    flight, _ = table.board("a", One())
    table.land("a", flight, Outcome(value=1))
    assert table.board("a", One())[1]


def test_who_boards_while_it_lands_is_told():
    table, late = FlightTable(), One()
    flight, _ = table.board("a", One())
    flight.outcome = Outcome(value=1)  # as `land` does before it looks who waits
    table.board("a", late)
    assert late.told == 1


def test_only_the_first_landing_counts():
    table = FlightTable()
    flight, _ = table.board("a", One())
    table.land("a", flight, Outcome(value=1))
    table.land("a", flight, Outcome())
    assert flight.outcome == Outcome(value=1)


def test_late_landing_leaves_the_next_flight_alone():
    table = FlightTable()
    flight, _ = table.board("a", One())
    table.land("a", flight, Outcome())
    following, _ = table.board("a", One())
    table.land("a", flight, Outcome(value=1))
    assert table.board("a", One()) == (following, False)


def test_flight_that_the_last_has_left_is_ended():
    table, first, second = FlightTable(), One(), One()
    ended = []
    flight, _ = table.board("a", first)
    table.board("a", second)
    flight.cancel = lambda: ended.append(flight)
    table.leave("a", flight, first)
    assert ended == []
    table.leave("a", flight, second)
    assert ended == [flight]
    assert table.board("a", One())[1]


def test_flight_that_has_landed_is_not_ended():
    table, one = FlightTable(), One()
    flight, _ = table.board("a", one)
    table.land("a", flight, Outcome(value=1))
    table.leave("a", flight, one)
    assert flight.outcome == Outcome(value=1)


def test_flight_may_go_on_without_anybody():
    table, one = FlightTable(goes_on=True), One()
    flight, _ = table.board("a", one)
    table.leave("a", flight, one)
    assert table.board("a", One()) == (flight, False)


def test_all_flights_of_this_process_are_ended(monkeypatch):
    table = FlightTable()
    flights = [table.board(key, One())[0] for key in "ab"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        others, _ = table.board("a", One())
    table.end_all()
    assert [flight.outcome for flight in flights] == [Outcome(), Outcome()]
    assert others.outcome is None


def test_forked_process_does_not_wait_for_calls_of_its_parent(monkeypatch):
    table = FlightTable()
    table.board("a", One())
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert table.board("a", One())[1]


# -- errors ---------------------------------------------------------------------------


def test_others_get_a_copy_of_the_error():
    error = LLMRateLimitError("Slow down.", retry_after=7)
    shared = Outcome(error=error).shared_error(more_time=False)
    assert shared is not error
    assert shared.__cause__ is error
    assert (str(shared), shared.retry_after) == (str(error), 7)


@pytest.mark.parametrize(
    "error", [LLMTimeoutError("Too slow."), ZeroDivisionError(), None], ids=repr
)
def test_what_says_nothing_about_others_is_not_shared(error):
    assert Outcome(error=error).shared_error(more_time=False) is None


def test_what_waiting_may_mend_is_not_told_to_who_has_more_time():
    busy, refused = LLMRateLimitError("Slow down."), LLMAuthenticationError("No.")
    assert Outcome(error=busy).shared_error(more_time=True) is None
    assert Outcome(error=refused).shared_error(more_time=True) is not None


def test_error_of_a_users_class_is_copied_without_its_constructor():
    class Own(LLMServiceError):
        def __init__(self, first, second):
            super().__init__(f"{first} {second}")
            self.second = second

    error = Own("one", 2)
    copied = own_copy(error)
    assert (type(copied), str(copied), copied.second) == (Own, str(error), 2)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (ZeroDivisionError(), True),
        (LLMTimeoutError(), False),
        (KeyboardInterrupt(), False),
    ],
    ids=repr,
)
def test_only_other_code_raises_for_each_caller(error, is_so):
    assert Outcome(error=error).is_of_other_code is is_so


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), StopIteration(), StopAsyncIteration()], ids=repr
)
def test_readers_are_told_of_an_end_that_is_none(error):
    told = error_of_all(error, LLMResponse("Half", provider="groq", model="m"))
    assert isinstance(told, LLMStreamInterruptedError)
    assert (told.partial.text, told.provider, told.model) == ("Half", "groq", "m")


def test_readers_are_told_the_error_itself():
    error = LLMRateLimitError("No.")
    assert error_of_all(error, LLMResponse()) is error


def test_error_of_other_programs_is_not_copied():
    error = ZeroDivisionError()
    assert own_copy(error) is error


# -- things in common use -------------------------------------------------------------


def test_things_are_used_together_until_the_last_leaves():
    together = Together()
    assert together.join("a", first := One()) == (first, True)
    assert together.join("a", One()) == (first, False)
    assert not together.leave("a", first)
    assert together.leave("a", first)
    assert together.join("a", second := One()) == (second, True)


def test_who_comes_after_the_end_gets_a_new_thing():
    together = Together()
    together.join("a", first := One())
    together.end("a", first)
    assert together.join("a", second := One()) == (second, True)
    assert together.leave("a", first)
    assert together.join("a", One()) == (second, False)


def test_end_of_a_thing_leaves_the_next_alone():
    together = Together()
    together.join("a", first := One())
    together.end("a", first)
    together.join("a", second := One())
    together.end("a", first)
    assert together.join("a", One()) == (second, False)
