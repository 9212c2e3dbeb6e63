"""The example under real servers: no request is lost, whatever becomes of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from llm_adapter.testing.emulator import Reply
from tests.integrations.django.conftest import (
    KEY,
    postgres_database,
    sqlite_database,
)
from tests.integrations.web_server import Client

ROOT = Path(__file__).parents[3]
HERE = "tests.integrations.django"
EXAMPLE = "examples.web.django_project"
ENDLESS = Reply(text="one two", stop_at="before_finish", stop="stall")
SLOW = Reply(text="word " * 600, deltas=600, interval=0.1)
"""Under WSGI nobody hears that a client has left before something is written."""
THREADS = 8
CALLS = 5
"""Of each thread."""

QUERY = "SELECT status, workflow FROM llm_adapter_llmusage"


class Project:
    """The example with a database, as its operators see it."""

    def __init__(self, database, url, emulator, folder):
        self.url = url
        project = {
            "database": database,
            "llm": {
                "PROVIDER": "groq",
                "API_KEY": KEY,
                "BASE_URL": emulator.base_url("groq"),
                "JOURNAL": str(folder / "journal"),
            },
        }
        self.env = {
            **os.environ,
            "DJANGO_SECRET_KEY": "a secret",
            "DJANGO_SETTINGS_MODULE": f"{HERE}.server_settings",
            "PROJECT": json.dumps(project),
        }
        self.log = folder / "server.log"

    def manage(self, *arguments):
        """What a command prints."""
        command = [sys.executable, "-m", f"{EXAMPLE}.manage", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *command):
        """The port and the process of a server; {fd} is its socket."""
        with (
            socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
            self.log.open("wb") as log,
        ):
            fd = listener.fileno()
            server = subprocess.Popen(
                [sys.executable, "-m", *(each.format(fd=fd) for each in command)],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                pass_fds=[fd],
            )
            try:
                yield listener.getsockname()[1], server
            finally:
                server.terminate()
                server.wait(30)

    def booked(self):
        """How often each status and workflow is in the ledger."""
        if self.url is None:
            name = json.loads(self.env["PROJECT"])["database"]["NAME"]
            with closing(sqlite3.connect(name)) as connection:
                return Counter(connection.execute(QUERY).fetchall())
        with psycopg.connect(self.url) as connection:
            return Counter(connection.execute(QUERY).fetchall())


@pytest.fixture(params=["sqlite", "postgres"])
def served(request, emulator, tmp_path):
    if request.param == "sqlite":
        database, url = sqlite_database(tmp_path / "db"), None
    else:
        url = request.getfixturevalue("postgres_url")
        database = postgres_database(url)
    project = Project(database, url, emulator, tmp_path)
    project.manage("migrate", "--verbosity", "0")
    return project


def gunicorn(*more):
    options = ("--workers", "2", "--threads", "4", "--bind", "fd://{fd}")
    return ("gunicorn", *options, "--no-control-socket", *more)


PRELOADED = gunicorn("--preload", f"{HERE}.server_process:preloaded()")
UVICORN = ("uvicorn", "--fd", "{fd}", f"{EXAMPLE}.asgi:application")


def ask_together(port, path):
    """Many at once: their statuses, and the processes that answered."""
    found = []

    def ask():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for _ in range(CALLS):
                response = client.get(path, params={"q": "Hello"})
                found.append((response.status_code, response.headers["X-Process"]))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def leave_a_stream(port, path, emulator, reply):
    """A client reads the beginning of an answer, and goes."""
    emulator.script(reply)
    before = emulator.counts.aborted_by_client
    with Client(port, f"{path}?q=Hello") as client:
        client.read_until(b"event: text")
    assert emulator.wait_for(lambda now: now.aborted_by_client > before, 20)


def kill_in_a_stream(port, path, emulator):
    """The process that answers dies in the middle of it."""
    emulator.script(ENDLESS)
    before = emulator.counts.aborted_by_client
    with Client(port, f"{path}?q=Hello") as client:
        head = client.read_until(b"event: text").decode().lower()
        process = head.partition("x-process: ")[2].split()[0]
        os.kill(int(process), signal.SIGKILL)
        assert emulator.wait_for(lambda now: now.aborted_by_client > before, 20)


def test_gunicorn_books_what_its_workers_ask(served, emulator):
    with served.serving(*PRELOADED) as (port, _):
        found = ask_together(port, "/ask")
        leave_a_stream(port, "/tell", emulator, SLOW)
        kill_in_a_stream(port, "/tell", emulator)
        # A new worker takes the place of the one that died.
        found += ask_together(port, "/ask")
    usage = json.loads(served.manage("llm_usage", "--json"))
    assert {status for status, _ in found} == {200}
    assert usage["totals"]["requests"] == emulator.counts.requests
    assert served.booked() == {
        ("succeeded", None): 1,
        ("succeeded", "questions"): 2 * THREADS * CALLS,
        ("interrupted", "stories"): 1,
        ("lost", "stories"): 1,
    }
    assert len({process for _, process in found}) >= 2


def test_uvicorn_books_what_its_views_ask(served, emulator):
    with served.serving(*UVICORN) as (port, server):
        found = ask_together(port, "/aask")
        found += ask_together(port, "/ask")
        leave_a_stream(port, "/atell", emulator, ENDLESS)
        kill_in_a_stream(port, "/atell", emulator)
        server.wait(30)
    usage = json.loads(served.manage("llm_usage", "--json"))
    assert {status for status, _ in found} == {200}
    assert usage["totals"]["requests"] == emulator.counts.requests
    assert served.booked() == {
        ("succeeded", "questions"): 2 * THREADS * CALLS,
        ("interrupted", "stories"): 1,
        ("lost", "stories"): 1,
    }


def test_an_async_stream_under_gunicorn_is_a_status(emulator, tmp_path):
    database = sqlite_database(tmp_path / "db")
    project = Project(database, None, emulator, tmp_path)
    project.manage("migrate", "--verbosity", "0")
    with project.serving(*PRELOADED) as (port, _):
        response = httpx.get(f"http://127.0.0.1:{port}/atell", params={"q": "Hello"})
    assert response.status_code == 500
    assert b"need ASGI" in project.log.read_bytes()


def test_a_server_that_ends_well_leaves_nothing_to_be_booked(served, emulator):
    with served.serving(*PRELOADED) as (port, _):
        ask_together(port, "/ask")
    assert sum(served.booked().values()) == emulator.counts.requests


def test_the_tests_of_the_example_run(emulator, tmp_path):
    project = Project({}, None, emulator, tmp_path)
    project.env["DJANGO_SETTINGS_MODULE"] = f"{EXAMPLE}.settings"
    project.manage("test", EXAMPLE, "--pattern", "tests.py")
    assert emulator.counts.requests == 0


def test_the_model_has_all_of_its_migrations(emulator, tmp_path):
    project = Project(sqlite_database(tmp_path / "db"), None, emulator, tmp_path)
    project.manage("makemigrations", "--check", "--dry-run", "llm_adapter")
