"""Content-Encoding of answers: compressed bytes in, plain bytes out, bounded."""

from __future__ import annotations

import zlib
from typing import Protocol

from ..errors import LLMInvalidResponseError

MAX_BODY_BYTES = 64 * 1024 * 1024


class BodyDecoder(Protocol):
    """Takes a body piece by piece."""

    def feed(self, chunk: bytes) -> bytes:
        """The plain bytes that `chunk` gives."""
        ...

    def finish(self) -> None:
        """The body has ended; raises when it was cut."""
        ...


class Identity:
    """A body that is not compressed."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> None:
        """Nothing can be missing that HTTP itself would not notice."""


class _Zlib:
    """gzip and deflate."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(wbits=47)  # detects either header
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        self._begun = self._begun or bool(chunk)
        try:
            plain = self._decompressor.decompress(chunk, MAX_BODY_BYTES)
        except zlib.error as error:
            raise _unreadable(str(error)) from None
        if self._decompressor.unconsumed_tail:
            raise too_large()
        return plain

    def finish(self) -> None:
        if self._begun and not self._decompressor.eof:
            raise _unreadable("the compressed data ends too early")


class _Brotli:
    """br, when the package brotli is installed."""

    def __init__(self) -> None:
        import brotli

        self._error = brotli.error
        self._decompressor = brotli.Decompressor()
        self._begun = False

    def feed(self, chunk: bytes) -> bytes:
        self._begun = self._begun or bool(chunk)
        try:
            plain: bytes = self._decompressor.process(
                chunk, output_buffer_limit=MAX_BODY_BYTES
            )
        except self._error as error:
            raise _unreadable(str(error)) from None
        if not self._decompressor.can_accept_more_data():
            raise too_large()
        return plain

    def finish(self) -> None:
        if self._begun and not self._decompressor.is_finished():
            raise _unreadable("the compressed data ends too early")


class _Unknown:
    """An encoding that nobody asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def feed(self, chunk: bytes) -> bytes:
        raise LLMInvalidResponseError(f"The answer is compressed with {self._name}.")

    def finish(self) -> None:
        """An empty body is as good as any."""


def body_decoder(encoding: str | None) -> BodyDecoder:
    """The decoder for a Content-Encoding header; an unknown one fails when fed."""
    name = (encoding or "").strip().lower()
    if name in ("", "identity"):
        return Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return _Zlib()
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
