"""What to answer, at what pace, and where to break."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from attrs import Attribute, evolve, field, fields, frozen
from attrs.validators import ge, in_, optional

from . import json_bytes

Point = Literal["connect", "status", "headers", "body", "before_finish", "before_done"]
Stop = Literal["end", "close", "reset", "stall"]
Encoding = Literal["gzip", "deflate", "br"]

Kind = Literal[
    "status",
    "rate_limited",
    "quota_exhausted",
    "request_too_large",
    "context_length_exceeded",
    "model_not_found",
    "invalid_api_key",
    "overloaded",
    "server_error",
    "content_policy",
    "stream_error",
    "error_lost",
    "response_failed",
]

_not_negative = ge(0.0)
_positive = optional(ge(1))


class Fault(dict[str, Any]):
    """An error object in Groq's words, which other dialects say in their own.

    Args:
        words: the error object as Groq says it.
        kind: what went wrong.
        status: that Groq has for it.
        facts: what other words are made of, such as the model.
    """

    def __init__(
        self,
        words: Mapping[str, Any],
        kind: Kind,
        status: int = 200,
        **facts: Any,
    ) -> None:
        super().__init__(words)
        self.kind = kind
        self.status = status
        self.facts: Mapping[str, Any] = facts


def _as_bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape")
    return json_bytes.encode(body)


def _check_json(reply: Reply, attribute: Attribute[Any], value: Any) -> None:
    """Fails here, in the test, rather than later in the server's thread."""
    json_bytes.encode(value)


def _check_encoding(reply: Reply, attribute: Attribute[Any], value: Any) -> None:
    if value == "br":
        importlib.import_module("brotli")


def _check_stop_at(reply: Reply, attribute: Attribute[Any], value: Any) -> None:
    known = value is None or value in get_args(Point)
    position = isinstance(value, int) and value >= 0
    fraction = isinstance(value, float) and 0.0 <= value <= 1.0
    if not (known or position or fraction):
        raise ValueError(
            f"stop_at={value!r}: give bytes (int), a fraction from 0.0 to 1.0, or one "
            f"of {', '.join(get_args(Point))}"
        )


def _check_stop(reply: Reply, attribute: Attribute[Any], value: Any) -> None:
    if value not in get_args(Stop):
        raise ValueError(f"stop={value!r}: give one of {', '.join(get_args(Stop))}")
    if value != "close" and reply.stop_at is None:
        raise ValueError(f"stop={value!r} needs stop_at: where to stop")


def _check_ping(reply: Reply, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"ping={value!r}: give the seconds between two pings")
    if value is not None and (reply.chunk or reply.encoding or reply.pad):
        raise ValueError("ping goes with none of chunk, encoding and pad")


@frozen(kw_only=True)
class Reply:
    """One answer. `Reply()` is what the provider would say; each field changes it.

    Replies compose: in `faults.server_error() | faults.gzip()` the fields that the
    right one sets win. A reply that sets content, a status, an error or a body is
    given without the provider's checks of key, model and parameters.
    """

    # Content, in the words of the provider that was asked.
    text: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    """Why the model declines; plain text where a provider has no form for it."""
    tool_calls: tuple[tuple[str, str | Mapping[str, Any]], ...] = field(
        default=(), validator=_check_json
    )
    """Name and arguments of each call; arguments as a string are sent as they are."""
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = field(default=None, validator=_check_json)
    """Laid over the counts that the emulator makes up."""
    model: str | None = None
    error: Mapping[str, Any] | None = field(default=None, validator=_check_json)
    """The provider's error object, without its envelope; a Fault is said by each in its
    own words, and with its own status where `status` is the Fault's."""

    # Content of a stream.
    deltas: int | None = field(default=None, validator=_positive)
    """Pieces that the text, or each call's arguments, is cut into; None: per word."""
    stream_error: Any = field(default=None, validator=_check_json)
    """Sent as an event in the middle; alone, as a body, where no stream was asked. The
    whole data object, or a Fault."""
    error_event: str | None = "error"
    """The name of that event; None sends plain data. Where a provider names no events,
    a Fault has no name either."""
    error_after: int = field(default=2, validator=ge(0))
    """Deltas before that event."""

    # The raw response.
    status: int = field(default=200, validator=[ge(200)])
    headers: Mapping[str, str | None] = field(factory=dict)
    """Laid over the provider's; None removes one."""
    body: Any = field(default=None, converter=_as_bytes)
    """Instead of content: bytes, text, or a JSON value other than None."""
    content_type: str | None = None
    encoding: Encoding | None = field(
        default=None, validator=[in_((None, *get_args(Encoding))), _check_encoding]
    )
    pad: int = field(default=0, validator=ge(0))
    """Spaces before the body, in bytes; made while they are sent, never held."""
    length: int | None = field(default=None, validator=optional(ge(0)))
    """A Content-Length in bytes, whatever the truth is."""

    # Timing, in seconds and bytes.
    delay: float = field(default=0.0, converter=float, validator=_not_negative)
    """Before the first byte; with `ping`, after the head."""
    interval: float = field(default=0.0, converter=float, validator=_not_negative)
    """Between the events of a stream, or between the writes that `chunk` makes."""
    chunk: int | None = field(default=None, validator=_positive)
    """Bytes of the body per write."""
    head_chunk: int | None = field(default=None, validator=_positive)
    """Bytes of status line and header fields per write."""
    ping: float | None = field(default=None, validator=_check_ping)
    """Between the SSE comments that a stream sends while it waits or stalls."""

    # Breaking.
    stop_at: int | float | Point | None = field(default=None, validator=_check_stop_at)
    """Where to break off: bytes on the wire (int), a fraction of the whole (float),
    or a named point. With `stop="end"` both count in the body alone."""
    stop: Stop = field(default="close", validator=_check_stop)
    """How: `end` the HTTP message as if it were whole, `close` the connection,
    `reset` it, or `stall` with it open."""

    def __or__(self, other: Self) -> Self:
        changed = {
            each.name: value
            for each in fields(type(self))
            if (value := getattr(other, each.name)) != each.default
        }
        changed["headers"] = {**self.headers, **other.headers}
        return evolve(self, **changed)

    @property
    def has_content(self) -> bool:
        said = (self.text, self.reasoning, self.refusal)
        return any(each is not None for each in said) or bool(self.tool_calls)

    @property
    def is_checked(self) -> bool:
        """Whether the provider's own checks of the request come first."""
        return (
            self.status == 200
            and not self.has_content
            and self.error is self.stream_error is self.body is None
        )

    @property
    def strikes_early(self) -> bool:
        """Whether a connection breaks as it opens, before it has asked anything."""
        return self.stop_at == "connect" and self.stop in ("close", "reset")
