"""Lists of models and counts of tokens, in every form that servers send."""

from __future__ import annotations

import json

import pytest

from llm_adapter import LLMInvalidResponseError, LLMModelNotFoundError
from llm_adapter._wire.model_list import (
    ModelPage,
    answers_text,
    decode_models,
    makes_vectors,
    path,
)
from llm_adapter._wire.token_count import decode_count, without_answer

MODELS = [{"id": "a", "object": "model"}, {"id": "b", "type": "model"}]


def models(value):
    return decode_models(json.dumps(value).encode())


# -- lists ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pages", "after", "expected"),
    [
        (False, None, "/models"),
        (False, "b", "/models"),
        (True, None, "/models?limit=1000"),
        (True, "b", "/models?limit=1000&after_id=b"),
        (True, "b/c d&e", "/models?limit=1000&after_id=b%2Fc+d%26e"),
    ],
)
def test_the_path_asks_for_a_page_where_there_are_pages(pages, after, expected):
    assert path(pages=pages, after=after) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"object": "list", "data": MODELS},
        {"models": [{"name": "a"}, {"name": "b", "model": "b"}]},
        {"data": None, "models": [{"name": "a"}, {"name": "b"}]},
        MODELS,
        {"data": [None, 5, "x", {}, {"id": 5}, {"id": ""}, *MODELS]},
        {"data": [{"id": None, "name": "a"}, {"id": "b", "name": "c"}]},
    ],
)
def test_names_are_found_in_every_form(value):
    assert models(value) == ModelPage(["a", "b"], None)


@pytest.mark.parametrize("value", [{"data": []}, []])
def test_a_server_without_models_has_an_empty_list(value):
    assert models(value).names == []


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        ({"has_more": True, "last_id": "b"}, "b"),
        ({"has_more": False, "last_id": "b"}, None),
        ({"last_id": "b"}, None),
        ({"has_more": True}, None),
        ({"has_more": "yes", "last_id": "b"}, None),
    ],
)
def test_the_last_name_is_told_where_more_follow(fields, last):
    assert models({"data": MODELS, **fields}).last == last


@pytest.mark.parametrize("value", [{}, {"data": {}}, {"data": "x"}, None, 5, "x"])
def test_what_is_no_list_is_an_error(value):
    with pytest.raises(LLMInvalidResponseError, match="no list of models") as caught:
        models(value)
    assert caught.value.text == json.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"message": "gone", "code": 404}},
        [{"error": {"message": "gone", "code": 404}}],
        {"data": [], "error": {"message": "gone", "code": 404}},
    ],
)
def test_an_error_with_status_200_is_an_error(value):
    with pytest.raises(LLMModelNotFoundError, match="gone"):
        models(value)


@pytest.mark.parametrize(
    ("name", "is_for_vectors", "is_for_texts"),
    [
        ("llama3.2:3b", False, True),
        ("nomic-embed-text", True, False),
        ("Qwen3-Embedding-8B", True, False),
        ("bge-reranker-v2", False, False),
        ("whisper-large-v3", False, False),
    ],
)
def test_a_name_may_say_what_a_model_is_for(name, is_for_vectors, is_for_texts):
    assert makes_vectors(name) is is_for_vectors
    assert answers_text(name) is is_for_texts


# -- counts ---------------------------------------------------------------------------


def count(value):
    return decode_count(json.dumps(value).encode())


def test_the_fields_of_an_answer_are_left_out_where_tokens_are_counted():
    prompt = {"model": "m", "messages": [], "tools": [], "reasoning_effort": "low"}
    answer = {
        "max_tokens": 1,
        "max_completion_tokens": 1,
        "max_output_tokens": 1,
        "stream": True,
        "stream_options": {},
        "temperature": 0,
        "top_p": 1,
        "store": False,
        "stop_sequences": [],
    }
    assert without_answer({**prompt, **answer}) == prompt


@pytest.mark.parametrize("number", [0, 5, 2**40])
def test_a_count_is_read(number):
    assert count({"input_tokens": number, "object": "x"}) == number


@pytest.mark.parametrize(
    "value", [{}, {"input_tokens": None}, {"input_tokens": -1}, {"tokens": 5}, 5, None]
)
def test_no_count_is_an_error(value):
    with pytest.raises(LLMInvalidResponseError, match="no number of tokens") as caught:
        count(value)
    assert caught.value.text == json.dumps(value)


def test_an_error_in_the_place_of_a_count_is_an_error():
    with pytest.raises(LLMModelNotFoundError):
        count({"type": "error", "error": {"type": "not_found_error", "message": "x"}})


def test_names_that_no_request_takes_are_passed_over():
    names = ["a\nb", " ", "\u202e", "", "good"]
    body = json.dumps({"data": [{"id": name} for name in names]}).encode()
    assert decode_models(body).names == ["good"]
