"""The emulator as tests and the command line use it."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from . import faults
from .dialects import PROVIDERS
from .exchange import Exchange
from .ledger import Counts, Ledger, Seen
from .listener import Listener
from .replies import Reply
from .script import Script

MISHAPS = (
    faults.rate_limited("1"),
    faults.server_error(),
    faults.overloaded(),
    faults.slow_first_byte(2.0),
    faults.truncated_json(),
    faults.truncated_stream(),
    faults.html(502),
    faults.reset("body"),
)
"""What `serve(chance=...)` chooses from."""


class Emulator:
    """A provider on loopback: a real HTTP server in a thread of its own.

    `with` and `async with` start and close it; the async form is for convenience and
    blocks its loop for a few milliseconds. All methods may be called from any thread.

    Args:
        host: the address to bind; anything but loopback lets others in.
        port: 0 takes a free one.
        seed: for `chance`, and part of the ids in answers.
        replies: as if given to `script`.
        latency: seconds before every answer.
        on_request: called in the server's thread with each request; must not raise.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        replies: tuple[Reply, ...] = (),
        latency: float = 0.0,
        on_request: Callable[[Seen], None] | None = None,
    ) -> None:
        self._address = host, port
        self._script = Script(seed, tuple(replies))
        self._ledger = Ledger()
        self._exchange = Exchange(
            self._script, self._ledger, float(latency), seed, on_request
        )
        self._listener: Listener | None = None

    def start(self) -> Self:
        """Listens; to be balanced by `close`."""
        if self._listener is None:
            self._listener = Listener(self._exchange, *self._address)
        return self

    def close(self) -> None:
        """Drops all connections and frees the port, whatever is stalled."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:54321`."""
        host, port = self._running.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def base_url(self, provider: str) -> str:
        """What to give an adapter as `base_url`."""
        if provider not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise ValueError(f"no emulation of {provider!r}; there is: {known}")
        return self.url + PROVIDERS[provider].prefix

    def script(self, *replies: Reply) -> None:
        """Adds replies: each answers one model request, then the default returns.

        A model request is one to an endpoint that the provider has, the list of models
        included.
        """
        self._script.add(replies)

    def always(self, reply: Reply | None) -> None:
        """Answers every request that the script does not, until None is given."""
        self._script.set_always(reply)

    def chance(self, probability: float, *replies: Reply) -> None:
        """Gives each otherwise unscripted request one of the replies at random."""
        self._script.set_chance(probability, replies)

    @property
    def seen(self) -> tuple[Seen, ...]:
        """The last 10,000 requests, in the order in which they were read."""
        return self._ledger.seen

    @property
    def counts(self) -> Counts:
        return self._ledger.counts

    def wait_for(
        self, predicate: Callable[[Counts], bool], timeout: float = 5.0
    ) -> bool:
        """Whether the counts come to satisfy the predicate within `timeout` seconds."""
        return self._ledger.wait_for(predicate, timeout)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuses connections and drops idle ones; then listens again, same port."""
        listener = self._running
        listener.refuse()
        try:
            yield
        finally:
            if listener is self._listener:
                listener.listen()

    def reset(self) -> None:
        """Forgets what was scripted, seen and counted; connections stay open."""
        self._script.clear()
        self._ledger.reset()

    @property
    def _running(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("the emulator is not running: use `with` or start()")
        return self._listener


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    on_start: Callable[[Emulator], None],
    latency: float = 0.0,
    chance: float = 0.0,
    on_request: Callable[[Seen], None] | None = None,
) -> None:
    """Runs an emulator until Ctrl-C or SIGTERM; call it in the main thread.

    Args:
        host, port, latency, on_request: as for `Emulator`.
        chance: probability, 0 to 1, of a mishap for each request.
        on_start: called once with the listening emulator, to tell its address.
    """

    def stop(*_: Any) -> None:
        # Setting the event that this thread waits for could meet the event's own lock.
        raise KeyboardInterrupt

    emulator = Emulator(host=host, port=port, latency=latency, on_request=on_request)
    emulator.chance(chance, *MISHAPS)
    before = signal.signal(signal.SIGTERM, stop)
    try:
        with contextlib.suppress(KeyboardInterrupt), emulator:
            on_start(emulator)
            # In turns: a signal just before a wait does not end it.
            while True:
                time.sleep(0.2)
    finally:
        signal.signal(signal.SIGTERM, before)
