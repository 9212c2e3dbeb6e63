"""Embeddings of the emulator: as OpenAI and as Ollama."""

from __future__ import annotations

import base64
import struct

import httpx
import pytest

from llm_adapter.testing.emulator import Emulator, Reply, faults

KEY = {"authorization": "Bearer test-key"}
MODELS = {"openai": "text-embedding-3-small", "local": "nomic-embed-text"}


@pytest.fixture(scope="module")
def running():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running):
    running.reset()
    return running


@pytest.fixture(scope="module")
def client():
    with httpx.Client(headers=KEY, timeout=5) as opened:
        yield opened


@pytest.fixture(params=MODELS)
def embed(request, emulator, client):
    """Asks one of the providers for embeddings."""
    url = emulator.base_url(request.param) + "/embeddings"

    def embed(**fields):
        return client.post(url, json={"model": MODELS[request.param], **fields})

    return embed


@pytest.fixture
def refusal(emulator, client):
    """How a provider refuses a request: status, param, code, message."""

    def refusal(provider, **fields):
        url = emulator.base_url(provider) + "/embeddings"
        payload = {"model": MODELS[provider], "input": "a", **fields}
        response = client.post(url, json=payload)
        error = response.json()["error"]
        return response.status_code, error["param"], error["code"], error["message"]

    return refusal


def vectors(response):
    assert response.status_code == 200, response.text
    return [each["embedding"] for each in response.json()["data"]]


def test_every_input_has_a_vector_of_length_one(embed):
    body = embed(input=["a", "b"]).json()
    assert body["object"] == "list"
    assert [each["index"] for each in body["data"]] == [0, 1]
    assert {each["object"] for each in body["data"]} == {"embedding"}
    first, second = (each["embedding"] for each in body["data"])
    assert sum(each * each for each in first) == pytest.approx(1)
    assert first != second
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] == 2


def test_same_input_has_the_same_vector(embed):
    assert vectors(embed(input="a")) == vectors(embed(input=["a", "b"]))[:1]


def test_base64_holds_the_same_numbers(embed):
    (floats,) = vectors(embed(input="a"))
    (packed,) = vectors(embed(input="a", encoding_format="base64"))
    data = base64.b64decode(packed)
    assert list(struct.unpack(f"<{len(floats)}f", data)) == floats


def test_fewer_dimensions_are_given_on_request(embed):
    (short,) = vectors(embed(input="a", dimensions=8))
    assert len(short) == 8
    assert sum(each * each for each in short) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
        ("text-embedding-ada-002", 1536),
    ],
)
def test_models_of_openai_have_their_dimensions(emulator, client, model, dimensions):
    url = emulator.base_url("openai") + "/embeddings"
    (given,) = vectors(client.post(url, json={"model": model, "input": "a"}))
    assert len(given) == dimensions


def test_lists_of_tokens_are_inputs_too(emulator, client):
    url = emulator.base_url("openai") + "/embeddings"
    payload = {"model": MODELS["openai"], "dimensions": 2}
    assert len(vectors(client.post(url, json={**payload, "input": [1, 2]}))) == 1
    assert len(vectors(client.post(url, json={**payload, "input": [[1], [2]]}))) == 2


def test_counts_can_be_scripted(emulator, embed):
    emulator.script(Reply(usage={"prompt_tokens": 99}))
    assert embed(input="a").json()["usage"]["prompt_tokens"] == 99


def test_faults_strike_here_as_well(emulator, embed):
    emulator.script(faults.rate_limited("2"))
    response = embed(input="a")
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize(
    ("fields", "status", "param", "code", "told"),
    [
        ({"model": 3}, 400, "model", "invalid_type", "a string"),
        ({"model": None}, 400, "model", "missing_required_parameter", "'model'"),
        ({"model": "no-such"}, 404, None, "model_not_found", "`no-such`"),
        ({"model": "gpt-4o"}, 403, None, None, "not allowed to generate embeddings"),
        ({"input": ""}, 400, None, None, "'$.input' is invalid"),
        ({"input": ["a", ""]}, 400, None, None, "'$.input' is invalid"),
        ({"input": ["a"] * 2049}, 400, "input", "array_above_max_length", "2048"),
        ({"dimensions": 1537}, 400, "dimensions", "invalid_value", "1 and 1536"),
        ({"encoding_format": "x"}, 400, "encoding_format", "invalid_value", "float"),
        (
            {"model": "text-embedding-ada-002", "dimensions": 2},
            400,
            None,
            None,
            "does not support specifying dimensions",
        ),
    ],
)
def test_request_that_openai_refuses_is_refused(
    refusal, fields, status, param, code, told
):
    *found, message = refusal("openai", **fields)
    assert found == [status, param, code]
    assert told in message


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"model": "no-such"}, 404, "model 'no-such' not found"),
        ({"model": "llama3.2:3b"}, 400, "does not support embeddings"),
        ({"input": None}, 400, "invalid input"),
        ({"input": []}, 400, "invalid input"),
        ({"input": {}}, 400, "cannot unmarshal object"),
        ({"encoding_format": "x"}, 400, "Supported values: ['float', 'base64']"),
    ],
)
def test_request_that_ollama_refuses_is_refused(refusal, fields, status, told):
    found, param, code, message = refusal("local", **fields)
    assert (found, param, code) == (status, None, None)
    assert told in message
