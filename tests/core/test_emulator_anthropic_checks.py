"""What the emulator refuses as Anthropic does."""

from __future__ import annotations

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply
from llm_adapter.testing.emulator.dialects.anthropic.models import MODELS

NEW, OLD = "2026-10-21", "2023-06-01"
USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Yes?"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
PLAIN = {"type": "object", "properties": {}, "additionalProperties": False}
FORM = {"format": {"type": "json_schema", "schema": PLAIN}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
OTHER_USE = {**USE, "id": "t2"}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "1"}
OTHER_RESULT = {"type": "tool_result", "tool_use_id": "t2"}
TEXT = {"type": "text", "text": "And?"}
MARK = {"cache_control": {"type": "ephemeral"}}

OLDEST = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
SAMPLING = (*OLDEST, "claude-opus-4-6", "claude-sonnet-4-6")
ALWAYS = ("claude-opus-5-5", "claude-fable-5", "claude-fable-5-1", "claude-fable-5-2")


@pytest.fixture(scope="module")
def running():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(running):
    base = running.base_url("anthropic")
    headers = {"x-api-key": "test-key"}
    with httpx.Client(base_url=base, headers=headers, timeout=5) as opened:
        yield opened


def ask(client, version=NEW, **fields):
    payload = {
        "model": "claude-opus-4-8",
        "max_tokens": 2000,
        "messages": [USER],
        **fields,
    }
    headers = {"anthropic-version": version}
    return client.post("/messages", json=payload, headers=headers)


def refusal(client, version=NEW, **fields):
    """The message of a 400, or None where the request is answered."""
    response = ask(client, version, **fields)
    if response.status_code == 200:
        return None
    body = response.json()
    assert response.status_code == 400
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    return body["error"]["message"]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


# Fields


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": None}, "messages: Field required"),
        ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
        ({"system": 3}, "system: Input should be a valid string"),
        ({"seed": 1}, "seed: Extra inputs are not permitted"),
        ({"max_tokens": -1}, "greater than or equal to 0"),
        ({"max_tokens": 0, "stream": True}, "0 cannot be combined with `stream`"),
        ({"max_tokens": 0, "output_config": FORM}, "cannot be combined"),
        ({"max_tokens": 0, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forced"),
        ({"stop_sequences": ["a", "\n"]}, "must contain non-whitespace"),
        (
            {"max_tokens": 128_001},
            "max_tokens: 128001 > 128000, which is the maximum allowed number of "
            "output tokens for claude-opus-4-8",
        ),
        ({"messages": []}, "at least one message is required"),
        ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks"),
    ],
)
def test_field_that_is_missing_or_wrong_is_refused(client, fields, told):
    assert told in refusal(client, **fields)


def test_body_that_is_no_json_is_refused(client):
    headers = {"anthropic-version": NEW}
    response = client.post("/messages", content=b"{", headers=headers)
    assert "not valid JSON" in response.json()["error"]["message"]


def test_long_answers_need_no_stream(client):
    assert ask(client, max_tokens=100_000).status_code == 200


# Sampling, by version and model


@pytest.mark.parametrize("field", [{"temperature": 1}, {"top_p": 1}, {"top_k": 5}])
@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5-5"])
def test_newest_version_knows_no_sampling(client, model, field):
    (name,) = field
    told = refusal(client, NEW, model=model, **field)
    assert told == f"{name}: Extra inputs are not permitted"


@pytest.mark.parametrize("model", SAMPLING)
@pytest.mark.parametrize("field", [{"temperature": 0.3}, {"top_p": 0.9}, {"top_k": 5}])
def test_older_models_sample_on_the_older_version(client, model, field):
    assert refusal(client, OLD, model=model, **field) is None


@pytest.mark.parametrize("model", sorted(set(MODELS) - set(SAMPLING)))
@pytest.mark.parametrize("field", [{"temperature": 0.3}, {"top_p": 0.9}, {"top_k": 5}])
def test_newer_models_reject_values_on_the_older_version(client, model, field):
    assert "is deprecated for this model" in refusal(client, OLD, model=model, **field)


def test_newer_models_let_default_values_pass_on_the_older_version(client):
    assert refusal(client, OLD, model="claude-sonnet-5", temperature=1) is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"temperature": 1.5}, "temperature: range: 0..1"),
        (
            {
                "temperature": 0.5,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
            },
            "may only be set to 1 when thinking is enabled",
        ),
    ],
)
def test_sampling_that_cannot_be_is_refused(client, fields, told):
    assert told in refusal(client, OLD, model="claude-haiku-4-5", **fields)


PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
}


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([USER, assistant(PDF), USER], "`document` blocks are not permitted"),
        ([user({**TEXT, "citations": [{}]})], "content.0.citations: Extra inputs"),
    ],
)
def test_newest_version_takes_some_blocks_no_more(client, messages, told):
    assert told in refusal(client, NEW, messages=messages)
    assert refusal(client, OLD, messages=messages) is None


# Turns


@pytest.mark.parametrize(
    "messages",
    [
        [USER, ASSISTANT, USER],
        [USER, USER],
        [user(TEXT, PDF)],
        [user({"type": "image", "source": {"type": "url", "url": "https://a"}})],
        [user({"type": "document", "source": {"type": "file", "file_id": "f"}})],
        [USER, {"role": "system", "content": "Be brief."}, USER],
        [USER, assistant({"type": "redacted_thinking", "data": "x"}, TEXT), USER],
    ],
)
def test_conversation_that_holds_together_is_understood(client, messages):
    assert refusal(client, messages=messages) is None


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([ASSISTANT, USER], 'first message must use the "user" role'),
        ([3], "messages.0.role: Input should be 'user' or 'assistant'"),
        ([{"role": "tool", "content": "1"}], "messages.0.role: Input should be"),
        ([{"role": "system", "content": "a"}, USER], "role 'system' is not supported"),
        ([{"role": "user"}], "messages.0.content: Input should be a valid string"),
        ([{"role": "user", "content": ""}], "must have non-empty content except"),
        ([user()], "must have non-empty content except"),
        ([{"role": "user", "content": " "}], "must contain non-whitespace text"),
        ([user({"type": "text", "text": ""})], "text content blocks must be non-empty"),
        ([user({"type": "text", "text": " "})], "must contain non-whitespace text"),
        ([user({"type": "text"})], "content.0.text.text: Input should be a valid"),
        ([user({"type": "input_audio"})], "Input tag 'input_audio'"),
        ([user(3)], "Input tag 'None'"),
        ([user(USE)], "Input tag 'tool_use'"),
        ([USER, assistant(RESULT), USER], "Input tag 'tool_result'"),
        ([user({"type": "image", "source": {"type": "data"}})], "Input tag 'data'"),
        (
            [user({"type": "image", "source": {"type": "base64", "data": "AAAA"}})],
            "image.source.base64.media_type: Field required",
        ),
        ([user(*[{**TEXT, **MARK}] * 5)], "A maximum of 4 blocks"),
        (
            [USER, assistant({"type": "thinking", "thinking": "so"}), USER],
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
    ],
)
def test_conversation_that_does_not_hold_together_is_refused(client, messages, told):
    assert told in refusal(client, messages=messages)


@pytest.mark.parametrize(
    "model", ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-4-6"]
)
def test_system_is_no_role_on_some_models(client, model):
    messages = [USER, {"role": "system", "content": "Be brief."}, USER]
    told = refusal(client, model=model, messages=messages)
    assert told == "messages.1: role 'system' is not supported on this model"


@pytest.mark.parametrize("model", sorted(set(MODELS) - set(OLDEST)))
def test_prefill_is_refused_since_4_6(client, model):
    told = refusal(client, model=model, messages=[USER, ASSISTANT])
    assert "does not support assistant message prefill" in told


@pytest.mark.parametrize("model", OLDEST)
@pytest.mark.parametrize("content", ["{", [{"type": "text", "text": "{"}], ""])
def test_prefill_is_taken_before_4_6(client, model, content):
    messages = [USER, {"role": "assistant", "content": content}]
    assert refusal(client, model=model, messages=messages) is None


@pytest.mark.parametrize(
    ("content", "fields", "told"),
    [
        ("{ ", {}, "cannot end with trailing whitespace"),
        ([{"type": "text", "text": "{\n"}], {}, "cannot end with trailing whitespace"),
        ("{", {"output_config": FORM}, "not supported with structured outputs"),
    ],
)
def test_prefill_that_cannot_be_is_refused(client, content, fields, told):
    messages = [USER, {"role": "assistant", "content": content}]
    model = "claude-opus-4-5"
    assert told in refusal(client, model=model, messages=messages, **fields)


# Tools


@pytest.mark.parametrize(
    "last",
    [
        user(RESULT, OTHER_RESULT),
        user(OTHER_RESULT, RESULT, TEXT),
        user({**RESULT, "content": [TEXT], "is_error": True}, OTHER_RESULT),
    ],
)
def test_results_at_the_start_of_one_message_are_understood(client, last):
    messages = [USER, assistant(TEXT, USE, OTHER_USE), last]
    assert refusal(client, messages=messages, tools=[TOOL]) is None


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([user(RESULT), user(OTHER_RESULT)], "immediately after: t2."),
        ([user(TEXT, RESULT, OTHER_RESULT)], "immediately after: t1, t2."),
        ([user(RESULT)], "messages.2: `tool_use` ids were found without"),
        ([USER], "immediately after: t1, t2."),
        (
            [user(RESULT, OTHER_RESULT, {**RESULT, "tool_use_id": "t3"})],
            "messages.2.content.2: unexpected `tool_use_id`",
        ),
        (
            [user(RESULT, OTHER_RESULT, RESULT)],
            "messages.2.content.2: unexpected `tool_use_id`",
        ),
        (
            [user({**RESULT, "content": 3}, OTHER_RESULT)],
            "tool_result.content: Input should be a valid string or list",
        ),
        (
            [user({**RESULT, "content": [USE]}, OTHER_RESULT)],
            "messages.2.content.0.tool_result.content.0: Input tag 'tool_use'",
        ),
    ],
)
def test_every_use_needs_its_result_in_the_next_message(client, after, told):
    messages = [USER, assistant(USE, OTHER_USE), *after]
    assert told in refusal(client, messages=messages, tools=[TOOL])


def test_result_that_nobody_asked_for_is_refused(client):
    assert "unexpected `tool_use_id`" in refusal(client, messages=[user(RESULT)])


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ({**USE, "id": "call:1"}, "tool_use.id: String should match pattern"),
        ({**USE, "id": None}, "tool_use.id: String should match pattern"),
        ({**USE, "name": None}, "tool_use.name: Field required"),
        ({**USE, "input": "{}"}, "tool_use.input: Input should be a valid dictionary"),
    ],
)
def test_use_of_a_tool_has_id_name_and_an_object(client, use, told):
    messages = [USER, assistant(use), user(RESULT)]
    assert told in refusal(client, messages=messages, tools=[TOOL])


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        ([3], "tools.0: Input should be a valid dictionary"),
        ([{"input_schema": {}}], "tools.0.custom.name: Field required"),
        ([{**TOOL, "name": "a b"}], "String should match pattern"),
        ([{"name": "f"}], "tools.0.custom.input_schema: Field required"),
        ([{"name": "f", "input_schema": {}}], "Input should be 'object'"),
        ([TOOL, TOOL], "Tool names must be unique."),
        ([{**TOOL, "strict": True}], "custom: For 'object' type"),
    ],
)
def test_tool_that_cannot_be_is_refused(client, tools, told):
    assert told in refusal(client, tools=tools)


@pytest.mark.parametrize(
    "tool",
    [
        {**TOOL, "strict": True, "input_schema": PLAIN},
        {"type": "custom", **TOOL},
        {"type": "web_search_20260209", "name": "web_search"},
    ],
)
def test_tool_that_can_be_is_taken(client, tool):
    assert refusal(client, tools=[tool]) is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tool_choice": {"type": "auto"}}, "only be specified while providing"),
        ({"tools": [TOOL], "tool_choice": {"type": "required"}}, "'required' found"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}},
            "Tool 'g' not found in provided tools",
        ),
        (
            {
                "tools": [TOOL],
                "tool_choice": {"type": "none", "disable_parallel_tool_use": True},
            },
            "disable_parallel_tool_use: Extra inputs are not permitted",
        ),
    ],
)
def test_choice_that_cannot_be_is_refused(client, fields, told):
    assert told in refusal(client, **fields)


FORCED = {"tools": [TOOL], "tool_choice": {"type": "any"}}


@pytest.mark.parametrize("model", [*ALWAYS, "claude-sonnet-5-5"])
def test_some_models_cannot_be_made_to_call_a_tool(client, model):
    told = refusal(client, model=model, **FORCED)
    assert told == "tool_choice: forced tool use is not supported for this model."


@pytest.mark.parametrize("model", ["claude-sonnet-5", "claude-opus-5"])
def test_no_model_can_be_made_to_call_a_tool_while_it_thinks(client, model):
    told = "Thinking may not be enabled when tool_choice forces tool use."
    assert refusal(client, model=model, **FORCED) == told
    assert refusal(client, model=model, **FORCED, thinking={"type": "disabled"}) is None


# Thinking and effort


def kinds(client, model, **fields):
    """The kinds of thinking that a model takes."""
    asked = {
        "adaptive": {"type": "adaptive"},
        "enabled": {"type": "enabled", "budget_tokens": 1024},
        "disabled": {"type": "disabled"},
        "between_tools": {"type": "between_tools"},
    }
    return [
        kind
        for kind, thinking in asked.items()
        if refusal(client, model=model, thinking=thinking, **fields) is None
    ]


@pytest.mark.parametrize(
    ("models", "taken"),
    [
        (OLDEST, ["enabled", "disabled"]),
        (SAMPLING[3:], ["adaptive", "enabled", "disabled"]),
        (("claude-opus-4-7", "claude-opus-4-8"), ["adaptive", "disabled"]),
        (("claude-sonnet-5", "claude-opus-5"), ["adaptive", "disabled"]),
        (("claude-haiku-5-5",), ["adaptive", "disabled"]),
        (("claude-sonnet-5-5",), ["adaptive", "between_tools"]),
        (ALWAYS, ["adaptive"]),
    ],
)
def test_models_take_their_kinds_of_thinking(client, models, taken):
    assert [kinds(client, model) for model in models] == [taken] * len(models)


@pytest.mark.parametrize(
    ("model", "kind", "advice"),
    [
        ("claude-opus-5-5", "disabled", '"thinking.type.adaptive" and "output_config'),
        ("claude-opus-4-8", "enabled", '"thinking.type.adaptive" and "output_config'),
        ("claude-sonnet-5-5", "disabled", '"thinking.type.between_tools"'),
    ],
)
def test_kind_that_is_refused_is_answered_with_advice(client, model, kind, advice):
    told = refusal(client, model=model, thinking={"type": kind})
    assert told.startswith(f'"thinking.type.{kind}" is not supported for this model.')
    assert f"Use {advice}" in told


def test_adaptive_thinking_is_newer_than_some_models(client):
    told = refusal(client, model="claude-opus-4-5", thinking={"type": "adaptive"})
    assert told == "adaptive thinking is not supported on this model"


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("claude-opus-5", "disabled"),
        ("claude-haiku-5-5", "disabled"),
        ("claude-sonnet-5-5", "between_tools"),
    ],
)
def test_thinking_cannot_be_off_at_the_highest_efforts(client, model, kind):
    def off(effort):
        config = {"effort": effort}
        thinking = {"type": kind}
        return refusal(client, model=model, thinking=thinking, output_config=config)

    assert off("high") is None
    assert "is not supported at effort 'xhigh'" in off("xhigh")


@pytest.mark.parametrize(
    ("thinking", "told"),
    [
        ({"type": "enabled"}, "budget_tokens: Field required"),
        ({"type": "enabled", "budget_tokens": 1023}, "greater than or equal to 1024"),
        (
            {"type": "enabled", "budget_tokens": 2000},
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
        ({"type": "on"}, "Input tag 'on'"),
        ({}, "thinking.type: Field required"),
    ],
)
def test_thinking_that_cannot_be_is_refused(client, thinking, told):
    assert told in refusal(client, model="claude-opus-4-6", thinking=thinking)


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        ("claude-haiku-4-5", "low", "does not support the effort parameter"),
        (
            "claude-opus-4-6",
            "xhigh",
            "This model does not support effort level 'xhigh'. "
            "Supported levels: high, low, max, medium.",
        ),
        ("claude-opus-5-5", "minimal", "effort level 'minimal'"),
        ("claude-opus-5-5", "max", None),
        ("claude-opus-4-5", "high", None),
    ],
)
def test_effort_is_checked_by_model(client, model, effort, told):
    said = refusal(client, model=model, output_config={"effort": effort})
    assert said is None if told is None else told in said


# Structured output


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"type": "json_object"}, "format.type: Input should be 'json_schema'"),
        ({"type": "json_schema"}, "format.schema: Input should be a valid dictionary"),
        (
            {"type": "json_schema", "schema": {"type": "object"}},
            "format.schema: For 'object' type, 'additionalProperties'",
        ),
    ],
)
def test_format_that_cannot_be_is_refused(client, form, told):
    assert told in refusal(client, output_config={"format": form})


def test_format_goes_with_no_citations(client):
    cited = {**PDF, "citations": {"enabled": True}}
    told = refusal(client, messages=[user(cited)], output_config=FORM)
    assert "cannot be combined with `output_config.format`" in told


# Thoughts that come back


@pytest.fixture
def loop(running, client):
    """A conversation whose assistant has thought and used a tool."""

    def loop(model, **fields):
        running.script(Reply(reasoning="so", tool_calls=(("f", {}),)))
        content = ask(client, model=model, **fields).json()["content"]
        result = {**RESULT, "tool_use_id": content[-1]["id"]}
        return [USER, assistant(*content), user(result)]

    return loop


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-opus-4-6"])
def test_thoughts_that_come_back_unchanged_are_understood(client, loop, model):
    assert refusal(client, model=model, messages=loop(model)) is None


@pytest.mark.parametrize("change", [{"thinking": "no"}, {"signature": "Esx"}])
def test_thoughts_that_were_changed_are_refused(client, loop, change):
    messages = loop("claude-opus-4-6")
    messages[1]["content"][0].update(change)
    told = refusal(client, model="claude-opus-4-6", messages=messages)
    assert "Invalid `signature` in `thinking` block" in told


def test_newer_models_take_nobody_elses_thoughts(client, loop):
    messages = loop("claude-opus-5-5")
    assert refusal(client, model="claude-opus-4-8", messages=messages) is None
    told = refusal(client, model="claude-haiku-5-5", messages=messages)
    assert "Invalid `signature`" in told


def test_budget_for_thinking_wants_the_thoughts_of_the_loop_back(client, loop):
    model, thinking = "claude-opus-4-6", {"type": "enabled", "budget_tokens": 1024}
    messages = loop(model, thinking=thinking)
    asked = {"model": model, "messages": messages, "thinking": thinking}
    assert refusal(client, **asked) is None
    del messages[1]["content"][0]
    assert "Expected `thinking` or `redacted_thinking`" in refusal(client, **asked)
