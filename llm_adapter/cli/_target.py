"""The file that a map writes: what it holds already, and what is appended."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from ._lines import Line, beginning, read_line

_BLOCK = 1 << 16
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
    import msvcrt

    _FAR = 1 << 40  # Locked bytes can be neither read nor written: one past the end.

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Target:
    """A file of whole lines, one for each row, in their order; ours until it is closed.

    Args:
        path: of the file, which is made when there is none.

    Raises:
        click.ClickException: it cannot be written.
        click.UsageError: another map writes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        if path.exists() and not path.is_file():
            raise click.ClickException(
                f"{str(path)!r} is not a regular file: name another one, or write to "
                "standard output with -o -."
            )
        try:
            self._descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            self._claim()
        except BaseException:
            self.close()
            raise

    def _claim(self) -> None:
        try:
            _lock(self._descriptor)
            same = os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except (BlockingIOError, PermissionError, FileNotFoundError):
            same = False
        except OSError as error:  # a file system without locks
            raise unwritable(self.path, error) from error
        if not same:
            raise click.UsageError(
                f"Another map is writing {str(self.path)!r}: wait for it to end, or "
                "name another output."
            )

    # -- what is there ----------------------------------------------------------------

    def lines(self) -> Iterator[Line]:
        """The lines that it holds, as they are read.

        Raises:
            click.UsageError: there is a line that no map has written.
        """
        with open(os.dup(self._descriptor), "rb") as reader:
            reader.seek(0)
            for index, raw in enumerate(reader):
                line = read_line(raw, index)
                if line is None:
                    raise self._foreign(index)
                yield line

    def mend(self) -> None:
        """Cut off the piece of a line at the end, which a killed map has left.

        Raises:
            click.UsageError: it was not written by a map.
        """
        size = os.fstat(self._descriptor).st_size
        whole = self._end_of_lines(size)
        if whole == size:
            self._size = size
            return
        with open(os.dup(self._descriptor), "rb") as reader:
            reader.seek(0)
            index = 0
            while reader.tell() < whole:
                if read_line(reader.readline(), index) is None:
                    raise self._foreign(index)
                index += 1
            torn = reader.readline()
        start = beginning(index)
        if torn[: len(start)] != start[: len(torn)]:
            raise self._foreign(index)
        self._cut(whole)

    def check(self) -> None:
        """Read all of it.

        Raises:
            click.UsageError: there is a line that no map has written.
        """
        deque(self.lines(), maxlen=0)

    def _end_of_lines(self, size: int) -> int:
        """Where the last line end is."""
        with open(os.dup(self._descriptor), "rb") as reader:
            end = size
            while end > 0:
                start = max(0, end - _BLOCK)
                reader.seek(start)
                found = reader.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
        return 0

    def _foreign(self, index: int) -> click.UsageError:
        return click.UsageError(
            f"Line {index + 1} of {str(self.path)!r} is not one that `map` has "
            "written: name another output, or move the file away."
        )

    # -- what is added ----------------------------------------------------------------

    def clear(self) -> None:
        """Make it empty."""
        self._cut(0)

    def _cut(self, size: int) -> None:
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._size = size

    def append(self, raw: bytes) -> None:
        """Add a line: after a kill it is there, or not, or in part at the very end.

        Raises:
            click.ClickException: it cannot be written.
        """
        try:
            while raw:
                written = os.write(self._descriptor, raw)
                self._size += written
                raw = raw[written:]
        except OSError as error:
            raise unwritable(self.path, error) from error

    def sync(self) -> None:
        """Have all of it on the disk, where people look for it.

        Raises:
            click.ClickException: it is not there.
        """
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise unwritable(self.path, error) from error
        if not self._is_there():
            raise click.ClickException(
                f"{str(self.path)!r} was removed, replaced or cut by another program "
                "while it was written: lines are missing. Run the command again."
            )

    def _is_there(self) -> bool:
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        ours = os.fstat(self._descriptor)
        return os.path.samestat(found, ours) and ours.st_size >= self._size

    def close(self) -> None:
        """Leave it to others."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def unwritable(path: Path, error: OSError) -> click.ClickException:
    """The error for a file that cannot be written."""
    return click.ClickException(
        f"{str(path)!r} cannot be written: {error.strerror or error}."
    )
