"""`llm-adapter models`: what there is, until when, and for how much."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import click
from attrs import evolve, frozen

from .._figures import NONE
from .._registry import split_name
from .._sync.factory import LLMFactory
from ..models import ModelName
from ..pricing import PriceList, find_price
from ..pricing._prices import Rate
from ..providers import PROVIDERS
from ..settings import Settings
from ._candidates import providers
from ._exits import table as exit_table
from ._notes import Notes
from ._output import Output
from ._tables import listed

_NUMBERS = ("Input $/M", "Output $/M", "Context")


@frozen(kw_only=True)
class Listed:
    """A model of a list.

    Args:
        provider: whose it is.
        model: its name.
        default: whether it is asked when nobody names one.
        context_window: tokens of prompt and answer together.
        max_output: tokens of the longest answer.
        retired: date of its shutdown (ISO), None while it is offered.
        replacement: what to use instead once it is retired.
        input: US dollars for a million tokens of a short prompt, None if not known.
        output: the same of an answer.
        rises: whether longer prompts have another price.
        live: whether the provider lists it now, None where it was not asked.
    """

    provider: str
    model: str
    default: bool = False
    context_window: int | None = None
    max_output: int | None = None
    retired: str | None = None
    replacement: str | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    rises: bool = False
    live: bool | None = None

    @property
    def data(self) -> dict[str, Any]:
        """For programs; prices as strings, since JSON's numbers are not exact."""
        return {
            "provider": self.provider,
            "model": self.model,
            "default": self.default,
            "live": self.live,
            "retired": self.retired,
            "replacement": self.replacement,
            "context_window": self.context_window,
            "max_output": self.max_output,
            "input_per_million": _written(self.input),
            "output_per_million": _written(self.output),
            "long_prompts_cost_more": self.rises,
        }

    @property
    def note(self) -> str:
        """What people should know of it."""
        notes = []
        if self.default:
            notes.append("default")
        if self.retired:
            instead = f", use {self.replacement}" if self.replacement else ""
            notes.append(f"retired {self.retired}{instead}")
        elif self.live is False:
            notes.append("not listed by the provider")
        if self.rises:
            notes.append("long prompts cost more")
        return "; ".join(notes)

    @property
    def cells(self) -> tuple[str, ...]:
        """For a table."""
        context = f"{self.context_window:,}" if self.context_window else NONE
        prices = (_shown(self.input), _shown(self.output))
        return (self.provider, self.model, *prices, context, self.note)


def _written(price: Decimal | None) -> str | None:
    return None if price is None else f"{price:f}"


def _shown(price: Decimal | None) -> str:
    return NONE if price is None else f"{price.normalize():f}"


# -- what there is --------------------------------------------------------------------


def catalogue(name: str, names: Iterable[str], settings: Settings) -> list[Listed]:
    """The models of those names, with all that is known of them.

    Raises:
        LLMConfigurationError: the file of prices cannot be read.
    """
    prices = PriceList.read(settings.prices_file) if settings.prices_file else None
    return [_listed(name, each, prices) for each in names]


def _listed(provider: str, name: str, prices: PriceList | None) -> Listed:
    built_in = PROVIDERS.get(provider)
    known = None if built_in is None else built_in.model(name)
    found = find_price(provider, name, prices)
    price = None if found is None else found.price(None, None)
    sent, received = (price.input, price.output) if price else (None, None)
    return Listed(
        provider=provider,
        model=str(name),
        default=built_in is not None and built_in.default_model == name,
        context_window=None if known is None else known.context_window,
        max_output=None if known is None else known.max_output,
        retired=name.retired if isinstance(name, ModelName) else None,
        replacement=name.replacement if isinstance(name, ModelName) else None,
        input=_short(sent),
        output=_short(received),
        rises=any(rate is not None and len(rate) > 1 for rate in (sent, received)),
    )


def _short(rate: Rate | None) -> Decimal | None:
    """The price of a short prompt."""
    return None if rate is None else rate[-1][1]


def merged(known: list[str], offered: list[str]) -> dict[str, bool]:
    """All names, those of the catalogue first, and whether the provider offers them.

    >>> merged(["a", "b"], ["b", "c"])
    {'a': False, 'b': True, 'c': True}
    """
    now = frozenset(offered)
    return {**{name: name in now for name in known}, **dict.fromkeys(offered, True)}


# -- the command ----------------------------------------------------------------------


@click.command(epilog=exit_table(0, 1, 2, 3, 4, 5, 6, 130, 141))
@click.argument("provider", required=False, shell_complete=providers)
@click.option("--all", "everybody", is_flag=True, help="All built-in providers.")
@click.option("--live", is_flag=True, help="Ask the provider too; needs its key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def models(provider: str | None, everybody: bool, live: bool, as_json: bool) -> None:
    """List the models of PROVIDER, or of LLM_PROVIDER, and what they cost.

    The list is the built-in one unless --live asks the provider. Prices are US dollars
    for a million tokens, of prompts that are not long.
    """
    if everybody and (provider or live):
        raise click.UsageError("--all goes with neither PROVIDER nor --live.")
    settings = Settings.from_env()
    if everybody:
        found = [
            row
            for name, each in PROVIDERS.items()
            for row in catalogue(name, each.model_names(), settings)
        ]
    else:
        name, _ = split_name(provider or settings.provider)
        found = _of(name, settings, live)
    output = Output()
    if as_json:
        output.write_json({"models": [row.data for row in found]})
    elif found:
        titles = ("Provider", "Model", *_NUMBERS, "Note")
        cells = [row.cells for row in found]
        output.write(listed(titles, cells, output, right=_NUMBERS))
    else:
        output.write("No models are built in: ask with --live.\n")


def _of(name: str, settings: Settings, live: bool) -> list[Listed]:
    if name in PROVIDERS and not live:  # needs no key
        return catalogue(name, PROVIDERS[name].model_names(), settings)
    own = {"settings": settings} if name in PROVIDERS else {}
    with LLMFactory.create(name, **own) as llm:
        known = llm.get_available_models()
        if not live:
            return catalogue(name, known, settings)
        with Notes(verbose=False).waiting(f"Asking {name} ..."):
            offered = llm.list_models()
    names = merged(known, offered)
    rows = catalogue(name, names, settings)
    return [evolve(row, live=names[row.model]) for row in rows]
