"""Claims that this process holds on answers, renewed while it makes them."""

from __future__ import annotations

import logging
import os
import threading
from typing import TypeAlias

from ._concurrency import ForkSafeLock
from .caches import CacheStore

LEASE = 3.0
"""Seconds that a claim holds unless it is renewed: a process that dies holds others up
for no longer."""

logger = logging.getLogger("llm_adapter")

Claim: TypeAlias = tuple[CacheStore, str, str]
"""A store, a key, and the owner's name."""


class Keeper:
    """Renews claims, in a thread that lives while there are any.

    Args:
        lease: seconds that a claim holds from each renewal.
    """

    def __init__(self, lease: float = LEASE) -> None:
        self.lease = lease
        self._lock = ForkSafeLock()
        self._held: set[Claim] = set()
        self._of_process: int | None = None

    def hold(self, claim: Claim) -> None:
        """Renew a claim until it is let go."""
        with self._lock:
            if self._of_process != os.getpid():
                # The claims of a parent are the parent's.
                self._held, self._of_process = set(), os.getpid()
                threading.Thread(
                    target=self._renew, name="llm_adapter_claims", daemon=True
                ).start()
            self._held.add(claim)

    def let_go(self, claim: Claim) -> None:
        """Renew it no longer."""
        with self._lock:
            self._held.discard(claim)

    def _renew(self) -> None:
        pause = threading.Event()
        while self._goes_on():
            pause.wait(self.lease / 3)
            for store, key, owner in list(self._held):
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
