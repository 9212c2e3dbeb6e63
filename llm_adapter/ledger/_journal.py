"""What this process has to book, kept in a file of its own until it is booked."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from time import monotonic

from ._held_file import PREFIX, SUFFIX, HeldFile
from ._lines import Kind, decode_lines, encode_line
from ._records import Record
from ._warnings import Trouble, logger

MAX_BYTES = 64 * 1024 * 1024
MAX_UNSAVED = 10_000
"""Records that are kept in memory only, while the file takes none."""

MANY_LINES = 1000
"""Lines from which on a file is replaced that is mostly booked."""
MOSTLY = 4

GIVE_UP = 10
"""Lines that may fail: a full disk takes none, while JSON cannot say some."""


class _Orphan:
    """The journal of a process that died, until all of it is booked.

    Args:
        file: held by us now.
        records: that are not booked yet, by their ids.
    """

    def __init__(self, file: HeldFile, records: dict[str, Record]) -> None:
        self.file = file
        self.records = records


class Journal:
    """Keeps records until they are booked, whatever becomes of the process.

    Every line is in the hands of the operating system before the method returns: a
    process that is killed loses nothing, a machine without power may. Threads may
    share it; a forked process has a file of its own. No method raises for what is
    wrong with the file or the directory: it warns, and keeps records in memory.

    Args:
        directory: where the journals of all processes lie; made when it is needed.
        max_bytes: of the file. What comes when it is full is kept in memory only.
        max_unsaved: records that are kept so; what comes then is dropped.
        clock: seconds that only grow, for the pauses between warnings.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        max_bytes: int = MAX_BYTES,
        max_unsaved: int = MAX_UNSAVED,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        # Absolute, so that a change of the working directory is no change of the place.
        self.directory = Path(directory).expanduser().absolute()
        self.max_bytes = max_bytes
        self.max_unsaved = max_unsaved
        self._trouble = Trouble(clock)
        self._is_closed = False
        self._reset()
        _journals.add(self)

    def _reset(self) -> None:
        """As new; in a forked process as well, whose parent keeps what it has."""
        # Reentrant, since a collected stream may be booked in the middle of anything.
        self._lock = threading.RLock()
        self._begun: dict[str, Record] = {}
        self._ended: dict[str, Record] = {}
        self._unsaved: set[str] = set()
        self._orphans: list[_Orphan] = []
        self._kept = self._dropped = 0
        self._problem: str | None = None
        self._without_file()

    def _without_file(self) -> None:
        self._file: HeldFile | None = None
        self._size = self._lines = 0
        self._is_torn = False

    # -- what is to be booked ---------------------------------------------------------

    def begin(self, record: Record) -> None:
        """A request is about to be sent; without an end it will be booked as lost."""
        with self._lock:
            self._begun[record.id] = record
            if not self._save("begin", record) and not self._may_keep(record):
                del self._begun[record.id]
        self._tell()

    def end(self, record: Record) -> None:
        """The record is complete."""
        with self._lock:
            self._ended[record.id] = record
            begun = self._begun.pop(record.id, None)
            kept = self._save("end", record) or self._may_keep(record)
            self._kept += kept
            if not kept:
                del self._ended[record.id]
                self._dropped += 1
                if begun is not None:
                    self._begun[record.id] = begun
        self._tell()

    def _save(self, kind: Kind, record: Record) -> bool:
        """Whether the line is in the file."""
        try:
            saved = self._append(encode_line(kind, record))
        except Exception as error:  # whatever it is, it is no trouble of the call
            self._problem = f"{type(error).__name__}: {error}"
            return False
        if saved:
            self._unsaved.discard(record.id)
        return saved

    def _append(self, line: bytes) -> bool:
        if self._is_torn:
            line = b"\n" + line
        if self._size + len(line) > self.max_bytes:
            self._problem = f"it has {self._size} bytes and may have {self.max_bytes}"
            return False
        if self._file is None:
            self._file = HeldFile.new(self.directory)
        taken = self._file.append(line)
        self._size += taken
        self._lines += 1
        self._is_torn = taken < len(line)
        if self._is_torn:
            self._problem = "the disk is full"
        return not self._is_torn

    def _may_keep(self, record: Record) -> bool:
        """Whether there is room for a record in memory only."""
        is_full = len(self._unsaved) >= self.max_unsaved
        if self._is_closed or (is_full and record.id not in self._unsaved):
            return False
        self._unsaved.add(record.id)
        return True

    def _tell(self) -> None:
        """Warn of the latest problem: without the lock, which a handler may need."""
        problem = self._problem
        if problem is not None:
            self._problem = None
            self._trouble.warn(
                "The journal in %s takes no more (%.200s): %d records are in memory"
                " only, %d were dropped.",
                self.directory,
                problem,
                len(self._unsaved),
                self._dropped,
            )

    # -- what is booked ---------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many records are complete, and not booked yet."""
        return sum(map(len, self._shelves()))

    @property
    def kept(self) -> int:
        """How many records of this process were complete, and found room."""
        return self._kept

    @property
    def dropped(self) -> int:
        """How many records found no room."""
        return self._dropped

    def _shelves(self) -> list[dict[str, Record]]:
        return [self._ended, *(orphan.records for orphan in self._orphans)]

    def next(self, limit: int) -> list[Record]:
        """Records to be booked, those of this process first; they stay here."""
        with self._lock:
            values = (shelf.values() for shelf in self._shelves())
            return list(islice(chain.from_iterable(values), limit))

    def ids(self) -> set[str]:
        """Of all records that are complete, and not booked yet."""
        with self._lock:
            return set().union(*self._shelves())

    def defer(self, record: Record) -> None:
        """Let others go first."""
        with self._lock:
            for shelf in self._shelves():
                if record.id in shelf:
                    shelf[record.id] = shelf.pop(record.id)

    def booked(self, records: Iterable[Record]) -> None:
        """These are in the database: forget them, and reclaim their space."""
        with self._lock:
            for record in records:
                for shelf in self._shelves():
                    shelf.pop(record.id, None)
                self._unsaved.discard(record.id)
            for orphan in [each for each in self._orphans if not each.records]:
                self._orphans.remove(orphan)
                orphan.file.remove()
            self._reclaim()
        self._tell()

    def _reclaim(self) -> None:
        live = len(self._begun) + len(self._ended)
        if self._file is None or not self._lines:
            return
        if not live:
            self._clear(self._file)
        elif self._lines >= MANY_LINES and live * MOSTLY <= self._lines:
            self._replace()

    def _clear(self, file: HeldFile) -> None:
        try:
            file.clear()
        except OSError as error:
            self._problem = f"{type(error).__name__}: {error}"
        else:
            self._size = self._lines = 0
            self._is_torn = False

    def _replace(self) -> None:
        """Go on in a new file that has what is not booked, and only that.

        Killed in between, both files say the same of all that is in the new one.
        """
        before = self._file, self._size, self._lines, self._is_torn
        unsaved = self._unsaved
        self._without_file()
        self._unsaved = {*unsaved, *self._begun, *self._ended}
        self._save_all()
        worse = len(self._unsaved) > len(unsaved)
        given_up = self._file if worse else before[0]
        if worse:
            self._file, self._size, self._lines, self._is_torn = before
            self._unsaved = unsaved
        if given_up is not None:
            given_up.remove()

    def _save_all(self) -> None:
        """Write what is in memory only."""
        failed = 0
        for each in list(self._unsaved):
            if each in self._ended:
                failed += not self._save("end", self._ended[each])
            else:
                failed += not self._save("begin", self._begun[each])
            if failed == GIVE_UP:
                break

    # -- files ------------------------------------------------------------------------

    def tend(self) -> None:
        """Write what is in memory only, should that be possible again."""
        with self._lock:
            if self._file is not None and not self._file.is_in_place():
                # Somebody has deleted it: what is written there is gone with us.
                self._file.close()
                self._without_file()
                self._unsaved.update(self._begun, self._ended)
            self._save_all()
        self._tell()

    def adopt(self, limit: int) -> int:
        """Take over what dead processes left, until `limit` records wait: how many.

        Their files are deleted once all that is in them is booked.
        """
        count = 0
        for path in self._files():
            if self.waiting >= limit:
                break
            with suppress(OSError):  # gone, or another user's
                file = HeldFile.claim(path)
                if file is not None:
                    count += self._shelve(file)
        return count

    def _files(self) -> list[Path]:
        try:
            names = sorted(os.listdir(self.directory))
        except OSError:
            return []
        return [
            self.directory / name
            for name in names
            if name.startswith(PREFIX) and name.endswith(SUFFIX)
        ]

    def _shelve(self, file: HeldFile) -> int:
        try:
            lines = decode_lines(file.read())
        except OSError:
            file.close()
            raise
        if lines.unreadable:
            logger.warning(
                "%d lines of the journal %s cannot be read and are left out.",
                lines.unreadable,
                file.path,
            )
        with self._lock:
            if self._is_closed:
                file.close()
                return 0
            if lines.records:
                self._orphans.append(_Orphan(file, lines.records))
            else:
                file.remove()
        return len(lines.records)

    def close(self) -> None:
        """Leave what is not booked to another process, or to another journal.

        What ends afterwards goes to a file that is free when this process ends.
        """
        with self._lock:
            self._is_closed = True
            lost = self._unsaved & self._ended.keys()
            saved = (self._begun.keys() | self._ended.keys()) - self._unsaved
            for orphan in self._orphans:
                orphan.file.close()
            if self._file is not None and saved:
                self._file.close()
            elif self._file is not None:
                self._file.remove()
            counts = self._kept, self._dropped + len(lost)
            self._reset()
            self._kept, self._dropped = counts
            if lost:
                self._problem = "it is closed"
        self._tell()


# -- all of the process, for forks ----------------------------------------------------

_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _reset_all() -> None:
    for journal in list(_journals):
        journal._reset()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_reset_all)
