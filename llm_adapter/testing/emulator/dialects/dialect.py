"""What a provider's dialect is: a request and a reply in, an answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from .. import faults, json_bytes
from ..replies import Fault, Reply
from ..wire import Answer
from .events import Event, broken, event_stream
from .payload import Payload, Types

REQUEST_ID = "01emulator0request0id00000"
"""Stands in answers for the 26 characters that make each request's ids unique."""

CREATED = 1_795_305_600
"""2026-11-22, in Unix seconds: answers do not depend on the clock."""

HEEDED = ("authorization", "x-api-key", "anthropic-version")
"""Header fields that an answer may depend on."""


@frozen
class Call:
    """What of a request decides about its answer; hashable, so that answers can be."""

    method: str
    endpoint: str
    """The path under the provider's prefix, such as `/chat/completions`."""
    query: str
    fields: tuple[tuple[str, str], ...]
    """Those of HEEDED that came, with lower-case names."""
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.fields if each == name), None)

    @property
    def last(self) -> str:
        """What follows the endpoint's first segment: a model's name, or nothing.

        >>> Call("GET", "/models/openai/gpt-oss-20b", "", (), b"").last
        'openai/gpt-oss-20b'
        """
        return self.endpoint.removeprefix("/").partition("/")[2]


Said = Mapping[str, Any] | tuple[Event, ...]
"""The body of an answer as a JSON object, or a stream's events."""


@frozen(eq=False, kw_only=True)
class Endpoint:
    """One thing that can be asked of a provider."""

    say: Callable[[Call, Payload, Reply], Said]
    words: Callable[[Fault], Reply]
    """A fault's status, with an error object or a refusal, as it is said here."""
    check: Callable[[Call, Payload], Reply | None]
    """The refusal of a request, or None."""
    types: Types = field(factory=dict)
    """The JSON types of the payload's fields."""
    failure: Callable[[Fault, Payload, int], tuple[bytes, ...]] | None = None
    """The events of a fault in mid-stream, after so many others."""
    failed: Callable[[Fault, Payload], Mapping[str, Any] | None] | None = None
    """The body of that fault where no stream was asked; None: as any error."""


@frozen(eq=False, kw_only=True)
class Dialect:
    """The endpoints of a provider, and what they have in common."""

    endpoints: Mapping[str, Endpoint]
    """By method and path; `/*` stands for the rest of a path."""
    admit: Callable[[Call], Reply | None]
    """The refusal of a request by its header fields, or None."""
    envelope: Callable[[Mapping[str, Any]], dict[str, Any]]
    """The body around an error object."""
    headers: Callable[[int], Mapping[str, str]]
    """Header fields of every answer with a status; REQUEST_ID where an id belongs."""
    unknown: Callable[[str, str], Reply]
    """The refusal of a method and a path that do not exist."""

    def offers(self, method: str, path: str) -> bool:
        """Whether there is such an endpoint."""
        return self._key(method, path) in self.endpoints

    def _key(self, method: str, path: str) -> str:
        below = "/".join(path.split("/", 2)[:2])
        whole, wild = f"{method} {path}", f"{method} {below}/*"
        return whole if whole in self.endpoints else wild

    def answer(self, call: Call, reply: Reply) -> Answer:
        """The answer to a call at one of these endpoints, by the reply's content."""
        endpoint = self.endpoints[self._key(call.method, call.endpoint)]
        payload = Payload.read(call.body, endpoint.types)
        if reply.is_checked:
            refusal = self.admit(call) or endpoint.check(call, payload)
            reply = reply if refusal is None else reply | refusal
        if reply.status >= 400 and reply.error is None and not reply.has_content:
            reply |= faults.status(reply.status)
        reply = worded(reply, endpoint.words)
        if reply.error is not None:
            return self.json(reply.status, self.envelope(reply.error))
        if reply.stream_error is not None and not payload.stream:
            return self.json(reply.status, self._failed(endpoint, payload, reply))
        said = endpoint.say(call, payload, reply)
        if not isinstance(said, tuple):
            return self.json(reply.status, said)
        if reply.stream_error is not None:
            said = self._broken(endpoint, payload, said, reply)
        return self._stream(reply.status, said)

    def not_found(self, method: str, path: str) -> Answer:
        """The answer where there is no such endpoint."""
        reply = self.unknown(method, path)
        if reply.body is None:
            return self.json(reply.status, self.envelope(reply.error or {}))
        headers = {"content-type": "text/plain", **self.headers(reply.status)}
        return Answer(reply.status, headers, (reply.body,))

    def json(self, status: int, body: Any) -> Answer:
        headers = {"content-type": "application/json", **self.headers(status)}
        return Answer(status, headers, (json_bytes.encode(body),))

    def _stream(self, status: int, events: tuple[Event, ...]) -> Answer:
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-cache",
            **self.headers(status),
        }
        return event_stream(status, headers, events)

    def _broken(
        self,
        endpoint: Endpoint,
        payload: Payload,
        events: tuple[Event, ...],
        reply: Reply,
    ) -> tuple[Event, ...]:
        """The events up to where the error strikes, and the error."""
        kept = broken(events, reply.error_after)
        fault, name = reply.stream_error, reply.error_event
        if not isinstance(fault, Fault):
            return (*kept, Event.of(fault, name=name))
        if endpoint.failure is not None:
            last = endpoint.failure(fault, payload, len(kept))
            return (*kept, *map(Event, last))
        if fault.kind == "error_lost":
            return kept
        return (*kept, Event.of(self._error(endpoint, fault), name=name))

    def _failed(self, endpoint: Endpoint, payload: Payload, reply: Reply) -> Any:
        """The error of a stream that was not asked for, as a body."""
        fault = reply.stream_error
        if not isinstance(fault, Fault):
            return fault
        own = endpoint.failed and endpoint.failed(fault, payload)
        return own or self._error(endpoint, fault)

    def _error(self, endpoint: Endpoint, fault: Fault) -> dict[str, Any]:
        return self.envelope(endpoint.words(fault).error or fault)


def worded(reply: Reply, words: Callable[[Fault], Reply]) -> Reply:
    """The reply with its fault in these words; a status that was changed stays."""
    fault = reply.error
    if not isinstance(fault, Fault):
        return reply
    said = words(fault)
    status = said.status if reply.status == fault.status else reply.status
    refusal = said.refusal or reply.refusal
    return evolve(reply, error=said.error, status=status, refusal=refusal)


@frozen(eq=False)
class Provider:
    """A row of the table: where a provider lives, and how it speaks."""

    name: str
    prefix: str
    dialect: Dialect


def bearer(call: Call) -> str | None:
    """The key in `Authorization: Bearer <key>`.

    >>> fields = (("authorization", "Bearer k"),)
    >>> bearer(Call("GET", "/models", "", fields, b""))
    'k'
    """
    scheme, _, key = (call.header("authorization") or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
