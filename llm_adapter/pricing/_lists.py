"""Lists of prices: which ship with the package, which are one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec
from attrs import evolve

from ..errors import LLMConfigurationError
from ._prices import ModelPrice
from ._reading import Place, as_table, read_date, read_model, read_names, read_text

_HEAD = ("date", "source")
_REMEMBERED = 1_000
_SNAPSHOT = re.compile(r"[-@](\d{8}|\d{4}-\d\d-\d\d|00\d)\Z")
_DIRECTORY = Path(__file__).parents[1] / "prices"


class Catalogue:
    """The prices of one provider's models; each is read when it is first asked for."""

    def __init__(
        self,
        place: Place,
        models: Mapping[str, Any],
        *,
        date: date | None = None,
        source: str | None = None,
    ) -> None:
        self._models = models
        self._place = place
        self._date = date
        self._source = source
        self._names: dict[str, str] = {}
        self._prefixes: dict[str, str] = {}
        self._found: dict[str, ModelPrice | None] = {}
        for model, fields in models.items():
            for name in fields.get("names", ()):
                self._names[name.lower()] = model
            for prefix in fields.get("prefixes", ()):
                self._prefixes[prefix.lower()] = model
        self._names.update((model.lower(), model) for model in models)

    def find(self, name: str) -> ModelPrice | None:
        """What is known of a model, or of the one that it is a dated snapshot of."""
        try:
            return self._found[name]
        except KeyError:
            model = self._model(name.lower())
            found = None if model is None else self.read(model)
            if len(self._found) < _REMEMBERED:
                self._found[name] = found
            return found

    def _model(self, name: str) -> str | None:
        names = self._names
        for each in (name, _SNAPSHOT.sub("", name), name.removeprefix("models/")):
            if each in names:
                return names[each]
        starts = (model for start, model in self._prefixes.items() if _is(start, name))
        return next(starts, names.get("*"))

    def read(self, model: str) -> ModelPrice:
        """The price that stands under a name.

        Raises:
            LLMConfigurationError: it cannot be read.
        """
        read = read_model((*self._place, model), self._models[model])
        return evolve(
            read, date=read.date or self._date, source=read.source or self._source
        )


def _is(start: str, name: str) -> bool:
    return name.startswith(start) and len(name) > len(start)


class PriceList:
    """Prices of one's own, laid over those that ship with the package.

    Args:
        prices: provider -> model -> prices, as in a file.
        name: of where they come from, for messages.

    Raises:
        LLMConfigurationError: they cannot be read; names place, value and what may be.

    >>> own = PriceList({"groq": {"my-model": {"input": "0.10", "output": "0.20"}}})
    >>> own.find("groq", "my-model").source
    'prices'
    """

    def __init__(self, prices: Mapping[str, Any], *, name: str = "prices") -> None:
        table = as_table((name,), prices, "a table of providers")
        day = read_date((name, "date"), table.get("date"))
        source = read_text((name, "source"), table.get("source"))
        self._name = name
        self._catalogues = {
            provider.lower(): _checked(
                (name, provider), models, date=day, source=source or name
            )
            for provider, models in table.items()
            if provider not in _HEAD
        }

    @classmethod
    def read(cls, file: str | Path) -> Self:
        """The prices in a file, JSON or by its name (.toml) TOML.

        Raises:
            LLMConfigurationError: it cannot be read; names file, place and value.
        """
        name = f"The prices file {str(file)!r}"
        try:
            found = _decoded(Path(file))
        except (OSError, ValueError, RecursionError) as error:
            raise LLMConfigurationError(f"{name} cannot be read: {error}") from None
        return cls(found, name=name)

    def find(self, provider: str, model: str) -> ModelPrice | None:
        """What is known of a provider's model."""
        catalogue = self._catalogues.get(provider)
        return None if catalogue is None else catalogue.find(model)

    def __repr__(self) -> str:
        return f"PriceList({self._name}: {', '.join(self._catalogues)})"


def _checked(
    place: Place, value: object, *, date: date | None, source: str
) -> Catalogue:
    models = as_table(place, value, "a table of models")
    for model, fields in models.items():
        for key in ("names", "prefixes"):
            table = as_table((*place, model), fields)
            read_names((*place, model, key), table.get(key, ()))
    catalogue = Catalogue(place, models, date=date, source=source)
    for model in models:
        catalogue.read(model)
    return catalogue


def _decoded(file: Path) -> Any:
    from decimal import Decimal

    text = file.read_text("utf-8-sig")
    if file.suffix.lower() == ".toml":
        import tomllib

        return tomllib.loads(text, parse_float=Decimal)
    return msgspec.json.Decoder(float_hook=Decimal).decode(text)


# -- what ships -----------------------------------------------------------------------

_shipped: dict[str, Catalogue] = {}


def shipped(provider: str) -> Catalogue:
    """The prices that ship with the package; none for a provider without a file."""
    known = _shipped.get(provider)
    if known is None:
        known = _load(provider)
        if len(_shipped) < _REMEMBERED:
            _shipped[provider] = known
    return known


def _load(provider: str) -> Catalogue:
    if not (provider.isascii() and provider.isalnum()):
        return Catalogue((provider,), {})
    try:
        data = (_DIRECTORY / f"{provider}.json").read_bytes()
    except FileNotFoundError:
        return Catalogue((provider,), {})
    found = msgspec.json.decode(data)
    return Catalogue(
        (provider,),
        found[provider],
        date=date.fromisoformat(found["date"]),
        source=found["source"],
    )
