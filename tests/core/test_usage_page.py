"""The page of usage: any rows make a sound document, and nothing in them is markup."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_adapter._figures import compact, dollars, places_for, plain
from llm_adapter.ledger._rows import DayRow, Percentiles, UsageRow
from llm_adapter.usage_page._page import page, unpriced
from llm_adapter.usage_page._plots import HEIGHT, WIDTH, Plot, Series, bars, lines
from llm_adapter.usage_page._report import Report, plots, shown_days, stacked
from llm_adapter.usage_page._scale import (
    COUNT,
    MONEY,
    SECONDS,
    measured,
    ticks,
)

LAST = date(2026, 11, 29)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)

ATTACKS = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "]]></title></svg><b>",
    "--><!-- &lt; &#0; &amp",
    "{style} {0} %s",
    "a" * 2_000,
    "\u202egnp.exe\u2066",
    "nul \0, half \ud800, none \uffff",
    "one\nline\r\nor\ttwo\u2028",
    "👩‍👩‍👧 中文 עברית",
    "",
    " ",
]


# -- reading a page -------------------------------------------------------------------


class Document(HTMLParser):
    """The tags, attributes and texts of a page that closes what it opens."""

    def __init__(self, source):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.texts = []
        self._open = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        self.attributes += attrs
        if tag not in ("meta", "link"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def drawings(source):
    """The plots of a page, each read as XML."""
    found = re.findall(r"<svg .*?</svg>", source, re.DOTALL)
    return [ElementTree.fromstring(each) for each in found]


def points(svg):
    """Every place that a plot draws at."""
    for each in svg.iter():
        numbers = {name: float(each.get(name, "0")) for name in ("x", "y", "cx", "cy")}
        yield numbers["x"] + float(each.get("width", "0")), numbers["y"]
        yield numbers["x"], numbers["y"] + float(each.get("height", "0"))
        yield numbers["cx"], numbers["cy"]
        x = y = 0.0
        for step, first, second in re.findall(
            r"([MLHV])([^MLHVZ ]+) ?([^MLHVZ ]*)", each.get("d", "")
        ):
            x = float(first) if step in "MLH" else x
            y = float(second) if step in "ML" else float(first) if step == "V" else y
            yield x, y


def assert_is_within(svg):
    for x, y in points(svg):
        assert -0.01 <= x <= WIDTH + 0.01
        assert -0.01 <= y <= HEIGHT + 0.01


# -- any rows -------------------------------------------------------------------------

names = st.one_of(st.sampled_from(ATTACKS), st.text(max_size=80))
counts = st.integers(0, 10**13)
costs = st.integers(0, 10**20).map(lambda pico: Decimal(pico).scaleb(-12))
finite = st.floats(allow_nan=False, allow_infinity=False)
percentiles = st.builds(Percentiles, p50=finite, p90=finite, p95=finite, p99=finite)
days = st.integers(0, 420).map(lambda ago: LAST - ago * DAY)
measures = {
    **dict.fromkeys(("calls", "requests", "succeeded", "errors", "cached"), counts),
    **dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens"), counts),
    "total_tokens": counts,
    "cost": costs,
    "unpriced": counts,
    "latency": finite,
}
sums = st.builds(UsageRow, **measures)
groups = st.builds(
    UsageRow,
    user_id=st.none() | names,
    workflow=st.none() | names,
    **{"provider": names, "model": names, "day": days, **measures},
)
day_rows = st.builds(
    DayRow,
    day=days,
    usage=sums,
    latency=st.none() | percentiles,
    first_token=st.none() | percentiles,
    errors=st.dictionaries(names, counts, max_size=8),
)
few = st.lists(groups, max_size=9)
reports = st.builds(
    Report,
    first=st.integers(0, 420).map(lambda ago: LAST - ago * DAY),
    last=st.just(LAST),
    made=st.just(NOON),
    user_id=st.none() | names,
    workflow=st.none() | names,
    total=sums,
    days=st.lists(day_rows, max_size=6, unique_by=lambda row: row.day),
    daily=few,
    models=few,
    workflows=few,
    users=few,
)


few_examples = settings(max_examples=40)


@few_examples
@given(reports)
def test_any_rows_make_a_sound_document(report):
    source = page(report)
    Document(source)
    source.encode()
    for svg in drawings(source):
        assert_is_within(svg)


@few_examples
@given(reports)
def test_page_holds_nothing_that_steers(report):
    steering = {
        each
        for each in page(report)
        if unicodedata.category(each) in ("Cc", "Cs") or each in "\u202e\u2066"
    }
    assert steering <= {"\n"}


def renamed(rows):
    return [
        evolve(
            row,
            provider="p",
            model=f"m{number}",
            user_id=row.user_id and f"u{number}",
            workflow=row.workflow and f"w{number}",
        )
        for number, row in enumerate(rows)
    ]


@few_examples
@given(reports, st.lists(names, min_size=9, max_size=9, unique=True))
def test_names_change_no_markup(report, other):
    plainly = evolve(
        report,
        user_id="u",
        workflow="w",
        daily=(),
        days=(),
        models=renamed(report.models),
        users=[evolve(row, user_id=f"u{n}") for n, row in enumerate(report.users)],
        workflows=[
            evolve(row, workflow=f"w{n}") for n, row in enumerate(report.workflows)
        ],
    )
    attacked = evolve(
        plainly,
        user_id=other[0],
        workflow=other[1],
        models=[
            evolve(row, provider=name, model=name)
            for row, name in zip(plainly.models, other, strict=False)
        ],
        users=[
            evolve(row, user_id=name)
            for row, name in zip(plainly.users, other, strict=False)
        ],
        workflows=[
            evolve(row, workflow=name)
            for row, name in zip(plainly.workflows, other, strict=False)
        ],
    )
    assert Document(page(attacked)).tags == Document(page(plainly)).tags


def report(**fields):
    """Of thirty days, with whatever the test says of it."""
    given = {"first": LAST - 29 * DAY, "last": LAST, "made": NOON}
    return Report(**{**given, "total": UsageRow(calls=1, requests=1), **fields})


def day_row(day=LAST, **fields):
    given = {"day": day, "usage": UsageRow(day=day, calls=1, requests=1)}
    return DayRow(**{**given, **fields})


@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_attack_is_shown_as_it_is_written(number):
    name = ATTACKS[number]
    row = UsageRow(
        provider=name,
        model=name,
        user_id=name,
        workflow=name,
        day=LAST,
        calls=1,
        cost=Decimal(1),
    )
    source = page(
        report(
            user_id=name,
            workflow=name,
            daily=[row],
            models=[row],
            workflows=[row],
            users=[row],
            days=[day_row(errors={name: 2})],
        )
    )
    document = Document(source)
    assert {tag for tag, _ in document.tags}.isdisjoint({"script", "img", "b"})
    assert not [each for each, _ in document.attributes if each.startswith("on")]
    assert document.texts.count(plain(name)) >= (4 if plain(name) else 0)


def test_page_asks_nothing_of_the_network():
    row = UsageRow(provider="groq", model="llama", day=LAST, cost=Decimal(1))
    source = page(
        report(days=[day_row(errors={"LLMServerError": 1})], daily=[row], models=[row])
    )
    assert re.findall(r"//|url\(|@import|src=|<script|javascript:", source) == []
    assert (
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'\"" in source
    )


def test_each_plot_has_a_title_a_description_and_a_table():
    source = page(report(days=[day_row()]))
    titles = [svg.find("title").text for svg in drawings(source)]
    assert titles == ["Cost per day", "Tokens per day", "Latency", "Errors per day"]
    for svg in drawings(source):
        named = svg.get("aria-labelledby").split()
        assert [svg.find(tag).get("id") for tag in ("title", "desc")] == named
    assert source.count("<summary>Numbers</summary>") == 4


def test_ids_are_told_apart():
    ids = [
        value
        for name, value in Document(page(report(days=[day_row()]))).attributes
        if name == "id"
    ]
    assert len(ids) == len(set(ids)) == 8


def test_empty_time_is_told_in_words():
    source = page(report(total=UsageRow()))
    assert "Nothing was booked in this time." in source
    assert "<svg" not in source


def test_one_day_is_one_day():
    source = page(report(first=LAST, days=[day_row()]))
    assert "29 Nov 2026 · 1 day<" in source
    assert "<title>LLM usage, 29 Nov 2026</title>" in source


def test_totals_stand_on_top():
    total = UsageRow(
        calls=12_345,
        requests=20_000,
        errors=500,
        cached=1_000,
        input_tokens=3_000_000,
        output_tokens=400_000,
        total_tokens=3_400_000,
        cost=Decimal("12.5"),
    )
    source = page(report(total=total))
    figures = re.findall(r'class="figure">([^<]*)<', source)
    assert figures == ["$12.5000", "12.3 k", "3.40 M", "2.5 %", "8.1 %"]
    details = re.findall(r'<dd class="detail">([^<]*)<', source)
    assert details[0] == "US dollars"
    assert details[3] == "500 of 20,000 requests"


def test_unknown_cost_is_no_zero():
    row = UsageRow(provider="p", model="m", calls=1, requests=1, unpriced=1)
    source = page(report(total=evolve(row, provider=None, model=None), models=[row]))
    assert "$0.00" not in source
    assert "The cost of 1 request is not known" in source
    assert "US dollars, without 1 request<" in source


def test_models_without_a_price_are_named_the_most_frequent_first():
    rows = [
        UsageRow(provider="p", model=f"m{number}", unpriced=number)
        for number in range(6)
    ]
    told = unpriced(UsageRow(unpriced=15), rows)
    assert told.endswith("are missing for p:m5, p:m4, p:m3, 2 more.")
    assert "15 requests" in told


def test_known_costs_need_no_word():
    assert unpriced(UsageRow(cost=Decimal(1)), []) is None


def test_nobody_is_told_from_a_user_of_that_name():
    rows = [UsageRow(user_id=None, calls=1), UsageRow(user_id="none", calls=1)]
    source = page(report(users=rows))
    assert source.count('<span class="missing">none</span>') == 1
    assert source.count("<bdi>none</bdi>") == 1


def test_thousand_models_are_in_the_table_and_six_in_the_plot():
    rows = [
        UsageRow(
            provider="p",
            model=f"m{number:03}",
            day=LAST,
            calls=1,
            cost=Decimal(number),
        )
        for number in range(1, 1_001)
    ]
    shown = report(models=rows, daily=rows, days=[day_row()])
    cost = plots(shown)[0]
    assert [each.name for each in cost.series] == [
        *(f"p:m{number:03}" for number in (1000, 999, 998, 997, 996)),
        "995 other models",
    ]
    assert page(shown).count('class="name"') == 1_000


# -- days -----------------------------------------------------------------------------


def test_days_without_data_are_gaps_in_lines():
    speed = Percentiles(p50=1, p90=2, p95=3, p99=4)
    found = [LAST - ago * DAY for ago in (9, 8, 5, 4)]
    rows = [day_row(day, latency=speed) for day in found]
    source = lines(plots(report(days=rows))[2])
    assert source.count('class="line l0"') == 2
    assert "l2" not in source  # no stream, no first token


def test_lone_day_of_a_long_time_is_a_dot():
    speed = Percentiles(p50=1, p90=2, p95=3, p99=4)
    rows = [day_row(LAST - 99 * DAY), day_row(LAST, latency=speed)]
    source = lines(plots(report(first=LAST - 99 * DAY, days=rows))[2])
    assert source.count("<circle") == 2


def test_line_of_a_long_time_has_no_dots():
    speed = Percentiles(p50=1, p90=2, p95=3, p99=4)
    rows = [day_row(LAST - ago * DAY, latency=speed) for ago in range(32)]
    source = lines(plots(report(first=LAST - 31 * DAY, days=rows))[2])
    assert source.count('class="line') == 2
    assert "<circle" not in source


def test_days_before_the_first_record_are_left_out_of_plots():
    rows = [day_row(LAST - 50 * DAY)]
    assert len(shown_days(report(first=LAST - 999 * DAY, days=rows))) == 51


@pytest.mark.parametrize(("asked", "shown"), [(1, 1), (7, 7), (30, 30), (999, 30)])
def test_young_ledger_shows_what_was_asked_up_to_a_month(asked, shown):
    first = LAST - (asked - 1) * DAY
    assert len(shown_days(report(first=first, days=[day_row()]))) == shown


@given(st.integers(1, 4_000), st.integers(0, 400), st.sampled_from([0.5, 1e-7]))
def test_labels_of_days_have_room(number, ago, value):
    last = LAST - ago * DAY
    plot = Plot(
        key="k",
        title="t",
        days=[last - each * DAY for each in reversed(range(number))],
        series=[Series("a", [value] * number)],
        unit=MONEY,
        palette="s",
    )
    labels = [
        each
        for each in ElementTree.fromstring(bars(plot)).iter("text")
        if each.get("class") != "y"
    ]
    assert min(number, 3) <= len(labels) <= 5
    end = 0.0
    for label in labels:
        # A letter takes up to 9.5 units, on a telephone.
        width, x = 9.5 * len(label.text), float(label.get("x"))
        start = (
            x - width * {"start": 0, "middle": 0.5, "end": 1}[label.get("text-anchor")]
        )
        assert start >= end
        end = start + width
    assert end <= WIDTH


@given(st.integers(1, 600))
def test_bars_of_any_number_of_days_stay_within(number):
    shown = [LAST - ago * DAY for ago in reversed(range(number))]
    plot = Plot(
        key="k",
        title="t",
        days=shown,
        unit=COUNT,
        palette="e",
        series=[Series("a", [1.0] * number), Series("b", [2.0] * number)],
    )
    svg = ElementTree.fromstring(bars(plot))
    assert_is_within(svg)
    assert len(svg.findall("rect")) == number


def test_bars_stand_on_one_another():
    plot = Plot(
        key="k",
        title="t",
        days=[LAST],
        unit=COUNT,
        palette="e",
        series=[Series("a", [1.0]), Series("b", [2.0])],
    )
    first, second = re.findall(r'class="e\d" d="M\S+ (\S+)V([\d.]+)H', bars(plot))
    assert first[1] == second[0]
    heights = [float(bottom) - float(top) for bottom, top in (first, second)]
    assert heights[0] > 1
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.02)


def test_day_that_is_pointed_at_tells_its_numbers():
    plot = Plot(
        key="k",
        title="t",
        days=[LAST],
        unit=MONEY,
        palette="s",
        series=[Series("m" * 99, [0.5]), Series("none", [0.0])],
    )
    told = ElementTree.fromstring(bars(plot)).find("rect/title").text
    assert told == f"29 Nov 2026\n{'m' * 59}…: $0.500000"


def test_stack_without_days_or_names_is_empty():
    plot = Plot(key="k", title="t", days=[], unit=COUNT, palette="e", series=[])
    assert "No days." in bars(plot)
    assert stacked([], [], "kinds") == []


def test_sixth_name_is_told_rather_than_called_another():
    cells = [(LAST, f"m{number}", 1.0) for number in range(6)]
    assert [each.name for each in stacked([LAST], cells, "models")] == [
        f"m{number}" for number in range(6)
    ]


def test_stack_leaves_out_what_is_zero():
    cells = [(LAST, "free", 0.0), (LAST, "dear", 1.0), (LAST, "dear", 2.0)]
    assert stacked([LAST], cells, "models") == [Series("dear", [3.0])]


# -- numbers --------------------------------------------------------------------------


@given(st.floats(1e-15, 1e15), st.booleans())
def test_ticks_are_round_and_reach_the_largest_value(largest, is_whole):
    largest = max(largest, float(is_whole))
    found = ticks(largest, is_whole=is_whole)
    assert 2 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] >= largest * (1 - 1e-9)
    step = found[1]
    assert f"{step:e}"[0] in "125"
    assert not is_whole or step == int(step) >= 1


@pytest.mark.parametrize("unit", [MONEY, COUNT, SECONDS])
@given(largest=st.floats(1e-12, 1e15))
def test_labels_of_ticks_are_short_and_differ(unit, largest):
    found = ticks(max(largest, float(unit.is_whole)), is_whole=unit.is_whole)
    labels = [unit.label(each, found[-1], found[1]) for each in found]
    assert len(set(labels)) == len(labels)
    assert max(map(len, labels)) <= 10


@pytest.mark.parametrize(
    ("unit", "largest", "labels"),
    [
        (MONEY, 0.93, ["$0", "$0.50", "$1.00"]),
        (MONEY, 0.0008, ["$0", "$0.0002", "$0.0004", "$0.0006", "$0.0008"]),
        (MONEY, 3e-12, ["$0", "$1e-12", "$2e-12", "$3e-12"]),
        (MONEY, 4_000, ["$0", "$1,000", "$2,000", "$3,000", "$4,000"]),
        (MONEY, 9e6, ["$0", "$5 M", "$10 M"]),
        (COUNT, 1.4e6, ["0", "0.5 M", "1 M", "1.5 M"]),
        (COUNT, 3, ["0", "1", "2", "3"]),
        (SECONDS, 0.35, ["0", "100 ms", "200 ms", "300 ms", "400 ms"]),
        (SECONDS, 14, ["0", "5 s", "10 s", "15 s"]),
    ],
)
def test_axis_has_round_numbers_with_units(unit, largest, labels):
    found = ticks(largest, is_whole=unit.is_whole)
    assert [unit.label(each, found[-1], found[1]) for each in found] == labels


@pytest.mark.parametrize("unit", [MONEY, COUNT, SECONDS])
def test_axis_without_values_has_a_zero(unit):
    plot = Plot(
        key="k",
        title="t",
        days=[LAST],
        unit=unit,
        palette="s",
        series=[Series("a", [0.0])],
    )
    labels = [each.text for each in ElementTree.fromstring(bars(plot)).iter("text")]
    assert labels in (["$0", "29 Nov"], ["0", "29 Nov"])


@given(costs)
def test_cost_is_shown_to_four_digits_at_least(cost):
    places = places_for([cost])
    shown = Decimal(dollars(cost, places).strip("$").replace(",", ""))
    assert 2 <= places <= 12
    if cost >= Decimal("1e-8"):
        assert math.isclose(shown, cost, rel_tol=5e-4)
    assert (shown == 0) == (cost == 0)


def test_small_cost_beside_a_large_one_is_no_zero():
    assert dollars(Decimal("1e-12"), 2) == "<$0.01"
    assert dollars(Decimal("0.005"), 2) != "<$0.01"


@given(st.integers(0, 10**16))
def test_compact_count_is_near_and_short(number):
    shown = compact(number)
    assert len(shown) <= 11
    digits, _, size = shown.partition(" ")
    scale = {"": 1, "k": 1e3, "M": 1e6, "bn": 1e9, "tn": 1e12}[size]
    assert math.isclose(
        float(digits.replace(",", "")) * scale, number, rel_tol=0.006, abs_tol=0.5
    )


@given(st.floats())
def test_any_measure_can_be_drawn(value):
    if not math.isnan(value):
        assert 0 <= measured(value) <= 1e15
