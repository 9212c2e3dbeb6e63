"""OpenAI's models: which API, which defaults, and what neither API can say.

The tables of reference/wire-protocols.md 1.3, 1.5 and 9.3.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMRequest, LLMUnsupportedFeatureError, Tool
from llm_adapter.providers import OPENAI, Defaults, choose_dialect, complete

TOOLS = {"tools": [Tool("f")]}
STOP = {"stop_sequences": ["x"]}
SEED = {"seed": 7}


def completed(model, **fields):
    """A request for a model, with what it left open."""
    return complete(LLMRequest("Hi", model=model, **fields), OPENAI, Defaults())


def api(model, **fields):
    """The API that a request goes to, or the feature that keeps it from all."""
    request = completed(model, **fields)
    try:
        return choose_dialect(request, OPENAI, OPENAI.traits(model)).name
    except LLMUnsupportedFeatureError as error:
        return error


def body(model, **fields):
    """The body of a request, from the API that it goes to."""
    request = completed(model, **fields)
    traits = OPENAI.traits(model)
    dialect = choose_dialect(request, OPENAI, traits)
    return dialect.encode(request, stream=False, traits=traits)


# -- defaults -------------------------------------------------------------------------

SENT, KEPT = (0.3, 2000), (None, None)
ANY = (None, "low", "medium", "high")

TABLE = [
    # Models that do not reason.
    *((model, effort, SENT) for model in ("gpt-4o", "gpt-4.1") for effort in (None,)),
    ("gpt-4o-mini-2024-07-18", None, SENT),
    ("gpt-4.1-nano", None, SENT),
    ("ft:gpt-4o-mini-2024-07-18:me::1", None, SENT),
    ("chatgpt-4o-latest", None, SENT),
    ("gpt-5-chat-latest", None, SENT),
    ("gpt-4", None, SENT),
    ("gpt-3.5-turbo-16k", None, SENT),
    ("gpt-4o-search-preview", None, (None, 2000)),
    ("gpt-4o-mini-search-preview-2025-03-11", None, (None, 2000)),
    # Models that always reason.
    *((f"o{name}", effort, KEPT) for name in ("1", "3", "4-mini") for effort in ANY),
    ("o3-mini", None, KEPT),
    ("o3-2025-04-16", "high", KEPT),
    *((f"gpt-5{name}", each, KEPT) for name in ("", "-mini", "-nano") for each in ANY),
    ("gpt-5-2025-08-07", "minimal", KEPT),
    ("gpt-5-pro", "high", KEPT),
    ("gpt-5-codex", None, KEPT),
    ("codex-mini-latest", None, KEPT),
    *((f"gpt-5.{n}-pro", None, KEPT) for n in range(1, 6)),
    *((f"gpt-5.{n}-chat-latest", None, KEPT) for n in range(1, 5)),
    ("gpt-5.1-codex", None, KEPT),
    ("gpt-5.1-codex-max", "xhigh", KEPT),
    ("gpt-6-astra", None, KEPT),
    ("gpt-6.1-sol", "high", KEPT),
    ("gpt-6.1-terra", None, KEPT),
    ("gpt-6.2-astra", None, KEPT),
    ("gpt-6.2-sol", "low", KEPT),
    # Models that reason when asked to.
    *((f"gpt-5.{n}", None, SENT) for n in (1, 2, 4)),
    *((f"gpt-5.{n}", "none", SENT) for n in (1, 2, 4)),
    *((f"gpt-5.{n}", "low", KEPT) for n in (1, 2, 4)),
    ("gpt-5.3-codex", None, SENT),
    ("gpt-5.3-codex", "high", KEPT),
    ("gpt-5.4-mini", None, SENT),
    ("gpt-5.4-nano-2026-03-01", "high", KEPT),
    # Models that reason unless told not to.
    *((name, None, KEPT) for name in ("gpt-5.5", "gpt-5.6-sol", "gpt-5.6-luna")),
    *((name, "none", SENT) for name in ("gpt-5.5", "gpt-5.6-sol", "gpt-5.6-terra")),
    *((f"gpt-6-{name}", None, KEPT) for name in ("sol", "luna")),
    *((f"gpt-6-{name}", "none", SENT) for name in ("sol", "luna")),
    *((f"gpt-6-{name}", "high", KEPT) for name in ("sol", "luna")),
    # What nobody knows yet; without reasoning only the cap breaks nothing.
    ("gpt-7", None, KEPT),
    ("gpt-7", "none", (None, 2000)),
    ("ft:gpt-5.4:me::1", None, KEPT),
]


@pytest.mark.parametrize(("model", "effort", "defaults"), TABLE)
def test_a_default_is_sent_only_where_the_model_takes_it(model, effort, defaults):
    request = completed(model, reasoning_effort=effort)
    assert (request.temperature, request.max_tokens) == defaults


REJECTING = sorted({model for model, _, defaults in TABLE if defaults[0] is None})
MODELS = st.sampled_from(sorted({model for model, _, _ in TABLE}))
SAMPLING = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 9999),
    },
)
NAMES = {"chat": "max_completion_tokens", "responses": "max_output_tokens"}


@given(MODELS, SAMPLING)
def test_what_the_caller_says_is_always_sent(model, said):
    sent = body(model, **said)
    cap = NAMES[api(model)]
    renamed = {cap if name == "max_tokens" else name: said[name] for name in said}
    assert sent.items() >= renamed.items()


@given(st.sampled_from(REJECTING), st.none() | st.integers(1, 9))
def test_no_sampling_that_nobody_asked_for_reaches_a_model_that_rejects_it(model, cap):
    efforts = {
        effort
        for name, effort, defaults in TABLE
        if name == model and defaults[0] is None
    }
    for effort in efforts:
        sent = body(model, reasoning_effort=effort, max_tokens=cap)
        assert not {"temperature", "top_p"} & set(sent)


# -- which API ------------------------------------------------------------------------

CHAT, RESPONSES = "chat", "responses"


@pytest.mark.parametrize(
    ("model", "plain", "with_tools", "with_stop", "with_both", "with_seed_and_tools"),
    [
        ("gpt-4o", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("gpt-4.1", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("gpt-5", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("gpt-5.1", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("gpt-5.4", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("o1", CHAT, CHAT, CHAT, CHAT, CHAT),
        ("gpt-5.1-codex", RESPONSES, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-5.3-codex", RESPONSES, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-5.5", CHAT, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-5.6-luna", CHAT, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-6-luna", CHAT, RESPONSES, CHAT, "stop_sequences", "seed"),
        ("gpt-6-sol", CHAT, RESPONSES, CHAT, "stop_sequences", "seed"),
        ("gpt-6-astra", RESPONSES, RESPONSES, CHAT, "stop_sequences", "seed"),
        ("gpt-6.1-sol", RESPONSES, RESPONSES, CHAT, "stop_sequences", "seed"),
        ("gpt-6.1-terra", RESPONSES, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-6.2-sol", RESPONSES, RESPONSES, CHAT, CHAT, CHAT),
        ("gpt-5-pro", RESPONSES, RESPONSES, "stop_sequences", "stop_sequences", "seed"),
        ("o3-pro", RESPONSES, RESPONSES, "stop_sequences", "stop_sequences", "seed"),
        (
            "o4-mini-deep-research",
            RESPONSES,
            RESPONSES,
            "stop_sequences",
            "stop_sequences",
            "seed",
        ),
        ("gpt-7", CHAT, RESPONSES, CHAT, CHAT, CHAT),
    ],
)
def test_the_api_is_the_one_that_can_say_all_of_a_request(
    model, plain, with_tools, with_stop, with_both, with_seed_and_tools
):
    def found(**fields):
        chosen = api(model, **fields)
        return chosen if isinstance(chosen, str) else chosen.feature

    assert found() == plain
    assert found(**TOOLS) == with_tools
    assert found(**STOP) == with_stop
    assert found(**STOP, **TOOLS) == with_both
    assert found(**SEED, **TOOLS) == with_seed_and_tools


@pytest.mark.parametrize("model", ["gpt-6-sol", "gpt-6-luna"])
@pytest.mark.parametrize("fields", [STOP, SEED])
def test_without_reasoning_chat_takes_tools_with_what_only_chat_can_say(model, fields):
    assert api(model, **fields, **TOOLS, reasoning_effort="none") == "chat"


@pytest.mark.parametrize("model", ["o3", "o4-mini", "o3-2025-04-16"])
def test_models_that_take_no_stop_sequences_are_not_sent_any(model):
    with pytest.raises(LLMUnsupportedFeatureError) as caught:
        completed(model, **STOP)
    assert caught.value.feature == "stop_sequences"


@pytest.mark.parametrize(
    ("model", "effort"),
    [("o1", "none"), ("o3", "minimal"), ("gpt-5", "none"), ("gpt-5", "xhigh")],
)
def test_an_effort_that_a_model_does_not_know_is_named(model, effort):
    with pytest.raises(LLMUnsupportedFeatureError, match="it takes") as caught:
        completed(model, reasoning_effort=effort)
    assert caught.value.feature == "reasoning_effort"


@given(MODELS, st.sampled_from([{}, TOOLS]), st.sampled_from([{}, STOP]), st.booleans())
def test_what_neither_api_can_say_names_a_field_of_the_request(
    model, tools, stop, has_seed
):
    said = {**tools, **stop, **(SEED if has_seed else {})}
    if OPENAI.traits(model).lacks & said.keys():
        return
    chosen = api(model, **said)
    if not isinstance(chosen, str):
        assert chosen.feature in said
        assert chosen.message.endswith("Nothing was sent.")
        assert (chosen.provider, chosen.model) == ("openai", model)


def test_every_model_of_the_catalogue_is_found_by_its_snapshots():
    for model in OPENAI.models:
        assert OPENAI.model(f"{model.id}-2026-11-17") is model
