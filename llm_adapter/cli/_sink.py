"""Where the lines of a map go: standard output, or a file that remembers them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Self

from ._mapping import Kept, merged
from ._output import Output
from ._target import Target, unwritable

Way = Literal["resume", "retry", "replace"]
STANDARD = Path("-")


def beside(path: Path) -> Path:
    """The file in which an output is made again."""
    return path.with_name(f"{path.name}.retry")


class Sink:
    """Takes the lines one by one, and knows those of earlier runs.

    Args:
        path: of the file; - is standard output.
        way: what becomes of the lines that are there: with "retry" those with errors
            are made again, with "replace" all of them. Both do it in a new file, so
            that there is a whole one at any time.

    Raises:
        click.ClickException: the file cannot be used.
    """

    def __init__(self, path: Path, way: Way) -> None:
        # Behind links, which stay what they are when the file is replaced.
        self._path = Path(os.path.realpath(path))
        self._way = way
        self._is_stale = way == "replace"
        self._output = Output()
        self._old: Target | None = None
        self._new: Target | None = None
        with ExitStack() as stack:
            if path != STANDARD:
                self._open(stack)
            self._files = stack.pop_all()

    def _open(self, stack: ExitStack) -> None:
        self._old = stack.enter_context(Target(self._path))
        if self._way != "replace":
            self._old.mend()
        if self._way == "resume":
            return
        self._new = stack.enter_context(Target(beside(self._path)))
        self._new.mend()
        if self._way == "replace":
            self._new.check()

    @property
    def is_terminal(self) -> bool:
        """Whether somebody reads the lines as they are written."""
        return self._old is None and self._output.is_terminal

    def kept(self) -> Iterator[Kept]:
        """The lines that are there already."""
        if self._old is None or self._way == "replace":
            return iter(())
        new = None if self._new is None else self._new.lines()
        return merged(self._old.lines(), new)

    def write(self, raw: bytes) -> None:
        """Add a line."""
        target = self._new or self._old
        if target is not None:
            self._freshen()
            target.append(raw)
        elif self._output.is_unicode:
            self._output.write(raw.decode())
        else:
            self._output.write(f"{json.dumps(json.loads(raw))}\n")

    def _freshen(self) -> None:
        """Empty the new file of earlier runs, once there is something to write."""
        if self._new is not None and self._is_stale:
            self._new.clear()
        self._is_stale = False

    def finish(self, *, whole: bool) -> None:
        """No more lines will come.

        Args:
            whole: whether all rows have theirs.

        Raises:
            click.ClickException: the lines are not on the disk, somebody else has
                changed the file, or the new one cannot take the place of the old one.
        """
        for target in filter(None, (self._new, self._old)):
            target.sync()
        if self._new is not None and whole:
            self._freshen()
            try:
                shutil.copymode(self._path, self._new.path)
                os.replace(self._new.path, self._path)
            except OSError as error:
                raise unwritable(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._files.close()
