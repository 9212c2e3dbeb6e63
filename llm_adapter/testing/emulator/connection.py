"""One connection: reads requests, plays the steps of their responses."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import struct
from collections.abc import Iterator
from typing import cast

from .exchange import Exchange, malformed
from .http import BadRequest, RequestReader
from .ledger import Outcome
from .pace import Finish, Step

_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Connection(asyncio.Protocol):
    """Always reads, so that a client that hangs up is noticed at once.

    With a write buffer limit of 0 a step is only taken when all bytes before it have
    left for the kernel: what the script says about positions is then true.
    """

    def __init__(
        self, exchange: Exchange, others: set[Connection], number: int
    ) -> None:
        self._exchange = exchange
        self._others = others
        self._number = number
        self._reader = RequestReader()
        self._steps: Iterator[Step] | None = None
        self._timer: asyncio.Handle | None = None
        self._owes = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._others.add(self)
        self._exchange.ledger.opened()
        self._steps = self._exchange.greeting()
        self._advance()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._serve()

    def eof_received(self) -> None:
        """A half-closed connection counts as closed; what is written still leaves."""
        if self._steps is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._give_up("aborted_by_client")
        self._others.discard(self)
        self._exchange.ledger.closed()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._proceed()

    def drop(self) -> None:
        """Closes from our side, whatever is going on."""
        self._give_up("broken")
        self._transport.abort()

    def drop_idle(self) -> None:
        """Closes unless a reply is on its way."""
        if self._steps is None:
            self._transport.close()

    def _serve(self) -> None:
        """Answers the requests that have been read, one after the other."""
        while self._steps is None and not self._transport.is_closing():
            try:
                request = self._reader.next_request()
            except BadRequest as fault:
                self._steps = malformed(fault)
            else:
                if request is None:
                    return
                self._steps = self._exchange.steps(request, self._number)
                self._owes = True
            self._advance()

    def _proceed(self) -> None:
        self._timer = None
        self._advance()
        self._serve()

    def _advance(self) -> None:
        """Takes steps until one must wait."""
        while self._steps is not None and not self._paused:
            step = next(self._steps)
            if isinstance(step, bytes):
                self._transport.write(step)
            elif isinstance(step, Finish):
                self._finish(step)
            else:
                self._wait(step)
                return

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if seconds == 0:
            self._timer = loop.call_soon(self._proceed)
        elif seconds < math.inf:
            self._timer = loop.call_later(seconds, self._proceed)

    def _finish(self, step: Finish) -> None:
        """Books first: a client that has the last byte finds it counted."""
        self._give_up("replies_completed" if step.whole else "broken")
        self._transport.write(step.data)
        if step.end == "close":
            self._transport.close()
        elif step.end == "reset":
            self._reset()

    def _give_up(self, outcome: Outcome) -> None:
        """Forgets the response that is on its way, and books how it ended."""
        self._steps = None
        if self._timer is not None:
            self._timer.cancel()
        if self._owes:
            self._owes = False
            self._exchange.ledger.replied(outcome)

    def _reset(self) -> None:
        """Ends with RST instead of FIN."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()
