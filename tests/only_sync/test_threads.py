"""One sync service in many threads."""

from __future__ import annotations

import gc
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_adapter import (
    GroqAdapter,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
)
from llm_adapter._sync import transport
from llm_adapter.testing.emulator import Reply, faults
from tests.processes import emulator_process
from tests.servers import answer_with_tls, loopback, tls_context

THREADS = 200
CALLS = 5


def nothing_open(emulator):
    return emulator.wait_for(lambda now: now.connections_open == now.in_flight == 0)


def test_two_hundred_threads_share_a_service():
    together = threading.Barrier(THREADS)

    def calls(number):
        together.wait(30)
        texts = []
        for _ in range(CALLS):
            texts.append(llm.generate(f"Say {number}", timeout=50).text)
            with llm.stream(f"Say {number}", timeout=50) as stream:
                texts.append("".join(stream.text()))
        return texts

    with (
        emulator_process() as url,
        GroqAdapter("test-key", base_url=url) as llm,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        results = list(threads.map(calls, range(THREADS)))
        expected = llm.generate("Say 0").text
    assert all(len(set(texts)) == 1 for texts in results), "each its own answers"
    assert results[0] == [expected] * 2 * CALLS


def test_threads_share_the_connections_that_there_are(emulator, connect, monkeypatch):
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 5)
    llm = connect(timeout=30)

    def call(number):
        return llm.generate(f"Say {number}").attempts

    for _ in range(3):
        with ThreadPoolExecutor(50) as threads:
            assert list(threads.map(call, range(200))) == [1] * 200
    assert emulator.counts.max_in_flight <= 5
    assert emulator.counts.connections_opened <= 5
    llm.close()
    assert nothing_open(emulator)


def test_failures_lose_no_connection(emulator, connect, monkeypatch):
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 3)
    llm = connect(timeout=30, max_retries=0)
    mishaps = (
        Reply(stop_at="body", stop="reset"),
        Reply(status=500, body=b"{}"),
        Reply(stop_at="headers", stop="close"),
        Reply(body=b"<html>"),
    )
    emulator.script(*mishaps * 10)

    def call(number):
        try:
            return llm.generate("Hi").text
        except LLMServiceError as error:
            return error

    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(call, range(100)))
    assert sum(isinstance(result, str) for result in results) == 60
    assert emulator.counts.max_in_flight <= 3
    assert llm.generate("The connections are free", timeout=5).text


def test_a_connection_that_no_one_gives_back_is_waited_for_in_vain(
    emulator, connect, monkeypatch
):
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    llm = connect()
    holds_the_only_one = llm.stream("Hi")
    with holds_the_only_one, pytest.raises(LLMTimeoutError, match=r"of 0\.1 s"):
        llm.generate("Hi", timeout=0.1)
    assert llm.generate("It is free again", timeout=5).text


def test_a_service_closed_under_its_threads_leaves_nothing_open(emulator):
    for _ in range(10):
        llm = GroqAdapter("test-key", base_url=emulator.base_url("groq"), timeout=10)

        def calls(number, llm=llm):
            done = 0
            while done < 1000:
                try:
                    llm.generate("Hi")
                except LLMServiceError as error:
                    assert "service is closed" in str(error), error
                    break
                done += 1
            return done

        with ThreadPoolExecutor(20) as threads:
            results = threads.map(calls, range(20))
            time.sleep(0.02)
            llm.close()
            assert max(results) < 1000
        assert nothing_open(emulator)


def test_threads_may_close_a_service_at_once(emulator, connect):
    llm = connect()
    llm.generate("Hi")
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda number: llm.close(), range(20)))
    assert nothing_open(emulator)


def test_a_service_that_is_forgotten_closes_its_connections(emulator):
    llm = GroqAdapter("test-key", base_url=emulator.base_url("groq"))
    llm.generate("Hi")
    stream = llm.stream("Hi")
    next(stream)
    assert emulator.counts.connections_open == 1
    del llm, stream
    gc.collect()
    assert nothing_open(emulator)


def test_a_connection_that_comes_too_late_is_closed(emulator, connect, monkeypatch):
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def hang(name, *arguments, **options):
        answered.wait(10)
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    llm = connect(base_url=emulator.base_url("groq").replace("127.0.0.1", "slow.test"))
    with pytest.raises(LLMTimeoutError):
        llm.generate("Hi", timeout=0.1)
    answered.set()
    assert emulator.wait_for(lambda now: now.connections_opened == 1)
    assert nothing_open(emulator)
    assert emulator.counts.requests == 0


# -- streams that another thread closes -----------------------------------------------


@pytest.fixture
def stalled(emulator):
    return Reply(text="one two", stop_at="before_finish", stop="stall")


def closed_by_another_thread(stream, condition):
    def close():
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
        stream.close()

    thread = threading.Thread(target=close)
    thread.start()
    return thread


def test_a_stream_closed_by_another_thread_ends_with_an_error_at_once(
    emulator, llm, stalled
):
    emulator.always(stalled)
    stream = llm.stream("Hi", timeout=20)
    received = []
    thread = closed_by_another_thread(stream, lambda: len(received) == 2)
    begun = time.monotonic()
    with pytest.raises(LLMStreamInterruptedError, match="closed while it was read"):
        received.extend(stream.text())
    assert time.monotonic() - begun < 5
    thread.join()
    assert received == ["one", " two"]
    assert nothing_open(emulator)
    emulator.always(None)
    assert llm.generate("The service goes on", timeout=5).text


def test_a_stream_closed_before_its_answer_begins_is_not_asked_for_again(emulator, llm):
    emulator.always(Reply(delay=0.3))
    stream = llm.stream("Hi", timeout=20)
    thread = closed_by_another_thread(stream, lambda: emulator.counts.in_flight == 1)
    with pytest.raises(LLMStreamInterruptedError, match="closed while it was read"):
        next(stream)
    thread.join()
    assert emulator.counts.requests == 1
    assert nothing_open(emulator)


def test_a_stream_closed_between_two_attempts_is_not_asked_for_again(emulator, llm):
    emulator.always(faults.rate_limited(retry_after_ms=300))
    stream = llm.stream("Hi", timeout=20)
    thread = closed_by_another_thread(stream, lambda: emulator.counts.requests == 1)
    with pytest.raises(
        LLMStreamInterruptedError, match="closed while it was read"
    ) as e:
        next(stream)
    thread.join()
    assert emulator.counts.requests == e.value.attempts == 1


def test_a_stream_behind_tls_may_be_closed_by_another_thread(monkeypatch, tmp_path):
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    event = b'data: {"choices": [{"delta": {"content": "one"}}]}\n\n'
    with loopback(answer_with_tls(tls_context(authority), head + event)) as server:
        url = f"https://127.0.0.1:{server.port}"
        with GroqAdapter("test-key", base_url=url, timeout=20) as llm:
            stream = llm.stream("Hi")
            received = []
            thread = closed_by_another_thread(stream, lambda: received)
            begun = time.monotonic()
            with pytest.raises(LLMStreamInterruptedError, match="closed while"):
                received.extend(stream.text())
            thread.join()
        assert time.monotonic() - begun < 5
        assert server.is_left()
