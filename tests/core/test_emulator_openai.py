"""The emulator as OpenAI: Chat Completions, models, and who is let in."""

from __future__ import annotations

import json

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

KEY = {"authorization": "Bearer test-key"}
HELLO = [{"role": "user", "content": "Hello, JSON"}]
TOOLS = [
    {"type": "function", "function": {"name": "first"}},
    {
        "type": "function",
        "function": {
            "name": "second",
            "parameters": {"properties": {"n": {"type": "integer"}}},
        },
    },
]
SCHEMA = {
    "type": "object",
    "properties": {"jobs": {"type": "array", "items": {"$ref": "#/$defs/Job"}}},
    "required": ["jobs"],
    "additionalProperties": False,
    "$defs": {"Job": {"type": "string", "enum": ["tester", "poet"]}},
}


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
    base = running.base_url("openai")
    with httpx.Client(base_url=base, headers=KEY, timeout=5) as client:
        yield client


@pytest.fixture
def client(emulator, opened):
    return opened


def ask(client, **fields):
    payload = {"model": "gpt-4o", "messages": HELLO, **fields}
    return client.post("/chat/completions", json=payload)


def choice(client, **fields):
    response = ask(client, **fields)
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]


def chunks(response):
    """The data of a stream, decoded; the terminal marker stays text."""
    frames = response.text.removesuffix("\n\n").split("\n\n")
    assert all(frame.startswith("data: ") for frame in frames)
    data = [frame.removeprefix("data: ") for frame in frames]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


# The answer


def test_answers_like_openai_with_ids_and_header_fields(client):
    response = ask(client)
    body = response.json()
    assert response.headers["x-request-id"].startswith("req_")
    assert response.headers["openai-processing-ms"]
    assert response.headers["openai-version"] == "2020-10-01"
    assert response.headers["x-ratelimit-reset-tokens"] == "15ms"
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o"
    assert body["service_tier"] == "default"
    message = body["choices"][0]["message"]
    assert "résumé 🚀" in message["content"]
    assert message["refusal"] is None
    assert "reasoning" not in message
    assert body["choices"][0]["finish_reason"] == "stop"
    usage = body["usage"]
    written = usage["completion_tokens"]
    assert written == len(message["content"].split())
    assert usage["total_tokens"] == usage["prompt_tokens"] + written
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_same_request_has_same_words_and_another_id(client):
    first, second = ask(client).json(), ask(client).json()
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]


def test_reasoning_is_counted_and_never_told(client):
    body = ask(client, model="gpt-6-luna", reasoning_effort="high").json()
    usage = body["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 24
    words = body["choices"][0]["message"]["content"].split()
    assert usage["completion_tokens"] == 24 + len(words)
    assert "reasoning" not in body["choices"][0]["message"]


def test_model_reasons_by_its_own_default(client):
    def thoughts(model):
        usage = ask(client, model=model).json()["usage"]
        return usage["completion_tokens_details"]["reasoning_tokens"]

    assert (thoughts("gpt-5.4"), thoughts("gpt-6.2-sol")) == (0, 12)


def test_budget_cuts_the_answer(client):
    cut = choice(client, max_completion_tokens=5)
    assert len(cut["message"]["content"].split()) == 5
    assert cut["finish_reason"] == "length"


def test_older_name_of_the_budget_is_known_to_older_models(client):
    assert choice(client, max_tokens=5)["finish_reason"] == "length"


def test_stop_sequence_ends_the_text(client):
    stopped = choice(client, stop="🚀")
    assert stopped["message"]["content"] == "The résumé "
    assert stopped["finish_reason"] == "stop"


def test_json_mode_answers_an_object(client):
    form = {"type": "json_object"}
    message = choice(client, response_format=form)["message"]
    assert isinstance(json.loads(message["content"]), dict)


def test_json_schema_answers_an_instance(client):
    named = {"name": "cv", "schema": SCHEMA, "strict": True}
    form = {"type": "json_schema", "json_schema": named}
    message = choice(client, response_format=form)["message"]
    assert set(json.loads(message["content"])["jobs"]) <= {"tester", "poet"}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("required", "first"),
        ({"type": "function", "function": {"name": "second"}}, "second"),
    ],
)
def test_forced_tool_is_called(client, wanted, name):
    answer = choice(client, tools=TOOLS, tool_choice=wanted)
    (call,) = answer["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", name)
    assert answer["message"]["content"] is None
    assert answer["finish_reason"] == "tool_calls"
    arguments = json.loads(call["function"]["arguments"])
    assert [type(each) for each in arguments.values()] == [int] * (name == "second")


def test_tool_that_nobody_forces_is_not_called(client):
    assert "tool_calls" not in choice(client, tools=TOOLS)["message"]


def test_several_choices_are_all_there_and_all_counted(client):
    one, two = ask(client).json(), ask(client, n=2).json()
    assert [each["index"] for each in two["choices"]] == [0, 1]
    texts = [len(each["message"]["content"].split()) for each in two["choices"]]
    assert two["usage"]["completion_tokens"] == sum(texts)
    assert len(one["choices"]) == 1


def test_scripted_content_is_what_is_sent(emulator, client):
    emulator.script(
        Reply(
            text="t",
            reasoning="one two",
            model="m",
            finish_reason="content_filter",
            usage={"prompt_tokens": 7},
        )
    )
    body = ask(client).json()
    assert body["model"] == "m"
    assert body["choices"][0]["message"]["content"] == "t"
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert body["usage"]["prompt_tokens"] == 7
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2


def test_refusal_has_a_field_of_its_own(emulator, client):
    emulator.script(faults.refusal("I will not."))
    refused = choice(client)
    assert refused["message"]["refusal"] == "I will not."
    assert refused["message"]["content"] is None
    assert refused["finish_reason"] == "stop"


# The stream


def test_stream_has_role_text_finish_and_terminal_marker(client):
    first, *middle, last, done = chunks(ask(client, stream=True))
    assert first["object"] == "chat.completion.chunk"
    start = {"role": "assistant", "content": "", "refusal": None}
    assert first["choices"][0]["delta"] == start
    text = "".join(each["choices"][0]["delta"]["content"] for each in middle)
    assert text == choice(client)["message"]["content"]
    assert {each["choices"][0]["finish_reason"] for each in middle} == {None}
    assert last["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert done == "[DONE]"


def test_stream_tells_no_usage_unless_asked(client):
    assert not any("usage" in each for each in chunks(ask(client, stream=True))[:-1])


def test_stream_tells_usage_in_a_chunk_without_choices(client):
    options = {"include_usage": True}
    *others, last, _ = chunks(ask(client, stream=True, stream_options=options))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > last["usage"]["prompt_tokens"] > 0
    assert {each["usage"] for each in others} == {None}


def test_chunks_are_padded_unless_told(client):
    padded = chunks(ask(client, stream=True))[:-1]
    assert all(each["obfuscation"] for each in padded)
    options = {"include_obfuscation": False, "include_usage": True}
    bare = chunks(ask(client, stream=True, stream_options=options))[:-1]
    assert not any("obfuscation" in each for each in bare)


def test_stream_cuts_text_and_tool_calls_into_deltas(emulator, client):
    calls = (("look", '{"a": 1}'), ("see", {"b": "é"}))
    emulator.script(Reply(text="four", tool_calls=calls, deltas=2))
    first, *middle, last, _ = chunks(ask(client, stream=True))
    deltas = [each["choices"][0]["delta"] for each in middle]
    assert first["choices"][0]["delta"]["content"] is None
    assert [each["content"] for each in deltas if "content" in each] == ["fo", "ur"]
    pieces = [each["tool_calls"][0] for each in deltas if "tool_calls" in each]
    assert [piece["index"] for piece in pieces] == [0, 0, 1, 1]
    assert ["id" in piece for piece in pieces] == [True, False, True, False]
    arguments = [piece["function"]["arguments"] for piece in pieces]
    assert arguments == ['{"a"', ": 1}", '{"b":', ' "é"}']
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_stream_cuts_a_refusal_into_deltas(emulator, client):
    emulator.script(faults.refusal("I will not.") | Reply(deltas=2))
    _, *middle, _, _ = chunks(ask(client, stream=True))
    deltas = [each["choices"][0]["delta"] for each in middle]
    assert deltas == [{"refusal": "I wil"}, {"refusal": "l not."}]


def test_choices_of_a_stream_come_in_turns(client):
    *several, done = chunks(ask(client, stream=True, n=2, max_tokens=2))
    indices = [each["choices"][0]["index"] for each in several]
    assert indices == [0, 1] * 4
    assert done == "[DONE]"


@pytest.mark.parametrize("named", [True, False])
def test_error_in_the_stream_is_plain_data(emulator, client, named):
    emulator.script(faults.stream_error(after=3, named=named))
    response = ask(client, stream=True)
    *deltas, error = chunks(response)
    assert response.status_code == 200
    assert len(deltas) == 4
    assert error["error"]["type"] == "server_error"


def test_any_fault_may_come_in_the_stream(emulator, client):
    emulator.script(faults.stream_error(faults.rate_limited().error, after=0))
    *_, error = chunks(ask(client, stream=True))
    assert error["error"]["code"] == "rate_limit_exceeded"


def test_error_that_gets_lost_ends_the_stream(emulator, client):
    emulator.script(faults.error_lost(after=1))
    assert len(chunks(ask(client, stream=True))) == 2


# Who is let in


@pytest.mark.parametrize(
    ("headers", "code", "told"),
    [
        ({}, None, "You didn't provide an API key"),
        ({"authorization": "Basic k"}, None, "You didn't provide an API key"),
        (
            {"authorization": "Bearer an-invalid-key"},
            "invalid_api_key",
            "Incorrect API key provided",
        ),
    ],
)
def test_request_without_a_good_key_is_refused(emulator, headers, code, told):
    url = emulator.base_url("openai") + "/models"
    response = httpx.get(url, headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code
    assert told in response.json()["error"]["message"]


def test_unknown_endpoint_is_told_in_openais_words(client):
    response = client.post("/nothing")
    assert response.status_code == 404
    error = response.json()["error"]
    assert error["message"] == "Invalid URL (POST /v1/nothing)"
    assert response.headers["x-request-id"].startswith("req_0")


def test_models_are_listed_without_their_abilities(client):
    body = client.get("/models").json()
    assert body["object"] == "list"
    names = [model["id"] for model in body["data"]]
    assert {"gpt-6.1-sol", "gpt-4o", "text-embedding-3-small"} <= set(names)
    assert body["data"][0].keys() == {"id", "object", "created", "owned_by"}


def test_one_model_is_told_also_by_a_dated_name(client):
    assert client.get("/models/gpt-6-luna").json()["id"] == "gpt-6-luna"
    assert client.get("/models/gpt-4o-2024-08-06").json()["id"] == "gpt-4o-2024-08-06"
    missing = client.get("/models/no-such")
    assert missing.status_code == 404
    assert missing.json()["error"] == {
        "message": "The model 'no-such' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


# Refusals


def refusal(client, **fields):
    response = ask(client, **fields)
    assert response.headers["x-request-id"].startswith("req_")
    error = response.json()["error"]
    assert error.keys() >= {"message", "type", "param", "code"}
    return response.status_code, error["param"], error["code"], error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "code", "told"),
    [
        ({"model": 3}, "model", "invalid_type", "expected a string, but got an int"),
        (
            {"stop": 3},
            "stop",
            "invalid_type",
            "expected a string or an array, but got an integer",
        ),
        ({"n": True}, "n", "invalid_type", "expected an integer, but got a boolean"),
        ({"model": None}, "model", "missing_required_parameter", "'model'"),
        ({"messages": []}, "messages", "missing_required_parameter", "'messages'"),
        ({"colour": 1}, "colour", "unknown_parameter", "Unknown parameter: 'colour'."),
        ({"temperature": 3}, "temperature", "integer_above_max_value", "<= 2"),
        ({"top_p": -0.5}, "top_p", "decimal_below_min_value", ">= 0"),
        ({"n": 0}, "n", "integer_below_min_value", ">= 1"),
        (
            {"max_completion_tokens": 0},
            "max_completion_tokens",
            "integer_below_min_value",
            "Expected a value >= 1, but got 0",
        ),
        (
            {"max_tokens": 16_385},
            "max_tokens",
            "invalid_value",
            "supports at most 16384 completion tokens",
        ),
        (
            {"stop": list("abcde")},
            "stop",
            "array_above_max_length",
            "got an array with length 5",
        ),
        ({"stream_options": {}}, "stream_options", None, "when 'stream' is enabled"),
        ({"tool_choice": "auto"}, "tool_choice", None, "when 'tools' are specified"),
        (
            {"parallel_tool_calls": False},
            "parallel_tool_calls",
            None,
            "when 'tools' are specified",
        ),
        (
            {"tools": TOOLS, "tool_choice": {"function": {"name": "third"}}},
            "tool_choice",
            None,
            "'third' is not",
        ),
        (
            {"tools": [{"function": {"name": "f"}}]},
            "tools[0].type",
            "missing_required_parameter",
            "tools[0].type",
        ),
        (
            {"tools": [{"type": "function", "function": {}}]},
            "tools[0].function.name",
            "missing_required_parameter",
            "tools[0].function.name",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            None,
            "does not match pattern",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a" * 65}}]},
            "tools[0].function.name",
            "string_above_max_length",
            "maximum length 64",
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "strict": True,
                            "parameters": {"type": "object", "properties": {}},
                        },
                    }
                ]
            },
            "tools[0].function.parameters",
            "invalid_function_parameters",
            "Invalid schema for function 'f'",
        ),
        (
            {
                "response_format": {"type": "json_object"},
                "messages": [{"role": "user", "content": "Hello"}],
            },
            "messages",
            None,
            "'messages' must contain the word 'json' in some form",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.name",
            "missing_required_parameter",
            "response_format.json_schema.name",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "cv",
                        "strict": True,
                        "schema": {"type": "object", "properties": {}},
                    },
                }
            },
            "response_format",
            None,
            "Invalid schema for response_format 'cv': In context=()",
        ),
    ],
)
def test_request_that_is_wrong_in_itself_is_refused(client, fields, param, code, told):
    status, *rest, message = refusal(client, **fields)
    assert (status, rest) == (400, [param, code])
    assert told in message


def test_unreadable_body_is_refused(client):
    response = client.post("/chat/completions", content=b"{")
    assert response.status_code == 400
    assert "could not parse the JSON body" in response.json()["error"]["message"]


def test_json_is_asked_for_by_any_message(client):
    messages = [
        {"role": "system", "content": "Give Json."},
        {"role": "user", "content": "Hi"},
    ]
    form = {"type": "json_object"}
    assert ask(client, messages=messages, response_format=form).status_code == 200


def test_schema_that_is_not_strict_may_be_loose(client):
    named = {"name": "cv", "schema": {"type": "object"}, "strict": False}
    form = {"type": "json_schema", "json_schema": named}
    assert ask(client, response_format=form).status_code == 200


def test_custom_tool_is_accepted(client):
    tools = [{"type": "custom", "custom": {"name": "free"}}]
    assert ask(client, tools=tools).status_code == 200


CALLS = [{"id": "c1", "function": {"name": "f"}}, {"id": "c2"}]
USE = {"role": "assistant", "content": None, "tool_calls": CALLS}


def result(name):
    return {"role": "tool", "tool_call_id": name, "content": "1"}


def test_tool_calls_with_all_their_results_are_understood(client):
    messages = [*HELLO, USE, result("c2"), result("c1"), *HELLO]
    assert ask(client, messages=messages).status_code == 200


@pytest.mark.parametrize(
    ("messages", "param", "told"),
    [
        ([{"role": "robot", "content": "a"}], "messages[0].role", "'robot'"),
        ([3], "messages[0].role", "Invalid value: None"),
        ([{"role": "user"}], "messages[0].content", "expected a string, got null"),
        ([{"role": "user", "content": 3}], "messages[0].content", "got int"),
        ([{"role": "assistant"}], "messages[0].content", "got null"),
        (
            [{"role": "user", "content": [{"type": "input_text"}]}],
            "messages[0].content[0]",
            "'input_text'",
        ),
        (
            [*HELLO, USE, {**result("c1"), "content": [{"type": "image_url"}]}],
            "messages[2]",
            "role 'tool' contains an image URL",
        ),
        ([*HELLO, result("c1")], "messages.[1].role", "must be a response to"),
        ([*HELLO, USE, result("c1")], "messages", "response messages: c2"),
        ([*HELLO, USE, *HELLO], "messages", "response messages: c1, c2"),
        ([USE, result("c1"), result("c1")], "messages.[2].role", "a response to"),
    ],
)
def test_conversation_that_does_not_hold_together_is_refused(
    client, messages, param, told
):
    status, named, _, message = refusal(client, messages=messages)
    assert (status, named) == (400, param)
    assert told in message


def test_refusal_of_before_may_be_sent_back(client):
    messages = [*HELLO, {"role": "assistant", "refusal": "No."}, *HELLO]
    assert ask(client, messages=messages).status_code == 200


# Models


def test_unknown_model_is_not_found(client):
    status, _, code, message = refusal(client, model="no-such")
    assert (status, code) == (404, "model_not_found")
    assert "`no-such`" in message


@pytest.mark.parametrize("model", ["gpt-5-pro", "gpt-5.3-codex", "gpt-5.4-pro"])
def test_model_of_responses_alone_is_not_found(client, model):
    assert refusal(client, model=model)[:2] == (404, "model")


@pytest.mark.parametrize("model", ["o3", "gpt-5", "gpt-5-chat-latest", "gpt-6-luna"])
def test_newer_models_reject_max_tokens(client, model):
    status, param, code, message = refusal(client, model=model, max_tokens=5)
    assert (status, param, code) == (400, "max_tokens", "unsupported_parameter")
    assert "Use 'max_completion_tokens' instead." in message


@pytest.mark.parametrize("model", ["o3", "o4-mini"])
def test_o_series_rejects_stop(client, model):
    assert refusal(client, model=model, stop="a")[2] == "unsupported_parameter"


SAMPLING = [
    {"temperature": 0.3},
    {"top_p": 0.9},
    {"presence_penalty": 0.1},
    {"frequency_penalty": 0.1},
    {"logprobs": True},
    {"logit_bias": {"1": 1}},
]


@pytest.mark.parametrize("field", SAMPLING)
@pytest.mark.parametrize(
    ("model", "effort", "taken"),
    [
        ("gpt-4.1", None, True),
        ("gpt-5-chat-latest", None, True),
        ("gpt-5", None, False),
        ("gpt-5.2-chat-latest", None, False),
        ("gpt-5.4", None, True),
        ("gpt-5.4", "low", False),
        ("gpt-5.6-sol", None, False),
        ("gpt-5.6-sol", "none", True),
        ("gpt-6-luna", None, False),
        ("gpt-6-luna", "none", True),
        ("gpt-6.1-sol", None, False),
        ("gpt-6.2-sol", None, False),
    ],
)
def test_sampling_is_taken_where_the_model_does_not_reason(
    client, model, effort, taken, field
):
    response = ask(client, model=model, reasoning_effort=effort, **field)
    assert (response.status_code == 200) == taken
    if not taken:
        assert response.json()["error"]["param"] == next(iter(field))


@pytest.mark.parametrize(
    ("model", "status"), [("gpt-6.2-sol", 200), ("gpt-6.1-sol", 400), ("gpt-5", 400)]
)
def test_default_values_pass_on_the_newest_models_only(client, model, status):
    defaults = {"temperature": 1, "top_p": 1, "presence_penalty": 0}
    assert ask(client, model=model, **defaults).status_code == status


def test_newest_models_name_the_only_value_that_they_take(client):
    _, _, code, message = refusal(client, model="gpt-6.2-sol", temperature=0.3)
    assert code == "unsupported_value"
    assert "Only the default (1) value is supported." in message
    assert refusal(client, model="gpt-6.2-sol", logprobs=True)[2] == (
        "unsupported_parameter"
    )


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        ("gpt-4o", "low", "'reasoning_effort' is not supported"),
        ("gpt-5", "none", "'minimal', 'low', 'medium', and 'high'"),
        ("gpt-5.6-luna", "minimal", "Supported values are: 'none', 'low'"),
        ("gpt-6.1-sol", "none", "does not support 'none'"),
        ("gpt-6.2-sol", "max", "'high', and 'xhigh'."),
        ("gpt-5.2-chat-latest", "low", "Supported values are: 'medium'."),
    ],
)
def test_effort_that_the_model_does_not_know_is_refused(client, model, effort, told):
    status, param, _, message = refusal(client, model=model, reasoning_effort=effort)
    assert (status, param) == (400, "reasoning_effort")
    assert told in message


@pytest.mark.parametrize(
    ("model", "effort", "status"),
    [
        ("gpt-6-astra", None, 400),
        ("gpt-6.1-sol", "low", 400),
        ("gpt-6-luna", None, 400),
        ("gpt-6-luna", "none", 200),
        ("gpt-6.2-sol", None, 200),
        ("gpt-5", None, 200),
    ],
)
def test_tools_are_refused_where_responses_is_the_place_for_them(
    client, model, effort, status
):
    response = ask(client, model=model, reasoning_effort=effort, tools=TOOLS)
    assert response.status_code == status
    assert status == 200 or "/v1/responses" in response.json()["error"]["message"]
