"""A request made whole for a provider: defaults, checks, and the API that takes it."""

from __future__ import annotations

from typing import TypeVar

from attrs import frozen

from .._content import Content
from .._replace import replace
from .._wire.dialect import Dialect
from .._wire.kept import without_foreign
from .._wire.traits import Traits, holds
from ..errors import LLMConfigurationError, LLMUnsupportedFeatureError
from ..models import Audio, Document, Image, LLMRequest, Part, Text
from ._provider import Provider

T = TypeVar("T")
DEFAULT_TEMPERATURE = 0.3
DEFAULT_MAX_TOKENS = 2000


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
        LLMConfigurationError: nobody has named a model.
        LLMUnsupportedFeatureError: the provider cannot do what is asked.
    """
    name = request.model or defaults.model or provider.default_model or ""
    if not name and not provider.model_from_server:
        raise LLMConfigurationError(
            f"No model for {provider.name}: pass model=, or set LLM_MODEL.",
            provider=provider.name,
        )
    traits = provider.traits(name)
    check_request(request)
    _check_features(request, provider, name, traits)
    reasoning = traits.reasoning(request.reasoning_effort)
    takes_temperature = holds(traits.sampling, reasoning=reasoning)
    return replace(
        request,
        model=name,
        messages=tuple(
            without_foreign(message, provider.name) for message in request.messages
        ),
        temperature=_first(
            request.temperature,
            defaults.temperature,
            DEFAULT_TEMPERATURE if takes_temperature else None,
        ),
        max_tokens=_first(
            request.max_tokens,
            defaults.max_tokens,
            # Reasoning may spend the whole default before the answer's first word.
            provider.reasoning_max_tokens if reasoning else DEFAULT_MAX_TOKENS,
        ),
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
    request: LLMRequest, provider: Provider, name: str, traits: Traits
) -> None:
    for part in _parts(request):
        if isinstance(part, Image | Document | Audio):
            _require(
                isinstance(part, provider.parts), type(part).__name__, provider, name
            )
    for field in traits.lacks:
        given = getattr(request, field) not in (None, (), "")
        _require(not given, field, provider, name)
    limit = provider.max_stop_sequences
    stops = request.stop_sequences or ()
    few = limit is None or len(stops) <= limit
    _require(few, f"stop_sequences with more than {limit} entries", provider, name)
    effort = request.reasoning_effort
    if effort is not None and traits.efforts is not None:
        allowed = ", ".join(traits.efforts) or "no value"
        feature = f"reasoning_effort={effort!r} (it takes {allowed})"
        _require(effort in traits.efforts, feature, provider, name)


def _parts(request: LLMRequest) -> list[Part]:
    contents = [request.prompt, *(message.content for message in request.messages)]
    return [part for c in contents if not isinstance(c, str) for part in c]


def _require(condition: bool, feature: str, provider: Provider, model: str) -> None:
    if not condition:
        raise unsupported(feature, provider.name, model)


def unsupported(feature: str, provider: str, model: str) -> LLMUnsupportedFeatureError:
    """The error for a feature, whose first word names it."""
    return LLMUnsupportedFeatureError(
        f"{provider} cannot do this with {model}: {feature}. Nothing was sent.",
        feature=feature.split(maxsplit=1)[0].partition("=")[0],
        provider=provider,
        model=model,
    )


# -- the API --------------------------------------------------------------------------


def check_api(provider: Provider, api: str) -> str:
    """The name of one of the provider's APIs, or auto.

    Raises:
        LLMConfigurationError: it has no such API.
    """
    known = ["auto", *(dialect.name for dialect in provider.dialects)]
    if api not in known:
        raise LLMConfigurationError(
            f"api is {api!r:.80}: {provider.name} has {', '.join(known)}.",
            provider=provider.name,
        )
    return api


def choose_dialect(
    request: LLMRequest, provider: Provider, traits: Traits, api: str = "auto"
) -> Dialect:
    """The dialect that can say all of a request.

    Args:
        request: complete.
        provider: whose dialects they are.
        traits: of the request's model.
        api: the one dialect that may be used, or auto.

    Raises:
        LLMUnsupportedFeatureError: none can.
    """
    if api == "auto" and not provider.switches_api:
        api = provider.dialects[0].name
    candidates = [each for each in provider.dialects if api in ("auto", each.name)]
    if len(candidates) > 1:
        wanted = _preferred_api(request, traits)
        candidates.sort(key=lambda dialect: dialect.name != wanted)
    refused = None
    for dialect in candidates:
        feature = dialect.unsupported(request, traits)
        if feature is None:
            return dialect
        refused = refused or feature
    raise unsupported(refused or "", provider.name, request.model or "")


def _preferred_api(request: LLMRequest, traits: Traits) -> str | None:
    # Another dialect would lose what one has kept of the conversation.
    for message in reversed(request.messages):
        for label in message.provider_items:
            return str(label.get("dialect"))
    return (traits.tools_api if request.tools else None) or traits.api
