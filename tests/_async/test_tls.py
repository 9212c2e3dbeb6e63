"""TLS: certificates, and handshakes that go wrong."""

from __future__ import annotations

import time

import pytest
import trustme

from llm_adapter import (
    LLMConfigurationError,
    LLMConnectionError,
    LLMServiceError,
    LLMTimeoutError,
)
from tests.servers import answer_with_tls, loopback, stay_silent, tls_context


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, monkeypatch, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.fixture
def server(authority):
    with loopback(answer_with_tls(tls_context(authority))) as running:
        yield running


def url_of(server, host="127.0.0.1"):
    return f"https://{host}:{server.port}"


async def test_a_custom_authority_is_trusted(server, connect, trusted):
    llm = connect(base_url=url_of(server))
    for _ in range(3):
        assert (await llm.generate("Hi")).text == "Hello"
    assert server.accepted == 1
    await llm.close()
    assert server.is_left()


async def test_an_unknown_authority_is_an_error_that_says_what_to_do(server, connect):
    with pytest.raises(LLMConnectionError, match="SSL_CERT_FILE") as caught:
        await connect(base_url=url_of(server)).generate("Hi")
    assert "certificate verify failed" in str(caught.value)
    assert server.accepted == caught.value.attempts == 1, "trying again cannot help"
    assert server.is_left()


async def test_a_certificate_for_another_host_is_refused(authority, connect, trusted):
    context = tls_context(authority, "llm.example")
    with loopback(answer_with_tls(context)) as server:
        with pytest.raises(LLMConnectionError, match="certificate") as caught:
            await connect(base_url=url_of(server)).generate("Hi")
        assert server.is_left()
    assert "127.0.0.1" in str(caught.value)


async def test_a_file_that_holds_no_certificates_is_a_configuration_error(
    connect, monkeypatch, tmp_path
):
    (tmp_path / "ca.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    llm = connect(base_url="https://127.0.0.1:9")
    with pytest.raises(LLMConfigurationError, match="SSL_CERT_FILE"):
        await llm.generate("Hi")
    with pytest.raises(LLMConfigurationError, match="SSL_CERT_FILE"):
        async with llm.stream("Hi"):
            pass


@pytest.mark.parametrize("connect_timeout", [None, 0.2])
async def test_a_handshake_that_stalls_ends_in_time(connect, connect_timeout):
    from llm_adapter.models import Timeout

    with loopback(stay_silent) as server:
        timeout = Timeout(total=0.5, connect=connect_timeout)
        llm = connect(base_url=url_of(server), timeout=timeout, max_retries=0)
        begun = time.monotonic()
        with pytest.raises(LLMTimeoutError) as caught:
            await llm.generate("Hi")
        assert time.monotonic() - begun < (connect_timeout or 0.5) + 0.5
        assert f"{connect_timeout or 0.5} s" in str(caught.value)
        assert server.is_left()


async def test_a_server_that_leaves_in_the_handshake_is_a_connection_error(connect):
    with loopback(lambda client: None) as server:
        with pytest.raises(LLMConnectionError) as caught:
            await connect(base_url=url_of(server), max_retries=1).generate("Hi")
        assert server.accepted == caught.value.attempts == 2
        assert server.is_left()


async def test_a_server_without_tls_is_an_error_that_says_so(emulator, connect):
    url = emulator.base_url("groq").replace("http://", "https://")
    with pytest.raises(LLMConnectionError, match="http://") as caught:
        await connect(base_url=url).generate("Hi")
    assert caught.value.attempts == 1, "trying again cannot help"
    assert emulator.wait_for(lambda now: now.connections_open == 0)


async def test_tls_addressed_without_it_is_an_error_of_the_family(server, connect):
    url = f"http://127.0.0.1:{server.port}"
    with pytest.raises(LLMServiceError):
        await connect(base_url=url, max_retries=0).generate("Hi")
    assert server.is_left()
