"""The proxies that the environment names."""

from __future__ import annotations

import socket
import time
import traceback

import pytest
import trustme

from llm_adapter import (
    LLMAPIError,
    LLMConfigurationError,
    LLMConnectionError,
    LLMTimeoutError,
)
from llm_adapter.testing.emulator import Reply, faults
from tests.concurrency import async_fan_out
from tests.servers import ForwardProxy, answer_with_tls, loopback, tls_context

PATH = "/openai/v1/chat/completions"
PASSWORD = "hunter2-of-the-proxy"


@pytest.fixture
def proxy():
    forward = ForwardProxy()
    with loopback(forward) as server:
        forward.url = f"http://127.0.0.1:{server.port}"
        forward.server = server
        yield forward


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_calls_and_streams_go_through_it(
    emulator, connect, proxy, monkeypatch, variable
):
    monkeypatch.setenv(variable, proxy.url)
    emulator.always(Reply(text="one two"))
    llm = connect()
    assert (await llm.generate("Hi")).text == "one two"
    async with llm.stream("Hi") as stream:
        texts = [text async for text in stream.text()]
    assert "".join(texts) == "one two"
    assert proxy.asked == [f"POST {emulator.url}{PATH}"] * 2


async def test_a_proxy_without_a_scheme_is_understood(
    emulator, connect, proxy, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
    assert (await connect().generate("Hi")).text
    assert proxy.asked == [f"POST {emulator.url}{PATH}"]


async def test_https_goes_through_a_tunnel_that_never_sees_the_key(
    connect, proxy, monkeypatch, tmp_path
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with loopback(answer_with_tls(tls_context(authority))) as server:
        llm = connect(base_url=f"https://127.0.0.1:{server.port}")
        assert (await llm.generate("Hi")).text == "Hello"
        await llm.close()
    assert proxy.asked == [f"CONNECT 127.0.0.1:{server.port}"]
    assert "test-key" not in str(proxy.heads)


@pytest.mark.parametrize(
    "hosts", ["127.0.0.1", "localhost,127.0.0.1", "*"], ids=["host", "list", "all"]
)
async def test_no_proxy_is_honoured(emulator, connect, proxy, monkeypatch, hosts):
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", hosts)
    assert (await connect().generate("Hi")).text
    assert proxy.asked == []
    assert emulator.counts.requests == 1


async def test_a_proxy_for_https_alone_is_not_asked_for_http(
    emulator, connect, proxy, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert (await connect().generate("Hi")).text
    assert proxy.asked == []


async def test_its_connections_end_with_the_service(
    emulator, connect, proxy, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    llm = connect()

    async def call(number):
        return (await llm.generate("Hi")).attempts

    assert await async_fan_out(call, 20) == [1] * 20
    await llm.close()
    assert proxy.server.is_left()
    assert emulator.wait_for(lambda now: now.connections_open == 0)


async def test_the_timeout_covers_the_proxy(emulator, connect, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    emulator.always(faults.slow_first_byte(20))
    begun = time.monotonic()
    with pytest.raises(LLMTimeoutError, match=r"within the timeout of 0\.3 s"):
        await connect(timeout=0.3).generate("Hi")
    assert time.monotonic() - begun < 1


# -- proxies that fail ----------------------------------------------------------------


async def test_a_proxy_that_wants_a_password_is_an_error_of_the_family(
    connect, monkeypatch
):
    refusing = ForwardProxy("407 Proxy Authentication Required")
    with loopback(refusing) as server:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{server.port}")
        with pytest.raises(LLMAPIError) as plain:
            await connect().generate("Hi")
        with pytest.raises(LLMConnectionError, match="407 Proxy Auth") as tunnel:
            await connect(base_url="https://llm.test").generate("Hi")
    assert plain.value.status_code == 407
    assert plain.value.attempts == 1
    assert tunnel.value.provider == "groq"


@pytest.mark.parametrize("address", ["[not-an-address", "127.0.0.1:99999999"])
async def test_an_address_that_no_proxy_has_is_an_error_of_the_family(
    connect, monkeypatch, address
):
    monkeypatch.setenv("HTTP_PROXY", f"http://ana:{PASSWORD}@{address}")
    with pytest.raises((LLMConfigurationError, LLMConnectionError)) as caught:
        await connect(max_retries=0).generate("Hi")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


async def test_a_proxy_that_is_not_there_is_a_connection_error(connect, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = f"http://ana:{PASSWORD}@127.0.0.1:{port}"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(LLMConnectionError) as caught:
        await connect(max_retries=1).generate("Hi")
    assert caught.value.attempts == 2
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://ana:{PASSWORD}@127.0.0.1",
        f"http://ana:{PASSWORD}@127.0.0.1:port",
        f"socks9://ana:{PASSWORD}@127.0.0.1",
        "http://\x00",
    ],
)
async def test_garbage_is_a_configuration_error_that_names_the_variables(
    connect, monkeypatch, url
):
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"http": url})
    monkeypatch.setattr("httpx._utils.getproxies", lambda: {"http": url})
    llm = connect()
    with pytest.raises(LLMConfigurationError, match="HTTP_PROXY") as caught:
        await llm.generate("Hi")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(LLMConfigurationError, match="HTTP_PROXY"):
        async with llm.stream("Hi"):
            pass
