"""What the server does, asked with plain httpx: the ground that our adapter is on."""

from __future__ import annotations

import json
import math

import httpx
import pytest

from tests.local_server.model import GOES_ON, SAYS, SAYS_TOKENS, THINKS, prompt_tokens
from tests.local_server.requests import (
    ENDLESS,
    FORECAST,
    PLAIN,
    THINKING,
    TOOL,
    saying,
)

CHAT = "/chat/completions"


@pytest.fixture
def client(server):
    with talking_to(server) as client:
        yield client


def talking_to(server):
    # It closes the connection of a stream although it offers to keep it; a client that
    # keeps it may find it gone.
    headers = {"connection": "close"}
    return httpx.Client(base_url=server.base_url, headers=headers, timeout=30)


def ask(client, path, body):
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def chunks(client, body):
    """The JSON of every event of a stream; it must end with [DONE]."""
    response = client.post(CHAT, json={**body, "stream": True})
    assert response.headers["content-type"] == "text/event-stream"
    *events, done = response.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(each.removeprefix("data: ")) for each in events]


def joined(events, field):
    deltas = [choice["delta"] for each in events for choice in each["choices"]]
    return "".join(delta.get(field) or "" for delta in deltas)


def refused(client, path, body):
    response = client.post(path, json=body)
    return response.status_code, response.json()["error"]


def test_the_model_says_what_it_was_made_to_say(client):
    answer = ask(client, CHAT, PLAIN)
    [choice] = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": SAYS}
    assert choice["finish_reason"] == "stop"


def test_usage_counts_the_bytes_that_were_asked(client):
    usage = ask(client, CHAT, PLAIN)["usage"]
    assert usage["prompt_tokens"] == prompt_tokens("Hi")
    assert usage["completion_tokens"] == SAYS_TOKENS
    assert usage["total_tokens"] == prompt_tokens("Hi") + SAYS_TOKENS


def test_reasoning_stands_beside_the_answer(client):
    message = ask(client, CHAT, THINKING)["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == (THINKS, SAYS)


def test_a_stream_says_the_same(client):
    events = chunks(client, THINKING)
    assert joined(events, "content") == SAYS
    assert joined(events, "reasoning_content") == THINKS


def test_a_stream_has_usage_where_it_was_asked_for(client):
    *_, last = chunks(client, {**PLAIN, "stream_options": {"include_usage": True}})
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == SAYS_TOKENS


def test_a_stream_has_no_usage_of_itself(client):
    assert not [each for each in chunks(client, PLAIN) if "usage" in each]


def test_json_follows_the_schema(client):
    wanted = {"type": "json_schema", "json_schema": {"name": "it", "schema": FORECAST}}
    answer = ask(client, CHAT, {**PLAIN, "response_format": wanted})
    content = json.loads(answer["choices"][0]["message"]["content"])
    assert content == {"city": "ok", "days": 1, "rain": [True]}


def test_a_tool_that_is_demanded_is_called(client):
    answer = ask(client, CHAT, {**PLAIN, "tools": [TOOL], "tool_choice": "required"})
    [choice] = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    [call] = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "forecast"
    assert json.loads(call["function"]["arguments"]) == {"city": "ok", "days": 1}


def test_an_answer_without_end_ends_at_max_tokens(client):
    answer = ask(client, CHAT, {**ENDLESS, "max_tokens": SAYS_TOKENS + 7})
    [choice] = answer["choices"]
    assert choice["message"]["content"] == SAYS + 2 * GOES_ON
    assert choice["finish_reason"] == "length"


def test_responses_are_served(client):
    answer = ask(client, "/responses", {"input": "Hi", "temperature": 0})
    [message] = [each for each in answer["output"] if each["type"] == "message"]
    assert message["content"][0]["text"] == SAYS


def test_responses_do_not_know_the_wish_for_json(client):
    wanted = {"format": {"type": "json_schema", "name": "it", "schema": FORECAST}}
    answer = ask(client, "/responses", {"input": "Hi", "text": wanted})
    [message] = [each for each in answer["output"] if each["type"] == "message"]
    assert message["content"][0]["text"] == SAYS


def test_models_are_listed(client):
    models = client.get("/models").json()
    assert [model["id"] for model in models["data"]] == ["bigram"]


def test_tokens_are_counted_without_an_answer(client):
    counted = ask(client, f"{CHAT}/input_tokens", PLAIN)
    assert counted["input_tokens"] == prompt_tokens("Hi")


def test_a_prompt_beyond_the_context_is_refused(client):
    body = {**PLAIN, "messages": saying("x" * 3000)}
    status, error = refused(client, CHAT, body)
    assert (status, error["type"]) == (400, "exceed_context_size_error")
    assert error["n_prompt_tokens"] == prompt_tokens("x" * 3000)


def test_embeddings_want_a_server_that_was_started_for_them(client):
    status, error = refused(client, "/embeddings", {"input": "Hi"})
    assert (status, error["type"]) == (501, "not_supported_error")


def test_embeddings_are_unit_vectors_in_order(embedding_server):
    with talking_to(embedding_server) as client:
        answer = ask(client, "/embeddings", {"input": ["one", "two", "one"]})
    vectors = [each["embedding"] for each in answer["data"]]
    assert [each["index"] for each in answer["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1, 1, 1])


def test_a_server_that_dies_breaks_the_stream_off(doomed_server):
    with (
        talking_to(doomed_server) as client,
        client.stream("POST", CHAT, json={**ENDLESS, "stream": True}) as response,
    ):
        lines = response.iter_lines()
        assert next(lines).startswith("data: {")
        doomed_server.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)


def test_leaving_a_stream_ends_the_work(doomed_server):
    with (
        talking_to(doomed_server) as client,
        client.stream("POST", CHAT, json={**ENDLESS, "stream": True}) as response,
    ):
        lines = response.iter_lines()  # let go of, it would leave the stream
        next(lines)
        assert not doomed_server.is_idle(timeout=0)
    assert doomed_server.is_idle()
