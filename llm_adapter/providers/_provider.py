"""What a provider is to us: an endpoint, its dialects and its models. Data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from attrs import Factory, field, frozen

from .._wire.dialect import Dialect
from .._wire.traits import PLAIN, Traits
from ..models import ModelName

_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d\d-\d\d|\d{4})\Z")


@frozen(kw_only=True)
class Model:
    """A row of a provider's catalogue.

    Args:
        id: the provider's name of it.
        context_window: tokens of prompt and answer together.
        max_output: tokens of the longest answer.
        retired: date of its shutdown (ISO), None while it is offered.
        replacement: what to use instead once it is retired.
    """

    id: str
    context_window: int | None = None
    max_output: int | None = None
    retired: str | None = None
    replacement: str | None = None

    @property
    def warning(self) -> str | None:
        """What to tell a caller that asks for a retired model."""
        if self.retired is None:
            return None
        return (
            f"The model {self.id} was retired in {self.retired}; "
            f"use {self.replacement} instead."
        )


@frozen(kw_only=True)
class EmbeddingApi:
    """How a provider makes embeddings.

    Args:
        model: what is used when nobody names one.
        encoding: how vectors are asked for; base64 is a quarter of the bytes.
        dimensions: whether the length of the vectors can be chosen.
    """

    model: str | None = None
    encoding: Literal["float", "base64"] = "float"
    dimensions: bool = True


@frozen(kw_only=True)
class Provider:
    """An endpoint and how to speak to it.

    Args:
        name: as in LLM_PROVIDER.
        base_url: where its API lives; empty where every customer has an own address.
        base_path: path of the API on its host, for a base URL without one.
        appends_path: to which base URLs the path is added: those that are "bare",
            also the one of the "variable", or "always" where it is missing.
        key_variable: environment variable of its key.
        url_variable: environment variable of its base URL.
        key_required: whether it answers nobody without a key.
        key_header: the header of the key; None sends it as a Bearer token.
        token_variable: environment variable of a Bearer token, used without a key.
        headers: that every request carries.
        header_variables: headers whose value an environment variable gives.
        dialects: that it speaks, the one for plain requests first.
        switches_api: whether another dialect is taken when the first cannot say all of
            a request, or the model wants another; else that is the caller's choice.
        families: patterns of model names, the first that matches counts.
        models: the catalogue, current ones first.
        default_model: what is used when nobody names a model.
        model_from_server: whether it is then the first that the server lists.
        reasoning_max_tokens: cap on answers of models that reason, where the provider
            insists on one.
        parts: kinds of content that it takes beside text.
        max_stop_sequences: how many of them one request may hold.
        embeddings: how it makes them, None when it does not.
        token_count: path that counts the tokens of a request, by dialect.
        pages: whether the list of models comes in pages.
    """

    name: str
    base_url: str
    base_path: str
    key_variable: str
    dialects: tuple[Dialect, ...]
    switches_api: bool = False
    url_variable: str = ""
    appends_path: Literal["bare", "variable", "always"] = "bare"
    key_required: bool = True
    key_header: str | None = None
    token_variable: str | None = None
    headers: Mapping[str, str] = field(factory=dict)
    header_variables: Mapping[str, str] = field(factory=dict)
    families: tuple[tuple[str, Traits], ...] = ()
    models: tuple[Model, ...] = ()
    default_model: str | None = None
    model_from_server: bool = False
    reasoning_max_tokens: int | None = None
    parts: tuple[type, ...] = ()
    max_stop_sequences: int | None = None
    embeddings: EmbeddingApi | None = None
    token_count: Mapping[str, str] = field(factory=dict)
    pages: bool = False
    _by_id: Mapping[str, Model] = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(
            lambda self: {model.id: model for model in self.models}, takes_self=True
        ),
    )
    _traits: dict[str, Traits] = field(init=False, repr=False, eq=False, factory=dict)

    def model(self, name: str) -> Model | None:
        """What is known of a model, or of the one that it is a dated snapshot of."""
        known = self._by_id.get(name)
        return known or self._by_id.get(_SNAPSHOT.sub("", name))

    def traits(self, name: str) -> Traits:
        """How a model behaves."""
        known = self._traits.get(name)
        if known is None:
            known = self._family(name)
            if len(self._traits) < _REMEMBERED:
                self._traits[name] = known
        return known

    def _family(self, name: str) -> Traits:
        found = (traits for start, traits in self.families if re.match(start, name))
        return next(found, PLAIN)

    def model_names(self) -> list[str]:
        """The catalogue's names, current ones first; retired ones are marked so."""
        return [
            ModelName(model.id, retired=model.retired, replacement=model.replacement)
            for model in self.models
        ]

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        if self.key_header is not None:
            return {self.key_header: api_key}
        return {"Authorization": f"Bearer {api_key}"}


_REMEMBERED = 1_000
