"""Servers that read a long request slowly, or never."""

from __future__ import annotations

import time

import pytest
import trustme

from llm_adapter import LLMTimeoutError
from tests.servers import loopback, stay_silent, tls_context

LONG = "x" * 40_000_000


def read_slowly(client):
    end = time.monotonic() + 10
    while time.monotonic() < end and client.recv(65536):
        time.sleep(0.003)


def read_nothing(client):
    time.sleep(1.5)


@pytest.mark.parametrize("serve", [read_slowly, read_nothing])
async def test_the_timeout_covers_the_sending_of_a_request(connect, serve):
    with loopback(serve) as server:
        llm = connect(base_url=f"http://127.0.0.1:{server.port}", timeout=0.5)
        begun = time.monotonic()
        with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.5 s") as caught:
            await llm.generate(LONG)
        assert time.monotonic() - begun < 1.4
        assert caught.value.attempts == 1
        assert server.is_left()


async def test_the_timeout_covers_the_sending_through_tls(
    connect, monkeypatch, tmp_path
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = tls_context(authority)

    def serve(client):
        with context.wrap_socket(client, server_side=True) as secured:
            read_slowly(secured)

    with loopback(serve) as server:
        llm = connect(base_url=f"https://127.0.0.1:{server.port}", timeout=0.5)
        begun = time.monotonic()
        with pytest.raises(LLMTimeoutError, match=r"timeout of 0\.5 s"):
            await llm.generate(LONG[:16_000_000])
        assert time.monotonic() - begun < 1.4
        assert server.is_left()


async def test_a_server_that_never_answers_is_left_in_time(connect):
    with loopback(stay_silent) as server:
        llm = connect(base_url=f"http://127.0.0.1:{server.port}", timeout=0.3)
        with pytest.raises(LLMTimeoutError):
            await llm.generate("Hi")
        assert server.is_left()
