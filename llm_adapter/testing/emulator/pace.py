"""The steps that put a response on the wire: writes, waits, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Literal

from attrs import evolve, frozen

from . import http
from .replies import Reply
from .wire import BLOCK, Answer, Wire, assemble, spaces

_PING = b": ping\n\n"

End = Literal["keep", "close", "reset"]


@frozen
class Finish:
    """The last write of a response, and what becomes of the connection."""

    data: bytes
    end: End
    whole: bool
    """Whether the client gets all of it."""


Step = bytes | float | Finish
"""Write the bytes, wait the seconds (0: let others run; inf: for ever), or finish."""


def perform(
    answer: Answer, reply: Reply, *, keep_alive: bool = True, latency: float = 0.0
) -> Iterator[Step]:
    """The steps of a response; `latency`, in seconds, comes on top of its delay."""
    if reply.stop == "end":
        answer = cut_short(answer, reply)
        reply = evolve(reply, stop_at=None, stop="close")
    wire = assemble(answer, reply)
    limit = stop_position(wire, answer, reply)
    units = clipped(_writes(wire, reply), limit)
    period = reply.ping if reply.ping and answer.stream else math.inf
    ping = http.chunk(_PING) if wire.framing == "chunked" else _PING
    # Pings can only follow the head, and so does the delay that they fill.
    lead = (0.0,) if period < math.inf else ()
    pauses = chain(lead, (reply.delay + latency,), repeat(reply.interval))
    for number, (pause, (data, last)) in enumerate(zip(pauses, units, strict=False)):
        if pause or number:
            yield from _wait(pause, period, ping)
        if last and reply.stop != "stall":
            yield Finish(data, _end(wire, reply, keep_alive), limit == wire.size)
            return
        yield data
    yield from _wait(math.inf, period if _between_events(reply) else math.inf, ping)


def _wait(seconds: float, period: float, ping: bytes) -> Iterator[Step]:
    """Waits, with a ping after each full period."""
    while seconds > period:
        yield period
        yield ping
        seconds -= period
    yield seconds


def _between_events(reply: Reply) -> bool:
    return reply.stop_at in ("before_finish", "before_done")


def _end(wire: Wire, reply: Reply, keep_alive: bool) -> End:
    if reply.stop == "reset":
        return "reset"
    keeps = keep_alive and reply.stop_at is None and wire.framing != "close"
    return "keep" if keeps else "close"


def stop_position(wire: Wire, answer: Answer, reply: Reply) -> int:
    """Bytes of the response that leave before it breaks off."""
    at = reply.stop_at
    if isinstance(at, float):
        return int(wire.size * at)
    if isinstance(at, int):
        return min(at, wire.size)
    return {
        None: wire.size,
        "connect": 0,
        "status": min(len(b"HTTP/1.1 2"), len(wire.head)),
        "headers": len(wire.head) // 2,
        "body": (len(wire.head) + wire.size) // 2,
        "before_finish": wire.offset(answer.finish),
        "before_done": wire.offset(answer.done),
    }[at]


def cut_short(answer: Answer, reply: Reply) -> Answer:
    """The answer without the end of its body; the framing will not show it."""
    body = Wire(b"", 0, answer.pieces, "length")
    limit = stop_position(body, answer, reply)
    return evolve(answer, pieces=tuple(d for d, _ in clipped(answer.pieces, limit)))


def clipped(units: Iterable[bytes], limit: int) -> Iterator[tuple[bytes, bool]]:
    """The units up to `limit` bytes, each with whether it is the last.

    >>> list(clipped([b"abc", b"def"], 4))
    [(b'abc', False), (b'd', True)]
    """
    for unit in units:
        limit -= len(unit)
        yield unit[: len(unit) + min(limit, 0)], limit <= 0
        if limit <= 0:
            return


def _writes(wire: Wire, reply: Reply) -> Iterator[bytes]:
    body = chain(spaces(wire.pad), wire.pieces)
    if reply.chunk or reply.head_chunk:
        head = slices(wire.head, reply.head_chunk)
        return chain(head, *(slices(unit, reply.chunk) for unit in body))
    if reply.ping:
        return chain((wire.head,), body)
    if reply.interval:
        return chain((wire.head + next(body, b""),), body)
    return gathered(chain((wire.head,), body))


def slices(data: bytes, size: int | None) -> Iterator[bytes]:
    """The data in slices of `size` bytes, or in one."""
    size = size or len(data) or 1
    return (data[at : at + size] for at in range(0, len(data), size))


def gathered(units: Iterable[bytes]) -> Iterator[bytes]:
    """The units joined into blocks of at least BLOCK bytes, but for the last."""
    waiting = bytearray()
    for unit in units:
        waiting += unit
        if len(waiting) >= BLOCK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
