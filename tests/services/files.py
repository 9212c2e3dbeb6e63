"""What tests of SQLite files do beside using the cache."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing, contextmanager

import pytest

no_fork = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
BOUND = 2.0
"""Seconds that a call may take on a busy machine, where it may wait for 0.1."""


@contextmanager
def another_connection(path, *statements):
    """What another program does with the file, and does not end."""
    options = {"isolation_level": None, "check_same_thread": False}
    with closing(sqlite3.connect(path, **options)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()
        yield connection


@contextmanager
def in_time(seconds=BOUND):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def is_sound(path):
    with another_connection(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def rows(path, table):
    with another_connection(path) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
