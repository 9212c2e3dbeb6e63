"""Recorded streams: as the providers send them, written from wire-protocols.md."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("transcripts")

RECORDED = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.sse"))}


def with_crlf(body: bytes) -> bytes:
    """The same stream from a server that ends its lines with CRLF."""
    return body.replace(b"\n", b"\r\n")


def with_cr(body: bytes) -> bytes:
    """The same stream from a server that ends its lines with CR."""
    return body.replace(b"\n", b"\r")


def with_pings(body: bytes) -> bytes:
    """The same stream with a keep-alive comment before each event."""
    return b": ping\n\n" + body.replace(b"\n\n", b"\n\n: ping\n\n")


def with_names(body: bytes) -> bytes:
    """The same stream from a server that names, numbers and paces its events."""
    return body.replace(b"data:", b"event: message\nid: 7\nretry: 3000\ndata:")


def in_several_lines(body: bytes) -> bytes:
    """The same stream with each JSON object on two data lines."""
    return body.replace(b'"choices":', b'\ndata: "choices":')


def without_blanks(body: bytes) -> bytes:
    """The same stream without the blank after the colon."""
    return body.replace(b"data: ", b"data:")


def with_bom(body: bytes) -> bytes:
    """The same stream behind a byte order mark."""
    return b"\xef\xbb\xbf" + body


def without_last_newline(body: bytes) -> bytes:
    """The same stream with its last event not terminated."""
    return body.rstrip(b"\n")


STYLES = {
    style.__name__: style
    for style in (
        with_crlf,
        with_cr,
        with_pings,
        with_names,
        in_several_lines,
        without_blanks,
        with_bom,
        without_last_newline,
    )
}
