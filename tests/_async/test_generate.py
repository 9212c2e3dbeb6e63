"""Whole answers: what is sent, what comes back, and what never leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

import pytest
from attrs import evolve

from llm_adapter import (
    Audio,
    Image,
    LLMInvalidResponseError,
    LLMModelNotFoundError,
    LLMRequest,
    LLMServiceError,
    LLMUnsupportedFeatureError,
    Message,
    Settings,
    Text,
    Timeout,
    Tool,
)
from llm_adapter.testing.emulator import Reply, faults

KEY = "test-key-3f9a"
LOOKUP = Tool("lookup", "Find a person", {"type": "object", "properties": {}})


@dataclass
class Point:
    x: int
    y: int


def completion(**message):
    """A whole answer, written by hand."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice]}


# -- what is sent ---------------------------------------------------------------------


async def test_a_prompt_alone_is_sent_with_the_defaults(emulator, llm):
    await llm.generate("Hi")
    (seen,) = emulator.seen
    assert (seen.method, seen.path) == ("POST", "/openai/v1/chat/completions")
    # A reasoning model might spend a default of 2000 tokens before its first word.
    assert seen.json == {
        "model": "openai/gpt-oss-120b",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.3,
    }


async def test_a_model_that_is_not_known_to_reason_gets_a_cap(emulator, llm):
    emulator.always(Reply(text="Hello"))
    await llm.generate("Hi", model="some/model")
    assert emulator.seen[0].json["max_completion_tokens"] == 2000


async def test_every_field_of_a_request_is_sent(emulator, llm):
    emulator.always(Reply(text="Hello"))
    request = LLMRequest(
        "Hi",
        system_message="Be brief, in JSON.",
        messages=(Message("user", "Earlier"), Message("assistant", "Yes?")),
        model="openai/gpt-oss-20b",
        temperature=0.9,
        max_tokens=50,
        top_p=0.5,
        seed=7,
        stop_sequences=("END", "STOP"),
        reasoning_effort="low",
        response_format={"type": "json_object"},
        tools=(LOOKUP,),
        tool_choice="lookup",
        parallel_tool_calls=False,
        extra_body={"service_tier": "flex"},
    )
    await llm.generate(request)
    assert emulator.seen[0].json == {
        "model": "openai/gpt-oss-20b",
        "messages": [
            {"role": "system", "content": "Be brief, in JSON."},
            {"role": "user", "content": "Earlier"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "Hi"},
        ],
        "temperature": 0.9,
        "max_completion_tokens": 50,
        "top_p": 0.5,
        "seed": 7,
        "stop": ["END", "STOP"],
        "reasoning_effort": "low",
        "response_format": {"type": "json_object"},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup",
                    "description": "Find a person",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "lookup"}},
        "parallel_tool_calls": False,
        "service_tier": "flex",
    }


async def test_parts_of_a_prompt_are_sent(emulator, llm):
    emulator.always(Reply(text="A cat"))
    await llm.generate(
        [Text("What is this?"), Image(data=b"\x89PNG", media_type="image/png")]
    )
    assert emulator.seen[0].json["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]


async def test_keywords_override_the_request_and_leave_it_as_it_was(emulator, llm):
    request = LLMRequest("Hi", temperature=0.9, seed=1)
    before = evolve(request)
    await llm.generate(request, temperature=0, max_tokens=5)
    sent = emulator.seen[0].json
    assert (sent["temperature"], sent["max_completion_tokens"], sent["seed"]) == (
        0,
        5,
        1,
    )
    assert request == before


async def test_defaults_of_the_settings_are_sent_as_they_are(emulator, connect):
    settings = Settings(default_temperature=0.0, default_max_tokens=9)
    await connect(settings=settings).generate("Hi")
    sent = emulator.seen[0].json
    assert (sent["temperature"], sent["max_completion_tokens"]) == (0.0, 9)


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"settings": Settings(model="qwen/qwen3.8-27b")}, "qwen/qwen3.8-27b"),
        (
            {"settings": Settings(model="a"), "model": "openai/gpt-oss-20b"},
            "openai/gpt-oss-20b",
        ),
        # LLM_MODEL belongs to LLM_PROVIDER, which is another one here.
        ({"settings": Settings(provider="mock", model="a")}, "openai/gpt-oss-120b"),
    ],
    ids=["settings", "argument before settings", "settings of another provider"],
)
async def test_the_model_comes_from(emulator, connect, options, model):
    llm = connect(**options)
    await llm.generate("Hi")
    assert emulator.seen[0].json["model"] == model
    assert model in repr(llm)


async def test_extra_body_wins_over_what_we_would_send(emulator, llm):
    await llm.generate("Hi", extra_body={"temperature": 1, "user": "u-1"})
    sent = emulator.seen[0].json
    assert (sent["temperature"], sent["user"]) == (1, "u-1")


async def test_extra_headers_are_sent_and_replace_ours(emulator, llm):
    own = {"X-Trace": "t-1", "User-Agent": "mine", "authorization": "Bearer other"}
    await llm.generate("Hi", extra_headers=own)
    headers = emulator.seen[0].headers
    assert headers["x-trace"] == "t-1"
    assert headers["user-agent"] == "mine"
    assert headers["authorization"] == "Bearer other"


async def test_extra_headers_count_for_one_call(emulator, llm):
    await llm.generate("Hi", extra_headers={"X-Trace": "t-1"})
    await llm.generate("Hi")
    assert "x-trace" not in emulator.seen[1].headers


async def test_metadata_is_never_sent(emulator, llm):
    await llm.generate("Hi", metadata={"user_id": "secret-user"})
    (seen,) = emulator.seen
    assert "secret-user" not in repr(seen)


async def test_the_key_is_in_one_header_and_nowhere_else(emulator, llm):
    response = await llm.generate("Hi")
    (seen,) = emulator.seen
    holding = [name for name, value in seen.headers.items() if KEY in value]
    assert holding == ["authorization"]
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    elsewhere = (seen.path, seen.body, repr(llm), repr(response), repr(vars(llm)))
    assert not [text for text in elsewhere if KEY in str(text)]


@pytest.mark.parametrize(
    ("overrides", "feature"),
    [
        (
            {"messages": [Message("user", [Audio("https://example.org/a.wav")])]},
            "Audio",
        ),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"reasoning_effort": "none"}, "reasoning_effort"),
    ],
)
async def test_what_the_provider_cannot_do_is_refused_before_anything_is_sent(
    emulator, llm, overrides, feature
):
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        await llm.generate("Hi", **overrides)
    assert caught.value.feature == feature
    with pytest.raises(LLMUnsupportedFeatureError):
        llm.stream("Hi", **overrides)
    assert emulator.counts.connections_opened == 0


@pytest.mark.parametrize("prompt", ["", "  \n", []])
async def test_an_empty_prompt_is_refused_before_anything_is_sent(
    emulator, llm, prompt
):
    with pytest.raises(ValueError, match="the prompt is empty"):
        await llm.generate(prompt)
    with pytest.raises(ValueError, match="the prompt is empty"):
        llm.stream(prompt)
    assert emulator.counts.connections_opened == 0


# -- what comes back ------------------------------------------------------------------


async def test_a_response_has_everything_that_the_provider_said(emulator, llm):
    usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 150},
    }
    emulator.always(Reply(text="Hello", reasoning="A greeting.", usage=usage))
    response = await llm.generate("Hi")
    assert response.text == "Hello"
    assert response.reasoning == "A greeting."
    assert response.model == "openai/gpt-oss-120b"
    assert response.provider == "groq"
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert response.usage.input_tokens == 1000
    assert response.usage.output_tokens == 200
    assert response.usage.cached_input_tokens == 400
    assert response.usage.reasoning_tokens == 150
    assert response.tokens_used == response.usage.total_tokens == 1200
    # (600 * 0.15 + 400 * 0.075 + 200 * 0.60) / 1,000,000
    assert response.cost == Decimal("0.00024")
    assert response.id.startswith("chatcmpl-")
    assert response.request_id.startswith("req_")
    assert response.raw["choices"][0]["message"]["content"] == "Hello"
    assert response.attempts == 1
    assert response.cached is False
    assert response.warnings == ()
    assert 0 < response.generation_time < 5


@pytest.mark.parametrize(
    "headers",
    [
        {"x-request-id": "req_header"},
        {"x-request-id": None, "request-id": "req_header"},
    ],
)
async def test_the_id_of_the_request_is_that_of_the_headers(emulator, llm, headers):
    body = completion(content="Hello") | {"x_groq": {"id": "req_body"}}
    emulator.always(Reply(body=body, headers=headers))
    assert (await llm.generate("Hi")).request_id == "req_header"
    emulator.always(Reply(body=body, headers={"x-request-id": None}))
    assert (await llm.generate("Hi")).request_id == "req_body"


async def test_tool_calls_come_with_their_arguments(emulator, llm):
    emulator.always(Reply(tool_calls=(("lookup", {"name": "Ana"}), ("lookup", "{"))))
    response = await llm.generate("Who?", tools=[LOOKUP])
    good, bad = response.tool_calls
    assert response.finish_reason == "tool_calls"
    assert (good.name, good.arguments, good.invalid) == (
        "lookup",
        {"name": "Ana"},
        False,
    )
    assert (bad.arguments, bad.raw_arguments, bad.invalid) == ({}, "{", True)
    assert good.id != bad.id


async def test_a_conversation_with_tools_goes_back_as_it_came(emulator, llm):
    emulator.script(
        Reply(reasoning="I need it.", tool_calls=(("lookup", {"name": "Ana"}),)),
        Reply(text="Ana is 7."),
    )
    asked = LLMRequest("How old is Ana?", tools=[LOOKUP])
    first = await llm.generate(asked)
    (call,) = first.tool_calls
    messages = [
        Message("user", "How old is Ana?"),
        first.message,
        Message("tool", "7", tool_call_id=call.id),
    ]
    second = await llm.generate(evolve(asked, prompt="", messages=messages))
    assert second.text == "Ana is 7."
    assert emulator.seen[1].json["messages"] == [
        {"role": "user", "content": "How old is Ana?"},
        {
            "role": "assistant",
            "content": None,
            "reasoning": "I need it.",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "lookup", "arguments": '{"name": "Ana"}'},
                }
            ],
        },
        {"role": "tool", "content": "7", "tool_call_id": call.id},
    ]


async def test_an_answer_that_was_cut_says_so(emulator, llm):
    response = await llm.generate("Write", max_tokens=20)
    assert response.finish_reason == "length"
    assert response.usage.output_tokens == 20


async def test_unknown_prices_and_counts_are_none_not_zero(emulator, llm):
    emulator.always(Reply(body=completion(content="Hello")))
    response = await llm.generate("Hi", model="some/model")
    assert response.tokens_used is None
    assert response.cost is None


async def test_a_retired_model_warns(emulator, llm, caplog):
    emulator.always(Reply(text="Hello"))
    response = await llm.generate("Hi", model="llama-3.3-70b-versatile")
    (warning,) = response.warnings
    assert "retired in 2026-08-16; use openai/gpt-oss-120b" in warning
    assert warning in caplog.messages


async def test_a_retired_model_is_not_found(emulator, llm):
    with pytest.raises(LLMModelNotFoundError, match="decommissioned"):
        await llm.generate("Hi", model="mixtral-8x7b-32768")
    assert emulator.counts.requests == 1


# -- JSON -----------------------------------------------------------------------------


async def test_json_is_asked_for_in_the_native_mode(emulator, llm):
    answer = await llm.generate_json("Give me a JSON object")
    assert answer.keys() == {"answer", "score", "ok"}
    await llm.generate_json([Text("Give me a JSON object")])
    sent = emulator.seen[0].json
    assert sent["response_format"] == {"type": "json_object"}
    assert len(emulator.seen[1].json["messages"]) == 1
    assert [message["role"] for message in sent["messages"]] == ["user"]


async def test_json_is_mentioned_where_no_message_does(emulator, llm):
    request = LLMRequest("Give me an object", system_message="Be brief.")
    before = evolve(request)
    assert await llm.generate_json(request)
    system = emulator.seen[0].json["messages"][0]
    assert system["role"] == "system"
    assert system["content"].startswith("Be brief.\n\n")
    assert "JSON" in system["content"]
    assert request == before


async def test_keywords_override_the_request_for_json(emulator, llm):
    await llm.generate_json(LLMRequest("JSON please"), temperature=0)
    assert emulator.seen[0].json["temperature"] == 0


async def test_a_schema_is_kept_for_json(emulator, llm):
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "Age", "schema": schema}}
    answer = await llm.generate_json("How old?", response_format=form)
    assert isinstance(answer["age"], int)
    assert emulator.seen[0].json["response_format"] == form


async def test_fenced_json_is_read(emulator, llm):
    emulator.always(Reply(text='Here it is:\n```json\n{"a": 1}\n```\nEnjoy!'))
    assert await llm.generate_json("JSON") == {"a": 1}


async def test_malformed_json_says_where(emulator, llm):
    emulator.always(Reply(text='{"a": 1, "b" 2}'))
    with pytest.raises(LLMInvalidResponseError, match="not valid JSON") as caught:
        await llm.generate_json("JSON")
    assert caught.value.text == '{"a": 1, "b" 2}'
    assert caught.value.position == 13
    assert caught.value.provider == "groq"
    assert caught.value.request_id.startswith("req_")
    assert emulator.counts.requests == 1


async def test_json_that_was_cut_says_so(emulator, llm):
    emulator.always(Reply(text='{"a": ', finish_reason="length"))
    with pytest.raises(LLMInvalidResponseError, match="cut at its token limit"):
        await llm.generate_json("JSON")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="", finish_reason="content_filter"),
        Reply(body=completion(content=None, refusal="I cannot.")),
    ],
    ids=["by the filter", "by the model"],
)
async def test_json_that_was_refused_says_so(emulator, llm, reply):
    emulator.always(reply)
    with pytest.raises(LLMInvalidResponseError, match="refused"):
        await llm.generate_json("JSON")


async def test_json_of_another_kind_says_so(emulator, llm):
    emulator.always(Reply(text="[1, 2]"))
    with pytest.raises(LLMInvalidResponseError, match="list where an object"):
        await llm.generate_json("JSON")


async def test_a_type_is_asked_for_and_built(emulator, llm):
    emulator.always(Reply(text='{"x": 1, "y": 2}'))
    assert await llm.generate_as(Point, "Where?") == Point(1, 2)
    form = emulator.seen[0].json["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["name"] == "Point"
    assert form["json_schema"]["schema"]["required"] == ["x", "y"]


async def test_an_answer_that_does_not_fit_the_type_is_invalid(emulator, llm):
    emulator.always(Reply(text='{"x": 1}'))
    with pytest.raises(LLMInvalidResponseError, match="not a Point") as caught:
        await llm.generate_as(Point, "Where?")
    assert caught.value.text == '{"x": 1}'


async def test_an_answer_that_does_not_fit_the_type_says_who_gave_it(emulator, llm):
    emulator.always(Reply(text='{"x": 1}'))
    with pytest.raises(LLMInvalidResponseError) as caught:
        await llm.generate_as(Point, "Where?")
    assert caught.value.provider == "groq"
    assert caught.value.request_id.startswith("req_")


async def test_a_type_without_a_schema_is_a_programming_error(emulator, llm):
    with pytest.raises(TypeError, match="no JSON schema"):
        await llm.generate_as(object, "Where?")
    assert emulator.counts.connections_opened == 0


# -- models ---------------------------------------------------------------------------


async def test_models_are_asked_for(emulator, llm):
    models = await llm.list_models()
    assert "openai/gpt-oss-120b" in models
    (seen,) = emulator.seen
    assert (seen.method, seen.path, seen.body) == ("GET", "/openai/v1/models", b"")


async def test_a_list_of_models_is_asked_for_again_after_a_failure(emulator, llm):
    emulator.script(faults.server_error(), faults.truncated_json())
    assert "openai/gpt-oss-120b" in await llm.list_models()
    assert emulator.counts.requests == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": "none"}, "no list of models"),
        ("none", "no list of models"),
        (dict(faults.error_object().error), "no list of models"),
        ({"error": dict(faults.error_object().error)}, "over capacity"),
    ],
)
async def test_a_list_of_models_that_is_none_is_an_error(
    emulator, connect, body, message
):
    emulator.always(Reply(body=json.dumps(body)))
    with pytest.raises(LLMServiceError, match=message) as caught:
        await connect(max_retries=0).list_models()
    assert caught.value.provider == "groq"


async def test_rows_of_a_list_of_models_that_have_no_name_are_left_out(emulator, llm):
    rows = [{"id": "a"}, {"id": 7}, {}, None, {"id": "b"}]
    emulator.always(Reply(body={"data": rows}))
    assert await llm.list_models() == ["a", "b"]


async def test_the_catalogue_asks_nobody(emulator, llm):
    models = llm.get_available_models()
    assert models[0] == "openai/gpt-oss-120b"
    assert models.index("groq/compound") < models.index("mixtral-8x7b-32768")
    assert llm.get_provider_name() == "groq"
    assert emulator.counts.connections_opened == 0


# -- closing --------------------------------------------------------------------------


async def test_a_closed_service_says_so(emulator, connect):
    llm = connect()
    async with llm as entered:
        assert entered is llm
        await llm.generate("Hi")
    assert emulator.wait_for(lambda counts: counts.connections_open == 0)
    with pytest.raises(LLMServiceError, match="service is closed") as caught:
        await llm.generate("Hi")
    assert caught.value.provider == "groq"
    with pytest.raises(LLMServiceError, match="service is closed"):
        await llm.list_models()
    with pytest.raises(LLMServiceError, match="service is closed"):
        async with llm.stream("Hi"):
            pass
    assert emulator.counts.requests == 1


async def test_closing_twice_and_unused_is_fine(connect):
    llm = connect()
    await llm.close()
    await llm.close()


async def test_limits_of_a_stream_do_not_bind_a_whole_answer(emulator, llm):
    emulator.always(faults.slow_first_byte(0.2))
    response = await llm.generate("Hi", timeout=Timeout(first_token=0.05))
    assert response.attempts == 1
