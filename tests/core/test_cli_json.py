"""`llm-adapter json`: one object on standard output, asked for with a schema or not."""

from __future__ import annotations

import json

import pytest

from llm_adapter.testing.emulator import Reply, faults
from tests.command_line import Terminal
from tests.command_line import emulator as emulator
from tests.command_line import run as run

SCHEMA = {
    "type": "object",
    "properties": {"river": {"type": "string"}},
    "required": ["river"],
    "additionalProperties": False,
}


@pytest.fixture
def schema(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA), encoding="utf-8")
    return path


def test_json_prints_the_object(run, emulator):
    emulator.script(Reply(text='{"river": "Glåma"}'))
    assert run("json", "A river") == (0, '{\n  "river": "Glåma"\n}\n', "")
    assert emulator.seen[0].json["response_format"] == {"type": "json_object"}


def test_compact_prints_it_on_one_line(run, emulator):
    emulator.script(Reply(text='{"river": "Glåma", "length": [604]}'))
    printed = run("json", "A river", "--compact")[1]
    assert printed == '{"river":"Glåma","length":[604]}\n'


def test_schema_is_sent(run, emulator, schema):
    emulator.script(Reply(text='{"river": "Glomma"}'))
    assert run("json", "A river", "--schema", str(schema))[0] == 0
    sent = emulator.seen[0].json["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == SCHEMA


def test_prompt_comes_from_standard_input(run, emulator):
    emulator.script(Reply(text="{}"))
    assert run("json", stdin=b"A river as JSON")[0] == 0
    assert emulator.seen[0].json["messages"][-1]["content"] == "A river as JSON"


def test_options_are_those_of_generate(run, emulator):
    emulator.script(Reply(text="{}"))
    options = ("--model", "openai/gpt-oss-20b", "--temperature", "0.7")
    assert run("json", "A river", *options)[0] == 0
    sent = emulator.seen[0].json
    assert (sent["model"], sent["temperature"]) == ("openai/gpt-oss-20b", 0.7)


def test_terminal_sees_what_it_took(run, emulator, monkeypatch):
    emulator.script(Reply(text="{}"))
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    assert run("json", "A river")[0] == 0
    assert "openai/gpt-oss-120b on groq · " in terminal.getvalue()


@pytest.mark.parametrize(
    ("code", "reply", "said"),
    [
        (6, Reply(text="[1]"), "JSON"),
        (6, Reply(text='{"a": '), "not valid JSON"),
        (3, faults.invalid_api_key(), "Check the key"),
        (7, Reply(text="", finish_reason="content_filter"), "content policy"),
    ],
)
def test_an_error_prints_no_object(run, emulator, code, reply, said):
    emulator.always(reply)
    ended, printed, line = run("json", "A river")
    assert (ended, printed) == (code, "")
    assert said in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "utf-8"),
        (b"[]", "it holds a list, not an object"),
        (b'{"type": "text"}', "it asks for plain text"),
        (b'{"type": "river"}', "use {'type': 'json_object'}, a JSON schema"),
        (b"[" * 100_000, "recursion"),
        (b'{"type": "array"}', "an object, but its type is 'array'"),
        (b'{"type": ["string", "null"]}', "its type is ['string', 'null']"),
        (
            b'{"type": "json_schema", "json_schema": {"schema": {"type": "number"}}}',
            "its type is 'number'",
        ),
    ],
    ids=[
        *("cut", "bytes", "list", "text", "unknown", "deep"),
        *("array", "kinds", "inner"),
    ],
)
def test_file_without_a_schema_is_wrong_usage(run, schema, content, said):
    schema.write_bytes(content)
    code, printed, line = run("json", "A river", "--schema", str(schema))
    assert (code, printed) == (2, "")
    assert "holds no JSON schema: " in line
    assert said in line


@pytest.mark.parametrize("kind", ["json_object", ["object", "null"]])
def test_schema_may_be_any_that_objects_match(run, emulator, schema, kind):
    emulator.script(Reply(text="{}"))
    schema.write_text(json.dumps({"type": kind}))
    assert run("json", "As JSON", "--schema", str(schema))[0] == 0


def test_missing_file_of_a_schema_is_wrong_usage(run):
    code, _, line = run("json", "A river", "--schema", "no-such.json")
    assert code == 2
    assert "'no-such.json' holds no JSON schema: No such file or directory." in line


def test_wrong_value_is_wrong_usage(run):
    code, _, line = run("json", "A river", "--max-tokens", "0")
    assert code == 2
    assert "max_tokens is 0" in line
