"""Standard output, which holds the answer, and what may be shown on a terminal."""

from __future__ import annotations

import os
import re
import sys
from io import TextIOWrapper
from typing import Any

import click

from ._exits import OUTPUT_CLOSED

# All but tab and line feed: an answer must not steer the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# With PYTHONUNBUFFERED Python does not notice when a pipe takes only a part of what it
# writes; up to 4096 bytes a pipe takes whole or not at all.
_ATOMIC = 1024


def printable(text: str) -> str:
    r"""The text without control characters.

    >>> printable("\x1b[31mred\r\n")
    '[31mred\n'
    """
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    r"""The text as one printable line.

    >>> one_line("a  b\n\tc\x07")
    'a b c'
    """
    return " ".join(printable(" ".join(text.split())).split())


class Output:
    """Writes to standard output at once; a terminal gets no control characters."""

    def __init__(self) -> None:
        self._is_terminal = bool(sys.stdout and sys.stdout.isatty())
        self._at_line_start = True
        if isinstance(sys.stdout, TextIOWrapper):
            # What the encoding lacks is shown as an escape rather than as an error.
            sys.stdout.reconfigure(errors="backslashreplace")

    @property
    def is_terminal(self) -> bool:
        """Whether somebody reads it as it is written."""
        return self._is_terminal

    @property
    def is_unicode(self) -> bool:
        """Whether every character can be written as it is."""
        encoding: str = getattr(sys.stdout, "encoding", None) or "ascii"
        return encoding.lower().replace("-", "").startswith("utf")

    def write(self, text: str) -> None:
        """Write and flush.

        Raises:
            click.exceptions.Exit: nobody reads any more.
            click.ClickException: the text cannot be written.
        """
        if not text:
            return
        if sys.stdout is None:
            raise click.ClickException("The output cannot be written: it is closed.")
        try:
            shown = printable(text) if self._is_terminal else text
            for start in range(0, len(shown), _ATOMIC):
                sys.stdout.write(shown[start : start + _ATOMIC])
            sys.stdout.flush()
        except BrokenPipeError:
            _abandon()
            raise click.exceptions.Exit(OUTPUT_CLOSED) from None
        except OSError as error:
            _abandon()
            raise click.ClickException(
                f"The output cannot be written: {error.strerror}."
            ) from error
        self._at_line_start = text.endswith("\n")

    def write_json(self, data: Any, *, compact: bool = False) -> None:
        """Write a value as JSON, on one line if it is to be compact."""
        import json

        form: Any = {"separators": (",", ":")} if compact else {"indent": 2}
        self.write(json.dumps(data, ensure_ascii=not self.is_unicode, **form))
        self.end_line()

    def end_line(self) -> None:
        """Write a line feed unless a line has just ended."""
        if not self._at_line_start:
            self.write("\n")


def settle() -> None:
    """Have nothing left that the interpreter could fail to write when it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _abandon()


def _abandon() -> None:
    """Let the interpreter flush into nothing when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
