"""`llm-adapter doctor`: what is set up, and what works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import click
from attrs import frozen

from .._figures import NONE, plain
from ..errors import LLMConfigurationError
from ..settings import Settings
from ._checkup import Report, asked, known
from ._exits import table as exit_table
from ._notes import Notes
from ._output import Output
from ._surroundings import Store, network, stores, versions
from ._tables import listed

_TITLES = ("", "Provider", "Status", "Key", "Model", "1,000 in+out", "Latency")
_NUMBERS = ("1,000 in+out", "Latency")
_OFF = 5.0
"""Seconds that a clock may be wrong before people are told."""


@frozen
class Checked:
    """All that was found."""

    reports: Mapping[str, Report]
    stores: Mapping[str, Store]
    network: Mapping[str, str]
    versions: Mapping[str, str | None]

    @property
    def chosen(self) -> Report:
        """The report on the provider of LLM_PROVIDER."""
        return next(report for report in self.reports.values() if report.chosen)

    @property
    def skew(self) -> float | None:
        """Seconds that the clocks of others are ahead of ours; None if none told."""
        answers = [report.answer for report in self.reports.values()]
        found = [each.skew for each in answers if each and each.skew is not None]
        return median(found) if found else None


@click.command(epilog=exit_table(0, 1, 2, 3, 4, 5, 6, 130, 141))
@click.option("--offline", is_flag=True, help="Ask nobody.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 60),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="For each answer; all are asked at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(offline: bool, timeout: float, as_json: bool) -> None:
    """See what is set up, and what works. It costs nothing and shows no secret.

    Providers whose key is set, and the local server, are asked for their models. The
    exit code tells of the provider of LLM_PROVIDER.
    """
    settings = Settings.from_env()
    reports = known(settings)
    if not offline:
        with Notes(verbose=False).waiting("Asking the providers ..."):
            reports = asked(reports, settings, timeout)
    checked = Checked(
        reports, stores(settings, 0 if offline else timeout), network(), versions()
    )
    output = Output()
    if as_json:
        output.write_json(_data(checked))
    else:
        output.write(_text(checked, output))
    _conclude(checked.chosen)


def _conclude(chosen: Report) -> None:
    """Tell with an error what keeps the chosen provider from working."""
    if chosen.error is not None:
        raise chosen.error
    if chosen.status == "no key":
        raise LLMConfigurationError(
            f"No API key for {chosen.provider}: set the environment variable "
            f"{chosen.wants}, or choose another provider with LLM_PROVIDER.",
            provider=chosen.provider,
        )


def _data(checked: Checked) -> dict[str, Any]:
    return {
        "works": checked.chosen.status == "works",
        "chosen": checked.chosen.provider,
        "providers": [report.data for report in checked.reports.values()],
        "stores": {name: store.data for name, store in checked.stores.items()},
        "network": dict(checked.network),
        "clock_skew": checked.skew,
        "versions": dict(checked.versions),
    }


# -- for people -----------------------------------------------------------------------


def _text(checked: Checked, output: Output) -> str:
    rows = [_cells(report) for report in checked.reports.values()]
    parts = [
        listed(_TITLES, rows, output, right=_NUMBERS),
        _lines(_notes(checked)),
        _pairs({name: _store(store) for name, store in checked.stores.items()}),
        _pairs(checked.network),
        _pairs({name: each or "not installed" for name, each in _versions(checked)}),
    ]
    return "\n".join(filter(None, parts))


def _cells(report: Report) -> tuple[str, ...]:
    key = f"{report.key} ({report.key_from})" if report.key else "not needed"
    if report.wants and not report.key:
        key = f"{report.wants} is not set"
    return (
        "*" if report.chosen else "",
        report.provider,
        report.status,
        key,
        report.model or NONE,
        f"${report.price}" if report.price else NONE,
        f"{report.answer.latency:.2f} s" if report.answer else NONE,
    )


def _notes(checked: Checked) -> list[str]:
    notes = [
        f"{report.provider} at {report.base_url or 'no address'}"
        f"{' through a proxy' if report.proxied else ''}: {_outcome(report)}"
        for report in checked.reports.values()
        if report.answer or report.error
    ]
    skew = checked.skew
    if skew is not None:
        off = f"off by {abs(skew):,.0f} s: set it" if abs(skew) > _OFF else "right"
        notes.append(f"clock: {off}")
    return notes


def _outcome(report: Report) -> str:
    if report.answer is None:
        return str(report.error)
    return f"it lists {report.answer.models:,} models"


def _store(store: Store) -> str:
    return f"{store.url}: {store.note}" if store.url else store.note


def _versions(checked: Checked) -> Iterable[tuple[str, str | None]]:
    return checked.versions.items()


def _pairs(values: Mapping[str, str]) -> str:
    width = max(map(len, values), default=0)
    return _lines(f"{name:<{width}}  {value}" for name, value in values.items())


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{_plain(line)}\n" for line in lines)


def _plain(line: str) -> str:
    """As `plain`, with the blanks that columns are made of."""
    name, gap, value = line.partition("  ")
    return f"{plain(name)}{gap}{' ' * (len(value) - len(value.lstrip()))}{plain(value)}"
