"""Answers of the Responses API: what servers send, and what we make of it."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    LLMAPIError,
    LLMBadRequestError,
    LLMContentPolicyError,
    LLMInvalidResponseError,
    LLMOverloadedError,
    LLMRateLimitError,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    Usage,
)
from llm_adapter._wire.openai_responses import converter
from llm_adapter.models import LLMResponse, ToolCall
from tests.wire import chat
from tests.wire.recorded import FOLDER
from tests.wire.responses import (
    DIALECT,
    answers,
    call,
    custom,
    decode,
    end,
    message,
    reasoning,
    refusal,
    text,
    whole,
    written,
)

OPENAI = (FOLDER / "openai_responses.json").read_bytes()


def test_an_answer_of_openai_is_read_whole():
    response = DIALECT.decode(OPENAI)
    output = json.loads(OPENAI)["output"]
    assert response == LLMResponse(
        "Rain 🌧 in Köln.",
        "gpt-6.1-sol-2026-10-27",
        finish_reason="tool_calls",
        raw_finish_reason="completed",
        reasoning="**Weather**\nLook it up.",
        id="resp_0a",
        tool_calls=(ToolCall("call_a", "note", {"text": "Köln"}, '{"text":"Köln"}'),),
        usage=Usage(
            input_tokens=328,
            output_tokens=52,
            cached_input_tokens=256,
            cache_write_tokens=64,
            reasoning_tokens=40,
            total_tokens=380,
            service_tier="default",
        ),
        provider_items=(
            {
                "dialect": "responses",
                "model": "gpt-6.1-sol-2026-10-27",
                "items": output,
            },
        ),
    )
    assert response.raw == json.loads(OPENAI)


# -- text and refusal -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([message("Hi")], "Hi"),
        ([message("H", "i")], "Hi"),
        ([reasoning("Hm"), message("Hi")], "Hi"),
        ([message("a", phase="commentary"), call(), message("b")], "ab"),
        ([message({"type": "text", "text": "Hi"})], "Hi"),
        ([message({"text": "Hi"})], "Hi"),
        ([{"type": "message", "content": "Hi"}], "Hi"),
        ([{"type": "message", "content": ["H", "i"]}], "Hi"),
        ([{"role": "assistant", "content": [{"text": "Hi"}]}], "Hi"),
    ],
)
def test_the_text_is_that_of_all_messages(output, expected):
    assert decode(*output).text == expected


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message"},
        {"type": "message", "content": None},
        {"type": "message", "content": 5},
        message(),
        message(None, 5, {"type": "output_text"}),
        message({"type": "output_text", "text": 5}),
        message({"type": "output_audio", "text": "x"}),
        {"type": "web_search_call", "content": "x", "text": "x"},
        {"type": ["message"], "text": "x"},
        {"type": "brand_new", "content": [{"type": "output_text", "text": "x"}]},
        {"new": 1},
    ],
)
def test_an_item_that_says_nothing_is_no_text(item):
    response = decode(item)
    assert (response.text, response.tool_calls, response.reasoning) == ("", (), None)


def test_a_refusal_is_a_content_filter_and_is_kept():
    response = decode(message("Well. ", refusal("I can"), refusal("not.")))
    assert (response.text, response.refusal) == ("Well. ", "I cannot.")
    assert (response.finish_reason, response.raw_finish_reason) == (
        "content_filter",
        "completed",
    )


@pytest.mark.parametrize("words", [None, "", 5])
def test_an_empty_refusal_is_none(words):
    assert decode(message("Hi", refusal(words))).refusal is None


# -- reasoning ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([reasoning("a")], "a"),
        ([reasoning("a", "", "b")], "a\n\nb"),
        ([reasoning("a"), message("x"), reasoning("b")], "a\n\nb"),
        ([reasoning(content=["a", "b"])], "a\n\nb"),
        ([reasoning("a", content=["b"])], "a"),
        ([reasoning("", content=["b"])], "b"),
        ([reasoning("a"), reasoning(content=["b"])], "a\n\nb"),
        ([{"type": "reasoning", "summary": "a"}], "a"),
        ([{"type": "reasoning", "content": ["a", {"text": "b"}]}], "a\n\nb"),
    ],
)
def test_reasoning_is_the_summary_or_else_the_text_itself(output, expected):
    assert decode(*output).reasoning == expected


@pytest.mark.parametrize(
    "item",
    [
        reasoning(),
        reasoning("", content=[""]),
        {"type": "reasoning"},
        {"type": "reasoning", "summary": None, "content": 5},
        {"type": "reasoning", "summary": [None, 5, {"text": 5}]},
    ],
)
def test_no_reasoning_is_none(item):
    assert decode(item, message("Hi")).reasoning is None


# -- tool calls -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (call("a", "f", '{"x": 1}'), ToolCall("a", "f", {"x": 1}, '{"x": 1}')),
        (call("a", "f", {"x": 1}), ToolCall("a", "f", {"x": 1}, '{"x":1}')),
        (call("a", "f", ""), ToolCall("a", "f")),
        (call("a", "f", None), ToolCall("a", "f")),
        (call("a", None, "{}"), ToolCall("a", "", {}, "{}")),
        (call("a", "f", "[1]"), ToolCall("a", "f", {}, "[1]", invalid=True)),
        (call("a", "f", '{"x'), ToolCall("a", "f", {}, '{"x', invalid=True)),
        (call("a", "f", "{}", id="fc_1"), ToolCall("a", "f", {}, "{}")),
        (call(None, "f", "{}", id="fc_1"), ToolCall("fc_1", "f", {}, "{}")),
        (
            custom("a", "sql", "SELECT 1"),
            ToolCall("a", "sql", {}, "SELECT 1", invalid=True),
        ),
        (custom("a", "sql", '{"x":1}'), ToolCall("a", "sql", {"x": 1}, '{"x":1}')),
    ],
)
def test_a_tool_call_is_read(item, expected):
    assert decode(item).tool_calls == (expected,)


@pytest.mark.parametrize("id", [None, "", 5])
def test_a_call_without_an_id_gets_one(id):
    item = call(id, id=id)
    first, second = decode(item, item).tool_calls
    assert re.fullmatch("call_[0-9a-f]{24}", first.id)
    assert first.id != second.id


@pytest.mark.parametrize(
    "kind", ["mcp_call", "web_search_call", "shell_call", "code_interpreter_call"]
)
def test_tools_of_the_provider_are_nobodys_to_call(kind):
    assert decode({"type": kind, "name": "f", "arguments": "{}"}).tool_calls == ()


# -- what the provider wants back -----------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        [],
        [message("Hi")],
        [message("Hi", phase=None, id="msg_1", status="completed")],
        [message("Hi"), call(), call("b")],
        [{"type": "message", "content": "Hi"}],
    ],
)
def test_what_can_be_said_in_other_words_is_not_kept(output):
    assert decode(*output).provider_items == ()


@pytest.mark.parametrize(
    "item",
    [
        reasoning(encrypted_content="gAAA"),
        message("Hi", phase="final_answer"),
        message(refusal("No.")),
        message({"type": "output_audio"}),
        custom(),
        {"type": "image_generation_call", "result": "aGk="},
        {"type": "mcp_list_tools", "tools": []},
        {"type": "compaction", "encrypted_content": "gAAA"},
        {"type": "brand_new"},
        {"new": 1},
    ],
)
def test_an_item_that_cannot_be_said_in_other_words_has_all_kept(item):
    output = [message("Hi", id="1"), item, call(id="2")]
    (kept,) = decode(*output).provider_items
    assert kept == {"dialect": "responses", "model": "m", "items": output}


# -- the end --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "raw", "standard"),
    [
        ({"status": "completed"}, "completed", "stop"),
        ({"status": "cancelled"}, "cancelled", "error"),
        ({"status": "in_progress"}, "in_progress", "unknown"),
        ({"status": "queued"}, "queued", "unknown"),
        ({"status": "brand_new"}, "brand_new", "unknown"),
        ({"status": "incomplete"}, "incomplete", "unknown"),
        ({"status": None}, None, "stop"),
        ({"status": 5}, None, "stop"),
    ],
)
def test_the_status_says_why_an_answer_ended(fields, raw, standard):
    response = decode(message("Hi"), **fields)
    assert (response.raw_finish_reason, response.finish_reason) == (raw, standard)


@pytest.mark.parametrize(
    ("reason", "standard"),
    [
        ("max_output_tokens", "length"),
        ("max_tokens", "length"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("max_messages", "unknown"),
        ("steered", "unknown"),
    ],
)
@pytest.mark.parametrize("status", ["incomplete", None])
def test_an_incomplete_answer_says_why(reason, standard, status):
    details = {"reason": reason}
    response = decode(message("Hi"), status=status, incomplete_details=details)
    assert (response.raw_finish_reason, response.finish_reason) == (reason, standard)


@pytest.mark.parametrize("details", [None, "x", [], {}, {"reason": None}])
def test_details_that_say_nothing_leave_the_status(details):
    response = decode(message("Hi"), incomplete_details=details)
    assert response.raw_finish_reason == "completed"


@pytest.mark.parametrize("item", [call(), custom()])
@pytest.mark.parametrize("status", ["completed", None])
def test_calls_are_the_reason_of_a_complete_answer(item, status):
    assert decode(item, status=status).finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("status", "standard"), [("incomplete", "length"), ("cancelled", "error")]
)
def test_calls_that_were_cut_are_not_taken_for_whole(status, standard):
    details = {"reason": "max_output_tokens"}
    response = decode(call(), status=status, incomplete_details=details)
    assert response.finish_reason == standard


def test_an_answer_of_nothing_that_names_no_status_is_unknown():
    assert decode(status=None).finish_reason == "unknown"


# -- usage and names ------------------------------------------------------------------


@pytest.mark.parametrize("usage", [None, {}, [], "many", 5])
def test_missing_usage_is_unknown_and_not_zero(usage):
    assert decode(usage=usage).usage == Usage()


@pytest.mark.parametrize("details", [None, [], 5, {}, {"cached_tokens": None}])
def test_missing_details_of_usage_are_unknown(details):
    usage = decode(usage={"input_tokens": 1, "input_tokens_details": details}).usage
    assert usage == Usage(input_tokens=1)


@pytest.mark.parametrize(
    ("counts", "total"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, 7),
        ({"input_tokens": 3}, None),
        ({"output_tokens": 4}, None),
        ({"input_tokens": 3, "output_tokens": 4, "total_tokens": 9}, 9),
    ],
)
def test_a_missing_total_is_the_sum_where_both_parts_are_known(counts, total):
    assert decode(usage=counts).usage.total_tokens == total


@pytest.mark.parametrize("value", [None, "", 5, {}, []])
def test_names_of_a_wrong_type_are_missing(value):
    response = decode(id=value, model=value, object=value)
    assert (response.id, response.model) == (None, "")


def test_unknown_fields_are_ignored_and_kept_in_raw():
    response = decode(message("Hi", new=1), newer={"a": [1]})
    assert response.text == "Hi"
    assert response.raw["newer"] == {"a": [1]}


# -- no answer ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"output": None},
        {"output": {}},
        {"output": "text"},
        {"output": [None]},
        {"output": [{}]},
        {"status": "completed"},
        [],
        None,
        "text",
        5,
    ],
)
def test_a_body_without_output_is_an_error_that_shows_it(value):
    with pytest.raises(LLMInvalidResponseError) as caught:
        DIALECT.decode(written(value))
    assert caught.value.message == f"The provider's answer holds no output: {value!r}."
    assert caught.value.text == written(value).decode()
    assert caught.value.body == value
    assert caught.value.retryable


def test_an_empty_output_is_an_empty_answer():
    response = decode()
    assert (response.text, response.finish_reason) == ("", "stop")


@pytest.mark.parametrize(
    ("value", "kind", "told", "status"),
    [
        (
            whole(status="failed", error={"code": "server_error", "message": "oops"}),
            LLMServerError,
            "oops",
            200,
        ),
        (
            whole(message("Hi"), status="failed", error={"message": "oops"}),
            LLMAPIError,
            "oops",
            200,
        ),
        (
            whole(status="failed", error={"code": "invalid_prompt", "message": "no"}),
            LLMContentPolicyError,
            "no",
            200,
        ),
        (
            whole(status="failed", error={"code": "rate_limit_exceeded"}),
            LLMRateLimitError,
            "Rate limit exceeded.",
            200,
        ),
        (
            whole(status="failed"),
            LLMServerError,
            "The provider gave up on its answer without saying why.",
            200,
        ),
        ({"error": {"message": "oops", "code": 503}}, LLMOverloadedError, "oops", 503),
        ({"output": None, "error": "text"}, LLMAPIError, "text", 200),
        ({"output": [], "error": {"message": "oops"}}, LLMAPIError, "oops", 200),
        ({"detail": "text"}, LLMAPIError, "text", 200),
        (
            {"object": "error", "message": "flat", "code": 400},
            LLMBadRequestError,
            "flat",
            400,
        ),
        ({"type": "error", "message": "flat"}, LLMAPIError, "flat", 200),
        (
            [{"error": {"message": "listed", "code": 400}}],
            LLMBadRequestError,
            "listed",
            400,
        ),
    ],
)
def test_an_error_with_status_200_is_an_error(value, kind, told, status):
    with pytest.raises(kind) as caught:
        DIALECT.decode(written(value))
    assert type(caught.value) is kind
    assert caught.value.message == told
    assert caught.value.status_code == status
    assert caught.value.body == value


def test_an_error_beside_an_answer_that_did_not_fail_is_none():
    assert decode(message("Hi"), error={"message": "oops"}).text == "Hi"


def test_a_web_page_with_status_200_is_named_as_such():
    with pytest.raises(LLMInvalidResponseError, match="web page"):
        DIALECT.decode(b"<!DOCTYPE html><title>Sign in</title>")


# -- streams that nobody asked for ----------------------------------------------------


def test_a_stream_that_nobody_asked_for_is_read():
    assert DIALECT.decode(text("Hi") + end(message("Hi"))).text == "Hi"


def test_a_cut_stream_that_nobody_asked_for_is_interrupted():
    with pytest.raises(LLMStreamInterruptedError) as caught:
        DIALECT.decode(text("Hi") + chat.DONE)
    assert caught.value.partial.text == "Hi"


# -- whatever a server sends ----------------------------------------------------------

NAMES = st.sampled_from(sorted(set(re.findall(r'"([a-z_]+)":', OPENAI.decode()))))
KINDS = st.sampled_from(sorted(set(re.findall(r'"type":"(\w+)"', OPENAI.decode()))))
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2**63, 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | KINDS
    | st.sampled_from(["failed", "incomplete", "{}", "<html>"])
    | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda values: (
        st.lists(values, max_size=4) | st.dictionaries(NAMES, values, max_size=5)
    ),
    max_leaves=15,
)


def survive(body):
    """Read a body; what comes out is a response or a usable error."""
    try:
        response = DIALECT.decode(body)
    except LLMServiceError as error:
        assert str(error)
        assert type(pickle.loads(pickle.dumps(error))) is type(error)
    else:
        assert isinstance(response.text, str)
        assert pickle.loads(pickle.dumps(response)) == response


@given(JSON)
def test_arbitrary_json(value):
    survive(written(value))


@given(st.dictionaries(NAMES, JSON, max_size=4), st.lists(JSON, max_size=3))
def test_an_arbitrary_output(fields, output):
    survive(written({**fields, "output": output}))


def places(value, path=()):
    """The paths of all values inside a value."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from places(item, (*path, key))


def changed(path, other):
    """OpenAI's answer with another value at a path."""
    if not path:
        return other
    whole = inner = json.loads(OPENAI)
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other
    return whole


SPOTS = list(places(json.loads(OPENAI)))


@given(st.sampled_from(SPOTS), JSON)
def test_a_valid_body_with_any_other_value_inside(path, value):
    survive(written(changed(path, value)))


@pytest.mark.parametrize("path", SPOTS)
def test_a_valid_body_with_each_value_replaced(path):
    for value in (None, True, 0, -1, 10**400, 1.5, "", "x", [], [None], {}, {"a": []}):
        survive(written(changed(path, value)))


def test_a_valid_body_cut_anywhere():
    for end_ in range(len(OPENAI)):
        survive(OPENAI[:end_])


@given(answers())
def test_an_answer_is_not_changed_by_being_read(answer):
    before = copy.deepcopy(answer)
    made = converter().structure(answer, LLMResponse)
    assert answer == before
    assert made == DIALECT.decode(written(answer))


def test_a_huge_answer_is_read():
    assert decode(message("x" * 20_000_000)).text == "x" * 20_000_000


# -- the converter --------------------------------------------------------------------


def test_the_converter_reads_the_parts_of_an_answer_too():
    made = converter()
    assert made.structure({"input_tokens": 1}, Usage) == Usage(input_tokens=1)
    assert made.structure(call("a"), ToolCall) == ToolCall("a", "f", {}, "{}")
