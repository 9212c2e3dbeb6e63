"""Distributions have bounded size and known error."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter._histogram import (
    ERROR,
    HIGHEST,
    LOWEST,
    Distribution,
    Histogram,
    distribution,
)

TIMES = st.lists(st.floats(LOWEST, HIGHEST), min_size=1, max_size=200)
SHARES = st.floats(0, 1)


def exact(values, share):
    """The value that this share of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@given(TIMES, SHARES)
def test_percentile_is_off_by_two_per_cent_at_most(values, share):
    found = distribution(values).percentile(share)
    assert found == pytest.approx(exact(values, share), rel=ERROR + 1e-9)


@given(TIMES, SHARES)
def test_percentile_is_one_that_could_have_been(values, share):
    assert min(values) <= distribution(values).percentile(share) <= max(values)


@given(TIMES)
def test_percentiles_do_not_fall(values):
    of = distribution(values)
    assert of.p50 <= of.p90 <= of.p95 <= of.p99 <= of.highest


@given(TIMES)
def test_what_is_exact_stays_exact(values):
    of = distribution(values)
    assert (of.count, of.lowest, of.highest) == (len(values), min(values), max(values))
    assert of.mean == pytest.approx(sum(values) / len(values))


@given(st.lists(st.floats(LOWEST, 1e3)), st.lists(st.floats(LOWEST, 1e3)))
def test_merged_is_as_if_counted_together(some, others):
    merged = distribution(some).merged(distribution(others))
    together = distribution(some + others)
    assert merged.buckets == together.buckets
    assert merged.total == pytest.approx(together.total)
    assert (merged.count, merged.lowest, merged.highest) == (
        together.count,
        together.lowest,
        together.highest,
    )


@pytest.mark.parametrize("value", [0, -1, math.nan, -math.inf])
def test_value_below_the_bounds_counts_as_the_lowest(value):
    assert distribution([value]).highest == LOWEST


@pytest.mark.parametrize("value", [1e10, math.inf])
def test_value_above_the_bounds_counts_as_the_highest(value):
    assert distribution([value]).p50 == pytest.approx(HIGHEST)


def test_size_is_bounded():
    histogram = Histogram()
    for exponent in range(-1000, 1500):
        histogram.add(10 ** (exponent / 100))
    assert len(histogram.distribution().buckets) < 1000


def test_nothing_is_known_of_no_values():
    assert Distribution().mean is None
    assert set(Distribution().as_dict().values()) == {0, None}


def test_what_people_look_at_is_ready_for_json():
    shown = json.loads(json.dumps(distribution([1, 2, 3, 4]).as_dict()))
    assert list(shown) == ["count", "mean", "min", "p50", "p90", "p95", "p99", "max"]
    assert (shown["count"], shown["min"], shown["mean"]) == (4, 1, 2.5)
    assert (shown["p50"], shown["max"]) == (pytest.approx(2, rel=ERROR), 4)


def test_distribution_does_not_change_with_later_values():
    histogram = Histogram()
    histogram.add(1)
    before = histogram.distribution()
    histogram.add(5)
    assert (before.count, before.highest) == (1, 1)
