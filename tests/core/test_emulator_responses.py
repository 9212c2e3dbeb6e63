"""The emulator as OpenAI: Responses."""

from __future__ import annotations

import json

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

KEY = {"authorization": "Bearer test-key"}
TOOLS = [
    {"type": "function", "name": "first", "parameters": None, "strict": None},
    {
        "type": "function",
        "name": "second",
        "parameters": {"properties": {"n": {"type": "integer"}}},
    },
]
USER = {"role": "user", "content": "Hi"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "1"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


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
    payload = {"model": "gpt-6.1-sol", "input": "Hello, JSON", **fields}
    return client.post("/responses", json=payload)


def respond(client, **fields):
    response = ask(client, **fields)
    assert response.status_code == 200, response.text
    return response.json()


def events(response):
    """The events of a stream; each is named by its type and numbered in turn."""
    found = []
    for frame in response.text.removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    return found


def shape(response):
    """The types of a stream's events, repeated ones once."""
    types = [each["type"] for each in events(response)]
    return [each for at, each in enumerate(types) if types[at - 1 : at] != [each]]


# The answer


def test_answers_like_openai_with_items_and_usage(client):
    response = ask(client)
    body = response.json()
    assert response.headers["x-request-id"].startswith("req_")
    assert body["id"].startswith("resp_")
    assert (body["object"], body["status"]) == ("response", "completed")
    assert body["error"] is body["incomplete_details"] is None
    reasoning, message = body["output"]
    assert (reasoning["type"], reasoning["summary"]) == ("reasoning", [])
    assert reasoning["id"].startswith("rs_")
    assert reasoning["encrypted_content"]
    assert message["id"].startswith("msg_")
    assert (message["type"], message["role"]) == ("message", "assistant")
    assert message["status"] == "completed"
    assert message["phase"] == "final_answer"
    (part,) = message["content"]
    assert (part["type"], part["annotations"]) == ("output_text", [])
    usage = body["usage"]
    thoughts = usage["output_tokens_details"]["reasoning_tokens"]
    assert thoughts == 12
    assert usage["output_tokens"] == thoughts + len(part["text"].split())
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"]["cached_tokens"] == 0


def test_what_was_asked_is_repeated(client):
    body = respond(client, instructions="Be terse.", store=False, metadata={"a": "b"})
    assert body["instructions"] == "Be terse."
    assert (body["store"], body["metadata"]) == (False, {"a": "b"})
    assert body["text"]["format"] == {"type": "text"}
    assert body["reasoning"] == {"effort": "medium", "summary": None}


def test_summary_is_told_on_request(client):
    body = respond(client, reasoning={"effort": "low", "summary": "auto"})
    (part,) = body["output"][0]["summary"]
    assert part["type"] == "summary_text"
    assert len(part["text"].split()) == 6


@pytest.mark.parametrize(
    ("model", "effort"), [("gpt-4o", None), ("gpt-5.4", None), ("gpt-6-luna", "none")]
)
def test_model_that_does_not_reason_has_no_item_for_it(client, model, effort):
    reasoning = None if effort is None else {"effort": effort}
    (message,) = respond(client, model=model, reasoning=reasoning)["output"]
    assert message["type"] == "message"
    assert ("phase" in message) == (model != "gpt-4o")


def test_budget_leaves_the_response_incomplete(client):
    body = respond(client, max_output_tokens=16)
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["output"][1]["status"] == "incomplete"
    assert len(body["output"][1]["content"][0]["text"].split()) == 4


def test_reasoning_may_eat_the_budget_up(client):
    body = respond(client, max_output_tokens=16, reasoning={"effort": "high"})
    assert [item["type"] for item in body["output"]] == ["reasoning"]
    assert body["usage"]["output_tokens"] == 16


def test_json_mode_answers_an_object(client):
    body = respond(client, text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(body["output"][1]["content"][0]["text"]), dict)


def test_json_schema_answers_an_instance(client):
    schema = {
        "type": "object",
        "properties": {"job": {"type": "string", "enum": ["poet"]}},
        "required": ["job"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "name": "cv", "schema": schema, "strict": True}
    body = respond(client, text={"format": form})
    assert json.loads(body["output"][1]["content"][0]["text"]) == {"job": "poet"}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("required", "first"),
        ({"type": "function", "name": "second"}, "second"),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "second"}],
            },
            "second",
        ),
    ],
)
def test_forced_tool_is_called(client, wanted, name):
    body = respond(client, tools=TOOLS, tool_choice=wanted)
    reasoning, call = body["output"]
    assert reasoning["type"] == "reasoning"
    assert (call["type"], call["name"]) == ("function_call", name)
    assert call["id"].startswith("fc_")
    assert call["call_id"].startswith("call_")
    arguments = json.loads(call["arguments"])
    assert [type(each) for each in arguments.values()] == [int] * (name == "second")
    assert body["status"] == "completed"


@pytest.mark.parametrize(
    "choice",
    [None, "auto", {"type": "allowed_tools", "mode": "auto", "tools": TOOLS[:1]}],
)
def test_tool_that_nobody_forces_is_not_called(client, choice):
    output = respond(client, tools=TOOLS, tool_choice=choice)["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]


def test_scripted_content_is_what_is_sent(emulator, client):
    calls = (("f", {"a": 1}), ("g", "{"))
    emulator.script(
        Reply(text="", reasoning="r", tool_calls=calls, usage={"input_tokens": 7})
    )
    body = respond(client, model="gpt-4o")
    reasoning, message, *called = body["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "r"}]
    assert message["content"][0]["text"] == ""
    assert [each["arguments"] for each in called] == ['{"a": 1}', "{"]
    assert len({each["call_id"] for each in called}) == 2
    assert body["usage"]["input_tokens"] == 7


@pytest.mark.parametrize(
    ("word", "status", "details"),
    [
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("cancelled", "cancelled", None),
    ],
)
def test_finish_reason_is_a_status_or_why_it_is_incomplete(
    emulator, client, word, status, details
):
    emulator.script(Reply(text="t", finish_reason=word))
    body = respond(client)
    assert (body["status"], body["incomplete_details"]) == (status, details)


def test_refusal_is_a_part_of_its_own(emulator, client):
    emulator.script(faults.refusal("I will not."))
    message = respond(client)["output"][1]
    assert message["content"] == [{"type": "refusal", "refusal": "I will not."}]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.response_failed("rate_limit_exceeded", "Slow."), "rate_limit_exceeded"),
        (Reply(finish_reason="failed"), "server_error"),
    ],
)
def test_response_may_fail_on_http_200(emulator, client, fault, code):
    emulator.script(fault)
    body = respond(client)
    assert body["status"] == "failed"
    assert body["error"]["code"] == code
    assert body["error"]["message"]


def test_tokens_of_an_input_are_counted(client):
    payload = {"model": "gpt-6.1-sol", "input": "Hello"}
    body = client.post("/responses/input_tokens", json=payload).json()
    assert body.keys() == {"object", "input_tokens"}
    assert body["object"] == "response.input_tokens"
    longer = {**payload, "input": "Hello" * 100}
    more = client.post("/responses/input_tokens", json=longer).json()["input_tokens"]
    assert more > body["input_tokens"] > 0


@pytest.mark.parametrize("name", ["max_output_tokens", "temperature", "stream"])
def test_count_knows_the_fields_of_the_input_alone(client, name):
    payload = {"model": "gpt-4o", "input": "Hello", name: 20}
    response = client.post("/responses/input_tokens", json=payload)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unknown_parameter"


# The stream


def test_stream_goes_through_every_stage_of_every_item(client):
    response = ask(client, stream=True, reasoning={"summary": "auto"})
    assert response.headers["content-type"] == "text/event-stream"
    assert shape(response) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert "[DONE]" not in response.text


def test_stream_ends_with_what_a_whole_answer_would_be(client):
    *_, last = events(ask(client, stream=True))
    streamed, whole = last["response"], respond(client)
    text = [each["output"][1]["content"] for each in (streamed, whole)]
    assert text[0] == text[1]
    assert streamed["usage"] == whole["usage"]
    assert streamed["status"] == "completed"


def test_stream_begins_with_an_empty_response(client):
    created, in_progress, *_ = events(ask(client, stream=True))
    for event in (created, in_progress):
        assert event["response"]["status"] == "in_progress"
        assert event["response"]["output"] == []
        assert event["response"]["usage"] is None


def test_deltas_of_text_add_up_and_name_their_place(client):
    found = events(ask(client, stream=True))
    deltas = [e for e in found if e["type"] == "response.output_text.delta"]
    (done,) = [e for e in found if e["type"] == "response.output_text.done"]
    assert "".join(each["delta"] for each in deltas) == done["text"]
    assert {each["output_index"] for each in deltas} == {1}
    assert {each["content_index"] for each in deltas} == {0}
    (item_id,) = {each["item_id"] for each in deltas}
    assert item_id == found[-1]["response"]["output"][1]["id"]


def test_deltas_are_padded_unless_told(client):
    def padded(**options):
        found = events(ask(client, stream=True, **options))
        return ["obfuscation" in each for each in found if "delta" in each]

    assert all(padded())
    assert not any(padded(stream_options={"include_obfuscation": False}))


def test_encrypted_reasoning_is_whole_in_the_last_event_of_its_item(client):
    found = events(ask(client, stream=True))
    items = [e["item"] for e in found if e.get("item", {}).get("type") == "reasoning"]
    added, done = (item["encrypted_content"] for item in items)
    assert done.startswith(added)
    assert len(done) > len(added)


def test_stream_names_a_function_only_when_its_item_is_added(emulator, client):
    emulator.script(Reply(tool_calls=(("look", '{"a": 1}'),), deltas=2))
    response = ask(client, model="gpt-4o", stream=True)
    assert shape(response) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    _, _, added, first, second, done, *_ = events(response)
    assert (added["item"]["name"], added["item"]["arguments"]) == ("look", "")
    assert added["item"]["status"] == "in_progress"
    assert [first["delta"], second["delta"]] == ['{"a"', ": 1}"]
    assert done["arguments"] == '{"a": 1}'
    assert "name" not in done
    assert done["item_id"] == added["item"]["id"]


def test_stream_of_a_refusal_has_events_of_its_own(emulator, client):
    emulator.script(faults.refusal("No."))
    assert shape(ask(client, model="gpt-4o", stream=True))[3:7] == [
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
    ]


def test_stream_that_the_budget_cuts_ends_incomplete(client):
    *_, last = events(ask(client, stream=True, max_output_tokens=16))
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_error_in_the_stream_has_its_fields_at_the_top(emulator, client):
    emulator.script(faults.stream_error(faults.rate_limited().error, after=2))
    *before, error = events(ask(client, stream=True))
    assert error["type"] == "error"
    assert error["code"] == "rate_limit_exceeded"
    assert error["param"] is None
    assert "Rate limit" in error["message"]
    assert len([each for each in before if "delta" in each]) == 2


def test_error_without_a_code_is_named_by_its_type(emulator, client):
    emulator.script(faults.stream_error())
    assert events(ask(client, stream=True))[-1]["code"] == "server_error"


def test_response_that_fails_ends_the_stream(emulator, client):
    emulator.script(faults.response_failed(after=1))
    *before, last = events(ask(client, stream=True))
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert len([each for each in before if "delta" in each]) == 1


def test_error_that_gets_lost_ends_the_stream(emulator, client):
    emulator.script(faults.error_lost(after=1))
    assert shape(ask(client, stream=True))[-1] == "response.output_text.delta"


@pytest.mark.parametrize("at", ["before_finish", "before_done"])
def test_stream_without_its_terminal_event_is_cut(emulator, client, at):
    emulator.script(faults.truncated_stream(at))
    assert shape(ask(client, stream=True))[-1] == "response.output_item.done"


# Refusals


def refusal(client, **fields):
    response = ask(client, **fields)
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error["param"], error["code"], error["message"]


@pytest.mark.parametrize("name", ["stop", "seed", "n", "messages", "response_format"])
def test_fields_of_chat_are_unknown(client, name):
    status, param, code, message = refusal(client, **{name: 1})
    assert (status, param, code) == (400, name, "unknown_parameter")
    assert message == f"Unknown parameter: '{name}'."


@pytest.mark.parametrize(
    ("fields", "param", "code", "told"),
    [
        ({"input": 3}, "input", "invalid_type", "a string or an array"),
        ({"input": None}, "input", "missing_required_parameter", "'input'"),
        ({"model": None}, "model", "missing_required_parameter", "'model'"),
        ({"model": "no-such"}, "model", "model_not_found", "'no-such' does not exist."),
        ({"model": "text-embedding-3-small"}, "model", "model_not_found", "not exist"),
        ({"temperature": 0.3}, "temperature", "unsupported_parameter", "temperature"),
        (
            {"reasoning": {"effort": "none"}},
            "reasoning.effort",
            "unsupported_value",
            "'low', 'medium', 'high', 'xhigh', and 'max'",
        ),
        (
            {"max_output_tokens": 15},
            "max_output_tokens",
            "integer_below_min_value",
            "Expected a value >= 16, but got 15",
        ),
        (
            {"previous_response_id": "resp_1"},
            "previous_response_id",
            "previous_response_not_found",
            "'resp_1' not found",
        ),
        (
            {"input": "Hello", "text": {"format": {"type": "json_object"}}},
            "text.format",
            None,
            "Response input messages must contain the word 'json'",
        ),
        (
            {
                "input": [USER],
                "instructions": "Answer in JSON.",
                "text": {"format": {"type": "json_object"}},
            },
            "text.format",
            None,
            "Response input messages must contain the word 'json'",
        ),
        (
            {"text": {"format": {"type": "json_schema", "schema": {}}}},
            "text.format.name",
            "missing_required_parameter",
            "text.format.name",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "cv"}}},
            "text.format.schema",
            "missing_required_parameter",
            "text.format.schema",
        ),
        (
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "cv",
                        "strict": True,
                        "schema": {"type": "object"},
                    }
                }
            },
            "text.format.schema",
            "invalid_json_schema",
            "Invalid schema for response_format 'cv'",
        ),
        (
            {"tools": [{"name": "f"}]},
            "tools[0].type",
            "missing_required_parameter",
            "tools[0].type",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            "tools[0].name",
            "missing_required_parameter",
            "tools[0].name",
        ),
        (
            {
                "tools": [
                    {"type": "function", "name": "f", "strict": True, "parameters": {}}
                ]
            },
            "tools[0].parameters",
            "invalid_function_parameters",
            "Invalid schema for function 'f'",
        ),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "name": "third"}},
            "tool_choice",
            None,
            "Tool choice 'function' not found in 'tools'",
        ),
        ({"tool_choice": "required"}, None, None, "Tool choice 'required' must be"),
    ],
)
def test_request_that_openai_refuses_is_refused(client, fields, param, code, told):
    status, *rest, message = refusal(client, **fields)
    assert (status, rest) == (400, [param, code])
    assert told in message


def test_json_is_asked_for_by_an_input_message(client):
    said = [{"role": "developer", "content": "Give Json."}, USER]
    form = {"format": {"type": "json_object"}}
    assert ask(client, input=said, text=form).status_code == 200


def test_schema_that_is_not_strict_may_be_loose(client):
    form = {"type": "json_schema", "name": "cv", "schema": {"type": "object"}}
    assert ask(client, text={"format": form}).status_code == 200


def test_built_in_tool_is_accepted(client):
    assert ask(client, tools=[{"type": "web_search"}]).status_code == 200


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.4-pro", "gpt-5.3-codex", "o3"])
def test_every_model_is_spoken_to_here(client, model):
    assert ask(client, model=model).status_code == 200


def test_newest_models_know_one_more_effort_here(client):
    assert ask(client, model="gpt-6.2-sol", reasoning={"effort": "max"}).is_success


# Input items


def test_output_of_before_may_be_sent_back_with_results(emulator, client):
    emulator.script(Reply(text="Let me see.", tool_calls=(("f", {}), ("g", {}))))
    output = respond(client, input=[USER], store=False)["output"]
    calls = [item["call_id"] for item in output if item["type"] == "function_call"]
    results = [{**OUTPUT, "call_id": each} for each in reversed(calls)]
    assert ask(client, input=[USER, *output, *results]).status_code == 200


def test_parts_of_all_kinds_are_understood(client):
    parts = [
        {"type": "input_text", "text": "Hi"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ]
    said = [
        {"type": "message", "role": "user", "content": parts},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Yes?"}]},
        USER,
    ]
    assert ask(client, input=said).status_code == 200


@pytest.mark.parametrize(
    ("items", "param", "told"),
    [
        ([3], "input[0]", "expected an input item, but got an integer"),
        ([{"role": "tool", "content": "a"}], "input[0].role", "'tool'"),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "input[0].content[0]",
            "Supported values are: 'input_text'",
        ),
        (
            [{"role": "assistant", "content": [{"type": "input_text"}]}],
            "input[0].content[0]",
            "Supported values are: 'output_text', and 'refusal'",
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": {}}]}],
            "input[0].content[0].image_url",
            "expected an image URL, but got an object",
        ),
        ([USER, OUTPUT], "input", "No tool call found for function call output"),
        ([USER, OUTPUT, CALL], "input", "No tool call found for function call output"),
        ([USER, CALL], "input", "No tool output found for function call c."),
        ([USER, CALL, OUTPUT, OUTPUT], "input", "with call_id c."),
        (
            [USER, {**CALL, "id": "toolu_1"}, OUTPUT],
            "input[1].id",
            "Expected an ID that begins with 'fc'.",
        ),
    ],
)
def test_input_that_does_not_hold_together_is_refused(client, items, param, told):
    status, named, _, message = refusal(client, input=items)
    assert (status, named) == (400, param)
    assert told in message


@pytest.fixture
def reasoning(client):
    return respond(client)["output"][0]


@pytest.mark.parametrize("after", [[], [USER], [OUTPUT]])
def test_reasoning_without_what_followed_it_is_refused(client, reasoning, after):
    _, param, code, message = refusal(client, input=[USER, reasoning, *after])
    assert (param, code) == ("input", None)
    name = reasoning["id"]
    assert message == (
        f"Item '{name}' of type 'reasoning' was provided without its required "
        "following item."
    )


@pytest.mark.parametrize("follower", [[CALL, OUTPUT], [{**USER, "role": "assistant"}]])
def test_reasoning_before_a_call_or_a_message_is_understood(
    client, reasoning, follower
):
    assert ask(client, input=[USER, reasoning, *follower]).status_code == 200


def test_reasoning_that_was_changed_is_refused(client, reasoning):
    changed = {**reasoning, "encrypted_content": "gAAAAAother"}
    code = refusal(client, input=[USER, changed, CALL, OUTPUT])[2]
    assert code == "invalid_encrypted_content"


def test_reasoning_without_its_content_is_not_found(client, reasoning):
    bare = {**reasoning, "encrypted_content": None}
    status, *_, message = refusal(client, input=[USER, bare, CALL, OUTPUT])
    assert status == 404
    assert "Items are not persisted" in message
