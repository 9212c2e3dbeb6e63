"""Answers of the Messages API: what Anthropic sends, and what we make of it."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMBadRequestError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServiceError,
    LLMStreamInterruptedError,
    Usage,
)
from llm_adapter._wire.anthropic_messages import converter
from llm_adapter._wire.anthropic_messages_answers import ANSWER_TOOL
from llm_adapter.models import LLMResponse, ToolCall
from tests.wire.messages import (
    DIALECT,
    MODEL,
    WHOLE,
    changed,
    decode,
    keys,
    message,
    places,
    text,
    thinking,
    tool_use,
    written,
)


def arguments(input):
    """The only tool call of an answer, with this input."""
    (call,) = decode(tool_use(input=input)).tool_calls
    return call


def answer(input):
    return tool_use(name=ANSWER_TOOL, input=input)


def test_an_answer_with_thinking_and_tools_is_read_whole():
    body = WHOLE["anthropic_thinking_tools"]
    response = DIALECT.decode(body)
    content = json.loads(body)["content"]
    assert response == LLMResponse(
        "Ich sehe nach …",
        "claude-haiku-4-5-20251001",
        finish_reason="tool_calls",
        raw_finish_reason="tool_use",
        reasoning="They ask about Köln. I need the weather and the time.",
        id="msg_01Tools",
        tool_calls=(
            ToolCall(
                "toolu_01A", "get_weather", {"city": "Köln 🌧"}, '{"city":"Köln 🌧"}'
            ),
            ToolCall("toolu_01B", "get_time"),
        ),
        usage=Usage(
            input_tokens=412,
            output_tokens=96,
            cached_input_tokens=0,
            cache_write_tokens=0,
            reasoning_tokens=31,
            total_tokens=508,
            service_tier="standard",
        ),
        provider_items=(
            {
                "dialect": "messages",
                "model": "claude-haiku-4-5-20251001",
                "items": content,
            },
        ),
    )
    assert response.raw == json.loads(body)


# -- text and reasoning ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], ""),
        ([text("Hi")], "Hi"),
        ([text("Der Rhein "), text("steigt.")], "Der Rhein steigt."),
        ([thinking(), text("Hi")], "Hi"),
        ([{"type": "text"}], ""),
        ([text(None), text(5), text("x")], "x"),
        ([{"text": "no type"}, {"type": "new", "text": "new"}], ""),
        ([None, 5, "Hi", [], {}], ""),
    ],
)
def test_text_is_found_by_type(content, words):
    assert decode(*content).text == words


@pytest.mark.parametrize(
    ("content", "reasoning"),
    [
        ([text("Hi")], None),
        ([thinking(""), text("Hi")], None),
        ([thinking("Hm "), text("Hi"), thinking("so")], "Hm so"),
        ([{"type": "redacted_thinking", "data": "x"}], None),
        ([thinking(5)], None),
    ],
)
def test_reasoning_is_the_text_of_thinking(content, reasoning):
    assert decode(*content).reasoning == reasoning


# -- stop reasons ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "standard"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("compaction", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("something_new", "unknown"),
    ],
)
def test_stop_reasons_are_given_in_the_standard_words(raw, standard):
    response = decode(text("Hi"), stop_reason=raw)
    assert (response.finish_reason, response.raw_finish_reason) == (standard, raw)


@pytest.mark.parametrize("raw", [None, "", 5])
@pytest.mark.parametrize(
    ("content", "standard"),
    [([text("Hi")], "stop"), ([tool_use()], "tool_calls"), ([], "unknown")],
)
def test_a_missing_stop_reason_is_taken_from_the_content(raw, content, standard):
    response = decode(*content, stop_reason=raw)
    assert (response.finish_reason, response.raw_finish_reason) == (standard, None)


@pytest.mark.parametrize("raw", ["end_turn", "something_new"])
def test_tool_calls_are_the_reason_whatever_the_provider_says(raw):
    assert decode(tool_use(), stop_reason=raw).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("raw", "standard"), [("max_tokens", "length"), ("pause_turn", "pause")]
)
def test_tool_calls_of_an_unfinished_answer_are_not_taken_for_whole(raw, standard):
    assert decode(tool_use(), stop_reason=raw).finish_reason == standard


def test_a_refusal_is_kept_in_the_providers_words():
    details = {"type": "refusal", "category": "bio", "explanation": "I cannot."}
    response = decode(stop_reason="refusal", stop_details=details)
    assert (response.text, response.refusal) == ("", "I cannot.")


@pytest.mark.parametrize("details", [None, {}, [], "no", {"explanation": None}])
def test_a_refusal_without_an_explanation_says_so(details):
    response = decode(stop_reason="refusal", stop_details=details)
    assert response.refusal == "The model declined to answer and gave no explanation."


def test_an_answer_that_is_no_refusal_has_none():
    assert decode(text("Hi"), stop_details={"explanation": "x"}).refusal is None


# -- tool calls -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("input", "value", "raw"),
    [
        ({"a": 1}, {"a": 1}, '{"a":1}'),
        ({}, {}, ""),
        (None, {}, ""),
        ('{"a": 1}', {"a": 1}, '{"a": 1}'),
        ("", {}, ""),
    ],
)
def test_input_is_a_mapping_also_when_it_comes_as_text(input, value, raw):
    call = arguments(input)
    assert (call.arguments, call.raw_arguments, call.invalid) == (value, raw, False)


@pytest.mark.parametrize(
    ("input", "raw"), [([1], "[1]"), ("{", "{"), (5, "5"), (True, "true")]
)
def test_input_that_is_no_object_is_flagged_and_the_text_is_kept(input, raw):
    call = arguments(input)
    assert (call.arguments, call.raw_arguments, call.invalid) == ({}, raw, True)


@pytest.mark.parametrize("id", [None, "", 5])
def test_a_call_without_an_id_gets_one(id):
    first, second = decode(tool_use(id), tool_use(id)).tool_calls
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id


@pytest.mark.parametrize("name", [None, 5, ""])
def test_a_call_without_a_name_is_nameless(name):
    assert decode(tool_use(name=name)).tool_calls[0].name == ""


def test_tools_that_the_provider_runs_are_no_calls():
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    assert decode(block).tool_calls == ()


# -- answers in the form of a tool call -----------------------------------------------


def test_an_answer_given_by_tool_is_text():
    response = decode(answer({"a": [1, "ä"]}), stop_reason="tool_use")
    assert response == LLMResponse(
        '{"a":[1,"ä"]}',
        MODEL,
        finish_reason="stop",
        raw_finish_reason="tool_use",
        id="msg_1",
        usage=Usage(input_tokens=3, output_tokens=4, total_tokens=7),
    )


def test_an_empty_answer_given_by_tool_is_an_empty_object():
    assert decode(answer({})).text == "{}"


def test_an_answer_given_by_tool_beside_calls_leaves_them_to_be_made():
    response = decode(answer({}), tool_use("b", "g"), stop_reason="tool_use")
    assert (response.finish_reason, response.tool_calls) == (
        "tool_calls",
        (ToolCall("b", "g"),),
    )


def test_an_answer_given_by_tool_that_was_cut_is_not_whole():
    assert decode(answer({}), stop_reason="max_tokens").finish_reason == "length"


def test_an_answer_given_by_tool_is_not_kept_as_a_call_without_result():
    assert decode(thinking(), answer({"a": 1})).provider_items == ()


# -- what the provider wants back -----------------------------------------------------


@pytest.mark.parametrize(
    "block",
    [
        thinking(),
        {"type": "redacted_thinking", "data": "x"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        text("Hi", citations=[{"type": "page_location"}]),
        {"type": "something_new", "of": ["the", "future"]},
    ],
)
def test_content_is_kept_as_it_came_where_text_and_calls_do_not_say_it_all(block):
    content = [block, text("Hi"), tool_use(input={"a": 1})]
    assert decode(*content).provider_items == (
        {"dialect": "messages", "model": MODEL, "items": content},
    )


@pytest.mark.parametrize("citations", [None, []])
def test_plain_content_is_not_kept(citations):
    assert decode(text("Hi", citations=citations), tool_use()).provider_items == ()


def test_what_is_kept_can_be_stored():
    response = decode(thinking(), text("Hi"))
    assert pickle.loads(pickle.dumps(response)) == response


# -- usage ----------------------------------------------------------------------------


def test_cached_and_written_tokens_are_parts_of_the_input():
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 30,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 13,
            "ephemeral_1h_input_tokens": 7,
        },
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": None,
        "service_tier": "priority",
        "speed": "fast",
    }
    assert decode(usage=usage).usage == Usage(
        input_tokens=60,
        output_tokens=5,
        cached_input_tokens=30,
        cache_write_tokens=20,
        cache_write_long_tokens=7,
        reasoning_tokens=4,
        total_tokens=65,
        service_tier="priority",
        speed="fast",
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ([], Usage()),
        ("many", Usage()),
        ({"input_tokens": 3}, Usage(input_tokens=3)),
        ({"output_tokens": 4}, Usage(output_tokens=4)),
        (
            {"cache_read_input_tokens": 9, "output_tokens": 4},
            Usage(cached_input_tokens=9, output_tokens=4),
        ),
        (
            {"input_tokens": 0, "output_tokens": 0},
            Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        ),
        (
            {"input_tokens": 3, "cache_read_input_tokens": None, "output_tokens": 1.0},
            Usage(input_tokens=3, output_tokens=1, total_tokens=4),
        ),
        ({"input_tokens": True, "output_tokens": "4"}, Usage()),
        ({"input_tokens": -1, "output_tokens": 10**400}, Usage()),
        ({"output_tokens_details": [1]}, Usage()),
    ],
)
def test_missing_counts_are_unknown_and_not_zero(usage, expected):
    assert decode(usage=usage).usage == expected


# -- names ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", 5, {}, []])
def test_names_of_a_wrong_type_are_missing(value):
    response = decode(id=value, model=value)
    assert (response.id, response.model) == (None, "")


# -- no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [{}, {"content": None}, {"content": {}}, {"content": "Hi"}, [], None, 5]
)
def test_a_body_without_content_is_an_error_that_shows_it(value):
    with pytest.raises(LLMInvalidResponseError) as caught:
        DIALECT.decode(written(value))
    error = caught.value
    assert error.message == f"The provider's answer holds no content: {value!r}."
    assert (error.text, error.body) == (written(value).decode(), value)
    assert error.retryable


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", LLMOverloadedError),
        ("rate_limit_error", LLMRateLimitError),
        ("invalid_request_error", LLMBadRequestError),
        ("something_new", LLMAPIError),
    ],
)
def test_an_error_with_status_200_is_an_error(kind, expected):
    inner = {"type": kind, "message": "No."}
    body = {"type": "error", "error": inner, "request_id": "req_1"}
    with pytest.raises(expected) as caught:
        DIALECT.decode(written(body))
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.request_id) == (kind, "req_1")


def test_an_error_that_is_a_list_has_no_request_id():
    with pytest.raises(LLMAPIError) as caught:
        DIALECT.decode(written([{"error": {"message": "No."}}]))
    assert caught.value.request_id is None


def test_a_web_page_is_named_as_such():
    with pytest.raises(LLMInvalidResponseError, match="web page"):
        DIALECT.decode(b"<html><h1>Sign in</h1>")


# -- the converter --------------------------------------------------------------------


def test_the_converter_reads_answers_usage_and_calls():
    made = converter()
    body = message(thinking(), text("Hi"), tool_use(input={"a": 1}))
    assert made.structure(body, LLMResponse) == DIALECT.decode(written(body))
    assert made.structure(body["usage"], Usage) == Usage(
        input_tokens=3, output_tokens=4, total_tokens=7
    )
    assert made.structure(body["content"][2], ToolCall) == ToolCall(
        "a", "f", {"a": 1}, '{"a":1}'
    )


# -- whatever comes -------------------------------------------------------------------

VALID = [
    message(
        thinking(),
        text("Hi", citations=[{"type": "page_location"}]),
        tool_use(input={"a": 1}),
        tool_use("b", ANSWER_TOOL, input={"a": 1}),
        stop_reason="refusal",
        stop_details={"type": "refusal", "explanation": "No."},
        usage={"input_tokens": 3, "output_tokens_details": {"thinking_tokens": 2}},
    ),
    {"type": "error", "error": {"type": "api_error", "details": {}}, "request_id": "r"},
]

NAMES = st.sampled_from(sorted(set(keys(VALID)))) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["text", "thinking", "tool_use", ANSWER_TOOL, "refusal", "{}"])
    | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5)
    ),
    max_leaves=15,
)
FIELDS = st.dictionaries(NAMES, JSON, max_size=4)
BLOCKS = JSON | FIELDS.map(lambda f: {**f, "type": "text"})
BODIES = JSON | st.builds(
    lambda fields, content: {**fields, "content": content},
    FIELDS,
    st.lists(BLOCKS, max_size=3),
)


def survive(body):
    try:
        response = DIALECT.decode(body)
    except LLMServiceError as error:
        assert str(error)
        assert type(pickle.loads(pickle.dumps(error))) is type(error)
    else:
        assert isinstance(response, LLMResponse)
        assert isinstance(response.message.content, str)


@given(BODIES)
def test_arbitrary_json(value):
    survive(json.dumps(value).encode())


SPOTS = [(body, path) for body in VALID for path in places(body)]


@pytest.mark.parametrize(("body", "path"), SPOTS)
@pytest.mark.parametrize(
    "value", [None, True, 0, -1, 10**400, 1.5, "", "x", [], [None], {}, {"a": []}]
)
def test_a_valid_body_with_each_value_replaced(body, path, value):
    survive(written(changed(body, path, value)))


@given(st.sampled_from(SPOTS), JSON)
def test_a_valid_body_with_any_other_value_inside(spot, value):
    survive(json.dumps(changed(*spot, value)).encode())


@pytest.mark.parametrize(("body", "path"), SPOTS)
@pytest.mark.parametrize("depth", [10, 190, 200, 10_000])
def test_json_nested_to_any_depth_anywhere(body, path, depth):
    nested = b"[" * depth + b"]" * depth
    survive(written(changed(body, path, "HERE")).replace(b'"HERE"', nested))


@pytest.mark.parametrize("body", VALID)
def test_a_valid_body_cut_anywhere(body):
    whole = written(body)
    for length in range(len(whole)):
        survive(whole[:length])


# -- streams that nobody asked for ----------------------------------------------------


def test_a_stream_that_ends_too_early_is_interrupted():
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(b"event: ping\ndata: {}\n\n")
    assert caught.value.partial.finish_reason == "error"
