"""Host names that cannot be looked up, or not in time."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from llm_adapter import (
    LLMConfigurationError,
    LLMConnectionError,
    LLMServiceError,
    LLMTimeoutError,
)


@pytest.fixture
def hanging_look_ups(monkeypatch):
    """Look-ups answer only once the test lets them."""
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def hang(name, port, family=0, type=0, proto=0, flags=0):
        if not flags & socket.AI_NUMERICHOST:
            answered.wait(10)
            name = "127.0.0.1"
        return look_up(name, port, family, type, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield answered
    answered.set()


async def test_a_name_that_does_not_exist_is_a_connection_error(connect, monkeypatch):
    def fail(*arguments, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    llm = connect(base_url="http://no-such-host.example", max_retries=1)
    with pytest.raises(LLMConnectionError) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 2
    assert "no-such-host.example" in str(caught.value)
    assert "Name or service not known" in str(caught.value)


async def test_a_look_up_that_hangs_ends_in_time(connect, hanging_look_ups):
    llm = connect(base_url="http://slow.example", timeout=0.3)
    begun = time.monotonic()
    with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.3 s"):
        await llm.generate("Hi")
    assert time.monotonic() - begun < 1
    # The end of an event loop waits for the thread of a look-up.
    hanging_look_ups.set()


@pytest.mark.parametrize(
    "host",
    [
        "a" * 64 + ".example",
        "a..example",
        ".example",
        "xn--.example",
        "xn--zzzzzzzzzzz",
        "-.example",
        "exa_mple.example",
        "%00.example",
        "[::1]",
        "1.2.3.4.5",
        "a" * 300,
    ],
)
async def test_a_host_that_is_no_name_is_an_error_of_the_family(
    connect, monkeypatch, host
):
    look_up = socket.getaddrinfo

    def no_network(name, port, family=0, type=0, proto=0, flags=0):
        return look_up(name, port, family, type, proto, flags | socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises((LLMConnectionError, LLMConfigurationError)) as caught:
        llm = connect(base_url=f"http://{host}:9", max_retries=0, timeout=5)
        await llm.generate("Hi")
    assert isinstance(caught.value, LLMServiceError)
    assert host[:20] in str(caught.value)
