"""What surrounds the library: versions, proxies, certificates, stores."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from attrs import frozen

from .. import __version__
from .._secrets import hidden
from ..caches._shown import shown_url
from ..errors import LLMServiceError
from ..settings import Settings
from ._at_once import Outcome, all_at_once

_NEEDED = ("httpx", "httpcore", "h11", "anyio", "msgspec", "attrs", "cattrs")
_EXTRAS = (
    *("brotli", "click", "django", "fastapi", "opentelemetry-api", "psycopg"),
    *("redis", "rich", "sqlalchemy"),
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROBE = "llm-adapter doctor"
_CONNECT = 3


@frozen(kw_only=True)
class Store:
    """The cache, or the ledger.

    Args:
        url: without what is secret in it; None where none is set.
        works: whether it can be used; None where that was not tried.
        note: how it is, or what is wrong with it.
    """

    url: str | None = None
    works: bool | None = None
    note: str = ""

    @property
    def data(self) -> dict[str, object]:
        """For programs."""
        return {"url": self.url, "works": self.works, "note": self.note}


# -- versions and the network ---------------------------------------------------------


def versions() -> dict[str, str | None]:
    """What is installed, None for extras that are not."""
    return {
        "llm-adapter": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        **{name: _version(name) for name in (*_NEEDED, *_EXTRAS)},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def network() -> dict[str, str]:
    """Proxies and certificates that the environment names, without passwords."""
    proxies = {
        f"{scheme}_proxy": url if scheme == "no" else shown_url(url)
        for scheme, url in getproxies().items()
    }
    given = {name: os.environ[name] for name in _CERTIFICATES if os.environ.get(name)}
    return {**proxies, **given}


# -- stores ---------------------------------------------------------------------------


def stores(settings: Settings, seconds: float) -> dict[str, Store]:
    """The cache and the ledger of the settings, and whether they can be used.

    Args:
        settings: with their URLs.
        seconds: for both of them; 0 looks at neither.
    """
    urls = {"cache": settings.cache_url, "ledger": settings.ledger_url}
    looks: dict[str, Callable[[], str]] = {
        name: _look(name, url) for name, url in urls.items() if url and seconds
    }
    outcomes = all_at_once(looks, seconds)
    return {name: as_store(url, outcomes.get(name)) for name, url in urls.items()}


def as_store(url: str | None, outcome: Outcome[str] | None) -> Store:
    """What is told of a store.

    Args:
        url: with all that is secret in it.
        outcome: of looking at it, None where nobody has looked.
    """
    if url is None:
        return Store(note="not set")
    shown = shown_url(url)
    if outcome is None:
        return Store(url=shown, note="not looked at")
    error = outcome.error
    if error is None:
        return Store(url=shown, works=True, note=outcome.result or "")
    told = str(error) if isinstance(error, LLMServiceError) else _said(error)
    for secret in (url, *_passwords(url)):
        told = hidden(told, secret)
    return Store(url=shown, works=False, note=told.split("\n")[0])


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _passwords(url: str) -> tuple[str, ...]:
    """The password of a URL, as it stands and as it is meant."""
    try:
        found = urlsplit(url).password
    except ValueError:
        found = None
    return (found, unquote(found)) if found else ()


def _look(name: str, url: str) -> Callable[[], str]:
    return lambda: (_cache if name == "cache" else _ledger)(url)


def _cache(url: str) -> str:
    from ..caches import SQLiteCache, cache_from_url

    with cache_from_url(url) as store:
        if isinstance(store, SQLiteCache):
            return _file(store.path)
        store.get(_PROBE)
    return "answers"


def _ledger(url: str) -> str:
    from ..ledger._database import Database

    Database(url).close()  # says what is missing
    from ..ledger._location import Location

    location = Location.from_url(url)
    if location.path is not None:
        return _file(location.path)
    import psycopg

    # Not by the ledger itself, which would make its tables.
    server = location.url.set(drivername="postgresql")
    address = server.render_as_string(hide_password=False)
    with psycopg.connect(address, connect_timeout=_CONNECT) as connection:
        connection.execute("SELECT 1")
    return "answers"


def _file(path: Path) -> str:
    """How an SQLite file is, which is not made by looking at it."""
    if not path.exists():
        return "no file yet; it is made when it is needed"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
        file.execute("PRAGMA schema_version").fetchone()
    return f"a file of {path.stat().st_size:,} bytes"
