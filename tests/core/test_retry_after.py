from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_adapter._retry_after import duration, retry_after

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def http_date(moment):
    return format_datetime(moment, usegmt=True)


def asked(value, *, now=0.0, message="", **headers):
    return retry_after({"retry-after": value, **headers}, now=now, message=message)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("2.5", 2.5),
        (" 30 ", 30),
        ("3600", 3600),
        ("1e3", 1000),
        ("-5", 0),
        ("-0.1", 0),
        ("-1e300", 0),
        ("99999999999999999999", 1e20),
        ("20ms", 0.02),
        ("1m30s", 90),
    ],
)
def test_seconds_are_read(value, seconds):
    assert asked(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["", "nan", "inf", "-inf", "1e999", "soon", "5 seconds", "\x00", "ⅷ", "-"]
)
def test_what_is_no_finite_number_is_unknown(value):
    assert asked(value) is None


def test_nothing_is_asked_for_without_headers_and_message():
    assert retry_after({}, now=0.0) is None


# -- milliseconds ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"), [("1500", 1.5), ("0.5", 0.0005), ("-3", 0), ("0", 0)]
)
def test_milliseconds_stand_before_seconds(value, seconds):
    assert asked("60", **{"retry-after-ms": value}) == seconds


@pytest.mark.parametrize("value", ["", "nan", "inf", "soon"])
def test_unreadable_milliseconds_leave_the_seconds(value):
    assert asked("60", **{"retry-after-ms": value}) == 60


# -- dates ----------------------------------------------------------------------------


def test_date_is_measured_against_the_date_of_the_answer():
    """So a clock that is wrong does not matter."""
    later = http_date(NOON + timedelta(seconds=30))
    for now in (0.0, NOON.timestamp(), 1e12):
        assert asked(later, now=now, date=http_date(NOON)) == 30


@pytest.mark.parametrize("date", [{}, {"date": ""}, {"date": "yesterday"}])
def test_date_is_measured_against_our_clock_when_the_answer_has_none(date):
    later = http_date(NOON + timedelta(seconds=30))
    assert asked(later, now=NOON.timestamp(), **date) == 30


def test_date_that_has_passed_asks_for_nothing():
    earlier = http_date(NOON - timedelta(days=9999))
    assert asked(earlier, now=NOON.timestamp()) == 0


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 22 Nov 2026 12:00:30 GMT",
        "Sun, 22 Nov 2026 12:00:30 -0000",
        "Sun, 22 Nov 2026 12:00:30",
        "Sunday, 22-Nov-26 12:00:30 GMT",
        "Sun Nov 22 12:00:30 2026",
        "Sun, 22 Nov 2026 14:00:30 +0200",
    ],
)
def test_every_form_of_a_date_is_read_as_gmt(value, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert asked(value, now=NOON.timestamp()) == 30
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
)
def test_any_two_dates_give_the_time_between_them(until, sent):
    until, sent = until.replace(microsecond=0), sent.replace(microsecond=0)
    between = max(0.0, (until - sent).total_seconds())
    assert asked(http_date(until), date=http_date(sent)) == between


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 99 Nov 2026 12:00:30 GMT",
        "Sun, 22 Nov 2026 99:99:99 GMT",
        "Sun, 22 Nov 2026 12:00:30 +9999999",
        "Sun",
        "GMT",
        "Sun, 22 Nov 99999999999 12:00:30 GMT",
    ],
)
def test_date_that_does_not_exist_is_unknown(value):
    assert asked(value, now=NOON.timestamp()) is None


# -- the message ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 5.289s. Visit https://x", 5.289),
        ("please TRY AGAIN IN 20MS", 0.02),
        ("Try again in 7m12.5s", 432.5),
        ("Try again in 1h30m", 5400),
        ("Try again in 2d", 172800),
        ("try again in 100µs", 1e-4),
    ],
)
def test_time_in_the_message_is_read(message, seconds):
    found = retry_after({}, now=0.0, message=message)
    assert found == pytest.approx(seconds)


@pytest.mark.parametrize("message", ["Try again later", "try again in a minute", "5s"])
def test_message_without_a_time_says_nothing(message):
    assert retry_after({}, now=0.0, message=message) is None


@pytest.mark.parametrize("value", ["9", "9s", "Sun, 22 Nov 2026 12:00:09 GMT"])
def test_header_stands_before_the_message(value):
    message = "try again in 5s"
    assert asked(value, now=NOON.timestamp(), message=message) == 9


def test_unreadable_header_leaves_the_message():
    assert asked("soon", message="try again in 5s") == 5


# -- durations ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("1m2.5s", 62.5),
        ("2m59.56s", 179.56),
        ("6m0s", 360),
        ("1h30m", 5400),
        ("1d", 86400),
        ("5us", 5e-6),
        ("5µs", 5e-6),
        ("5ns", 5e-9),
    ],
)
def test_duration_is_read(text, seconds):
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1.s", "-5s", "5 s", "5s ", "1m2", "5S"]
)
def test_what_is_no_duration_is_unknown(text):
    assert duration(text) is None


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from("hms")), min_size=1))
def test_pieces_of_a_duration_add_up(pieces):
    text = "".join(f"{number}{unit}" for number, unit in pieces)
    seconds = {"h": 3600, "m": 60, "s": 1}
    assert duration(text) == sum(number * seconds[unit] for number, unit in pieces)


# -- whatever arrives -----------------------------------------------------------------

almost = st.text("0123456789.-+eE:, nsmhdµGMTSunovif", max_size=30)
text = st.text(max_size=30) | almost | st.dates().map(str) | st.floats().map(str)


@given(text, text, text, text, st.floats(0, 1e12))
@example("Sun, 22 Nov 2026 12:00:30 GMT", "", "Sun, 1 Jan 0001 00:00:00 +9999", "", 0)
@example("1e308", "1e308", "", "", 0)
def test_arbitrary_text_gives_a_wait_or_none(value, milliseconds, date, words, now):
    headers = {"retry-after": value, "retry-after-ms": milliseconds, "date": date}
    found = retry_after(headers, now=now, message=f"try again in {words}")
    assert found is None or (math.isfinite(found) and found >= 0)


@given(almost)
def test_arbitrary_text_is_a_duration_or_none(text):
    found = duration(text)
    assert found is None or (math.isfinite(found) and found >= 0)


@pytest.mark.parametrize("text", ["1" * 100_000, "1s" * 100_000, "1.1m" * 50_000 + "x"])
def test_long_text_takes_no_long_time(text):
    retry_after({"retry-after": text}, now=0.0, message="try again in " * 1000 + text)
