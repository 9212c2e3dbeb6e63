"""Which API a request goes to, and what is refused before it goes anywhere."""

from __future__ import annotations

import pytest
from attrs import evolve

from llm_adapter import (
    LLMConfigurationError,
    LLMRequest,
    LLMUnsupportedFeatureError,
    Message,
)
from llm_adapter._wire.kept import kept, labelled
from llm_adapter._wire.openai_chat import ChatDialect
from llm_adapter._wire.openai_responses import ResponsesDialect
from llm_adapter._wire.traits import PLAIN, Traits
from llm_adapter.providers import (
    GROQ,
    LOCAL,
    OPENAI,
    Defaults,
    check_api,
    choose_dialect,
    complete,
    provider_named,
)

BOTH = evolve(OPENAI, dialects=(ChatDialect(), ResponsesDialect()))
KEPT = Message("assistant", "Hi", provider_items=kept("responses", "m", [{"id": "r"}]))


def chosen(provider=BOTH, traits=PLAIN, api="auto", **fields):
    request = LLMRequest("Hi", model="m", **fields)
    return choose_dialect(request, provider, traits, api).name


def test_the_first_dialect_takes_a_plain_request():
    assert chosen() == "chat"


def test_a_model_may_prefer_another():
    assert chosen(traits=Traits(api="responses")) == "responses"


def test_a_conversation_stays_where_something_of_it_is_kept():
    question = Message("user", "Hi")
    assert chosen(messages=[question, KEPT, question]) == "responses"


def test_what_the_preferred_one_cannot_say_goes_to_the_other():
    assert chosen(traits=Traits(api="responses"), seed=7) == "chat"


def test_a_provider_that_does_not_switch_is_spoken_to_in_its_first_dialect():
    assert chosen(provider=LOCAL, traits=Traits(api="responses")) == "chat"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_the_callers_choice_counts(api):
    assert chosen(api=api) == api
    assert chosen(provider=LOCAL, api=api) == api


def test_the_callers_choice_is_not_replaced_when_it_cannot_say_all():
    with pytest.raises(LLMUnsupportedFeatureError, match="seed") as caught:
        chosen(api="responses", seed=7)
    assert (caught.value.feature, caught.value.model) == ("seed", "m")


def test_an_api_that_the_provider_has_not_names_those_it_has():
    with pytest.raises(LLMConfigurationError, match="groq has auto, chat"):
        check_api(GROQ, "responses")


def test_nobody_has_named_a_model():
    nameless = evolve(GROQ, default_model=None)
    with pytest.raises(LLMConfigurationError, match="pass model=, or set LLM_MODEL"):
        complete(LLMRequest("Hi"), nameless, Defaults())
    assert complete(LLMRequest("Hi"), LOCAL, Defaults()).model == ""


def test_a_field_that_the_family_refuses_is_refused_here():
    provider = evolve(GROQ, families=(("", Traits(lacks=frozenset({"seed"}))),))
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        complete(LLMRequest("Hi", seed=7), provider, Defaults())
    assert caught.value.feature == "seed"
    complete(LLMRequest("Hi"), provider, Defaults())


def test_a_provider_is_found_by_its_name_however_it_is_written():
    assert provider_named(" Groq ") is GROQ


def test_an_unknown_provider_names_the_known_ones():
    with pytest.raises(LLMConfigurationError, match="Built in are: groq, openai"):
        provider_named("acme")
    with pytest.raises(TypeError, match="not int"):
        provider_named(5)


@pytest.mark.parametrize(("provider", "is_kept"), [(OPENAI, True), (LOCAL, False)])
def test_what_one_provider_wants_back_is_not_sent_to_another(provider, is_kept):
    """Both may speak the same dialect; its secrets are still those of one of them."""
    items = labelled(kept("responses", "m", [{"id": "r"}]), "openai")
    messages = [
        Message("user", "Hi"),
        Message("assistant", "Hello", provider_items=items),
    ]
    request = LLMRequest("And?", model="m", messages=messages)
    found = complete(request, provider, Defaults())
    assert bool(found.messages[1].provider_items) == is_kept
    assert found.messages[0] is messages[0]
    assert request.messages[1].provider_items


def test_what_bears_no_name_of_a_provider_is_sent():
    found = complete(LLMRequest("Hi", messages=[KEPT]), LOCAL, Defaults())
    assert found.messages == (KEPT,)
