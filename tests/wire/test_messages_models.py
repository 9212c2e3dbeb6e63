"""Anthropic's models: what is known of each, and of those that are not known yet."""

from __future__ import annotations

import pytest
from attrs import evolve

from llm_adapter import LLMRequest, LLMUnsupportedFeatureError
from llm_adapter._wire.traits import Traits
from llm_adapter.models import Audio
from llm_adapter.providers import Defaults, complete
from llm_adapter.providers.anthropic import ANTHROPIC
from tests.wire.messages import DIALECT

LEVELS = ("low", "medium", "high", "xhigh", "max")


def traits(reasons, efforts, forced, thinking, schemas, prefill, system_turns):
    return Traits(
        reasons=reasons,
        efforts=efforts,
        sampling="no",
        forced_tools=forced,
        thinking=thinking,
        schemas=schemas,
        prefill=prefill,
        system_turns=system_turns,
    )


ALWAYS = traits("always", LEVELS, "no", "adaptive", True, False, True)
BUDGET = traits(
    "no",
    ("none", "minimal", *LEVELS),
    "unless_reasoning",
    "budget",
    True,
    True,
    False,
)


def adaptive(
    reasons="yes", efforts=("none", *LEVELS), forced="unless_reasoning", system=True
):
    return traits(reasons, efforts, forced, "adaptive", True, False, system)


KNOWN = {
    "claude-fable-5-2": ALWAYS,
    "claude-fable-5": ALWAYS,
    "claude-mythos-5-1": ALWAYS,
    "claude-opus-5-5": ALWAYS,
    "claude-sonnet-5-5": evolve(adaptive(forced="no"), not_thinking="between_tools"),
    "claude-haiku-5-5": adaptive(),
    "claude-opus-5": adaptive(),
    "claude-sonnet-5": adaptive(system=False),
    "claude-opus-4-8": adaptive("no"),
    "claude-opus-4-7": adaptive("no", system=False),
    "claude-opus-4-6": adaptive("no", ("none", *LEVELS[:3], "max"), system=False),
    "claude-sonnet-4-6": adaptive("no", ("none", *LEVELS[:3], "max"), system=False),
    "claude-opus-4-5": evolve(
        BUDGET, efforts=("none", *LEVELS[:3]), budget_and_effort=True
    ),
    "claude-sonnet-4-5": BUDGET,
    "claude-haiku-4-5": BUDGET,
    "claude-opus-4-1": BUDGET,
}


@pytest.mark.parametrize("suffix", ["", "-20260101", "-v1:0", "@20260101"])
@pytest.mark.parametrize("prefix", ["", "anthropic/", "us.anthropic."])
@pytest.mark.parametrize("name", KNOWN)
def test_a_model_is_known_under_all_its_names(name, prefix, suffix):
    assert ANTHROPIC.traits(prefix + name + suffix) == KNOWN[name]


@pytest.mark.parametrize("name", ["claude-opus-4.8", "claude-haiku-4.5"])
def test_a_version_may_be_written_with_a_point(name):
    assert ANTHROPIC.traits(name) == KNOWN[name.replace(".", "-")]


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-4",
        "claude-opus-4-0",
        "claude-opus-4-20250514",
        "claude-sonnet-4-20250514",
        "claude-3-7-sonnet-20250219",
        "claude-3-7-sonnet-latest",
    ],
)
def test_models_before_the_schemas_think_with_a_budget(name):
    known = ANTHROPIC.traits(name)
    assert (known.schemas, known.thinking) == (False, "budget")


@pytest.mark.parametrize(
    "name", ["claude-3-5-sonnet-20241022", "claude-3-haiku-20240307", "claude-2.1"]
)
def test_the_oldest_models_do_not_think(name):
    known = ANTHROPIC.traits(name)
    assert (known.thinking, known.efforts) == (None, ("none",))
    assert known.forced_tools == "yes"


@pytest.mark.parametrize(
    "name", ["claude-opus-5-7", "claude-opus-6", "claude-sonnet-55", "claude-next"]
)
def test_a_newer_model_is_taken_for_the_newest(name):
    assert ANTHROPIC.traits(name) == adaptive(efforts=None, system=False)


def test_a_model_of_somebody_else_is_plain_and_gets_no_default_temperature():
    found = ANTHROPIC.traits("deepseek-chat")
    assert found == Traits(sampling="no", system_turns=False)


# -- defaults -------------------------------------------------------------------------


def completed(**fields):
    return complete(LLMRequest("Hi", **fields), ANTHROPIC, Defaults())


@pytest.mark.parametrize("name", [model.id for model in ANTHROPIC.models])
def test_a_plain_request_is_never_sent_to_the_older_version_of_the_api(name):
    assert DIALECT.headers(completed(model=name)) == {}


@pytest.mark.parametrize("name", [model.id for model in ANTHROPIC.models])
@pytest.mark.parametrize("effort", [None, "low"])
def test_a_default_limit_needs_no_stream_and_leaves_room_to_reason(name, effort):
    try:
        request = completed(model=name, reasoning_effort=effort)
    except LLMUnsupportedFeatureError:
        assert ANTHROPIC.traits(name).thinking is None
        return
    reasons = effort or ANTHROPIC.traits(name).reasons != "no"
    assert request.max_tokens == (20_000 if reasons else 2_000)
    assert not DIALECT.must_stream(request)
    assert DIALECT.unsupported(request, ANTHROPIC.traits(name)) is None


def test_sound_is_refused():
    sound = Audio(data=b"x", media_type="audio/wav")
    with pytest.raises(LLMUnsupportedFeatureError, match="Audio"):
        complete(LLMRequest([sound]), ANTHROPIC, Defaults())


# -- the catalogue --------------------------------------------------------------------


def test_current_models_come_first_and_what_ends_next_is_their_last():
    current = [model.id for model in ANTHROPIC.models if model.retired is None]
    assert ANTHROPIC.model_names()[: len(current)] == current
    assert current[0] == ANTHROPIC.default_model
    assert current[-1] == "claude-sonnet-4-5"


def test_a_snapshot_is_the_model_that_it_is_one_of():
    assert ANTHROPIC.model("claude-haiku-4-5-20251001").id == "claude-haiku-4-5"
    assert ANTHROPIC.model("claude-3-opus-20240229").retired == "2026-01-05"
