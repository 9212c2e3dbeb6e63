"""Providers: what they complete, what they refuse, and what they know of models."""

from __future__ import annotations

import pytest
from attrs import evolve

from llm_adapter import LLMRequest, LLMUnsupportedFeatureError, Message, Tool
from llm_adapter._wire.traits import Traits
from llm_adapter.models import Audio, Document, Image, Text
from llm_adapter.providers import (
    GROQ,
    PROVIDERS,
    Defaults,
    Provider,
    check_request,
    complete,
)

REASONING = "openai/gpt-oss-120b"
PLAIN = "llama-3.3-70b-versatile"
UNKNOWN = "someone/new-model"

PICTURE = Image("https://example.com/a.png")
PAPER = Document(data=b"%PDF", media_type="application/pdf")
SOUND = Audio(data=b"RIFF", media_type="audio/wav")


def completed(*args, defaults=None, **fields):
    """A request for Groq, with what it left open."""
    request = LLMRequest(*(args or ("Hi",)), **fields)
    return complete(request, GROQ, defaults or Defaults())


# -- defaults -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "max_tokens"), [(REASONING, None), (PLAIN, 2000), (UNKNOWN, 2000)]
)
def test_a_default_is_left_out_where_reasoning_would_use_it_up(model, max_tokens):
    request = completed(model=model)
    assert (request.temperature, request.max_tokens) == (0.3, max_tokens)


@pytest.mark.parametrize("model", [REASONING, PLAIN, UNKNOWN])
def test_what_the_caller_says_is_always_sent(model):
    request = completed(
        model=model,
        temperature=0,
        max_tokens=7,
        defaults=Defaults(temperature=1, max_tokens=9),
    )
    assert (request.temperature, request.max_tokens) == (0, 7)


@pytest.mark.parametrize("model", [REASONING, PLAIN, UNKNOWN])
def test_what_the_environment_says_is_always_sent(model):
    request = completed(model=model, defaults=Defaults(temperature=0.0, max_tokens=9))
    assert (request.temperature, request.max_tokens) == (0.0, 9)


@pytest.mark.parametrize(
    ("asked", "configured", "model"),
    [
        (None, None, GROQ.default_model),
        (None, UNKNOWN, UNKNOWN),
        (PLAIN, UNKNOWN, PLAIN),
    ],
)
def test_the_model_is_the_callers_or_the_configured_or_the_providers(
    asked, configured, model
):
    assert completed(model=asked, defaults=Defaults(model=configured)).model == model


def test_the_defaults_are_those_of_the_model_that_is_asked():
    assert completed(defaults=Defaults(model=PLAIN)).max_tokens == 2000


def test_nothing_else_of_a_request_is_changed():
    request = LLMRequest("Hi", top_p=0.5, seed=1, system_message="x", metadata={"a": 1})
    expected = evolve(request, model=REASONING, temperature=0.3)
    assert complete(request, GROQ, Defaults()) == expected


# -- requests that nobody could answer ------------------------------------------------


@pytest.mark.parametrize("prompt", ["", " \n", [], [Text("")], [Text(" "), Text("\n")]])
def test_an_empty_prompt_without_a_conversation_is_refused(prompt):
    with pytest.raises(ValueError, match="the prompt is empty"):
        check_request(LLMRequest(prompt, system_message="x"))


@pytest.mark.parametrize("prompt", ["Hi", [PICTURE], [Text(""), PICTURE]])
def test_a_prompt_that_says_something_is_enough(prompt):
    check_request(LLMRequest(prompt))


def test_an_empty_prompt_goes_on_with_a_conversation():
    check_request(LLMRequest("", messages=[Message("user", "Hi")]))


@pytest.mark.parametrize(
    ("choice", "tools"),
    [
        (None, []),
        ("auto", []),
        ("none", []),
        ("required", [Tool("f")]),
        ("f", [Tool("f"), Tool("g")]),
    ],
)
def test_a_tool_choice_that_can_be_met_is_accepted(choice, tools):
    check_request(LLMRequest("Hi", tool_choice=choice, tools=tools))


@pytest.mark.parametrize(
    ("choice", "tools"), [("required", []), ("f", []), ("f", [Tool("g")])]
)
def test_a_tool_choice_that_cannot_be_met_names_the_tools(choice, tools):
    names = [tool.name for tool in tools]
    with pytest.raises(ValueError) as caught:
        check_request(LLMRequest("Hi", tool_choice=choice, tools=tools))
    assert str(caught.value) == f"tool_choice is {choice!r}, but the tools are {names}"


# -- features -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"prompt": [SOUND]}, "Audio"),
        ({"prompt": [Text("Hi"), PAPER]}, "Document"),
        ({"messages": [Message("user", [SOUND])]}, "Audio"),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"reasoning_effort": "none"}, "reasoning_effort"),
        ({"reasoning_effort": "minimal"}, "reasoning_effort"),
    ],
)
def test_what_the_model_cannot_do_is_named_before_anything_is_sent(fields, feature):
    request = LLMRequest(**{"prompt": "Hi", **fields})
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        complete(request, GROQ, Defaults())
    error = caught.value
    assert error.feature == feature
    assert (error.provider, error.model) == ("groq", REASONING)
    assert feature in error.message
    assert error.message.endswith("Nothing was sent.")
    assert not error.retryable


def test_a_refusal_names_what_would_be_taken():
    with pytest.raises(LLMUnsupportedFeatureError, match="it takes low, medium, high"):
        completed(reasoning_effort="none")


def test_a_model_without_any_effort_says_so():
    provider = evolve(GROQ, families=(("", Traits(efforts=())),))
    with pytest.raises(LLMUnsupportedFeatureError, match="it takes no value"):
        complete(LLMRequest("Hi", reasoning_effort="low"), provider, Defaults())


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": [Text("Hi"), PICTURE]},
        {"stop_sequences": list("abcd")},
        {"stop_sequences": []},
        {"reasoning_effort": "high"},
        {"reasoning_effort": "none", "model": "qwen/qwen3.8-27b"},
        {"reasoning_effort": "anything", "model": UNKNOWN},
        {"reasoning_effort": "anything", "model": PLAIN},
    ],
)
def test_what_the_model_may_be_able_to_do_passes(fields):
    request = LLMRequest(**{"prompt": "Hi", **fields})
    done = complete(request, GROQ, Defaults())
    assert all(getattr(done, name) == getattr(request, name) for name in fields)


def test_a_provider_without_a_limit_takes_any_number_of_stop_sequences():
    provider = evolve(GROQ, max_stop_sequences=None)
    request = LLMRequest("Hi", stop_sequences=["x"] * 100)
    assert complete(request, provider, Defaults()).stop_sequences == ("x",) * 100


def test_a_provider_that_takes_text_only_refuses_pictures():
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        complete(LLMRequest([PICTURE]), evolve(GROQ, parts=()), Defaults())
    assert caught.value.feature == "Image"


# -- the catalogue --------------------------------------------------------------------


@pytest.fixture(params=PROVIDERS.values(), ids=PROVIDERS)
def provider(request) -> Provider:
    return request.param


def test_a_provider_goes_by_its_name(provider):
    assert PROVIDERS[provider.name] is provider


def test_current_models_come_before_retired_ones(provider):
    retired = [model.retired is not None for model in provider.models]
    assert retired == sorted(retired)


def test_model_names_are_unique_and_found(provider):
    names = [model.id for model in provider.models]
    assert len(set(names)) == len(names)
    assert [provider.model(name) for name in names] == list(provider.models)


def test_an_unknown_model_is_not_in_the_catalogue(provider):
    assert provider.model(UNKNOWN) is None
    assert provider.model("") is None


def test_the_default_model_is_current(provider):
    if provider.default_model is not None:
        assert provider.model(provider.default_model).retired is None


def test_a_retired_model_names_its_end_and_a_current_replacement(provider):
    for model in provider.models:
        if model.retired is None:
            assert model.warning is None
        else:
            assert provider.model(model.replacement).retired is None
            assert model.warning == (
                f"The model {model.id} was retired in {model.retired}; "
                f"use {model.replacement} instead."
            )


def test_base_url_ends_with_the_path_that_is_added_to_other_hosts(provider):
    if not provider.base_url:
        return  # every customer has an own one
    assert provider.base_url.endswith(provider.base_path)
    own = provider.model_from_server
    assert provider.base_url.startswith("http://localhost" if own else "https://")


def test_groq_retired_the_models_of_the_design_document():
    retired = {model.id: model.replacement for model in GROQ.models if model.retired}
    assert retired == {
        "llama-3.1-8b-instant": "openai/gpt-oss-20b",
        "llama-3.3-70b-versatile": "openai/gpt-oss-120b",
        "llama-3.1-70b-versatile": "openai/gpt-oss-120b",
        "mixtral-8x7b-32768": "openai/gpt-oss-20b",
    }


def test_the_key_travels_as_a_bearer_token():
    assert GROQ.authorization("k") == {"Authorization": "Bearer k"}
