"""What a shell sees: commands that load alone, completion, no codes in a pipe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import click
import pytest

from llm_adapter import cli
from llm_adapter.cli._app import Commands, commands
from llm_adapter.providers import PROVIDERS
from tests.command_line import emulator as emulator
from tests.command_line import process
from tests.command_line import run as run

HEAVY = {
    *("httpx", "httpcore", "anyio", "sqlalchemy", "rich", "msgspec", "cattrs"),
    *("llm_adapter._sync.adapters", "llm_adapter.testing.emulator"),
}
NAMES = commands.list_commands(click.Context(commands))


def loaded(*arguments):
    """Heavy modules that a command has loaded."""
    script = (
        "import sys; from llm_adapter import cli; cli.main(sys.argv[1:]); "
        f"print(sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.stderr.splitlines()[-1]


def completed(words, index, shell="fish", **environment):
    """What a shell offers for a word of the line."""
    variables = {
        **os.environ,
        **environment,
        "_LLM_ADAPTER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": index,
    }
    command = [sys.executable, "-m", "llm_adapter"]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert ended.stderr == ""
    lines = filter(None, ended.stdout.splitlines())
    return [line.partition(",")[2].split("\t")[0] for line in lines]


# -- commands that load alone ---------------------------------------------------------


def test_help_loads_nothing_heavy():
    assert loaded("--help") == "[]"


def test_version_loads_nothing_heavy():
    assert loaded("--version") == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_its_help_and_its_name(run, name):
    code, printed, said = run(name, "--help")
    assert (code, said) == (0, "")
    assert printed.startswith(f"Usage: llm-adapter {name} ")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"demo"}))
def test_help_of_a_command_loads_no_http(name):
    assert "httpx" not in loaded(name, "--help")


def test_group_lists_every_command(run):
    printed = run("--help")[1]
    for name, entry in Commands.entries.items():
        assert re.search(rf"^  {name} +{re.escape(entry.summary)}$", printed, re.M)


@pytest.mark.parametrize("name", [*NAMES, "--help"])
def test_help_holds_no_codes(name, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with process(name, "--help") as running:
        assert "\x1b" not in "".join(running.communicate(timeout=30))


@pytest.mark.parametrize("name", NAMES)
def test_no_option_takes_a_key(name):
    context = click.Context(commands)
    command = commands.get_command(context, name)
    options = [each for param in command.params for each in param.opts]
    assert not [each for each in options if "key" in each or "secret" in each]


# -- completion -----------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(run, shell):
    code, printed, said = run("completion", shell)
    assert (code, said) == (0, "")
    assert f"_LLM_ADAPTER_COMPLETE={shell}_complete" in printed
    assert "llm-adapter" in printed


def test_shell_that_is_not_known_is_wrong_usage(run):
    code, _, said = run("completion", "tcsh")
    assert code == 2
    assert "bash" in said


def test_bash_takes_the_script(run):
    script = run("completion", "bash")[1]
    check = f"{script}\ncomplete -p llm-adapter\n"
    ended = subprocess.run(["bash"], input=check, capture_output=True, text=True)
    assert ended.stderr == ""
    assert "_llm_adapter_completion llm-adapter" in ended.stdout


def test_commands_are_completed():
    assert completed("llm-adapter m", "m") == ["map", "models"]


def test_options_of_the_group_are_completed():
    assert completed("llm-adapter --v", "--v") == ["--version"]


def test_providers_are_completed():
    words = "llm-adapter generate --provider "
    offered = completed(words, "")
    assert {"mock", *PROVIDERS} <= set(offered)
    assert completed(f"{words}gr", "gr") == ["groq"]
    assert completed("llm-adapter models an", "an") == ["anthropic"]


def test_models_after_a_provider_are_completed():
    words = "llm-adapter chat --provider groq:openai/gpt-oss-2"
    offered = completed(words, "groq:openai/gpt-oss-2")
    assert offered == ["groq:openai/gpt-oss-20b"]


def test_models_are_those_of_the_provider_that_was_named():
    words = "llm-adapter map --provider groq --model openai/gpt-oss-1"
    assert completed(words, "openai/gpt-oss-1") == ["openai/gpt-oss-120b"]


def test_models_are_those_of_the_environments_provider():
    words = "llm-adapter json --model claude-sonnet-5-"
    offered = completed(words, "claude-sonnet-5-", LLM_PROVIDER="anthropic")
    assert "claude-sonnet-5-5" in offered


def test_retired_models_are_not_offered():
    assert completed("llm-adapter json --model mix", "mix") == []


@pytest.mark.parametrize("provider", ["acme", ":x"])
def test_provider_that_is_none_has_no_models(provider):
    words = f"llm-adapter json --provider {provider} --model "
    assert completed(words, "") == []


def test_setting_that_cannot_be_read_offers_nothing():
    words = "llm-adapter json --model "
    assert completed(words, "", LLM_MAX_RETRIES="many") == []


# -- the demo -------------------------------------------------------------------------


def test_demo_is_short_and_shows_everything(run, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("LLM_MODEL", "no-such-model")
    code, printed, said = run("demo")
    assert (code, said) == (0, "")
    lines = printed.splitlines()
    assert len(lines) <= 15
    assert "no key, no network" in lines[0]
    assert "2 attempts" in printed
    assert "LLMStreamInterruptedError, with what had arrived" in printed
    for name in ("groq", "openai", "anthropic"):
        assert f"the same from {name}" in printed


def test_demo_leaves_the_environment_as_it_was(run, monkeypatch):
    monkeypatch.setenv("no_proxy", "example.com")
    assert run("demo")[0] == 0
    assert os.environ["no_proxy"] == "example.com"


def test_demo_is_one_object_for_programs(run):
    code, printed, _ = run("demo", "--json")
    assert code == 0
    assert len(json.loads(printed)["steps"]) == 8


def test_everything_runs_in_the_main_program():
    assert cli.main(["--version"]) == 0
