"""HTTP/1.1 without sockets (RFC 9112): bytes in, requests out; and response heads."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from http import HTTPStatus

from attrs import frozen

MAX_LINE = 16 * 1024
MAX_FIELDS = 64 * 1024

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_START = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z\r\n]")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/(\d\.\d)")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00\r\n]*)")
_LENGTH = re.compile(r"\d{1,15}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\x00\r\n]*)?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.\-]*://[^/?#]*", re.IGNORECASE)


class BadRequest(Exception):
    """The bytes are not a request that we can answer; the connection must close."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@frozen
class Request:
    """One request, read to its end; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path of the target, which a client of a proxy sends as a whole URL."""
        target = self.target
        if not target.startswith("/"):
            target = _ORIGIN.sub("", target, count=1)
        return target.partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the path, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def keep_alive(self) -> bool:
        return "close" not in self.headers.get("connection", "").lower()


class RequestReader:
    """Collects bytes, cut anywhere, into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._requests = self._read()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_request(self) -> Request | None:
        """The next whole request, None while bytes are missing, or BadRequest."""
        return next(self._requests)

    def _read(self) -> Iterator[Request | None]:
        while True:
            method, target = parse_request_line((yield from self._first_line()))
            headers = parse_fields((yield from self._until(b"\r\n\r\n", MAX_FIELDS)))
            length = body_length(headers)
            body = yield from (
                self._chunks() if length is None else self._exactly(length)
            )
            yield Request(method, target, headers, body)

    def _first_line(self) -> Generator[None, None, bytes]:
        """The request line; its CRLF stays, for the field section to start with."""
        while not self._buffer:
            yield None
        if not _START.match(self._buffer):  # TLS, for one: say so before a CRLF comes
            raise BadRequest(400, "this is not an HTTP request")
        line = yield from self._until(b"\r\n", MAX_LINE)
        if not line:  # RFC 9112, 2.2: one empty line may come before a request
            line = yield from self._until(b"\r\n", MAX_LINE)
        self._buffer[:0] = b"\r\n"
        return line

    def _until(self, end: bytes, limit: int) -> Generator[None, None, bytes]:
        searched = 0
        while (found := self._buffer.find(end, searched)) < 0:
            searched = max(0, len(self._buffer) - len(end) + 1)
            if searched > limit:
                break
            yield None
        if not 0 <= found <= limit:
            raise BadRequest(431, f"a line or the header fields exceed {limit} bytes")
        return self._take(found, len(end))

    def _exactly(self, size: int) -> Generator[None, None, bytes]:
        while len(self._buffer) < size:
            yield None
        return self._take(size)

    def _chunks(self) -> Generator[None, None, bytes]:
        body = bytearray()
        while size := parse_chunk_size((yield from self._until(b"\r\n", MAX_LINE))):
            body += yield from self._exactly(size)
            if (yield from self._exactly(2)) != b"\r\n":
                raise BadRequest(400, "a chunk is longer than its size says")
        while (yield from self._until(b"\r\n", MAX_LINE)):
            continue  # trailer fields mean nothing here
        return bytes(body)

    def _take(self, size: int, skip: int = 0) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[: size + skip]
        return data


def parse_request_line(line: bytes) -> tuple[str, str]:
    """Method and target of the first line.

    >>> parse_request_line(b"GET /models HTTP/1.1")
    ('GET', '/models')
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "the request line is malformed")
    if match[3] != b"1.1":
        raise BadRequest(505, "only HTTP/1.1 is spoken here")
    return match[1].decode(), match[2].decode()


def parse_fields(section: bytes) -> dict[str, str]:
    """The header fields, each line led by its CRLF; repeated fields are joined.

    >>> parse_fields(b"\\r\\nHost: a\\r\\nX-A: 1\\r\\nx-a: 2")
    {'host': 'a', 'x-a': '1, 2'}
    """
    fields: dict[str, str] = {}
    for line in section.split(b"\r\n")[1:]:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise BadRequest(400, "a header field is malformed")
        name = match[1].decode().lower()
        value = match[2].decode("latin-1").rstrip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    if "host" not in fields:
        raise BadRequest(400, "the Host field is missing")
    return fields


def body_length(fields: Mapping[str, str]) -> int | None:
    """The body's length in bytes; None where it comes in chunks."""
    coding, length = fields.get("transfer-encoding"), fields.get("content-length", "0")
    if coding is None and _LENGTH.fullmatch(length):
        return int(length)
    if coding is None or "content-length" in fields:
        raise BadRequest(400, "Content-Length is malformed or contradicted")
    if coding.lower() != "chunked":
        raise BadRequest(501, f"the transfer coding {coding!r} is not implemented")
    return None


def parse_chunk_size(line: bytes) -> int:
    """The size, in bytes, that a chunk's first line announces.

    >>> parse_chunk_size(b"1f;name=value")
    31
    """
    match = _CHUNK_SIZE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "a chunk size is malformed")
    return int(match[1], 16)


def response_head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and header fields, the blank line included.

    >>> response_head(498, {"content-length": "0"})
    b'HTTP/1.1 498 Unknown\\r\\ncontent-length: 0\\r\\n\\r\\n'
    """
    lines = [f"HTTP/1.1 {status} {reason(status)}"]
    lines += (f"{name}: {value}" for name, value in headers.items())
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape")


def reason(status: int) -> str:
    """The reason phrase; providers use statuses that no RFC names (498, 529)."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def chunk(data: bytes) -> bytes:
    """The data as one chunk of a chunked body; an empty one would end it.

    >>> chunk(b"hello"), chunk(b"")
    (b'5\\r\\nhello\\r\\n', b'')
    """
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


LAST_CHUNK = b"0\r\n\r\n"
