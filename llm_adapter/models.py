"""Requests, responses and what they are made of: frozen attrs values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict, overload

from attrs import evolve, field, frozen

from . import _checks
from ._content import (
    Audio,
    Content,
    Document,
    Image,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    as_content,
    as_messages,
)
from ._names import ModelName
from ._timeout import Timeout, check_timeout
from ._usage import Attempt, Usage

__all__ = [
    "Attempt",
    "Audio",
    "CacheUse",
    "Document",
    "EmbeddingResponse",
    "FinishReason",
    "Image",
    "LLMRequest",
    "LLMResponse",
    "Message",
    "ModelName",
    "Part",
    "ReasoningDelta",
    "RequestOverrides",
    "ResponseFormat",
    "Role",
    "StreamEnd",
    "StreamEvent",
    "Text",
    "TextDelta",
    "Timeout",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "Usage",
    "as_request",
    "check_timeout",
]

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "pause", "error", "unknown"
]
ResponseFormat: TypeAlias = Mapping[str, Any] | type
CacheUse: TypeAlias = bool | Literal["refresh"]

# -- the request ----------------------------------------------------------------------


def _format(value: Any) -> ResponseFormat | None:
    if value is None or isinstance(value, type):
        return value
    if not isinstance(value, Mapping):
        raise _checks.type_error("response_format", "a mapping, a type or None", value)
    return _checks.as_mapping("response_format", value)


def _stop_sequences(value: Iterable[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return _checks.as_tuple("stop_sequences", "a sequence of strings", value)


def _tools(value: Iterable[Tool] | None) -> tuple[Tool, ...]:
    return _checks.as_tuple("tools", "a sequence of Tool", value)


def _extra_body(value: Mapping[str, Any]) -> dict[str, Any]:
    return _checks.as_mapping("extra_body", value)


def _extra_headers(value: Mapping[str, str]) -> dict[str, str]:
    return _checks.as_headers("extra_headers", value)


def _metadata(value: Mapping[str, Any]) -> dict[str, Any]:
    return _checks.as_mapping("metadata", value)


@frozen
class LLMRequest:
    """What to ask. Values that are None are left to the configured default.

    Args:
        prompt: the user's text, or a sequence of Text, Image, Document, Audio.
        system_message: instructions that stand above the conversation.
        messages: the conversation before `prompt`.
        model: overrides the adapter's default.
        temperature: None means 0.3 where the model takes it.
        max_tokens: cap on the answer; None means 2000 where that breaks nothing.
        top_p: nucleus sampling, 0 to 1.
        seed: best-effort determinism.
        stop_sequences: texts at which the answer ends.
        reasoning_effort: the provider's level, such as low, medium or high.
        response_format: {"type": "json_object"}, a JSON schema form, or a type.
        tools: functions that the model may call.
        tool_choice: auto, none, required, or a tool's name.
        parallel_tool_calls: whether one answer may call several tools.
        timeout: seconds for the whole call, or a Timeout.
        extra_body: the provider's own fields, merged last.
        extra_headers: HTTP headers to add.
        metadata: labels for ledger and traces; never sent.
        cache: to a caching service: False asks past it, "refresh" asks anew and keeps
            the new answer; never sent.
        cache_ttl: seconds that it keeps the answer; None means as long as it keeps all.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is out of range.
    """

    prompt: Content = field(default="", converter=as_content)
    system_message: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )
    messages: tuple[Message, ...] = field(
        default=(),
        kw_only=True,
        converter=as_messages,
        validator=_checks.instances(Message, "a Message or a mapping of its fields"),
    )
    model: str | None = field(default=None, kw_only=True, validator=_checks.model_name)
    temperature: float | None = field(
        default=None, kw_only=True, validator=_checks.finite
    )
    max_tokens: int | None = field(
        default=None, kw_only=True, validator=_checks.positive_integer
    )
    top_p: float | None = field(default=None, kw_only=True, validator=_checks.finite)
    seed: int | None = field(default=None, kw_only=True, validator=_checks.integer)
    stop_sequences: tuple[str, ...] | None = field(
        default=None,
        kw_only=True,
        converter=_stop_sequences,
        validator=_checks.strings,
    )
    reasoning_effort: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )
    response_format: ResponseFormat | None = field(
        default=None, kw_only=True, converter=_format
    )
    tools: tuple[Tool, ...] = field(
        default=(),
        kw_only=True,
        converter=_tools,
        validator=_checks.instances(Tool, "a Tool"),
    )
    tool_choice: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )
    parallel_tool_calls: bool | None = field(
        default=None, kw_only=True, validator=_checks.optional_boolean
    )
    timeout: float | Timeout | None = field(
        default=None, kw_only=True, validator=check_timeout
    )
    extra_body: Mapping[str, Any] = field(
        factory=dict, kw_only=True, converter=_extra_body
    )
    extra_headers: Mapping[str, str] = field(
        factory=dict,
        kw_only=True,
        converter=_extra_headers,
        validator=_checks.headers,
        repr=False,
    )
    metadata: Mapping[str, Any] = field(factory=dict, kw_only=True, converter=_metadata)
    cache: CacheUse | None = field(
        default=None, kw_only=True, validator=_checks.cache_use
    )
    cache_ttl: float | None = field(
        default=None, kw_only=True, validator=_checks.seconds
    )


class RequestOverrides(TypedDict, total=False):
    """Keyword arguments that every method takes: the fields of LLMRequest."""

    system_message: str | None
    messages: Sequence[Message]
    model: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    seed: int | None
    stop_sequences: Sequence[str] | None
    reasoning_effort: str | None
    response_format: ResponseFormat | None
    tools: Sequence[Tool]
    tool_choice: str | None
    parallel_tool_calls: bool | None
    timeout: float | Timeout | None
    extra_body: Mapping[str, Any]
    extra_headers: Mapping[str, str]
    metadata: Mapping[str, Any]
    cache: CacheUse | None
    cache_ttl: float | None


def as_request(
    request: LLMRequest | str | Sequence[Part], overrides: Mapping[str, Any]
) -> LLMRequest:
    """The request that a method was given, with its keyword overrides applied.

    >>> as_request("Hello", {"temperature": 0}).temperature
    0

    Raises:
        TypeError: neither a request nor text nor parts, or an unknown override.
    """
    known = RequestOverrides.__annotations__
    unknown = [name for name in overrides if name not in known]
    if unknown:
        raise TypeError(
            f"unknown argument {', '.join(unknown)}; known are {', '.join(known)}"
        )
    if not isinstance(request, LLMRequest):
        return LLMRequest(request, **overrides)
    return evolve(request, **overrides) if overrides else request


# -- the response ---------------------------------------------------------------------


@frozen
class LLMResponse:
    """What came back.

    Args:
        text: the answer.
        model: the model that wrote it, as the provider names it.
        finish_reason: why it ended, in the standard words.
        raw_finish_reason: the same in the provider's word.
        usage: tokens in disjoint buckets.
        generation_time: seconds from call to answer, all attempts and waits.
        tool_calls: functions that the model wants called.
        reasoning: the model's reasoning text, where the provider shows it.
        refusal: the model's words when it declined.
        provider: name of the provider.
        id: the provider's id of the answer.
        request_id: the provider's id of the request, for its support.
        cost: in US dollars; None when a price or the tokens are unknown.
        cached: the answer came from a cache.
        attempts: requests that were sent, retries included.
        history: one Attempt for each of them.
        warnings: what the caller should know, such as a retired model.
        raw: the decoded body.
        provider_items: what the provider wants back with the conversation.
    """

    text: str = ""
    model: str = ""
    finish_reason: FinishReason = field(default="stop", kw_only=True)
    raw_finish_reason: str | None = field(default=None, kw_only=True)
    usage: Usage = field(factory=Usage, kw_only=True)
    generation_time: float = field(default=0.0, kw_only=True)
    tool_calls: tuple[ToolCall, ...] = field(default=(), kw_only=True)
    reasoning: str | None = field(default=None, kw_only=True)
    refusal: str | None = field(default=None, kw_only=True)
    provider: str | None = field(default=None, kw_only=True)
    id: str | None = field(default=None, kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    cost: Decimal | None = field(default=None, kw_only=True)
    cached: bool = field(default=False, kw_only=True)
    attempts: int = field(default=1, kw_only=True)
    history: tuple[Attempt, ...] = field(default=(), kw_only=True)
    warnings: tuple[str, ...] = field(default=(), kw_only=True)
    raw: Any = field(default=None, kw_only=True, repr=False, eq=False)
    provider_items: tuple[Mapping[str, Any], ...] = field(
        default=(), kw_only=True, repr=False
    )

    @property
    def tokens_used(self) -> int | None:
        """All tokens of the call, as the provider counted them."""
        return self.usage.total_tokens

    @property
    def message(self) -> Message:
        """The answer as a turn, ready to be appended to a request's messages."""
        return Message(
            "assistant",
            self.text,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            provider_items=self.provider_items,
        )


@frozen
class EmbeddingResponse(Sequence[list[float]]):
    """Vectors, one for each text, in the order of the texts.

    >>> vectors = EmbeddingResponse([[0.5, 1.0], [0.25, 0.0]])
    >>> len(vectors), vectors[0]
    (2, [0.5, 1.0])

    Args:
        vectors: of floats, all of one length.
        model: the model that made them, as the provider names it.
        usage: tokens of the texts.
        provider: name of the provider.
        request_id: the provider's id of the request, for its support.
        cost: in US dollars; None when the price or the tokens are unknown.
        generation_time: seconds from call to answer, all attempts and waits.
        cached: they came from a cache.
        attempts: requests that were sent, retries included.
        history: one Attempt for each of them.
        warnings: what the caller should know, such as a retired model.
    """

    vectors: list[list[float]] = field(factory=list, repr=False)
    model: str = ""
    usage: Usage = field(factory=Usage, kw_only=True)
    provider: str | None = field(default=None, kw_only=True)
    request_id: str | None = field(default=None, kw_only=True)
    cost: Decimal | None = field(default=None, kw_only=True)
    generation_time: float = field(default=0.0, kw_only=True)
    cached: bool = field(default=False, kw_only=True)
    attempts: int = field(default=1, kw_only=True)
    history: tuple[Attempt, ...] = field(default=(), kw_only=True)
    warnings: tuple[str, ...] = field(default=(), kw_only=True)

    @overload
    def __getitem__(self, index: int) -> list[float]: ...

    @overload
    def __getitem__(self, index: slice) -> list[list[float]]: ...

    def __getitem__(self, index: int | slice) -> list[float] | list[list[float]]:
        return self.vectors[index]

    def __len__(self) -> int:
        return len(self.vectors)


# -- events of a stream ---------------------------------------------------------------


@frozen
class TextDelta:
    """The next piece of the answer's text."""

    text: str

    type: ClassVar[Literal["text"]] = "text"


@frozen
class ReasoningDelta:
    """The next piece of the model's reasoning."""

    reasoning: str

    type: ClassVar[Literal["reasoning"]] = "reasoning"


@frozen
class ToolCallDelta:
    """The next piece of a tool call; `id` and `name` come with its first piece."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""

    type: ClassVar[Literal["tool_call"]] = "tool_call"


@frozen
class StreamEnd:
    """The stream is complete; `response` is the whole of it."""

    response: LLMResponse

    type: ClassVar[Literal["end"]] = "end"


StreamEvent: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta | StreamEnd
