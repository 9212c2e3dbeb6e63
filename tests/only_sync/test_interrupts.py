"""Ctrl-C wherever a sync call waits leaves no connection and no slot behind."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
from contextlib import contextmanager

import pytest

from llm_adapter._sync import transport
from llm_adapter.testing.emulator import faults

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no timers that send signals"
)


@contextmanager
def interrupted_after(seconds):
    """What Ctrl-C does, after a while: KeyboardInterrupt in the main thread."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def one_connection_at_a_time(monkeypatch):
    """A slot that is lost is missed by the next call."""
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(transport, "MAX_CONNECTING", 1)


def generate(llm):
    llm.generate("Hi", timeout=10)


def read_a_stream(llm):
    with llm.stream("Hi", timeout=10) as stream:
        for _ in stream:
            pass


WAITS = {
    "for the head": faults.slow_first_byte(20),
    "for the body": faults.stall("body"),
    "for the next piece": faults.drip(0.01),
    "before the next attempt": faults.rate_limited("5"),
}


@pytest.mark.parametrize("act", [generate, read_a_stream])
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_ctrl_c_while_a_call_waits(emulator, llm, act, wait):
    emulator.always(wait)
    with interrupted_after(0.1):
        act(llm)
    emulator.reset()
    assert llm.generate("The connection and its slot are free", timeout=5).text
    llm.close()
    gc.collect()
    assert emulator.wait_for(lambda now: now.connections_open == 0)


def test_ctrl_c_while_a_call_waits_for_a_connection_of_its_own(emulator, llm):
    with llm.stream("This holds the only one"), interrupted_after(0.1):
        generate(llm)
    assert llm.generate("It is free again", timeout=5).text


def test_ctrl_c_while_a_connection_is_made(emulator, connect, monkeypatch):
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def hang(name, *arguments, **options):
        answered.wait(10)
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    llm = connect(base_url=emulator.base_url("groq").replace("127.0.0.1", "slow.test"))
    with interrupted_after(0.1):
        generate(llm)
    answered.set()
    assert emulator.wait_for(lambda now: now.connections_opened == 1)
    assert emulator.wait_for(lambda now: now.connections_open == 0)
    gc.collect()
    assert llm.generate("The connection and its slot are free", timeout=5).text
