"""An answer as the bytes of an HTTP response: compressed, framed, with its head."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Literal, Protocol

from attrs import evolve, frozen

from . import http
from .replies import Encoding, Reply

BLOCK = 64 * 1024
"""Bytes that are made, compressed or written at a time."""
_BODILESS = frozenset({204, 304})

Framing = Literal["length", "chunked", "close"]


@frozen
class Answer:
    """What a provider says, before compression, framing and pace.

    A stream has a piece for each event; `finish` and `done` are the indices of the
    pieces that carry the finish reason and the terminal marker.
    """

    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    stream: bool = False
    finish: int = 0
    done: int = 0

    def replaced(self, old: str, new: str) -> Answer:
        """The same answer with other text of the same length in every place."""
        return evolve(
            self,
            headers={k: v.replace(old, new) for k, v in self.headers.items()},
            pieces=tuple(p.replace(old.encode(), new.encode()) for p in self.pieces),
        )


@frozen
class Wire:
    """A response as it leaves: head, spaces, and the framed pieces of the body."""

    head: bytes
    pad: int
    pieces: tuple[bytes, ...]
    framing: Framing
    """How the client learns where the body ends; `close`: by the connection's end."""

    @property
    def size(self) -> int:
        return len(self.head) + self.pad + sum(map(len, self.pieces))

    def offset(self, piece: int) -> int:
        """Bytes before that piece."""
        return len(self.head) + self.pad + sum(map(len, self.pieces[:piece]))


def whole(answer: Answer) -> bytes:
    """A response that nothing delays or damages, in one piece."""
    wire = assemble(answer, Reply())
    return b"".join((wire.head, *wire.pieces))


def assemble(answer: Answer, reply: Reply) -> Wire:
    """Compresses, frames, and writes the head."""
    pad, pieces = compressed(reply.pad, answer.pieces, reply.encoding)
    actual = pad + sum(map(len, pieces))
    headers = _headers(answer, reply, actual)
    head = http.response_head(answer.status, headers)
    if answer.status in _BODILESS:
        return Wire(head, 0, (), "length")
    if "transfer-encoding" in headers:
        return _chunked(head, pad, pieces)
    honest = headers.get("content-length") == str(actual)
    return Wire(head, pad, pieces, "length" if honest else "close")


def _headers(answer: Answer, reply: Reply, actual: int) -> dict[str, str]:
    headers: dict[str, str | None] = dict(answer.headers)
    if reply.content_type is not None:
        headers["content-type"] = reply.content_type
    headers["content-encoding"] = reply.encoding
    if reply.length is not None:
        headers["content-length"] = str(reply.length)
    elif answer.stream:
        headers["transfer-encoding"] = "chunked"
    elif answer.status not in _BODILESS:
        headers["content-length"] = str(actual)
    headers |= {name.lower(): value for name, value in reply.headers.items()}
    return {name: value for name, value in headers.items() if value is not None}


def _chunked(head: bytes, pad: int, pieces: tuple[bytes, ...]) -> Wire:
    """Each piece in a chunk of its own; the last takes the end of the body with it."""
    chunks = [http.chunk(piece) for piece in pieces] or [b""]
    if pad:
        head += b"%x\r\n" % pad
        chunks[0] = b"\r\n" + chunks[0]
    chunks[-1] += http.LAST_CHUNK
    return Wire(head, pad, tuple(chunks), "chunked")


def compressed(
    pad: int, pieces: tuple[bytes, ...], encoding: Encoding | None
) -> tuple[int, tuple[bytes, ...]]:
    """Spaces and pieces under the content coding; pieces stay pieces."""
    if encoding is None:
        return pad, pieces
    compress = _compressor(encoding)
    lead = b"".join(map(compress.process, spaces(pad)))
    coded = [compress.process(piece) + compress.flush() for piece in pieces] or [b""]
    coded[0] = lead + coded[0]
    coded[-1] += compress.finish()
    return 0, tuple(coded)


class _Compressor(Protocol):
    def process(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...
    def finish(self) -> bytes: ...


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._compress = zlib.compressobj(wbits=wbits)
        self.process = self._compress.compress

    def flush(self) -> bytes:
        return self._compress.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._compress.flush()


def _compressor(encoding: Encoding) -> _Compressor:
    if encoding == "br":
        compressor: _Compressor = importlib.import_module("brotli").Compressor()
        return compressor
    return _Zlib(zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS)


def spaces(count: int) -> Iterator[bytes]:
    """That many spaces in blocks, none of them held."""
    block = b" " * min(BLOCK, count)
    yield from repeat(block, count // BLOCK)
    if count % BLOCK:
        yield block[: count % BLOCK]
