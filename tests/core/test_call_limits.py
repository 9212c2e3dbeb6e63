"""What a request may hold that JSON and HTTP cannot carry: named before it is sent."""

from __future__ import annotations

import pickle

import pytest

from llm_adapter import LLMRequest, Message, Settings, Tool, ToolCall
from llm_adapter._call import client, prepare
from llm_adapter.providers import PROVIDERS
from tests.core.test_call import deep, groq

# -- what JSON and HTTP cannot carry ---------------------------------------------------

LIMITED = {"type": "object", "properties": {"n": {"maximum": float("inf")}}}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tools": [Tool("f", parameters=LIMITED)]}, "tools"),
        ({"response_format": LIMITED}, "response_format"),
        (
            {
                "messages": [
                    Message(
                        "assistant",
                        tool_calls=[ToolCall("c", "f", {"n": float("nan")})],
                    )
                ]
            },
            "messages",
        ),
        ({"extra_body": {float("nan"): 1}}, "extra_body"),
    ],
)
def test_number_that_is_none_is_named_and_not_sent_as_null(fields, name):
    with pytest.raises(ValueError, match=f"^{name} holds NaN or an infinity"):
        prepare(groq(), LLMRequest("Hi", **fields))


def test_blanks_around_a_header_are_none_of_it():
    call = prepare(groq(), LLMRequest("Hi", extra_headers={"X-A": " b "}))
    assert call.headers == {"X-A": "b"}


def test_header_of_the_callers_takes_the_place_of_ours_in_any_case():
    made = client(
        PROVIDERS["anthropic"],
        Settings(),
        api_key="k",
        **dict.fromkeys(("base_url", "model", "timeout", "max_retries")),
    )
    headers = {"Anthropic-Version": "2026-10-21"}
    request = LLMRequest("Hi", temperature=0.5, extra_headers=headers)
    assert prepare(made, request).headers == headers


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection"])
def test_header_that_frames_the_message_is_refused(name):
    with pytest.raises(ValueError, match="how the message is framed"):
        LLMRequest("Hi", extra_headers={name: "1"})


@pytest.mark.parametrize(
    "form",
    [{"name": 5}, {"strict": "yes"}, {"description": ["a"]}],
)
def test_schema_form_with_fields_of_a_wrong_type_says_which(form):
    schema = {"type": "json_schema", "schema": {"type": "object"}, **form}
    with pytest.raises(ValueError, match=f"response_format has {next(iter(form))}"):
        prepare(groq(), LLMRequest("Hi", response_format=schema))


def test_schema_form_that_is_unknown_and_deep_says_so():
    with pytest.raises(ValueError, match="nested too deeply"):
        prepare(groq(), LLMRequest("Hi", response_format=deep()))


def test_endpoint_is_not_pickled_with_its_key():
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(groq())
