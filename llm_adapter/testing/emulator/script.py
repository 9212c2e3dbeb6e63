"""Which reply the next request gets: scripted, by chance, or one for all."""

from __future__ import annotations

import threading
from collections import deque
from random import Random

from .replies import Reply


class Script:
    """Filled by the test's threads, consumed by the server's."""

    def __init__(self, seed: int, replies: tuple[Reply, ...] = ()) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._always: Reply | None = None
        self.clear()
        self.add(replies)

    def clear(self) -> None:
        """Forgets everything, and begins the random sequence again."""
        with self._lock:
            self._queue: deque[Reply] = deque()
            self._always = None
            self._chance: tuple[float, tuple[Reply, ...]] = (0.0, ())
            self._random = Random(self._seed)

    def add(self, replies: tuple[Reply, ...]) -> None:
        with self._lock:
            self._queue.extend(replies)

    def set_always(self, reply: Reply | None) -> None:
        with self._lock:
            self._always = reply

    def set_chance(self, probability: float, replies: tuple[Reply, ...]) -> None:
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"probability={probability!r}: give 0.0 to 1.0")
        if probability and not replies:
            raise ValueError("give the replies to choose from")
        with self._lock:
            self._chance = (probability, replies)

    def take(self) -> Reply | None:
        """The reply for a request; None means what the provider would say."""
        with self._lock:
            if self._queue:
                return self._queue.popleft()
            probability, replies = self._chance
            if self._always is None and self._random.random() < probability:
                return self._random.choice(replies)
            return self._always

    def take_connect(self) -> Reply | None:
        """The reply that strikes a new connection before it has asked anything."""
        with self._lock:
            upcoming = self._queue[0] if self._queue else self._always
            if upcoming is None or not upcoming.strikes_early:
                return None
            return self._queue.popleft() if self._queue else upcoming
