"""What an answer costs: the provider's prices, disjoint buckets, never a guess."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import Usage
from llm_adapter.pricing import PriceList, cost, price_date

MILLION = 1_000_000
MODEL = "openai/gpt-oss-120b"
COUNTS = st.integers(0, 10**9)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

# One with everything that a price can have, in numbers that tell the buckets apart.
FULL = PriceList(
    {
        "house": {
            "full": {
                "input": {"0": "1", "1000": "2"},
                "cached": {"0": "0.1", "1000": "0.2"},
                "cache_write": {"0": "1.25", "1000": "2.5"},
                "cache_write_long": {"0": "1.5", "1000": "3"},
                "output": {"0": "7", "1000": "11"},
                "tiers": {"half": "0.5", "cheap": {"output": "3"}},
            }
        }
    }
)


def full(usage, **options):
    return cost(usage, "house", "full", prices=FULL, **options)


def of(model, sent, received=0, **counts):
    usage = Usage(input_tokens=sent, output_tokens=received, **counts)
    provider = "anthropic" if model.startswith("claude") else "openai"
    return cost(usage, provider, model, at=NOON)


@st.composite
def usages(draw, most=10**9):
    sent = draw(st.integers(0, most))
    cached = draw(st.integers(0, sent))
    written = draw(st.integers(0, sent - cached))
    return Usage(
        input_tokens=sent,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_long_tokens=draw(st.integers(0, written)),
        output_tokens=draw(st.integers(0, most)),
    )


# -- buckets --------------------------------------------------------------------------


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


def test_anthropics_writes_cost_what_their_time_costs():
    short = of("claude-sonnet-5-5", MILLION, cache_write_tokens=MILLION)
    assert short is None
    kept = {"cache_write_tokens": MILLION, "cache_write_long_tokens": MILLION}
    assert of("claude-sonnet-5-5", MILLION, **kept) == 4
    kept["cache_write_long_tokens"] = 0
    assert of("claude-sonnet-5-5", MILLION, **kept) == Decimal("2.5")


def test_writes_of_one_price_need_no_time():
    assert of("gpt-6.1-sol", MILLION // 4, cache_write_tokens=MILLION // 4) == (
        Decimal("2.5") / 4
    )


def test_writes_that_stay_long_have_no_price_where_none_is_listed():
    kept = {"cache_write_tokens": 10, "cache_write_long_tokens": 10}
    assert of("gpt-6.1-sol", 10, **kept) is None


@given(usages(most=1_000))
def test_each_bucket_is_paid_at_its_own_price(usage):
    fresh = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    short = usage.cache_write_tokens - usage.cache_write_long_tokens
    received = usage.output_tokens
    expected = (
        fresh
        + usage.cached_input_tokens * Decimal("0.1")
        + short * Decimal("1.25")
        + usage.cache_write_long_tokens * Decimal("1.5")
        + received * 7
    ) / MILLION
    assert full(usage) == expected


@given(usages(most=400), usages(most=400))
def test_cost_adds_up_below_a_threshold(one, other):
    names = [each.name for each in attrs.fields(Usage) if "tokens" in each.name]
    both = Usage(
        **{
            name: (getattr(one, name) or 0) + (getattr(other, name) or 0)
            for name in names
        }
    )
    assert full(both) == full(one) + full(other)


@given(usages(), st.integers(1, 10**6))
def test_more_output_costs_more(usage, more):
    longer = attrs.evolve(usage, output_tokens=usage.output_tokens + more)
    assert full(longer) > full(usage)


@given(usages(), st.integers(1, 10**6))
def test_more_input_costs_more(usage, more):
    longer = attrs.evolve(usage, input_tokens=usage.input_tokens + more)
    assert full(longer) > full(usage)


@given(
    st.builds(
        Usage,
        input_tokens=COUNTS,
        output_tokens=COUNTS,
        cached_input_tokens=st.none() | COUNTS,
        cache_write_tokens=st.none() | COUNTS,
        cache_write_long_tokens=COUNTS,
    )
)
def test_contradicting_counts_cost_no_less_than_nothing_and_no_more_than_the_dearest(
    usage,
):
    paid = full(usage)
    assert isinstance(paid, Decimal)
    assert paid >= 0
    assert paid * MILLION <= usage.input_tokens * 3 + usage.output_tokens * 11


def test_cost_does_not_depend_on_the_callers_decimals():
    usage = Usage(input_tokens=123_456_789, output_tokens=987_654_321)
    exact = cost(usage, "groq", MODEL)
    with decimal.localcontext(prec=3, traps=[decimal.Inexact]):
        assert cost(usage, "groq", MODEL) == exact == Decimal("611.11111095")


# -- what is unknown ------------------------------------------------------------------


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


@given(usages(), st.sampled_from(["input_tokens", "output_tokens"]))
def test_a_count_that_is_missing_is_not_zero(usage, missing):
    assert full(attrs.evolve(usage, **{missing: None})) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("groq", "someone/new-model"),
        ("groq", "groq/compound"),
        ("groq", ""),
        ("elsewhere", MODEL),
        ("", ""),
        ("../prices/groq", MODEL),
    ],
)
def test_an_unknown_price_is_an_unknown_cost_and_not_zero(provider, model):
    assert cost(Usage(input_tokens=1, output_tokens=1), provider, model) is None
    assert price_date(provider, model) is None


def test_a_bucket_without_a_price_is_unknown_when_there_is_something_in_it():
    usage = Usage(input_tokens=10, cached_input_tokens=1, output_tokens=1)
    assert cost(usage, "groq", "gemma2-9b-it") is None
    assert cost(attrs.evolve(usage, cached_input_tokens=0), "groq", "gemma2-9b-it")


@given(usages())
def test_local_models_cost_nothing(usage):
    assert cost(usage, "local", "whatever:7b") == 0


def test_what_is_free_is_free_without_a_count():
    assert cost(Usage(), "local", "") == 0
    assert cost(Usage(), "openrouter", "openai/gpt-oss-20b:free") == 0


# -- tiers of length ------------------------------------------------------------------


def test_a_prompt_beyond_the_threshold_is_dearer_as_a_whole():
    assert of("gpt-6.1-sol", 272_000) == Decimal("0.544")
    assert of("gpt-6.1-sol", 272_001) == 272_001 * Decimal(4) / MILLION
    assert of("gpt-6.1-sol", 272_001, MILLION) - of("gpt-6.1-sol", 272_001) == 15


def test_cached_tokens_beyond_the_threshold_are_dearer_too():
    cached = of("claude-haiku-5-5", MILLION, cached_input_tokens=MILLION)
    assert cached == Decimal("0.05")


def test_what_is_unknown_above_a_threshold_is_not_guessed():
    assert of("gpt-6.2-sol", 272_000, 0) == Decimal("0.544")
    assert of("gpt-6.2-sol", 272_001, 0) is None
    assert of("gpt-6.2-sol", 272_000, 10, cached_input_tokens=1) is None


# -- service tiers and batches --------------------------------------------------------


def served(**fields):
    usage = Usage(input_tokens=MILLION // 5, output_tokens=0, **fields)
    return cost(usage, "openai", "gpt-6-luna", at=NOON)


@pytest.mark.parametrize(
    "name", [None, "default", "standard", "auto", "on_demand", "Default", ""]
)
def test_the_standard_tier_has_many_names(name):
    assert served(service_tier=name) == Decimal("0.02")


@pytest.mark.parametrize(
    ("name", "price"), [("flex", "0.01"), ("priority", "0.04"), ("FAST", "0.04")]
)
def test_the_tier_that_an_answer_names_is_what_is_paid(name, price):
    assert served(service_tier=name) == Decimal(price)


@pytest.mark.parametrize("name", ["scale", "ultrafast", "batch+flex"])
def test_a_tier_without_a_price_is_unknown(name):
    assert served(service_tier=name) is None


def test_a_tier_that_is_given_counts_more_than_the_answers():
    usage = Usage(input_tokens=MILLION, output_tokens=0, service_tier="half")
    assert full(usage, service_tier="default") == 2
    assert full(usage) == 1


def test_a_factor_is_one_of_all_prices():
    usage = Usage(input_tokens=10, cached_input_tokens=5, output_tokens=3)
    assert full(usage, service_tier="half") * 2 == full(usage)


def test_a_tier_differs_in_what_it_says_only():
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    assert full(usage, service_tier="cheap") == full(usage) == 2
    answer = Usage(input_tokens=0, output_tokens=MILLION)
    assert full(answer, service_tier="cheap") == 3


def test_batches_have_a_price_of_their_own():
    usage = Usage(input_tokens=MILLION, cached_input_tokens=MILLION, output_tokens=0)
    assert cost(usage, "groq", MODEL, batch=True, at=NOON) == Decimal("0.075")
    fresh = attrs.evolve(usage, cached_input_tokens=0, output_tokens=MILLION)
    assert cost(fresh, "groq", MODEL, batch=True, at=NOON) == Decimal("0.375")


def test_a_batch_is_one_also_when_its_answers_say_so():
    usage = Usage(input_tokens=MILLION, output_tokens=0, service_tier="batch")
    paid = cost(usage, "anthropic", "claude-opus-5-5", at=NOON)
    assert paid == 2
    assert cost(usage, "anthropic", "claude-opus-5-5", batch=True, at=NOON) == paid


def test_batches_of_a_model_that_lists_no_price_for_them_are_unknown():
    usage = Usage(input_tokens=1, output_tokens=1)
    assert cost(usage, "groq", "qwen/qwen3.8-27b", batch=True) is None


def test_a_tier_from_before_its_price_was_known_is_unknown():
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    day = datetime(2026, 10, 13, 23, 59, tzinfo=UTC)
    assert cost(usage, "groq", MODEL, batch=True, at=day) is None
    later = day + timedelta(minutes=1)
    assert cost(usage, "groq", MODEL, batch=True, at=later) is not None


def test_anthropics_fast_mode_has_its_own_price():
    usage = Usage(
        input_tokens=MILLION, output_tokens=0, service_tier="standard", speed="fast"
    )
    assert cost(usage, "anthropic", "claude-opus-5-5") == 8
    assert cost(usage, "anthropic", "claude-sonnet-5-5") is None


def test_tiers_that_come_together_have_no_price():
    usage = Usage(input_tokens=1, output_tokens=1, service_tier="half", speed="cheap")
    assert full(usage) is None
    assert full(Usage(input_tokens=1, output_tokens=1), batch=True) is None


def test_groqs_flex_costs_what_on_demand_costs():
    usage = Usage(input_tokens=10, output_tokens=10, service_tier="flex")
    assert cost(usage, "groq", MODEL) == cost(
        attrs.evolve(usage, service_tier="on_demand"), "groq", MODEL
    )


# -- time -----------------------------------------------------------------------------


def test_the_price_of_the_day_is_what_counts():
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    before = datetime(2026, 3, 12, 23, 59, tzinfo=UTC)
    old = cost(usage, "anthropic", "claude-opus-4-6", at=before)
    new = cost(usage, "anthropic", "claude-opus-4-6", at=before + timedelta(minutes=1))
    assert (old, new) == (10, 5)
    assert cost(usage, "anthropic", "claude-opus-4-6") == new


def test_days_begin_in_utc():
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    east = timezone(timedelta(hours=10))
    moment = datetime(2026, 3, 13, 9, tzinfo=east)
    assert cost(usage, "anthropic", "claude-opus-4-6", at=moment) == 10
    naive = datetime(2026, 3, 13)
    assert cost(usage, "anthropic", "claude-opus-4-6", at=naive) == 5


@pytest.mark.parametrize(
    ("day", "clock", "price"),
    [
        ("2026-11-24", "00:59", "0.15"),
        ("2026-11-24", "01:00", "0.3"),
        ("2026-11-24", "03:59", "0.3"),
        ("2026-11-24", "04:00", "0.15"),
        ("2026-11-28", "02:00", "0.15"),  # Saturday
    ],
)
def test_hours_of_workdays_have_their_price(day, clock, price):
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    moment = datetime.fromisoformat(f"{day}T{clock}+00:00")
    assert cost(usage, "deepseek", "deepseek-flash", at=moment) == Decimal(price)


def test_hours_may_go_past_midnight():
    night = {"hours": ["22:00", "02:00"], "input": "1"}
    own = PriceList({"house": {"m": {"prices": [{"input": "3"}, night]}}})
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    paid = [
        cost(usage, "house", "m", at=datetime(2026, 1, 1, hour), prices=own)
        for hour in (21, 22, 0, 1, 2)
    ]
    assert paid == [3, 1, 1, 1, 3]


def test_before_the_first_price_there_is_none():
    own = PriceList({"house": {"m": {"from": "2026-01-01", "input": "3"}}})
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    assert cost(usage, "house", "m", at=datetime(2025, 12, 31), prices=own) is None
    assert cost(usage, "house", "m", prices=own) == 3


# -- dates ----------------------------------------------------------------------------


def test_a_price_has_the_date_of_its_list_or_its_own():
    assert price_date("groq", MODEL) == date(2026, 11, 9)
    assert price_date("openai", "gpt-6.2-sol") == date(2026, 11, 22)


def test_a_price_of_ones_own_has_a_date_when_it_says_one():
    fields = {"input": "1", "output": "1"}
    table = {
        "date": "2026-11-01",
        "groq": {"old": {**fields, "date": date(2026, 1, 1)}, "new": fields},
    }
    own = PriceList(table)
    assert price_date("groq", "old", own) == date(2026, 1, 1)
    assert price_date("groq", "new", own) == date(2026, 11, 1)
    assert price_date("groq", MODEL, own) == date(2026, 11, 9)
    assert price_date("house", "full", FULL) is None


# -- prices of one's own --------------------------------------------------------------


@given(usages())
def test_a_negotiated_price_leaves_the_others_alone(usage):
    own = PriceList({"groq": {MODEL: {"input": "0.01"}}})
    plain = Usage(input_tokens=MILLION, output_tokens=0)
    assert cost(plain, "groq", MODEL, prices=own) == Decimal("0.01")
    other = "openai/gpt-oss-20b"
    assert cost(usage, "groq", other, prices=own) == cost(usage, "groq", other)
    assert cost(usage, "openai", "o3", prices=own) == cost(usage, "openai", "o3")


def test_a_price_of_ones_own_is_the_whole_price():
    """What it leaves out is unknown; from another contract it would be a guess."""
    own = PriceList({"groq": {MODEL: {"input": "0.01"}}})
    usage = Usage(input_tokens=2, cached_input_tokens=1, output_tokens=0)
    assert cost(usage, "groq", MODEL, prices=own) is None
    assert cost(usage, "groq", MODEL) is not None


def test_a_price_of_ones_own_holds_for_dated_snapshots_too():
    own = PriceList({"openai": {"gpt-4o": {"input": "1"}}})
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    assert cost(usage, "openai", "gpt-4o-2024-08-06", prices=own) == 1
    assert cost(usage, "openai", "gpt-4o-mini", prices=own) == Decimal("0.15")


def test_a_provider_of_ones_own_can_have_one_price_for_all_models():
    own = PriceList({"local": {"*": {"input": "1", "output": "1"}}})
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    assert cost(usage, "local", "llama", prices=own) == 1
