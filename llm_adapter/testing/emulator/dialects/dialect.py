"""What a provider's dialect is: a request and a reply in, an answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import frozen

from ..replies import Reply
from ..wire import Answer

REQUEST_ID = "01emulator0request0id00000"
"""Stands in answers for the 26 characters that make each request's ids unique."""


@frozen
class Call:
    """What of a request decides about its answer; hashable, so that answers can be."""

    method: str
    endpoint: str
    """The path under the provider's prefix, such as `/chat/completions`."""
    key: str | None
    body: bytes


class Dialect(Protocol):
    """The endpoints of a protocol and what is said on them."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of every answer, REQUEST_ID where an id belongs."""
        ...

    def offers(self, method: str, endpoint: str) -> bool:
        """Whether there is such an endpoint."""
        ...

    def answer(self, call: Call, reply: Reply) -> Answer:
        """The answer to a call at one of these endpoints, by the reply's content."""
        ...


@frozen(eq=False)
class Provider:
    """A row of the table: where a provider lives, and how it speaks."""

    name: str
    prefix: str
    dialect: Dialect
    key: Callable[[Mapping[str, str]], str | None]
    """The API key that the header fields carry."""


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key in `Authorization: Bearer <key>`.

    >>> bearer({"authorization": "Bearer k"}), bearer({"authorization": "Basic k"})
    ('k', None)
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
