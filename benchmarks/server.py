"""A canned provider for the benchmarks, in its own process: as fast as asyncio can.

Prints its port, then serves until its standard input closes. The answer is chosen by
the path: /call (one JSON body), /stream (400 deltas at once), /paced (40 deltas, 2 ms
apart), /slow (the JSON body after half a second).
"""

from __future__ import annotations

import asyncio
import json
import sys

TEXT = "The quick brown fox jumps over the lazy dog. " * 5
USAGE = {"prompt_tokens": 20, "completion_tokens": 50, "total_tokens": 70}
CALL = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "openai/gpt-oss-20b",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        "x_groq": {"id": "req_1"},
    }
).encode()


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "openai/gpt-oss-20b",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DELTA = _chunk({"content": "word "})
END = _chunk({}, "stop") + b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
JSON = HEAD % (b"application/json", b"content-length: %d" % len(CALL)) + CALL
EVENTS = HEAD % (b"text/event-stream", b"transfer-encoding: chunked")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server(asyncio.Protocol):
    """One connection: requests by content-length, answers by path."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, body = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        self.buffer = b""
        path = head.split(b" ", 2)[1]
        if b"/stream/" in path:
            self.transport.write(EVENTS + _framed(DELTA * 400 + END) + b"0\r\n\r\n")
        elif b"/paced/" in path:
            self.pace = asyncio.ensure_future(self._paced())
        elif b"/slow/" in path:
            asyncio.get_running_loop().call_later(0.5, self.transport.write, JSON)
        else:
            self.transport.write(JSON)

    async def _paced(self) -> None:
        self.transport.write(EVENTS)
        for _ in range(40):
            self.transport.write(_framed(DELTA))
            await asyncio.sleep(0.002)
        self.transport.write(_framed(END) + b"0\r\n\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
