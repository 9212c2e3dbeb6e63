"""Answers in the memory of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from heapq import heapify, heappop, heappush
from math import inf
from time import monotonic

from ._arguments import whole_number
from ._processes import PerProcess
from ._store import CacheStore

_SLACK = 64
"""Notes of entries that have gone, beyond which the notes are made anew."""


class MemoryCache(CacheStore):
    """Keeps answers in this process; the least recently used ones make room.

    >>> cache = MemoryCache(max_entries=2)
    >>> for key in ("a", "b", "c"):
    ...     cache.set(key, b"answer", ttl=60)
    >>> cache.get("a"), cache.get("c"), len(cache)
    (None, b'answer', 2)

    Args:
        max_entries: beyond which something has to go.
        max_bytes: likewise, of all values and keys. A value that is larger is not kept.
    """

    blocking = False

    def __init__(
        self, max_entries: int = 10_000, max_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self.max_entries: int = whole_number("max_entries", max_entries)
        self.max_bytes: int = whole_number("max_bytes", max_bytes)
        self._contents = PerProcess(self._empty)

    def _empty(self) -> _Contents:
        return _Contents(self.max_entries, self.max_bytes)

    def get(self, key: str) -> bytes | None:
        """What is kept under a key, which now is the most recently used."""
        contents = self._contents.get()
        with contents.lock:
            return contents.answer(key, monotonic())

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep a value for `ttl` seconds, unless others need its room earlier."""
        contents = self._contents.get()
        with contents.lock:
            now = monotonic()
            contents.drop_expired(now)
            contents.drop(key)
            contents.keep(key, value, inf if ttl is None else now + ttl, now)

    def delete(self, key: str) -> None:
        """Forget a key, known or not."""
        contents = self._contents.get()
        with contents.lock:
            contents.drop(key)

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Claim a key, unless another owner in this process holds it."""
        contents = self._contents.get()
        with contents.lock:
            now = monotonic()
            contents.drop_old_claims(now)
            if contents.owner(key, now) not in (None, owner):
                return False
            contents.give(key, owner, now + seconds)
            return True

    def renew(self, key: str, owner: str, seconds: float) -> bool:
        """Hold a claim for that long from now: whether it was still ours."""
        contents = self._contents.get()
        with contents.lock:
            now = monotonic()
            if contents.owner(key, now) != owner:
                return False
            contents.give(key, owner, now + seconds)
            return True

    def release(self, key: str, owner: str) -> None:
        """Give up a claim, if it is still ours."""
        contents = self._contents.get()
        with contents.lock:
            if contents.owner(key, monotonic()) == owner:
                del contents.claims[key]

    @property
    def size(self) -> int:
        """Bytes of all values, and characters of their keys."""
        contents = self._contents.get()
        with contents.lock:
            contents.drop_expired(monotonic())
            return contents.size

    def __len__(self) -> int:
        contents = self._contents.get()
        with contents.lock:
            contents.drop_expired(monotonic())
            return len(contents.answers)

    def __bool__(self) -> bool:
        return True  # a cache that is empty is a cache

    def __repr__(self) -> str:
        return f"MemoryCache({len(self)} entries, {self.size} bytes)"


class _Contents:
    """What one process keeps. Whoever uses it holds its lock, and says what time it is.

    Args:
        max_entries: as for the cache.
        max_bytes: as for the cache.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self.lock = threading.Lock()
        # Value and end by key, the least recently used first.
        self.answers: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self.size = 0
        # A heap of notes, also of some that have been replaced or have gone.
        self._ends: list[tuple[float, str]] = []
        # Owner and end by key, the one that was given first first.
        self.claims: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def answer(self, key: str, now: float) -> bytes | None:
        value, end = self.answers.get(key, (None, inf))
        if end <= now:
            self.drop(key)
            return None
        if value is not None:
            self.answers.move_to_end(key)
        return value

    def keep(self, key: str, value: bytes, end: float, now: float) -> None:
        weight = len(key) + len(value)
        if weight > self._max_bytes or not end > now:
            return
        self.answers[key] = (value, end)
        self.size += weight
        if end < inf:
            self._note(end, key)
        while len(self.answers) > self._max_entries or self.size > self._max_bytes:
            self.drop(next(iter(self.answers)))

    def drop(self, key: str) -> None:
        if key in self.answers:
            value, _ = self.answers.pop(key)
            self.size -= len(key) + len(value)

    def drop_expired(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            end, key = heappop(self._ends)
            if self.answers.get(key, (None, inf))[1] == end:
                self.drop(key)

    def _note(self, end: float, key: str) -> None:
        heappush(self._ends, (end, key))
        if len(self._ends) > 2 * len(self.answers) + _SLACK:
            known = self.answers.items()
            self._ends = [(end, key) for key, (_, end) in known if end < inf]
            heapify(self._ends)

    def owner(self, key: str, now: float) -> str | None:
        owner, end = self.claims.get(key, (None, inf))
        return owner if end > now else None

    def give(self, key: str, owner: str, end: float) -> None:
        self.claims[key] = (owner, end)
        self.claims.move_to_end(key)

    def drop_old_claims(self, now: float) -> None:
        """Forget claims of owners that are no more: the oldest ones, while they are."""
        while self.claims and next(iter(self.claims.values()))[1] <= now:
            self.claims.popitem(last=False)
