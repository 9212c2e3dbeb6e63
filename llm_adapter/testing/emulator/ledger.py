"""What the emulator saw, counted so that tests can wait for it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import frozen

from . import json_bytes
from .http import Request

Outcome = Literal["replies_completed", "aborted_by_client", "broken"]

KEPT = 10_000
"""Requests that are remembered; older ones are only counted."""


@frozen
class Seen:
    """A request as it was read: nothing is redacted, tests look for keys in it."""

    number: int
    """Its place among all requests, from 1."""
    connection: int
    """The number of the connection that it came on, from 1."""
    method: str
    path: str
    """The target as sent: with its query, and a whole URL where we are the proxy."""
    headers: Mapping[str, str]
    """Names in lower case, repeated fields joined by commas."""
    body: bytes
    at: float
    """When it was read to its end, by `time.monotonic()`, in seconds."""

    @property
    def json(self) -> Any:
        """The decoded body, or None where it is not JSON."""
        return json_bytes.decode(self.body)


@frozen(kw_only=True)
class Counts:
    """Totals since the start or the last reset; open connections outlive a reset."""

    connections_opened: int = 0
    connections_open: int = 0
    requests: int = 0
    """Requests read to their end."""
    aborted_by_client: int = 0
    """Replies that the client did not wait for."""
    replies_completed: int = 0
    """Replies whose last byte was handed to the kernel."""
    in_flight: int = 0
    """Requests whose reply is neither complete nor broken off."""
    max_in_flight: int = 0


class Ledger:
    """The counts, written by the server's thread and read by all others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seen: deque[Seen] = deque(maxlen=KEPT)
        self._now = Counter[str]()

    @property
    def counts(self) -> Counts:
        with self._changed:
            return Counts(**self._now)

    @property
    def seen(self) -> tuple[Seen, ...]:
        with self._changed:
            return tuple(self._seen)

    def wait_for(self, predicate: Callable[[Counts], bool], timeout: float) -> bool:
        """Whether the counts satisfy the predicate within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: predicate(Counts(**self._now)), timeout
            )

    def reset(self) -> None:
        """Forgets what is over; open connections and replies stay counted."""
        with self._changed:
            self._seen.clear()
            busy, is_open = self._now["in_flight"], self._now["connections_open"]
            self._now.clear()
            self._now.update(
                connections_open=is_open, in_flight=busy, max_in_flight=busy
            )

    def opened(self) -> None:
        with self._changed:
            self._now["connections_opened"] += 1
            self._now["connections_open"] += 1
            self._changed.notify_all()

    def closed(self) -> None:
        with self._changed:
            self._now["connections_open"] -= 1
            self._changed.notify_all()

    def received(self, request: Request, connection: int) -> Seen:
        """Books a request, and that its reply is now due."""
        with self._changed:
            now = self._now
            now["requests"] += 1
            now["in_flight"] += 1
            now["max_in_flight"] = max(now["max_in_flight"], now["in_flight"])
            seen = Seen(
                now["requests"],
                connection,
                request.method,
                request.target,
                request.headers,
                request.body,
                time.monotonic(),
            )
            self._seen.append(seen)
            self._changed.notify_all()
        return seen

    def replied(self, outcome: Outcome) -> None:
        """Books the end of a reply: whole, given up by the client, or broken by us."""
        with self._changed:
            self._now["in_flight"] -= 1
            if outcome != "broken":
                self._now[outcome] += 1
            self._changed.notify_all()
