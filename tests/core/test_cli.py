"""The command line: what goes where, and which exit code a script sees."""

from __future__ import annotations

import io
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
from importlib import import_module

import httpx
import pytest

from llm_adapter import (
    LLMFactory,
    LLMResponse,
    LLMService,
    Settings,
    cli,
    errors,
)
from llm_adapter.cli._exits import EXITS, exit_code
from llm_adapter.testing.emulator import Reply, faults
from tests.command_line import KEY, Terminal, process
from tests.command_line import emulator as emulator
from tests.command_line import run as run

# -- answers --------------------------------------------------------------------------


def test_generate_prints_the_answer_and_nothing_else(run, emulator):
    emulator.script(Reply(text="Two rivers: Glomma\nand Nile."))
    assert run("generate", "Name two.") == (0, "Two rivers: Glomma\nand Nile.\n", "")


def test_generate_adds_no_line_feed_where_there_is_one(run, emulator):
    emulator.script(Reply(text="Glomma\n"))
    assert run("generate", "Name one.")[1] == "Glomma\n"


def test_generate_sends_what_the_options_say(run, emulator):
    options = ("--model", "openai/gpt-oss-20b", "--system", "Be terse.")
    numbers = ("--temperature", "0.7", "--max-tokens", "50", "--timeout", "9")
    assert run("generate", "Hi", "--provider", "groq", *options, *numbers)[0] == 0
    sent = emulator.seen[0].json
    assert sent["model"] == "openai/gpt-oss-20b"
    assert sent["messages"][0]["content"] == "Be terse."
    assert (sent["temperature"], sent["max_completion_tokens"]) == (0.7, 50)


def test_generate_takes_provider_and_model_in_one(run, emulator):
    run("generate", "Hi", "--provider", "groq:openai/gpt-oss-20b")
    assert emulator.seen[0].json["model"] == "openai/gpt-oss-20b"


def test_model_option_wins_over_the_one_in_provider(run, emulator):
    run("generate", "Hi", "--provider", "groq:groq/compound", "--model", "groq/x")
    assert emulator.seen[0].json["model"] == "groq/x"


def test_generate_asks_the_provider_of_the_environment(run, monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    assert run("generate", "Hi") == (0, "Mock LLM response\n", "")


@pytest.mark.parametrize("argument", [(), ("-",)])
def test_generate_reads_the_prompt_from_standard_input(run, emulator, argument):
    assert run("generate", *argument, stdin="Grüße\n".encode())[0] == 0
    assert emulator.seen[0].json["messages"][-1]["content"] == "Grüße\n"


def test_the_mark_that_windows_puts_before_utf8_is_no_part_of_the_prompt(run, emulator):
    run("generate", stdin="\ufeffHi".encode())
    assert emulator.seen[0].json["messages"][-1]["content"] == "Hi"


def test_json_prints_a_valid_object_for_other_programs(run, emulator):
    emulator.script(Reply(text='```json\n{"river": "Glåma"}\n```'))
    code, printed, said = run("generate", "A river as JSON", "--json")
    assert (code, json.loads(printed), said) == (0, {"river": "Glåma"}, "")
    assert "Glåma" in printed
    assert emulator.seen[0].json["response_format"] == {"type": "json_object"}


def test_json_is_escaped_where_the_output_is_not_unicode(run, emulator, monkeypatch):
    emulator.script(Reply(text='{"river": "Glåma 🚀"}'))
    ascii_output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", ascii_output)
    assert cli.main(["generate", "A river as JSON", "--json"]) == 0
    assert json.loads(ascii_output.buffer.getvalue()) == {"river": "Glåma 🚀"}


def test_text_is_escaped_where_the_output_is_not_unicode(run, emulator, monkeypatch):
    emulator.script(Reply(text="Glåma"))
    ascii_output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", ascii_output)
    assert cli.main(["generate", "A river"]) == 0
    assert ascii_output.buffer.getvalue() == b"Gl\\xe5ma\n"


def test_stream_prints_the_same_as_generate(run, emulator):
    emulator.script(Reply(text="one two three"))
    assert run("generate", "Count", "--stream") == (0, "one two three\n", "")
    assert emulator.seen[0].json["stream"] is True


def test_stream_prints_each_piece_at_once(emulator):
    emulator.script(Reply(text="one two three", stop_at="before_finish", stop="stall"))
    with process("generate", "Count", "--stream", env=os.environ) as running:
        assert running.stdout.read(13) == "one two three"


# -- notes ----------------------------------------------------------------------------


def test_verbose_shows_model_tokens_cost_attempts_and_waits(run, emulator):
    emulator.script(faults.rate_limited("0.1"), Reply(text="Hi", usage={"x": 1}))
    code, printed, said = run("generate", "Hello", "--verbose")
    assert (code, printed) == (0, "Hi\n")
    retry, summary = said.splitlines()
    assert "attempt 1 failed (LLMRateLimitError, HTTP 429); waiting 0.1" in retry
    assert summary.startswith("openai/gpt-oss-120b on groq · ")
    assert " tokens (" in summary
    assert " · $0.0000" in summary
    assert " · 2 attempts · " in summary


def test_notes_appear_on_a_terminal(run, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert run("generate", "Hi", "--provider", "mock")[:2] == (0, "Mock LLM response\n")
    assert "mock-model on mock · 4 tokens (1 in, 3 out)" in terminal.getvalue()


def test_a_color_switch_alone_brings_no_notes(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run("generate", "Hi", "--provider", "mock")[2] == ""


def test_verbose_says_that_the_answer_was_cut(run, emulator):
    said = run("generate", "Hi", "--max-tokens", "3", "--verbose")[2]
    assert "Warning: the answer was cut at its token limit" in said


def test_verbose_shows_the_warnings_of_a_response(run, emulator):
    emulator.script(Reply(text="Hi"))
    said = run("generate", "Hi", "--model", "llama-3.1-8b-instant", "-v")[2]
    assert "Warning: The model llama-3.1-8b-instant was retired" in said


def test_a_summary_says_what_is_unknown(run, monkeypatch):
    class Silent(LLMService):
        def generate(self, request, **overrides):
            return LLMResponse("Hi", "m")

        def get_provider_name(self):
            return "silent"

        def get_available_models(self):
            return []

    monkeypatch.setattr(LLMFactory, "_registered", {"silent": Silent})
    said = run("generate", "Hi", "--provider", "silent", "-v")[2]
    assert said == "m · tokens unknown · cost unknown · 1 attempt · 0.0 s\n"


def test_the_log_is_as_it_was_afterwards(run):
    logger = logging.getLogger("llm_adapter")
    before = logger.level, list(logger.handlers)
    run("generate", "Hi", "--provider", "mock", "-v")
    assert (logger.level, logger.handlers) == before


def test_control_characters_reach_files_but_no_terminal(run, emulator, monkeypatch):
    sly = "\x1b]0;title\x07safe\r\n"
    emulator.script(Reply(text=sly), Reply(text=sly))
    assert run("generate", "Hi")[1] == sly
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    assert cli.main(["generate", "Hi"]) == 0
    assert terminal.getvalue() == "]0;titlesafe\n"


# -- exit codes -----------------------------------------------------------------------

CODES = {
    errors.LLMServiceError: 1,
    errors.LLMConfigurationError: 3,
    errors.LLMUnsupportedFeatureError: 1,
    errors.LLMConnectionError: 5,
    errors.LLMTimeoutError: 5,
    errors.LLMAPIError: 1,
    errors.LLMAuthenticationError: 3,
    errors.LLMPermissionError: 3,
    errors.LLMModelNotFoundError: 1,
    errors.LLMBadRequestError: 1,
    errors.LLMContextLengthError: 1,
    errors.LLMContentPolicyError: 7,
    errors.LLMRateLimitError: 4,
    errors.LLMQuotaExceededError: 4,
    errors.LLMServerError: 1,
    errors.LLMOverloadedError: 1,
    errors.LLMInvalidResponseError: 6,
    errors.LLMStreamInterruptedError: 6,
    errors.LLMBudgetExceededError: 1,
}


def test_every_error_of_the_family_has_its_exit_code():
    family = {getattr(errors, name) for name in errors.__all__ if "Error" in name}
    assert CODES.keys() == family - {errors.ErrorDetails}
    assert {kind: exit_code(kind()) for kind in CODES} == CODES


def test_help_lists_every_exit_code(run):
    code, printed, said = run("generate", "--help")
    assert (code, said) == (0, "")
    for row in EXITS:
        assert f"{row.code:>3}  {row.meaning}" in printed


@pytest.mark.parametrize(
    ("code", "reply", "options", "said"),
    [
        (1, faults.model_not_found(), (), "no-such-model"),
        (1, faults.context_length_exceeded(), (), "Shorten the prompt"),
        (3, faults.invalid_api_key(), (), "Check the key"),
        (4, faults.quota_exhausted(), (), "plan and billing"),
        (4, faults.rate_limited("3600"), (), "Retry after 3600 s."),
        (5, faults.stall(), ("--timeout", "0.2"), "timeout of 0.2 s"),
        (6, Reply(text='{"a": '), ("--json",), "not valid JSON"),
        (6, faults.json_validate_failed(), ("--json",), "Failed to generate JSON"),
        (6, faults.truncated_stream(), ("--stream",), "stream ended before"),
        (7, faults.status(400, "No.", code_="content_filter"), (), "No."),
        (7, Reply(text="", finish_reason="content_filter"), (), "content policy"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    run, emulator, code, reply, options, said
):
    emulator.always(reply)
    ended, _, line = run("generate", "Hi JSON", *options)
    assert ended == code
    assert line.startswith("Error: ")
    assert line.count("\n") == 1
    assert said in line


def test_a_missing_key_says_which_variable_to_set(run):
    code, printed, said = run("generate", "Hi")
    assert (code, printed) == (3, "")
    assert "set the environment variable GROQ_API_KEY" in said


def test_an_unknown_provider_names_the_known_ones(run):
    code, _, said = run("generate", "Hi", "--provider", "acme")
    assert code == 3
    assert "Known are: anthropic, " in said


def test_no_connection_is_exit_code_5(run, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    monkeypatch.setenv("GROQ_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LLM_MAX_RETRIES", "0")
    assert run("generate", "Hi")[0] == 5


def test_a_refusal_shows_the_words_of_the_model(run, monkeypatch):
    refused = LLMResponse("", "m", finish_reason="content_filter", refusal="I may not.")
    monkeypatch.setattr(
        "llm_adapter._sync.mock.MockLLMService.generate", lambda *_, **__: refused
    )
    code, _, said = run("generate", "Hi", "--provider", "mock")
    assert code == 7
    assert "The model said: I may not." in said


def test_what_arrived_of_a_cut_stream_is_printed_as_a_line(run, emulator):
    emulator.script(Reply(text="one two") | faults.truncated_stream("before_finish"))
    code, printed, said = run("generate", "Count", "--stream")
    assert (code, printed) == (6, "one two\n")
    assert said.startswith("Error: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("generate", "a", "b"), "unexpected extra argument (b)"),
        (("generate", "a", "--bogus"), "--bogus"),
        (("generate", "a", "--json", "--stream"), "exclude each other"),
        (("generate", "a", "--max-tokens", "many"), "--max-tokens"),
        (("generate", "a", "--max-tokens", "0"), "max_tokens is 0"),
        (("generate", "a", "--temperature", "nan"), "temperature is nan"),
        (("generate", "a", "--temperature", "-1"), "temperature is -1.0"),
        (("generate", "a", "--timeout", "inf"), "timeout is inf"),
        (("generate", "a", "--model", "m\x1b"), "model is 'm\\x1b'"),
        (("generate", " \n"), "The prompt is empty."),
        (("generate",), "The prompt is empty."),
        (("bogus",), "bogus"),
        (("--bogus",), "Try 'llm-adapter --help'."),
        (("emulator", "--port", "70000"), "--port"),
        (("emulator", "--chance", "2"), "--chance"),
        (("emulator", "--chance", "nan"), "nan is not a number"),
        (("emulator", "--latency", "-1"), "--latency"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run, monkeypatch, arguments, said):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    code, printed, line = run(*arguments)
    assert (code, printed) == (2, "")
    assert said in line
    assert "--help'." in line
    assert line.count("\n") == 1


def test_text_that_is_no_unicode_is_wrong_usage(run, emulator):
    code, _, said = run("generate", "caf\udce9")
    assert code == 2
    assert "not valid Unicode" in said
    assert emulator.seen == ()


def test_input_that_is_not_utf8_is_wrong_usage(run):
    code, _, said = run("generate", stdin=b"caf\xe9")
    assert code == 2
    assert "not UTF-8: byte 0xe9 at offset 3" in said


@pytest.mark.parametrize("stdin", [Terminal(), None], ids=["terminal", "closed"])
def test_without_prompt_and_pipe_it_says_what_to_do(capsys, monkeypatch, stdin):
    monkeypatch.setattr("sys.stdin", stdin)
    assert cli.main(["generate"]) == 2
    assert "give it as an argument, or through a pipe" in capsys.readouterr().err


def test_a_wrong_setting_is_exit_code_3(run, monkeypatch):
    monkeypatch.setenv("LLM_TIMEOUT_SECONDS", "soon")
    code, _, said = run("generate", "Hi")
    assert code == 3
    assert "LLM_TIMEOUT_SECONDS is 'soon'" in said


@pytest.mark.parametrize("options", [(), ("--json",), ("--stream",)])
@pytest.mark.parametrize(
    "reply",
    [Reply(text="{}"), faults.status(400, f"bad key {KEY}"), faults.html(401, KEY)],
    ids=["answer", "error", "page"],
)
def test_the_key_is_never_shown(run, emulator, options, reply):
    emulator.always(reply)
    _, printed, said = run("generate", "JSON", "--verbose", *options)
    assert KEY not in printed + said


def test_no_option_takes_a_key(run):
    for command in ("generate", "emulator"):
        assert "key" not in [
            word.strip("-")
            for word in run(command, "--help")[1].lower().split()
            if word.startswith("--")
        ]


# -- the group ------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_the_commands(run, arguments):
    code, printed, said = run(*arguments)
    assert (code, said) == (0, "")
    assert "generate" in printed
    assert "emulator" in printed


def test_version(run):
    assert run("--version")[:2] == (0, "llm-adapter, version 0.1.0\n")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_extra_is_named(capsys, monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("llm_adapter.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert cli.main(["generate", "Hi"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: the command line needs {missing}")
    assert "pip install 'llm-adapter[cli]'" in said


def test_another_missing_module_is_a_bug_and_not_hidden(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("llm_adapter.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "llm_adapter.pricing", None)
    monkeypatch.setitem(sys.modules, "llm_adapter.cli._generate", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["generate", "Hi"])


# -- processes ------------------------------------------------------------------------


def test_the_module_runs_as_a_program():
    with process("generate", "Hi", "--provider", "mock") as running:
        assert running.communicate(timeout=30) == ("Mock LLM response\n", "")
    assert running.returncode == 0


def test_importing_the_program_runs_nothing(capsys):
    import_module("llm_adapter.__main__")
    assert capsys.readouterr().out == ""


def test_the_exit_code_reaches_the_shell():
    with process("generate", "Hi") as running:
        assert "GROQ_API_KEY" in running.communicate(timeout=30)[1]
    assert running.returncode == 3


def test_a_reader_that_goes_away_ends_it_quietly(emulator):
    text = "line\n" * 100_000
    emulator.script(Reply(text=text, deltas=1))
    with process("generate", "Hi") as running:
        assert running.stdout.readline() == "line\n"
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(30) == 141


def test_a_reader_that_goes_away_ends_a_stream_and_its_connection(emulator):
    emulator.script(Reply(text="line\n" * 2_000, interval=0.005))
    with process("generate", "Hi", "--stream") as running:
        assert running.stdout.readline() == "line\n"
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(30) == 141
    assert emulator.wait_for(lambda counts: counts.aborted_by_client == 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_a_full_disk_is_an_error_and_no_traceback():
    with (
        open("/dev/full", "w") as full,
        process("generate", "Hi", "--provider", "mock", stdout=full) as running,
    ):
        said = running.stderr.read()
        assert running.wait(30) == 1
    assert said == "Error: The output cannot be written: No space left on device.\n"


def shell(script, **options):
    """A script, in which $0 is Python: its exit code, and standard error."""
    command = ["sh", "-c", script, sys.executable]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)
    return ended.returncode, ended.stderr


def test_closed_output_is_an_error():
    ended = shell('"$0" -m llm_adapter generate Hi --provider mock >&-')
    assert ended == (1, "Error: The output cannot be written: it is closed.\n")


def test_closed_outputs_end_without_a_word():
    script = '"$0" -m llm_adapter generate Hi --provider mock >&- 2>&-'
    assert shell(script) == (1, "")


def test_closed_standard_error_is_no_error():
    script = '"$0" -m llm_adapter generate Hi --provider mock 2>&- >/dev/null'
    assert shell(script) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_help_on_a_full_disk_is_an_error_and_no_traceback():
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    code, said = shell('"$0" -m llm_adapter --help >/dev/full', env=buffered)
    assert (code, said) == (1, "Error: The system says: No space left on device.\n")


def test_help_whose_reader_goes_away_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as output, process("--help", stdout=output) as running:
        said = running.stderr.read()
        assert (running.wait(30), said) == (141, "")


def test_directory_that_is_gone_is_an_error_and_no_traceback(
    run, emulator, tmp_path, monkeypatch
):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code, _, said = run("map", "-", "-o", "out.jsonl", stdin=b'"a"')
    assert (code, said) == (
        1,
        "Error: The working directory is gone: change to another one.\n",
    )


def no_such_file(*arguments, **options):
    raise FileNotFoundError(2, "No such file", "x")


@pytest.mark.parametrize("output", [Terminal(), None], ids=["open", "closed"])
def test_error_of_the_system_names_the_file(capsys, monkeypatch, output):
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setattr("rich.console.Console.__init__", no_such_file)
    assert cli.main(["generate", "Hi", "--provider", "mock"]) == 1
    said = capsys.readouterr().err
    assert said == "Error: The system says: No such file: 'x'.\n"


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="Linux has it")
@pytest.mark.parametrize("command", ["generate", "chat"])
def test_standard_input_that_fails_is_an_error(emulator, capsys, monkeypatch, command):
    with open("/proc/self/mem", "rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert cli.main([command]) == 1
    said = capsys.readouterr().err
    assert said == "Error: Standard input cannot be read: Input/output error.\n"


class Interrupts:
    """Ctrl-C while a module is loaded."""

    def find_spec(self, name, path, target=None):
        if name == "llm_adapter.cli._app":
            raise KeyboardInterrupt


def test_ctrl_c_while_it_starts_ends_with_130(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "llm_adapter.cli._app", raising=False)
    monkeypatch.setattr("sys.meta_path", [Interrupts(), *sys.meta_path])
    assert cli.main(["--version"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("options", [(), ("--stream",)])
def test_ctrl_c_ends_with_130(emulator, options):
    emulator.always(Reply(text="one two", stop_at="before_finish", stop="stall"))
    with process("generate", "Count", *options) as running:
        assert emulator.wait_for(lambda counts: counts.requests == 1, 30)
        if options:
            assert running.stdout.read(7) == "one two"
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[1]
    assert (running.returncode, said.strip()) == (130, "")


# -- the emulator ---------------------------------------------------------------------


def started(running):
    """The variables that an emulator tells when it has started."""
    lines = iter(running.stdout.readline, "")
    exports = (line.split()[1].split("=") for line in lines if "export" in line)
    return dict(itertools.islice(exports, 7))


def test_the_emulator_tells_how_to_reach_each_provider():
    with process("emulator", "--port", "0") as running:
        told = started(running)
    host = told["OPENAI_BASE_URL"].removesuffix("/v1")
    assert told == {
        "GROQ_BASE_URL": f"{host}/openai/v1",
        "GROQ_API_KEY": "any-key-will-do",
        "OPENAI_BASE_URL": f"{host}/v1",
        "OPENAI_API_KEY": "any-key-will-do",
        "ANTHROPIC_BASE_URL": f"{host}/anthropic",
        "ANTHROPIC_API_KEY": "any-key-will-do",
        "LOCAL_LLM_BASE_URL": f"{host}/local/v1",
    }


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_emulator_answers_until_it_is_told_to_end(end):
    with process("emulator", "--port", "0") as running:
        told = started(running)
        settings = Settings(
            groq_api_key=told["GROQ_API_KEY"], groq_base_url=told["GROQ_BASE_URL"]
        )
        with LLMFactory.create("groq", settings=settings) as llm:
            assert llm.generate("Hi").text
            llm.stream("Hi\x1b[31m", model="openai/gpt-oss-20b").__enter__().close()
        running.send_signal(end)
        said = running.communicate(timeout=30)[1]
    assert running.returncode == 0
    first, second = said.splitlines()
    assert first.endswith(" POST /openai/v1/chat/completions openai/gpt-oss-120b")
    assert second.endswith("/chat/completions openai/gpt-oss-20b streamed")


def test_the_log_of_the_emulator_shows_no_secret():
    with process("emulator", "--port", "0") as running:
        url = started(running)["GROQ_BASE_URL"]
        secret = {"authorization": f"Bearer {KEY}"}
        httpx.get(f"{url}/models?key={KEY}", headers=secret)
        httpx.post(f"{url}/chat/completions", json={"model": [f"{KEY}"]})
        running.terminate()
        said = running.communicate(timeout=30)[1]
    assert KEY not in said.splitlines()[0]
    assert said.splitlines()[0].endswith(" GET /openai/v1/models")


def test_the_emulator_goes_on_when_nobody_reads_its_log():
    with process("emulator", "--port", "0") as running:
        url = started(running)["GROQ_BASE_URL"]
        running.stderr.close()
        statuses = [httpx.get(f"{url}/models").status_code for _ in range(3)]
        running.terminate()
        assert running.wait(30) == 0
    assert statuses == [401] * 3


def test_the_emulator_ends_when_nobody_reads_where_it_is():
    with process("emulator", "--port", "0") as running:
        running.stdout.close()
        assert running.wait(30) == 141


def test_the_emulator_warns_when_others_can_reach_it():
    with process("emulator", "--port", "0", "--host", "0.0.0.0") as running:
        assert "Warning: whoever can reach" in running.stderr.readline()
        running.terminate()
        assert running.wait(30) == 0


def test_the_emulator_says_when_the_port_is_taken(run, emulator):
    port = emulator.url.rpartition(":")[2]
    code, printed, said = run("emulator", "--port", port)
    assert (code, printed) == (1, "")
    assert said.startswith(
        f"Error: The emulator cannot listen at 127.0.0.1, port {port}"
    )
    assert "Choose another --host or --port." in said
