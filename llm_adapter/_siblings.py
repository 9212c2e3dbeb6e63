"""Services for further providers, which one service keeps beside itself."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from .errors import LLMConfigurationError

T = TypeVar("T")


class Family(Generic[T]):
    """Makes each service once, also for many threads.

    Args:
        name: provider of the first of them.
        first: the service that owns the others.
    """

    def __init__(self, name: str, first: T) -> None:
        self.first = first
        self._known = {name: first}
        self._lock = Lock()

    def get(self, name: str, make: Callable[[], T]) -> T:
        """The service for a provider."""
        with self._lock:
            if name not in self._known:
                self._known[name] = make()
            return self._known[name]

    def take_others(self) -> list[T]:
        """All but the first, which are then no longer kept."""
        with self._lock:
            others = [each for each in self._known.values() if each is not self.first]
            self._known = {
                name: each for name, each in self._known.items() if each is self.first
            }
        return others


def provider_name(name: object) -> str:
    """The name of a provider alone, as it is kept.

    >>> provider_name(" Groq")
    'groq'

    Raises:
        TypeError: it is not a string.
        LLMConfigurationError: it is empty, or has a model behind a colon.
    """
    if not isinstance(name, str):
        raise TypeError(f"provider must be a string, not {type(name).__name__}")
    known = name.strip().lower()
    if not known or ":" in known:
        raise LLMConfigurationError(
            f"The provider is {name!r:.80}: write its name alone, such as 'groq'; a "
            "model goes into the request or the workflow."
        )
    return known


def no_sibling(kind: str, own: str, name: str) -> LLMConfigurationError:
    """The error of a service that knows no provider but its own."""
    return LLMConfigurationError(
        f"{kind} asks {own} and knows no service for {name!r:.80}: implement "
        "for_provider in it, or let no workflow name another provider.",
        provider=name,
    )
