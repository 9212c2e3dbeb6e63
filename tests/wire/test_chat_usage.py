"""Token counts of Chat Completions: what servers mean by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.openai_chat_usage import decode_usage, usage_field
from llm_adapter.models import Usage

HIDDEN = ChatQuirks(hidden_output=True)
APART = ChatQuirks(apart=("reasoning_tokens", "citation_tokens"))


def read(*counts, quirks=None, **fields):
    """Prompt, completion and total as counted, and what else is said of them."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    usage = {**dict(zip(names, counts, strict=False)), **fields}
    return decode_usage(usage, quirks or ChatQuirks())


def reasoning(count):
    return {"completion_tokens_details": {"reasoning_tokens": count}}


# -- reasoning ------------------------------------------------------------------------


def test_reasoning_that_is_counted_beside_the_answer_is_added_to_it():
    """As xAI counts: the total is the sum of all three."""
    usage = read(10, 5, 35, **reasoning(20))
    assert usage == Usage(
        input_tokens=10, output_tokens=25, reasoning_tokens=20, total_tokens=35
    )


@pytest.mark.parametrize(
    ("total", "count"), [(15, 5), (15, 3), (35, 19), (35, 21), (35, 0), (None, 5)]
)
def test_reasoning_that_is_counted_in_the_answer_is_not_added_again(total, count):
    usage = read(10, 5, total, **reasoning(count))
    assert (usage.output_tokens, usage.reasoning_tokens) == (5, count)


@pytest.mark.parametrize(("counts", "total"), [((10, 5), 15), ((10, 5, 99), 99)])
def test_a_total_is_taken_as_it_is_said(counts, total):
    assert read(*counts).total_tokens == total


@pytest.mark.parametrize("count", [0, None])
def test_what_only_the_total_holds_is_reasoning_where_that_is_known(count):
    usage = read(10, 5, 40, quirks=HIDDEN, **reasoning(count))
    assert (usage.output_tokens, usage.reasoning_tokens) == (30, 25)
    assert usage.total_tokens == 40


@pytest.mark.parametrize(
    ("total", "fields"), [(15, {}), (14, {}), (None, {}), (40, reasoning(3))]
)
def test_a_total_that_hides_nothing_changes_nothing(total, fields):
    usage = read(10, 5, total, quirks=HIDDEN, **fields)
    assert (usage.output_tokens, usage.reasoning_tokens) == (5, 3 if fields else None)


def test_elsewhere_a_total_that_is_more_than_its_parts_means_nothing():
    usage = read(10, 5, 40)
    assert (usage.output_tokens, usage.reasoning_tokens) == (5, None)


def test_what_stands_apart_is_added_to_the_answer_and_the_total():
    """As Perplexity counts."""
    usage = read(10, 5, 15, quirks=APART, reasoning_tokens=20, citation_tokens=3)
    assert usage == Usage(
        input_tokens=10, output_tokens=28, reasoning_tokens=20, total_tokens=38
    )


@pytest.mark.parametrize("fields", [{}, {"reasoning_tokens": None}, {"x": 1}])
def test_nothing_apart_adds_nothing(fields):
    usage = read(10, 5, 15, quirks=APART, **fields)
    assert (usage.output_tokens, usage.total_tokens) == (5, 15)


def test_the_details_stand_above_a_count_at_the_top():
    assert read(reasoning_tokens=9, **reasoning(2)).reasoning_tokens == 2
    assert read(reasoning_tokens=9, **reasoning(None)).reasoning_tokens == 9


@pytest.mark.parametrize("counts", [(), (10,), (None, 5, 40)])
@pytest.mark.parametrize("quirks", [ChatQuirks(), HIDDEN, APART])
def test_counts_that_lack_a_part_are_left_as_they_are(counts, quirks):
    usage = read(*counts, quirks=quirks, reasoning_tokens=3)
    assert usage.output_tokens == (counts[1] if len(counts) > 1 else None)
    assert usage.total_tokens == (counts[2] if len(counts) > 2 else None)


# -- the cache ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"num_cached_tokens": 4},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        {"prompt_token_details": {"cached_tokens": 4}},
        {"prompt_tokens_details": {"cached_tokens": 4}, "num_cached_tokens": 5},
        {"prompt_tokens_details": {"cached_tokens": None}, "num_cached_tokens": 4},
        {"prompt_tokens_details": None, "prompt_cache_hit_tokens": 4},
    ],
)
def test_what_came_from_the_cache_is_found_under_every_name(fields):
    assert read(10, 5, 15, **fields).cached_input_tokens == 4


def test_nothing_from_the_cache_is_a_count_too():
    usage = read(prompt_tokens_details={"cached_tokens": 0}, num_cached_tokens=5)
    assert usage.cached_input_tokens == 0


@pytest.mark.parametrize("details", [None, [], {}, {"ttl_12h_tokens": "many"}])
def test_how_long_written_tokens_stay_is_unknown_where_nobody_says(details):
    prompt = {"cache_write_tokens": 7, "cache_write_tokens_details": details}
    usage = read(10, 5, 15, prompt_tokens_details=prompt)
    assert (usage.cache_write_tokens, usage.cache_write_long_tokens) == (7, None)


# -- the service tier -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("beside", "within", "tier"),
    [("flex", None, "flex"), (None, "flex", "flex"), ("a", "b", "a"), (7, [], None)],
)
def test_the_service_tier_stands_beside_the_usage_or_in_it(beside, within, tier):
    usage = decode_usage({"service_tier": within}, service_tier=beside)
    assert usage.service_tier == tier


# -- where it stands ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"usage": {"a": 1}}, {"a": 1}),
        ({"usage": {"a": 1}, "x_groq": {"usage": {"b": 1}}}, {"a": 1}),
        ({"usage": None, "x_groq": {"usage": {"b": 1}}}, {"b": 1}),
        ({"usage": [], "x_groq": []}, {}),
        ({}, {}),
    ],
)
def test_usage_stands_at_the_top_or_under_x_groq(fields, found):
    assert usage_field(fields) == found


# -- any counts -----------------------------------------------------------------------

COUNTS = st.none() | st.integers(0, 50) | st.sampled_from([-1, True, 1.5, "3", 2**60])
NAMES = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens")
USAGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(NAMES, COUNTS),
        "citation_tokens": COUNTS,
        "completion_tokens_details": st.fixed_dictionaries(
            {"reasoning_tokens": COUNTS}
        ),
    },
)
QUIRKS = st.sampled_from([ChatQuirks(), HIDDEN, APART])


@given(USAGES, QUIRKS)
def test_the_parts_are_never_more_than_the_whole_that_they_came_with(usage, quirks):
    plain, read = decode_usage(usage), decode_usage(usage, quirks)
    assert read.input_tokens == plain.input_tokens
    assert (read.output_tokens or 0) >= (decoded(usage, "completion_tokens") or 0)
    if quirks is not APART and read.output_tokens != decoded(
        usage, "completion_tokens"
    ):
        assert read.input_tokens + read.output_tokens == read.total_tokens


@given(USAGES.filter(lambda usage: not decoded(usage, "total_tokens")))
def test_openais_counts_are_read_as_they_stand(usage):
    """There the total is the sum of prompt and completion."""
    sent, received = (decoded(usage, name) for name in NAMES[:2])
    if sent is not None and received is not None:
        usage = {**usage, "total_tokens": sent + received}
    read = decode_usage(usage)
    assert (read.input_tokens, read.output_tokens) == (sent, received)


def decoded(usage, name):
    value = usage.get(name)
    usable = type(value) in (int, float) and 0 <= value < 2**53
    return int(value) if usable else None
