"""`llm-adapter chat`: turns from a terminal or a pipe, and a history that travels."""

from __future__ import annotations

import builtins
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys

import pytest

from llm_adapter import cli
from llm_adapter.cli._turns import Turns
from llm_adapter.testing.emulator import Emulator, Reply, faults
from tests.command_line import KEY, Terminal, process
from tests.command_line import run as run

EVERYBODY = ("groq", "openai", "anthropic")


@pytest.fixture
def emulator(monkeypatch):
    with Emulator() as running:
        for name in EVERYBODY:
            monkeypatch.setenv(f"{name.upper()}_API_KEY", KEY)
            monkeypatch.setenv(f"{name.upper()}_BASE_URL", running.base_url(name))
        yield running


@pytest.fixture
def talk(monkeypatch, capsys):
    """Types lines at a terminal: the exit code, the answers, everything else.

    An exception among the lines is one that its key raises.
    """

    def talk(*lines, options=()):
        typed = iter(lines)
        prompts = []

        def read(prompt):
            prompts.append(prompt)
            line = next(typed, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line

        monkeypatch.setattr(builtins, "input", read)
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("sys.stdout", shown := Terminal())
        code = cli.main(["chat", *options])
        talk.prompts = prompts
        return code, shown.getvalue(), capsys.readouterr().err

    return talk


def history(seen):
    """What a request says of the conversation."""
    return [(each["role"], each["content"]) for each in seen.json["messages"]]


# -- in a pipe ------------------------------------------------------------------------


def test_each_line_of_a_pipe_is_a_turn(run, emulator):
    emulator.script(Reply(text="One."), Reply(text="Two."))
    assert run("chat", stdin=b"First\n\nSecond") == (0, "One.\nTwo.\n", "")
    assert history(emulator.seen[1]) == [
        ("user", "First"),
        ("assistant", "One."),
        ("user", "Second"),
    ]
    assert emulator.seen[0].json["stream"] is True


def test_options_go_into_every_turn(run, emulator):
    options = ("--provider", "groq:openai/gpt-oss-20b", "--system", "Be terse.")
    assert run("chat", *options, stdin=b"a\nb\n")[0] == 0
    for seen in emulator.seen:
        assert seen.json["model"] == "openai/gpt-oss-20b"
        assert history(seen)[0] == ("system", "Be terse.")


def test_json_prints_an_object_for_each_answer(run, emulator):
    emulator.script(Reply(text="Grüße."), Reply(text="Two."))
    code, printed, _ = run("chat", "--json", stdin=b"First\nSecond")
    assert code == 0
    first, second = map(json.loads, printed.splitlines())
    assert (first["text"], second["text"]) == ("Grüße.", "Two.")
    assert first["model"] == "openai/gpt-oss-120b"
    assert first["usage"]["total_tokens"] > 0


def test_first_error_ends_a_pipe(run, emulator):
    emulator.script(Reply(text="One."), faults.invalid_api_key())
    code, printed, said = run("chat", stdin=b"a\nb\nc\n")
    assert (code, printed) == (3, "One.\n")
    assert "Check the key" in said
    assert len(emulator.seen) == 2


def test_pipe_may_hold_commands(run, emulator):
    code, printed, said = run("chat", stdin=b"/model openai/gpt-oss-20b\n//x\n/usage\n")
    assert code == 0
    first, second = said.splitlines()
    assert first == "The model is openai/gpt-oss-20b."
    assert second.startswith("groq:openai/gpt-oss-20b: 1 answer, ")
    assert history(emulator.seen[0]) == [("user", "/x")]
    assert printed.endswith("\n")


def test_command_that_is_none_ends_a_pipe(run, emulator):
    code, _, said = run("chat", stdin=b"/nope\n")
    assert code == 2
    assert "There is no /nope: there are /provider, /model, " in said


def test_pipe_that_is_no_utf8_is_wrong_usage(run, emulator):
    code, _, said = run("chat", stdin=b"\xef\xbb\xbfHi\nb\xff\n")
    assert code == 2
    assert "Line 2 of the input is not UTF-8: byte 0xff at column 2." in said
    assert history(emulator.seen[0]) == [("user", "Hi")]


def test_end_of_a_pipe_ends_a_turn(run, emulator):
    assert run("chat", stdin=b'"""\na\nb')[0] == 0
    assert history(emulator.seen[0]) == [("user", "\na\nb")]


def test_missing_key_is_told_before_the_first_turn(run):
    code, printed, said = run("chat", stdin=b"Hi\n")
    assert (code, printed) == (3, "")
    assert "GROQ_API_KEY" in said


def test_wrong_value_is_wrong_usage(run, emulator):
    assert run("chat", "--max-tokens", "0", stdin=b"Hi\n")[0] == 2


def test_closed_standard_input_is_an_empty_one(emulator, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert cli.main(["chat"]) == 0


def test_ctrl_c_ends_a_pipe(emulator):
    emulator.always(Reply(text="one two", stop_at="before_finish", stop="stall"))
    with process("chat", stdin=subprocess.PIPE) as running:
        running.stdin.write("Hi\n")
        running.stdin.flush()
        assert running.stdout.read(7) == "one two"
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 130


# -- turns ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "turn"),
    [
        (["a"], "a"),
        (["a\\", "b"], "a\nb"),
        (["a\\", "b\\", ""], "a\nb\n"),
        (['"""', "a", "b", '"""'], "\na\nb\n"),
        (['"""a', 'b"""'], "a\nb"),
        (['"""a"""'], "a"),
        (['"""a\\', "/b", '"""'], "a\\\n/b\n"),
    ],
)
def test_lines_that_go_on_become_one_turn(lines, turn):
    turns = Turns()
    assert [turns.feed(line) for line in lines] == [None] * (len(lines) - 1) + [turn]
    assert not turns.is_open


# -- at a terminal --------------------------------------------------------------------


def test_ctrl_d_leaves(talk, emulator):
    emulator.script(Reply(text="One."))
    code, shown, said = talk("Hi")
    assert code == 0
    assert shown == "One.\n\n"
    assert said.startswith("You talk with groq; /help lists the commands.")


def test_prompt_says_that_a_turn_goes_on(talk, emulator):
    talk("a\\", "b")
    assert talk.prompts == ["> ", "... ", "> "]
    assert history(emulator.seen[0]) == [("user", "a\nb")]


def test_ctrl_c_at_the_prompt_forgets_what_has_begun(talk, emulator):
    code, _, said = talk("a\\", KeyboardInterrupt(), "b", KeyboardInterrupt())
    assert code == 0
    assert history(emulator.seen[0]) == [("user", "b")]
    assert said.count("Ctrl-D leaves.") == 1


def test_errors_do_not_end_it(talk, emulator):
    emulator.script(faults.context_length_exceeded(), Reply(text="Two."))
    code, shown, said = talk("a", "b", "/nope", "/save")
    assert (code, shown) == (0, "Two.\n\n")
    assert "Error: " in said
    assert "There is no /nope" in said
    assert "Name the file, as in /save talk.json." in said
    assert history(emulator.seen[1]) == [("user", "b")]


def test_stream_that_breaks_keeps_what_arrived(talk, emulator):
    cut = Reply(text="one two") | faults.truncated_stream("before_finish")
    emulator.script(cut, Reply(text="Yes."))
    shown = talk("a", "b")[1]
    assert shown == "one two\nYes.\n\n"
    assert ("assistant", "one two") in history(emulator.seen[1])


def test_stream_that_breaks_before_its_text_leaves_no_turn(talk, emulator, monkeypatch):
    monkeypatch.setenv("LLM_MAX_RETRIES", "0")
    cut = Reply(text="one") | faults.truncated_stream("body")
    emulator.script(cut, Reply(text="Yes."))
    said = talk("a", "b", "/usage")[2]
    assert "Error: " in said
    assert history(emulator.seen[1]) == [("user", "b")]
    assert "1 answer, " in said


def test_blocked_answer_is_no_part_of_the_conversation(talk, emulator):
    emulator.script(Reply(text="", finish_reason="content_filter"), Reply(text="Yes."))
    said = talk("a", "b")[2]
    assert "A content policy blocked the answer" in said
    assert history(emulator.seen[1]) == [("user", "b")]


def test_provider_changes_in_mid_conversation(talk, emulator):
    emulator.script(Reply(text="One.", reasoning="Hm."), Reply(text="Two."))
    emulator.always(Reply(text="Three."))
    code, _, said = talk("a", "/provider anthropic", "b", "/provider groq", "c")
    assert code == 0
    assert "anthropic answers." in said
    first, second, third = emulator.seen
    assert "anthropic" in second.path
    told = json.dumps(second.json["messages"])
    assert "One." in told
    assert "Hm." not in told
    assert [text for _, text in history(third)] == ["a", "One.", "b", "Two.", "c"]
    assert first.json["model"] == third.json["model"]


def test_reasoning_items_travel_with_the_conversation(talk, emulator):
    talk("a", "b", options=("--provider", "openai"))
    kinds = [item.get("type") for item in emulator.seen[1].json["input"]]
    assert "reasoning" in kinds


def test_reasoning_items_travel_through_a_file(talk, emulator, tmp_path):
    path = tmp_path / "talk.json"
    options = ("--provider", "openai")
    talk("a", f"/save {path}", options=options)
    talk(f"/load {path}", "b", options=options)
    kinds = [item.get("type") for item in emulator.seen[1].json["input"]]
    assert "reasoning" in kinds


def test_reasoning_items_stay_behind_when_the_provider_changes(talk, emulator):
    talk("a", "/provider groq", "b", options=("--provider", "openai"))
    assert "encrypted_content" not in json.dumps(emulator.seen[1].json)


def test_provider_that_cannot_be_had_changes_nothing(talk, emulator):
    said = talk("/provider acme", "a", "/provider")[2]
    assert "Unknown LLM provider 'acme'" in said
    assert "groq answers." in said
    assert "/openai/v1/" in emulator.seen[0].path


def test_new_provider_has_its_own_model(talk, emulator):
    talk("/model groq/x", "/provider openai", "a")
    assert emulator.seen[0].json["model"] != "groq/x"


def test_model_that_no_request_takes_is_an_error(talk, emulator):
    said = talk("/model m\x1b", "/model")[2]
    assert "model is 'm\\x1b'" in said
    assert "The model is the usual one." in said


def test_system_is_set_and_removed(talk, emulator):
    said = talk("/system Be terse.", "a", "/system", "b")[2]
    assert history(emulator.seen[0])[0] == ("system", "Be terse.")
    assert history(emulator.seen[1])[0] == ("user", "a")
    assert "There are no instructions." in said


def test_reset_forgets_what_was_said(talk, emulator):
    talk("a", "/reset", "b")
    assert history(emulator.seen[1]) == [("user", "b")]


def test_save_and_load_bring_a_conversation_back(talk, emulator, tmp_path):
    path = tmp_path / "talk.json"
    emulator.script(Reply(text="Grüße.", reasoning="Hm."), Reply(text="Two."))
    talk("/system Be terse.", "a", f"/save {path}")
    assert "Grüße." in path.read_text(encoding="utf-8")
    said = talk(f"/load {path}", "b")[2]
    assert "The conversation has 2 messages." in said
    assert history(emulator.seen[1])[0] == ("system", "Be terse.")
    assert history(emulator.seen[1])[1:] == [
        ("user", "a"),
        ("assistant", "Grüße."),
        ("user", "b"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"messages": []}',
        b'{"system": 7, "messages": []}',
        b'{"system": null, "messages": [{"role": "ghost"}]}',
        b'{"system": null, "messages": [{"role": "user", "content": ["a"]}]}',
        b"[" * 100_000,
    ],
    ids=["empty", "list", "bytes", "keys", "system", "role", "parts", "deep"],
)
def test_file_without_a_conversation_changes_nothing(talk, emulator, tmp_path, content):
    path = tmp_path / "talk.json"
    path.write_bytes(content)
    code, _, said = talk("a", f"/load {path}", "b")
    assert code == 0
    assert "holds no conversation: " in said
    assert history(emulator.seen[1])[0] == ("user", "a")


def test_file_that_cannot_be_written_is_an_error(talk, emulator):
    said = talk("/save /no/such/talk.json")[2]
    assert "The conversation cannot be written to '/no/such/talk.json'" in said


@pytest.mark.parametrize("command", ["/save", "/load"])
def test_home_of_nobody_is_an_error(talk, emulator, command):
    code, _, said = talk(f"{command} ~no-such-user-7/x", "a")
    assert code == 0
    assert "Error: '~no-such-user-7/x' names the home of nobody" in said
    assert history(emulator.seen[0]) == [("user", "a")]


def test_missing_file_is_an_error(talk, emulator):
    assert "No such file or directory." in talk("/load no-such.json")[2]


def test_usage_tells_each_model(talk, emulator):
    emulator.always(Reply(text="Yes."))
    said = talk("/usage", "a", "b", "/provider anthropic", "c", "/usage")[2]
    assert "Nothing was used." in said
    assert "groq:openai/gpt-oss-120b: 2 answers, " in said
    assert "anthropic:claude-sonnet-5-5: 1 answer, " in said


def test_usage_tells_unknown_costs(talk, emulator):
    said = talk("a", "/usage", options=("--provider", "mock"))[2]
    assert "mock:mock-model: 1 answer, 4 tokens, $0, 1 of unknown cost" in said


def test_help_lists_the_commands(talk, emulator):
    said = talk("/help")[2]
    for name in ("provider", "model", "system", "reset", "save", "load", "usage"):
        assert f"/{name}" in said


def test_ctrl_c_stops_an_answer_and_keeps_what_arrived(talk, emulator, monkeypatch):
    """Ctrl-C comes while the third piece is written."""
    emulator.script(Reply(text="one two three"), Reply(text="Yes."))
    shown = Terminal()
    write, pieces = shown.write, []

    def interrupted(text):
        pieces.append(text)
        if len(pieces) == 3:
            raise KeyboardInterrupt
        return write(text)

    shown.write = interrupted
    monkeypatch.setattr("tests.core.test_cli_chat.Terminal", lambda: shown)
    code, _, said = talk("a", "b")
    assert code == 0
    assert "Stopped; what has arrived is a part of the conversation." in said
    assert history(emulator.seen[1])[0] == ("user", "a")
    assert history(emulator.seen[1])[1][1].startswith("one two")


def test_ctrl_c_before_the_first_word_claims_nothing(talk, emulator, monkeypatch):
    emulator.script(Reply(text="one"), Reply(text="Yes."))
    ask = iter([KeyboardInterrupt()])

    def open_(*arguments, **options):
        for error in ask:
            raise error
        return original(*arguments, **options)

    from llm_adapter._sync.session import Session

    original = Session.open
    monkeypatch.setattr(Session, "open", open_)
    said = talk("a", "b")[2]
    assert "Stopped; nothing has arrived." in said
    assert "is a part of the conversation" not in said
    assert history(emulator.seen[0]) == [("user", "b")]


def test_on_a_real_terminal_it_answers_and_ctrl_c_stops_it(emulator):
    stalled = Reply(text="one two", stop_at="before_finish", stop="stall")
    emulator.script(stalled, Reply(text="Yes."))
    here, there = pty.openpty()
    command = [sys.executable, "-m", "llm_adapter", "chat"]
    ends = {"stdin": there, "stdout": there, "stderr": there}
    with (
        subprocess.Popen(command, env={**os.environ, "TERM": "xterm"}, **ends) as runs,
        open(here, "r+b", buffering=0) as terminal,
    ):
        os.close(there)
        screen = Screen(here)
        screen.until(b"> ")
        terminal.write(b"Hi\n")
        screen.until(b"one two")
        runs.send_signal(signal.SIGINT)
        screen.until(b"> ")
        terminal.write(b"Still there?\n")
        screen.until(b"Yes.")
        screen.until(b"> ")
        terminal.write(b"\x04")
        assert runs.wait(30) == 0
    assert ("assistant", "one two") in history(emulator.seen[1])


class Screen:
    """What stands on a terminal, as far as nobody has looked at it."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._unseen = b""

    def until(self, wanted):
        """Look as far as that; the test fails when it does not come."""
        while wanted not in self._unseen:
            ready, _, _ = select.select([self._descriptor], [], [], 30)
            assert ready, f"{wanted} does not come after {self._unseen}"
            self._unseen += os.read(self._descriptor, 1_000)
        self._unseen = self._unseen.partition(wanted)[2]


def test_terminal_that_is_only_read_is_a_pipe(emulator, monkeypatch, capsys):
    given = io.TextIOWrapper(io.BytesIO(b"Hi\n"))
    given.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", given)
    assert cli.main(["chat"]) == 0
    assert "> " not in capsys.readouterr().out
