"""The parts of `map` that need no provider: rows, templates, order, threads."""

from __future__ import annotations

import errno
import io
import json
import os
import threading

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter import LLMResponse, LLMTimeoutError
from llm_adapter.cli._lines import answered, failed, read_line, refused
from llm_adapter.cli._rows import Row, rows
from llm_adapter.cli._target import Target
from llm_adapter.cli._template import Template
from llm_adapter.cli._window import AHEAD, InOrder, Window

COLUMN = Template.column("prompt")
NAMES = st.text(st.characters(exclude_characters="{}"), min_size=1).filter(
    lambda name: name == name.strip()
)


def found(content, form="jsonl", template=COLUMN, salt=""):
    return list(rows(io.BytesIO(content), form, template, "prompt", salt))


# -- templates ------------------------------------------------------------------------


@given(st.text(), NAMES, st.text())
def test_template_says_what_is_around_its_field(before, name, value):
    literal = before.replace("{", "{{").replace("}", "}}")
    template = Template.read(f"{literal}{{{name}}}{literal}")
    assert template.fill({name: value}) == before + value + before


@given(st.text())
def test_text_is_a_template_or_refused(text):
    try:
        template = Template.read(text)
    except ValueError as error:
        assert "stands alone" in str(error)
    else:
        assert len(template.pieces) == len(template.names) + 1


@pytest.mark.parametrize("value", [0, 1.5, True, ["a"], {"ü": None}])
def test_values_that_are_no_text_are_filled_in_as_json(value):
    filled = COLUMN.fill({"prompt": value})
    assert json.loads(filled) == value


# -- rows -----------------------------------------------------------------------------


@given(st.lists(st.binary()), st.sampled_from(["jsonl", "csv"]))
def test_any_bytes_are_rows_or_wrong_usage(lines, form):
    try:
        read = found(b"\n".join(lines), form)
    except click.UsageError as error:
        assert error.message
    else:
        assert [row.index for row in read] == list(range(len(read)))
        assert all((row.prompt is None) != (row.problem is None) for row in read)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_texts_come_back_from_json_lines(texts):
    content = "".join(f"{json.dumps(text, ensure_ascii=False)}\n" for text in texts)
    read = found(content.encode())
    wanted = [text if text.strip() else None for text in texts]
    assert [row.prompt for row in read] == wanted


def test_mark_of_windows_is_no_part_of_the_first_row():
    [row] = found(b'\xef\xbb\xbf"Hi"\r\n')
    assert (row.prompt, row.problem) == ("Hi", None)


def test_id_may_be_any_number():
    assert found(b'{"id": 1.5, "prompt": "a"}')[0].id == 1.5


def test_rows_know_their_lines_and_where_they_end():
    content = b'prompt\n"a\nb"\n\nc\n'
    read = found(content, "csv")
    assert [(row.line, row.end) for row in read] == [(2, 13), (5, len(content))]


def test_digest_is_that_of_the_row_and_of_how_it_is_asked():
    def digest(content, salt=""):
        return found(content, salt=salt)[0].digest

    assert digest(b'"a"') == digest(b' "a" \n')
    assert len({digest(b'"a"'), digest(b'"b"'), digest(b'"a"', "x")}) == 3


def test_limit_of_cells_is_as_it_was():
    import csv

    before = csv.field_size_limit()
    big = "x" * (before + 1)
    assert found(f"prompt\n{big}\n".encode(), "csv")[0].prompt == big
    assert csv.field_size_limit() == before


# -- outputs --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    """An output of three lines."""
    content = b'{"id": "\xc3\xbc", "prompt": "a"}\n7\n"b"\n'
    read = found(content)
    answer = LLMResponse("Gr\u00fc\u00dfe\u2028\n", "m")
    made = [
        answered(read[0], answer, as_json=False),
        refused(read[1], read[1].problem),
        failed(read[2], LLMTimeoutError("late", status_code=408)),
    ]
    return [line.raw for line in made]


def test_output_is_mended_wherever_it_was_cut(whole, tmp_path):
    everything = b"".join(whole)
    path = tmp_path / "out.jsonl"
    for size in range(len(everything) + 1):
        path.write_bytes(everything[:size])
        with Target(path) as target:
            target.mend()
            kept = list(target.lines())
        assert path.read_bytes() == b"".join(whole[: len(kept)])
        assert len(kept) == everything[:size].count(b"\n")


def test_lines_are_read_as_they_were_written(whole):
    lines = [read_line(raw, index) for index, raw in enumerate(whole)]
    assert [line.failed for line in lines] == [False, True, True]
    assert [line.raw for line in lines] == whole


@given(st.binary(), st.integers(0, 9))
def test_bytes_of_others_are_no_line(raw, index):
    line = read_line(raw, index)
    assert line is None or line.index == index


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_id_is_written_and_read(own):
    row = Row(index=3, line=4, digest="d", prompt="a", id=own)
    raw = answered(row, LLMResponse("Hi", "m"), as_json=False).raw
    assert raw.count(b"\n") == 1
    assert json.loads(raw).get("id") == own
    assert read_line(raw, 3).digest == "d"


# -- order ----------------------------------------------------------------------------


@given(st.permutations(range(20)))
def test_results_come_in_order_whatever_theirs_was(numbers):
    order = InOrder()
    given = [each for number in numbers for each in order.put(number, number)]
    assert given == list(range(20))
    assert order.given == 20


# -- threads --------------------------------------------------------------------------


def none(task):
    return None


def window(tasks, act, at_once=2, known=none):
    return Window(tasks, act, at_once=at_once, known=known)


def numbers(count, seen=None):
    for number in range(count):
        if seen is not None:
            seen.append(number)
        yield number


def test_known_results_need_no_call():
    made = []
    found = window(
        numbers(6), made.append, known=lambda n: n if n % 2 else None
    ).results()
    assert list(found) == [None, 1, None, 3, None, 5]
    assert sorted(made) == [0, 2, 4]


def test_source_is_read_no_further_than_results_are_taken():
    seen = []
    first = threading.Event()

    def act(number):
        if number == 0:
            assert first.wait(30)
        return number

    results = window(numbers(1_000, seen), act, at_once=1).results()
    reader = threading.Thread(target=lambda: seen.append(next(results)))
    reader.start()
    while len(seen) < AHEAD:
        pass
    assert len(seen) <= AHEAD + 1
    first.set()
    reader.join()
    results.close()


def test_error_of_a_call_comes_at_its_place():
    def act(number):
        if number == 2:
            raise KeyError(number)
        return number

    results = window(numbers(9), act).results()
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError):
        next(results)


def test_error_of_the_source_comes_after_the_results_before_it():
    def tasks():
        yield from range(3)
        raise KeyError("source")

    results = window(tasks(), str).results()
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(KeyError):
        next(results)


def test_source_is_closed_by_the_one_who_reads_it():
    closed = threading.Event()

    def tasks():
        try:
            yield from range(10_000)
        finally:
            closed.set()

    results = window(tasks(), str).results()
    next(results)
    results.close()
    assert closed.wait(30)


def test_stop_lets_calls_end_and_begins_no_more():
    begun, go_on = [], threading.Event()

    def act(number):
        begun.append(number)
        assert go_on.wait(30)
        return number

    stoppable = window(numbers(100), act)
    results = stoppable.results()
    threading.Timer(0.2, go_on.set).start()
    threading.Timer(0.1, stoppable.stop).start()
    assert list(results) == [0, 1]
    assert sorted(begun) == [0, 1]


def test_stop_before_the_first_result_ends_it():
    silent = threading.Event()

    def tasks():
        assert silent.wait(30)
        yield 1

    stoppable = window(tasks(), str)
    threading.Timer(0.1, stoppable.stop).start()
    assert list(stoppable.results()) == []
    silent.set()


def test_output_that_cannot_be_cut_is_told(tmp_path, monkeypatch):
    def failing(descriptor, size):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "out.jsonl"
    with Target(path) as target:
        monkeypatch.setattr(os, "ftruncate", failing)
        with pytest.raises(
            click.ClickException, match=r"out\.jsonl.*cannot be written"
        ):
            target.clear()
