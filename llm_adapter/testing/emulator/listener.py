"""The socket that listens, and the thread whose event loop serves its connections."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

from .connection import Connection
from .exchange import Exchange

_BACKLOG = 4096

T = TypeVar("T")


class Listener:
    """Its methods are for other threads; each returns when its work is done."""

    def __init__(self, exchange: Exchange, host: str, port: int) -> None:
        self._exchange = exchange
        self._connections: set[Connection] = set()
        self._numbers = count(1)
        self._one_at_a_time = threading.Lock()
        self._socket = _bound(host, port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="llm-emulator", daemon=True
        )
        self._thread.start()
        self.listen()

    def listen(self) -> None:
        self._do(self._listen())

    def refuse(self) -> None:
        """Stops listening but keeps the port; drops the connections that are idle."""
        self._do(self._refuse())

    def stop(self) -> None:
        """Ends everything, whatever is stalled."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        with self._one_at_a_time:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(
            self._connection, sock=self._socket, backlog=_BACKLOG
        )

    async def _refuse(self) -> None:
        await self._close_server()
        self._socket = _bound(*self.address)
        for connection in tuple(self._connections):
            connection.drop_idle()

    async def _end(self) -> None:
        await self._close_server()
        self._socket.close()
        for connection in tuple(self._connections):
            connection.drop()

    async def _close_server(self) -> None:
        # asyncio accepts in tasks; those under way would leave their socket open.
        while accepting := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(accepting)
        self._server.close()

    def _connection(self) -> Connection:
        return Connection(self._exchange, self._connections, next(self._numbers))


def _bound(host: str, port: int) -> socket.socket:
    """A socket that holds the port and, until it listens, refuses connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # After a close the port is free at once; on Windows it would be anyone's.
        reuse = os.name == "posix"
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
