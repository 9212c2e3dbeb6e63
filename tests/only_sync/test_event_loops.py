"""Sync code needs no event loop, and does not mind one."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
import trio

from llm_adapter import GroqAdapter
from tests.processes import run_program

PROGRAM = """
    import sys, threading
    from llm_adapter import GroqAdapter

    started = []
    def refuse(event, arguments):
        # Event loops wake themselves through a pair of sockets.
        if event == "socket.socketpair":
            started.append(event)
    sys.addaudithook(refuse)

    with GroqAdapter("test-key", base_url=sys.argv[1]) as llm:
        words = llm.generate("Hi").text
        with llm.stream("Hi") as stream:
            streamed = "".join(stream.text())
        assert words and streamed
        assert llm.list_models()
    print(*sorted({"asyncio", "uvloop", "llm_adapter._async"} & set(sys.modules)))
    print(len(started), threading.active_count())
"""


def test_a_sync_program_imports_and_starts_no_event_loop(emulator):
    imported, counts = run_program(PROGRAM, emulator.base_url("groq")).splitlines()
    assert imported == ""
    assert counts == "0 1"
    assert emulator.counts.requests == 3


def test_calls_work_inside_a_running_asyncio_loop(llm):
    async def main():
        with llm.stream("Hi") as stream:
            return llm.generate("Hi").text, "".join(stream.text())

    words, streamed = asyncio.run(main())
    assert words == streamed != ""


def test_calls_work_inside_a_running_trio_loop(llm):
    async def main():
        with llm.stream("Hi") as stream:
            return llm.generate("Hi").text, "".join(stream.text())

    words, streamed = trio.run(main)
    assert words == streamed != ""


def test_calls_work_in_the_threads_of_a_loop(emulator, llm):
    async def main():
        calls = [asyncio.to_thread(llm.generate, f"Say {n}") for n in range(20)]
        return await asyncio.gather(*calls)

    responses = asyncio.run(main())
    assert all(response.text for response in responses)
    assert emulator.counts.connections_opened <= 20


def test_no_thread_outlives_a_call(llm):
    before = threading.active_count()
    llm.generate("Hi")
    with llm.stream("Hi") as stream:
        next(stream)
    assert threading.active_count() == before


def test_an_async_client_is_refused():
    with pytest.raises(TypeError) as caught:
        GroqAdapter("test-key", http_client=httpx.AsyncClient())
    assert str(caught.value) == "http_client must be an httpx.Client, not AsyncClient"
