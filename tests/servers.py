"""Servers on loopback for what the emulator does not do: TLS, proxies, silence."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import trustme

COMPLETION = {
    "id": "chatcmpl-1",
    "model": "openai/gpt-oss-20b",
    "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}],
}


class Loopback(socketserver.ThreadingTCPServer):
    """Gives each connection to `serve`, in a thread of its own, until that returns."""

    daemon_threads = True
    request_queue_size = 1000

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self._serve = serve
        self._changed = threading.Condition()
        self._sockets: set[socket.socket] = set()
        self.accepted = 0

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self.accepted += 1
            self._sockets.add(request)
        try:
            # A client that leaves, or speaks another protocol, is what tests are for.
            with suppress(OSError):
                self._serve(request)
        finally:
            with self._changed:
                self._sockets.discard(request)
                self._changed.notify_all()

    def is_left(self, timeout: float = 5) -> bool:
        """Whether every connection has ended within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._sockets, timeout)

    def hang_up(self) -> None:
        with self._changed:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


@contextmanager
def loopback(serve: Callable[[socket.socket], None]) -> Iterator[Loopback]:
    with Loopback(serve) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.hang_up()


def stay_silent(client: socket.socket) -> None:
    """Read until the client leaves, and say nothing."""
    while client.recv(65536):
        pass


_BODY = json.dumps(COMPLETION).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


def answer(client: socket.socket, response: bytes = ANSWER) -> None:
    """Answer every request of a connection in the same way."""
    with client.makefile("rb") as requests:
        while read_request(requests) is not None:
            client.sendall(response)


def tls_context(authority: trustme.CA, *hosts: str) -> ssl.SSLContext:
    """For a server on 127.0.0.1, or on `hosts`, certified by the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts or ("127.0.0.1",)).configure_cert(context)
    return context


def answer_with_tls(
    context: ssl.SSLContext, response: bytes = ANSWER
) -> Callable[[socket.socket], None]:
    """The same behind TLS."""

    def serve(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secured:
            answer(secured, response)

    return serve


def read_request(requests: BinaryIO) -> tuple[list[str], bytes] | None:
    """The lines of a request's head and its body; None once the client has left."""
    lines: list[str] = []
    while line := requests.readline():
        if not (text := line.decode("latin-1").strip()):
            break
        lines.append(text)
    if not line:
        return None
    lengths = [
        text.partition(":")[2]
        for text in lines
        if text.lower().startswith("content-length:")
    ]
    return lines, requests.read(int(lengths[0]) if lengths else 0)


class ForwardProxy:
    """A proxy for http (whole URLs) and all else (CONNECT); notes what it was asked.

    Args:
        refusal: the status line to answer with instead, such as 407.
    """

    def __init__(self, refusal: str | None = None) -> None:
        self.asked: list[str] = []
        self.heads: list[list[str]] = []
        self._refusal = refusal

    def __call__(self, client: socket.socket) -> None:
        with client.makefile("rb") as requests:
            read = read_request(requests)
        if read is None:
            return
        lines, body = read
        method, target, _ = lines[0].split()
        self.asked.append(f"{method} {target}")
        self.heads.append(lines)
        if self._refusal is not None:
            client.sendall(
                f"HTTP/1.1 {self._refusal}\r\nContent-Length: 0\r\n\r\n".encode()
            )
        elif method == "CONNECT":
            self._tunnel(client, target)
        else:
            self._forward(client, target, lines, body)

    def _tunnel(self, client: socket.socket, target: str) -> None:
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_relay, args=(upstream, client))
            back.start()
            _relay(client, upstream)
            back.join()

    def _forward(
        self, client: socket.socket, target: str, lines: list[str], body: bytes
    ) -> None:
        host, _, path = target.removeprefix("http://").partition("/")
        name, _, port = host.partition(":")
        method = lines[0].split()[0]
        kept = [line for line in lines[1:] if not line.lower().startswith("proxy-")]
        head = "\r\n".join(
            [f"{method} /{path} HTTP/1.1", *kept, "Connection: close", "", ""]
        )
        with (
            socket.create_connection((name, int(port))) as upstream,
            upstream.makefile("rb") as response,
        ):
            upstream.sendall(head.encode() + body)
            # As the proxy closes, it says so: the client must not use it again.
            client.sendall(response.readline() + b"Connection: close\r\n")
            while data := response.read1(65536):
                client.sendall(data)


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
