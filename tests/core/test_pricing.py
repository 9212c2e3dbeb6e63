"""What an answer costs: the provider's prices, disjoint buckets, never a guess."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import Usage
from llm_adapter.pricing import cost
from llm_adapter.providers import GROQ, OPENAI, PROVIDERS, Model, Price

MILLION = 1_000_000
MODEL = "openai/gpt-oss-120b"
PRICED = [model for model in GROQ.models if model.price]
COUNTS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("model", "input_price", "cached", "output_price"),
    [
        ("openai/gpt-oss-120b", "0.15", "0.075", "0.60"),
        ("openai/gpt-oss-20b", "0.075", "0.0375", "0.30"),
        ("openai/gpt-oss-safeguard-20b", "0.075", "0.0375", "0.30"),
        ("qwen/qwen3.8-27b", "0.8", "0.8", "4"),
        ("llama-3.3-70b-versatile", "0.59", "0.59", "0.79"),
        ("llama-3.1-8b-instant", "0.05", "0.05", "0.08"),
        ("mixtral-8x7b-32768", "0.24", "0.24", "0.24"),
    ],
)
def test_a_million_tokens_cost_what_the_price_list_says(
    model, input_price, cached, output_price
):
    def of(**counts):
        return cost(
            Usage(**{"input_tokens": 0, "output_tokens": 0, **counts}), "groq", model
        )

    assert of(input_tokens=MILLION) == Decimal(input_price)
    assert of(output_tokens=MILLION) == Decimal(output_price)
    assert of(input_tokens=MILLION, cached_input_tokens=MILLION) == Decimal(cached)


def test_cached_tokens_are_not_paid_for_twice():
    usage = Usage(input_tokens=2006, cached_input_tokens=1920, output_tokens=300)
    expected = (
        86 * Decimal("0.15") + 1920 * Decimal("0.075") + 300 * Decimal("0.60")
    ) / MILLION
    assert cost(usage, "groq", MODEL) == expected == Decimal("0.0003369")


def test_reasoning_tokens_are_a_part_of_the_output():
    plain = Usage(input_tokens=10, output_tokens=50)
    reasoned = Usage(input_tokens=10, output_tokens=50, reasoning_tokens=40)
    assert cost(reasoned, "groq", MODEL) == cost(plain, "groq", MODEL)


def test_more_cached_tokens_than_tokens_do_not_lower_the_price_below_theirs():
    usage = Usage(input_tokens=10, cached_input_tokens=500, output_tokens=0)
    assert cost(usage, "groq", MODEL) == 10 * Decimal("0.075") / MILLION


def test_an_answer_without_tokens_costs_nothing():
    assert cost(Usage(input_tokens=0, output_tokens=0), "groq", MODEL) == 0


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(input_tokens=10),
        Usage(output_tokens=10),
        Usage(total_tokens=20),
        Usage(cached_input_tokens=10, output_tokens=10),
    ],
)
def test_unknown_tokens_have_an_unknown_cost(usage):
    assert cost(usage, "groq", MODEL) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("groq", "someone/new-model"),
        ("groq", "groq/compound"),
        ("groq", ""),
        ("elsewhere", MODEL),
        ("", ""),
    ],
)
def test_an_unknown_price_is_an_unknown_cost_and_not_zero(provider, model):
    assert cost(Usage(input_tokens=1, output_tokens=1), provider, model) is None


@given(st.sampled_from(PRICED), COUNTS, COUNTS, st.none() | COUNTS)
def test_the_cost_is_exact_and_between_its_bounds(model, sent, received, cached):
    usage = Usage(input_tokens=sent, output_tokens=received, cached_input_tokens=cached)
    paid = cost(usage, "groq", model.id)
    dearest = (sent * model.price.input + received * model.price.output) / MILLION
    assert isinstance(paid, Decimal)
    assert 0 <= paid <= dearest
    if not cached or model.price.cached is None:
        assert paid == dearest


def test_every_provider_has_a_price_list():
    known = (PROVIDERS[name].models for name in ("groq", "openai", "anthropic"))
    assert all(any(model.price for model in models) for models in known)


# -- tiers and caches -----------------------------------------------------------------


def of(model, sent, received=0, **counts):
    usage = Usage(input_tokens=sent, output_tokens=received, **counts)
    provider = "anthropic" if model.startswith("claude") else "openai"
    return cost(usage, provider, model)


def test_a_prompt_beyond_the_threshold_is_dearer_as_a_whole():
    assert of("gpt-6.1-sol", 272_000) == Decimal("0.544")
    assert of("gpt-6.1-sol", 272_001) == 272_001 * Decimal(4) / MILLION
    assert of("gpt-6.1-sol", 272_001, MILLION) - of("gpt-6.1-sol", 272_001) == 15


def test_what_the_tier_does_not_say_is_not_guessed():
    assert of("gpt-6.1-sol", 300_000, cached_input_tokens=10) is None
    cached = of("claude-haiku-5-5", MILLION, cached_input_tokens=MILLION)
    assert cached == Decimal("0.05")


def test_a_threshold_without_prices_beyond_it_leaves_them_unknown(monkeypatch):
    cheap = Price(input=Decimal(1), output=Decimal(1), threshold=10)
    model = Model(id="gpt-6.1-sol", price=cheap)
    made = {"openai": attrs.evolve(OPENAI, models=(model,))}
    monkeypatch.setattr("llm_adapter.pricing.PROVIDERS", made)
    assert of("gpt-6.1-sol", 10) == 10 / Decimal(MILLION)
    assert of("gpt-6.1-sol", 11) is None


def test_tokens_that_were_written_to_a_cache_have_a_price_of_their_own():
    assert of("gpt-6.1-sol", MILLION // 4, cache_write_tokens=MILLION // 4) == (
        Decimal("2.5") / 4
    )


def test_anthropics_writes_have_no_price_as_two_kinds_are_counted_as_one():
    assert of("claude-sonnet-5-5", 100, cache_write_tokens=10) is None
    assert of("claude-sonnet-5-5", 100, cache_write_tokens=0) is not None
