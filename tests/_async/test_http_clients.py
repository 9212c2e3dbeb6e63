"""A user's own httpx client, and tools that patch httpx."""

from __future__ import annotations

import time

import httpx
import pytest
import respx

from llm_adapter import (
    AsyncGroqAdapter,
    LLMAPIError,
    LLMConnectionError,
    LLMRateLimitError,
    LLMServiceError,
    LLMTimeoutError,
)
from llm_adapter.testing.emulator import Emulator, Reply, faults
from tests.concurrency import async_fan_out
from tests.servers import COMPLETION

URL = "https://api.groq.com/openai/v1/chat/completions"
KEY = "Bearer test-key-3f9a"
EVENTS = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n\n'


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as opened:
        yield opened


def completion(request):
    return httpx.Response(200, json=COMPLETION)


# -- a client is used as it is --------------------------------------------------------


async def test_a_client_carries_calls_and_streams(emulator, connect, client):
    llm = connect(http_client=client)
    emulator.always(Reply(text="one two"))
    assert (await llm.generate("Hi")).text == "one two"
    async with llm.stream("Hi") as stream:
        texts = [text async for text in stream.text()]
    assert "".join(texts) == "one two"
    assert emulator.counts.connections_opened == 1


async def test_a_clients_auth_replaces_the_key(emulator, connect):
    async with httpx.AsyncClient(auth=("ana", "secret")) as client:
        emulator.always(Reply(text="yes"))
        await connect(http_client=client).generate("Hi")
    assert emulator.seen[0].headers["authorization"] == "Basic YW5hOnNlY3JldA=="


async def test_a_clients_headers_are_sent_beside_ours(emulator, connect):
    async with httpx.AsyncClient(headers={"X-Team": "blue"}) as client:
        await connect(http_client=client).generate("Hi")
        assert "authorization" not in client.headers
    assert emulator.seen[0].headers["x-team"] == "blue"
    assert emulator.seen[0].headers["authorization"] == KEY


async def test_a_clients_event_hooks_are_called(emulator, connect):
    seen = []

    async def note(message):
        seen.append(type(message).__name__)

    hooks = {"request": [note], "response": [note]}
    async with httpx.AsyncClient(event_hooks=hooks) as client:
        await connect(http_client=client).generate("Hi")
    assert seen == ["Request", "Response"]


async def test_a_hook_that_raises_for_the_status_leaves_the_error_its_class(
    emulator, connect
):
    async def raise_for_status(response):
        response.raise_for_status()

    emulator.always(faults.rate_limited("3600"))
    hooks = {"response": [raise_for_status]}
    async with httpx.AsyncClient(event_hooks=hooks) as client:
        with pytest.raises(LLMRateLimitError) as caught:
            await connect(http_client=client).generate("Hi")
    assert caught.value.status_code == 429
    assert caught.value.retry_after == 3600


async def test_a_clients_transport_may_answer_by_itself(connect):
    transport = httpx.MockTransport(completion)
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await connect(http_client=client).generate("Hi")).text == "Hello"


async def test_what_a_clients_transport_raises_becomes_an_error_of_the_family(connect):
    def refuse(request):
        raise httpx.ConnectError("no route", request=request)

    transport = httpx.MockTransport(refuse)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(
            LLMConnectionError, match=r"ConnectError: no route"
        ) as caught:
            await connect(http_client=client, max_retries=2).generate("Hi")
    assert caught.value.attempts == 3


async def test_a_clients_base_url_does_not_move_calls(emulator, connect):
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9/other") as client:
        await connect(http_client=client).generate("Hi")
    assert emulator.seen[0].path == "/openai/v1/chat/completions"


async def test_compressed_answers_are_read_through_a_client(emulator, connect, client):
    emulator.always(Reply(text="café") | faults.gzip())
    llm = connect(http_client=client)
    assert (await llm.generate("Hi")).text == "café"
    async with llm.stream("Hi") as stream:
        assert [text async for text in stream.text()] == ["café"]


async def test_services_share_a_client(emulator, connect, client):
    services = [connect(http_client=client) for _ in range(3)]
    for service in services:
        await service.generate("Hi")
    await services[0].close()
    await services[1].generate("Hi")
    assert emulator.counts.requests == 4


# -- ... and stays the user's ---------------------------------------------------------


async def test_a_client_is_not_closed_with_the_service(emulator, connect, client):
    async with connect(http_client=client) as llm:
        await llm.generate("Hi")
    assert not client.is_closed
    with pytest.raises(
        LLMServiceError, match="The service is closed: create a new one"
    ):
        await llm.generate("Hi")


async def test_a_client_that_is_closed_is_an_error_at_once(emulator, connect, client):
    await client.aclose()
    llm = connect(http_client=client)
    with pytest.raises(
        LLMServiceError, match="HTTP client of this service is closed"
    ) as caught:
        await llm.generate("Hi")
    assert caught.value.attempts == 1
    with pytest.raises(LLMServiceError, match="HTTP client of this service is closed"):
        await llm.list_models()
    with pytest.raises(LLMServiceError, match="HTTP client of this service is closed"):
        async with llm.stream("Hi"):
            pass


@pytest.mark.parametrize("given", ["http://proxy:8080", 5, httpx, httpx.Timeout(5)])
def test_anything_else_than_a_client_is_refused(given):
    wanted = httpx.AsyncClient.__name__
    kind = type(given).__name__
    with pytest.raises(TypeError) as caught:
        AsyncGroqAdapter("test-key", http_client=given)
    assert str(caught.value) == f"http_client must be an httpx.{wanted}, not {kind}"


# -- its timeouts ---------------------------------------------------------------------


async def test_our_timeout_replaces_a_clients_shorter_one(emulator, connect):
    emulator.always(Reply(text="slow", delay=0.1))
    async with httpx.AsyncClient(timeout=0.01) as client:
        assert (await connect(http_client=client).generate("Hi")).text == "slow"


@pytest.mark.parametrize(
    "fault",
    [faults.slow_first_byte(20), faults.stall("body"), faults.drip(0.02)],
    ids=["never answers", "stalls in the body", "drips"],
)
async def test_our_timeout_bounds_a_client_that_has_none(emulator, connect, fault):
    emulator.always(fault)
    begun = time.monotonic()
    async with httpx.AsyncClient(timeout=None) as client:
        with pytest.raises(LLMTimeoutError, match=r"within the timeout of 0\.3 s"):
            await connect(http_client=client, timeout=0.3).generate("Hi")
    assert time.monotonic() - begun < 1


# -- redirects ------------------------------------------------------------------------


@pytest.mark.parametrize("follow", [False, True])
async def test_a_redirect_takes_the_key_to_no_other_host(emulator, connect, follow):
    with Emulator() as elsewhere:
        emulator.always(faults.redirect(elsewhere.base_url("groq")))
        async with httpx.AsyncClient(follow_redirects=follow) as client:
            with pytest.raises(LLMAPIError, match="redirects to") as caught:
                await connect(http_client=client).generate("Hi")
        assert elsewhere.seen == ()
    assert caught.value.status_code == 307
    assert emulator.counts.requests == 1


@pytest.mark.parametrize("follow", [False, True])
async def test_a_redirect_on_the_same_host_is_followed(emulator, connect, follow):
    emulator.script(faults.redirect("/openai/v1/chat/completions"))
    async with httpx.AsyncClient(follow_redirects=follow) as client:
        response = await connect(http_client=client).generate("Hi")
    assert response.text
    assert [seen.headers["authorization"] for seen in emulator.seen] == [KEY, KEY]
    assert emulator.seen[0].body == emulator.seen[1].body


# -- tools that patch httpx see calls of services without a client --------------------


async def test_pytest_httpx_intercepts_calls(httpx_mock):
    httpx_mock.add_response(url=URL, json=COMPLETION)
    async with AsyncGroqAdapter("test-key-3f9a") as llm:
        assert (await llm.generate("Hi")).text == "Hello"
    sent = httpx_mock.get_request()
    assert sent.headers["authorization"] == KEY
    assert b'"Hi"' in sent.content


async def test_pytest_httpx_intercepts_streams(httpx_mock):
    httpx_mock.add_response(url=URL, content=EVENTS)
    async with AsyncGroqAdapter("test-key-3f9a") as llm, llm.stream("Hi") as stream:
        assert [text async for text in stream.text()] == ["Hello"]


async def test_pytest_httpx_raises_what_it_is_told(httpx_mock):
    httpx_mock.add_exception(httpx.ReadTimeout("slow"))
    async with AsyncGroqAdapter("test-key-3f9a", max_retries=0) as llm:
        with pytest.raises(LLMTimeoutError):
            await llm.generate("Hi")


async def test_respx_intercepts_calls():
    with respx.mock:
        route = respx.post(URL).mock(side_effect=completion)
        async with AsyncGroqAdapter("test-key-3f9a") as llm:
            assert (await llm.generate("Hi")).text == "Hello"
    assert route.calls.last.request.headers["authorization"] == KEY


async def test_respx_intercepts_streams():
    with respx.mock:
        respx.post(URL).respond(content=EVENTS)
        async with AsyncGroqAdapter("test-key-3f9a") as llm, llm.stream("Hi") as stream:
            assert [text async for text in stream.text()] == ["Hello"]


async def test_respx_intercepts_many_calls_at_once():
    with respx.mock:
        route = respx.post(URL).mock(side_effect=completion)
        async with AsyncGroqAdapter("test-key-3f9a") as llm:

            async def call(number):
                return (await llm.generate("Hi")).text

            assert await async_fan_out(call, 20) == ["Hello"] * 20
    assert route.call_count == 20
