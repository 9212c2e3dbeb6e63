"""The emulator as a local server: Ollama, by its OpenAI-like endpoints."""

from __future__ import annotations

import json

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"type": "function", "function": {"name": "look"}}]
PIXEL = "data:image/png;base64,AAAA"


@pytest.fixture(scope="module")
def running():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running):
    running.reset()
    return running


@pytest.fixture(scope="module")
def opened(running):
    with httpx.Client(base_url=running.base_url("local"), timeout=5) as client:
        yield client


@pytest.fixture
def client(emulator, opened):
    return opened


def ask(client, **fields):
    payload = {"model": "llama3.2:3b", "messages": HELLO, **fields}
    return client.post("/chat/completions", json=payload)


def answer(client, **fields):
    response = ask(client, **fields)
    assert response.status_code == 200, response.text
    return response.json()


def choice(client, **fields):
    (only,) = answer(client, **fields)["choices"]
    return only


def chunks(response):
    """The data of a stream, decoded; the terminal marker stays text."""
    frames = response.text.removesuffix("\n\n").split("\n\n")
    assert all(frame.startswith("data: ") for frame in frames)
    data = [frame.removeprefix("data: ") for frame in frames]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def image(url):
    return [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}]


# The answer


def test_answers_like_ollama_without_a_key(client):
    response = ask(client)
    body = response.json()
    assert "x-request-id" not in response.headers
    assert body["object"] == "chat.completion"
    assert body["system_fingerprint"] == "fp_ollama"
    (only,) = body["choices"]
    assert only["message"].keys() == {"role", "content"}
    assert "résumé 🚀" in only["message"]["content"]
    assert only["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage.keys() == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert usage["completion_tokens"] == len(only["message"]["content"].split())


@pytest.mark.parametrize("key", ["Bearer any", "Bearer an-invalid-key", "nonsense"])
def test_any_key_will_do(client, key):
    assert client.get("/models", headers={"authorization": key}).is_success


def test_model_that_reasons_shows_it(client):
    message = choice(client, model="qwen3:8b")["message"]
    assert len(message["reasoning"].split()) == 12
    assert message["content"]


@pytest.mark.parametrize(
    ("fields", "thoughts"),
    [
        ({"reasoning_effort": "low"}, 6),
        ({"reasoning": {"effort": "high"}}, 24),
        ({"reasoning_effort": "none"}, 0),
    ],
)
def test_reasoning_follows_effort(client, fields, thoughts):
    message = choice(client, model="qwen3:8b", **fields)["message"]
    assert len(message.get("reasoning", "").split()) == thoughts


def test_budget_cuts_the_answer_by_its_older_name_alone(client):
    assert choice(client, max_tokens=5)["finish_reason"] == "length"
    assert choice(client, max_completion_tokens=5)["finish_reason"] == "stop"


def test_stop_sequences_end_the_text_however_many(client):
    stopped = choice(client, stop=[*"qwxyz", "🚀"])
    assert stopped["message"]["content"] == "The résumé "
    assert stopped["finish_reason"] == "stop"


def test_json_needs_no_word_for_it(client):
    form = {"type": "json_object"}
    content = choice(client, response_format=form)["message"]["content"]
    assert isinstance(json.loads(content), dict)


def test_schema_is_kept_to(client):
    schema = {"type": "object", "properties": {"job": {"enum": ["poet"]}}}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    content = choice(client, response_format=form)["message"]["content"]
    assert json.loads(content) == {"job": "poet"}


@pytest.mark.parametrize("wanted", ["required", {"function": {"name": "look"}}, 3])
def test_choice_of_a_tool_is_ignored(client, wanted):
    message = choice(client, tools=TOOLS, tool_choice=wanted)["message"]
    assert "tool_calls" not in message


@pytest.mark.parametrize(
    "fields", [{"n": 3}, {"logit_bias": {}}, {"user": 3}, {"colour": 1}]
)
def test_unknown_fields_are_ignored(client, fields):
    assert len(answer(client, **fields)["choices"]) == 1


def test_scripted_calls_are_whole_and_numbered(emulator, client):
    emulator.script(Reply(tool_calls=(("look", {"a": 1}), ("see", "{}"))))
    made = choice(client)
    assert made["message"]["content"] == ""
    assert [call["index"] for call in made["message"]["tool_calls"]] == [0, 1]
    assert made["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": 1}'
    assert made["finish_reason"] == "tool_calls"


def test_scripted_content_is_what_is_sent(emulator, client):
    emulator.script(
        Reply(text="t", reasoning="r", finish_reason="load", usage={"prompt_tokens": 7})
    )
    body = answer(client)
    message = {"role": "assistant", "content": "t", "reasoning": "r"}
    assert body["choices"][0]["message"] == message
    assert body["choices"][0]["finish_reason"] == "load"
    assert body["usage"]["prompt_tokens"] == 7


@pytest.mark.parametrize("fault", [faults.refusal("I will not."), Reply(text="I w")])
def test_model_declines_in_plain_words(emulator, client, fault):
    emulator.script(fault)
    assert choice(client)["message"]["content"].startswith("I w")


# The stream


def test_stream_repeats_the_role_and_ends_with_an_empty_chunk(client):
    *middle, last, done = chunks(ask(client, stream=True))
    deltas = [each["choices"][0]["delta"] for each in (*middle, last)]
    assert {delta["role"] for delta in deltas} == {"assistant"}
    text = "".join(delta["content"] for delta in deltas)
    assert text == choice(client)["message"]["content"]
    assert last["choices"][0]["delta"]["content"] == ""
    assert last["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"
    assert not any("usage" in each for each in (*middle, last))


def test_stream_tells_usage_on_request(client):
    options = {"include_usage": True}
    *_, last, done = chunks(ask(client, stream=True, stream_options=options))
    assert last["choices"] == []
    assert last["usage"] == answer(client)["usage"]
    assert done == "[DONE]"


def test_stream_shows_reasoning_first(client):
    found = chunks(ask(client, model="qwen3:8b", stream=True))[:-1]
    kinds = ["reasoning" in each["choices"][0]["delta"] for each in found]
    assert kinds == sorted(kinds, reverse=True)
    assert sum(kinds) == 12


def test_stream_has_each_call_in_one_chunk(emulator, client):
    emulator.script(Reply(tool_calls=(("look", '{"a": 1}'), ("see", "{}")), deltas=3))
    first, second, last, _ = chunks(ask(client, stream=True))
    calls = [each["choices"][0]["delta"]["tool_calls"] for each in (first, second)]
    assert [call["function"]["arguments"] for (call,) in calls] == ['{"a": 1}', "{}"]
    assert last["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "fault",
    [
        faults.error_lost(after=2),
        faults.stream_error(after=2),
        faults.response_failed(after=2),
    ],
)
def test_error_in_the_stream_gets_lost(emulator, client, fault):
    """An empty chunk, and then neither a finish reason nor a terminal marker."""
    emulator.script(fault)
    *before, last = chunks(ask(client, stream=True))
    assert len(before) == 2
    assert last["model"] == ""
    assert last["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert last["choices"][0]["finish_reason"] is None


# Models


def test_models_are_listed_those_for_embeddings_as_well(client):
    body = client.get("/models").json()
    names = [model["id"] for model in body["data"]]
    assert {"llama3.2:3b", "qwen3:8b", "nomic-embed-text:latest"} <= set(names)
    assert body["data"][0].keys() == {"id", "object", "created", "owned_by"}


def test_one_model_is_told(client):
    assert client.get("/models/qwen3:8b").json()["owned_by"] == "library"
    assert client.get("/models/nomic-embed-text").json()["id"] == "nomic-embed-text"


# Refusals


def refusal(response):
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (None, None)
    return response.status_code, error["type"], error["message"]


def test_unknown_model_is_not_found(client):
    for response in (ask(client, model="no-such"), client.get("/models/no-such")):
        told = "model 'no-such' not found"
        assert refusal(response) == (404, "not_found_error", told)


def test_unknown_endpoint_is_told_in_plain_text(client):
    response = client.post("/responses", json={})
    assert (response.status_code, response.text) == (404, "404 page not found")
    assert response.headers["content-type"] == "text/plain"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": []}, "[] is too short - 'messages'"),
        ({"messages": "Hi"}, "cannot unmarshal string into Go struct field .messages"),
        ({"temperature": "warm"}, "of type number"),
        ({"model": None}, "model is required"),
        ({"model": "nomic-embed-text"}, '"nomic-embed-text" does not support chat'),
        ({"model": "gemma3:4b", "tools": TOOLS}, "gemma3:4b does not support tools"),
        ({"reasoning_effort": "low"}, '"llama3.2:3b" does not support thinking'),
        (
            {"model": "qwen3:8b", "reasoning_effort": "minimal"},
            "invalid reasoning value: 'minimal'",
        ),
        ({"messages": [{"role": "user"}]}, "invalid message content type: <nil>"),
        ({"messages": image({"url": "https://example.com/a.png"})}, "image URLs are"),
        ({"messages": image("http://example.com/a.png")}, "use base64 encoded data"),
        ({"messages": image({"url": "data:text/plain,a"})}, "invalid image input"),
        ({"messages": image(3)}, "invalid message format"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "invalid message format",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]},
            "invalid tool call arguments",
        ),
    ],
)
def test_request_that_ollama_refuses_is_refused(client, fields, told):
    status, kind, message = refusal(ask(client, **fields))
    assert (status, kind) == (400, "invalid_request_error")
    assert told in message


def test_body_that_is_no_json_is_refused(client):
    response = client.post("/chat/completions", content=b"{")
    assert refusal(response)[:2] == (400, "invalid_request_error")


@pytest.mark.parametrize("url", [PIXEL, {"url": PIXEL}])
def test_picture_in_the_message_is_understood(client, url):
    messages = image(url)
    messages[0]["content"].insert(0, {"type": "text", "text": "What is this?"})
    assert ask(client, messages=messages).status_code == 200


def test_calls_of_before_may_be_sent_back(client):
    call = {"id": "c", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    assert ask(client, messages=messages, tools=TOOLS).status_code == 200
