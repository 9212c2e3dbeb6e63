"""Ctrl-C between the moment a connection stands and the moment it is handed over."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from llm_adapter._concurrency.connecting import _Connecting


class Interrupted:
    """Stands in for the event that the caller waits for."""

    def wait(self, timeout):
        raise KeyboardInterrupt


def test_a_connection_that_stands_already_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        connecting = _Connecting(lambda: socket.create_connection(address))
        assert connecting._done.wait(5)
        connecting._done = Interrupted()
        with pytest.raises(KeyboardInterrupt):
            connecting.result(5)
        with closing(server.accept()[0]) as peer:
            peer.settimeout(5)
            assert peer.recv(1) == b""
