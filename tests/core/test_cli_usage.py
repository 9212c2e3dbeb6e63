"""`llm-adapter usage`: what the ledger holds, for people, for programs, as a page."""

from __future__ import annotations

import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import click
import pytest

from llm_adapter import cli
from llm_adapter.cli._files import checked, write_whole
from llm_adapter.ledger._database import Database
from llm_adapter.ledger._records import Record
from llm_adapter.models import Usage

DAY = timedelta(days=1)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def record(**fields):
    """A request of today that was answered, and whatever the test says of it."""
    made = uuid4().hex
    given = {
        "id": made,
        "call_id": made,
        "attempt": 1,
        "at": datetime.now(UTC),
        "operation": "generate",
        "provider": "groq",
        "model": "llama",
        "usage": Usage(input_tokens=1_000, output_tokens=500, total_tokens=1_500),
        "cost": Decimal("0.25"),
        "latency": 0.5,
    }
    return Record(**{**given, **fields})


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/usage.db"


@pytest.fixture
def book(url):
    """Puts records in the ledger."""

    def book(*records):
        database = Database(url)
        database.insert(records)
        database.close()

    return book


@pytest.fixture
def run(capsys, url):
    """Runs the command on the ledger: exit code, standard output, standard error."""

    def run(*arguments, ledger=url):
        code = cli.main(["usage", "--ledger", ledger, *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def terminal(monkeypatch, url):
    """Runs the command on a terminal of that many columns: what stands there."""

    def terminal(columns, *arguments):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("sys.stdout", shown := Terminal())
        assert cli.main(["usage", "--ledger", url, *arguments]) == 0
        return shown.getvalue()

    return terminal


def lines(printed):
    """The rows of a table, each as its words."""
    return [line.split() for line in printed.splitlines() if line.strip(" ─-")]


def days(printed):
    """How many days the heading names."""
    return printed.partition("\n")[0].rpartition(", ")[2]


# -- tables ---------------------------------------------------------------------------


def test_usage_by_model_is_the_default(run, book):
    book(record(), record(provider="openai", model="gpt", cost=Decimal("1.5")))
    code, printed, said = run()
    assert (code, said) == (0, "")
    heading, titles, first, second, total = lines(printed)
    assert heading[-2:] == ["30", "days"]
    told = "Calls Requests Errors Input Output Tokens Cached Latency Cost"
    assert " ".join(titles) == f"Provider Model {told}"
    row = "1 1 0 1,000 500 1,500 0.0 % 0.50 s"
    assert " ".join(first) == f"openai gpt {row} $1.5000"
    assert " ".join(second) == f"groq llama {row} $0.2500"
    sums = "2 2 0 2,000 1,000 3,000 0.0 % 0.50 s"
    assert " ".join(total) == f"Total {sums} $1.7500"


@pytest.mark.parametrize(
    ("group", "titles", "cells"),
    [
        ("model", ["Provider", "Model"], ["groq", "llama"]),
        ("workflow", ["Workflow"], ["letters"]),
        ("user", ["User"], ["ann"]),
        ("provider", ["Provider"], ["groq"]),
        ("workflow,user", ["Workflow", "User"], ["letters", "ann"]),
        ("user, workflow", ["User", "Workflow"], ["ann", "letters"]),
    ],
)
def test_by_says_what_is_told_apart(run, book, group, titles, cells):
    book(record(user_id="ann", workflow="letters"))
    heading, *row = lines(run("--by", group)[1])[1:3]
    assert heading[: len(titles) + 1] == [*titles, "Calls"]
    assert row[0][: len(cells) + 1] == [*cells, "1"]


def test_by_day_goes_from_the_first_to_the_last(run, book):
    today = datetime.now(UTC)
    book(*(record(at=today - ago * DAY) for ago in (0, 2, 1)))
    shown = [row[0] for row in lines(run("--by", "day")[1])[2:5]]
    assert shown == [str((today - ago * DAY).date()) for ago in (2, 1, 0)]


def test_by_may_be_given_several_times(run, book):
    book(record(user_id="ann", workflow="letters"))
    once = run("--by", "user,workflow")
    assert run("--by", "user", "--by", "workflow", "--by", "user") == once


def test_rows_of_nobody_have_a_dash(run, book):
    book(record())
    assert lines(run("--by", "user")[1])[2][0] == "\N{EN DASH}"


def test_user_and_workflow_choose_the_records(run, book):
    book(record(user_id="ann", workflow="letters"), record(user_id="bob"))
    printed = run("--user", "ann", "--workflow", "letters")[1]
    assert "user ann, workflow letters" in printed
    assert lines(printed)[-1][:2] == ["Total", "1"]


def test_days_count_today_as_the_last(run, book):
    today = datetime.now(UTC)
    book(record(at=today), record(at=today - 3 * DAY))
    assert lines(run("--days", 1)[1])[-1][1] == "1"
    assert days(run("--days", 1)[1]) == "1 day"
    assert lines(run("--days", 5)[1])[-1][1] == "2"


def test_empty_time_is_told_in_words(run, book):
    book(record(user_id="ann"))
    code, printed, said = run("--user", "eve")
    assert (code, said) == (0, "")
    assert printed.startswith("Nothing was booked: ")
    assert printed.endswith(", 30 days, user eve.\n")


def test_unknown_cost_is_no_zero(run, book):
    book(record(model="new", cost=None), record(model="old"))
    printed = run()[1]
    new = next(row for row in lines(printed) if row[1] == "new")
    assert new[-2:] == ["unknown", "1"]
    assert printed.endswith(
        "\nThe cost of 1 request is not known: prices or token counts are missing for "
        "groq:new.\n"
    )


def test_tiny_cost_is_no_zero(run, book):
    book(record(model="a", cost=Decimal("1e-12")), record(model="b", cost=Decimal(5)))
    printed = run()[1]
    assert "<$0.0001" in printed


def test_names_cannot_steer_a_terminal(book, terminal):
    book(record(model="\x1b[2Jm\n\u202etxt.exe", user_id="👩 中文"))
    assert "\ufffd[2Jm \ufffdtxt.exe" in terminal(200)
    assert "👩 中文" in terminal(200, "--by", "user")


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_table_fits_the_terminal(book, terminal, columns):
    book(record(provider="anthropic", model="claude-sonnet-4-5", cost=None), record())
    table = terminal(columns).partition("\n\nThe cost")[0]
    assert max(map(len, table.splitlines())) <= columns
    assert {"Calls", "Errors", "Tokens", "Cost"} <= set(lines(table)[1])


def test_what_matters_less_is_left_out_first(book, terminal):
    book(record(model="m" * 24))
    titles = [set(lines(terminal(columns))[1]) for columns in (200, 80)]
    assert titles[0] - titles[1] == {"Requests", "Input", "Output", "Latency"}


def test_narrow_terminal_breaks_lines_rather_than_numbers(book, terminal):
    book(record(cost=Decimal(1_234_567)))
    assert "$1,234,567.00" in terminal(10)


def test_long_name_is_folded_on_a_terminal_and_whole_in_a_pipe(run, book, terminal):
    book(record(model="m" * 200))
    assert "m" * 200 in run()[1]
    assert max(map(len, terminal(80).splitlines())) <= 80


def test_table_is_plain_where_the_output_is_not_unicode(book, url, monkeypatch):
    book(record(user_id=None))
    ascii_output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", ascii_output)
    assert cli.main(["usage", "--ledger", url, "--by", "user"]) == 0
    assert b"\\u" not in ascii_output.buffer.getvalue()
    assert b"\n-     " in ascii_output.buffer.getvalue()


# -- JSON -----------------------------------------------------------------------------


def test_json_has_the_same_keys_in_every_row(run, book):
    book(record(), record(cost=None))
    code, printed, said = run("--json", "--by", "day,model", "--user", "nobody")
    assert (code, said) == (0, "")
    nothing = json.loads(printed)
    data = json.loads(run("--json", "--by", "day,model")[1])
    [row] = data["rows"]
    today = str(datetime.now(UTC).date())
    assert data.keys() == nothing.keys()
    assert row == {"day": today, "provider": "groq", "model": "llama", **data["totals"]}
    assert nothing["totals"].keys() == data["totals"].keys()
    assert nothing["rows"] == []
    assert (nothing["user_id"], data["user_id"]) == ("nobody", None)
    assert data["by"] == ["day", "model"]
    assert data["last_day"] == today


def test_json_has_exact_costs_and_counts(run, book):
    book(
        record(cost=Decimal("1234.000000000001"), latency=1.5),
        record(cost=None, latency=0.5),
    )
    data = json.loads(run("--json")[1])
    assert data["totals"] == {
        "calls": 2,
        "requests": 2,
        "succeeded": 2,
        "errors": 0,
        "cached": 0,
        "input_tokens": 2_000,
        "output_tokens": 1_000,
        "total_tokens": 3_000,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "cost": "1234.000000000001",
        "unpriced": 1,
        "mean_latency": 1.0,
    }
    missing = {"provider": "groq", "model": "llama", "requests": 1}
    assert data["unpriced_models"] == [missing]


def test_json_is_escaped_where_the_output_is_not_unicode(book, url, monkeypatch):
    book(record(model="Glåma"))
    ascii_output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", ascii_output)
    assert cli.main(["usage", "--ledger", url, "--json"]) == 0
    assert json.loads(ascii_output.buffer.getvalue())["rows"][0]["model"] == "Glåma"


# -- which ledger ---------------------------------------------------------------------


def test_looking_for_a_ledger_makes_none(run, tmp_path):
    code, printed, said = run(ledger=f"sqlite:///{tmp_path}/not/there.db")
    assert (code, printed) == (3, "")
    assert f"There is no ledger at {tmp_path}/not/there.db yet" in said
    assert "--ledger or LLM_LEDGER_URL" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--json"], ["--html", "page.html"]])
def test_without_a_ledger_there_is_no_other_output(run, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    assert run(*options, ledger="sqlite:///there.db")[:2] == (3, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tables", ["", "CREATE TABLE songs (name TEXT)"])
def test_looking_changes_no_file_without_a_ledger(run, tmp_path, tables):
    path = tmp_path / "songs.db"
    connection = sqlite3.connect(path)
    connection.executescript(tables)
    connection.close()
    path.touch()
    before = path.read_bytes()
    code, _, said = run(ledger=f"sqlite:///{path}")
    assert code == 3
    assert "There is no ledger at" in said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_is_no_database_is_an_error(run, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Not a database. " * 100)
    code, printed, said = run(ledger=f"sqlite:///{path}")
    assert (code, printed) == (1, "")
    assert "cannot be used: file is not a database" in said


def test_ledger_of_the_environment_is_the_default(book, url, capsys, monkeypatch):
    book(record())
    monkeypatch.setenv("LLM_LEDGER_URL", url)
    assert cli.main(["usage"]) == 0
    assert "llama" in capsys.readouterr().out


def test_ledger_of_dotenv_is_the_default(book, url, capsys, monkeypatch, tmp_path):
    book(record())
    (tmp_path / ".env").write_text(f"LLM_LEDGER_URL={url}\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["usage"]) == 0
    assert "llama" in capsys.readouterr().out


def test_without_a_name_the_ledger_is_here(book, capsys, monkeypatch, tmp_path):
    book(record())
    (tmp_path / "usage.db").rename(tmp_path / "llm_usage.db")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["usage"]) == 0
    assert "llama" in capsys.readouterr().out


def test_password_of_a_wrong_url_is_not_shown(run):
    code, printed, said = run(ledger="mysql://me:5ecre7@example.com/ledger")
    assert (code, printed) == (3, "")
    assert "postgresql://" in said
    assert "5ecre7" not in said


def test_ledger_that_cannot_be_reached_is_an_error_without_its_password(run):
    code, _, said = run(ledger="postgresql://me:5ecre7@127.0.0.1:9/ledger")
    assert code == 1
    assert "127.0.0.1:9/ledger cannot be used" in said
    assert "5ecre7" not in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "mood"], "'mood' is none of model, workflow, user, day, provider."),
        (["--by", "model,"], "'' is none of"),
        (["--days", "0"], "--days"),
        (["--days", "36501"], "--days"),
        (["--html", "x.html", "--json"], "leave out --json and --by"),
        (["--html", "x.html", "--by", "day"], "leave out --json and --by"),
        (["--html", "-"], "--html needs a file"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run, arguments, said):
    code, printed, line = run(*arguments)
    assert (code, printed) == (2, "")
    assert said in line
    assert line.endswith("Try 'llm-adapter usage --help'.\n")


def test_help_lists_its_exit_codes_only(capsys):
    assert cli.main(["usage", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "  3  configuration" in printed
    assert "content policy" not in printed


# -- the page -------------------------------------------------------------------------


def test_html_writes_a_page_and_prints_nothing(run, book, tmp_path):
    book(record(user_id="ann", workflow="letters"), record(status="failed", error="E"))
    path = tmp_path / "usage.html"
    assert run("--html", path) == (0, "", "")
    source = path.read_text(encoding="utf-8")
    assert source.startswith("<!DOCTYPE html>")
    assert source.count("<svg") == 4
    for name in ("groq:llama", "letters", "ann", "E"):
        assert f"<bdi>{name}</bdi>" in source
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "usage.db",
        "usage.html",
    ]


def test_page_holds_what_was_asked_for(run, book, tmp_path):
    book(record(user_id="ann"), record(user_id="bob"))
    path = tmp_path / "usage.html"
    run("--html", path, "--user", "ann", "--days", "7")
    source = path.read_text(encoding="utf-8")
    assert "7 days · user <bdi>ann</bdi>" in source
    assert "bob" not in source


def test_terminal_is_told_where_the_page_is(book, url, tmp_path, monkeypatch):
    book(record())
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    path = tmp_path / "usage.html"
    assert cli.main(["usage", "--ledger", url, "--html", str(path)]) == 0
    assert f"The page is in {path}." in terminal.getvalue()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "it is a directory"),
        ("", "it is a directory"),
        ("/dev/null", "it is not a regular file"),
        ("no/such/page.html", "there is no directory"),
        ("usage.db/page.html", "there is no directory"),
        ("x" * 300, "File name too long"),
        ("loop", "oop"),
    ],
)
def test_page_that_cannot_be_written_is_an_error(
    run, book, tmp_path, monkeypatch, name, said
):
    book(record())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    code, printed, line = run("--html", name)
    assert (code, printed) == (1, "")
    assert line.startswith("Error: The page cannot be written to ")
    assert said in line
    assert line.endswith("Name another file.\n")


def test_page_takes_the_place_of_the_old_one_behind_a_link(tmp_path):
    (tmp_path / "old.html").write_text("old")
    (tmp_path / "link.html").symlink_to("old.html")
    write_whole(checked(tmp_path / "link.html"), "new")
    assert (tmp_path / "old.html").read_text() == "new"
    assert (tmp_path / "link.html").is_symlink()


def test_full_disk_leaves_the_old_page(tmp_path):
    path = tmp_path / "usage.html"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(click.ClickException, match="File too large"):
            write_whole(path, "new" * 1_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_the_old_page_goes_on_reading_it(tmp_path):
    path = tmp_path / "usage.html"
    path.write_text("old")
    with path.open() as reader:
        write_whole(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_page_has_the_rights_of_any_new_file(tmp_path):
    write_whole(tmp_path / "page.html", "new")
    (tmp_path / "other").touch()
    modes = {each.stat().st_mode for each in tmp_path.iterdir()}
    assert len(modes) == 1


# -- processes ------------------------------------------------------------------------


def test_reader_that_goes_away_ends_it_quietly(book, url):
    book(*(record(model=f"{number:0240}") for number in range(500)))
    command = [sys.executable, "-m", "llm_adapter", "usage", "--ledger", url]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ, **pipes) as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(30) == 141


def test_command_line_is_light_until_the_ledger_is_asked():
    script = (
        "import sys; from llm_adapter import cli; cli.main(['usage', '--help']); "
        "heavy = {'sqlalchemy', 'psycopg', 'llm_adapter.usage_page'}; "
        "print('loaded:', heavy & sys.modules.keys())"
    )
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout.endswith("loaded: set()\n")
