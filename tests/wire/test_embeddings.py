"""Embeddings: what is asked for, and vectors in every form that servers send."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMInvalidResponseError, LLMRateLimitError, Usage
from llm_adapter._wire.embeddings import PATH, decode_embeddings, encode_embeddings

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
MATRICES = st.integers(1, 5).flatmap(
    lambda length: st.lists(
        st.lists(FLOATS, min_size=length, max_size=length), min_size=1, max_size=4
    )
)


def packed(vector):
    """A vector as little-endian 32-bit floats behind base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def body(*items, **fields):
    """An answer that holds these items."""
    return json.dumps({"object": "list", "data": list(items), **fields}).encode()


def listed(*vectors):
    return body(*({"index": i, "embedding": v} for i, v in enumerate(vectors)))


def unusable(written, number=1):
    """What is said of an answer that cannot be used."""
    with pytest.raises(LLMInvalidResponseError) as caught:
        decode_embeddings(written, number)
    assert caught.value.text == written.decode()
    assert caught.value.retryable
    return caught.value.message


# -- what is asked for ----------------------------------------------------------------


def test_the_path_is_the_one_that_all_share():
    assert PATH == "/embeddings"


@pytest.mark.parametrize(
    ("dimensions", "extra", "more"),
    [
        (None, {}, {}),
        (3, {}, {"dimensions": 3}),
        (3, {"dimensions": 4, "user": "u"}, {"dimensions": 4, "user": "u"}),
    ],
)
def test_what_is_set_is_sent_and_extra_fields_last(dimensions, extra, more):
    sent = encode_embeddings(
        ("a", "b"),
        model="m",
        encoding="base64",
        dimensions=dimensions,
        extra_body=extra,
    )
    plain = {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}
    assert sent == {**plain, **more}


# -- vectors --------------------------------------------------------------------------


@given(MATRICES)
def test_numbers_and_base64_give_the_same_vectors(vectors):
    plain = decode_embeddings(listed(*vectors), len(vectors))
    coded = decode_embeddings(listed(*map(packed, vectors)), len(vectors))
    assert plain.vectors == coded.vectors == vectors


@given(MATRICES, st.randoms(use_true_random=False))
def test_vectors_come_in_the_order_of_the_texts(vectors, random):
    items = [{"index": i, "embedding": v} for i, v in enumerate(vectors)]
    random.shuffle(items)
    assert decode_embeddings(body(*items), len(vectors)).vectors == vectors


def test_without_an_index_the_place_counts():
    items = [{"index": None, "embedding": [1]}, {"embedding": [2]}]
    assert decode_embeddings(body(*items), 2).vectors == [[1.0], [2.0]]


@pytest.mark.parametrize("index", ["0", 1.5, True])
def test_an_index_that_is_no_place_is_an_error(index):
    """To guess it could give a text the vector of another."""
    items = [{"index": index, "embedding": [1]}]
    with pytest.raises(LLMInvalidResponseError, match="which is no place"):
        decode_embeddings(body(*items), 1)


def test_whole_numbers_become_floats():
    (vector,) = decode_embeddings(listed([1, 2]), 1)
    assert [type(each) for each in vector] == [float, float]


def test_model_and_usage_are_read():
    counts = {"prompt_tokens": 5, "total_tokens": 5}
    response = decode_embeddings(body({"embedding": [1.0]}, model="m", usage=counts), 1)
    assert response.model == "m"
    assert response.usage == Usage(input_tokens=5, total_tokens=5)


@pytest.mark.parametrize("fields", [{}, {"model": 5, "usage": []}])
def test_model_and_usage_may_be_missing(fields):
    response = decode_embeddings(body({"embedding": [1.0]}, **fields), 1)
    assert (response.model, response.usage) == ("", Usage())


# -- what cannot be used --------------------------------------------------------------


@pytest.mark.parametrize(
    "vector",
    [
        None,
        {},
        5,
        [],
        "",
        [None],
        ["1"],
        [True],
        [[1.0]],
        [10**400],
        "no base64!",
        "é",
        "AAAAAA==A",
        packed([1.0])[:-4],
        packed([float("nan")]),
        packed([float("inf")]),
    ],
)
def test_what_is_no_vector_is_named_by_its_place(vector):
    message = unusable(body({"embedding": [1.0]}, {"embedding": vector}), 2)
    assert message == "The provider's answer holds no numbers as its vector 1."


@pytest.mark.parametrize("item", [None, 5, "x", [], {}])
def test_an_item_that_holds_no_vector_is_named_by_its_place(item):
    assert "vector 0" in unusable(body(item))


@pytest.mark.parametrize(
    ("indexes", "number"),
    [([], 1), ([0], 2), ([0, 1], 1), ([0, 0], 2), ([1], 1), ([-1], 1), ([0, 0], 1)],
)
def test_not_one_vector_for_each_text_is_an_error(indexes, number):
    items = [{"index": index, "embedding": [1.0]} for index in indexes]
    assert unusable(body(*items), number) == (
        f"The provider's answer holds {len(indexes)} vectors for {number} texts."
    )


def test_vectors_of_different_lengths_are_an_error():
    message = unusable(listed([1.0], [1.0, 2.0]), 2)
    assert message == "The provider's answer holds vectors of different lengths."


@pytest.mark.parametrize("value", [{}, {"data": None}, {"data": {}}, [], None, "x"])
def test_no_list_of_vectors_is_an_error(value):
    message = unusable(json.dumps(value).encode())
    assert message == "The provider's answer holds no list of vectors."


def test_an_error_with_status_200_is_an_error():
    said = json.dumps({"error": {"message": "slow", "code": 429}}).encode()
    with pytest.raises(LLMRateLimitError, match="slow"):
        decode_embeddings(said, 1)
