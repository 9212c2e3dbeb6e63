"""What people type in a chat: lines that become turns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import click
from attrs import define, field

from ._reading import reading

_FENCE = '"""'


@define
class Turns:
    r"""Makes turns of lines: a backslash at the end, or three quotes, wait for more.

    >>> turns = Turns()
    >>> turns.feed("one \\"), turns.feed("two"), turns.feed("three")
    (None, 'one \ntwo', 'three')
    """

    _lines: list[str] = field(factory=list)
    _fenced: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a turn has begun and wants more."""
        return self._fenced or bool(self._lines)

    def feed(self, line: str) -> str | None:
        """The turn that ends with a line; None when it goes on."""
        if not self.is_open and line.lstrip().startswith(_FENCE):
            self._fenced = True
            line = line.lstrip()[len(_FENCE) :]
        if self._fenced:
            return self._within(line)
        if line.endswith("\\"):
            self._lines.append(line[:-1])
            return None
        return self._ended(line)

    def _within(self, line: str) -> str | None:
        if line.rstrip().endswith(_FENCE):
            return self._ended(line.rstrip()[: -len(_FENCE)])
        self._lines.append(line)
        return None

    def _ended(self, line: str) -> str:
        text = "\n".join([*self._lines, line])
        self.drop()
        return text

    def rest(self) -> str | None:
        """What stands there when no more lines come; None when that is nothing."""
        return self._ended("").removesuffix("\n") if self.is_open else None

    def drop(self) -> None:
        """Forget what has begun."""
        self._lines, self._fenced = [], False


def typed(say: Callable[[str], None]) -> Iterator[str]:
    """The turns of somebody at a terminal, until Ctrl-D.

    Args:
        say: tells them something.
    """
    with suppress(ImportError):  # Windows has none
        import readline  # noqa: F401 - gives input() its history and its keys
    turns = Turns()
    while True:
        try:
            turn = turns.feed(input("... " if turns.is_open else "> "))
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            if not turns.is_open:
                say("Ctrl-D leaves.")
            turns.drop()
            continue
        if turn is not None:
            yield turn


def _read(lines: Iterable[bytes]) -> Iterator[bytes]:
    with reading("Standard input"):
        yield from lines


def piped() -> Iterator[str]:
    """The turns in standard input: each line is one.

    Raises:
        click.UsageError: a line is not UTF-8.
    """
    turns = Turns()
    lines = () if sys.stdin is None else sys.stdin.buffer
    for number, line in enumerate(_read(lines), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise click.UsageError(
                f"Line {number} of the input is not UTF-8: byte "
                f"0x{line[error.start]:02x} at column {error.start + 1}."
            ) from None
        turn = turns.feed(text.rstrip("\r\n"))
        if turn is not None:
            yield turn
    rest = turns.rest()
    if rest is not None:
        yield rest
