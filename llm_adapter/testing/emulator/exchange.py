"""From a request to the steps of its response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count

from attrs import define, evolve, field

from . import faults, json_bytes
from .dialects import HEEDED, PROVIDERS, REQUEST_ID, Call, Provider, provider_of
from .http import BadRequest, Request
from .ledger import Ledger, Seen
from .pace import Finish, Step, perform
from .replies import Reply
from .script import Script
from .wire import Answer, whole

_CACHED = 64 * 1024
"""Bytes of a request up to which its default answer is remembered."""

Located = tuple[Provider, Call]

_NOTHING = Answer(200, {}, ())


@define(eq=False)
class Exchange:
    """What all connections share: the script, the ledger, and how to answer."""

    script: Script
    ledger: Ledger
    latency: float
    """Seconds before every answer."""
    seed: int
    on_request: Callable[[Seen], None] | None = None
    _serial: Iterator[int] = field(factory=lambda: count(1))
    _last: tuple[Located | None, Reply | None, Answer] = (None, None, _NOTHING)

    def steps(self, request: Request, connection: int) -> Iterator[Step]:
        """Books the request and answers it."""
        seen = self.ledger.received(request, connection)
        if self.on_request is not None:
            self.on_request(seen)
        identity = request_id(self.seed, next(self._serial))
        return self._steps(request, identity)

    def _steps(self, request: Request, identity: str) -> Iterator[Step]:
        keep_alive = request.keep_alive
        located = locate(request)
        if located is None:
            answer = unknown_url(request).replaced(REQUEST_ID, identity)
            return perform(answer, Reply(), keep_alive=keep_alive)
        reply = self.script.take()
        if reply is None:
            data = prebuilt(*located).replace(REQUEST_ID.encode(), identity.encode())
            finish = Finish(data, "keep" if keep_alive else "close", whole=True)
            return iter((self.latency, finish) if self.latency else (finish,))
        answer = self._answer(located, reply).replaced(REQUEST_ID, identity)
        return perform(answer, reply, keep_alive=keep_alive, latency=self.latency)

    def _answer(self, located: Located, reply: Reply) -> Answer:
        """Remembers the last answer, because `always` repeats it."""
        known, said, answer = self._last
        if known != located or said is not reply:
            answer = answered(*located, reply)
            self._last = located, reply, answer
        return answer

    def greeting(self) -> Iterator[Step] | None:
        """The steps that break a new connection, where the script says so."""
        reply = self.script.take_connect()
        return None if reply is None else perform(_NOTHING, reply)


def locate(request: Request) -> Located | None:
    """The provider that is asked, and for what; None where there is no endpoint."""
    path = request.path
    provider = provider_of(path)
    if provider is None:
        return None
    endpoint = path.removeprefix(provider.prefix)
    if not provider.dialect.offers(request.method, endpoint):
        return None
    headers = request.headers
    fields = tuple((name, headers[name]) for name in HEEDED if name in headers)
    query = request.query
    return provider, Call(request.method, endpoint, query, fields, request.body)


def answered(provider: Provider, call: Call, reply: Reply) -> Answer:
    """The reply's own body, or the provider's words."""
    if reply.body is None:
        return provider.dialect.answer(call, reply)
    headers = {
        "content-type": "application/json",
        **provider.dialect.headers(reply.status),
    }
    return Answer(reply.status, headers, (reply.body,))


def prebuilt(provider: Provider, call: Call) -> bytes:
    """What the provider would say, ready to be sent but for the ids."""
    small = len(call.body) <= _CACHED
    return _remembered(provider, call) if small else _built(provider, call)


def _built(provider: Provider, call: Call) -> bytes:
    return whole(provider.dialect.answer(call, Reply()))


_remembered = lru_cache(maxsize=256)(_built)


def unknown_url(request: Request) -> Answer:
    """The 404 for a path or a method that does not exist; Groq's where nobody is."""
    provider = provider_of(request.path) or PROVIDERS["groq"]
    answer = provider.dialect.not_found(request.method, request.target)
    return evolve(answer, pieces=()) if request.method == "HEAD" else answer


def malformed(fault: BadRequest) -> Iterator[Step]:
    """The answer to bytes that are no request; the connection closes after it."""
    error = faults.status(fault.status, str(fault)).error
    body = json_bytes.encode({"error": error})
    answer = Answer(fault.status, {"content-type": "application/json"}, (body,))
    return perform(answer, Reply(), keep_alive=False)


def request_id(seed: int, serial: int) -> str:
    """26 characters that no other request of this emulator has.

    >>> len(request_id(0, 1)) == len(REQUEST_ID)
    True
    """
    return f"01{seed % 10**10:010d}{serial:014d}"
