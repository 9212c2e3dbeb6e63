"""How fast we are beside plain httpx: CPU time of this process, in one run.

Each row alternates the two sides and takes the best of several rounds, so that a busy
machine disturbs both alike. 1.00 is httpx.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from llm_adapter import AsyncGroqAdapter, GroqAdapter

BODY = {
    "model": "openai/gpt-oss-20b",
    "messages": [{"role": "user", "content": "Say something."}],
    "temperature": 0.3,
}
HEADERS = {"Authorization": "Bearer key"}
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=None)
ROUNDS = 5


@contextmanager
def server() -> Iterator[str]:
    """The canned provider's address."""
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that `work` takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def row(
    name: str, theirs: Callable[[], object], ours: Callable[[], object], count: int
) -> None:
    """Measure both sides in turns and print their best rounds."""
    theirs(), ours()
    pairs = [(cpu(theirs), cpu(ours)) for _ in range(ROUNDS)]
    base, own = (min(side) for side in zip(*pairs, strict=True))
    each = 1e6 / count
    print(f"{name:34} {base * each:9.1f} {own * each:9.1f} us {own / base:7.2f}")


def sync_rows(url: str) -> None:
    with (
        httpx.Client(headers=HEADERS) as client,
        GroqAdapter("key", base_url=f"{url}/call/v1", model=BODY["model"]) as llm,
        GroqAdapter("key", base_url=f"{url}/stream/v1", model=BODY["model"]) as burst,
        GroqAdapter("key", base_url=f"{url}/paced/v1", model=BODY["model"]) as paced,
        GroqAdapter(
            "key", base_url=f"{url}/call/v1", model=BODY["model"], http_client=client
        ) as theirs,
    ):

        def raw(path: str, times: int) -> None:
            for _ in range(times):
                json.loads(client.post(f"{url}/{path}/x", json=BODY).content)

        def calls(service: GroqAdapter, times: int) -> None:
            for _ in range(times):
                service.generate("Say something.")

        def raw_stream(path: str) -> None:
            with client.stream("POST", f"{url}/{path}/x", json=BODY) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: {"):
                        json.loads(line[6:])["choices"][0]["delta"].get("content")

        def stream(service: GroqAdapter) -> None:
            with service.stream("Say something.") as events:
                for _ in events:
                    pass

        row("sync call", lambda: raw("call", 300), lambda: calls(llm, 300), 300)
        row(
            "sync call, user's client",
            lambda: raw("call", 300),
            lambda: calls(theirs, 300),
            300,
        )
        row(
            "burst stream, per delta",
            lambda: raw_stream("stream"),
            lambda: stream(burst),
            400,
        )
        row(
            "paced stream, per delta",
            lambda: raw_stream("paced"),
            lambda: stream(paced),
            40,
        )


def async_rows(url: str) -> None:
    def raw(path: str, times: int, at_once: int) -> None:
        async def main() -> None:
            async with httpx.AsyncClient(
                headers=HEADERS, limits=LIMITS, timeout=60
            ) as client:

                async def one() -> None:
                    answer = await client.post(f"{url}/{path}/x", json=BODY)
                    json.loads(answer.content)

                await in_flight(one, times, at_once)

        asyncio.run(main())

    def calls(path: str, times: int, at_once: int) -> None:
        async def main() -> None:
            async with AsyncGroqAdapter(
                "key", base_url=f"{url}/{path}/v1", model=BODY["model"]
            ) as llm:

                async def one() -> None:
                    await llm.generate("Say something.")

                await in_flight(one, times, at_once)

        asyncio.run(main())

    for name, path, times, at_once in (
        ("async call", "call", 300, 1),
        ("async call, 200 in flight", "call", 1000, 200),
    ):
        row(
            name,
            lambda a=(path, times, at_once): raw(*a),
            lambda a=(path, times, at_once): calls(*a),
            times,
        )
    begun = time.perf_counter()
    calls("slow", 1000, 1000)
    took = time.perf_counter() - begun
    print(f"1,000 calls at once, server takes 0.5 s: {took:.2f} s ({took / 0.5:.1f} x)")


async def in_flight(
    one: Callable[[], Awaitable[None]], times: int, at_once: int
) -> None:
    """Run `one` so often, so many at a time."""
    left = iter(range(times))

    async def worker() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(worker() for _ in range(at_once)))


def start_rows(url: str) -> None:
    """Fresh processes: import, and the first reply."""
    ours = (
        "from llm_adapter import GroqAdapter\n"
        f"GroqAdapter('key', base_url='{url}/call/v1').generate('Hi')"
    )
    theirs = (
        "import httpx, json\n"
        f"json.loads(httpx.Client().post('{url}/call/x', json={BODY!r}).content)"
    )
    for name, base, own in (
        ("import", "import httpx", "import llm_adapter"),
        ("first reply in a fresh process", theirs, ours),
    ):
        times = [(fresh(base), fresh(own)) for _ in range(ROUNDS)]
        best = [min(side) * 1000 for side in zip(*times, strict=True)]
        print(f"{name:34} {best[0]:9.1f} {best[1]:9.1f} ms {best[1] / best[0]:7.2f}")


def fresh(code: str) -> float:
    """Wall seconds of a new interpreter for `code`, less those for nothing."""

    def once(source: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", source], check=True)
        return time.perf_counter() - begun

    return once(code) - once("pass")


if __name__ == "__main__":
    print(f"{'':34} {'httpx':>9} {'we':>9}    {'ratio':>7}")
    with server() as address:
        sync_rows(address)
        async_rows(address)
        start_rows(address)
