"""A page of usage: one HTML document that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from .._figures import (
    NONE,
    UNKNOWN,
    compact,
    day_name,
    known_cost,
    model_name,
    places_for,
    seconds,
    share,
)
from ..ledger import UsageRow
from ._plots import Plot, bars, legend, lines, text
from ._report import Report, plots
from ._style import STYLE

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>LLM usage, {period}</title>
<style>{style}</style>
</head>
"""

_COLUMNS = (
    *("Cost", "Share of cost", "Calls", "Requests", "Errors"),
    *("Input", "Output", "From cache", "Mean latency"),
)


def page(report: Report) -> str:
    """The document.

    All that the ledger holds is data in it, never markup. It has no script and asks
    nothing of the network.
    """
    body = _nothing() if report.is_empty else _body(report)
    return (
        f"{_HEAD.format(period=_period(report), style=STYLE)}<body>\n<main>\n"
        f"<header><h1>LLM usage</h1>{_about(report)}</header>\n{body}"
        f"<footer>Made {report.made:%Y-%m-%d %H:%M} UTC by llm-adapter. "
        "Days are those of UTC.</footer>\n</main>\n</body>\n</html>\n"
    )


def unpriced(total: UsageRow, models: Iterable[UsageRow]) -> str | None:
    """What costs do not hold, in words; None when they hold everything.

    >>> unpriced(UsageRow(unpriced=2), [UsageRow(provider="p", model="m", unpriced=2)])
    'The cost of 2 requests is not known: prices or token counts are missing for p:m.'
    """
    if not total.unpriced:
        return None
    missing = sorted(
        (row for row in models if row.unpriced), key=lambda row: -row.unpriced
    )
    names = [model_name(row) for row in missing[:3]]
    if rest := len(missing) - len(names):
        names.append(f"{rest} more")
    return (
        f"The cost of {_requests(total.unpriced)} is not known: prices or token "
        f"counts are missing for {', '.join(names)}."
    )


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number:,} requests"


def _period(report: Report) -> str:
    if report.first == report.last:
        return day_name(report.first)
    return f"{day_name(report.first)} to {day_name(report.last)}"


def _about(report: Report) -> str:
    days = (report.last - report.first + timedelta(days=1)).days
    facts = [_period(report), "1 day" if days == 1 else f"{days:,} days"]
    for kind, name in (("user", report.user_id), ("workflow", report.workflow)):
        if name is not None:
            facts.append(f"{kind} <bdi>{text(name)}</bdi>")
    return f'<p class="about">{" · ".join(facts)}</p>'


def _nothing() -> str:
    return '<p class="note">Nothing was booked in this time.</p>\n'


def _body(report: Report) -> str:
    note = unpriced(report.total, report.models)
    cost, tokens, latency, errors = plots(report)
    total = report.total
    tables = (
        _table("Model", report.models, model_name, total),
        _table("Workflow", report.workflows, lambda row: row.workflow, total),
        _table("User", report.users, lambda row: row.user_id, total),
    )
    return (
        f"{_totals(report)}"
        f"{f'<p class={chr(34)}note{chr(34)}>{text(note)}</p>' if note else ''}\n"
        f'<div class="plots">\n{_figure(cost, bars)}{_figure(tokens, bars)}'
        f"{_figure(latency, lines)}{_figure(errors, bars)}</div>\n"
        f"{''.join(tables)}"
    )


def _totals(report: Report) -> str:
    row = report.total
    sent, received = compact(row.input_tokens), compact(row.output_tokens)
    left_out = f", without {_requests(row.unpriced)}" if row.unpriced else ""
    facts = (
        ("Cost", known_cost(row, places_for([row.cost])), f"US dollars{left_out}"),
        ("Calls", compact(row.calls), f"{_requests(row.requests)} sent"),
        ("Tokens", compact(row.total_tokens), f"{sent} in, {received} out"),
        (
            "Errors",
            share(row.errors, row.requests),
            f"{row.errors:,} of {_requests(row.requests)}",
        ),
        (
            "From cache",
            share(row.cached, row.calls),
            f"{row.cached:,} calls spared",
        ),
    )
    items = "".join(
        f'<div><dt>{name}</dt><dd class="figure">{figure}</dd>'
        f'<dd class="detail">{detail}</dd></div>'
        for name, figure, detail in facts
    )
    return f'<dl class="card totals">{items}</dl>\n'


# -- plots ----------------------------------------------------------------------------


def _figure(plot: Plot, draw: Callable[[Plot], str]) -> str:
    nothing = "" if plot.series else '<p class="detail">None.</p>'
    return (
        f'<figure class="card"><figcaption><h2>{text(plot.title)}</h2></figcaption>'
        f"{legend(plot)}{nothing}{draw(plot)}{_numbers(plot)}</figure>\n"
    )


def _numbers(plot: Plot) -> str:
    """The table of what was plotted, the latest day first."""
    head = "".join(f'<th scope="col">{text(each.name)}</th>' for each in plot.series)
    known = [value for each in plot.series for value in each.values if value]
    largest = max(known, default=0.0)
    rows = []
    for place in reversed(range(len(plot.days))):
        values = [series.values[place] for series in plot.series]
        cells = "".join(
            f"<td>{NONE if value is None else plot.unit.tell(value, largest)}</td>"
            for value in values
        )
        if any(value is not None for value in values):
            day = plot.days[place].isoformat()
            rows.append(f'<tr><th scope="row">{day}</th>{cells}</tr>')
    return (
        f"<details><summary>Numbers</summary>"
        f'<div class="scroll" tabindex="0" role="group" aria-label="Numbers">'
        f'<table><thead><tr><th scope="col">Day</th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )


# -- tables ---------------------------------------------------------------------------


def _table(
    kind: str,
    rows: Sequence[UsageRow],
    name: Callable[[UsageRow], str | None],
    total: UsageRow,
) -> str:
    title = f"By {kind.lower()}"
    places = places_for([total.cost])
    head = "".join(f'<th scope="col">{each}</th>' for each in (kind, *_COLUMNS))
    lines = "".join(
        f'<tr><th scope="row" class="name">{_name(name(row))}</th>'
        f"{_cells(row, total, places)}</tr>\n"
        for row in rows
    )
    foot = f'<th scope="row">Total</th>{_cells(total, total, places)}'
    return (
        f'<section class="card"><h2>{title}</h2><div class="scroll" tabindex="0" '
        f'role="group" aria-label="{title}">'
        f'<table class="sums"><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody>'
        f"<tfoot><tr>{foot}</tr></tfoot></table></div></section>\n"
    )


def _name(name: str | None) -> str:
    if name is None:
        return '<span class="missing">none</span>'
    return f"<bdi>{text(name)}</bdi>"


def _cells(row: UsageRow, total: UsageRow, places: int) -> str:
    cost = known_cost(row, places)
    cells = (
        f'<span class="missing">{cost}</span>' if cost == UNKNOWN else cost,
        _part(row, total),
        f"{row.calls:,}",
        f"{row.requests:,}",
        share(row.errors, row.requests),
        f"{row.input_tokens:,}",
        f"{row.output_tokens:,}",
        share(row.cached, row.calls),
        seconds(row.mean_latency),
    )
    return "".join(f"<td>{each}</td>" for each in cells)


def _part(row: UsageRow, total: UsageRow) -> str:
    """A share of the cost, also as a bar."""
    if not (row.cost and total.cost):
        return f'<div class="part">{NONE}<span></span></div>'
    percent = min(100.0, float(100 * row.cost / total.cost))
    bar = "" if row is total else f'<i style="width:{percent:.2f}%"></i>'
    return f'<div class="part">{share(percent, 100)}<span>{bar}</span></div>'
