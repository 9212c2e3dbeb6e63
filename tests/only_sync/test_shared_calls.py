"""Calls that threads share."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_adapter import CachingLLMService, LLMResponse, MemoryCache, MockLLMService
from llm_adapter.testing.emulator import Reply, faults
from tests.only_sync.test_interrupts import interrupted_after

THREADS = 20


def test_threads_at_once_make_one_call(emulator, connect):
    llm = CachingLLMService(connect(), MemoryCache())
    together = threading.Barrier(THREADS)
    emulator.script(faults.slow_first_byte(0.2))

    def call(number):
        together.wait(10)
        return llm.generate("Hi", timeout=30)

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(call, range(THREADS)))
    assert emulator.counts.requests == 1
    assert [answer.cached for answer in answers].count(False) == 1


def test_threads_read_one_stream_each_at_its_own_pace(emulator, connect):
    llm = CachingLLMService(connect(), MemoryCache())
    together = threading.Barrier(THREADS)
    emulator.script(Reply(text="one two three") | faults.drip(0.001, chunk=100))

    def read(number):
        together.wait(10)
        with llm.stream("Hi", timeout=30) as stream:
            texts = []
            for text in stream.text():
                texts.append(text)
                time.sleep(0.001 * (number % 3))
            return "".join(texts)

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(read, range(THREADS))) == {"one two three"}
    assert emulator.counts.requests == 1


def test_many_threads_and_many_prompts_are_one_call_each(connect, emulator):
    llm = CachingLLMService(connect(), MemoryCache())

    def call(number):
        return llm.generate(f"Say {number % 10}", timeout=30).text

    with ThreadPoolExecutor(THREADS) as threads:
        texts = list(threads.map(call, range(400)))
    assert emulator.counts.requests == 10
    assert texts == texts[:10] * 40


def test_interrupted_call_leaves_it_to_the_others():
    """Ctrl-C ends the thread that calls; another that waits calls itself."""
    asked = []

    def answer(request):
        asked.append(threading.get_ident())
        time.sleep(0.4 if len(asked) == 1 else 0)
        return LLMResponse("Hello")

    llm = CachingLLMService(MockLLMService({"Hi": answer}), MemoryCache())
    with ThreadPoolExecutor(1) as threads:

        def wait():
            time.sleep(0.05)
            return llm.generate("Hi")

        waiting = threads.submit(wait)
        with interrupted_after(0.2):
            llm.generate("Hi")
        assert waiting.result(10).text == "Hello"
    assert len(asked) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_forked_process_calls_for_itself():
    import os

    begun, goes_on = threading.Event(), threading.Event()

    def answer(request):
        if not begun.is_set():
            begun.set()
            goes_on.wait(10)
        return "Hello"

    llm = CachingLLMService(MockLLMService({"Hi": answer}), MemoryCache())
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(llm.generate, "Hi")
        assert begun.wait(5)
        child = os.fork()
        if not child:
            # Its parent's thread, which would have told of the end, is not here.
            os._exit(7 if llm.generate("Hi", timeout=5).text == "Hello" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        goes_on.set()
        assert calling.result(5).text == "Hello"
