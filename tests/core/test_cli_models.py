"""`llm-adapter models`: the catalogue and its prices, and what a provider lists."""

from __future__ import annotations

import json

import pytest

from llm_adapter import LLMFactory, LLMResponse, LLMService
from llm_adapter.providers import PROVIDERS
from llm_adapter.testing.emulator import Reply, faults
from tests.command_line import emulator as emulator
from tests.command_line import run as run


def row(printed, model):
    """The row of a model, as its words."""
    [found] = [
        line.split() for line in printed.splitlines() if line.split()[1:2] == [model]
    ]
    return found


def listed(run, *arguments):
    """The models by their names, as programs read them."""
    code, printed, said = run("models", *arguments, "--json")
    assert (code, said) == (0, "")
    return {each["model"]: each for each in json.loads(printed)["models"]}


def test_models_are_those_of_the_environments_provider(run, monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "anthropic")
    found = listed(run)
    assert list(found) == [model.id for model in PROVIDERS["anthropic"].models]


def test_table_shows_prices_and_the_default(run):
    code, printed, said = run("models", "groq")
    assert (code, said) == (0, "")
    assert row(printed, "openai/gpt-oss-120b") == [
        *("groq", "openai/gpt-oss-120b", "0.15", "0.6", "131,072", "default")
    ]


def test_table_marks_retired_models(run):
    printed = run("models", "groq")[1]
    assert "retired 2026-08-16, use openai/gpt-oss-20b" in printed


def test_table_says_where_long_prompts_cost_more(run):
    assert "default; long prompts cost more" in run("models", "openai")[1]


def test_json_has_prices_as_strings_and_unknown_ones_as_null(run):
    found = listed(run, "groq")
    assert found["openai/gpt-oss-20b"] == {
        "provider": "groq",
        "model": "openai/gpt-oss-20b",
        "default": False,
        "live": None,
        "retired": None,
        "replacement": None,
        "context_window": 131_072,
        "max_output": 65_536,
        "input_per_million": "0.075",
        "output_per_million": "0.3",
        "long_prompts_cost_more": False,
    }
    assert found["groq/compound"]["input_per_million"] is None


def test_prices_of_ones_own_win(run, monkeypatch, tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text('[groq."openai/gpt-oss-20b"]\ninput = 7\noutput = 9\n')
    monkeypatch.setenv("LLM_PRICES_FILE", str(path))
    assert listed(run, "groq")["openai/gpt-oss-20b"]["input_per_million"] == "7"


def test_all_lists_every_provider(run):
    code, printed, _ = run("models", "--all", "--json")
    assert code == 0
    found = {each["provider"] for each in json.loads(printed)["models"]}
    assert found == {name for name, each in PROVIDERS.items() if each.models}


def test_live_asks_the_provider(run, emulator):
    body = {"data": [{"id": "openai/gpt-oss-120b"}, {"id": "brand-new"}]}
    emulator.script(Reply(body=body))
    found = listed(run, "groq", "--live")
    assert found["openai/gpt-oss-120b"]["live"] is True
    assert found["openai/gpt-oss-20b"]["live"] is False
    assert found["brand-new"]["live"] is True
    assert found["llama-3.1-8b-instant"]["retired"] == "2026-08-16"


def test_live_table_says_what_is_not_listed(run, emulator):
    emulator.script(Reply(body={"data": []}))
    assert "not listed by the provider" in run("models", "groq", "--live")[1]


def test_live_needs_the_key(run):
    code, printed, said = run("models", "groq", "--live")
    assert (code, printed) == (3, "")
    assert "GROQ_API_KEY" in said


def test_live_errors_are_those_of_generate(run, emulator):
    emulator.always(faults.invalid_api_key())
    assert run("models", "groq", "--live")[0] == 3


def test_provider_without_a_catalogue_says_how_to_ask(run):
    assert run("models", "local")[1] == "No models are built in: ask with --live.\n"


class Own(LLMService):
    def generate(self, request, **overrides):
        return LLMResponse("Hi", "m")

    def get_provider_name(self):
        return "own"

    def get_available_models(self):
        return ["plain-name"]


def test_adapter_of_ones_own_is_listed(run, monkeypatch):
    monkeypatch.setattr(LLMFactory, "_registered", {"own": Own})
    assert row(run("models", "own")[1], "plain-name")[:2] == ["own", "plain-name"]


@pytest.mark.parametrize("arguments", [("groq", "--all"), ("--all", "--live")])
def test_all_goes_with_nothing_else(run, arguments):
    code, _, said = run("models", *arguments)
    assert code == 2
    assert "--all goes with neither PROVIDER nor --live." in said


def test_unknown_provider_names_the_known_ones(run):
    code, _, said = run("models", "acme")
    assert code == 3
    assert "Known are: anthropic, " in said
