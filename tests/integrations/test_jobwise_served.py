"""JobWise served by one command, on both frameworks, and tried as a client would."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from examples.jobwise.scenario import reply_to
from examples.jobwise.web import serve, trial
from llm_adapter.testing.emulator import Emulator

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ("fastapi", "django")
SITE = "examples.jobwise.web.django_site"


def command(*arguments):
    return {
        "args": ["scripts/jobwise", *arguments],
        "cwd": ROOT,
        "env": {**os.environ, "LLM_ADAPTER_PYTHON": sys.executable},
        "text": True,
    }


def run(*arguments):
    """What the command ends with: its code, and what it says."""
    ended = subprocess.run(**command(*arguments), capture_output=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def test_each_framework_answers_alike_with_one_command():
    tried = [run(each, "--try") for each in FRAMEWORKS]
    assert [(code, said) for code, _, said in tried] == [(0, "")] * 2
    first, second = (shown.splitlines() for _, shown, _ in tried)
    assert [line.split()[0] for line in first[1:]] == [
        "/style/extract",
        "/profile/enhance",
        "/content/rank",
        "/cover-letter",
        "/cover-letter/stream",
        "/usage",
    ]
    assert first[1:] == second[1:]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_is_served_until_ctrl_c(framework):
    arguments = command(framework, "--port", "0")
    with subprocess.Popen(**arguments, stdout=-1, stderr=-1) as running:
        try:
            shown = running.stdout.readline()
            while "Ctrl-C" not in shown:
                shown += running.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+", shown)[0]
            headers = {"X-User-Id": "mira"}
            usage = httpx.get(f"{url}/usage", headers=headers).json()
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=60)[1]
        finally:
            running.terminate()
    assert shown.count(f"  curl {url}/") == 3
    assert usage["total_tokens"] == 0
    assert (running.returncode, said) == (0, "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_real_provider_is_asked_with_a_key(framework, monkeypatch, tmp_path):
    with Emulator(on_request=lambda seen: real.script(reply_to(seen))) as real:
        monkeypatch.setenv("GROQ_API_KEY", "gsk_of_mira")
        monkeypatch.setenv("GROQ_BASE_URL", real.base_url("groq"))
        monkeypatch.setenv("LLM_LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
        code, shown, said = run(framework, "--live", "groq", "--try")
        keys = {seen.headers["authorization"] for seen in real.seen}
    assert (code, said) == (0, "")
    assert "groq itself" in shown
    assert keys == {"Bearer gsk_of_mira"}
    assert "gsk_of_mira" not in shown
    assert (tmp_path / "ledger.db").exists()


def test_settings_of_the_environment_do_not_reach_the_emulated_one(monkeypatch):
    monkeypatch.setenv("LLM_MODEL_CONTENT_RANKING", "openai:gpt-6-luna")
    monkeypatch.setenv("LLM_PROVIDER", "nobody")
    assert run("fastapi", "--try")[0] == 0


def test_live_without_a_key_says_what_to_set():
    code, shown, said = run("fastapi", "--live", "openai")
    assert (code, shown) == (3, "")
    assert "set OPENAI_API_KEY (https://" in said


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, shown, said = run("django", "--port", port)
    assert (code, shown) == (1, "")
    assert "choose another --port" in said


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_server_that_does_not_start_is_told(framework, monkeypatch):
    monkeypatch.setitem(serve.SERVERS, framework, ("no_such_server",))
    assert serve.main([framework, "--try"]) == 1


def answering(status, text):
    def answer(request):
        return httpx.Response(status, text=text)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://app")


@pytest.mark.parametrize(
    ("status", "text", "why"),
    [
        (500, "Broken.", "/style/extract answered 500: Broken."),
        (200, '{"tone": "angry"}', "validation errors for Style"),
    ],
)
def test_trying_says_what_was_wrong(status, text, why):
    told = []
    with answering(status, text) as client:
        assert not trial.tried(client, told.append)
    assert len(told) == 1
    assert why in told[0]


def test_a_stream_that_was_cut_is_wrong():
    cut = 'event: text\ndata: {"text": "Dear"}\n\n'
    with answering(200, cut) as client, pytest.raises(trial.WrongAnswerError):
        trial._streamed(client, "/cover-letter/stream")


def test_the_tests_of_the_django_site_are_green():
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "test", SITE],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SECRET_KEY": "any",
            "DJANGO_SETTINGS_MODULE": f"{SITE}.settings",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^Ran 1\d tests", ended.stderr, re.MULTILINE)
