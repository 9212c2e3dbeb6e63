from __future__ import annotations

import copy
import pickle
import re

import attrs
import pytest
from hypothesis import given

from llm_adapter import (
    Audio,
    Document,
    Image,
    LLMRequest,
    LLMUnsupportedFeatureError,
    Message,
    Text,
    Tool,
)
from llm_adapter._endpoint import check_url
from llm_adapter._wire.traits import Traits
from llm_adapter.providers import GROQ, PROVIDERS, Defaults, check_request, complete
from tests.core import values

REASONS = "openai/gpt-oss-20b"
DOES_NOT = "llama-3.3-70b-versatile"
UNKNOWN = "somebody/new-model"
PDF = Document("https://example.com/cv.pdf")
WAV = Audio(data=b"x", media_type="audio/wav")
CAT = Image("https://example.com/cat.png")

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)


def completed(defaults=None, **fields):
    return complete(LLMRequest("Hi", **fields), GROQ, defaults or Defaults())


# -- defaults -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "default", "used"),
    [
        (None, None, GROQ.default_model),
        (None, "b", "b"),
        ("a", "b", "a"),
        ("a", None, "a"),
    ],
)
def test_model_of_the_request_stands_before_the_configured_one(model, default, used):
    assert completed(Defaults(model=default), model=model).model == used


@pytest.mark.parametrize(
    ("own", "configured", "used"),
    [(None, None, 0.3), (None, 0.9, 0.9), (0.5, 0.9, 0.5), (0, 0.9, 0), (None, 0, 0)],
)
def test_temperature_is_the_requests_then_the_configured_then_the_default(
    own, configured, used
):
    found = completed(Defaults(temperature=configured), temperature=own)
    assert found.temperature == used


@pytest.mark.parametrize(
    ("model", "own", "configured", "used"),
    [
        (DOES_NOT, None, None, 2000),
        (UNKNOWN, None, None, 2000),
        (DOES_NOT, None, 50, 50),
        (DOES_NOT, 7, 50, 7),
        (REASONS, None, None, None),
        (REASONS, None, 50, 50),
        (REASONS, 7, None, 7),
    ],
)
def test_model_that_reasons_gets_no_limit_that_nobody_asked_for(
    model, own, configured, used
):
    """It would spend the default before its first word."""
    found = completed(Defaults(max_tokens=configured), model=model, max_tokens=own)
    assert found.max_tokens == used


@values.few
@given(values.requests)
def test_explicit_values_are_kept_and_the_callers_request_is_unchanged(request):
    request = attrs.evolve(
        request,
        prompt="Hi",
        messages=(),
        tool_choice=None,
        stop_sequences=None,
        reasoning_effort=None,
    )
    before = copy.deepcopy(request)
    found = complete(request, GROQ, Defaults())
    assert request == before
    for field in attrs.fields(LLMRequest):
        value = getattr(request, field.name)
        if value is not None:
            assert getattr(found, field.name) == value


# -- what no provider could answer ----------------------------------------------------


@pytest.mark.parametrize(
    "prompt", ["", "  \n", (), [""], [Text(" "), Text("\n")]], ids=repr
)
def test_empty_prompt_is_refused_before_anything_is_sent(prompt):
    expected = "the prompt is empty: give a prompt, or messages to go on from"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        complete(LLMRequest(prompt), GROQ, Defaults())


@pytest.mark.parametrize(
    "request_",
    [
        LLMRequest("Hi"),
        LLMRequest([CAT]),
        LLMRequest(["", CAT]),
        LLMRequest("", messages=[Message("user", "Hi")]),
    ],
)
def test_prompt_may_be_a_picture_or_stand_in_the_messages(request_):
    check_request(request_)


@pytest.mark.parametrize("choice", ["required", "g"])
@pytest.mark.parametrize("names", [[], ["f"]])
def test_choice_of_a_tool_that_is_not_there_is_refused(choice, names):
    if names and choice == "required":
        choice = "h"
    request = LLMRequest("Hi", tools=map(Tool, names), tool_choice=choice)
    expected = f"tool_choice is {choice!r}, but the tools are {names}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        check_request(request)


@pytest.mark.parametrize("choice", [None, "auto", "none", "required", "f"])
def test_choice_among_the_tools_is_taken(choice):
    check_request(LLMRequest("Hi", tools=[Tool("f")], tool_choice=choice))


# -- what one provider cannot do ------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "feature", "message"),
    [
        ({"prompt": [PDF]}, "Document", "Document"),
        ({"prompt": ["Who?", WAV]}, "Audio", "Audio"),
        (
            {"prompt": "Who?", "messages": [Message("user", [PDF])]},
            "Document",
            "Document",
        ),
        (
            {"prompt": "Hi", "stop_sequences": list("abcde")},
            "stop_sequences",
            "stop_sequences with more than 4 entries",
        ),
        (
            {"prompt": "Hi", "reasoning_effort": "none"},
            "reasoning_effort",
            "reasoning_effort='none' (it takes low, medium, high)",
        ),
    ],
)
def test_feature_that_is_missing_is_named_and_nothing_sent(fields, feature, message):
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        complete(LLMRequest(model=REASONS, **fields), GROQ, Defaults())
    error = caught.value
    assert error.message == (
        f"groq cannot do this with {REASONS}: {message}. Nothing was sent."
    )
    assert (error.feature, error.provider, error.model) == (feature, "groq", REASONS)


def test_model_that_takes_no_effort_says_so():
    provider = attrs.evolve(GROQ, families=(("", Traits(efforts=())),))
    request = LLMRequest("Hi", reasoning_effort="low")
    with pytest.raises(LLMUnsupportedFeatureError, match=r"\(it takes no value\)"):
        complete(request, provider, Defaults())


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": ["What is this?", CAT]},
        {"prompt": "Hi", "stop_sequences": list("abcd")},
        {"prompt": "Hi", "reasoning_effort": "high", "model": REASONS},
        {"prompt": "Hi", "reasoning_effort": "extreme", "model": UNKNOWN},
        {"prompt": "Hi", "reasoning_effort": "extreme", "model": "groq/compound"},
    ],
)
def test_what_the_provider_can_do_or_may_do_is_sent(fields):
    complete(LLMRequest(**fields), GROQ, Defaults())


def test_provider_without_a_limit_takes_any_number_of_stop_sequences():
    provider = attrs.evolve(GROQ, max_stop_sequences=None)
    request = LLMRequest("Hi", stop_sequences=list("abcdef"))
    assert complete(request, provider, Defaults()).stop_sequences == tuple("abcdef")


# -- the catalogue --------------------------------------------------------------------


@each_provider
def test_catalogue_is_whole(provider):
    ids = [model.id for model in provider.models]
    assert len(set(ids)) == len(ids)
    if provider.default_model is not None:
        assert provider.model(provider.default_model).retired is None
    assert [provider.model(id_) for id_ in ids] == list(provider.models)
    assert provider.model("nobody's") is None


@each_provider
def test_current_models_stand_before_retired_ones_which_name_a_current_one(provider):
    retired = [model.retired is not None for model in provider.models]
    assert retired == sorted(retired)
    for model in provider.models:
        if model.retired is not None:
            assert provider.model(model.replacement).retired is None


@each_provider
def test_endpoint_of_a_provider_is_usable(provider):
    if provider.base_url:
        assert check_url(provider.base_url, "base_url") == provider.base_url
    assert provider.base_url.endswith(provider.base_path) or not provider.base_url


def test_warning_of_a_retired_model_names_date_and_replacement():
    assert GROQ.model("llama-3.1-8b-instant").warning == (
        "The model llama-3.1-8b-instant was retired in 2026-08-16; "
        "use openai/gpt-oss-20b instead."
    )
    assert GROQ.model(REASONS).warning is None


@each_provider
def test_provider_is_pickled_with_its_catalogue(provider):
    made = pickle.loads(pickle.dumps(provider))
    assert made == provider
    assert made.model_names() == provider.model_names()
