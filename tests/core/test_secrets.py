from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMAuthenticationError, LLMInvalidResponseError
from llm_adapter._secrets import SHORTEST, hide, is_secret, known_secrets
from tests.core import values

KEY = "gsk_hidden91"
# Begun so that none is a word which an error holds anyway, such as the name of a field.
keys = (
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=SHORTEST)
    .filter(lambda key: "*" not in key)
    .map(lambda key: f"sk-{key}")
)


# -- what is secret -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        ({}, (KEY,)),
        ({"Authorization": "Bearer other-key"}, (KEY, "other-key")),
        ({"authorization": "other-key"}, (KEY, "other-key")),
        ({"X-API-Key": "other-key", "X-Other": "not-secret"}, (KEY, "other-key")),
        (
            {"Cookie": "session=12345678; b=87654321"},
            (KEY, "b=87654321", "12345678", "87654321"),
        ),
        ({"X-Goog-Api-Key": "other-key"}, (KEY, "other-key")),
        ({"Helicone-Auth": "Bearer other-key"}, (KEY, "other-key")),
        ({"X-Amz-Security-Token": "other-key"}, (KEY, "other-key")),
    ],
)
def test_key_and_headers_that_carry_keys_are_secret(headers, secrets):
    assert known_secrets(KEY, headers) == secrets


@pytest.mark.parametrize(
    ("key", "secrets"), [("", ()), ("ollama", ()), ("1234567", ()), ("12345678",) * 2]
)
def test_word_that_is_shorter_than_any_key_is_not_looked_for(key, secrets):
    assert known_secrets(key, {}) == ((secrets,) if secrets else ())


# -- what is told ---------------------------------------------------------------------


@given(keys, values.words, values.words)
def test_secret_that_a_provider_quotes_is_shown_nowhere(key, before, after):
    quoted = f"{before}{key}{after}"
    error = LLMInvalidResponseError(
        quoted,
        text=quoted,
        code=quoted,
        request_id=quoted,
        body={"error": {"message": quoted, "param": [quoted, {quoted: 5}]}},
    )
    hide(error, [key])
    told = [str(error), repr(error), *error.args, error.text, error.code]
    told.append(error.request_id)
    assert not [text for text in told if key in text]
    assert json.dumps(key)[1:-1] not in json.dumps(error.body, ensure_ascii=False)
    assert json.dumps(key)[1:-1].encode() not in pickle.dumps(error)


@given(st.integers(12, 25), st.integers(12, 25))
def test_what_is_left_of_a_secret_that_was_cut_is_hidden_too(first, last):
    """Messages show the beginning and the end of what they quote."""
    secret = "sk-abcdefghijklmnopqrstuvwxyz"
    error = LLMInvalidResponseError(f"No JSON: {secret[:first]}...{secret[-last:]}")
    hide(error, [secret])
    assert error.message == "No JSON: ***...***"


def test_a_short_word_within_a_secret_may_be_shown():
    error = LLMInvalidResponseError("sk-abcdefgh is where it begins")
    hide(error, ["sk-abcdefghijklmnopqrstuvwxyz"])
    assert error.message == "sk-abcdefgh is where it begins"


def test_what_stands_around_a_secret_stays():
    message = f"Incorrect key: {KEY}."
    error = LLMAuthenticationError(message, body={"message": message, "n": 1})
    hide(error, [KEY, "another-secret"])
    assert error.message == "Incorrect key: ***."
    assert error.args == ("Incorrect key: ***.",)
    assert error.body == {"message": "Incorrect key: ***.", "n": 1}


@given(values.json_values, values.words)
def test_error_without_the_secret_is_left_as_it_is(body, message):
    error = LLMAuthenticationError(message, body=body)
    hide(error, [KEY])
    assert error.args == (message,)
    assert error.body is body


def too_deep():
    body = []
    for _ in range(50_000):
        body = [body]
    return body


@pytest.mark.parametrize(
    "body",
    [
        {"total": 1234567890, "key": "12345678"},  # a number that holds the secret
        {"key": "12345678", "value": object()},
        "\ud800 12345678",
    ],
    ids=["number", "object", "surrogate"],
)
def test_body_that_cannot_be_searched_is_dropped(body):
    error = LLMAuthenticationError("No", body=body)
    hide(error, ["12345678"])
    assert error.body is None


def test_body_that_is_too_deep_to_be_searched_is_dropped():
    body = too_deep()
    error = LLMAuthenticationError("No", body=body)
    hide(error, [KEY])
    assert error.body is None
    while body:  # letting go of it all at once is more than Python can do
        body = body.pop()


def test_message_that_is_no_text_does_no_harm():
    error = LLMAuthenticationError("No")
    error.args = (5, KEY)
    hide(error, [KEY])
    assert error.args == (5, "***")


@pytest.mark.parametrize(
    "header",
    ["Authorization", "X-Auth", "X-AuthToken", "x-goog-api-key", "Cookie", "ApiKey"],
)
def test_header_that_says_who_asks_is_secret(header):
    assert is_secret(header)


@pytest.mark.parametrize(
    "header", ["X-Thinking-Token-Budget", "anthropic-beta", "X-Keyboard", "X-Author"]
)
def test_header_that_says_what_is_asked_is_not_secret(header):
    assert not is_secret(header)
