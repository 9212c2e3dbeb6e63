"""The emulator as Anthropic: Messages, token counts, models, and who is let in."""

from __future__ import annotations

import json

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

NEW, OLD = "2026-10-21", "2023-06-01"
HEADERS = {"x-api-key": "test-key", "anthropic-version": NEW}
HELLO = [{"role": "user", "content": "Hello"}]
SHOWN = {"type": "adaptive", "display": "summarized"}
TOOLS = [
    {"name": "first", "input_schema": {"type": "object"}},
    {
        "name": "second",
        "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    },
]


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
    base = running.base_url("anthropic")
    with httpx.Client(base_url=base, headers=HEADERS, timeout=5) as client:
        yield client


@pytest.fixture
def client(emulator, opened):
    return opened


def ask(client, version=NEW, **fields):
    payload = {
        "model": "claude-opus-4-8",
        "max_tokens": 500,
        "messages": HELLO,
        **fields,
    }
    headers = {"anthropic-version": version}
    return client.post("/messages", json=payload, headers=headers)


def message(client, **fields):
    response = ask(client, **fields)
    assert response.status_code == 200, response.text
    return response.json()


def text(client, **fields):
    (block,) = message(client, **fields)["content"]
    assert block["type"] == "text"
    return block["text"]


def events(response):
    """The events of a stream; each is named by its type."""
    found = []
    for frame in response.text.removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def shape(response):
    """The types of a stream's events, repeated ones once."""
    types = [
        each["delta"]["type"] if "index" in each and "delta" in each else each["type"]
        for each in events(response)
    ]
    return [each for at, each in enumerate(types) if types[at - 1 : at] != [each]]


# The answer


def test_answers_like_anthropic_with_blocks_and_usage(client):
    response = ask(client)
    body = response.json()
    assert response.headers["request-id"].startswith("req_")
    assert "x-request-id" not in response.headers
    assert response.headers["anthropic-ratelimit-input-tokens-remaining"]
    assert response.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert body["id"].startswith("msg_")
    assert (body["type"], body["role"]) == ("message", "assistant")
    assert body["model"] == "claude-opus-4-8"
    (block,) = body["content"]
    assert block["type"] == "text"
    assert "résumé 🚀" in block["text"]
    assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
    assert body["stop_details"] is None
    usage = body["usage"]
    assert usage["input_tokens"] > 0
    assert usage["cache_creation_input_tokens"] == 0
    assert usage["cache_read_input_tokens"] == 0
    assert usage["output_tokens"] == len(block["text"].split())
    assert usage["output_tokens_details"] == {"thinking_tokens": 0}
    assert usage["service_tier"] == "standard"


def test_answer_that_went_well_tells_when_to_come_back(emulator, client):
    assert ask(client).headers["retry-after"] == "15"
    assert "retry-after" not in ask(client, model="no-such").headers
    emulator.script(Reply(headers={"retry-after": None}))
    assert "retry-after" not in ask(client).headers


def test_same_request_has_same_words_and_another_id(client):
    first, second = ask(client).json(), ask(client).json()
    assert first["content"] == second["content"]
    assert first["id"] != second["id"]


def test_budget_cuts_the_answer(client):
    body = message(client, max_tokens=5)
    assert len(body["content"][0]["text"].split()) == 5
    assert body["stop_reason"] == "max_tokens"


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5-5"])
def test_budget_of_nothing_only_warms_the_cache(client, model):
    body = message(client, model=model, max_tokens=0)
    assert (body["content"], body["stop_reason"]) == ([], "max_tokens")
    assert body["usage"]["output_tokens"] == 0


def test_stop_sequence_is_told(client):
    body = message(client, stop_sequences=["nowhere", "🚀"])
    assert body["content"][0]["text"] == "The résumé "
    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", "🚀")


def test_schema_answers_an_instance_as_text(client):
    schema = {
        "type": "object",
        "properties": {"job": {"enum": ["poet"]}},
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "schema": schema}
    found = json.loads(text(client, output_config={"format": form}))
    assert found == {"job": "poet"}


def test_model_that_is_told_in_words_answers_an_object(client):
    """There is no JSON mode here."""
    found = text(client, system="Answer with one JSON object and nothing else.")
    assert isinstance(json.loads(found), dict)


@pytest.mark.parametrize(
    ("choice", "name"),
    [({"type": "any"}, "first"), ({"type": "tool", "name": "second"}, "second")],
)
def test_forced_tool_is_called_with_an_object(client, choice, name):
    body = message(client, tools=TOOLS, tool_choice=choice)
    (block,) = body["content"]
    assert (block["type"], block["name"]) == ("tool_use", name)
    assert block["id"].startswith("toolu_")
    assert [type(each) for each in block["input"].values()] == [int] * (
        name == "second"
    )
    assert body["stop_reason"] == "tool_use"


@pytest.mark.parametrize("choice", [None, {"type": "auto"}, {"type": "none"}])
def test_tool_that_nobody_forces_is_not_called(client, choice):
    assert text(client, tools=TOOLS, tool_choice=choice)


def test_marked_prompt_that_is_long_enough_is_written_to_the_cache(client):
    def cached(length):
        mark = {"type": "ephemeral"}
        block = {"type": "text", "text": "x" * length, "cache_control": mark}
        return message(client, system=[block])["usage"]

    assert cached(100)["cache_creation_input_tokens"] == 0
    usage = cached(10_000)
    written = usage["cache_creation_input_tokens"]
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] == written
    assert 2500 < usage["input_tokens"] + written < 2700
    assert written > 1000


def test_scripted_content_is_what_is_sent(emulator, client):
    emulator.script(
        Reply(
            text="t",
            reasoning="one two",
            tool_calls=(("f", '{"a": 1}'), ("g", {"b": 2}), ("h", ""), ("i", "{")),
            model="m",
            usage={"input_tokens": 7},
        )
    )
    body = message(client)
    thinking, said, *calls = body["content"]
    assert (thinking["type"], thinking["thinking"]) == ("thinking", "one two")
    assert said == {"type": "text", "text": "t"}
    assert [each["input"] for each in calls] == [{"a": 1}, {"b": 2}, {}, "{"]
    assert len({each["id"] for each in calls}) == 4
    assert body["model"] == "m"
    assert body["stop_reason"] == "tool_use"
    assert body["usage"]["input_tokens"] == 7
    assert body["usage"]["output_tokens_details"]["thinking_tokens"] == 2


@pytest.mark.parametrize("reason", ["pause_turn", "model_context_window_exceeded"])
def test_stop_reason_is_given_in_anthropics_word(emulator, client, reason):
    emulator.script(Reply(text="t", finish_reason=reason))
    assert message(client)["stop_reason"] == reason


@pytest.mark.parametrize("fault", [faults.refusal("No."), faults.content_policy()])
def test_refusal_stops_an_answer_that_went_well(emulator, client, fault):
    emulator.script(fault)
    response = ask(client, model="claude-opus-5-5")
    body = response.json()
    assert response.status_code == 200
    assert (body["content"], body["stop_reason"]) == ([], "refusal")
    details = body["stop_details"]
    assert (details["type"], details["category"]) == ("refusal", "general_harms")
    assert details["explanation"]


# Thinking


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-opus-5-5", 12),
        ("claude-haiku-5-5", 12),
        ("claude-sonnet-5-5", 24),
        ("claude-sonnet-5", 24),
        ("claude-fable-5-2", 24),
    ],
)
def test_newer_models_think_by_themselves_and_keep_it_to_themselves(
    client, model, tokens
):
    body = message(client, model=model)
    thinking, said = body["content"]
    assert (thinking["type"], thinking["thinking"]) == ("thinking", "")
    assert thinking["signature"]
    assert said["type"] == "text"
    assert body["usage"]["output_tokens_details"]["thinking_tokens"] == tokens


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-haiku-4-5"])
def test_older_models_do_not_think_unless_asked(client, model):
    assert text(client, model=model)


def test_thoughts_are_shown_on_request(client):
    thinking, _ = message(client, thinking=SHOWN)["content"]
    assert len(thinking["thinking"].split()) == 24


def test_oldest_models_show_their_thoughts(client):
    budget = {"type": "enabled", "budget_tokens": 1024}
    body = message(client, model="claude-haiku-4-5", max_tokens=2000, thinking=budget)
    assert len(body["content"][0]["thinking"].split()) == 24


def test_thoughts_follow_effort(client):
    body = message(client, thinking=SHOWN, output_config={"effort": "low"})
    assert len(body["content"][0]["thinking"].split()) == 6


@pytest.mark.parametrize(
    ("model", "kind"),
    [("claude-opus-5", "disabled"), ("claude-sonnet-5-5", "between_tools")],
)
def test_model_that_is_told_not_to_think_does_not(client, model, kind):
    assert text(client, model=model, thinking={"type": kind})


def test_thinking_eats_the_budget(client):
    body = message(client, model="claude-opus-5-5", max_tokens=5)
    assert [block["type"] for block in body["content"]] == ["thinking"]
    assert body["usage"]["output_tokens"] == 5
    assert body["stop_reason"] == "max_tokens"


# The stream


def test_stream_goes_through_every_stage_of_every_block(client):
    response = ask(client, thinking=SHOWN, stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    assert shape(response) == [
        "message_start",
        "content_block_start",
        "ping",
        "thinking_delta",
        "signature_delta",
        "content_block_stop",
        "content_block_start",
        "text_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert "[DONE]" not in response.text


def test_stream_begins_with_an_empty_message(client):
    first, started, *_ = events(ask(client, stream=True))
    assert first["message"]["content"] == []
    assert first["message"]["stop_reason"] is None
    assert first["message"]["usage"]["output_tokens"] == 1
    assert started["content_block"] == {"type": "text", "text": ""}


def test_stream_adds_up_to_what_a_whole_answer_would_be(client):
    found = events(ask(client, stream=True))
    deltas = [e["delta"]["text"] for e in found if e["type"] == "content_block_delta"]
    whole = message(client)
    assert "".join(deltas) == whole["content"][0]["text"]
    ending = found[-2]
    assert ending["usage"] == whole["usage"]
    assert ending["delta"] == {
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
    }


def test_stream_of_hidden_thoughts_has_their_signature_alone(client):
    response = ask(client, model="claude-opus-5-5", stream=True)
    started, sealed = events(response)[1], events(response)[3]
    empty = {"type": "thinking", "thinking": "", "signature": ""}
    assert started["content_block"] == empty
    assert sealed["delta"]["type"] == "signature_delta"
    assert "thinking_delta" not in response.text


def test_stream_cuts_the_input_of_a_tool_into_json_deltas(emulator, client):
    calls = (("look", '{"a": 1}'), ("see", ""))
    emulator.script(Reply(text="four", tool_calls=calls, deltas=2))
    found = events(ask(client, stream=True))
    blocks = [e["content_block"] for e in found if "content_block" in e]
    assert [block.get("input") for block in blocks] == [None, {}, {}]
    deltas = [e for e in found if e["type"] == "content_block_delta"]
    pieces = [e["delta"].get("partial_json") for e in deltas if e["index"] == 1]
    assert pieces == ['{"a"', ": 1}"]
    assert [e["index"] for e in deltas] == [0, 0, 1, 1]


def test_stream_of_a_refusal_has_no_block(emulator, client):
    emulator.script(faults.refusal("No."))
    found = events(ask(client, model="claude-opus-5-5", stream=True))
    kinds = [event["type"] for event in found]
    assert kinds == ["message_start", "message_delta", "message_stop"]
    assert found[1]["delta"]["stop_details"]["explanation"] == "No."


@pytest.mark.parametrize("after", [0, 2])
def test_error_in_the_stream_is_an_event_on_200(emulator, client, after):
    emulator.script(faults.stream_error(after=after))
    response = ask(client, stream=True)
    *before, error = events(response)
    assert response.status_code == 200
    assert len([e for e in before if e["type"] == "content_block_delta"]) == after
    assert error["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert error["request_id"] == response.headers["request-id"]


def test_any_fault_may_come_in_the_stream(emulator, client):
    emulator.script(faults.stream_error(faults.rate_limited().error))
    *_, error = events(ask(client, stream=True))
    assert error["error"]["type"] == "rate_limit_error"


def test_error_that_gets_lost_ends_the_stream(emulator, client):
    emulator.script(faults.error_lost(after=1))
    assert shape(ask(client, stream=True))[-1] == "text_delta"


@pytest.mark.parametrize(
    ("at", "last"),
    [("before_finish", "content_block_stop"), ("before_done", "message_delta")],
)
def test_stream_may_be_cut_before_its_end(emulator, client, at, last):
    emulator.script(faults.truncated_stream(at))
    assert shape(ask(client, stream=True))[-1] == last


# Who is let in


@pytest.mark.parametrize(
    ("headers", "status", "told"),
    [
        ({"anthropic-version": NEW}, 401, "x-api-key header is required"),
        ({**HEADERS, "x-api-key": "an-invalid-key"}, 401, "invalid x-api-key"),
        ({"x-api-key": "k"}, 400, "anthropic-version: header is required"),
        ({**HEADERS, "anthropic-version": "2024-01-01"}, 400, "is not a valid version"),
    ],
)
def test_request_without_key_or_version_is_refused(emulator, headers, status, told):
    url = emulator.base_url("anthropic") + "/models"
    response = httpx.get(url, headers=headers)
    assert response.status_code == status
    body = response.json()
    assert body["type"] == "error"
    assert told in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer k"}, 200),
        ({"authorization": "Bearer an-invalid-key"}, 401),
        ({"authorization": "Bearer an-invalid-key", "x-api-key": "k"}, 200),
    ],
)
def test_key_may_be_a_bearer_and_the_other_field_wins(emulator, headers, status):
    url = emulator.base_url("anthropic") + "/models"
    headers = {"anthropic-version": OLD, **headers}
    assert httpx.get(url, headers=headers).status_code == status


def test_unknown_endpoint_is_told_in_anthropics_words(client):
    response = client.post("/complete")
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


# Models and tokens


def test_models_come_in_pages(client):
    names, query = [], {}
    while True:
        page = client.get("/models", params=query).json()
        found = [model["id"] for model in page["data"]]
        assert (page["first_id"], page["last_id"]) == (found[0], found[-1])
        assert len(found) <= 5
        names += found
        if not page["has_more"]:
            break
        query = {"after_id": page["last_id"]}
    assert len(names) == len(set(names)) > 10
    assert {"claude-sonnet-5-5", "claude-haiku-4-5"} <= set(names)


def test_page_is_as_long_as_asked(client):
    assert len(client.get("/models?limit=2").json()["data"]) == 2
    whole = client.get("/models?limit=1000").json()
    assert whole["has_more"] is False
    assert len(whole["data"]) > 10


def test_pages_can_be_turned_back(client):
    names = [each["id"] for each in client.get("/models?limit=1000").json()["data"]]
    page = client.get("/models", params={"limit": 2, "before_id": names[4]}).json()
    assert [each["id"] for each in page["data"]] == names[2:4]
    assert page["has_more"] is True
    first = client.get("/models", params={"before_id": names[2]}).json()
    assert [each["id"] for each in first["data"]] == names[:2]
    assert first["has_more"] is False


def test_page_after_the_last_model_is_empty(client):
    names = [each["id"] for each in client.get("/models?limit=1000").json()["data"]]
    page = client.get("/models", params={"after_id": names[-1]}).json()
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "between 1 and 1000"),
        ("limit=1001", "between 1 and 1000"),
        ("limit=x", "valid integer"),
        ("after_id=no-such", "after_id: no-such"),
        ("before_id=no-such", "before_id: no-such"),
    ],
)
def test_page_that_does_not_exist_is_refused(client, query, told):
    response = client.get(f"/models?{query}")
    assert response.status_code == 400
    assert told in response.json()["error"]["message"]


def test_model_tells_its_abilities(client):
    model = client.get("/models/claude-opus-4-5").json()
    assert (model["type"], model["display_name"]) == ("model", "Claude Opus 4.5")
    assert (model["max_input_tokens"], model["max_tokens"]) == (200_000, 64_000)
    able = model["capabilities"]
    assert able["structured_outputs"] == {"supported": True}
    assert able["thinking"]["types"]["adaptive"] == {"supported": False}
    assert able["thinking"]["types"]["enabled"] == {"supported": True}
    assert able["thinking"]["types"]["between_tools"] == {"supported": False}
    assert able["server_tools"]["web_search"] == {"supported": True}
    assert able["effort"]["high"] == {"supported": True}
    assert able["effort"]["max"] == {"supported": False}
    dated = client.get("/models/claude-opus-4-5-20251101").json()
    assert dated["id"] == "claude-opus-4-5"


def test_model_that_ends_soon_says_so(client):
    ending = client.get("/models/claude-sonnet-4-5").json()
    assert (ending["lifecycle"], ending["retires_at"][:10]) == (
        "deprecated",
        "2026-11-30",
    )
    assert client.get("/models/claude-opus-5-5").json()["lifecycle"] == "active"


def test_unknown_model_is_not_found(client):
    for response in (ask(client, model="no-such"), client.get("/models/no-such")):
        assert response.status_code == 404
        error = {"type": "not_found_error", "message": "model: no-such"}
        assert response.json()["error"] == error


def test_tokens_are_counted_without_a_budget(client):
    payload = {"model": "claude-opus-5-5", "messages": HELLO}
    body = client.post("/messages/count_tokens", json=payload).json()
    longer = {**payload, "system": "x" * 1000}
    more = client.post("/messages/count_tokens", json=longer).json()
    assert body.keys() == {"input_tokens"}
    assert more["input_tokens"] > body["input_tokens"] > 0


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"max_tokens": 5}, 400, "max_tokens: Extra inputs are not permitted"),
        ({"temperature": 1}, 400, "temperature: Extra inputs are not permitted"),
        ({"model": "no-such"}, 404, "model: no-such"),
        ({"messages": []}, 400, "at least one message"),
    ],
)
def test_count_that_cannot_be_is_refused(client, fields, status, told):
    payload = {"model": "claude-opus-5-5", "messages": HELLO, **fields}
    response = client.post("/messages/count_tokens", json=payload)
    assert response.status_code == status
    assert told in response.json()["error"]["message"]
