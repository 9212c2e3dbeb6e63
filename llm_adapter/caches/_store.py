"""What a cache's store has to do: keep bytes by key, for a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from types import TracebackType
from typing import Self


class CacheStore(ABC):
    """Where a caching service keeps answers: bytes by key, for a time.

    One store serves the sync and the async form, many services and many threads: its
    methods block, and the async form calls them in worker threads. A method may raise
    whatever it likes: the service warns and goes on without the store.

    A store of your own implements `get`, `set` and `delete`. With the three methods of
    a claim as well, identical calls in several processes become one.
    """

    blocking: bool = True
    """Whether its methods wait for a disk or a network."""

    timeout: float = 0.25
    """Seconds within which each of them has returned or raised."""

    @property
    def place(self) -> Hashable:
        """What two stores have in common that keep the same answers."""
        return id(self)

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """What is kept under a key; None when there is nothing, or no longer."""

    @abstractmethod
    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Keep a value for `ttl` seconds; None: until there is no more room."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Forget a key, known or not."""

    # A claim says: the value of this key is being made, by that owner.

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Claim a key for that long, unless another owner holds it: whether it is ours.

        A store whose claims nobody else could see grants them all.
        """
        return True

    def renew(self, key: str, owner: str, seconds: float) -> bool:
        """Hold a claim for that long from now: whether it was still ours."""
        return True

    # A store without claims has none to give up.
    def release(self, key: str, owner: str) -> None:  # noqa: B027
        """Give up a claim, if it is still ours."""

    # A store that holds nothing need not say so.
    def close(self) -> None:  # noqa: B027
        """Release files and connections; the next call opens them again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
