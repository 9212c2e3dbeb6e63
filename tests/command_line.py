"""The command line as tests run it: in this process, or in one of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import contextmanager

import pytest

from llm_adapter import cli
from llm_adapter.testing.emulator import Emulator

KEY = "gsk_5ecre7-5ecre7-5ecre7"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def emulator(monkeypatch):
    with Emulator() as running:
        monkeypatch.setenv("GROQ_API_KEY", KEY)
        monkeypatch.setenv("GROQ_BASE_URL", running.url)
        yield running


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command in this process: exit code, standard output, standard error."""

    def run(*arguments, stdin=b""):
        given = io.TextIOWrapper(io.BytesIO(stdin), "ascii")
        monkeypatch.setattr("sys.stdin", given)
        code = cli.main(arguments)
        return (code, *capsys.readouterr())

    return run


@contextmanager
def process(*arguments, **options):
    """A command in a process of its own, which is gone at the end."""
    command = [sys.executable, "-m", "llm_adapter", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **{**pipes, **options}) as running:
        try:
            yield running
        finally:
            running.kill()
