"""What a budget reserves for a call, before anybody knows what it takes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import Image, LLMRequest, Message, Text, Tool, ToolCall
from llm_adapter._estimates import (
    TOKENS_OF_A_TEXT,
    TOKENS_OF_AN_ANSWER,
    embedding_amounts,
    request_amounts,
)
from llm_adapter._identity import Identity
from llm_adapter.ledger import Amounts
from llm_adapter.models import as_request
from llm_adapter.pricing import PriceList

MODEL = "openai/gpt-oss-20b"
CHEAP = 75_000
"""Pico-dollars for a token sent to it; one received is 300,000."""


def amounts(request="", /, provider="groq", model=MODEL, prices=None, **fields):
    known = as_request(request, {"max_tokens": 1, **fields})
    return request_amounts(
        Identity(provider=provider, model=model, request=known, prices=prices)
    )


def tokens(*texts, **fields):
    """Beside those of an empty prompt and of the answer."""
    prompt = texts[0] if texts else ""
    return amounts(prompt, **fields).tokens - 1 - TOKENS_OF_A_TEXT


def test_answer_may_be_as_long_as_it_may():
    asked = amounts("Hi", max_tokens=1000)
    assert asked.tokens == 1000 + TOKENS_OF_A_TEXT
    assert asked.dollars == 1000 * 300_000 + TOKENS_OF_A_TEXT * CHEAP


def test_answer_that_nothing_bounds_is_a_usual_one():
    asked = request_amounts(
        Identity(provider="groq", model=MODEL, request=LLMRequest("Hi"))
    )
    assert asked.tokens == TOKENS_OF_AN_ANSWER + TOKENS_OF_A_TEXT


@given(st.text(max_size=100))
def test_longer_text_is_never_less(text):
    assert tokens(text + "x" * 3) == tokens(text) + 1
    assert tokens(text) >= len(text) // 3


@pytest.mark.parametrize(
    "fields",
    [
        {"system_message": "x" * 30},
        {"messages": [Message("user", "x" * 30)]},
        {"messages": [Message("user", (Text("x" * 30),))]},
        {"tools": [Tool("x" * 30)]},
        {
            "messages": [
                Message("assistant", "", tool_calls=[ToolCall("1", "x" * 30, {"a": 1})])
            ]
        },
    ],
    ids=["system", "message", "parts", "tools", "calls"],
)
def test_all_that_is_sent_is_counted(fields):
    assert tokens(**fields) >= 10 + TOKENS_OF_A_TEXT


def test_what_is_no_text_cannot_be_counted():
    assert amounts([Image("https://example.com/a.png")]) == Amounts()


def test_model_without_a_price_has_tokens_only():
    asked = amounts("Hi", model="nobody-knows-it", max_tokens=10)
    assert (asked.dollars, asked.tokens) == (None, 10 + TOKENS_OF_A_TEXT)


def test_service_tier_has_its_own_price():
    usual = amounts("Hi", provider="openai", model="gpt-5", max_tokens=1000)
    flex = amounts(
        "Hi",
        provider="openai",
        model="gpt-5",
        max_tokens=1000,
        extra_body={"service_tier": "flex"},
    )
    assert flex.dollars < usual.dollars


def test_own_prices_count_more(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(f'[groq."{MODEL}"]\ninput = 1000\noutput = 1000\n')
    own = amounts("Hi", prices=PriceList.read(str(path)))
    assert own.dollars == (1 + TOKENS_OF_A_TEXT) * 1000 * 10**6


def test_vectors_take_their_texts_only():
    identity = Identity(provider="openai", model="text-embedding-3-small")
    asked = embedding_amounts(identity, ["x" * 30, "y" * 30])
    assert asked.tokens == 20 + 2 * TOKENS_OF_A_TEXT
    assert asked.dollars == asked.tokens * int(Decimal("0.02") * 10**6)


def test_nothing_is_reserved_for_what_nobody_knows():
    assert request_amounts(Identity(provider="own")) == Amounts()
