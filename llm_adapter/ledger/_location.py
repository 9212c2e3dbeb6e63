"""Where the ledger's database is, from a URL that may hold a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from attrs import field, frozen
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..caches._shown import shown_url
from ..errors import LLMConfigurationError


@frozen
class Location:
    """A database that a ledger can use.

    Args:
        url: as SQLAlchemy takes it.
        path: of an SQLite file, absolute; None for a server.
        shown: what may be told of it.
        secrets: what may not.
    """

    url: URL = field(repr=False)
    path: Path | None
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_url(cls, url: str) -> Location:
        """Read a URL, and see whether its driver is there.

        Raises:
            LLMConfigurationError: it cannot be used, or a package is missing.
        """
        scheme = url.partition("://")[0].lower()
        if scheme == "sqlite":
            return _file(url)
        if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
            return _server(url)
        raise _unusable(shown_url(url))


def _file(url: str) -> Location:
    # Not by SQLAlchemy, of which only some releases decode the name.
    host, _, rest = url.partition("://")[2].partition("/")
    name = unquote(rest)
    try:
        if host or "?" in rest or name in ("", ":memory:") or "\0" in name:
            raise ValueError(name)
        # Absolute, so that a change of the working directory is no change of the file.
        path = Path(name).expanduser().absolute()
    # Also of a home directory that there is not.
    except (ValueError, RuntimeError):
        raise _unusable(shown_url(url) if "@" in url else f"{url:.80}") from None
    absolute = URL.create("sqlite", database=str(path))
    return Location(absolute, path, f"sqlite:///{path}")


def _server(url: str) -> Location:
    shown = shown_url(url)
    driver = _driver()
    try:
        if "\0" in url:
            raise ValueError(url)
        parts = make_url(url).set(drivername="postgresql+psycopg")
        secrets = (parts.password, parts.query.get("password"))
        # As the dialect does: a name may stand more than once.
        options = {name: str(value) for name, value in parts.query.items()}
        driver.conninfo.make_conninfo(**options)
    except (ValueError, ArgumentError, driver.Error):
        # Their messages may quote the password.
        raise _unusable(shown) from None
    known = tuple(str(secret) for secret in secrets if secret)
    return Location(parts, None, shown, known)


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise LLMConfigurationError(
            "A ledger in PostgreSQL needs the package psycopg: "
            "pip install 'llm-adapter[postgresql]'"
        ) from error
    return psycopg


def _unusable(shown: str) -> LLMConfigurationError:
    return LLMConfigurationError(
        f"The ledger's URL is {shown!r}: write sqlite:///relative.db, "
        "sqlite:////absolute/path.db or "
        "postgresql://[[user]:password@]host[:port]/database. Options after `?` are "
        "those of PostgreSQL's libpq."
    )
