"""A web application behind a real server, and clients that may hang up."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def served(app: Any, **options: Any) -> Iterator[int]:
    """The port on which uvicorn serves the application until the block ends."""
    options = {"log_config": None, "ws": "none", "lifespan": "on", **options}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


class Client:
    """A connection on which one request was sent, and of which nothing was read."""

    def __init__(self, port: int, path: str, *, headers: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._reader = self._socket.makefile("rb")
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close"
        self._socket.sendall(f"{head}\r\n\r\n".encode())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def read_until(self, mark: bytes) -> bytes:
        """What comes, up to the line that has the mark."""
        lines = []
        for line in self._reader:
            lines.append(line)
            if mark in line:
                return b"".join(lines)
        raise AssertionError(f"no {mark!r} in {b''.join(lines)!r}")

    def hang_up(self) -> None:
        self._reader.close()
        self._socket.close()


def events(body: str) -> list[tuple[str, Any]]:
    """The events of an event stream, as a browser would read them."""
    found = []
    *blocks, rest = body.split("\n\n")
    assert rest == ""
    for block in blocks:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found
