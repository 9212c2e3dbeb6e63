"""What a conversation is made of: parts, tools, tool calls, messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias

from attrs import field, fields, frozen

from . import _checks

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]

ROLES = ("system", "user", "assistant", "tool")


@frozen
class Text:
    """Plain text inside a message that also has other parts."""

    text: str = field(validator=_checks.text)


@frozen
class _Binary:
    """What Image, Document and Audio share: an address or the bytes themselves."""

    url: str | None = field(default=None, validator=_checks.optional_text)
    data: bytes | None = field(default=None, kw_only=True, repr=False)
    media_type: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )

    _kind: ClassVar[str] = ""

    def __attrs_post_init__(self) -> None:
        if bool(self.url) == (self.data is not None):
            raise ValueError(f"{type(self).__name__} needs either url= or data=")
        if self.data is None:
            return
        if not isinstance(self.data, bytes):
            raise _checks.type_error("data", "bytes", self.data)
        if self.media_type is None:
            name = type(self).__name__
            raise ValueError(
                f"{name}(data=...) needs media_type=, for example {self._kind!r}"
            )

    @classmethod
    def from_file(cls, path: str | Path, *, media_type: str | None = None) -> Self:
        """Read the file at once; the type is guessed from its name unless given."""
        import mimetypes

        guessed = media_type or mimetypes.guess_type(str(path))[0]
        return cls(data=Path(path).read_bytes(), media_type=guessed)


@frozen
class Image(_Binary):
    """A picture, by address or as bytes with a media type such as image/png."""

    detail: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )

    _kind = "image/png"


@frozen
class Document(_Binary):
    """A file such as a PDF, by address or as bytes with a media type."""

    name: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )

    _kind = "application/pdf"


@frozen
class Audio(_Binary):
    """A recording, as bytes with a media type such as audio/wav."""

    _kind = "audio/wav"


Part: TypeAlias = Text | Image | Document | Audio
Content: TypeAlias = str | tuple[Part, ...]


def as_content(value: Any) -> Content:
    """Text, or a tuple of parts."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping):
        raise _checks.type_error(
            "prompt or content", "a string or a sequence of parts", value
        )
    parts = tuple(Text(item) if isinstance(item, str) else item for item in value)
    for part in parts:
        if not isinstance(part, Text | Image | Document | Audio):
            raise _checks.type_error(
                "each part", "Text, Image, Document or Audio", part
            )
    return parts


def _parameters(value: Mapping[str, Any]) -> dict[str, Any]:
    return _checks.as_mapping("parameters", value)


@frozen
class Tool:
    """A function that the model may call.

    Args:
        name: what the model calls it.
        description: when and why to call it.
        parameters: JSON schema of its arguments, an object.
        strict: ask the provider to keep to the schema, where it can.
    """

    name: str = field(validator=_checks.text)
    description: str | None = field(default=None, validator=_checks.optional_text)
    parameters: Mapping[str, Any] = field(factory=dict, converter=_parameters)
    strict: bool | None = field(default=None, validator=_checks.optional_boolean)


def _arguments(value: Mapping[str, Any]) -> dict[str, Any]:
    return _checks.as_mapping("arguments", value)


@frozen
class ToolCall:
    """The model's wish to have a function called.

    `raw_arguments` is the text that the model wrote. When it is not a JSON object,
    `arguments` is empty and `invalid` is true.
    """

    id: str = field(validator=_checks.text)
    name: str = field(validator=_checks.text)
    arguments: Mapping[str, Any] = field(factory=dict, converter=_arguments)
    raw_arguments: str = field(default="", validator=_checks.text)
    invalid: bool = field(default=False, validator=_checks.boolean)


def _tool_calls(value: Iterable[ToolCall] | None) -> tuple[ToolCall, ...]:
    return _checks.as_tuple("tool_calls", "a sequence of ToolCall", value)


def _provider_items(
    value: Iterable[Mapping[str, Any]],
) -> tuple[Mapping[str, Any], ...]:
    items = _checks.as_tuple("provider_items", "a sequence of mappings", value)
    return tuple(_checks.as_mapping("each of provider_items", item) for item in items)


def _known_role(instance: object, attribute: Any, value: Any) -> None:
    _checks.text(instance, attribute, value)
    if value not in ROLES:
        raise ValueError(f"role is {value!r}: use one of {', '.join(ROLES)}")


@frozen
class Message:
    """One turn of a conversation.

    Args:
        role: system, user, assistant or tool.
        content: text or a sequence of parts.
        tool_calls: what the assistant wanted called.
        tool_call_id: for role tool: the call that this is the result of.
        is_error: for role tool: the call failed, content says how.
        reasoning: the assistant's reasoning text, where the provider gives it.
        provider_items: what the provider wants back unchanged, opaque to us.
    """

    role: Role = field(validator=_known_role)
    content: Content = field(default="", converter=as_content)
    tool_calls: tuple[ToolCall, ...] = field(
        default=(),
        kw_only=True,
        converter=_tool_calls,
        validator=_checks.instances(ToolCall, "ToolCall"),
    )
    tool_call_id: str | None = field(
        default=None, kw_only=True, validator=_checks.optional_text
    )
    is_error: bool = field(default=False, kw_only=True, validator=_checks.boolean)
    reasoning: str | None = field(
        default=None, kw_only=True, repr=False, validator=_checks.optional_text
    )
    provider_items: tuple[Mapping[str, Any], ...] = field(
        default=(), kw_only=True, repr=False, converter=_provider_items
    )

    def __attrs_post_init__(self) -> None:
        named = self.tool_call_id is not None
        if (self.role == "tool") != named or self.tool_call_id == "":
            raise ValueError("tool_call_id belongs to role 'tool', which needs it")


def as_messages(
    value: Iterable[Message | Mapping[str, Any]] | None,
) -> tuple[Message, ...]:
    """Messages, each given as one or as a mapping of its fields."""
    items = _checks.as_tuple("messages", "a sequence of Message", value)
    return tuple(_message(m) if isinstance(m, Mapping) else m for m in items)


def _message(values: Mapping[str, Any]) -> Message:
    known = [field.name for field in fields(Message)]
    if "role" not in values or not set(values) <= set(known):
        given = ", ".join(map(str, values)) or "none"
        raise TypeError(
            f"a message given as a mapping has the keys {given}: it needs role and "
            f"may have {', '.join(known[1:])}"
        )
    return Message(**values)
