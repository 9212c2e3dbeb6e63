"""Journals: what a process has to book, until it is booked."""

from __future__ import annotations

import logging
import os
import stat
import string
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter.ledger import Record
from llm_adapter.ledger import _journal as journal_module
from llm_adapter.ledger._held_file import HeldFile
from llm_adapter.ledger._journal import Journal
from llm_adapter.ledger._lines import decode_lines, encode_line
from llm_adapter.models import Usage

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)

labels = st.none() | st.text(st.characters(codec="utf-8"), max_size=10)
counts = st.none() | st.integers(0, 2**53)
seconds = st.floats(0, 1e6)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    total_tokens=counts,
    service_tier=labels,
)
records = st.builds(
    Record,
    id=st.text(string.hexdigits, min_size=1, max_size=8),
    call_id=st.text(st.characters(codec="utf-8"), max_size=10),
    attempt=st.integers(0, 10),
    at=st.datetimes(timezones=st.just(UTC)),
    operation=st.sampled_from(["generate", "stream", "embed"]),
    provider=st.text(st.characters(codec="utf-8"), max_size=10),
    model=st.text(st.characters(codec="utf-8"), max_size=10),
    user_id=labels,
    workflow=labels,
    status=st.sampled_from(["succeeded", "failed", "cached", "lost", "interrupted"]),
    error=labels,
    status_code=st.none() | st.integers(100, 599),
    usage=usages,
    cost=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    price_date=st.none() | st.dates(),
    latency=seconds,
    first_token=st.none() | seconds,
    request_id=labels,
)


def record(id="one", **fields):
    defaults = {"call_id": "call", "attempt": 1, "at": AT, "operation": "generate"}
    return Record(id=id, provider="groq", model="m", **{**defaults, **fields})


def lost(id="one", **fields):
    return record(id, status="lost", **fields)


@pytest.fixture
def make(tmp_path):
    """Makes journals in one directory; the end of the test closes them."""
    made = []

    def make(**options):
        made.append(Journal(tmp_path / "journals", **options))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


@pytest.fixture
def journal(make):
    return make()


def files(journal):
    return sorted(journal.directory.iterdir()) if journal.directory.exists() else []


def content(journal):
    return decode_lines(b"".join(path.read_bytes() for path in files(journal)))


def leave(journal, *lines):
    """A file of a dead process."""
    journal.directory.mkdir(exist_ok=True)
    path = journal.directory / f"usage-v1-1-{len(files(journal))}.jsonl"
    path.write_bytes(b"".join(lines))
    return path


# -- lines ----------------------------------------------------------------------------


@given(records)
def test_end_is_read_as_it_was_written(record):
    assert decode_lines(encode_line("end", record)).records == {record.id: record}


@given(records)
def test_line_is_one_line(record):
    assert encode_line("end", record).count(b"\n") == 1


@given(records)
def test_beginning_alone_is_lost(record):
    found = decode_lines(encode_line("begin", record)).records
    assert found == {record.id: evolve(record, status="lost")}


@given(records, st.booleans())
def test_end_counts_whatever_the_order(record, ends_first):
    lines = [encode_line("begin", lost(record.id)), encode_line("end", record)]
    found = decode_lines(b"".join(lines[::-1] if ends_first else lines))
    assert found.records == {record.id: record}


def test_whole_lines_before_a_cut_are_kept():
    lines = [encode_line("end", record(str(number))) for number in range(3)]
    data = b"".join(lines)
    for length in range(len(data) + 1):
        # A line is whole without its line break, too.
        whole = sum(length + 1 >= len(b"".join(lines[: n + 1])) for n in range(3))
        assert list(decode_lines(data[:length]).records) == [*"012"][:whole]


def test_cut_line_is_counted():
    assert decode_lines(encode_line("end", record())[:-5]).unreadable == 1


@given(st.binary(), st.binary())
def test_garbage_hides_no_line_and_raises_nothing(before, after):
    line = encode_line("end", record())
    found = decode_lines(before + b"\n" + line + after)
    assert found.records["one"] == record()


@pytest.mark.parametrize(
    "line",
    [
        b'{"v":1,"kind":"end","record":{}}',
        b'{"v":1,"kind":"end","record":null}',
        encode_line("end", record()).replace(b'"v":1', b'"v":2'),
        encode_line("end", record()).replace(b'"end"', b'"middle"'),
        encode_line("end", record()).replace(b'"generate"', b'"dream"'),
        encode_line("end", record()).replace(b"2026-11-24", b"2026-13-24"),
        encode_line("end", record(cost=Decimal(1))).replace(b'"1"', b'"much"'),
        b'{"v":1,"kind":"end","record":{"x":' + b"[" * 100_000,
    ],
    ids=range(8),
)
def test_foreign_line_is_left_out(line):
    found = decode_lines(line)
    assert (found.records, found.unreadable) == ({}, 1)


def test_unknown_field_of_a_later_release_is_ignored():
    line = encode_line("end", record()).replace(b'"at"', b'"new":[1],"at"')
    assert decode_lines(line).records == {"one": record()}


def test_time_without_a_zone_is_utc():
    line = encode_line("end", record(at=AT.replace(tzinfo=None)))
    assert decode_lines(line).records["one"].at == AT


def test_time_of_another_zone_stays_that_time():
    at = AT.astimezone(timezone(timedelta(hours=5)))
    assert decode_lines(encode_line("end", record(at=at))).records["one"].at == AT


# -- begin and end --------------------------------------------------------------------


def test_beginning_is_in_the_file_at_once(journal):
    journal.begin(record())
    assert content(journal).records == {"one": lost()}


def test_end_is_in_the_file_at_once(journal):
    journal.begin(lost())
    journal.end(record())
    assert content(journal).records == {"one": record()}


def test_what_only_began_does_not_wait_to_be_booked(journal):
    journal.begin(lost())
    assert (journal.waiting, journal.next(9)) == (0, [])


def test_oldest_records_are_next(journal):
    for each in "abc":
        journal.end(record(each))
    assert journal.next(2) == [record("a"), record("b")]


def test_deferred_record_comes_last(journal):
    for each in "abc":
        journal.end(record(each))
    journal.defer(record("a"))
    assert [each.id for each in journal.next(9)] == ["b", "c", "a"]


def test_deferring_what_is_booked_changes_nothing(journal):
    journal.defer(record())
    assert journal.waiting == 0


def test_directory_and_files_are_private(journal):
    journal.begin(record())
    (path,) = files(journal)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (journal.directory, path)]
    assert modes == [0o700, 0o600]


def test_nothing_is_made_before_it_is_needed(journal):
    journal.adopt(9)
    journal.tend()
    journal.booked([record()])
    assert not journal.directory.exists()


def test_threads_share_a_journal(journal):
    def book(name):
        for number in range(200):
            journal.begin(lost(f"{name}{number}"))
            journal.end(record(f"{name}{number}"))

    threads = [threading.Thread(target=book, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = content(journal)
    assert (len(found.records), found.unreadable) == (800, 0)
    assert journal.ids() == found.records.keys()


# -- reclaiming -----------------------------------------------------------------------


def test_file_is_empty_once_all_is_booked(journal):
    journal.begin(lost())
    journal.end(record())
    journal.booked(journal.next(9))
    assert [path.stat().st_size for path in files(journal)] == [0]


def test_file_goes_on_after_it_was_emptied(journal):
    journal.end(record())
    journal.booked(journal.next(9))
    journal.end(record("two"))
    assert content(journal).records == {"two": record("two")}


def test_open_request_survives_the_replacement_of_a_file(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MANY_LINES", 10)
    journal.begin(lost("open"))
    before = files(journal)
    for number in range(20):
        journal.end(record(str(number)))
    journal.end(record("late"))
    journal.booked(journal.next(20))
    assert files(journal) != before
    assert content(journal).records == {"open": lost("open"), "late": record("late")}


def test_file_that_is_mostly_waiting_is_not_replaced(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MANY_LINES", 10)
    for number in range(20):
        journal.end(record(str(number)))
    before = files(journal)
    journal.booked(journal.next(5))
    assert files(journal) == before


def test_file_that_cannot_be_replaced_stays(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MANY_LINES", 10)
    journal.begin(lost("open"))
    for number in range(20):
        journal.end(record(str(number)))
    before = files(journal)

    def refuse(directory):
        raise OSError("no more files")

    monkeypatch.setattr(HeldFile, "new", refuse)
    journal.booked(journal.next(20))
    journal.end(record("open"))
    assert files(journal) == before
    assert content(journal).records["open"] == record("open")


def test_half_written_replacement_is_removed(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "MANY_LINES", 10)
    journal.begin(lost("open"))
    journal.begin(lost("other"))
    for number in range(20):
        journal.end(record(str(number)))
    before = files(journal)
    append = HeldFile.append
    monkeypatch.setattr(
        HeldFile,
        "append",
        lambda file, line: (
            append(file, line[:9]) if file.path != before[0] else append(file, line)
        ),
    )
    journal.booked(journal.next(20))
    assert files(journal) == before


def test_file_that_cannot_be_emptied_is_told_of(journal, monkeypatch, caplog):
    journal.end(record())

    def refuse(file):
        raise OSError("no longer")

    monkeypatch.setattr(HeldFile, "clear", refuse)
    journal.booked(journal.next(9))
    assert "no longer" in caplog.text


# -- when the file takes nothing ------------------------------------------------------


def test_record_waits_in_memory_where_no_directory_can_be_made(tmp_path, caplog):
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "journals")
    journal.begin(lost())
    journal.end(record())
    assert journal.next(9) == [record()]
    assert "1 records are in memory only, 0 were dropped" in caplog.text


def test_warning_comes_once_a_minute(tmp_path, caplog):
    (tmp_path / "file").touch()
    now = [0.0]
    journal = Journal(tmp_path / "file" / "journals", clock=lambda: now[0])
    for _ in range(3):
        journal.end(record())
    now[0] = 60.0
    journal.end(record())
    assert len(caplog.records) == 2


def test_record_beyond_the_bound_is_kept_in_memory_only(make):
    journal = make(max_bytes=len(encode_line("end", record())))
    journal.end(record())
    journal.end(record("two"))
    assert list(content(journal).records) == ["one"]
    assert journal.ids() == {"one", "two"}


def test_record_without_room_is_dropped_and_counted(make, caplog):
    journal = make(max_bytes=0, max_unsaved=2)
    for each in "abc":
        journal.end(record(each))
    assert (journal.ids(), journal.kept, journal.dropped) == ({"a", "b"}, 2, 1)


def test_dropped_end_of_what_is_in_the_file_is_booked_as_lost(make):
    journal = make(max_bytes=len(encode_line("begin", lost())), max_unsaved=0)
    journal.begin(lost())
    journal.end(record())
    journal.close()
    assert content(journal).records == {"one": lost()}


def test_beginning_without_room_is_forgotten(make):
    journal = make(max_bytes=0, max_unsaved=0)
    journal.begin(lost())
    journal.end(record())
    assert (journal.waiting, journal.dropped) == (0, 1)


def test_end_of_what_began_in_memory_is_kept_there(make):
    journal = make(max_bytes=0, max_unsaved=1)
    journal.begin(lost())
    journal.end(record())
    assert journal.next(9) == [record()]


def test_record_that_json_cannot_say_is_booked_from_memory(journal):
    odd = [record("a", user_id="\ud800"), record("b", usage=Usage(input_tokens=2**70))]
    for each in odd:
        journal.end(each)
    assert journal.next(9) == odd


def test_line_after_a_torn_one_can_be_read(journal, monkeypatch):
    append = HeldFile.append
    with monkeypatch.context() as full:
        full.setattr(HeldFile, "append", lambda file, line: append(file, line[:50]))
        journal.end(record())
    journal.end(record("two"))
    assert content(journal).records == {"two": record("two")}


def test_what_is_in_memory_is_written_when_that_is_possible_again(journal):
    journal.directory.write_text("in the way")
    journal.begin(lost("open"))
    journal.end(record())
    journal.directory.unlink()
    journal.tend()
    assert content(journal).records == {"open": lost("open"), "one": record()}


def test_full_file_is_not_tried_with_every_record(journal, monkeypatch):
    tried = []

    def refuse(file, line):
        tried.append(line)
        raise OSError("full")

    monkeypatch.setattr(HeldFile, "append", refuse)
    for number in range(50):
        journal.end(record(str(number)))
    del tried[:]
    journal.tend()
    assert len(tried) == journal_module.GIVE_UP


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no open file")
def test_deleted_directory_is_made_again(journal):
    journal.begin(lost("open"))
    journal.end(record())
    files(journal)[0].unlink()
    journal.directory.rmdir()
    journal.tend()
    assert content(journal).records == {"open": lost("open"), "one": record()}


# -- what others left -----------------------------------------------------------------


def test_records_of_the_dead_are_adopted(journal):
    ended, begun = encode_line("end", record("a")), encode_line("begin", record("b"))
    leave(journal, ended, begun)
    assert journal.adopt(9) == 2
    assert journal.next(9) == [record("a"), lost("b")]


def test_file_of_the_dead_stays_until_all_of_it_is_booked(journal):
    path = leave(journal, *(encode_line("end", record(each)) for each in "ab"))
    journal.adopt(9)
    journal.booked([record("a")])
    assert path.exists()
    journal.booked([record("b")])
    assert not path.exists()


def test_file_of_the_living_is_left_alone(journal, make):
    make().end(record())
    assert journal.adopt(9) == 0


def test_own_file_is_not_adopted(journal):
    journal.end(record())
    assert journal.adopt(9) == 0


def test_file_is_adopted_once(journal, make):
    leave(journal, encode_line("end", record()))
    assert [journal.adopt(9), make().adopt(9)] == [1, 0]


def test_adopted_file_goes_to_the_next_when_it_is_not_booked(journal, make):
    leave(journal, encode_line("end", record()))
    journal.adopt(9)
    journal.close()
    assert make().adopt(9) == 1


def test_no_more_is_adopted_than_can_be_booked_soon(journal):
    for each in "abc":
        leave(journal, encode_line("end", record(each)))
    assert [journal.adopt(2), journal.adopt(2)] == [2, 0]


def test_lines_that_cannot_be_read_are_told_of(journal, caplog):
    leave(journal, b"?\n!\n", encode_line("end", record()))
    assert journal.adopt(9) == 1
    assert "2 lines of the journal" in caplog.text


def test_file_without_records_is_deleted(journal):
    path = leave(journal)
    assert journal.adopt(9) == 0
    assert not path.exists()


@pytest.mark.parametrize("name", ["usage-v2-1-0.jsonl", "usage-v1-1-0.bak", "other"])
def test_file_of_others_is_left_alone(journal, name):
    journal.directory.mkdir()
    (journal.directory / name).write_bytes(encode_line("end", record()))
    assert journal.adopt(9) == 0
    assert (journal.directory / name).exists()


def test_directory_of_such_a_name_is_left_alone(journal):
    path = leave(journal)
    path.unlink()
    path.mkdir()
    assert journal.adopt(9) == 0


def test_file_that_cannot_be_read_is_left_to_others(journal, make, monkeypatch):
    leave(journal, encode_line("end", record()))
    with monkeypatch.context() as broken:

        def refuse(file):
            raise OSError("I/O error")

        broken.setattr(HeldFile, "read", refuse)
        assert journal.adopt(9) == 0
    assert make().adopt(9) == 1


# -- the end --------------------------------------------------------------------------


def test_closing_leaves_no_file_when_all_is_booked(journal):
    journal.end(record())
    journal.booked(journal.next(9))
    journal.close()
    assert files(journal) == []


def test_closing_leaves_the_rest_to_the_next(journal, make):
    journal.begin(lost("open"))
    journal.end(record())
    journal.close()
    other = make()
    other.adopt(9)
    assert sorted(other.ids()) == ["one", "open"]


def test_closing_counts_what_was_in_memory_only(make, caplog):
    journal = make(max_bytes=0)
    journal.end(record())
    caplog.clear()
    journal._trouble._quiet_until = 0
    journal.close()
    assert journal.dropped == 1
    assert "1 were dropped" in caplog.text


def test_what_ends_after_the_closing_is_in_a_file(journal):
    journal.close()
    journal.end(record())
    assert content(journal).records == {"one": record()}


def test_what_ends_after_the_closing_and_finds_no_file_is_dropped(make):
    journal = make(max_bytes=0)
    journal.close()
    journal.end(record())
    assert (journal.waiting, journal.dropped) == (0, 1)


def test_closed_journal_adopts_nothing(journal, make):
    leave(journal, encode_line("end", record()))
    journal.close()
    assert [journal.adopt(9), make().adopt(9)] == [0, 1]


def test_records_of_a_closed_journal_may_be_booked_still(journal):
    """By a database that answers at last."""
    journal.end(record())
    found = journal.next(9)
    journal.close()
    journal.booked(found)
    assert list(content(journal).records) == ["one"]


# -- held files -----------------------------------------------------------------------


def test_closed_file_takes_nothing(tmp_path):
    file = HeldFile.new(tmp_path)
    file.close()
    with pytest.raises(OSError, match="is closed"):
        file.append(b"x")


def test_new_file_that_another_takes_gets_another_name(tmp_path, monkeypatch):
    import fcntl

    lock, seen = fcntl.flock, []

    def taken(descriptor, how):
        seen.append(descriptor)
        if len(seen) == 1:
            raise BlockingIOError
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", taken)
    file = HeldFile.new(tmp_path)
    assert len(seen) == 2
    file.close()


def test_new_file_that_another_has_deleted_gets_another_name(tmp_path, monkeypatch):
    import fcntl

    lock = fcntl.flock

    def deleted(descriptor, how):
        lock(descriptor, how)
        monkeypatch.undo()
        for path in tmp_path.iterdir():
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", deleted)
    file = HeldFile.new(tmp_path)
    assert file.is_in_place()
    file.close()


def test_one_gives_up_where_every_new_file_is_taken(tmp_path, monkeypatch):
    import fcntl

    def taken(descriptor, how):
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", taken)
    with pytest.raises(FileExistsError, match="Others take"):
        HeldFile.new(tmp_path)


def test_file_system_without_locks_is_told_of(tmp_path, monkeypatch, caplog):
    import fcntl

    def unknown(descriptor, how):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    journal = Journal(tmp_path)
    journal.end(record())
    assert "no locks available" in caplog.text
    assert files(journal) == []


def test_problem_is_an_entry_of_the_librarys_log(tmp_path, caplog):
    (tmp_path / "file").touch()
    Journal(tmp_path / "file").end(record())
    assert [(each.name, each.levelno) for each in caplog.records] == [
        ("llm_adapter", logging.WARNING)
    ]


# -- files of one process -------------------------------------------------------------


def test_process_whose_files_others_always_take_gives_up(tmp_path, monkeypatch):
    monkeypatch.setattr(HeldFile, "_is_locked", lambda file: False)
    with pytest.raises(FileExistsError, match="take every new file"):
        HeldFile.new(tmp_path)


def test_file_is_not_claimed_where_there_are_no_locks(tmp_path, monkeypatch):
    def no_locks(descriptor):
        raise OSError("no locks here")

    file = HeldFile.new(tmp_path)
    file.close()
    monkeypatch.setattr("llm_adapter.ledger._held_file._lock", no_locks)
    with pytest.raises(OSError, match="no locks here"):
        HeldFile.claim(file.path)
    assert file.path.exists()


def test_file_may_be_closed_twice(tmp_path):
    file = HeldFile.new(tmp_path)
    for _ in range(2):
        file.close()
    with pytest.raises(OSError, match="is closed"):
        file.read()


def test_file_that_is_gone_is_claimed_by_nobody(tmp_path):
    assert HeldFile.claim(tmp_path / "gone.jsonl") is None
