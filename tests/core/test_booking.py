"""From what is seen of a call to what is booked, and what a budget is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMServerError
from llm_adapter._booking import Booking, added, booked
from llm_adapter._context import UsageContext
from llm_adapter._watch import Ending
from llm_adapter.ledger import LARGEST, Amounts, Record, taken_by
from llm_adapter.models import Attempt, LLMResponse, Usage
from llm_adapter.pricing import PriceList, price_date

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MODEL = "openai/gpt-oss-20b"
USED = Usage(input_tokens=10, output_tokens=5, total_tokens=15)


class Books:
    """Keep what is booked."""

    def __init__(self):
        self.begun = []
        self.ended = []

    def begin(self, record):
        self.begun.append(record)

    def end(self, record):
        self.ended.append(record)


class Settled(dict):
    """What budgets are told, once for each call."""

    def __call__(self, call_id, amounts):
        assert call_id not in self
        self[call_id] = amounts


def make(books, settle=None):
    return Booking(books, UsageContext("ann", "letters"), settle, lambda: NOON)


def ending(outcome="succeeded", answer=None, error=None, number=1, prices=None):
    attempt = Attempt(number=number, duration=1.5, status_code=200, first_token=0.5)
    return Ending(
        attempt=attempt, outcome=outcome, answer=answer, error=error, prices=prices
    )


def answered(usage=USED, cost=Decimal("0.5")):
    return LLMResponse(
        "Hi", MODEL, usage=usage, cost=cost, request_id="r-1", provider="groq"
    )


def record(**fields):
    known = {
        "id": "1",
        "call_id": "1",
        "attempt": 1,
        "at": NOON,
        "operation": "generate",
        "provider": "groq",
        "model": MODEL,
    }
    return Record(**{**known, **fields})


# -- records --------------------------------------------------------------------------


def test_request_is_booked_when_it_begins_and_when_it_ends():
    books = Books()
    call = make(books).call("generate", "groq", "asked-for")
    call.began(1)
    (begun,) = books.begun
    assert (begun.model, begun.user_id, begun.workflow) == (
        "asked-for",
        "ann",
        "letters",
    )
    call.ended(ending(answer=answered()))
    assert books.ended == [
        evolve(
            begun,
            model=MODEL,
            status="succeeded",
            status_code=200,
            usage=USED,
            cost=Decimal("0.5"),
            price_date=price_date("groq", MODEL),
            latency=1.5,
            first_token=0.5,
            request_id="r-1",
        )
    ]


def test_requests_of_several_services_are_numbered_through():
    books = Books()
    booking = make(books)
    for provider in ("groq", "openai"):
        booking.call("generate", provider, "m").began(1)
    assert [each.attempt for each in books.begun] == [1, 2]
    assert {each.call_id for each in books.begun} == {booking.call_id}


def test_failure_has_the_request_id_of_its_error():
    error = LLMServerError("no", request_id="r-2")
    found = booked(record(), ending("failed", error=error))
    assert (found.request_id, found.cost, found.price_date) == ("r-2", None, None)


def test_answer_without_a_model_bears_the_one_that_was_asked_for():
    found = booked(record(), ending(answer=LLMResponse("Hi")))
    assert found.model == MODEL


def test_unknown_cost_has_no_date():
    found = booked(record(), ending(answer=answered(cost=None)))
    assert (found.cost, found.price_date) == (None, None)


def test_own_prices_have_no_date(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(f'[groq."{MODEL}"]\ninput = 1\noutput = 1\n')
    prices = PriceList.read(str(path))
    found = booked(record(), ending(answer=answered(), prices=prices))
    assert found.price_date == price_date("groq", MODEL, prices)


def test_call_without_a_request_was_spared():
    books = Books()
    make(books).succeeded("generate", "groq", MODEL, 0.25)
    (spared,) = books.ended
    assert (spared.status, spared.attempt, spared.cost) == ("cached", 0, 0)
    assert (spared.latency, spared.user_id) == (0.25, "ann")


def test_call_with_a_request_was_not_spared():
    books = Books()
    booking = make(books)
    booking.call("generate", "groq", MODEL).began(1)
    booking.succeeded("generate", "groq", MODEL, 0.25)
    assert books.ended == []


# -- budgets --------------------------------------------------------------------------

KNOWN = Amounts(dollars=5 * 10**11, tokens=15)
NOTHING = Amounts(dollars=0, tokens=0)


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({"usage": USED, "cost": Decimal("0.5")}, KNOWN),
        ({"usage": Usage(input_tokens=2, output_tokens=1)}, Amounts(tokens=3)),
        ({"usage": Usage(output_tokens=1)}, Amounts(tokens=1)),
        ({"usage": Usage(input_tokens=1)}, Amounts()),
        ({}, Amounts()),
        ({"status": "failed", "status_code": 500}, NOTHING),
        ({"status": "failed", "error": "LLMConnectionError"}, NOTHING),
        ({"status": "failed", "error": "LLMTimeoutError"}, Amounts()),
        ({"status": "failed", "status_code": 200}, Amounts()),
        ({"status": "interrupted", "status_code": 500}, Amounts()),
        ({"status": "cancelled"}, Amounts()),
    ],
    ids=str,
)
def test_budget_is_told_what_is_known_of_a_request(fields, taken):
    assert taken_by(record(**fields)) == taken


def test_sum_of_what_calls_have_taken_has_an_end():
    most = Amounts(dollars=LARGEST, tokens=LARGEST)
    assert added(most, most) == most


def test_budget_is_told_of_a_call_when_its_last_request_has_ended():
    books, settled = Books(), Settled()
    booking = make(books, settled)
    booking.reserving()
    booking.reserved(holds=True)
    call = booking.call("generate", "groq", MODEL)
    call.began(1)
    for _ in range(2):
        booking.over()
    assert settled == {}
    call.ended(ending(answer=answered()))
    assert settled == {booking.call_id: KNOWN}


def test_budget_that_refused_is_told_nothing():
    settled = Settled()
    booking = make(Books(), settled)
    booking.reserving()
    booking.reserved(holds=False)
    booking.over()
    assert settled == {}


def test_budget_that_answers_when_the_call_is_over_gets_it_back():
    settled = Settled()
    booking = make(Books(), settled)
    booking.reserving()
    booking.over()
    assert settled == {}
    booking.reserved(holds=True)
    assert settled == {booking.call_id: NOTHING}


def test_forked_process_says_nothing_of_its_parents_calls(monkeypatch):
    books, settled = Books(), Settled()
    booking = make(books, settled)
    booking.reserving()
    booking.reserved(holds=True)
    call = booking.call("generate", "groq", MODEL)
    call.began(1)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    call.ended(ending("interrupted"))
    booking.over()
    assert (books.ended, settled) == ([], {})


@given(
    requests=st.lists(st.none() | st.integers(0, 10**6), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_budget_is_told_the_sum_of_all_requests_whatever_ends_first(requests, order):
    settled = Settled()
    booking = make(Books(), settled)
    booking.reserving()
    ends = [booking.over, lambda: booking.reserved(holds=True)]
    for tokens in requests:
        call = booking.call("generate", "groq", MODEL)
        call.began(1)
        answer = answered(Usage(total_tokens=tokens), cost=None)
        ends.append(lambda call=call, answer=answer: call.ended(ending(answer=answer)))
    order.shuffle(ends)
    for end in ends:
        assert settled == {}
        end()
    total = None if None in requests else sum(requests)
    dollars = None if requests else 0
    assert settled == {booking.call_id: Amounts(dollars=dollars, tokens=total)}
