"""Write the price files of the package from genai-prices and what is kept by hand.

genai-prices is installed for development only. A file for each provider, a line for
each model; what changed shows in the diff. `scripts/prices_by_hand.json` holds what
genai-prices does not: it fails the run where genai-prices has learned better, unless
it says that it `replaces` it. `--check` compares without writing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from genai_prices import types as genai
from genai_prices.data import providers

from llm_adapter.providers import PROVIDERS

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "llm_adapter" / "prices"
BY_HAND = ROOT / "scripts" / "prices_by_hand.json"

Fields: TypeAlias = dict[str, Any]

OURS = {
    **{name: name for name in PROVIDERS if name not in ("xai", "gemini", "local")},
    "xai": "x-ai",
    "gemini": "google",
}
"""The names of genai-prices, by ours."""

KEYS = {
    "input_mtok": "input",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_long",
    "output_mtok": "output",
}
UNTOLD = (
    *("output_audio_mtok", "output_image_mtok", "output_video_mtok"),
    *("output_citation_mtok", "output_reasoning_mtok", "requests_kcount"),
)
"""Prices of what the usage of an answer does not tell apart: such models are left out,
as what it costs would be guessed."""

TIERS = ("processing", "service_tier", "speed")
_NAMES = ("names", "prefixes")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def genai_provider(name: str) -> genai.Provider:
    """The provider of genai-prices that has our name."""
    return next(each for each in providers if each.id == OURS[name])


# -- one model ------------------------------------------------------------------------


def model_fields(model: genai.ModelInfo, *, free: bool = False) -> Fields | None:
    """A model in our form; None when its cost could not be told from its tokens."""
    listed = _conditional(model)
    if free and not any(map(_named, (each.prices for each in listed))):
        return dict.fromkeys(KEYS.values(), "0")
    if any(not _tells(each.prices) for each in listed):
        return None
    made: Fields = _as_one([_terms(each) for each in listed], "prices")
    tiers = dict(_tiers(model.price_variants or ()))
    return {**made, "tiers": tiers} if tiers else made


def _conditional(model: genai.ModelInfo) -> list[genai.ConditionalPrice]:
    if isinstance(model.prices, list):
        return model.prices
    return [genai.ConditionalPrice(prices=model.prices)]


def _named(prices: genai.ModelPrice) -> dict[str, Any]:
    return {key: each for key, each in vars(prices).items() if each is not None}


def _tells(prices: genai.ModelPrice) -> bool:
    named = _named(prices)
    return "input_mtok" in named and not any(key in named for key in UNTOLD)


def _as_one(terms: list[Fields], key: str) -> Fields:
    return terms[0] if len(terms) == 1 else {key: terms}


def _terms(each: genai.ConditionalPrice) -> Fields:
    when: Fields = {}
    match each.constraint:
        case genai.StartDateConstraint(start_date=start):
            when["from"] = start.isoformat()
        case genai.TimeOfDateConstraint(start_time=begin, end_time=end):
            when["hours"] = [_clock(begin), _clock(end)]
    return {**when, **_rates(each.prices)}


def _clock(moment: time) -> str:
    if moment.second or moment.utcoffset():
        raise SystemExit(f"{moment} is no time of the day in UTC, to the minute")
    return moment.strftime("%H:%M")


def _rates(prices: genai.ModelPrice) -> Fields:
    named = _named(prices)
    return {ours: _rate(named[key]) for key, ours in KEYS.items() if key in named}


def _rate(price: Decimal | genai.TieredPrices) -> str | dict[str, str]:
    if isinstance(price, Decimal):
        return _written(price)
    above = {str(tier.start): _written(tier.price) for tier in price.tiers}
    return {"0": _written(price.base), **above}


def _written(price: Decimal) -> str:
    plain = f"{price:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


# -- service tiers --------------------------------------------------------------------


def _tiers(variants: Iterable[genai.PriceVariant]) -> Iterator[tuple[str, Any]]:
    """Each tier with its prices; where they change, a list by the day."""
    by_name: dict[str, list[genai.PriceVariant]] = {}
    for variant in variants:
        [(kind, name), *others] = variant.when.items()
        if kind in TIERS and not others and name != "default":
            by_name.setdefault(name, []).append(variant)
    for name, own in sorted(by_name.items()):
        dated = list(_by_day(own))
        yield name, dated[0] if len(dated) == 1 else dated


def _by_day(variants: list[genai.PriceVariant]) -> Iterator[Fields]:
    """What holds from each day; of several the first counts, price by price."""
    for day in sorted({_start(each) for each in variants}):
        merged: Fields = {}
        for each in variants:
            if _start(each) <= day:
                merged = {**_rates(each.prices), **merged}
        when = {} if day == date.min else {"from": day.isoformat()}
        yield {**when, **merged}


def _start(variant: genai.PriceVariant) -> date:
    if variant.constraint is None:
        return date.min
    if isinstance(variant.constraint, genai.StartDateConstraint):
        return variant.constraint.start_date
    raise SystemExit(f"{variant} holds at certain hours, which no tier did before")


# -- names ----------------------------------------------------------------------------


def literals(clause: object) -> Iterator[tuple[str, bool]]:
    """The words of a rule, each with whether a name may go on after it.

    A rule that a name begins with, or contains, a word is taken as that word alone, so
    that no model is found by accident; dates after a name are found anyway. Only the
    names of fine-tuned models go on.
    """
    for each in (*getattr(clause, "or_", ()), *getattr(clause, "and_", ())):
        yield from literals(each)
    if isinstance(clause, genai.ClauseRegex | genai.ClauseOr | genai.ClauseAnd):
        return
    [word] = vars(clause).values()
    goes_on = isinstance(clause, genai.ClauseStartsWith)
    yield word, goes_on and (word.startswith("ft:") or word.endswith("ft-"))


def add_names(models: dict[str, Fields], known: Mapping[str, str]) -> None:
    """Give every model the names by which genai-prices finds it.

    Args:
        models: in our form, by id.
        known: their ids by words of the rules and by ids of our own catalogue.
    """
    for word, id_ in sorted(known.items()):
        if id_ in models and word != id_.lower() and word[-1].isalnum():
            models[id_].setdefault("names", []).append(word)


def _words(name: str, models: Iterable[genai.ModelInfo]) -> Iterator[str]:
    for model in models:
        yield model.id
        yield from (word for word, _ in literals(model.match))
    yield from (model.id for model in PROVIDERS[name].models)


def _known(name: str, models: list[genai.ModelInfo]) -> dict[str, str]:
    provider = genai_provider(name)
    everyone = providers if name == "azure" else None
    found = {
        word.lower(): provider.find_model(word, all_providers=everyone)
        for word in _words(name, models)
    }
    return {word: model.id for word, model in found.items() if model is not None}


def _add_prefixes(models: dict[str, Fields], source: list[genai.ModelInfo]) -> None:
    for model in source:
        going_on = sorted(word for word, goes_on in literals(model.match) if goes_on)
        if going_on and model.id in models:
            models[model.id]["prefixes"] = going_on


# -- a provider -----------------------------------------------------------------------


def upstream(name: str) -> dict[str, Fields]:
    """What genai-prices knows of a provider, in our form, by the id of the model."""
    if name not in OURS:
        return {}
    source = list(_sources(name))
    known = _known(name, source)
    models = {}
    for model in source:
        free = name == "openrouter" and model.id.endswith(":free")
        fields = model_fields(model, free=free)
        # Another model may have its id as a name, which then means the other.
        if fields is not None and known.get(model.id.lower(), model.id) == model.id:
            models[model.id] = fields
    add_names(models, known)
    _add_prefixes(models, source)
    return models


def _sources(name: str) -> Iterator[genai.ModelInfo]:
    """Its models; on Azure also those of others, at their makers' standard prices.

    Those whose price depends on the hour stay away: the hours are the maker's.
    """
    own = genai_provider(name)
    seen = {model.id for model in own.models}
    yield from own.models
    for other in own.fallback_model_providers or () if name == "azure" else ():
        for model in next(each for each in providers if each.id == other).models:
            if model.id not in seen and not _has_hours(model):
                seen.add(model.id)
                yield genai.ModelInfo(model.id, model.match, prices=model.prices)


def _has_hours(model: genai.ModelInfo) -> bool:
    constraints = (each.constraint for each in _conditional(model))
    return any(isinstance(each, genai.TimeOfDateConstraint) for each in constraints)


def with_hand_kept(
    name: str, models: dict[str, Fields], kept: Mapping[str, Any]
) -> dict[str, Fields]:
    """The models with what is kept by hand.

    Raises:
        SystemExit: genai-prices knows by now what is kept.
    """
    merged = dict(models)
    for id_, own in kept.get("models", {}).items():
        merged[id_] = _merged(f"{name}, {id_}", models.get(id_, {}), own)
    tiers = kept.get("every", {}).get("tiers", {})
    for id_, fields in merged.items() if tiers else ():
        merged[id_] = {**fields, "tiers": {**tiers, **fields.get("tiers", {})}}
    return merged


def _merged(place: str, known: Fields, own: Fields) -> Fields:
    if own.get("replaces") or not known:
        names: Fields = {key: known[key] for key in _NAMES if key in known}
        return {**names, **{key: own[key] for key in own if key != "replaces"}}
    added = {key: own[key] for key in own if key not in ("date", "source")}
    doubled = sorted(added.keys() & known.keys())
    if doubled or "prices" in known:
        raise SystemExit(
            f"{place}: genai-prices has {', '.join(doubled) or 'prices'} by now; "
            f"remove it from {BY_HAND.name}, or say that it replaces it."
        )
    return {**known, **added}


# -- files ----------------------------------------------------------------------------


def newest(today: date) -> str:
    """The newest day from which a price of genai-prices holds."""
    starts = (
        each.constraint.start_date
        for provider in providers
        for model in provider.models
        for each in (*_conditional(model), *(model.price_variants or ()))
        if isinstance(each.constraint, genai.StartDateConstraint)
    )
    return max(start for start in starts if start <= today).isoformat()


def page(name: str, models: Mapping[str, Fields], day: str) -> str:
    """The file of a provider: its head, and a line for each model, by name."""
    head = {"source": f"genai-prices {version('genai-prices')}", "date": day}
    lines = [f'"{key}": {json.dumps(each)},' for key, each in head.items()]
    rows = [f"{json.dumps(id_)}: {_row(models[id_])}" for id_ in sorted(models)]
    return "\n".join(["{", *lines, f'"{name}": {{', ",\n".join(rows), "}", "}", ""])


_ORDER = ("from", "hours", *KEYS.values(), "prices", "tiers")


def _row(fields: Fields) -> str:
    first = {key: fields[key] for key in _ORDER if key in fields}
    return json.dumps({**first, **fields}, ensure_ascii=False)


def pages(day: str) -> dict[Path, str]:
    """All files with what they hold."""
    kept = json.loads(BY_HAND.read_text("utf-8"))
    made = {}
    for name in PROVIDERS:
        models = with_hand_kept(name, upstream(name), kept.get(name, {}))
        made[TARGET / f"{name}.json"] = page(name, models, day)
    return made


def shipped_day() -> str:
    """The date in the files that are there."""
    head = (TARGET / "openai.json").read_text("utf-8")
    found = _DATE.search(head)
    return found[0] if found else ""


def differing(made: Mapping[Path, str]) -> list[str]:
    """Names of files that are not as they would be written, or that nobody writes."""
    there = {path: path.read_text("utf-8") for path in TARGET.glob("*.json")}
    return sorted(
        path.name for path in {*made, *there} if made.get(path) != there.get(path)
    )


def main(arguments: list[str]) -> str | None:
    """Write the files, or compare them; what is wrong, if anything is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--date", help="of the prices; default: their newest change")
    options = parser.parse_args(arguments)
    if options.check:
        names = differing(pages(options.date or shipped_day()))
        return f"differ: {', '.join(names)}; run {sys.argv[0]}" if names else None
    TARGET.mkdir(exist_ok=True)
    for path, text in pages(options.date or newest(date.today())).items():
        path.write_text(text, "utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
