"""What calls leave in memory."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from llm_adapter import GroqAdapter
from tests.processes import emulator_process

WARM_UP = 100
CALLS = 500


@pytest.fixture(scope="module")
def llm():
    with emulator_process() as url, GroqAdapter("test-key", base_url=url) as service:
        yield service


def call(llm):
    llm.generate("Hi", max_tokens=20)


def stream(llm):
    with llm.stream("Hi", max_tokens=20) as stream:
        for _ in stream:
            pass


def leave(llm):
    with llm.stream("Hi", max_tokens=20) as stream:
        next(stream)


@pytest.mark.parametrize("act", [call, stream, leave])
def test_calls_leave_nothing_in_memory(llm, act):
    for _ in range(WARM_UP):
        act(llm)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(CALLS):
            act(llm)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / CALLS < 32
