"""`llm-adapter map`: a line for each row, in order, whatever happens in between."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from llm_adapter import cli
from llm_adapter.testing.emulator import Reply, faults
from tests.command_line import KEY, Terminal, process
from tests.command_line import emulator as emulator
from tests.command_line import run as run

GOOD = Reply(text="Hi")


@pytest.fixture
def source(tmp_path):
    """Writes an input: its path."""

    def source(*rows, name="in.jsonl"):
        path = tmp_path / name
        lines = (row if isinstance(row, bytes) else encoded(row) for row in rows)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return path

    return source


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out.jsonl"


def encoded(row):
    return json.dumps(row, ensure_ascii=False).encode()


def prompts(count, start=0):
    return [{"id": f"r{n}", "prompt": f"Say {n}"} for n in range(start, count)]


def beside(path):
    return path.with_name(f"{path.name}.retry")


def read(path):
    """The lines of an output."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def asked(emulator):
    """What was asked for, in the order of its arrival."""
    return [seen.json["messages"][-1]["content"] for seen in emulator.seen]


# -- lines ----------------------------------------------------------------------------


def test_each_row_has_its_line_in_order(run, emulator, source, target):
    path = source(*prompts(40))
    code, printed, said = run("map", str(path), "-o", str(target))
    assert (code, printed) == (0, "")
    assert "40 rows: 40 answered, 0 failed; " in said
    lines = read(target)
    assert [line["index"] for line in lines] == list(range(40))
    assert [line["id"] for line in lines] == [f"r{n}" for n in range(40)]
    assert sorted(asked(emulator)) == sorted(f"Say {n}" for n in range(40))


def test_line_tells_what_the_answer_took(run, emulator, source, target):
    emulator.script(Reply(text="Grüße 🚀"))
    run("map", str(source("Hi")), "-o", str(target))
    [line] = read(target)
    assert line["text"] == "Grüße 🚀"
    assert line["model"] == "openai/gpt-oss-120b"
    assert line["usage"]["total_tokens"] > 0
    assert line["cost"].startswith("0.0000")
    assert line.keys() == {"index", "row", "text", "model", "usage", "cost"}
    assert "Grüße 🚀".encode() in target.read_bytes()


def test_half_a_character_of_an_id_is_written_as_an_escape(
    run, emulator, source, target
):
    emulator.always(Reply(text="Grüße"))
    path = source(b'{"id": "\\ud800", "prompt": "a"}')
    assert run("map", str(path), "-o", str(target))[0] == 0
    assert b'"id": "\\ud800"' in target.read_bytes()
    assert read(target)[0]["text"] == "Grüße"


def test_order_is_kept_when_answers_come_in_another(run, emulator, source, target):
    slow = Reply(text="slow") | faults.slow_first_byte(0.3)
    emulator.script(slow, *[GOOD] * 19)
    run("map", str(source(*prompts(20))), "-o", str(target))
    lines = read(target)
    assert [line["index"] for line in lines] == list(range(20))
    assert [line["text"] for line in lines].count("slow") == 1


def test_without_an_output_lines_go_to_standard_output(run, emulator, source):
    emulator.always(GOOD)
    code, printed, _ = run("map", str(source("a", "b")))
    assert code == 0
    assert [json.loads(line)["text"] for line in printed.splitlines()] == ["Hi", "Hi"]


def test_lines_are_escaped_where_the_output_is_not_unicode(
    run, emulator, source, monkeypatch
):
    emulator.always(Reply(text="Glåma"))
    ascii_output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", ascii_output)
    assert cli.main(["map", str(source("a"))]) == 0
    assert json.loads(ascii_output.buffer.getvalue())["text"] == "Glåma"


def test_input_may_be_standard_input(run, emulator):
    emulator.always(GOOD)
    code, printed, _ = run("map", "-", stdin=b'"a"\n\n{"prompt": "b"}')
    assert code == 0
    assert [json.loads(line)["index"] for line in printed.splitlines()] == [0, 1]


def test_csv_is_told_by_its_name(run, emulator, source, target):
    emulator.always(GOOD)
    path = source(b"id,prompt", b'7,"two\nlines"', name="in.CSV")
    assert run("map", str(path), "-o", str(target))[0] == 0
    assert asked(emulator) == ["two\nlines"]
    assert read(target)[0]["id"] == "7"


def test_format_may_be_said(run, emulator):
    emulator.always(GOOD)
    assert run("map", "-", "--format", "csv", stdin=b"prompt\nHi\n")[0] == 0
    assert asked(emulator) == ["Hi"]


def test_column_says_where_the_prompt_is(run, emulator, source):
    emulator.always(GOOD)
    run("map", str(source({"text": "Hi", "prompt": "no"})), "--column", "text")
    assert asked(emulator) == ["Hi"]


def test_template_makes_the_prompt(run, emulator, source):
    emulator.always(GOOD)
    path = source({"text": "Hi", "n": 2})
    run("map", str(path), "--template", "Say {text} {n} times, {{so}}")
    assert asked(emulator) == ["Say Hi 2 times, {so}"]


def test_options_go_into_every_request(run, emulator, source):
    emulator.always(GOOD)
    options = ("--system", "Be terse.", "--model", "groq/x", "--max-tokens", "9")
    run("map", str(source("a")), *options)
    sent = emulator.seen[0].json
    assert sent["messages"][0]["content"] == "Be terse."
    assert (sent["model"], sent["max_completion_tokens"]) == ("groq/x", 9)


def test_limit_takes_the_first_rows(run, emulator, source, target):
    path = source(*prompts(9))
    assert run("map", str(path), "-o", str(target), "--limit", "2")[0] == 0
    assert len(read(target)) == 2
    assert run("map", str(path), "-o", str(target), "--limit", "4")[0] == 0
    assert len(emulator.seen) == 4
    assert run("map", str(path), "-o", str(target), "--limit", "3")[0] == 0
    assert len(read(target)) == 4


def test_empty_input_has_an_empty_output(run, emulator, source, target):
    assert run("map", str(source()), "-o", str(target))[0] == 0
    assert target.read_bytes() == b""


def test_json_puts_objects_in_the_lines(run, emulator, source, target):
    emulator.script(Reply(text='{"a": 1}'))
    assert run("map", str(source("JSON")), "-o", str(target), "--json")[0] == 0
    assert read(target)[0]["data"] == {"a": 1}


def test_schema_is_sent_and_implies_json(run, emulator, source, tmp_path):
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "properties": {}}')
    emulator.script(Reply(text='{"a": 1}'))
    printed = run("map", str(source("x")), "--schema", str(schema))[1]
    assert json.loads(printed)["data"] == {"a": 1}
    assert emulator.seen[0].json["response_format"]["type"] == "json_schema"


def test_calls_at_once_are_bounded(run, emulator, source):
    emulator.always(GOOD | faults.slow_first_byte(0.05))
    assert run("map", str(source(*prompts(12))), "--at-once", "3")[0] == 0
    assert emulator.counts.max_in_flight == 3


# -- errors ---------------------------------------------------------------------------


def test_row_that_fails_has_its_error_and_the_others_their_answers(
    run, emulator, source, target
):
    emulator.script(GOOD, faults.context_length_exceeded(), GOOD)
    code, _, said = run(
        "map", str(source(*prompts(3))), "-o", str(target), "--at-once", "1"
    )
    assert code == 8
    assert "3 rows: 2 answered, 1 failed" in said
    first, second, third = read(target)
    assert (first["text"], third["text"]) == ("Hi", "Hi")
    assert second["error"]["type"] == "LLMContextLengthError"
    assert second["error"]["status"] == 400
    assert second["id"] == "r1"
    assert "text" not in second


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"{", "Line 2: it is not JSON: Expecting property name"),
        (b"7", "it is a JSON int, not an object or a string"),
        (b"[" * 100_000, "it is no JSON that can be read"),
        (b'{"text": "a"}', "there is no field 'prompt': the row has text"),
        (b'{"id": NaN, "prompt": "a"}', "NaN is no number that JSON can hold"),
        (b'{"id": 1e999, "prompt": "a"}', "1e999 is no number that JSON can hold"),
        (b"{}", "there is no field 'prompt': the row is empty"),
        (b'" "', "the prompt is empty"),
        (b'"\\ud800"', "not valid Unicode"),
    ],
    ids=["cut", "number", "deep", "field", "nan", "inf", "empty", "blank", "half"],
)
def test_bad_row_is_a_line_with_an_error(run, emulator, source, target, row, said):
    emulator.always(GOOD)
    code = run("map", str(source("a", row, "b")), "-o", str(target))[0]
    assert code == 8
    first, second, third = read(target)
    assert (first["text"], third["text"]) == ("Hi", "Hi")
    assert second["error"]["type"] == "InvalidRow"
    assert said in second["error"]["message"]


def test_answer_that_is_no_json_is_an_error_that_tells_its_cost(
    run, emulator, source, target
):
    emulator.script(Reply(text="no JSON"))
    assert run("map", str(source("x")), "-o", str(target), "--json")[0] == 8
    [line] = read(target)
    assert line["error"]["type"] == "LLMInvalidResponseError"
    assert line["text"] == "no JSON"
    assert line["cost"] is not None


def test_blocked_answer_is_an_error(run, emulator, source, target):
    emulator.script(Reply(text="", finish_reason="content_filter"))
    assert run("map", str(source("x")), "-o", str(target))[0] == 8
    [line] = read(target)
    assert line["error"]["type"] == "LLMContentPolicyError"
    assert line["finish_reason"] == "content_filter"


def test_error_that_all_rows_would_meet_ends_it(run, emulator, source, target):
    emulator.script(GOOD, faults.invalid_api_key())
    emulator.always(faults.invalid_api_key())
    code, _, said = run(
        "map", str(source(*prompts(500))), "-o", str(target), "--at-once", "1"
    )
    assert code == 3
    assert "Check the key" in said
    assert len(read(target)) == 1
    assert len(emulator.seen) < 10


def test_missing_key_leaves_no_output(run, source, target):
    assert run("map", str(source("a")), "-o", str(target))[0] == 3
    assert not target.exists()


def test_the_key_is_never_shown(run, emulator, source, target):
    emulator.always(faults.status(400, f"bad key {KEY}"))
    _, printed, said = run("map", str(source("a")), "-o", str(target))
    assert KEY not in printed + said + target.read_text()


def test_text_that_is_no_utf8_ends_it_after_the_rows_before(
    run, emulator, source, target
):
    emulator.always(GOOD)
    path = source("a", b'"\xff"', "b")
    code, _, said = run("map", str(path), "-o", str(target))
    assert code == 2
    assert "Line 2 of the input is not UTF-8: byte 0xff at column 2." in said
    assert len(read(target)) == 1


def test_csv_without_the_column_is_wrong_usage(run, emulator, source):
    code, _, said = run("map", str(source(b"a,b", b"1,2", name="in.csv")))
    assert code == 2
    assert "The CSV has no column 'prompt': its first line names a, b." in said


def test_csv_that_is_broken_is_wrong_usage(run, emulator, source):
    path = source(b"prompt", b'"a"b', name="in.csv")
    code, _, said = run("map", str(path))
    assert code == 2
    assert "Line 2 of the input is no CSV" in said


def test_csv_row_with_too_few_fields_is_a_line_with_an_error(run, emulator, source):
    emulator.always(GOOD)
    path = source(b"", b"prompt,b", b"1", b"", b"2,3", name="in.csv")
    code, printed, _ = run("map", str(path))
    assert code == 8
    first, second = map(json.loads, printed.splitlines())
    assert "Line 3: it has 1 fields, the first line 2." in first["error"]["message"]
    assert second["text"] == "Hi"


def test_empty_csv_has_no_rows(run, emulator, source):
    assert run("map", str(source(name="in.csv")))[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such.jsonl",), "'no-such.jsonl' cannot be read: No such file"),
        ((".",), "cannot be read: Is a directory"),
        (("in.jsonl", "-o", "in.jsonl"), "The output is the input"),
        (("in.jsonl", "--template", "{"), "the '{' at character 1 stands alone"),
        (("in.jsonl", "--max-tokens", "0"), "max_tokens is 0"),
        (("in.jsonl", "--at-once", "0"), "--at-once"),
        (("in.jsonl", "--limit", "0"), "--limit"),
        (("in.jsonl", "--column", ""), "--column is empty"),
        (("in.jsonl", "--retry-errors"), "--retry-errors needs -o"),
        (("in.jsonl", "-o", "x", "--retry-errors", "--limit", "1"), "neither --limit"),
        (
            ("in.jsonl", "-o", "x", "--retry-errors", "--no-resume"),
            "nor --no-resume",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    run, emulator, source, tmp_path, monkeypatch, arguments, said
):
    source("a")
    monkeypatch.chdir(tmp_path)
    code, printed, line = run("map", *arguments)
    assert (code, printed) == (2, "")
    assert said in line
    assert line.count("\n") == 1


def test_terminal_is_no_input(run, emulator, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    assert cli.main(["map", "-"]) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [("/dev/null", "is not a regular file"), ("no/such.jsonl", "No such file")],
)
def test_output_that_cannot_be_used_is_an_error(
    run, emulator, source, tmp_path, monkeypatch, name, said
):
    monkeypatch.chdir(tmp_path)
    code, _, line = run("map", str(source("a")), "-o", name)
    assert code == 1
    assert said in line


def test_full_disk_is_an_error_and_the_rest_is_done_later(
    run, emulator, source, target
):
    emulator.always(Reply(text="x" * 300))
    path = source(*prompts(20))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        code, _, said = run("map", str(path), "-o", str(target))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    assert "cannot be written: File too large." in said
    assert run("map", str(path), "-o", str(target))[0] == 0
    assert [line["index"] for line in read(target)] == list(range(20))


# -- going on -------------------------------------------------------------------------


def test_lines_that_are_there_are_not_asked_again(run, emulator, source, target):
    run("map", str(source(*prompts(3))), "-o", str(target))
    before = target.read_bytes()
    code, _, said = run("map", str(source(*prompts(5))), "-o", str(target))
    assert code == 0
    assert "5 rows: 2 answered, 0 failed, 3 kept; " in said
    assert target.read_bytes().startswith(before)
    assert len(emulator.seen) == 5


@pytest.mark.parametrize(
    "torn", [b"{", b'{"index": 1, "row"', b'{"index": 1, "row": "']
)
def test_torn_line_is_cut_off(run, emulator, source, target, torn):
    path = source(*prompts(2))
    run("map", str(path), "-o", str(target), "--limit", "1")
    whole = target.read_bytes()
    target.write_bytes(whole + torn)
    assert run("map", str(path), "-o", str(target))[0] == 0
    assert target.read_bytes().startswith(whole)
    assert [line["index"] for line in read(target)] == [0, 1]


def test_torn_first_line_is_cut_off(run, emulator, source, target):
    target.write_bytes(b'{"index": 0, "row": "' + b"x" * 200_000)
    assert run("map", str(source("a")), "-o", str(target))[0] == 0
    assert len(read(target)) == 1


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"notes", 1),
        (b"notes\n", 1),
        (b"[]\n", 1),
        (b'{"index": 0}\n', 1),
        (b'{"index": 1, "row": "x"}\n', 1),
        (b'{"index": 0, "row": "x"}\n{"index": 2', 2),
    ],
)
def test_file_of_somebody_else_is_left_alone(
    run, emulator, source, target, content, number
):
    target.write_bytes(content)
    code, _, said = run("map", str(source("a")), "-o", str(target))
    assert code == 2
    assert f"Line {number} of {str(target)!r} is not one that `map` has written" in said
    assert target.read_bytes() == content
    assert emulator.seen == ()


def test_another_input_is_refused(run, emulator, source, target):
    run("map", str(source("a", "b", "c")), "-o", str(target))
    before = target.read_bytes()
    code, _, said = run("map", str(source("a", "x", "c")), "-o", str(target))
    assert code == 2
    assert "Line 2 of the input is not what line 2 of" in said
    assert "--no-resume" in said
    assert target.read_bytes() == before


@pytest.mark.parametrize(
    "options", [("--system", "x"), ("--json",), ("--template", "{prompt}!")]
)
def test_another_way_to_ask_is_refused(run, emulator, source, target, options):
    path = source("a")
    run("map", str(path), "-o", str(target))
    assert run("map", str(path), "-o", str(target), *options)[0] == 2


def test_another_model_may_go_on(run, emulator, source, target):
    path = source(*prompts(2))
    run("map", str(path), "-o", str(target), "--limit", "1")
    run("map", str(path), "-o", str(target), "--model", "openai/gpt-oss-20b")
    models = [line["model"] for line in read(target)]
    assert models == ["openai/gpt-oss-120b", "openai/gpt-oss-20b"]


def test_shorter_input_is_refused(run, emulator, source, target):
    run("map", str(source("a", "b")), "-o", str(target))
    code, _, said = run("map", str(source("a")), "-o", str(target))
    assert code == 2
    assert "has more lines than the input has rows" in said


def test_no_resume_starts_over(run, emulator, source, target):
    run("map", str(source("a", "b")), "-o", str(target))
    beside(target).write_bytes(target.read_bytes())
    assert run("map", str(source("c")), "-o", str(target), "--no-resume")[0] == 0
    assert len(read(target)) == 1
    assert not beside(target).exists()


def test_no_resume_replaces_any_file(run, emulator, source, target):
    target.write_bytes(b"notes")
    assert run("map", str(source("c")), "-o", str(target), "--no-resume")[0] == 0
    assert len(read(target)) == 1


def test_no_resume_of_an_empty_input_has_an_empty_output(run, source, target, emulator):
    run("map", str(source("a")), "-o", str(target))
    beside(target).write_bytes(target.read_bytes())
    assert run("map", str(source()), "-o", str(target), "--no-resume")[0] == 0
    assert target.read_bytes() == b""


def test_no_resume_checks_the_input_before_the_old_output_is_touched(
    run, emulator, source, target
):
    run("map", str(source("a")), "-o", str(target))
    before = target.read_bytes()
    path = source(b"a,b", name="in.csv")
    assert run("map", str(path), "-o", str(target), "--no-resume")[0] == 2
    assert target.read_bytes() == before


def test_no_resume_keeps_the_old_output_until_the_new_one_is_whole(
    run, emulator, source, target
):
    path = source(*prompts(2))
    run("map", str(path), "-o", str(target))
    before = target.read_bytes()
    emulator.script(GOOD, faults.invalid_api_key())
    command = ("map", str(path), "-o", str(target), "--no-resume", "--at-once", "1")
    assert run(*command)[0] == 3
    assert target.read_bytes() == before


def test_lines_of_an_unfinished_start_are_there_until_the_next_has_some(
    run, emulator, source, target
):
    path = source(*prompts(2))
    run("map", str(path), "-o", str(target))
    over = ("map", str(path), "-o", str(target), "--no-resume", "--at-once", "1")
    emulator.script(Reply(text="new"), faults.invalid_api_key())
    run(*over)
    emulator.script(faults.invalid_api_key())
    run(*over)
    assert [line["text"] for line in read(beside(target))] == ["new"]
    assert run(*over)[0] == 0
    assert len(read(target)) == 2


@pytest.mark.parametrize("way", ["--no-resume", "--retry-errors", "--resume"])
@pytest.mark.parametrize("piped", [False, True])
def test_input_beside_the_output_is_refused(
    run, emulator, source, target, monkeypatch, capsys, way, piped
):
    run("map", str(source("a")), "-o", str(target))
    path = source("my", "own", name="out.jsonl.retry")
    before = path.read_bytes()
    command = ("map", "-" if piped else str(path), "-o", str(target), way)
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        code = cli.main(command)
    assert code == 2
    assert "The output is the input, or is made in it" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("way", ["--no-resume", "--retry-errors"])
@pytest.mark.parametrize(
    "content", [b"notes\n", b"notes", b'notes\n{"index": 1, "ro', b'"my"\n"own"\n']
)
def test_file_of_somebody_else_beside_the_output_is_left_alone(
    run, emulator, source, target, way, content
):
    path = source("a")
    run("map", str(path), "-o", str(target))
    before = target.read_bytes()
    beside(target).write_bytes(content)
    code, _, said = run("map", str(path), "-o", str(target), way)
    assert code == 2
    assert "out.jsonl.retry' is not one that `map` has written" in said
    assert beside(target).read_bytes() == content
    assert target.read_bytes() == before


def test_errors_are_kept_unless_they_are_to_be_retried(run, emulator, source, target):
    emulator.script(faults.context_length_exceeded(), GOOD)
    path = source("a", "b")
    run("map", str(path), "-o", str(target), "--at-once", "1")
    before = target.read_bytes()
    code, _, said = run("map", str(path), "-o", str(target))
    assert code == 8
    assert "0 failed, 2 kept (1 of them failed); " in said
    assert target.read_bytes() == before


def test_other_columns_are_another_input(run, emulator, source, target):
    path = source(b"prompt,place", b"a,b", name="in.csv")
    run("map", str(path), "-o", str(target))
    path = source(b"place,prompt", b"b,a", name="in.csv")
    assert run("map", str(path), "-o", str(target))[0] == 0
    path = source(b"place,prompt", b"a,b", name="in.csv")
    assert run("map", str(path), "-o", str(target))[0] == 2


def removed(path):
    path.unlink()


def replaced(path):
    path.unlink()
    path.write_bytes(b"mine")


def cut(path):
    os.truncate(path, 0)


@pytest.mark.parametrize("harm", [removed, replaced, cut])
def test_output_that_is_harmed_while_it_is_written_is_an_error(
    run, emulator, source, target, harm
):
    """The second row comes through a pipe, once the first has its line."""
    emulator.always(GOOD)
    command = ("map", "-", "-o", str(target))
    with process(*command, stdin=subprocess.PIPE) as running:
        running.stdin.write('"a"\n')
        running.stdin.flush()
        until(lambda: count(target) == 1)
        harm(target)
        said = running.communicate('"b"\n', timeout=30)[1]
        assert running.returncode == 1
    assert "was removed, replaced or cut by another program" in said


def test_disk_that_fails_at_the_end_is_an_error(
    run, emulator, source, target, monkeypatch
):
    def fsync(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fsync)
    code, _, said = run("map", str(source("a")), "-o", str(target))
    assert code == 1
    assert "cannot be written: Input/output error." in said


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="Linux has it")
def test_input_that_fails_is_an_error(run, emulator):
    code, _, said = run("map", "/proc/self/mem")
    assert code == 1
    assert "The input cannot be read: Input/output error." in said


def test_retry_errors_redoes_the_rows_that_failed(run, emulator, source, target):
    bad = faults.context_length_exceeded()
    emulator.script(GOOD, bad, GOOD, bad)
    path = source(*prompts(4))
    run("map", str(path), "-o", str(target), "--at-once", "1")
    target.chmod(0o640)
    before = read(target)
    emulator.reset()
    emulator.script(Reply(text="now"), bad)
    code, _, said = run(
        "map", str(path), "-o", str(target), "--retry-errors", "--at-once", "1"
    )
    assert code == 8
    assert "4 rows: 1 answered, 1 failed, 2 kept; " in said
    assert asked(emulator) == ["Say 1", "Say 3"]
    after = read(target)
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1]["text"] == "now"
    assert after[3]["error"]["type"] == "LLMContextLengthError"
    assert target.stat().st_mode & 0o777 == 0o640
    assert not target.with_name("out.jsonl.retry").exists()


def test_link_to_an_output_stays_one(run, emulator, source, target):
    emulator.script(faults.context_length_exceeded(), GOOD)
    link = target.with_name("link.jsonl")
    link.symlink_to(target.name)
    path = source("a")
    run("map", str(path), "-o", str(link))
    assert run("map", str(path), "-o", str(link), "--retry-errors")[0] == 0
    assert link.is_symlink()
    assert read(target)[0]["text"] == "Hi"


def test_retry_that_was_ended_goes_on_where_it_was(run, emulator, source, target):
    bad = faults.context_length_exceeded()
    emulator.script(bad, GOOD, bad)
    path = source(*prompts(3))
    run("map", str(path), "-o", str(target), "--at-once", "1")
    before = target.read_bytes()
    emulator.script(Reply(text="now"), faults.invalid_api_key())
    retry = ("map", str(path), "-o", str(target), "--retry-errors", "--at-once", "1")
    assert run(*retry)[0] == 3
    assert target.read_bytes() == before
    emulator.reset()
    assert run(*retry)[0] == 0
    assert asked(emulator) == ["Say 2"]
    assert [line["index"] for line in read(target)] == [0, 1, 2]
    assert read(target)[0]["text"] == "now"


def test_retry_of_another_input_is_refused(run, emulator, source, target):
    emulator.script(faults.context_length_exceeded())
    run("map", str(source("a")), "-o", str(target))
    before = target.read_bytes()
    path = source("x")
    code = run("map", str(path), "-o", str(target), "--retry-errors")[0]
    assert code == 2
    assert target.read_bytes() == before


def test_new_file_that_cannot_take_its_place_is_an_error(
    run, emulator, source, target, monkeypatch
):
    path = source("a")
    run("map", str(path), "-o", str(target))

    def replace(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", replace)
    code, _, said = run("map", str(path), "-o", str(target), "--retry-errors")
    assert code == 1
    assert "cannot be written: No space left on device." in said


def test_two_maps_into_one_output_are_refused(run, emulator, source, target):
    with target.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, said = run("map", str(source("a")), "-o", str(target))
    assert code == 2
    assert "Another map is writing" in said
    assert emulator.seen == ()


def test_file_system_without_locks_is_an_error(
    run, emulator, source, target, monkeypatch
):
    def flock(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    code, _, said = run("map", str(source("a")), "-o", str(target))
    assert code == 1
    assert "cannot be written: No locks available." in said


# -- processes ------------------------------------------------------------------------


def count(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def until(happens):
    """Wait until something is so; the test fails when it never is."""
    end = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_in_the_middle_no_line_is_lost_or_doubled(emulator, source, target):
    path = source(*prompts(2_000))
    command = ("map", str(path), "-o", str(target), "--at-once", "16")
    for share in (600, 1_300):
        with process(*command) as running:
            until(lambda most=share: count(target) >= most)
            running.send_signal(signal.SIGKILL)
            running.wait(60)
    assert count(target) < 2_000
    with process(*command) as running:
        assert running.communicate(timeout=120)[0] == ""
        assert running.returncode == 0
    lines = read(target)
    assert [line["index"] for line in lines] == list(range(2_000))
    assert [line["id"] for line in lines] == [f"r{n}" for n in range(2_000)]
    assert all("error" not in line for line in lines)


def test_ctrl_c_waits_for_the_calls_under_way(emulator, source, target):
    emulator.always(GOOD | faults.slow_first_byte(0.5))
    path = source(*prompts(500))
    command = ("map", str(path), "-o", str(target), "--at-once", "4")
    with process(*command) as running:
        assert emulator.wait_for(lambda counts: counts.requests >= 4, 30)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[1]
        assert running.returncode == 130
    assert "press Ctrl-C again" in said
    assert "the same command goes on from here" in said
    lines = read(target)
    assert [line["index"] for line in lines] == list(range(len(lines)))
    assert 4 <= len(lines) < 500


def test_ctrl_c_of_a_new_start_tells_where_its_lines_are(emulator, source, target):
    emulator.always(GOOD | faults.slow_first_byte(0.3))
    target.write_bytes(b"old")
    path = source(*prompts(500))
    command = ("map", str(path), "-o", str(target), "--at-once", "4", "--no-resume")
    with process(*command) as running:
        assert emulator.wait_for(lambda counts: counts.requests >= 4, 30)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[1]
        assert running.returncode == 130
    assert f"the new lines are in {str(beside(target))!r}" in said
    assert target.read_bytes() == b"old"
    assert len(read(beside(target))) >= 4


def test_second_ctrl_c_leaves_them(emulator, source, target):
    emulator.script(GOOD)
    emulator.always(Reply(text="one", stop_at="before_finish", stop="stall"))
    command = ("map", str(source(*prompts(9))), "-o", str(target), "--at-once", "1")
    with process(*command) as running:
        assert emulator.wait_for(lambda counts: counts.requests >= 2, 30)
        running.send_signal(signal.SIGINT)
        assert "press Ctrl-C again" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode == 130
    assert len(read(target)) == 1


def test_row_of_a_slow_pipe_is_answered_before_the_next_comes(emulator):
    emulator.always(GOOD)
    with process("map", "-", stdin=subprocess.PIPE) as running:
        running.stdin.write('"a"\n')
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["index"] == 0
        running.stdin.write('"b"\n')
        running.stdin.close()
        assert json.loads(running.stdout.readline())["index"] == 1
        assert running.wait(30) == 0


def test_ctrl_c_ends_it_while_a_pipe_is_silent(emulator):
    emulator.always(GOOD)
    with process("map", "-", stdin=subprocess.PIPE) as running:
        running.stdin.write('"a"\n')
        running.stdin.flush()
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130


def test_reader_that_goes_away_ends_it(emulator, source):
    emulator.always(Reply(text="x" * 1_000))
    with process("map", str(source(*prompts(2_000)))) as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(60) == 141


def test_in_a_thread_signals_are_left_alone(run, emulator, source, target):
    emulator.always(GOOD)
    command = ["map", str(source("a")), "-o", str(target)]
    codes = []
    thread = threading.Thread(target=lambda: codes.append(cli.main(command)))
    thread.start()
    thread.join(30)
    assert codes == [0]


# -- progress -------------------------------------------------------------------------


def test_terminal_sees_a_bar_that_is_gone_at_the_end(
    run, emulator, source, target, monkeypatch
):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert run("map", str(source(*prompts(3))), "-o", str(target))[0] == 0
    shown = terminal.getvalue()
    assert "3 rows: 3 answered, 0 failed; " in shown
    assert "\x1b[2K" in shown


@pytest.mark.parametrize("wish", [None, "1"])
def test_bar_has_colors_unless_they_are_not_wanted(
    run, emulator, source, target, monkeypatch, wish
):
    monkeypatch.setenv("TERM", "xterm-256color")
    if wish:
        monkeypatch.setenv("NO_COLOR", wish)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    run("map", str(source(*prompts(3))), "-o", str(target))
    colors = re.findall(r"\x1b\[[34][0-9;]*m", terminal.getvalue())
    assert bool(colors) == (wish is None)


def test_pipe_sees_a_line_now_and_then_and_no_codes(
    run, emulator, source, target, monkeypatch
):
    monkeypatch.setattr("llm_adapter.cli._progress.EVERY", 0.0)
    said = run("map", str(source(*prompts(3))), "-o", str(target))[2]
    assert said.splitlines()[0].startswith("1 row: 1 answered, 0 failed; ")
    assert "\x1b" not in said


def test_nobody_has_to_hear_of_it(emulator, source, target):
    script = '"$0" -m llm_adapter map "$1" -o "$2" 2>&-'
    command = ["sh", "-c", script, sys.executable, str(source("a")), str(target)]
    assert subprocess.run(command, env=os.environ).returncode == 0
    assert len(read(target)) == 1


def test_costs_that_are_not_known_are_told(run, source, monkeypatch):
    monkeypatch.setenv("LLM_PROVIDER", "mock")
    said = run("map", str(source("a")))[2]
    assert "$0.00 and 1 of unknown cost." in said
