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
from examples.jobwise.ledger import Entry
from examples.jobwise.stage import Stage, Typewriter
from examples.jobwise.table import cost, results, tokens
from llm_adapter import (
    Attempt,
    LLMInvalidResponseError,
    LLMRateLimitError,
    LLMResponse,
    LLMServerError,
    LLMStreamInterruptedError,
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
        timeout=60,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def test_the_demo_ends_with_a_row_for_each_workflow_in_each_form(shown):
    rows = re.findall(
        r"^(writing style|profile|ranking|cover letter) +(sync|async) +"
        r"gpt-oss-\d+b +2 .* ok *$",
        shown,
        re.MULTILINE,
    )
    names = ["writing style", "profile", "ranking", "cover letter"]
    assert rows == [(name, form) for form in ("sync", "async") for name in names]
    assert re.search(r"^total +16 .* 8/8 ok *$", shown, re.MULTILINE)


def test_the_demo_shows_what_was_sent_where(shown):
    sent = re.findall(
        r"^  → POST http://127\.0\.0\.1:\d+/openai/v1/chat/completions openai/gpt-oss-",
        shown,
        re.MULTILINE,
    )
    assert len(sent) == 16


def test_the_demo_shows_each_fault_in_both_forms(shown):
    for fault in (
        "attempt 1 failed (LLMRateLimitError, HTTP 429); waiting 1.",
        "attempt 1 failed (LLMServerError, HTTP 500); waiting 0.",
        "✗ The answer is not valid JSON",
        "✗ LLMStreamInterruptedError: ",
    ):
        assert shown.count(fault) == 2


def test_the_demo_is_plain_text_that_fits_80_columns(shown):
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_demo_shows_no_key(shown):
    assert "demo-key" not in shown


def test_ctrl_c_ends_the_demo_quietly():
    with subprocess.Popen(
        COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            while "→ POST" not in running.stdout.readline():
                pass
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=30)[1]
        finally:
            running.kill()
    assert (running.returncode, said) == (130, "")


@pytest.fixture
def quickly(monkeypatch):
    monkeypatch.setattr(demo, "LATENCY", 0.0)
    monkeypatch.setattr(
        demo, "replies", lambda: (faults.invalid_api_key(), *scenario.replies())
    )


def test_the_demo_says_when_a_workflow_failed(capsys, quickly):
    assert demo.main([]) == 1
    printed = capsys.readouterr().out
    assert re.search(r"^writing style sync .* failed *$", printed, re.MULTILINE)
    assert "Error: Invalid API Key" in printed


def test_the_demo_finds_the_emulator_behind_a_proxy(capsys, quickly, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    demo.main([])
    assert "Invalid API Key" in capsys.readouterr().out
    assert os.environ["no_proxy"] == "127.0.0.1,example.org"


def test_live_without_a_key_says_what_to_set(capsys, monkeypatch):
    assert demo.main(["--live"]) == 3
    said = capsys.readouterr().err
    assert "set GROQ_API_KEY" in said
    assert said.count("\n") == 1


def test_live_asks_groq_and_nobody_breaks_anything(capsys, monkeypatch):
    texts = (scenario.STYLE, scenario.PROFILE, scenario.RANKING, scenario.LETTER)
    with Emulator(replies=tuple(Reply(text=text) for text in texts * 2)) as groq:
        monkeypatch.setenv("GROQ_API_KEY", "a-key-of-groq")
        monkeypatch.setenv("GROQ_BASE_URL", groq.url)
        assert demo.main(["--live"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(f"→ POST {groq_path(printed)}") == 8
    assert "8/8 ok" in printed
    assert "a-key-of-groq" not in printed


def groq_path(printed):
    return re.search(r"http://\S+/openai/v1/chat/completions", printed)[0]


# -- prompts and checks ---------------------------------------------------------------


def test_a_prompt_without_one_of_its_values_is_an_error():
    with pytest.raises(KeyError, match="job"):
        PROFILE.request(1, resume="r", style="s")


def test_values_may_hold_what_looks_like_a_placeholder():
    values = {"resume": "I earn $job", "job": "j", "style": "s", "achievements": "a"}
    assert "I earn $job" in COVER_LETTER.request(1, **values).prompt


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


def entry(*outcomes):
    return Entry("profile", "sync", "openai/gpt-oss-120b", list(outcomes))


def test_an_entry_adds_up_answers_and_errors():
    cut = LLMStreamInterruptedError(
        partial=LLMResponse("x"), history=(Attempt(number=1),)
    )
    limited = LLMRateLimitError(history=(Attempt(number=1), Attempt(number=2, delay=1)))
    taken = entry(answer(10, "0.5", delays=(0.0, 0.25)), cut, limited)
    assert (taken.attempts, taken.waited) == (5, 1.25)
    assert (tokens(taken.tokens), cost(taken.cost)) == ("10+", "$0.50000+")


def test_what_is_unknown_is_not_counted_as_nothing():
    assert cost(entry(answer(10, None)).cost) == "$0.00000+"
    assert tokens(entry(answer(None, "1")).tokens) == "0+"


def test_a_stream_that_was_cut_before_it_began_is_unknown_too():
    assert not entry(LLMStreamInterruptedError()).tokens.complete


def test_a_failed_attempt_without_an_answer_costs_nothing():
    assert tokens(entry(LLMServerError()).tokens) == "0"


def test_the_table_says_what_failed():
    failed = entry(answer(10, "0.1"))
    failed.failed = "LLMServerError"
    console = Console(file=io.StringIO(), width=80)
    console.print(results([failed]))
    assert "failed" in console.file.getvalue()
    assert "0/1 ok" in console.file.getvalue()


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


def test_the_stage_shows_an_interruption_without_any_text():
    console = Console(file=io.StringIO(), width=80)
    Stage(console).interrupted(LLMStreamInterruptedError())
    assert "0 words had arrived" in console.file.getvalue()
