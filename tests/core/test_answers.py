from __future__ import annotations

import copy
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    Attempt,
    Image,
    LLMInvalidResponseError,
    LLMRequest,
    LLMResponse,
    Message,
    Text,
)
from llm_adapter._answers import json_request, read_as, read_object
from llm_adapter._schema import JSON_INSTRUCTION as INSTRUCTION
from llm_adapter._schema import output_format
from tests.core import values

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
CAT = Image("https://example.com/cat.json.png")


@dataclass
class Person:
    name: str


# -- what is asked for ----------------------------------------------------------------


@pytest.mark.parametrize("response_format", [None, {"type": "text"}])
def test_json_mode_is_asked_for_where_nothing_or_text_was(response_format):
    wanted = json_request(LLMRequest("json", response_format=response_format))
    assert wanted.response_format == {"type": "json_object"}


@pytest.mark.parametrize(
    "response_format",
    [
        SCHEMA,
        {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
        {"type": "json_object", "schema": SCHEMA},
        Person,
    ],
)
def test_schema_that_is_asked_for_already_is_kept_and_says_enough(response_format):
    request = LLMRequest("Who?", response_format=response_format)
    assert json_request(request) is request


@pytest.mark.parametrize(
    "request_",
    [
        LLMRequest("Give me JSON"),
        LLMRequest("Give me a Json object"),
        LLMRequest("Who?", system_message="Answer in json."),
        LLMRequest("Who?", messages=[Message("user", "I want jsOn")]),
        LLMRequest([Text("as JSON"), CAT]),
        LLMRequest("Who?", messages=[Message("user", [CAT, Text("as JSON")])]),
    ],
)
def test_message_that_mentions_json_is_left_alone(request_):
    wanted = json_request(request_)
    assert wanted.system_message == request_.system_message


@pytest.mark.parametrize(
    ("request_", "system"),
    [
        (LLMRequest("Who?"), INSTRUCTION),
        (LLMRequest("Who?", system_message=""), INSTRUCTION),
        (
            LLMRequest("Who?", system_message="Be terse."),
            f"Be terse.\n\n{INSTRUCTION}",
        ),
        (LLMRequest([Text("What is this?"), CAT]), INSTRUCTION),
        (LLMRequest("Who?", messages=[Message("assistant", "Hm")]), INSTRUCTION),
        (LLMRequest("Who?", response_format={"type": "json_object"}), INSTRUCTION),
        (LLMRequest("Who?", metadata={"format": "json"}), INSTRUCTION),
    ],
)
def test_instruction_is_added_where_no_message_mentions_json(request_, system):
    assert json_request(request_).system_message == system


formats = st.sampled_from(
    [None, {"type": "text"}, {"type": "json_object"}, SCHEMA, Person]
)


@values.few
@given(values.requests, formats)
def test_request_that_goes_out_asks_for_json_and_the_callers_is_unchanged(
    request, response_format
):
    request = LLMRequest(
        request.prompt,
        system_message=request.system_message,
        messages=request.messages,
        response_format=response_format,
    )
    before = copy.deepcopy(request)
    wanted = json_request(request)
    assert request == before
    assert output_format(wanted.response_format) is not None
    assert json_request(wanted) is wanted


# -- what comes back ------------------------------------------------------------------


@given(values.json_objects)
def test_object_is_read(value):
    assert read_object(LLMResponse(json.dumps(value))) == value


@pytest.mark.parametrize("text", ['{"a": 1', '{"a": 1}', ""])
def test_cut_answer_says_so_whatever_it_looks_like(text):
    with pytest.raises(
        LLMInvalidResponseError, match=r"cut at its token limit, .*: raise max_tokens"
    ) as caught:
        read_object(LLMResponse(text, finish_reason="length"))
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ("I cannot help.", "The model refused to answer: I cannot help."),
        (None, "The model refused to answer."),
    ],
)
def test_refused_answer_says_so_in_the_models_words(refusal, message):
    response = LLMResponse("", finish_reason="content_filter", refusal=refusal)
    with pytest.raises(LLMInvalidResponseError) as caught:
        read_object(response)
    assert caught.value.message == message


def test_value_of_a_type_is_read():
    assert read_as(Person, LLMResponse('{"name": "Ada"}')) == Person("Ada")


HISTORY = (Attempt(number=1, error="LLMServerError"), Attempt(number=2))


@pytest.mark.parametrize(
    ("read", "text", "reason", "position"),
    [
        (read_object, "{nope", "stop", 1),
        (read_object, "{", "length", None),
        (read_object, "", "content_filter", None),
        (lambda response: read_as(Person, response), "{nope", "stop", 1),
        (lambda response: read_as(Person, response), '{"name": 5}', "stop", None),
    ],
)
def test_error_knows_the_answer_that_it_is_about(read, text, reason, position):
    response = LLMResponse(
        text,
        "openai/gpt-oss-20b",
        finish_reason=reason,
        provider="groq",
        request_id="req_1",
        attempts=2,
        history=HISTORY,
    )
    with pytest.raises(LLMInvalidResponseError) as caught:
        read(response)
    error = caught.value
    assert (error.text, error.position) == (text, position)
    assert (error.provider, error.model) == ("groq", "openai/gpt-oss-20b")
    assert (error.request_id, error.attempts) == ("req_1", 2)
    assert error.history == HISTORY


def test_error_about_a_nameless_model_names_none():
    with pytest.raises(LLMInvalidResponseError) as caught:
        read_object(LLMResponse("", ""))
    assert caught.value.model is None
