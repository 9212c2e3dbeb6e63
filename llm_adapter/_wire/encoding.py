"""Content-Encoding of answers: compressed bytes in, plain bytes out, bounded."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

from ..errors import LLMInvalidResponseError

MAX_BODY_BYTES = 64 * 1024 * 1024

MAX_PIECE_BYTES = 256 * 1024
"""What is given out at a time: a few bytes can hold so much that nothing else runs."""

_GZIP_MAGIC = b"\x1f\x8b"


class BodyDecoder(Protocol):
    """Takes a body piece by piece.

    `pending` says that a chunk gives more than was given out: feed nothing to get it.
    """

    @property
    def pending(self) -> bool:
        """Whether there is more."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """The plain bytes that `chunk` gives, about 256 KiB of them at most."""
        ...

    def finish(self) -> None:
        """The body has ended; raises when it was cut."""
        ...


class Identity:
    """A body that is not compressed."""

    pending = False

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> None:
        """Nothing can be missing that HTTP itself would not notice."""


class _Zlib:
    """gzip, in one member or several, and deflate, with zlib's header or without."""

    def __init__(self, *, headless: bool) -> None:
        self._headless = headless
        self._member: Any = None
        self._held = b""
        self.pending = False

    def feed(self, chunk: bytes) -> bytes:
        data, self._held = self._held + chunk, b""
        plain: list[bytes] = []
        room = MAX_PIECE_BYTES
        while (data or self.pending) and room:
            member = self._member
            if member is None or member.eof:
                member = self._next_member(data)
            if member is None:
                break
            plain.append(_decompress(member, data, room))
            room -= len(plain[-1])
            # The member may hold output, although it has taken all of its input.
            self.pending = not room
            data = member.unconsumed_tail or member.unused_data
        if self.pending:
            self._held = data
        return b"".join(plain)

    def _next_member(self, data: bytes) -> Any:
        """A member that begins here; None for none, or not enough to know."""
        self.pending = False
        if len(data) < len(_GZIP_MAGIC):
            self._held = data
            return None
        if self._member is not None and not data.startswith(_GZIP_MAGIC):
            return None  # padding after the last member
        self._member = zlib.decompressobj(self._wbits(data))
        return self._member

    def _wbits(self, head: bytes) -> int:
        zlib_header = head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0
        if self._headless and not zlib_header and not head.startswith(_GZIP_MAGIC):
            return -zlib.MAX_WBITS
        return zlib.MAX_WBITS + 32  # zlib tells the two headers apart

    def finish(self) -> None:
        cut = bool(self._held) if self._member is None else not self._member.eof
        if cut:
            raise _unreadable("the compressed data ends too early")


def _decompress(member: Any, data: bytes, room: int) -> bytes:
    try:
        plain: bytes = member.decompress(data, room)
    except zlib.error as error:
        raise _unreadable(str(error)) from None
    return plain


class _Brotli:
    """br, when the package brotli is installed."""

    def __init__(self) -> None:
        import brotli

        self._error = brotli.error
        self._decompressor = brotli.Decompressor()
        self._begun = False
        self.pending = False

    def feed(self, chunk: bytes) -> bytes:
        self._begun = self._begun or bool(chunk)
        try:
            plain: bytes = self._decompressor.process(
                chunk, output_buffer_limit=MAX_PIECE_BYTES
            )
        except self._error as error:
            raise _unreadable(str(error)) from None
        self.pending = len(plain) >= MAX_PIECE_BYTES
        return plain

    def finish(self) -> None:
        if self._begun and not self._decompressor.is_finished():
            raise _unreadable("the compressed data ends too early")


class _Unknown:
    """An encoding that nobody asked for."""

    pending = False

    def __init__(self, name: str) -> None:
        self._name = name

    def feed(self, chunk: bytes) -> bytes:
        if not chunk:
            return b""
        raise LLMInvalidResponseError(f"The answer is compressed with {self._name}.")

    def finish(self) -> None:
        """An empty body is as good as any."""


def body_decoder(encoding: str | None) -> BodyDecoder:
    """The decoder for a Content-Encoding header; an unknown one fails when fed."""
    name = (encoding or "").strip().lower()
    if name in ("", "identity"):
        return Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return _Zlib(headless=name == "deflate")
    if name == "br":
        try:
            return _Brotli()
        except ImportError:
            name = (
                "br, which needs the package brotli (pip install llm-adapter[brotli])"
            )
    return _Unknown(name)


def too_large() -> LLMInvalidResponseError:
    """The error for a body beyond the limit."""
    return LLMInvalidResponseError(
        f"The provider's answer is larger than {MAX_BODY_BYTES // 2**20} MiB and was "
        "not read to its end.",
        retryable=False,
    )


def _unreadable(reason: str) -> LLMInvalidResponseError:
    return LLMInvalidResponseError(
        f"The provider's answer cannot be decompressed: {reason}.", retryable=True
    )
