"""Files of one process each: who finds one that nobody holds may take it over."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Self

from ._lines import VERSION

PREFIX, SUFFIX = f"usage-v{VERSION}-", ".jsonl"
ATTEMPTS = 20
"""Names to try, when others take each new file for one of a dead process."""

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)

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


class HeldFile:
    """Nobody else's until it is closed here, or this process ends.

    A forked process does not hold the files of its parent.

    Args:
        path: of the file.
        descriptor: open for reading and appending, and locked.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def new(cls, directory: Path) -> Self:
        """An empty file of an unused name; the directory is made when there is none.

        Raises:
            OSError: it cannot be made or locked.
        """
        os.makedirs(directory, mode=0o700, exist_ok=True)
        for _ in range(ATTEMPTS):
            name = f"{PREFIX}{os.getpid()}-{token_hex(6)}{SUFFIX}"
            file = cls._open(directory / name, os.O_CREAT | os.O_EXCL)
            if file is not None:
                return file
        raise FileExistsError(f"Others take every new file in {directory}")

    @classmethod
    def claim(cls, path: Path) -> Self | None:
        """A file that nobody holds; None when somebody does, or it is gone.

        Raises:
            OSError: it cannot be opened or locked.
        """
        with suppress(FileNotFoundError):
            return cls._open(path, 0)
        return None

    @classmethod
    def _open(cls, path: Path, flags: int) -> Self | None:
        with _opening:
            file = cls(path, os.open(path, _FLAGS | flags, 0o600))
            _held.add(file)
        try:
            if file._is_locked() and file.is_in_place():
                return file
        except OSError:  # a file system without locks
            file.close()
            if flags:
                os.unlink(path)
            raise
        file.close()
        return None

    def _is_locked(self) -> bool:
        try:
            _lock(self._number)
        except (BlockingIOError, PermissionError):  # the latter on Windows
            return False
        return True

    @property
    def _number(self) -> int:
        if self._descriptor is None:
            raise OSError(f"{self.path} is closed")
        return self._descriptor

    def is_in_place(self) -> bool:
        """Whether the file of that name is this one still."""
        try:
            found, ours = os.stat(self.path), os.fstat(self._number)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)

    def append(self, data: bytes) -> int:
        """How many bytes of it the file has taken, in one write.

        Raises:
            OSError: none.
        """
        return os.write(self._number, data)

    def read(self) -> bytes:
        """All of it."""
        with open(self._number, "rb", closefd=False) as reader:
            reader.seek(0)
            return reader.read()

    def clear(self) -> None:
        """Make it empty."""
        os.ftruncate(self._number, 0)

    def remove(self) -> None:
        """Delete it, as far as that is possible, and close it."""
        # First empty, for a file that cannot be deleted is read by the next to come.
        with suppress(OSError):
            self.clear()
        with suppress(OSError):
            # While it is held: once it is not, it may be another's.
            os.unlink(self.path)
        self.close()
        if sys.platform == "win32":  # pragma: no cover - the tests run elsewhere
            # An open file cannot be deleted there, nor be taken from another.
            with suppress(OSError):
                os.unlink(self.path)

    def close(self) -> None:
        """Leave it to others."""
        with _opening:
            _held.discard(self)
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


# -- all of the process, for forks ----------------------------------------------------

_held: set[HeldFile] = set()
_opening = threading.RLock()


def _close_all() -> None:
    """In a forked process: its descriptors would hold the files beyond the parent."""
    _opening.release()
    for file in list(_held):
        file.close()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(
        before=_opening.acquire,
        after_in_parent=_opening.release,
        after_in_child=_close_all,
    )
