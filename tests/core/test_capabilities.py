"""The table of the README: what the adapters declare, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

import update_docs
from llm_adapter._wire.openai_chat import ChatDialect
from llm_adapter._wire.openai_chat_quirks import ChatQuirks
from llm_adapter._wire.traits import Traits
from llm_adapter.providers import ANTHROPIC, GROQ, LOCAL, OPENAI, PROVIDERS
from llm_adapter.providers.capabilities import capabilities

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_table_as_the_adapters_declare_it():
    assert update_docs.table() in README.read_text("utf-8")


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_says_the_same_features(name):
    found = capabilities(PROVIDERS[name])
    assert list(found) == list(capabilities(GROQ))
    words = {found[feature] for feature in list(found)[1:]}
    assert words <= {"yes", "no", "by model", "in words"}


@pytest.mark.parametrize(
    ("provider", "feature", "says"),
    [
        (OPENAI, "API", "chat, responses"),
        (OPENAI, "seed", "by model"),
        (OPENAI, "temperature", "by model"),
        (GROQ, "temperature", "yes"),
        (ANTHROPIC, "seed", "no"),
        (ANTHROPIC, "JSON", "in words"),
        (ANTHROPIC, "forced tool", "by model"),
        (ANTHROPIC, "audio", "no"),
        (LOCAL, "tools", "yes"),
    ],
)
def test_a_feature_is_what_the_data_says(provider, feature, says):
    assert capabilities(provider)[feature] == says


def test_a_provider_that_takes_no_tools_says_no():
    dialect = ChatDialect(ChatQuirks(lacks=frozenset({"tools"})))
    provider = evolve(GROQ, dialects=(dialect,))
    assert capabilities(provider)["tools"] == "no"


def test_a_family_that_refuses_a_field_makes_it_depend_on_the_model():
    families = (("a", Traits(lacks=frozenset({"seed"}))), ("", Traits()))
    provider = evolve(GROQ, families=families)
    assert capabilities(provider)["seed"] == "by model"
