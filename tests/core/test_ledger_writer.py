"""The writer: from the journal into the database, whatever happens to it."""

from __future__ import annotations

import gc
import logging
import random
import threading
import weakref
from datetime import UTC, datetime
from time import monotonic

import pytest

from llm_adapter.ledger import Record
from llm_adapter.ledger import _writer as writer_module
from llm_adapter.ledger._journal import Journal
from llm_adapter.ledger._writer import Writer, WriterStats

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def record(id="one", **fields):
    defaults = {"call_id": "call", "attempt": 1, "at": AT, "operation": "generate"}
    return Record(id=str(id), provider="groq", model="m", **{**defaults, **fields})


class Database:
    """Keeps what it is given, once, unless it is down."""

    def __init__(self):
        self.rows = {}
        self.sizes = []
        self.is_down = False
        self.refused = set()
        self.tried = threading.Event()

    def __call__(self, records):
        self.tried.set()
        self.sizes.append(len(records))
        if self.is_down or self.refused & {each.id for each in records}:
            raise ConnectionError("database is down")
        for each in records:
            self.rows.setdefault(each.id, each)


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def make(tmp_path, database):
    """Makes writers of one directory; the end of the test closes them."""
    made = []

    def make(sink=database, *, max_bytes=2**20, max_unsaved=10, **options):
        options.setdefault("interval", 0.01)
        journal = Journal(tmp_path, max_bytes=max_bytes, max_unsaved=max_unsaved)
        made.append(Writer(journal, sink, **options))
        return made[-1]

    yield make
    for writer in made:
        writer.close(0)


@pytest.fixture
def quick(monkeypatch):
    """Pauses after failures that take no time."""
    monkeypatch.setattr(writer_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE", 0.02)


def wait_for(condition, seconds=10):
    end = monotonic() + seconds
    tick = threading.Event()
    while not condition():
        assert monotonic() < end, "it did not happen"
        tick.wait(0.005)


def writers_running():
    return [t for t in threading.enumerate() if t.name == "llm_adapter ledger"]


# -- booking --------------------------------------------------------------------------


def test_what_ended_is_written_without_being_asked_for(make, database):
    writer = make()
    writer.begin(record(status="lost"))
    writer.end(record())
    wait_for(lambda: database.rows == {"one": record()})


def test_what_only_began_is_not_written(make, database):
    writer = make()
    writer.begin(record("open", status="lost"))
    writer.end(record())
    assert writer.flush(10)
    assert list(database.rows) == ["one"]


def test_record_after_a_quiet_time_is_written(make, database):
    writer = make()
    writer.end(record("a"))
    wait_for(lambda: "a" in database.rows)
    wait_for(lambda: writer._is_idle)
    writer.end(record("b"))
    wait_for(lambda: "b" in database.rows)


def test_records_are_gathered(make, database):
    writer = make(interval=0.2)
    for number in range(50):
        writer.end(record(number))
    wait_for(lambda: len(database.rows) == 50)
    assert len(database.sizes) <= 2


def test_no_more_is_handed_over_at_once_than_a_batch(make, database):
    writer = make(batch=10)
    for number in range(95):
        writer.end(record(number))
    assert writer.flush(10)
    assert (len(database.rows), max(database.sizes)) == (95, 10)


def test_booking_waits_for_no_database(make):
    goes_on = threading.Event()
    writer = make(lambda records: goes_on.wait(10))
    writer.end(record("a"))
    begun = monotonic()
    for number in range(100):
        writer.end(record(number))
    assert monotonic() - begun < 1
    goes_on.set()


def test_no_thread_is_started_before_the_first_record(make):
    before = writers_running()  # of an earlier test, about to end
    make()
    assert set(writers_running()) <= set(before)


def test_thread_is_a_daemon(make):
    make().end(record())
    assert [thread.daemon for thread in writers_running()] == [True]


def test_record_is_kept_where_no_thread_can_be_started(make, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    writer = make()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    writer.end(record())
    assert not writer.flush(10)
    assert writer.stats().waiting == 1


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"  # that is what it is about
)
def test_thread_that_died_is_replaced(make, database):
    """Of an exception that is no trouble of a database, as SystemExit."""

    def leave(records):
        writer._sink = database
        raise SystemExit

    writer = make(leave)
    writer.end(record("a"))
    wait_for(lambda: not writers_running())
    writer.end(record("b"))
    assert writer.flush(10)
    assert sorted(database.rows) == ["a", "b"]


# -- when the database is away --------------------------------------------------------


def test_nothing_is_lost_and_nothing_twice_while_it_is_away(make, database, quick):
    database.is_down = True
    writer = make(batch=10)
    for number in range(95):
        writer.begin(record(number, status="lost"))
        writer.end(record(number))
    wait_for(lambda: writer.stats().failures > 3)
    database.is_down = False
    assert writer.flush(10)
    assert database.rows == {str(n): record(n) for n in range(95)}
    stats = writer.stats()
    assert (stats.booked, stats.written, stats.waiting) == (95, 95, 0)


def test_insertion_that_failed_after_all_is_repeated(make, database, quick):
    """The database has it, the answer was lost."""

    def forget(records):
        database(records)
        writer._sink = database
        raise ConnectionError

    writer = make(forget)
    writer.end(record())
    assert writer.flush(10)
    assert (database.rows, database.sizes) == ({"one": record()}, [1, 1])


def test_failure_is_told_of_once_a_minute_and_its_end_too(
    make, database, quick, caplog
):
    caplog.set_level(logging.INFO, "llm_adapter")
    database.is_down = True
    writer = make()
    writer.end(record())
    wait_for(lambda: writer.stats().failures > 3)
    database.is_down = False
    assert writer.flush(10)
    levels = [(each.levelname, each.message.split("(")[0]) for each in caplog.records]
    assert levels == [
        ("WARNING", "The ledger cannot be written "),
        ("INFO", "The ledger is written again."),
    ]


def test_record_that_is_refused_keeps_no_other_waiting(make, database, quick):
    database.refused = {"3"}
    writer = make(interval=0.1)
    for number in range(8):
        writer.end(record(number))
    wait_for(lambda: len(database.rows) == 7)
    assert writer.stats().waiting == 1


def test_batches_grow_again_after_a_failure(make, database, quick):
    database.is_down = True
    writer = make(batch=16)
    for number in range(64):
        writer.end(record(number))
    wait_for(lambda: database.sizes[-1:] == [1])
    database.is_down = False
    assert writer.flush(10)
    assert max(database.sizes[database.sizes.index(1) :]) == 16


def test_pauses_grow_and_are_bounded(make, monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    writer = make()
    pauses = []
    for number in (1, 2, 3, 7, 5000):
        writer._failed_in_a_row = number
        pauses.append(writer._pause())
    assert pauses == [0.5, 1, 2, 30, 30]


def test_pauses_are_spread(make):
    writer = make()
    writer._failed_in_a_row = 1
    pauses = {writer._pause() for _ in range(20)}
    assert len(pauses) > 10
    assert all(0.25 <= pause <= 0.5 for pause in pauses)


def test_pause_is_short_while_somebody_waits(make):
    writer = make()
    writer._failed_in_a_row, writer._flushing = 100, 1
    assert writer._pause() <= 0.5


def test_dropped_records_are_counted(make, database):
    database.is_down = True
    writer = make(max_bytes=0, max_unsaved=2)
    for number in range(5):
        writer.end(record(number))
    assert writer.stats().dropped == 3


def test_what_was_in_memory_only_is_written_like_the_rest(make, database):
    writer = make(max_bytes=0)
    writer.end(record())
    assert writer.flush(10)
    assert database.rows == {"one": record()}


# -- flush ----------------------------------------------------------------------------


def test_flush_is_in_time_when_nothing_was_booked(make):
    assert make().flush(10)


def test_flush_wakes_a_writer_that_gathers(make, database):
    writer = make(interval=60)
    writer.end(record())
    assert writer.flush(10)
    assert list(database.rows) == ["one"]


def test_flush_does_not_wait_longer_than_it_may(make, database):
    database.is_down = True
    writer = make()
    writer.end(record())
    begun = monotonic()
    assert not writer.flush(0.2)
    assert 0.2 <= monotonic() - begun < 2


def test_flush_tries_at_once_after_a_failure(make, database, monkeypatch):
    monkeypatch.setattr(writer_module, "FIRST_PAUSE", 60)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE", 60)
    database.is_down = True
    writer = make()
    writer.end(record())
    wait_for(lambda: writer.stats().failures == 1)
    database.is_down = False
    assert writer.flush(10)


def test_flush_does_not_wait_for_what_is_booked_later(make, database):
    writer = make(batch=10)
    stop = threading.Event()

    def go_on():
        number = 0
        while not stop.is_set():
            writer.end(record(f"later {number}"))
            number += 1
            stop.wait(0.0005)

    writer.end(record())
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert writer.flush(10)
    finally:
        stop.set()
        thread.join()
    assert "one" in database.rows


def test_several_flush_at_once(make, database):
    writer = make()
    outcomes = []

    def act(name):
        writer.end(record(name))
        outcomes.append(writer.flush(10) and name in database.rows)

    threads = [threading.Thread(target=act, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 8


# -- what others left -----------------------------------------------------------------


def dead(make, *names, begun=()):
    """Leave records as a process does that cannot write them."""
    writer = make(lambda records: None)
    for name in begun:
        writer._journal.begin(record(name))
    for name in names:
        writer._journal.end(record(name))
    writer._journal.close()


def test_flush_writes_what_dead_processes_left(make, database):
    dead(make, "a", begun=["b"])
    assert make().flush(10)
    assert database.rows == {"a": record("a"), "b": record("b", status="lost")}


def test_flush_writes_what_many_dead_processes_left(make, database):
    for number in range(10):
        dead(make, f"{number} a", f"{number} b", f"{number} c")
    assert make(batch=4).flush(10)
    assert len(database.rows) == 30


def test_flush_is_not_in_time_for_the_dead_when_the_database_is_away(make, database):
    database.is_down = True
    for number in range(3):
        dead(make, number)
    assert not make(batch=1).flush(0.1)


def test_what_the_dead_left_is_written_at_the_start(make, database):
    dead(make, "a")
    make().end(record("b"))
    wait_for(lambda: sorted(database.rows) == ["a", "b"])


def test_what_the_dead_left_is_found_now_and_then(make, database, monkeypatch):
    monkeypatch.setattr(writer_module, "ADOPT_EVERY", 0.05)
    writer = make()
    assert writer.flush(10)
    dead(make, "a")
    wait_for(lambda: "a" in database.rows)


def test_adopted_records_are_counted(make):
    dead(make, "a", "b")
    writer = make()
    writer.end(record())
    assert writer.flush(10)
    assert writer.stats() == WriterStats(
        booked=1, adopted=2, written=3, waiting=0, dropped=0, failures=0
    )


# -- the end --------------------------------------------------------------------------


def test_closing_writes_what_waits(make, database):
    writer = make(interval=60)
    writer.end(record())
    writer.close()
    assert list(database.rows) == ["one"]


def test_closing_ends_the_thread(make):
    writer = make()
    writer.end(record())
    writer.close()
    assert writers_running() == []


def test_closing_without_a_record_starts_nothing(make, tmp_path):
    make().close()
    assert (writers_running(), list(tmp_path.iterdir())) == ([], [])


def test_closing_twice_is_closing_once(make):
    writer = make()
    writer.end(record())
    writer.close()
    writer.close()
    assert writer.stats().written == 1


def test_closing_leaves_to_the_next_what_cannot_be_written(make, database):
    database.is_down = True
    writer = make()
    writer.end(record())
    writer.close(0.1)
    database.is_down = False
    assert make().flush(10)
    assert database.rows == {"one": record()}


def test_closing_does_not_wait_for_a_database_that_hangs(make, database):
    goes_on, hangs = threading.Event(), threading.Event()

    def hang(records):
        hangs.set()
        goes_on.wait(10)
        database(records)

    writer = make(hang)
    writer.end(record())
    assert hangs.wait(10)
    begun = monotonic()
    writer.close(0.1)
    assert monotonic() - begun < 2
    assert make().flush(10)
    goes_on.set()
    wait_for(lambda: not [t for t in writers_running() if t is writer._thread])
    assert database.rows == {"one": record()}


def test_database_may_close_the_writer(make):
    """In the writer's own thread, which cannot wait for itself."""
    writer = make(lambda records: writer.close(0))
    writer.end(record())
    wait_for(lambda: not writers_running())
    assert writer._is_closed


def test_what_ends_after_the_closing_is_left_to_the_next(make, tmp_path):
    writer = make()
    writer.close()
    writer.end(record())
    assert (writer.stats().waiting, writers_running()) == (1, [])
    assert b'"one"' in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_flush_of_a_closed_writer_has_nothing_to_wait_for(make):
    writer = make()
    writer.close()
    assert writer.flush(10)


def test_closed_writer_is_not_kept_alive(tmp_path, database):
    writer = Writer(Journal(tmp_path), database)
    writer.end(record())
    writer.close()
    gone = weakref.ref(writer)
    del writer
    gc.collect()
    assert gone() is None


def test_end_of_the_process_closes_the_writers(make, database):
    make(interval=60).end(record())
    writer_module._close_all()
    assert list(database.rows) == ["one"]


def test_record_may_be_booked_in_the_middle_of_booking(make, database, monkeypatch):
    """As of a stream that is collected as garbage there."""
    writer = make()
    append = Journal._append

    def collect(journal, line):
        if b'"outer"' in line:
            writer.end(record("inner"))
        return append(journal, line)

    monkeypatch.setattr(Journal, "_append", collect)
    writer.end(record("outer"))
    assert writer.flush(10)
    assert sorted(database.rows) == ["inner", "outer"]
