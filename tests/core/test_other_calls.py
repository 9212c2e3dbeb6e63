"""Lists, vectors and counts: what is asked for, and what is refused before it is."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import (
    EmbeddingResponse,
    LLMConfigurationError,
    LLMRequest,
    LLMUnsupportedFeatureError,
    ModelName,
    Settings,
    Timeout,
    Usage,
)
from llm_adapter._call import client
from llm_adapter._embedding import EmbeddingOptions, as_texts
from llm_adapter._mocking import vector
from llm_adapter._other_calls import (
    conclude_embeddings,
    count_call,
    embed_call,
    models_call,
)
from llm_adapter._policy import Attempts, RetryBudget, RetryPolicy, start_timer
from llm_adapter.providers import ANTHROPIC, GROQ, LOCAL, OPENAI, PROVIDERS

KEY = "sk-hidden-91"
RETIRED = "gpt-3.5-turbo"


def made(provider, **arguments):
    given = dict.fromkeys(("base_url", "model", "timeout", "max_retries"))
    return client(provider, Settings(), api_key=KEY, **{**given, **arguments})


def embedding(provider, *texts, **options):
    return embed_call(made(provider), as_texts(texts), EmbeddingOptions(**options))


def sent(call):
    return json.loads(call.body)


# -- models ---------------------------------------------------------------------------


def test_models_are_asked_for_in_pages_where_there_are_pages():
    assert models_call(made(OPENAI)).url == "https://api.openai.com/v1/models"
    first = models_call(made(ANTHROPIC)).url
    assert first == "https://api.anthropic.com/v1/models?limit=1000"
    assert models_call(made(ANTHROPIC), after="a b").url == f"{first}&after_id=a+b"


def test_a_page_may_take_what_is_left_of_the_time():
    limits = Timeout(total=3, first_token=1)
    call = models_call(made(OPENAI), timeout=limits, spent=1.0)
    assert (call.timeout, call.spent) == (Timeout(total=3), 1.0)


# -- vectors --------------------------------------------------------------------------


def test_vectors_are_asked_for_in_the_shortest_form_that_the_provider_has():
    body = sent(embedding(OPENAI, "a", "b"))
    assert body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "encoding_format": "base64",
    }
    assert sent(embedding(LOCAL, "a", model="m"))["encoding_format"] == "float"


def test_what_is_said_of_an_embedding_is_sent():
    options = {"model": "m", "dimensions": 3, "extra_body": {"user": "u"}}
    body = sent(embedding(OPENAI, "a", **options))
    assert (body["model"], body["dimensions"], body["user"]) == ("m", 3, "u")


def test_an_embedding_has_the_services_limits_and_its_own():
    assert embedding(OPENAI, "a", timeout=5).timeout == Timeout(total=5)


def test_a_provider_without_embeddings_is_not_asked():
    with pytest.raises(LLMUnsupportedFeatureError, match="Nothing was sent") as caught:
        embedding(ANTHROPIC, "a")
    assert (caught.value.feature, caught.value.provider) == ("embed", "anthropic")


def test_a_provider_without_a_usual_embedding_model_wants_one_named():
    with pytest.raises(LLMConfigurationError, match="pass model="):
        embedding(GROQ, "a")
    assert embedding(LOCAL, "a").model == ""


def test_the_length_of_vectors_is_not_chosen_where_it_cannot_be():
    with pytest.raises(LLMUnsupportedFeatureError, match="one length") as caught:
        embedding(PROVIDERS["mistral"], "a", dimensions=256)
    assert caught.value.feature == "dimensions"


def test_a_retired_embedding_model_warns(caplog):
    call = embedding(OPENAI, "a", model=RETIRED)
    assert "gpt-6-luna" in call.warnings[0]
    assert call.warnings[0] in caplog.text


def test_half_a_surrogate_pair_is_refused_as_in_any_request():
    with pytest.raises(ValueError, match="not valid Unicode"):
        embedding(OPENAI, "\ud83d")


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        embedding(OPENAI, "a", extra_body={"x": math.nan})


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ([], ValueError, "texts is empty"),
        (["a", " "], ValueError, r"texts\[1\] is blank"),
        ("", ValueError, r"texts\[0\] is blank"),
        (["a", 5], TypeError, r"texts\[1\] must be a string, not int"),
        (b"a", TypeError, "not bytes"),
        (5, TypeError, "not int"),
        (None, TypeError, "not NoneType"),
    ],
)
def test_texts_that_cannot_be_embedded_are_refused(texts, error, message):
    with pytest.raises(error, match=message):
        as_texts(texts)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dimensions": 0}, ValueError, "dimensions is 0"),
        ({"dimensions": 1.5}, TypeError, "dimensions must be an integer"),
        ({"model": " "}, ValueError, "model is ' '"),
        ({"timeout": -1}, ValueError, "timeout is -1"),
        ({"extra_body": [1]}, TypeError, "extra_body must be a mapping"),
    ],
)
def test_options_of_an_embedding_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        EmbeddingOptions(**options)


def test_an_embedding_knows_what_it_took_and_cost():
    call = embedding(OPENAI, "a")
    attempts = Attempts(
        policy=RetryPolicy(),
        budget=RetryBudget(),
        timer=start_timer(Timeout(), 10.0),
        timeout=Timeout(),
        started=10.0,
    )
    attempts.begin(10.0)
    attempts.succeeded(12.0, 200)
    answer = EmbeddingResponse([[0.5]], usage=Usage(input_tokens=1_000_000))
    found = conclude_embeddings(call, answer, attempts, now=12.5, request_id="r")
    assert found.cost == Decimal("0.02")
    assert (found.provider, found.model) == ("openai", "text-embedding-3-small")
    assert (found.attempts, found.generation_time, found.request_id) == (1, 2.5, "r")


def test_vectors_are_a_sequence():
    vectors = EmbeddingResponse([[1.0], [2.0], [3.0]])
    assert list(vectors) == [[1.0], [2.0], [3.0]]
    assert vectors[1:] == [[2.0], [3.0]]
    assert [2.0] in vectors


@given(st.text(max_size=20), st.none() | st.integers(1, 50))
def test_a_made_up_vector_has_length_one_and_is_the_texts_own(text, dimensions):
    found = vector(text, dimensions)
    assert len(found) == (dimensions or 16)
    assert math.isclose(math.hypot(*found), 1.0)
    assert vector(text, dimensions) == found


# -- counts ---------------------------------------------------------------------------


def test_a_count_is_asked_for_without_what_concerns_the_answer():
    request = LLMRequest("Hi", max_tokens=5, stop_sequences=["."], seed=7)
    call = count_call(made(OPENAI, model="gpt-6.1-sol"), request)
    assert call.url.endswith("/responses/input_tokens")
    assert not {"max_output_tokens", "store", "stream"} & set(sent(call))


def test_a_count_is_of_the_whole_request():
    request = LLMRequest("Hi", system_message="Be terse.")
    body = sent(count_call(made(ANTHROPIC), request))
    assert body["system"] == "Be terse."
    assert "max_tokens" not in body


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_count_is_made_in_the_api_that_is_spoken(api):
    call = count_call(made(LOCAL, api=api, model="m"), LLMRequest("Hi"))
    path = "/chat/completions" if api == "chat" else "/responses"
    assert call.url.endswith(f"{path}/input_tokens")


def test_a_provider_that_does_not_count_is_not_asked():
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        count_call(made(GROQ), LLMRequest("Hi"))
    assert caught.value.feature == "count_tokens"


# -- names ----------------------------------------------------------------------------


def test_a_name_is_a_string_that_knows_whether_it_is_retired():
    names = made(OPENAI).provider.model_names()
    old = next(name for name in names if name == "gpt-4")
    assert isinstance(old, ModelName)
    assert (old.retired, old.replacement) == ("2026-10-23", "gpt-6.1-sol")
    assert names[0].retired is None
    assert json.dumps(old) == '"gpt-4"'


@pytest.mark.parametrize("name", PROVIDERS)
def test_traits_of_many_names_do_not_fill_the_memory(name):
    provider = evolve(PROVIDERS[name])
    for number in range(2_000):
        provider.traits(f"model-{number}")
    assert len(provider._traits) <= 1_000
    assert provider.traits("model-1999") == provider.traits("model-1")


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-audio-preview", None),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
    ],
)
def test_a_dated_snapshot_is_its_model_and_a_variant_is_not(name, id_):
    """A variant costs something else: its price is not guessed."""
    found = OPENAI.model(name)
    assert (found and found.id) == id_
