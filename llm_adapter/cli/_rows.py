"""The rows of an input: read one by one, whatever is wrong with some of them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import IO, Any, Literal

import click
from attrs import field, frozen

from ._template import Template

Format = Literal["jsonl", "csv"]

_MARK = b"\xef\xbb\xbf"  # that Windows puts before UTF-8
_LONGEST_CELL = 1 << 30


@frozen
class Read:
    """A row as it stands in the input.

    Args:
        line: where it begins, 1 for the first.
        raw: its text.
        fields: by name; None when it cannot be read.
        problem: why.
        end: bytes of the input up to its end.
    """

    line: int
    raw: str = field(repr=False)
    fields: Mapping[str, Any] | None
    problem: str | None = None
    end: int = 0


@frozen(kw_only=True)
class Row:
    """What is to be asked.

    Args:
        index: 0 for the first row of the input.
        line: where it begins, 1 for the first.
        digest: of the row and of what is made of it.
        prompt: None where there is a problem.
        problem: why it cannot be asked.
        id: that the row has of its own.
        end: bytes of the input up to its end.
    """

    index: int
    line: int
    digest: str
    prompt: str | None = field(default=None, repr=False)
    problem: str | None = None
    id: Any = None
    end: int = 0


def rows(
    file: IO[bytes], form: Format, template: Template, column: str, salt: str
) -> Iterator[Row]:
    """The rows of a file.

    Args:
        file: open for reading; only its lines are asked for.
        form: of the file.
        template: makes the prompt.
        column: what a row is called in the template that is only a string.
        salt: goes into the digests: what else decides the answers.

    Raises:
        click.UsageError: it is not UTF-8, or no CSV; names the line.
    """
    lines = _Lines(file)
    found = _json(lines, column) if form == "jsonl" else _csv(lines, template)
    for index, read in enumerate(found):
        prompt, problem = _prompt(read, template)
        yield Row(
            index=index,
            line=read.line,
            digest=_digest(salt, read.raw),
            prompt=prompt,
            problem=problem,
            id=None if read.fields is None else read.fields.get("id"),
            end=read.end,
        )


def _prompt(read: Read, template: Template) -> tuple[str | None, str | None]:
    """The prompt, or why there is none."""
    if read.fields is None:
        return None, read.problem
    try:
        prompt = template.fill(read.fields)
    except (ValueError, RecursionError) as error:
        return None, str(error)
    return (prompt, None) if prompt.strip() else (None, "the prompt is empty")


def _digest(salt: str, raw: str) -> str:
    text = f"{salt}\0{raw}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=8).hexdigest()


class _Lines:
    """The lines of a file as text, and where one is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.number = 0
        self.end = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            self.end += len(line)
            content = line.removeprefix(_MARK) if self.number == 1 else line
            try:
                yield content.decode()
            except UnicodeDecodeError as error:
                raise click.UsageError(
                    f"Line {self.number} of the input is not UTF-8: byte "
                    f"0x{content[error.start]:02x} at column {error.start + 1}. "
                    "Convert it first, for example with iconv."
                ) from None


# -- JSON lines -----------------------------------------------------------------------


def _json(lines: _Lines, column: str) -> Iterator[Read]:
    for line in lines:
        raw = line.strip()
        if raw:
            fields, problem = _object(raw, column)
            yield Read(lines.number, raw, fields, problem, lines.end)


def _object(raw: str, column: str) -> tuple[Mapping[str, Any] | None, str | None]:
    try:
        value = json.loads(raw, parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        return None, f"it is not JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        return None, f"it is no JSON that can be read: {error}"
    if isinstance(value, str):
        return {column: value}, None
    if isinstance(value, dict):
        return value, None
    return None, f"it is a JSON {type(value).__name__}, not an object or a string"


def _finite(number: str) -> float:
    """A number that can be written again: no NaN, nothing beyond a float."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number:.40} is no number that JSON can hold")
    return value


# -- CSV ------------------------------------------------------------------------------


def _csv(lines: _Lines, template: Template) -> Iterator[Read]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield from _records(lines, template)
    except csv.Error as error:
        raise click.UsageError(
            f"Line {lines.number} of the input is no CSV: {error}."
        ) from None
    finally:
        csv.field_size_limit(before)


def _records(lines: _Lines, template: Template) -> Iterator[Read]:
    reader = csv.reader(lines, strict=True)
    header = next(_filled(reader), None)
    if header is None:
        return
    _check(header, template)
    begin = lines.number + 1
    for cells in reader:
        if cells:
            fields, problem = _record(header, cells)
            named = cells if fields is None else fields
            raw = json.dumps(named, ensure_ascii=False, sort_keys=True)
            yield Read(begin, raw, fields, problem, lines.end)
        begin = lines.number + 1


def _filled(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    return (cells for cells in reader if cells)


def _check(header: list[str], template: Template) -> None:
    missing = [name for name in template.names if name not in header]
    if missing:
        raise click.UsageError(
            f"The CSV has no column {missing[0]!r}: its first line names "
            f"{', '.join(header):.300}. Choose with --column or --template."
        )


def _record(
    header: list[str], cells: list[str]
) -> tuple[Mapping[str, Any] | None, str | None]:
    if len(cells) != len(header):
        return None, f"it has {len(cells)} fields, the first line {len(header)}"
    return dict(zip(header, cells, strict=True)), None
