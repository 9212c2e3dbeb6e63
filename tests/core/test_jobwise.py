"""The demo as a whole, and what it is made of beside the workflows."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from examples.jobwise import demo, scenario
from examples.jobwise.catalogue import COVER_LETTER, PROFILE, document
from examples.jobwise.checks import achievements, checked_style
from examples.jobwise.ledger import Entry, total
from examples.jobwise.stage import Stage, Typewriter
from examples.jobwise.table import cost, results, tokens
from llm_adapter import (
    Attempt,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMResponse,
    LLMServerError,
    LLMServiceError,
    LLMStreamInterruptedError,
    LLMTimeoutError,
    ModelSelector,
    Usage,
)
from llm_adapter.testing.emulator import Emulator, Reply, faults

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "examples.jobwise.demo"]


# -- the program ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown():
    """What the demo prints where no terminal is."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    finished = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


MODELS = {
    "groq": ("gpt-oss-20b", "gpt-oss-120b"),
    "openai": ("gpt-6-luna", "gpt-6.1-sol"),
    "anthropic": ("claude-haiku-5-5", "claude-sonnet-5-5"),
    "local": ("llama3.2:3b", "llama3.2:3b"),
}


def test_the_demo_ends_with_a_row_for_each_workflow_on_each_provider(shown):
    rows = re.findall(r"^  (\w+) +(\S+) +2 .* ok *$", shown, re.MULTILINE)
    names = ["style", "profile", "ranking", "letter"]
    models = [model for pair in MODELS.values() for model in pair * 2]
    assert rows == list(zip(names * 4, models, strict=True))
    assert re.search(r"^total +32 .* 16/16 *$", shown, re.MULTILINE)


def test_the_forms_alternate(shown):
    rows = re.findall(r"^(\w+) +(a?sync) +8 .* 4/4 *$", shown, re.MULTILINE)
    assert rows == list(zip(MODELS, ["sync", "async"] * 2, strict=True))


def test_each_act_shows_that_only_the_name_changes(shown):
    lines = re.findall(r'^(.*LLMFactory.*)"(\w+)"(.*)$', shown, re.MULTILINE)
    assert [name for _, name, _ in lines] == list(MODELS)
    same = {(before, after) for before, _, after in lines}
    assert same == {
        ("with LLMFactory.create(", ", settings=settings) as llm:"),
        ("async with AsyncLLMFactory.create(", ", settings=settings) as llm:"),
    }


def test_the_demo_shows_what_was_sent_where(shown):
    sent = re.findall(
        r"^  → (\w+) http://127\.0\.0\.1:\d+(\S+) ?(\S*)$", shown, re.MULTILINE
    )
    chat = ("POST", "/openai/v1/chat/completions", "openai/gpt-oss-20b")
    responses = ("POST", "/v1/responses", "gpt-6.1-sol")
    messages = ("POST", "/anthropic/v1/messages", "claude-haiku-5-5")
    models = ("GET", "/local/v1/models", "")
    local = ("POST", "/local/v1/chat/completions", "llama3.2:3b")
    counts = [sent.count(each) for each in (chat, responses, messages, models, local)]
    assert counts == [4, 4, 4, 1, 8]
    assert len(sent) == 33


def test_the_demo_shows_each_fault_on_each_provider(shown):
    for fault in (
        "attempt 1 failed (LLMRateLimitError, HTTP 429); waiting 1.",
        "attempt 1 failed (LLMServerError, HTTP 500); waiting 0.",
        "✗ The answer is not valid JSON",
        "✗ LLMStreamInterruptedError: ",
    ):
        assert shown.count(fault) == 4


def test_a_cost_that_is_not_known_is_never_shown_as_nothing(shown):
    assert re.search(r"^local +async .* +- +\S+ s 4/4 *$", shown, re.MULTILINE)
    assert shown.count("· cost unknown ·") == 1
    assert "$0.00000" not in shown


def test_the_demo_is_plain_text_that_fits_80_columns(shown):
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_demo_shows_no_key(shown):
    assert "demo-key" not in shown


@pytest.mark.parametrize("act", ["groq, sync", "openai, async"])
def test_ctrl_c_ends_the_demo_quietly(act):
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            for awaited in (act, "→ POST"):
                while awaited not in running.stdout.readline():
                    pass
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=30)[1]
        finally:
            running.kill()
    assert (running.returncode, said) == (130, "")


@pytest.fixture
def quickly(monkeypatch):
    """The demo on a day on which only Groq is bad, and for good."""
    texts = (scenario.STYLE, scenario.PROFILE, scenario.RANKING, scenario.LETTER)

    def replies(provider):
        listed = (Reply(),) if provider == "local" else ()
        refusal = (faults.invalid_api_key(),) if provider == "groq" else ()
        return (*listed, *refusal, *(Reply(text=text) for text in texts))

    monkeypatch.setattr(demo, "LATENCY", 0.0)
    monkeypatch.setattr(demo, "replies", replies)


def test_the_demo_says_which_workflow_failed(capsys, quickly):
    assert demo.main([]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"^  style +gpt-oss-20b .* failed *$", printed, re.MULTILINE)
    assert "✗ Error: Invalid API Key" in printed


def test_an_act_that_fails_does_not_keep_the_others_from_being_done(capsys, quickly):
    demo.main([])
    printed = capsys.readouterr().out
    done = re.findall(r"^(\w+) +a?sync .* (\d/\d) *$", printed, re.MULTILINE)
    assert done == list(zip(MODELS, ("0/4", "4/4", "4/4", "4/4"), strict=True))
    assert re.search(r"^total .* 12/16 *$", printed, re.MULTILINE)


def test_the_demo_finds_the_emulator_behind_a_proxy(capsys, quickly, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    demo.main([])
    assert "Invalid API Key" in capsys.readouterr().out
    assert os.environ["no_proxy"] == "127.0.0.1,example.org"


@pytest.mark.parametrize("provider", ["groq", "openai", "anthropic"])
def test_live_without_a_key_says_what_to_set(capsys, provider):
    assert demo.main(["--live", provider]) == 3
    printed, said = capsys.readouterr()
    assert f"set {provider.upper()}_API_KEY (https://" in said
    assert (printed, said.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("set_to", "variable"),
    [(None, "GROQ"), ("anthropic", "ANTHROPIC"), (" OpenAI:gpt-6-luna", "OPENAI")],
)
def test_live_alone_takes_the_provider_of_the_environment(
    capsys, monkeypatch, set_to, variable
):
    if set_to:
        monkeypatch.setenv("LLM_PROVIDER", set_to)
    assert demo.main(["--live"]) == 3
    assert f"set {variable}_API_KEY" in capsys.readouterr().err


def test_live_names_the_providers_that_it_knows(capsys):
    assert demo.main(["--live", "nobody"]) == 3
    said = capsys.readouterr().err
    assert "'nobody': name one of groq, openai, anthropic, local after --live" in said


def test_live_says_that_a_key_is_not_usable(capsys, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "two words")
    assert demo.main(["--live", "anthropic"]) == 3
    said = capsys.readouterr().err
    assert "check ANTHROPIC_API_KEY for a stray" in said
    assert "two words" not in said


def test_live_takes_the_token_that_anthropic_has_beside_keys(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a-token")
    with Emulator(replies=(faults.invalid_api_key(),) * 2) as emulator:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", emulator.base_url("anthropic"))
        assert demo.main(["--live", "anthropic"]) == 1
        assert emulator.seen[0].headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize("provider", demo.KEYS)
def test_live_asks_the_provider_in_both_forms_and_nobody_breaks_anything(
    capsys, monkeypatch, provider
):
    listed = (Reply(),) if provider == "local" else ()
    texts = (scenario.STYLE, scenario.PROFILE, scenario.RANKING, scenario.LETTER)
    replies = (*listed, *(Reply(text=text) for text in texts)) * 2
    prefix = "LOCAL_LLM" if provider == "local" else provider.upper()
    with Emulator(replies=replies) as emulator:
        base_url = emulator.base_url(provider)
        monkeypatch.setenv(f"{prefix}_API_KEY", "a-secret-key")
        monkeypatch.setenv(f"{prefix}_BASE_URL", base_url)
        assert demo.main(["--live", provider]) == 0
    printed = capsys.readouterr().out
    assert printed.count(f"→ POST {base_url}") == 8
    assert re.findall(rf"^{provider} +(a?sync) .* 4/4 *$", printed, re.MULTILINE) == [
        "sync",
        "async",
    ]
    assert "✗" not in printed
    assert "a-secret-key" not in printed


# -- prompts and checks ---------------------------------------------------------------


def test_a_prompt_without_one_of_its_values_is_an_error():
    with pytest.raises(KeyError, match="job"):
        PROFILE.request(resume="r", style="s")


def test_values_may_hold_what_looks_like_a_placeholder():
    values = {"resume": "I earn $job", "job": "j", "style": "s", "achievements": "a"}
    assert "I earn $job" in COVER_LETTER.request(**values).prompt


def test_the_sample_resume_has_six_achievements():
    known = achievements(document("resume.md"))
    assert list(known) == ["A1", "A2", "A3", "A4", "A5", "A6"]
    assert known["A1"].endswith("from 2 % to 0.01 %.")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"tone": "angry", "sentences": "short", "habits": ["x"]},
        {"tone": "warm", "sentences": "endless", "habits": ["x"]},
        {"tone": "warm", "sentences": "short", "habits": []},
        {"tone": "warm", "sentences": "short", "habits": ["x", 1]},
        {"tone": ["warm"], "sentences": "short", "habits": ["x"]},
    ],
)
def test_what_is_no_writing_style_is_refused_with_the_data(data):
    with pytest.raises(LLMInvalidResponseError) as caught:
        checked_style(data)
    assert caught.value.text is not None


# -- the ledger and the table ---------------------------------------------------------


def answer(total, dollars, *, delays=(0.0,)):
    history = tuple(Attempt(number=n, delay=d) for n, d in enumerate(delays, 1))
    return LLMResponse(
        "x",
        "m",
        usage=Usage(total_tokens=total),
        cost=None if dollars is None else Decimal(dollars),
        history=history,
    )


def entry(*outcomes, provider="groq", asked="openai/gpt-oss-120b"):
    return Entry("profile", provider, "sync", asked, list(outcomes))


def table(*entries, acts=1):
    console = Console(file=io.StringIO(), width=80)
    console.print(results(entries, acts))
    return console.file.getvalue()


def test_an_entry_adds_up_answers_and_errors():
    cut = LLMStreamInterruptedError(
        partial=LLMResponse("x"), history=(Attempt(number=1),)
    )
    limited = LLMRateLimitError(
        status_code=429, history=(Attempt(number=1), Attempt(number=2, delay=1))
    )
    taken = entry(answer(10, "0.5", delays=(0.0, 0.25)), cut, limited)
    assert (taken.attempts, taken.waited) == (5, 1.25)
    assert (tokens(taken.tokens), cost(taken.cost)) == ("10+", "$0.50000+")


def test_what_is_unknown_is_not_counted_as_nothing():
    assert cost(entry(answer(10, None)).cost) == "-"
    assert tokens(entry(answer(None, "1")).tokens) == "-"


def test_a_total_of_known_and_unknown_is_at_least_what_is_known():
    sums = [entry(answer(10, "1")).cost, entry(answer(10, None)).cost]
    assert cost(total(sums)) == "$1.00000+"


def test_a_cut_stream_took_at_least_what_it_had_told():
    partial = LLMResponse("x", "m", usage=Usage(total_tokens=50), cost=Decimal("0.1"))
    cut = entry(LLMStreamInterruptedError(partial=partial))
    assert (tokens(cut.tokens), cost(cut.cost)) == ("50+", "$0.10000+")


def test_a_stream_that_was_cut_before_it_began_is_unknown_too():
    assert not entry(LLMStreamInterruptedError()).tokens.complete


def test_a_refusal_costs_nothing():
    refused = entry(LLMServerError(status_code=500))
    assert (tokens(refused.tokens), cost(refused.cost)) == ("0", "$0")


@pytest.mark.parametrize("error", [LLMTimeoutError(), LLMServiceError(status_code=200)])
def test_what_failed_after_the_provider_may_have_answered_is_unknown(error):
    assert tokens(entry(error).tokens) == "-"


def test_an_entry_names_the_model_that_was_asked_for_or_has_answered():
    assert entry(answer(1, "1")).model == "openai/gpt-oss-120b"
    assert entry(answer(1, "1"), asked=None).model == "m"
    assert entry(LLMTimeoutError(), asked=None).model == ""


def test_the_table_says_what_failed():
    failed = entry(answer(10, "0.1"))
    failed.failed = "LLMServerError"
    printed = table(failed)
    assert re.search(r"^  profile .* failed *$", printed, re.MULTILINE)
    assert "0/4" in printed


def test_the_table_adds_up_each_provider_by_itself():
    printed = table(
        entry(answer(10, "0.1")),
        entry(answer(20, "0.2")),
        entry(answer(40, None), provider="local", asked="m"),
        acts=2,
    )
    assert re.search(r"^groq .* 30 +\$0\.30000 .* 2/4 *$", printed, re.MULTILINE)
    assert re.search(r"^local .* 40 +- .* 1/4 *$", printed, re.MULTILINE)
    assert re.search(r"^total .* 70 +\$0\.30000\+ .* 3/8 *$", printed, re.MULTILINE)


def test_the_table_fits_80_columns_whatever_was_measured():
    most = entry(
        answer(1_234_567, "9.87654", delays=(0.0, 99.9)),
        LLMStreamInterruptedError(),
        provider="anthropic",
        asked="hf.co/someone/A-Long-Name-of-a-Model-GGUF:Q4_K_M",
    )
    most.seconds = 1234.5
    lines = table(most, acts=4).splitlines()
    assert max(map(len, lines)) <= 80
    for figure in ("1,234,567+", "$9.87654+", "99.9 s", "1234 s", "1/16", "A-Long-Na"):
        assert figure in "".join(lines)


# -- the stage ------------------------------------------------------------------------


@pytest.fixture
def typed():
    pieces = []
    return Typewriter(pieces.append, width=20), pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_text_is_wrapped_at_words_wherever_its_pieces_were_cut(typed, size):
    typewriter, pieces = typed
    text = "Dear team,\n\nI built the departure board."
    for start in range(0, len(text), size):
        typewriter.feed(text[start : start + size])
    typewriter.finish()
    assert "".join(pieces) == (
        "    Dear team,\n\n    I built the\n    departure board.\n"
    )


def test_a_word_is_written_as_soon_as_it_is_whole(typed):
    typewriter, pieces = typed
    typewriter.feed("Dear te")
    assert pieces == ["    Dear"]


def test_nothing_typed_needs_no_line(typed):
    typewriter, pieces = typed
    typewriter.finish()
    assert pieces == []


@pytest.mark.parametrize(
    ("provider", "settings"),
    [
        ("groq", "temperature 0.4, 2000 tokens, medium effort"),
        ("openai", "6000 tokens, medium effort"),
    ],
)
def test_the_stage_shows_the_settings_that_are_sent(provider, settings):
    config = ModelSelector.get_config(PROFILE.name, provider)
    console = Console(file=io.StringIO(), width=80)
    with Stage(console).workflow(PROFILE, config):
        pass
    assert f"profile_enhancement  {settings}\n" in console.file.getvalue()


def test_the_stage_shows_an_interruption_without_any_text():
    console = Console(file=io.StringIO(), width=80)
    Stage(console).interrupted(LLMStreamInterruptedError())
    assert "0 words had arrived" in console.file.getvalue()
