"""What a provider is to us: an endpoint, a dialect, its quirks and its models. Data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from attrs import Factory, field, frozen

from .._content import Content
from .._replace import replace
from .._wire.openai_chat import ChatQuirks
from ..errors import LLMUnsupportedFeatureError
from ..models import Audio, Document, Image, LLMRequest, Part, Text

T = TypeVar("T")
DEFAULT_TEMPERATURE = 0.3
DEFAULT_MAX_TOKENS = 2000


@frozen(kw_only=True)
class Price:
    """US dollars per million tokens; None where the provider has no such price."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None


@frozen(kw_only=True)
class Model:
    """What is known of a model.

    Args:
        id: the provider's name of it.
        context_window: tokens of prompt and answer together.
        max_output: tokens of the longest answer.
        reasoning: spends output tokens on reasoning first.
        efforts: values of reasoning_effort that it takes, None when not known.
        price: per million tokens, None when not known.
        retired: date of its shutdown (ISO), None while it is offered.
        replacement: what to use instead once it is retired.
    """

    id: str
    context_window: int | None = None
    max_output: int | None = None
    reasoning: bool = False
    efforts: tuple[str, ...] | None = None
    price: Price | None = None
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
class Provider:
    """An endpoint and how to speak to it.

    Args:
        name: as in LLM_PROVIDER.
        base_url: where its API lives.
        base_path: path of the API on its host, for a base URL without one.
        key_variable: environment variable of its key.
        url_variable: environment variable of its base URL.
        default_model: what is used when nobody names a model.
        models: the catalogue, current ones first.
        quirks: how its Chat Completions differ.
        parts: kinds of content that it takes beside text.
        max_stop_sequences: how many of them one request may hold.
    """

    name: str
    base_url: str
    base_path: str
    key_variable: str
    url_variable: str
    default_model: str
    models: tuple[Model, ...]
    quirks: ChatQuirks
    parts: tuple[type, ...] = ()
    max_stop_sequences: int | None = None
    _by_id: Mapping[str, Model] = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(
            lambda self: {model.id: model for model in self.models}, takes_self=True
        ),
    )

    def model(self, name: str) -> Model | None:
        """What is known of a model; None for one that is not in the catalogue."""
        return self._by_id.get(name)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {api_key}"}


@frozen(kw_only=True)
class Defaults:
    """What a request that says nothing means; None: not set by anyone."""

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


def complete(request: LLMRequest, provider: Provider, defaults: Defaults) -> LLMRequest:
    """The request with what it left open, as far as its model takes it.

    Raises:
        ValueError: there is nothing to answer, or the request contradicts itself.
        LLMUnsupportedFeatureError: the provider cannot do what is asked.
    """
    name = request.model or defaults.model or provider.default_model
    model = provider.model(name)
    # A reasoning model may spend the whole default before its first word.
    most = None if model and model.reasoning else DEFAULT_MAX_TOKENS
    check_request(request)
    _check_features(request, provider, name, model)
    return replace(
        request,
        model=name,
        temperature=_first(
            request.temperature, defaults.temperature, DEFAULT_TEMPERATURE
        ),
        max_tokens=_first(request.max_tokens, defaults.max_tokens, most),
    )


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


def check_request(request: LLMRequest) -> None:
    """What no provider could answer.

    Raises:
        ValueError: an empty prompt without messages, or a tool_choice without its tool.
    """
    if _is_blank(request.prompt) and not request.messages:
        raise ValueError(
            "the prompt is empty: give a prompt, or messages to go on from"
        )
    choice = request.tool_choice
    if choice is None or choice in ("auto", "none"):
        return
    names = [tool.name for tool in request.tools]
    if choice not in names and (choice != "required" or not names):
        raise ValueError(f"tool_choice is {choice!r}, but the tools are {names}")


def _is_blank(content: Content) -> bool:
    parts = (Text(content),) if isinstance(content, str) else content
    return all(isinstance(part, Text) and not part.text.strip() for part in parts)


def _check_features(
    request: LLMRequest, provider: Provider, name: str, model: Model | None
) -> None:
    for part in _parts(request):
        if isinstance(part, Image | Document | Audio):
            _require(
                isinstance(part, provider.parts), type(part).__name__, provider, name
            )
    limit = provider.max_stop_sequences
    stops = request.stop_sequences or ()
    few = limit is None or len(stops) <= limit
    _require(few, f"stop_sequences with more than {limit} entries", provider, name)
    effort = request.reasoning_effort
    if effort is not None and model is not None and model.efforts is not None:
        allowed = ", ".join(model.efforts) or "no value"
        feature = f"reasoning_effort={effort!r} (it takes {allowed})"
        _require(effort in model.efforts, feature, provider, name)


def _parts(request: LLMRequest) -> list[Part]:
    contents = [request.prompt, *(message.content for message in request.messages)]
    return [part for c in contents if not isinstance(c, str) for part in c]


def _require(condition: bool, feature: str, provider: Provider, model: str) -> None:
    if not condition:
        raise LLMUnsupportedFeatureError(
            f"{provider.name} cannot do this with {model}: {feature}. "
            "Nothing was sent.",
            feature=feature.split(maxsplit=1)[0].partition("=")[0],
            provider=provider.name,
            model=model,
        )
