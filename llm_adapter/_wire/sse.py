"""Server-sent events: bytes in, (event, data) pairs out, by the WHATWG standard.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. More lenient
in two points: an unterminated last event counts (`finish`), and llama.cpp's field
`error:` is read as an event named error.
"""

from __future__ import annotations

from typing import TypeAlias

from ..errors import LLMInvalidResponseError

SSEEvent: TypeAlias = tuple[bytes, bytes]

MAX_EVENT_BYTES = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Feed it the body in pieces of any size; it holds what is not complete yet."""

    __slots__ = ("_begun", "_held", "_held_bytes", "_skip_newline")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._skip_newline = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        """The events that `chunk` completes.

        Raises:
            LLMInvalidResponseError: one event is larger than 64 MiB.
        """
        if self._skip_newline or b"\r" in chunk:
            chunk = self._with_plain_newlines(chunk)
        if self._held:
            if b"\n\n" not in chunk and not self._ends_event(chunk):
                self._hold(chunk)
                return []
            chunk = self._take_held() + chunk
        *blocks, rest = chunk.split(b"\n\n")
        if blocks and not self._begun:
            self._begun = True
            blocks[0] = blocks[0].removeprefix(_BOM)
        self._hold(rest)
        return [event for block in blocks if (event := _event(block)) is not None]

    def finish(self) -> list[SSEEvent]:
        """The event that the end of the body completes, if any."""
        rest = self._take_held().removeprefix(b"" if self._begun else _BOM)
        event = _event(rest.rstrip(b"\n"))
        return [] if event is None else [event]

    def _take_held(self) -> bytes:
        held = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return held

    def _ends_event(self, chunk: bytes) -> bool:
        """Whether `chunk` begins with the second of two newlines.

        Pieces are joined only where an event ends, so that many small ones take linear
        time.
        """
        return chunk.startswith(b"\n") and self._held[-1].endswith(b"\n")

    def _hold(self, rest: bytes) -> None:
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
        if self._held_bytes > MAX_EVENT_BYTES:
            raise LLMInvalidResponseError(
                f"One event of the stream is larger than {MAX_EVENT_BYTES} bytes.",
                retryable=False,
            )

    def _with_plain_newlines(self, chunk: bytes) -> bytes:
        if self._skip_newline and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._skip_newline = False
        if chunk.endswith(b"\r"):
            self._skip_newline = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> SSEEvent | None:
    """One event of its lines; None when it has no data.

    >>> _event(b"data: 1")
    (b'', b'1')
    """
    if block.startswith(b"data: ") and b"\n" not in block:
        return b"", block[6:]
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            name = b"error"
            data.append(value)
    return (name, b"\n".join(data)) if data else None
