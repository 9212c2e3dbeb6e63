"""Compressed answers: plain bytes on every split, bounded, never silently cut."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError
from llm_adapter._wire.encoding import (
    MAX_PIECE_BYTES,
    body_decoder,
    too_large,
)
from tests.wire.pieces import byte_by_byte, in_pieces


def raw_deflate(body):
    """Deflate as some servers send it: without the header that the standard wants."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def in_two_members(body):
    half = len(body) // 2
    return gzip.compress(body[:half], mtime=0) + gzip.compress(body[half:], mtime=0)


COMPRESSORS = [
    pytest.param(None, bytes, id="none"),
    pytest.param("", bytes, id="empty"),
    pytest.param("identity", bytes, id="identity"),
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param(" GZip ", gzip.compress, id="gzip in another case"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param("gzip", in_two_members, id="gzip in two members"),
    pytest.param("gzip", zlib.compress, id="gzip that is deflate"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", raw_deflate, id="deflate without header"),
    pytest.param("deflate", gzip.compress, id="deflate that is gzip"),
    pytest.param("br", brotli.compress, id="br"),
]
COMPRESSED = [each for each in COMPRESSORS if each.values[1] is not bytes]
IN_ONE_MEMBER = [each for each in COMPRESSED if each.values[1] is not in_two_members]


def decode(encoding, *pieces):
    decoder = body_decoder(encoding)
    plain = []
    for piece in pieces:
        plain.append(decoder.feed(piece))
        while decoder.pending:
            plain.append(decoder.feed(b""))
    decoder.finish()
    return b"".join(plain)


BODIES = st.binary(max_size=300) | st.text("ab", max_size=3000).map(str.encode)


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSORS)
@given(data=st.data())
def test_a_body_survives_compression_and_every_split(encoding, compress, data):
    plain = data.draw(BODIES)
    body, pieces = data.draw(in_pieces(st.just(compress(plain))))
    assert decode(encoding, body) == plain
    assert decode(encoding, *pieces) == plain
    assert decode(encoding, *byte_by_byte(body)) == plain


@pytest.mark.parametrize(("encoding", "compress"), COMPRESSED)
def test_a_large_body_survives(encoding, compress):
    plain = bytes(range(256)) * 20_000
    assert decode(encoding, compress(plain)) == plain


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("pieces", [[], [b""]])
def test_an_empty_body_is_empty_in_every_encoding(encoding, pieces):
    assert decode(encoding, *pieces) == b""


@pytest.mark.parametrize("padding", [b"\x00", b"\x00" * 600, b"\n", b"garbage"])
@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_what_follows_the_compressed_data_is_padding(compress, padding):
    body = compress(b"Hi") + padding
    assert decode("gzip", body) == b"Hi"
    assert decode("gzip", *byte_by_byte(body)) == b"Hi"


def test_an_empty_member_is_nothing():
    assert (
        decode("gzip", gzip.compress(b"", mtime=0) + gzip.compress(b"Hi", mtime=0))
        == b"Hi"
    )


def test_ten_thousand_members_are_read():
    assert decode("gzip", gzip.compress(b"x", mtime=0) * 10_000) == b"x" * 10_000


@pytest.mark.parametrize(("encoding", "compress"), IN_ONE_MEMBER)
def test_a_body_that_was_cut_is_an_error(encoding, compress):
    body = compress(b"Hello, hello, hello!" * 5)
    for end in range(1, len(body)):
        with pytest.raises(LLMInvalidResponseError, match="decompressed") as caught:
            decode(encoding, body[:end])
        assert caught.value.retryable


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b'{"id": "plain JSON"}'),
        ("gzip", raw_deflate(b"Hi")),
        ("gzip", b"\x1f\x8b garbage"),
        ("gzip", gzip.compress(b"Hi", mtime=0) + b"\x1f\x8b garbage"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", b'{"id": "plain JSON"}'),
        ("br", b"\xff garbage"),
        ("br", brotli.compress(b"Hi") + b"garbage"),
    ],
)
def test_garbage_is_an_error(encoding, body):
    with pytest.raises(LLMInvalidResponseError, match="cannot be decompressed"):
        decode(encoding, body)


@given(st.sampled_from(["gzip", "deflate", "br", "zstd", None]), in_pieces(st.binary()))
def test_arbitrary_bytes_are_decoded_or_an_error_of_the_family(encoding, example):
    _, pieces = example
    try:
        assert isinstance(decode(encoding, *pieces), bytes)
    except LLMInvalidResponseError as error:
        assert "compressed" in str(error)


@pytest.mark.parametrize("encoding", ["zstd", "compress", "gzip, br", "utf-8"])
def test_an_encoding_that_nobody_asked_for_is_named(encoding):
    with pytest.raises(LLMInvalidResponseError, match=f"compressed with {encoding}"):
        decode(encoding, b"x")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(LLMInvalidResponseError, match=r"llm-adapter\[brotli\]"):
        decode("br", brotli.compress(b"Hi"))


# -- bombs ----------------------------------------------------------------------------

ZEROS = bytes(2**20)
MEMBER = gzip.compress(ZEROS * 40, mtime=0)


def bomb(compressor):
    """More than the limit, in a few kilobytes."""
    pieces = [compressor.compress(ZEROS) for _ in range(100)]
    return b"".join(pieces) + compressor.flush()


class Brotli:
    def __init__(self):
        self._compressor = brotli.Compressor(quality=1)
        self.compress = self._compressor.process
        self.flush = self._compressor.finish


BOMBS = [
    pytest.param("gzip", bomb(zlib.compressobj(wbits=31)), id="gzip"),
    pytest.param("gzip", MEMBER * 3, id="gzip in members"),
    pytest.param("deflate", bomb(zlib.compressobj()), id="deflate"),
    pytest.param("deflate", bomb(zlib.compressobj(wbits=-15)), id="raw deflate"),
    pytest.param("br", bomb(Brotli()), id="br"),
]


@pytest.mark.parametrize(("encoding", "body"), BOMBS)
def test_a_bomb_gives_out_a_piece_at_a_time(encoding, body):
    decoder = body_decoder(encoding)
    tracemalloc.start()
    try:
        size = len(decoder.feed(body))
        for _ in range(100):
            assert decoder.pending
            size += len(decoder.feed(b""))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 50 * MAX_PIECE_BYTES
    assert peak < 8 * MAX_PIECE_BYTES


def test_the_error_for_a_large_body_says_how_large_is_too_large():
    assert "64 MiB" in str(too_large())
