"""Names and amounts as the ledger's database can keep them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter.ledger._money import LARGEST, PICO, shown, to_dollars, to_pico
from llm_adapter.ledger._texts import LONGEST, kept, kept_or_none, kept_user

# Of any characters, halves of pairs among them.
_ANY = st.text(st.characters(), max_size=600)


@given(_ANY)
def test_kept_text_is_one_that_every_database_takes(text):
    found = kept(text)
    assert len(found) <= LONGEST
    assert "\0" not in found
    found.encode()


@given(_ANY)
def test_text_is_kept_the_same_each_time_also_when_it_was_kept_before(text):
    assert kept(text) == kept(text) == kept(kept(text))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=LONGEST))
def test_text_that_every_database_takes_is_kept_as_it_is(text):
    if "\0" not in text:
        assert kept(text) == text


@given(_ANY, st.integers(1, 300), st.integers(1, 300))
def test_long_texts_that_begin_alike_stay_apart(text, more, less):
    longer, shorter = (text + "x" * (LONGEST + each) for each in (more, less))
    assert (kept(longer) == kept(shorter)) == (more == less)


@pytest.mark.parametrize("text", ["x" * LONGEST, "ä" * LONGEST, "\n" * LONGEST])
def test_longest_text_is_kept_as_it_is(text):
    assert kept(text) == text
    assert kept(text + "x") != text


def test_missing_text_stays_missing():
    assert kept_or_none(None) is None
    assert kept_or_none("") == ""


@pytest.mark.parametrize(
    ("user_id", "expected"),
    [(None, None), ("ann", "ann"), (42, "42"), (-1, "-1"), ("\0", "\ufffd")],
)
def test_user_is_kept_as_text(user_id, expected):
    assert kept_user(user_id) == expected


@pytest.mark.parametrize("user_id", [True, 1.0, b"ann", ["ann"], Decimal(1)])
def test_user_of_another_kind_is_refused(user_id):
    with pytest.raises(TypeError, match="user_id must be a string, a whole number"):
        kept_user(user_id)


def test_number_with_too_many_digits_to_write_is_refused():
    with pytest.raises(ValueError, match="digits"):
        kept_user(10**5000)


@given(st.integers(0, LARGEST))
def test_money_is_exact_both_ways(pico):
    assert to_pico(to_dollars(pico)) == pico


@given(st.integers(0, LARGEST))
def test_money_is_shown_with_all_its_places(pico):
    text = shown(pico)
    assert Decimal(text.removeprefix("$").replace(",", "")) * PICO == pico


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_decimal_is_an_amount_or_unknown(dollars):
    pico = to_pico(dollars)
    assert pico is None or 0 <= pico <= LARGEST


@pytest.mark.parametrize(
    ("dollars", "pico"),
    [
        *(("0", 0), ("-0", 0), ("1e-12", 1), ("4e-13", 0), ("6e-13", 1)),
        *(("9000000", LARGEST), ("9000000.000000000001", None), ("-1e-12", None)),
        *(("1e400", None), ("1e-999999", 0), ("sNaN", None), ("-Infinity", None)),
    ],
)
def test_amount_is_rounded_to_the_pico_and_has_its_bounds(dollars, pico):
    assert to_pico(Decimal(dollars)) == pico


@pytest.mark.parametrize(
    ("pico", "text"),
    [(0, "$0.00"), (PICO, "$1.00"), (LARGEST, "$9,000,000.00"), (1, f"$0.{1:012}")],
)
def test_money_is_shown_with_cents_at_least(pico, text):
    assert shown(pico) == text
