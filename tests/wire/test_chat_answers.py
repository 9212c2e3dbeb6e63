"""Answers of Chat Completions: what servers send, and what we make of it."""

from __future__ import annotations

import json
import re

import pytest

from llm_adapter import (
    LLMAPIError,
    LLMAuthenticationError,
    LLMBadRequestError,
    LLMInvalidResponseError,
    LLMQuotaExceededError,
    LLMRateLimitError,
    LLMServerError,
    LLMStreamInterruptedError,
    Usage,
)
from llm_adapter._wire.openai_chat import ChatDialect, converter
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter.models import LLMResponse, ToolCall
from tests.wire.chat import DIALECT, DONE, END, body, choice, chunk, decode

GROQ = {
    "id": "chatcmpl-f51b2cd2",
    "object": "chat.completion",
    "created": 1763800000,
    "model": "openai/gpt-oss-20b",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello 👋",
                "reasoning": "They greet.",
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "queue_time": 0.037,
        "prompt_tokens": 78,
        "prompt_time": 0.003,
        "completion_tokens": 12,
        "completion_time": 0.06,
        "total_tokens": 90,
        "total_time": 0.063,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
    "usage_breakdown": None,
    "system_fingerprint": "fp_80501ff3a1",
    "x_groq": {"id": "req_01jbd6g2"},
    "service_tier": "on_demand",
}


def tool_calls(*items):
    """The tool calls of an answer that holds these."""
    message = {"content": None, "tool_calls": list(items)}
    return DIALECT.decode(choice(message, finish_reason="tool_calls")).tool_calls


def arguments(written):
    """The only tool call of an answer, with these arguments."""
    (call,) = tool_calls({"id": "a", "function": {"name": "f", "arguments": written}})
    return call


def test_an_answer_of_groq_is_read_whole():
    response = DIALECT.decode(json.dumps(GROQ).encode())
    assert response == LLMResponse(
        "Hello 👋",
        "openai/gpt-oss-20b",
        finish_reason="stop",
        raw_finish_reason="stop",
        reasoning="They greet.",
        id="chatcmpl-f51b2cd2",
        request_id="req_01jbd6g2",
        usage=Usage(
            input_tokens=78,
            output_tokens=12,
            cached_input_tokens=64,
            reasoning_tokens=5,
            total_tokens=90,
            service_tier="on_demand",
        ),
    )
    assert response.raw == GROQ


# -- content, reasoning, refusal ------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"content": None},
        {"content": ""},
        {"content": []},
        {"content": {}},
        {"content": 5},
        {"content": [None, 5, {"type": "image_url"}, {"text": None}]},
    ],
)
def test_missing_content_is_empty_text(message):
    assert DIALECT.decode(choice(message)).text == ""


@pytest.mark.parametrize("content", [None, "", "missing"])
def test_missing_content_beside_tool_calls_is_empty_text(content):
    message = {"content": content, "tool_calls": [{"function": {"name": "f"}}]}
    if content == "missing":
        del message["content"]
    response = DIALECT.decode(choice(message))
    assert response.text == ""
    assert len(response.tool_calls) == 1


def test_content_in_parts_is_put_together():
    parts = [{"type": "text", "text": "Hel"}, "lo", {"type": "other", "text": "!"}]
    assert decode({"content": parts}).text == "Hello!"


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "Hm"},
        {"reasoning_content": "Hm"},
        {"reasoning": None, "reasoning_content": "Hm"},
        {"reasoning": {"text": "x"}, "reasoning_content": "Hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "H"}, {"text": "m"}]},
        {"reasoning_details": [None, {"text": 5}, {"text": "Hm"}]},
        {"reasoning_details": [{"summary": "H"}, {"data": "x"}, {"text": "m"}]},
    ],
)
def test_reasoning_is_found_under_every_name(fields):
    assert decode({"content": "Hi", **fields}).reasoning == "Hm"


@pytest.mark.parametrize(
    "fields", [{}, {"reasoning": ""}, {"reasoning": 5}, {"reasoning_details": "Hm"}]
)
def test_no_reasoning_is_none(fields):
    assert decode({"content": "Hi", **fields}).reasoning is None


THOUGHTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "H"}], "closed": True},
    {"type": "text", "text": "4"},
    {"type": "reasoning", "text": "m"},
    {"type": "thinking", "thinking": 5},
    {"type": "thinking", "thinking": [None, {"type": "ref", "ids": [1]}]},
]


def test_thoughts_among_the_parts_of_a_content_are_reasoning():
    response = decode({"content": THOUGHTS})
    assert (response.reasoning, response.text) == ("Hm", "4")


@pytest.mark.parametrize("details", [[], None, "Hm"])
def test_thoughts_are_found_where_there_are_no_details(details):
    message = {"content": THOUGHTS, "reasoning": "", "reasoning_details": details}
    assert decode(message).reasoning == "Hm"


THINKS = ChatDialect(ChatQuirks(think_tags=True))


def test_reasoning_within_the_text_is_told_from_it_where_the_server_does_not():
    written = body({"content": "<think>Hm</think>4"})
    response = THINKS.decode(written)
    assert (response.reasoning, response.text) == ("Hm", "4")
    assert DIALECT.decode(written).text == "<think>Hm</think>4"


def test_a_tag_in_the_text_is_left_where_reasoning_has_its_own_place():
    response = THINKS.decode(body({"content": "a</think>b", "reasoning": "Hm"}))
    assert (response.reasoning, response.text) == ("Hm", "a</think>b")


def test_a_refusal_is_a_content_filter_and_is_kept():
    response = decode({"content": None, "refusal": "I cannot."})
    assert (response.finish_reason, response.raw_finish_reason) == (
        "content_filter",
        "stop",
    )
    assert response.refusal == "I cannot."


def test_an_answer_in_a_delta_is_read():
    assert DIALECT.decode(body(choices=[{"delta": {"content": "Hi"}}])).text == "Hi"


# -- finish reasons -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "standard"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("max_output_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause"),
        ("error", "error"),
        ("cancelled", "error"),
        ("failed", "error"),
        ("insufficient_system_resource", "error"),
        ("STOP", "stop"),
        ("abort", "unknown"),
        ("load", "unknown"),
    ],
)
def test_finish_reasons_are_given_in_the_standard_words(raw, standard):
    response = DIALECT.decode(choice({"content": "Hi"}, finish_reason=raw))
    assert (response.finish_reason, response.raw_finish_reason) == (standard, raw)


@pytest.mark.parametrize("raw", [None, "", 5])
@pytest.mark.parametrize(("content", "standard"), [("Hi", "stop"), ("", "unknown")])
def test_a_missing_finish_reason_is_a_stop_where_there_is_an_answer(
    raw, content, standard
):
    response = DIALECT.decode(choice({"content": content}, finish_reason=raw))
    assert (response.finish_reason, response.raw_finish_reason) == (standard, None)


@pytest.mark.parametrize("raw", ["stop", "eos", None, "abort"])
def test_tool_calls_are_the_reason_whatever_the_server_says(raw):
    message = {"tool_calls": [{"function": {"name": "f"}}]}
    response = DIALECT.decode(choice(message, finish_reason=raw))
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", raw)


def test_tool_calls_that_were_cut_are_not_taken_for_whole():
    message = {"tool_calls": [{"function": {"name": "f", "arguments": '{"a'}}]}
    response = DIALECT.decode(choice(message, finish_reason="length"))
    assert response.finish_reason == "length"
    assert response.tool_calls[0].invalid


# -- tool calls -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value", "raw"),
    [
        ('{"a": 1}', {"a": 1}, '{"a": 1}'),
        ({"a": 1}, {"a": 1}, '{"a":1}'),
        ("", {}, ""),
        ("  ", {}, "  "),
        (None, {}, ""),
        ({}, {}, ""),
        ("{}", {}, "{}"),
    ],
)
def test_arguments_are_a_mapping_and_the_text_is_kept(written, value, raw):
    call = arguments(written)
    assert (call.arguments, call.raw_arguments, call.invalid) == (value, raw, False)


@pytest.mark.parametrize(
    ("written", "raw"),
    [
        ('{"a": ', '{"a": '),
        ("[1]", "[1]"),
        ("null", "null"),
        ("5", "5"),
        ("{'a': 1}", "{'a': 1}"),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[" * 5000, "[" * 5000),
        ([1], "[1]"),
        (5, "5"),
        (True, "true"),
    ],
)
def test_arguments_that_are_no_object_are_flagged_and_the_text_is_kept(written, raw):
    call = arguments(written)
    assert (call.arguments, call.raw_arguments, call.invalid) == ({}, raw, True)


@pytest.mark.parametrize("fields", [{}, {"id": None}, {"id": ""}, {"id": 5}])
def test_a_call_without_an_id_gets_one(fields):
    first, second = tool_calls(fields, fields)
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id


def test_a_short_id_of_digits_is_kept():
    assert tool_calls({"id": "365174485", "function": {"name": "f"}})[0] == ToolCall(
        "365174485", "f"
    )


@pytest.mark.parametrize("item", [None, 5, "f", {}, {"function": None}, {"name": "f"}])
def test_a_call_without_a_function_is_nameless(item):
    assert [call.name for call in tool_calls(item)] == [""]


def test_a_call_in_its_form_of_before_2023_11_is_read():
    legacy = {"name": "f", "arguments": "{}"}
    (call,) = decode({"content": None, "function_call": legacy}).tool_calls
    assert (call.name, call.raw_arguments) == ("f", "{}")


def test_a_call_in_both_forms_is_read_once():
    function = {"name": "f", "arguments": "{}"}
    message = {"function_call": function, "tool_calls": [{"function": function}]}
    assert len(decode(message).tool_calls) == 1


@pytest.mark.parametrize("value", [None, {}, "f", 5, []])
def test_tool_calls_that_are_no_list_are_none(value):
    assert decode({"content": "Hi", "tool_calls": value}).tool_calls == ()


# -- usage ----------------------------------------------------------------------------


@pytest.mark.parametrize("usage", [None, {}, [], "many", 5])
def test_missing_usage_is_unknown_and_not_zero(usage):
    assert decode(usage=usage).usage == Usage()


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (12, 12),
        (0, 0),
        (12.0, 12),
        (12.7, 12),
        (-1, None),
        (True, None),
        (None, None),
        ("12", None),
        ([12], None),
        (2**53 - 1, 2**53 - 1),
        (2**53, None),
        (10**400, None),
        (1e300, None),
    ],
)
def test_a_count_is_a_number_of_tokens_or_unknown(count, known):
    assert decode(usage={"prompt_tokens": count}).usage.input_tokens == known


@pytest.mark.parametrize("details", [None, [], 5, {}, {"cached_tokens": None}])
def test_missing_details_of_usage_are_unknown(details):
    usage = decode(usage={"prompt_tokens": 1, "prompt_tokens_details": details}).usage
    assert (usage.input_tokens, usage.cached_input_tokens) == (1, None)


def test_every_bucket_of_usage_is_read():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 111,
        "prompt_tokens_details": {
            "cached_tokens": 60,
            "cache_write_tokens": 30,
            "cache_write_tokens_details": {"ttl_12h_tokens": 20, "ttl_30m_tokens": 10},
        },
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    assert decode(usage=usage, service_tier="flex").usage == Usage(
        input_tokens=100,
        output_tokens=10,
        cached_input_tokens=60,
        cache_write_tokens=30,
        cache_write_long_tokens=20,
        reasoning_tokens=7,
        total_tokens=111,
        service_tier="flex",
    )


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, 7),
        ({"prompt_tokens": 3}, None),
        ({"completion_tokens": 4}, None),
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}, 9),
    ],
)
def test_a_missing_total_is_the_sum_where_both_parts_are_known(counts, total):
    assert decode(usage=counts).usage.total_tokens == total


@pytest.mark.parametrize("written", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_json_does_not_have_makes_the_answer_unreadable(written):
    answer = body(usage={"prompt_tokens": 0}).replace(b"0}", written + b"}")
    with pytest.raises(LLMInvalidResponseError) as caught:
        DIALECT.decode(answer)
    assert caught.value.retryable


# -- names ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", 5, {}, []])
def test_names_of_a_wrong_type_are_missing(value):
    response = decode(id=value, model=value, x_groq={"id": value}, object=value)
    assert (response.id, response.model, response.request_id) == (None, "", None)


def test_unknown_fields_are_ignored_and_kept_in_raw():
    response = decode({"content": "Hi", "new": 1}, newer={"a": [1]})
    assert response.text == "Hi"
    assert response.raw["newer"] == {"a": [1]}


# -- no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        [],
        None,
        "text",
        5,
    ],
)
def test_a_body_without_choices_is_an_error_that_shows_it(value):
    written = json.dumps(value).encode()
    with pytest.raises(LLMInvalidResponseError) as caught:
        DIALECT.decode(written)
    assert caught.value.message == f"The provider's answer holds no choices: {value!r}."
    assert caught.value.text == written.decode()
    assert caught.value.body == value
    assert caught.value.retryable


def test_a_long_body_without_choices_is_shown_in_part():
    with pytest.raises(LLMInvalidResponseError) as caught:
        DIALECT.decode(json.dumps(["long" * 1000] * 1000).encode())
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("value", "kind", "message", "status"),
    [
        (
            {"error": {"message": "no key", "code": "invalid_api_key"}},
            LLMAuthenticationError,
            "no key",
            200,
        ),
        (
            {"error": {"code": 429, "message": "Provider returned error"}},
            LLMRateLimitError,
            "Provider returned error",
            429,
        ),
        (
            {"choices": [], "error": {"code": 402, "message": "pay"}},
            LLMQuotaExceededError,
            "pay",
            402,
        ),
        ({"error": "text"}, LLMAPIError, "text", 200),
        ({"detail": "text"}, LLMAPIError, "text", 200),
        (
            {"object": "error", "message": "flat", "code": 400},
            LLMBadRequestError,
            "flat",
            400,
        ),
        (
            {"type": "error", "message": "flat"},
            LLMAPIError,
            "flat",
            200,
        ),
        (
            [{"error": {"message": "listed", "code": 400}}],
            LLMBadRequestError,
            "listed",
            400,
        ),
        (
            {"error": {"type": "invalid_request_error", "message": "bad"}},
            LLMBadRequestError,
            "bad",
            200,
        ),
    ],
)
def test_an_error_with_status_200_is_an_error(value, kind, message, status):
    with pytest.raises(kind) as caught:
        DIALECT.decode(json.dumps(value).encode())
    assert type(caught.value) is kind
    assert caught.value.message == message
    assert caught.value.status_code == status
    assert caught.value.body == value


def test_a_null_error_beside_an_answer_is_none():
    assert decode({"content": "Hi"}, error=None).text == "Hi"


def test_an_error_beside_an_answer_is_an_error():
    """As it is in a stream: OpenRouter says so when a provider gave up."""
    with pytest.raises(LLMRateLimitError, match="slow"):
        decode({"content": "Hal"}, error={"code": 429, "message": "slow"})


def test_an_error_in_the_place_of_an_answer_is_an_error():
    failed = {"code": 502, "message": "upstream"}
    with pytest.raises(LLMServerError, match="upstream"):
        DIALECT.decode(choice({"content": ""}, finish_reason="error", error=failed))


def test_an_answer_that_ended_with_an_unexplained_error_says_so():
    response = DIALECT.decode(choice({"content": "Hal"}, finish_reason="error"))
    assert (response.text, response.finish_reason) == ("Hal", "error")


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><title>Sign in</title>", b" \n<HTML><h1>502</h1>"]
)
def test_a_web_page_with_status_200_is_named_as_such(page):
    with pytest.raises(LLMInvalidResponseError, match="web page") as caught:
        DIALECT.decode(page)
    assert not caught.value.retryable


# -- streams that nobody asked for ----------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\n",
        b": hi\n\n",
        b"id: 1\n",
        b"retry: 1\n",
        b"event: x\n",
        b"\xef\xbb\xbf",
    ],
)
def test_a_stream_that_nobody_asked_for_is_read(before):
    assert DIALECT.decode(before + chunk({"content": "Hi"}) + END).text == "Hi"


def test_an_error_event_alone_is_an_error():
    with pytest.raises(LLMAPIError, match="oops"):
        DIALECT.decode(b'error: {"message": "oops"}\n\n')


def test_a_cut_stream_that_nobody_asked_for_is_interrupted():
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(chunk({"content": "Hi"}))
    assert caught.value.partial.text == "Hi"


def test_a_stream_of_nothing_but_its_end_is_an_empty_answer():
    assert DIALECT.decode(DONE).finish_reason == "unknown"


# -- the converter --------------------------------------------------------------------


def test_the_converter_reads_the_parts_of_an_answer_too():
    made = converter(ChatQuirks())
    assert made.structure({"prompt_tokens": 1}, Usage) == Usage(input_tokens=1)
    assert made.structure(None, Usage) == Usage()
    item = {"id": "a", "function": {"name": "f", "arguments": "{}"}}
    assert made.structure(item, ToolCall) == ToolCall("a", "f", {}, "{}")
