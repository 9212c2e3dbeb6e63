"""Lists of prices: what ships is genai-prices' data, one's own is read strictly."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from genai_prices import types as genai
from genai_prices.data import providers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import update_prices as script
from llm_adapter import (
    LLMConfigurationError,
    LLMRequest,
    LLMResponse,
    Settings,
    Timeout,
    Usage,
)
from llm_adapter._call import client, conclude, prepare
from llm_adapter._policy import Attempts, RetryBudget, RetryPolicy, start_timer
from llm_adapter.pricing import PriceList, cost, find_price, price_date
from llm_adapter.pricing._lists import _shipped
from llm_adapter.providers import GROQ, PROVIDERS

MILLION = 1_000_000
KEPT = json.loads(script.BY_HAND.read_text("utf-8"))
REPLACED = {
    (name, model)
    for name, table in KEPT.items()
    for model, fields in table["models"].items()
    if fields.get("replaces")
}
COUNTED = {
    "input_mtok": "input_tokens",
    "cache_read_mtok": "cache_read_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "cache_write_1h_mtok": "cache_write_1h_tokens",
    "output_mtok": "output_tokens",
}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
# Two days on which prices changed, hours of peak and none, and far off.
MOMENTS = [
    NOON,
    datetime(2026, 10, 13, 2, tzinfo=UTC),
    datetime(2026, 10, 14, tzinfo=UTC),
    datetime(2026, 10, 21, 7, tzinfo=UTC),
    datetime(2024, 1, 1, 9, 59, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
]
CONTEXTS = {
    None: {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}


# -- the whole catalogue of genai-prices ----------------------------------------------


@cache
def catalogue(name):
    """Every model of a provider, and on Azure those of others that it offers too."""
    own = script.genai_provider(name)
    models = [(model, model.id) for model in own.models]
    for other in own.fallback_model_providers or () if name == "azure" else ():
        house = next(each for each in providers if each.id == other)
        models += [
            (model, model.id)
            for model in house.models
            if own.find_model(model.id, all_providers=providers) is model
            and not script._has_hours(model)  # of its maker, not of Azure
        ]
    return own, models


def thresholds(model):
    """Lengths of prompts at which a price of the model changes."""
    prices = [each.prices for each in script._conditional(model)]
    prices += [each.prices for each in model.price_variants or ()]
    return {
        tier.start
        for each in prices
        for rate in vars(each).values()
        if isinstance(rate, genai.TieredPrices)
        for tier in rate.tiers
    }


def their_cost(house, model, counts, at, context):
    """What genai-prices says; None where it would have to guess, and why that is."""
    if any(not script._tells(each.prices) for each in script._conditional(model)):
        return None, "is paid by more than these tokens, or has no price at all"
    active = [
        variant
        for variant in model.price_variants or ()
        if all(context.get(key) == value for key, value in variant.when.items())
        and (variant.constraint is None or variant.constraint.active(at))
    ]
    own = any(model is each for each in house.models)
    if context and not (active and own):
        return None, "has no price in this tier, and genai-prices takes the standard"
    priced = vars(model.get_prices(at, context))
    named = {key for key, value in priced.items() if value is not None}
    for key, bucket in disjoint(counts).items():
        if bucket and key not in named:
            return None, f"has no {key}, and genai-prices takes that of input"
    usage = genai.Usage(**{COUNTED[key]: count for key, count in counts.items()})
    found = model.calc_price(
        usage, house, genai_request_timestamp=at, price_context=context or None
    )
    return found.total_price, ""


def disjoint(counts):
    short = counts["cache_write_mtok"] - counts["cache_write_1h_mtok"]
    fresh = (
        counts["input_mtok"] - counts["cache_read_mtok"] - counts["cache_write_mtok"]
    )
    return {**counts, "input_mtok": fresh, "cache_write_mtok": short}


def our_cost(name, model, counts, at, tier):
    usage = Usage(
        input_tokens=counts["input_mtok"],
        cached_input_tokens=counts["cache_read_mtok"],
        cache_write_tokens=counts["cache_write_mtok"],
        cache_write_long_tokens=counts["cache_write_1h_mtok"],
        output_tokens=counts["output_mtok"],
    )
    batch = tier == "batch"
    served = None if batch else tier
    return cost(usage, name, model, batch=batch, service_tier=served, at=at)


def counts_of(sent, shares, received):
    cached, written, long = shares
    reads = int(sent * cached)
    writes = int((sent - reads) * written)
    return {
        "input_mtok": sent,
        "cache_read_mtok": reads,
        "cache_write_mtok": writes,
        "cache_write_1h_mtok": int(writes * long),
        "output_mtok": received,
    }


def is_ours_alone(name, model, tier):
    """What is kept by hand beside genai-prices: tested on its own."""
    every = KEPT.get(name, {}).get("every", {}).get("tiers", {})
    return (name, model.id) in REPLACED or tier in every


SHARES = st.sampled_from([0, 0, 0.3, 0.99, 1])


@pytest.mark.parametrize("name", script.OURS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.integers(0, 2 * MILLION),
    st.tuples(SHARES, SHARES, SHARES),
    st.integers(0, MILLION),
    st.sampled_from(MOMENTS),
    st.sampled_from(list(CONTEXTS)),
)
def test_every_model_costs_what_genai_prices_says(
    name, sent, shares, received, at, tier
):
    house, models = catalogue(name)
    for model, id_ in models:
        edges = {start + step for start in thresholds(model) for step in (-1, 0, 1)}
        for length, paid in product((sent, *edges), {None, tier}):
            if is_ours_alone(name, model, paid):
                continue
            for each in {shares, (0, 0, 0)}:
                counts = counts_of(length, each, received)
                theirs, why = their_cost(house, model, counts, at, CONTEXTS[paid])
                ours = our_cost(name, id_, counts, at, paid)
                assert ours == theirs or filled_in(name, id_, ours), (id_, counts, why)


def filled_in(name, model, ours):
    """Where genai-prices says nothing of cached tokens, and we know what they cost."""
    kept = KEPT.get(name, {}).get("models", {}).get(model, {})
    free = name == "openrouter" and model.endswith(":free")
    return "cached" in kept or (free and ours == 0)


@pytest.mark.parametrize("name", script.OURS)
def test_most_of_the_catalogue_has_a_price(name):
    _, models = catalogue(name)
    priced = [id_ for _, id_ in models if find_price(name, id_)]
    told = [
        id_
        for model, id_ in models
        if all(script._tells(each.prices) for each in script._conditional(model))
    ]
    assert set(told) <= set(priced)
    assert len(priced) >= len(models) // 2


@pytest.mark.parametrize("name", script.OURS)
def test_a_name_means_the_model_that_genai_prices_finds(name):
    """Or none: what only begins like a known name is not taken for it."""
    house, models = catalogue(name)
    everyone = providers if name == "azure" else None
    words = {
        word
        for model, _ in models
        for literal, _ in script.literals(model.match)
        for word in (literal, f"{literal}-20260101", f"{literal}-2026-01-01")
    }
    for word in sorted(words):
        theirs = house.find_model(word, all_providers=everyone)
        ours = find_price(name, word)
        if ours is not None and theirs is not None:
            assert ours.standard == find_price(name, theirs.id).standard, word


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_model_is_found_by_accident(name):
    _, models = catalogue(name) if name in script.OURS else (None, [])
    for _, id_ in models:
        if "ft" not in id_.replace(".", ":").replace("-", ":").split(":"):
            assert find_price(name, f"{id_}-nonesuch") is None, id_
            assert find_price(name, f"my-{id_}") is None, id_


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-6.2-astra", "gpt-4o-mini"])
@pytest.mark.parametrize("day", ["2026-11-30", "20261130"])
def test_a_dated_snapshot_costs_what_its_model_costs(model, day):
    dated = find_price("openai", f"{model}-{day}")
    assert dated.standard == find_price("openai", model).standard


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("openai", "ft:gpt-3.5-turbo-0125:house::id", "ft:gpt-3.5-turbo-"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:house::id", "ft:gpt-4o-mini"),
        ("openai", "GPT-4.1", "gpt-4.1"),
        ("gemini", "models/gemini-3.8-flash", "gemini-3.8-flash"),
        ("gemini", "gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"),
        ("azure", "gpt-5-mini-2025-08-07", "gpt-5-mini"),
    ],
)
def test_names_that_providers_give_are_found(provider, name, model):
    found = find_price(provider, name)
    assert found.standard == find_price(provider, model).standard


@pytest.mark.parametrize("word", ["gpt-4o-2024-13", "mistral-large-2699", "gpt-6"])
def test_a_version_that_nobody_knows_has_no_price(word):
    assert find_price("openai", word) is find_price("mistral", word) is None


def test_many_names_do_not_fill_the_memory():
    own = PriceList({"house": {"known": {"input": "1"}}})
    for number in range(2_000):
        own.find("house", f"model-{number}")
        find_price(f"house{number}", "m")
    assert len(own._catalogues["house"]._found) == len(_shipped) == 1_000
    assert own.find("house", "known") == own.find("house", "KNOWN")
    assert find_price("house1999", "m") is None


def test_models_whose_cost_needs_more_than_their_tokens_have_none():
    """Sonar is paid by the request too, audio and images by the kind of token."""
    usage = Usage(input_tokens=1, output_tokens=1)
    for name, model in [
        ("perplexity", "sonar-pro"),
        ("perplexity", "sonar-deep-research"),
        ("openai", "gpt-audio"),
        ("openai", "whisper-1"),
        ("mistral", "mistral-nemo:free"),
    ]:
        assert cost(usage, name, model) is None


# -- the models that we name ----------------------------------------------------------

UNPRICED = {
    "groq/compound",
    "groq/compound-mini",
    "openrouter/auto",
    "sonar-pro",
    "sonar",
    "sonar-reasoning-pro",
    "sonar-deep-research",
    "BAAI/bge-base-en-v1.5",
    "accounts/fireworks/models/qwen3-embedding-8b",
    "openai/text-embedding-3-small",
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_current_models_of_the_catalogue_have_a_price(name):
    current = [model.id for model in PROVIDERS[name].models if model.retired is None]
    unpriced = {model for model in current if find_price(name, model) is None}
    assert unpriced <= UNPRICED


@pytest.mark.parametrize(
    ("provider", "model", "sent", "received"),
    [
        ("groq", "llama-3.1-8b-instant", "0.05", "0.08"),
        ("groq", "llama-3.3-70b-versatile", "0.59", "0.79"),
        ("groq", "llama-3.1-70b-versatile", "0.59", "0.79"),
        ("groq", "mixtral-8x7b-32768", "0.24", "0.24"),
        ("openai", "gpt-3.5-turbo", "0.50", "1.5"),
        ("openai", "gpt-3.5-turbo-16k", "3", "4"),
        ("openai", "gpt-4", "30", "60"),
        ("openai", "gpt-4-turbo-preview", "10.00", "30"),
        ("anthropic", "claude-3-5-sonnet", "3", "15"),
    ],
)
def test_retired_models_keep_their_last_price(provider, model, sent, received):
    prompt = Usage(input_tokens=MILLION, output_tokens=0)
    answer = Usage(input_tokens=0, output_tokens=MILLION)
    assert cost(prompt, provider, model) == Decimal(sent)
    assert cost(answer, provider, model) == Decimal(received)


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        ("2026-08-16T02:00", "0.14"),
        ("2026-08-18T02:00", None),
        ("2026-08-18T05:00", "0.22"),
        ("2026-11-24T02:00", "0.3"),
        ("2026-11-28T02:00", "0.15"),
    ],
)
def test_deepseeks_hours_are_told_better_by_hand(moment, sent):
    usage = Usage(input_tokens=MILLION, output_tokens=0)
    at = datetime.fromisoformat(moment)
    paid = cost(usage, "deepseek", "deepseek-v4-flash", at=at)
    assert paid == (sent and Decimal(sent))


# -- the files that ship --------------------------------------------------------------


def test_what_ships_is_what_genai_prices_and_the_hand_kept_say():
    assert script.main(["--check"]) is None


def test_a_drifted_a_missing_and_a_foreign_file_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "TARGET", tmp_path)
    made = script.pages("2026-11-09")
    for path, text in made.items():
        path.write_text(text, "utf-8")
    (tmp_path / "groq.json").write_text("{}", "utf-8")
    (tmp_path / "xai.json").unlink()
    (tmp_path / "foreign.json").write_text("{}", "utf-8")
    assert script.differing(made) == ["foreign.json", "groq.json", "xai.json"]
    assert "groq.json" in script.main(["--check", "--date", "2026-11-09"])


def test_writing_makes_every_file_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "TARGET", tmp_path / "prices")
    assert script.main(["--date", "2026-11-30"]) is None
    assert script.main(["--check"]) is None
    assert script.shipped_day() == "2026-11-30"


def test_the_date_is_that_of_the_newest_price():
    assert script.newest(date(2026, 11, 24)) == "2026-11-09"
    assert script.newest(date(2027, 6, 1)) == "2027-01-01"


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_file_that_ships_is_in_the_form_of_ones_own(name):
    path = script.TARGET / f"{name}.json"
    assert (
        repr(PriceList.read(path))
        == f"PriceList(The prices file {str(path)!r}: {name})"
    )


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_line_of_a_file_is_one_model_in_order(name):
    lines = (script.TARGET / f"{name}.json").read_text("utf-8").splitlines()
    rows = [json.loads(f"{{{line.rstrip(',')}}}") for line in lines[4:-2]]
    ids = [id_ for row in rows for id_ in row]
    assert ids == sorted(ids)
    assert len(ids) == len(rows) == len(set(ids))


def test_what_is_kept_by_hand_says_where_it_comes_from():
    for table in KEPT.values():
        entries = [*table["models"].values(), *filter(None, [table.get("every")])]
        assert all(entry["source"] for entry in entries)


def test_what_genai_prices_learns_is_not_kept_by_hand_silently():
    known = {"m": {"input": "1", "output": "2"}}
    kept = {"models": {"m": {"input": "1", "source": "s"}}}
    with pytest.raises(SystemExit, match="house, m: genai-prices has input by now"):
        script.with_hand_kept("house", known, kept)
    replaced = {"models": {"m": {"replaces": True, "input": "3"}}}
    assert script.with_hand_kept("house", known, replaced) == {"m": {"input": "3"}}
    added = {"models": {"m": {"cached": "3", "source": "s"}}}
    both = script.with_hand_kept("house", known, added)
    assert both == {"m": {"input": "1", "output": "2", "cached": "3"}}


def test_a_price_that_genai_prices_dates_takes_no_addition():
    known = {"m": {"prices": [{"input": "1"}, {"from": "2026-01-01", "input": "2"}]}}
    with pytest.raises(SystemExit, match="has prices by now"):
        script.with_hand_kept("house", known, {"models": {"m": {"cached": "1"}}})


def test_tiers_of_every_model_give_way_to_its_own():
    known = {"m": {"input": "1", "tiers": {"flex": "2"}}, "n": {"input": "1"}}
    kept = {"every": {"tiers": {"flex": "1"}}}
    made = script.with_hand_kept("house", known, kept)
    assert [each["tiers"] for each in made.values()] == [{"flex": "2"}, {"flex": "1"}]


def test_variants_of_one_tier_are_put_in_order():
    """The first that holds counts, price by price, as in genai-prices."""

    def variant(day, **prices):
        return genai.PriceVariant(
            when={"processing": "batch"},
            prices=genai.ModelPrice(**{k: Decimal(v) for k, v in prices.items()}),
            constraint=day and genai.StartDateConstraint(day),
        )

    new = variant(date(2026, 10, 29), input_mtok=3)
    old = variant(None, input_mtok=1, output_mtok=9)
    assert dict(script._tiers([new, old])) == {
        "batch": [
            {"input": "1", "output": "9"},
            {"from": "2026-10-29", "input": "3", "output": "9"},
        ]
    }


def test_a_tier_that_holds_at_certain_hours_is_refused():
    hours = genai.TimeOfDateConstraint(NOON.timetz(), NOON.timetz())
    odd = genai.PriceVariant(
        when={"service_tier": "flex"}, prices=genai.ModelPrice(), constraint=hours
    )
    with pytest.raises(SystemExit, match="certain hours"):
        dict(script._tiers([odd]))


def test_hours_are_whole_minutes_in_utc():
    with pytest.raises(SystemExit, match="no time of the day"):
        script._clock((NOON + timedelta(seconds=1)).timetz())


def test_importing_the_prices_reads_no_file():
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda e, a: opened.append(a[0]) if e == 'open' else None)\n"
        "import llm_adapter.pricing as p, llm_adapter\n"
        "assert not [f for f in opened if str(f).endswith('.json')], opened\n"
        "p.cost(llm_adapter.Usage(), 'groq', 'm')\n"
        "print([f for f in opened if str(f).endswith('.json')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "groq.json" in done.stdout
    assert done.stdout.count(".json") == 1


# -- files of one's own ---------------------------------------------------------------

OWN = {"groq": {"my-model": {"input": "0.10", "output": 0.2}}}
PROMPT = Usage(input_tokens=MILLION, output_tokens=MILLION)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.json", json.dumps(OWN)),
        ("own.JSON", "\ufeff" + json.dumps(OWN)),
        ("own.toml", '[groq.my-model]\ninput = "0.10"\noutput = 0.2\n'),
    ],
)
def test_a_file_may_be_json_or_toml(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    own = PriceList.read(path)
    assert cost(PROMPT, "groq", "my-model", prices=own) == Decimal("0.3")


def test_numbers_are_taken_as_they_are_written(tmp_path):
    path = tmp_path / "own.json"
    path.write_text('{"groq": {"m": {"input": 0.1234567890123456789}}}', "utf-8")
    rate = PriceList.read(path).find("groq", "m").standard[0].price.input
    assert rate == ((0, Decimal("0.1234567890123456789")),)


def test_toml_has_dates_and_tables_of_thresholds(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        "date = 2026-11-01\n[house.m]\n"
        'input = {0 = "1", 1000 = 2}\nprefixes = ["m-of-"]\nnames = ["n"]\n',
        "utf-8",
    )
    own = PriceList.read(path)
    for name in ("m", "N", "m-of-mine"):
        assert price_date("house", name, own) == date(2026, 11, 1)
    assert own.find("house", "m-of-") is None
    usage = Usage(input_tokens=1_001, output_tokens=0)
    assert cost(usage, "house", "m", prices=own) == Decimal("0.002002")


def test_a_model_is_first_of_all_what_it_is_called():
    own = PriceList(
        {"house": {"a": {"input": "1"}, "b": {"input": "2", "names": ["a", "c"]}}}
    )
    assert own.find("house", "a").standard != own.find("house", "c").standard


def test_a_provider_is_named_in_any_case():
    own = PriceList({"Groq": OWN["groq"]})
    assert own.find("groq", "my-model") is not None


PRICED = {"input": "1"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (7, "prices: 7 is not a table of providers"),
        ({7: {}}, "prices: {7: {}} is not a table of providers"),
        (
            {"date": "soon"},
            "prices, 'date': 'soon' is not a date, such as \"2026-11-24",
        ),
        ({"date": 7}, "prices, 'date': 7 is not a date"),
        ({"source": 7}, "prices, 'source': 7 is not a text"),
        ({"groq": []}, "prices, 'groq': [] is not a table of models"),
        ({"groq": {"m": 7}}, "prices, 'groq', 'm': 7 is not a table of prices"),
        ({"groq": {"m": {}}}, "'m': {} is not a table with a price of input"),
        ({"groq": {"m": {"output": "1"}}}, "is not a table with a price of input"),
        (
            {"groq": {"m": {"inptu": "1"}}},
            "'m': 'inptu' is not one of input, cached, cache_write, cache_write_long, "
            "output, from, hours, workdays, tiers, names, prefixes, date, source",
        ),
        (
            {"groq": {"m": {"prices": [PRICED], "input": "1"}}},
            "'m': 'input' is not one of prices, tiers, names, prefixes, date, source",
        ),
        ({"groq": {"m": {"prices": []}}}, "'prices': [] is not a list of tables"),
        ({"groq": {"m": {"prices": PRICED}}}, "is not a list of tables of prices"),
        ({"groq": {"m": {"prices": [7]}}}, "'prices', '1': 7 is not a table of prices"),
        (
            {"groq": {"m": {**PRICED, "names": "n"}}},
            "'names': 'n' is not a list of nam",
        ),
        (
            {"groq": {"m": {**PRICED, "names": [7]}}},
            "'names': [7] is not a list of nam",
        ),
        ({"groq": {"m": {**PRICED, "prefixes": [""]}}}, "'prefixes': [''] is not a li"),
        ({"groq": {"m": {**PRICED, "date": "x"}}}, "'m', 'date': 'x' is not a date"),
        ({"groq": {"m": {**PRICED, "source": 7}}}, "'m', 'source': 7 is not a text"),
        ({"groq": {"m": {**PRICED, "from": "x"}}}, "'m', 'from': 'x' is not a date"),
        (
            {"groq": {"m": {**PRICED, "tiers": 7}}},
            "'tiers': 7 is not a table of prices",
        ),
        (
            {"groq": {"m": {**PRICED, "tiers": {"flex": "half"}}}},
            "'tiers', 'flex': 'half' is not a factor of the standard prices",
        ),
        (
            {"groq": {"m": {**PRICED, "tiers": {"flex": {"inptu": 1}}}}},
            "'flex': 'inptu' is not one of input",
        ),
        (
            {"groq": {"m": {**PRICED, "tiers": {"flex": [{"input": "x"}]}}}},
            "'flex', '1', 'input': 'x' is not US dollars per million tokens",
        ),
        ({"groq": {"m": {**PRICED, "hours": "x"}}}, "'x' is not two times of the day"),
        ({"groq": {"m": {**PRICED, "hours": ["1", "2"]}}}, "'1' is not two times of"),
        ({"groq": {"m": {**PRICED, "hours": ["01:00", 2]}}}, "2 is not two times of"),
        (
            {"groq": {"m": {**PRICED, "hours": ["01:00"]}}},
            "is not two times of the day",
        ),
        (
            {"groq": {"m": {**PRICED, "workdays": 1}}},
            "'workdays': 1 is not true or fal",
        ),
        ({"groq": {"m": {"input": {}}}}, "'input': {} is not a table of prices by the"),
        ({"groq": {"m": {"input": {"1": "1"}}}}, "is not a table of prices by the"),
        ({"groq": {"m": {"input": {0: "1"}}}}, "is not a table of prices by the"),
        ({"groq": {"m": {"input": {"0": "1", "a": "2"}}}}, "'a' is not a number of in"),
        ({"groq": {"m": {"input": {"0": "x"}}}}, "'input', '0': 'x' is not US dollars"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(table, message):
    with pytest.raises(LLMConfigurationError) as failure:
        PriceList(table)
    assert message in str(failure.value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "free", "-1", "-0", "nan", "inf", "1e10", "1e-20", "\N{DIGIT ONE}x"),
        *(-1, True, None, [], float("nan"), float("inf"), 1e300, 10**10),
        *(Decimal("sNaN"), Decimal("1e999999"), Decimal("1e-999999")),
    ],
)
def test_a_value_that_no_price_can_be_is_refused(value):
    with pytest.raises(LLMConfigurationError, match="is not US dollars per million"):
        PriceList({"groq": {"m": {"input": value}}})


@pytest.mark.parametrize("value", [10**5_000, [[]]], ids=["digits", "depth"])
def test_a_value_that_cannot_be_shown_is_named_by_its_type(value):
    for _ in range(20_000 if isinstance(value, list) else 0):
        value = [value]
    with pytest.raises(LLMConfigurationError, match=r"value of type (int|list) is"):
        PriceList({"groq": {"m": {"input": value}}})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: (
            st.lists(each)
            | st.dictionaries(
                st.text() | st.sampled_from(["groq", "input", "tiers", "prices"]), each
            )
        ),
    )
)
def test_any_json_is_a_list_of_prices_or_says_what_is_wrong(table):
    try:
        PriceList(table)
    except LLMConfigurationError as error:
        assert "is not" in str(error)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("own.json", b"{"),
        ("own.json", b"\xff"),
        ("own.json", b"[" * 100_000),
        ("own.toml", b"a ="),
        ("own.toml", b"\xff"),
    ],
)
def test_a_file_that_is_no_json_or_toml_is_named(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(
        LLMConfigurationError, match=f"The prices file .*{name}.* cannot"
    ):
        PriceList.read(path)


@pytest.mark.parametrize("path", [Path("nowhere.json"), "a\0b"])
def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(LLMConfigurationError, match="cannot be read"):
        PriceList.read(path)


def test_a_fault_in_a_file_is_told_with_its_name(tmp_path):
    path = tmp_path / "own.json"
    path.write_text('{"groq": {"m": {"input": "abc"}}}', "utf-8")
    with pytest.raises(LLMConfigurationError) as failure:
        PriceList.read(path)
    assert str(failure.value) == (
        f"The prices file {str(path)!r}, 'groq', 'm', 'input': 'abc' is not US dollars "
        'per million tokens, such as "0.15".'
    )


# -- the way of a file into an answer -------------------------------------------------


def adapter(prices_file):
    return client(
        GROQ,
        Settings(prices_file=prices_file),
        api_key="k",
        base_url=None,
        model=None,
        timeout=None,
        max_retries=None,
    )


def test_an_answer_is_paid_by_the_file_of_the_settings(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(OWN), "utf-8")
    call = prepare(adapter(str(path)), LLMRequest("Hi", model="my-model"))
    answer = LLMResponse("Yes", "my-model", usage=PROMPT)
    attempts = Attempts(
        policy=RetryPolicy(),
        budget=RetryBudget(),
        timer=start_timer(Timeout(), 0.0),
        timeout=Timeout(),
        started=0.0,
    )
    concluded = conclude(call, answer, attempts, now=1.0, request_id=None)
    assert concluded.cost == Decimal("0.3")


def test_a_file_that_cannot_be_read_is_told_when_the_adapter_is_made():
    with pytest.raises(LLMConfigurationError, match=r"nowhere\.json"):
        adapter("nowhere.json")
