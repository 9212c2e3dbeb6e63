"""Claims that this process holds on answers, renewed while it makes them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ._concurrency import ForkSafeLock
from .caches import CacheStore

LEASE = 3.0
"""Seconds that a claim holds unless it is renewed: a process that dies holds others up
for no longer."""

logger = logging.getLogger("llm_adapter")


class Keeper:
    """Renews claims, in a thread that lives while there are any.

    Args:
        lease: seconds that a claim holds from each renewal.
    """

    def __init__(self, lease: float = LEASE) -> None:
        self.lease = lease
        self._lock = ForkSafeLock()
        # By the identity of the store, which need not be hashable.
        self._held: dict[tuple[int, str, str], CacheStore] = {}
        self._of_process: int | None = None

    def hold(self, store: CacheStore, key: str, owner: str) -> None:
        """Renew a claim until it is let go; or let it run out, if nothing can."""
        with self._lock:
            if self._of_process != os.getpid():
                # The claims of a parent are the parent's.
                self._held = {}
                if not self._started():
                    return
                self._of_process = os.getpid()
            self._held[id(store), key, owner] = store

    def let_go(self, store: CacheStore, key: str, owner: str) -> None:
        """Renew it no longer."""
        with self._lock:
            self._held.pop((id(store), key, owner), None)

    def _started(self) -> bool:
        thread = threading.Thread(
            target=self._renew, name="llm_adapter_claims", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the program is ending
            logger.debug("Claims are not renewed: %s", error)
            return False
        return True

    def _renew(self) -> None:
        pause = threading.Event()
        while self._goes_on():
            pause.wait(self.lease / 3)
            for (_, key, owner), store in list(self._held.items()):
                try:
                    store.renew(key, owner, self.lease)
                except Exception as error:  # of a store that may be anybody's
                    # The claim runs out, and another process may call as well.
                    logger.debug("A claim in %r was not renewed: %s", store, error)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._held:
                self._of_process = None
            return self._of_process is not None


KEEPER = Keeper()


# -- claims of one chain of calls -----------------------------------------------------

_mine: ContextVar[frozenset[tuple[Hashable, str]]] = ContextVar(
    "llm_adapter_claims", default=frozenset()
)


@contextmanager
def making(store: CacheStore, key: str) -> Iterator[bool]:
    """Whether a claim is needed to make an answer in the block, and by tasks of it.

    A cache behind a cache that keeps its answers in the same place would wait for its
    own caller.
    """
    mine, claim = _mine.get(), (store.place, key)
    token = _mine.set(mine | {claim})
    try:
        yield claim not in mine
    finally:
        _mine.reset(token)
