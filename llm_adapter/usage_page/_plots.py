"""Plots over days, as SVG inside a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from itertools import groupby

from attrs import frozen

from .._figures import day_name, plain
from ._scale import LARGEST, Unit, day_ticks, measured, ticks

WIDTH, HEIGHT = 600.0, 280.0
"""Of every plot, in units of its own; a page shows it at any size."""

_TOP, _BOTTOM, _RIGHT = 14.0, 36.0, 8.0
_LETTER = 9.5
"""Width of one on a telephone, where the plot is small and its letters are not."""

_WIDEST_BAR = 34.0
_FINE = 3.0
"""Width of a day below which bars touch each other."""

_DOTTED = 31
"""Days up to which lines have a dot on each."""

_LONGEST_NAME = 60


@frozen
class Series:
    """The values of one name.

    Args:
        name: as the ledger has it.
        values: one for each day; None where there is none.
    """

    name: str
    values: Sequence[float | None]


@frozen(kw_only=True)
class Plot:
    """What one plot shows.

    Args:
        key: tells it from the other plots of its page.
        title: what is plotted, in a few words.
        days: all of them, in their order.
        series: from the bottom up.
        unit: of the values.
        palette: class of its colors: "s", "e", "t" or "l".
    """

    key: str
    title: str
    days: Sequence[date]
    series: Sequence[Series]
    unit: Unit
    palette: str


@frozen
class _Frame:
    """Where on the plot a day and a value are."""

    left: float
    slot: float
    top: float

    def x(self, place: float) -> float:
        return self.left + self.slot * place

    def y(self, value: float) -> float:
        room = HEIGHT - _TOP - _BOTTOM
        return HEIGHT - _BOTTOM - room * min(1.0, value / self.top)


def bars(plot: Plot) -> str:
    """Stacked bars, one for each day."""
    sums = [
        measured(sum(measured(each.values[place] or 0) for each in plot.series))
        for place in range(len(plot.days))
    ]
    marks, frame = _axes(plot, max(sums, default=0.0))
    width = frame.slot if frame.slot < _FINE else min(_WIDEST_BAR, frame.slot * 0.76)
    below = [0.0] * len(plot.days)
    for number, series in enumerate(plot.series):
        path = []
        for place, value in enumerate(series.values):
            if height := measured(value or 0):
                start = frame.x(place + 0.5) - width / 2
                bottom = frame.y(below[place])
                below[place] = min(LARGEST, below[place] + height)
                path.append(
                    f"M{_n(start)} {_n(bottom)}V{_n(frame.y(below[place]))}"
                    f"H{_n(start + width)}V{_n(bottom)}Z"
                )
        marks.append(f'<path class="{plot.palette}{number}" d="{"".join(path)}"/>')
    shape = "fine" if frame.slot < _FINE else "bars"
    return _svg(plot, frame, f'<g class="{shape}">{"".join(marks)}</g>')


def lines(plot: Plot) -> str:
    """Lines that break where a day has no value."""
    values = [
        measured(value)
        for series in plot.series
        for value in series.values
        if value is not None
    ]
    marks, frame = _axes(plot, max(values, default=0.0))
    for number, series in enumerate(plot.series):
        style = f"{plot.palette}{number}"
        for run in _runs(series.values):
            points = [
                (_n(frame.x(place + 0.5)), _n(frame.y(value))) for place, value in run
            ]
            path = "L".join(f"{x} {y}" for x, y in points)
            marks.append(f'<path class="line {style}" d="M{path}"/>')
            if len(points) == 1 or len(plot.days) <= _DOTTED:
                marks.extend(
                    f'<circle class="dot {style}" cx="{x}" cy="{y}" r="2.6"/>'
                    for x, y in points
                )
    return _svg(plot, frame, f"<g>{''.join(marks)}</g>")


def legend(plot: Plot) -> str:
    """The names of the series, and what they look like."""
    items = "".join(
        f'<li title="{text(series.name)}"><i class="key {plot.palette}{number}"></i>'
        f"<bdi>{text(series.name)}</bdi></li>"
        for number, series in enumerate(plot.series)
    )
    return f'<ul class="legend">{items}</ul>'


def text(name: str) -> str:
    """A name as a page can show it: nothing in it is markup.

    >>> text("<b>\\n'x'")
    '&lt;b&gt; &#x27;x&#x27;'
    """
    return escape(plain(name))


def _axes(plot: Plot, largest: float) -> tuple[list[str], _Frame]:
    """Grid and labels, and the frame that they leave for the marks."""
    values = ticks(largest, is_whole=plot.unit.is_whole)
    step = values[1] if len(values) > 1 else 1.0
    labels = [plot.unit.label(each, values[-1], step) for each in values]
    left = 14 + _LETTER * max(map(len, labels))
    slot = (WIDTH - _RIGHT - left) / max(1, len(plot.days))
    frame = _Frame(left, slot, values[-1] or 1.0)
    marks = []
    for value, label in zip(values, labels, strict=True):
        y = frame.y(value)
        kind = "grid" if value else "base"
        marks.append(
            f'<path class="{kind}" d="M{_n(left)} {_n(y)}H{_n(WIDTH - _RIGHT)}"/>'
            f'<text class="y" x="{_n(left - 8)}" y="{_n(y + 4)}">{label}</text>'
        )
    for place, label in day_ticks(plot.days):
        marks.append(_day_label(frame.x(place + 0.5), left, label))
    return marks, frame


def _day_label(x: float, left: float, label: str) -> str:
    half = _LETTER * len(label) / 2
    if x - half < left:
        anchor, x = "start", max(left, x - half)
    elif x + half > WIDTH - _RIGHT:
        anchor, x = "end", WIDTH - _RIGHT
    else:
        anchor = "middle"
    y = _n(HEIGHT - 10)
    return f'<text x="{_n(x)}" y="{y}" text-anchor="{anchor}">{label}</text>'


def _svg(plot: Plot, frame: _Frame, marks: str) -> str:
    names = f"{plot.key}-title {plot.key}-description"
    return (
        f'<svg viewBox="0 0 {_n(WIDTH)} {_n(HEIGHT)}" role="img" '
        f'aria-labelledby="{names}">'
        f'<title id="{plot.key}-title">{text(plot.title)}</title>'
        f'<desc id="{plot.key}-description">{_description(plot)}</desc>'
        f"{marks}{''.join(_days(plot, frame))}</svg>"
    )


def _description(plot: Plot) -> str:
    if not plot.days:
        return "No days."
    names = ", ".join(text(_cut(series.name)) for series in plot.series) or "nothing"
    return (
        f"From {day_name(plot.days[0])} to {day_name(plot.days[-1])}: {names}. "
        "The table below has the numbers."
    )


def _days(plot: Plot, frame: _Frame) -> Iterable[str]:
    """What shows the numbers of a day when it is pointed at."""
    room = _n(HEIGHT - _TOP - _BOTTOM)
    for place, day in enumerate(plot.days):
        said = [
            f"{text(_cut(series.name))}: {plot.unit.tell(value, value)}"
            for series in reversed(plot.series)
            if (value := series.values[place])
        ]
        yield (
            f'<rect class="day" x="{_n(frame.x(place))}" y="{_n(_TOP)}" '
            f'width="{_n(frame.slot)}" height="{room}"><title>'
            f"{chr(10).join([day_name(day), *said])}</title></rect>"
        )


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    grouped = groupby(enumerate(values), key=lambda each: each[1] is not None)
    return [
        [(place, measured(value)) for place, value in run if value is not None]
        for has_values, run in grouped
        if has_values
    ]


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
