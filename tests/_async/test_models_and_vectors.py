"""Lists of models, vectors and counts, against servers that are odd or out of order."""

from __future__ import annotations

import gzip
import json
from time import monotonic

import httpx
import pytest

from llm_adapter import (
    AsyncAnthropicAdapter,
    AsyncLLMFactory,
    AsyncLocalLLMAdapter,
    AsyncMockLLMService,
    AsyncOpenAIAdapter,
    AsyncOpenAICompatibleAdapter,
    LLMConfigurationError,
    LLMInvalidResponseError,
    LLMModelNotFoundError,
    LLMRateLimitError,
    LLMServerError,
    LLMTimeoutError,
    LLMUnsupportedFeatureError,
    Timeout,
)
from llm_adapter.testing.emulator import Reply, faults

ANSWER = {
    "model": "m",
    "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}],
}


def served(httpx_mock, path, body, status=200):
    """What a local server says at a path, as often as it is asked."""
    httpx_mock.add_response(
        url=f"http://localhost:11434/v1{path}",
        status_code=status,
        json=body,
        is_reusable=True,
    )


def asked(httpx_mock, path):
    """The models that were named in requests to a path."""
    return [
        json.loads(request.content)["model"]
        for request in httpx_mock.get_requests()
        if request.url.path == f"/v1{path}"
    ]


# -- the model of the server ----------------------------------------------------------


async def test_the_first_model_for_texts_is_taken_when_nobody_names_one(httpx_mock):
    names = ["nomic-embed-text", "bge-reranker", "llama3.2:3b", "qwen3:8b"]
    served(httpx_mock, "/models", {"data": [{"id": name} for name in names]})
    served(httpx_mock, "/chat/completions", ANSWER)
    async with AsyncLocalLLMAdapter() as llm:
        assert (await llm.generate("Hi")).text == "Hello"
        await llm.generate("Hi again")
    assert asked(httpx_mock, "/chat/completions") == ["llama3.2:3b"] * 2
    assert len(httpx_mock.get_requests()) == 3


async def test_a_model_that_somebody_names_is_not_asked_for(httpx_mock):
    served(httpx_mock, "/chat/completions", ANSWER)
    async with AsyncLocalLLMAdapter(model="mine") as llm:
        await llm.generate("Hi")
        await llm.generate("Hi", model="yours")
    assert asked(httpx_mock, "/chat/completions") == ["mine", "yours"]


async def test_the_first_model_for_vectors_makes_them(httpx_mock):
    names = ["llama3.2:3b", "nomic-embed-text"]
    served(httpx_mock, "/models", {"data": [{"id": name} for name in names]})
    served(httpx_mock, "/embeddings", {"data": [{"embedding": [1, 2.5]}]})
    async with AsyncLocalLLMAdapter() as llm:
        assert (await llm.embed("one"))[0] == [1.0, 2.5]
    assert asked(httpx_mock, "/embeddings") == ["nomic-embed-text"]


async def test_a_server_with_other_models_only_is_asked_for_its_first(httpx_mock):
    served(httpx_mock, "/models", {"data": [{"id": "embeds"}, {"id": "embeds-more"}]})
    served(httpx_mock, "/chat/completions", ANSWER)
    async with AsyncLocalLLMAdapter() as llm:
        await llm.generate("Hi")
    assert asked(httpx_mock, "/chat/completions") == ["embeds"]


@pytest.mark.parametrize(
    ("body", "status"), [({"data": []}, 200), ({"error": {"message": "no"}}, 404)]
)
async def test_a_server_without_models_says_what_to_do(httpx_mock, body, status):
    served(httpx_mock, "/models", body, status)
    async with AsyncLocalLLMAdapter() as llm:
        with pytest.raises(LLMConfigurationError, match="lists no model: load one"):
            await llm.generate("Hi")


async def test_a_server_that_cannot_list_is_an_error_of_the_family(httpx_mock):
    served(httpx_mock, "/models", {"error": "broken"}, 500)
    async with AsyncLocalLLMAdapter(max_retries=0) as llm:
        with pytest.raises(LLMServerError, match="broken"):
            async with llm.stream("Hi"):
                pass


async def test_asking_for_the_model_counts_against_the_timeout(emulator):
    emulator.script(faults.slow_first_byte(0.2), faults.stall())
    url = emulator.base_url("local")
    async with AsyncLocalLLMAdapter(base_url=url, timeout=0.6) as llm:
        started = monotonic()
        with pytest.raises(LLMTimeoutError, match=r"the timeout of 0\.6 s") as caught:
            await llm.generate("Hi")
        assert monotonic() - started < 0.75
    assert caught.value.attempts == 1


async def test_a_prompt_that_cannot_be_sent_is_refused_before_the_list(emulator):
    async with AsyncLocalLLMAdapter(base_url=emulator.base_url("local")) as llm:
        with pytest.raises(ValueError, match="the prompt is empty"):
            await llm.generate("")
        with pytest.raises(ValueError, match="the prompt is empty"):
            llm.stream("")
    assert emulator.counts.requests == 0


async def test_a_service_without_a_model_shows_where_it_is():
    async with AsyncLocalLLMAdapter() as llm:
        assert "its own model at http://localhost:11434/v1" in repr(llm)


# -- lists ----------------------------------------------------------------------------


async def test_pages_are_followed_to_the_last(httpx_mock):
    base = "https://api.anthropic.com/v1/models?limit=1000"
    pages = [
        (base, {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}),
        (f"{base}&after_id=b", {"data": [{"id": "c"}], "has_more": False}),
    ]
    for url, body in pages:
        httpx_mock.add_response(url=url, json=body)
    async with AsyncAnthropicAdapter("key") as llm:
        assert await llm.list_models() == ["a", "b", "c"]


async def test_a_server_that_repeats_its_page_comes_to_an_end(httpx_mock):
    body = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    httpx_mock.add_response(json=body, is_reusable=True)
    async with AsyncAnthropicAdapter("key") as llm:
        assert await llm.list_models() == ["a", "a"]


async def test_all_pages_share_one_timeout(emulator):
    emulator.script(faults.slow_first_byte(0.2), faults.stall())
    url = emulator.base_url("anthropic")
    async with AsyncAnthropicAdapter("key", base_url=url, timeout=0.4) as llm:
        names = llm.get_available_models()
        assert await llm.list_models()
        with pytest.raises(LLMTimeoutError):
            await llm.list_models()
    assert names[0] == "claude-sonnet-5-5"


# -- vectors and counts ---------------------------------------------------------------


async def test_vectors_that_do_not_fit_the_texts_are_asked_for_once_more(httpx_mock):
    short = {"data": [{"index": 0, "embedding": [1.0]}]}
    whole = {"data": [{"index": at, "embedding": [float(at)]} for at in (1, 0)]}
    httpx_mock.add_response(json=short)
    httpx_mock.add_response(json=whole)
    async with AsyncOpenAIAdapter("key") as llm:
        vectors = await llm.embed(["a", "b"])
    assert vectors.vectors == [[0.0], [1.0]]
    assert vectors.attempts == 2


async def test_a_rate_limit_of_embeddings_is_one(emulator):
    emulator.script(faults.rate_limited("3"))
    url = emulator.base_url("openai")
    async with AsyncOpenAIAdapter("key", base_url=url, max_retries=0) as llm:
        with pytest.raises(LLMRateLimitError) as caught:
            await llm.embed("a")
    assert caught.value.retry_after == 3


async def test_a_local_server_may_count(httpx_mock):
    served(httpx_mock, "/models", {"data": [{"id": "tiny"}]})
    served(httpx_mock, "/chat/completions/input_tokens", {"input_tokens": 9})
    async with AsyncLocalLLMAdapter() as llm:
        assert await llm.count_tokens("Hi") == 9


async def test_a_local_server_that_cannot_count_says_so(httpx_mock):
    served(httpx_mock, "/chat/completions/input_tokens", {"error": "not found"}, 404)
    async with AsyncLocalLLMAdapter(model="m") as llm:
        with pytest.raises(LLMUnsupportedFeatureError, match="cannot count"):
            await llm.count_tokens("Hi")


async def test_a_count_for_an_unknown_model_is_the_providers_error(httpx_mock):
    body = {"error": {"type": "not_found_error", "message": "model: claude-x"}}
    httpx_mock.add_response(status_code=404, json={"type": "error", **body})
    async with AsyncAnthropicAdapter("key", model="claude-x") as llm:
        with pytest.raises(LLMModelNotFoundError, match="claude-x"):
            await llm.count_tokens("Hi")


async def test_a_count_that_is_none_is_an_unreadable_answer(httpx_mock):
    httpx_mock.add_response(json={"tokens": 5}, is_reusable=True)
    async with AsyncOpenAIAdapter("key", max_retries=0) as llm:
        with pytest.raises(LLMInvalidResponseError, match="no number of tokens"):
            await llm.count_tokens("Hi")


async def test_a_mock_makes_vectors_and_counts_words():
    llm = AsyncMockLLMService()
    one, two = await llm.embed(["one", "two"], dimensions=3)
    assert one != two
    assert await llm.embed("one", dimensions=3) == await llm.embed("one", dimensions=3)
    assert await llm.count_tokens("three words here") == 3


# -- other adapters -------------------------------------------------------------------


async def test_a_provider_by_data_is_made_by_name_and_by_hand(emulator):
    url = emulator.base_url("groq")
    options = {"api_key": "key", "base_url": url, "model": "openai/gpt-oss-20b"}
    by_name = AsyncLLMFactory.create("groq", **options)
    by_hand = AsyncOpenAICompatibleAdapter("groq", **options)
    async with by_name, by_hand:
        assert by_hand.get_provider_name() == "groq"
        first, second = await by_name.generate("Hi"), await by_hand.generate("Hi")
    assert first.text == second.text


async def test_the_factory_makes_a_provider_that_is_known_by_data_alone():
    async with AsyncLLMFactory.create("mistral", api_key="key") as llm:
        assert isinstance(llm, AsyncOpenAICompatibleAdapter)
        assert llm.get_provider_name() == "mistral"
        assert llm.get_available_models()[0] == "mistral-medium-latest"


# -- answers in place of streams ------------------------------------------------------


@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream", None])
@pytest.mark.parametrize("lead", ["", "\ufeff", " \n"])
async def test_a_whole_answer_in_place_of_a_stream_is_read(httpx_mock, kind, lead):
    """Whatever its Content-Type says (wire-protocols.md 5.6)."""
    headers = {} if kind is None else {"content-type": kind}
    body = (lead + json.dumps(ANSWER)).encode()
    httpx_mock.add_response(headers=headers, content=body)
    async with AsyncLocalLLMAdapter(model="m") as llm:
        async with llm.stream("Hi") as stream:
            assert [text async for text in stream.text()] == ["Hello"]
        assert stream.response.finish_reason == "stop"


async def test_a_whole_answer_in_pieces_is_read_too(emulator):
    whole = Reply(body=json.dumps(ANSWER), content_type="text/plain", chunk=7)
    emulator.script(whole)
    url = emulator.base_url("local")
    async with (
        AsyncLocalLLMAdapter(base_url=url, model="m") as llm,
        llm.stream("Hi") as stream,
    ):
        assert "".join([text async for text in stream.text()]) == "Hello"


async def test_a_web_page_in_place_of_a_stream_is_an_unreadable_answer(httpx_mock):
    page = b"<!DOCTYPE html><h1>Sign in</h1>"
    httpx_mock.add_response(headers={"content-type": "text/plain"}, content=page)
    async with AsyncLocalLLMAdapter(model="m", max_retries=0) as llm:
        with pytest.raises(LLMInvalidResponseError, match="web page"):
            async with llm.stream("Hi") as stream:
                async for _ in stream:
                    pass


async def test_a_long_answer_of_anthropic_is_streamed_internally(emulator):
    url = emulator.base_url("anthropic")
    async with AsyncAnthropicAdapter("key", base_url=url) as llm:
        short = await llm.generate("Name a river.", max_tokens=21_333)
        long = await llm.generate("Name a river.", max_tokens=21_334)
    asked_for_a_stream = [seen.json.get("stream") for seen in emulator.seen]
    assert asked_for_a_stream == [None, True]
    assert long.finish_reason == short.finish_reason == "stop"
    assert long.text


async def test_a_long_answer_that_is_cut_is_asked_for_again(emulator):
    emulator.script(faults.truncated_stream())
    url = emulator.base_url("anthropic")
    limits = Timeout(total=20, first_token=0.000_001)  # which a whole answer has not
    async with AsyncAnthropicAdapter("key", base_url=url, timeout=limits) as llm:
        response = await llm.generate("Name a river.", max_tokens=64_000)
    assert response.attempts == 2


async def test_retry_after_on_a_success_is_no_reason_to_wait(httpx_mock):
    body = {
        "id": "msg_1",
        "type": "message",
        "content": [{"type": "text", "text": "A"}],
    }
    headers = {"retry-after": "52"}
    httpx_mock.add_response(json={**body, "stop_reason": "end_turn"}, headers=headers)
    async with AsyncAnthropicAdapter("key") as llm:
        response = await llm.generate("Hi")
    assert (response.text, response.attempts) == ("A", 1)
    assert response.generation_time < 20


async def test_addresses_that_are_ever_new_are_forgotten(httpx_mock):
    for number in range(150):
        last = {"has_more": number < 149, "last_id": f"m{number}"}
        httpx_mock.add_response(json={"data": [{"id": f"m{number}"}], **last})
    async with AsyncAnthropicAdapter("key") as llm:
        assert len(await llm.list_models()) == 150
        assert len(llm._session._urls) <= 100


async def test_a_stream_that_unpacks_for_ever_keeps_to_the_timeout(httpx_mock):
    """73 kB of gzip that hold ten million pings."""
    pings = gzip.compress(b": p\n\n" * 10_000_000)
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(
            200, headers=headers, stream=httpx.ByteStream(pings)
        )
    )
    client = httpx.AsyncClient(transport=transport)
    llm = AsyncOpenAIAdapter("key", http_client=client, timeout=0.3, max_retries=0)
    async with client, llm:
        with pytest.raises(LLMTimeoutError):
            async with llm.stream("Hi", model="gpt-4o") as stream:
                async for _ in stream:
                    pass
