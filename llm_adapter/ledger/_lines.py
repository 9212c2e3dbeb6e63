"""The lines of a journal: two for each request, its beginning and its end."""

from __future__ import annotations

from datetime import UTC
from typing import Literal, TypeAlias

import msgspec
from attrs import evolve, frozen

from ._records import Record

VERSION: Literal[1] = 1
"""Of the lines. Another one gets other names of files, so that programs with another
version of this library leave each other's files alone."""

Kind: TypeAlias = Literal["begin", "end"]


class _Line(msgspec.Struct, frozen=True):
    v: Literal[1]
    kind: Kind
    record: Record


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


@frozen
class Lines:
    """What a journal says.

    Args:
        records: by their ids, in the order of their first lines; what has begun only
            is lost.
        unreadable: lines that say nothing: cut ones, foreign ones.
    """

    records: dict[str, Record]
    unreadable: int


def encode_line(kind: Kind, record: Record) -> bytes:
    """One line, with its end.

    Raises:
        ValueError: JSON has no way to say it: half of a surrogate pair.
        OverflowError: or a number beyond 64 bits.
    """
    return _encoder.encode(_Line(VERSION, kind, record)) + b"\n"


def decode_lines(data: bytes) -> Lines:
    """All that can be read of a journal, whatever is in it.

    >>> decode_lines(b'{"v":1,"kind":"be')
    Lines(records={}, unreadable=1)
    """
    records: dict[str, Record] = {}
    ended: set[str] = set()
    unreadable = 0
    for text in filter(None, data.split(b"\n")):
        line = _decoded(text)
        if line is None:
            unreadable += 1
        elif line.kind == "end":
            ended.add(line.record.id)
            records[line.record.id] = line.record
        elif line.record.id not in ended:
            records[line.record.id] = evolve(line.record, status="lost")
    return Lines(records, unreadable)


def _decoded(text: bytes) -> _Line | None:
    try:
        line = _decoder.decode(text)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    if line.record.at.tzinfo is None:
        at = line.record.at.replace(tzinfo=UTC)
        return _Line(line.v, line.kind, evolve(line.record, at=at))
    return line
