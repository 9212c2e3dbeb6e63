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


class Sink:
    """Takes the lines one by one, and knows those of earlier runs.

    Args:
        path: of the file; - is standard output.
        way: what becomes of the lines that are there: with "retry" those with errors
            are made again, in a new file, so that there is a whole one at any time.

    Raises:
        click.ClickException: the file cannot be used.
    """

    def __init__(self, path: Path, way: Way) -> None:
        # Behind links, which stay what they are when the file is replaced.
        self._path = Path(os.path.realpath(path))
        self._output = Output()
        self._old: Target | None = None
        self._new: Target | None = None
        with ExitStack() as stack:
            if path != STANDARD:
                self._open(way, stack)
            self._files = stack.pop_all()

    def _open(self, way: Way, stack: ExitStack) -> None:
        self._old = stack.enter_context(Target(self._path))
        part = self._path.with_name(f"{self._path.name}.retry")
        if way == "replace":
            self._old.clear()
            part.unlink(missing_ok=True)
        self._old.mend()
        if way == "retry":
            self._new = stack.enter_context(Target(part))
            self._new.mend()

    @property
    def is_terminal(self) -> bool:
        """Whether somebody reads the lines as they are written."""
        return self._old is None and self._output.is_terminal

    def kept(self) -> Iterator[Kept]:
        """The lines that are there already."""
        if self._old is None:
            return iter(())
        new = None if self._new is None else self._new.lines()
        return merged(self._old.lines(), new)

    def write(self, raw: bytes) -> None:
        """Add a line."""
        target = self._new or self._old
        if target is not None:
            target.append(raw)
        elif self._output.is_unicode:
            self._output.write(raw.decode())
        else:
            self._output.write(f"{json.dumps(json.loads(raw))}\n")

    def finish(self) -> None:
        """All rows have their lines.

        Raises:
            click.ClickException: the new file cannot take the place of the old one.
        """
        for target in filter(None, (self._new, self._old)):
            target.sync()
        if self._new is not None:
            try:
                shutil.copymode(self._path, self._new.path)
                os.replace(self._new.path, self._path)
            except OSError as error:
                raise unwritable(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._files.close()
