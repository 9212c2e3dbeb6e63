"""URLs of stores in messages, without what is secret in them."""

from __future__ import annotations

import re

_HOST = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\])?(:\d+)?")


def shown_url(url: str) -> str:
    """A URL without user name, password and options.

    Whatever is not certainly an address is hidden: the URL may be a wrong one, with a
    password where a port should be.

    >>> shown_url("redis://me:secret@example.com:6379/0?password=secret")
    'redis://***@example.com:6379/0'
    >>> shown_url("redis://me:sec/ret@example.com")
    'redis://***'
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "***" if "@" in url else f"{url:.80}"
    authority = re.split(r"[/?#]", rest)[0]
    tail = rest[len(authority) :]
    _user, at, host = authority.rpartition("@")
    if "@" in tail or not _HOST.fullmatch(host):
        return f"{scheme:.20}://***"
    path = re.split(r"[?#]", tail)[0]
    return f"{scheme:.20}://{'***@' if at else ''}{host}{path:.80}"
