"""A `llama-server` of our own on a free loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

_PATIENCE = 60.0


class LlamaServer:
    """A running server, and what a test may do to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.url}/v1"

    def kill(self) -> None:
        """End it as a crash would: connections break, nothing more is said."""
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def is_idle(self, timeout: float = 9) -> bool:
        """Whether it has no answer left to work on within that time."""
        deadline = time.monotonic() + timeout
        while self._busy_slots():
            if time.monotonic() > deadline:
                return False
            # Whether callers are still there it asks itself after a second in which
            # no answer to anybody was ready: so never, if asked more often.
            time.sleep(1.5)
        return True

    def _busy_slots(self) -> int:
        slots = httpx.get(f"{self.url}/slots").json()
        return sum(slot["is_processing"] for slot in slots)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._is_healthy():
            if not self.is_running() or time.monotonic() > deadline:
                raise RuntimeError("The server does not get ready; its log is above.")
            time.sleep(0.02)

    def _is_healthy(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health").is_success
        return False


@contextmanager
def launched(model: Path | None, *options: str) -> Iterator[LlamaServer]:
    """A server that has been started, and may still be loading.

    Args:
        model: None for a router, which starts a server for each model by itself.
        options: further ones for its command line.
    """
    port = _free_port()
    # Built by scripts/build_llama_server.
    command = [os.environ["LLAMA_SERVER"], "--host", "127.0.0.1", "--port", str(port)]
    # Two threads that wait for each other on a busy machine are slower than one.
    command += ["--threads", "1", "--no-ui"]
    if model is not None:
        command += ["--model", str(model), "--alias", "bigram"]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [*command, *options], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield LlamaServer(process, port)
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace"))
            raise
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # A router ends the servers that it has started, so it may not just be killed. But
    # a server whose stream was left in the middle sometimes never ends by itself.
    process.terminate()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def running(model: Path | None, *options: str) -> Iterator[LlamaServer]:
    """A server that answers."""
    with launched(model, *options) as server:
        server.wait_until_ready()
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
