"""Ledgers of processes that are killed, that fork, and whose disk is full."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from tests.processes import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix signals, forks")

LEDGER = """
    import os, signal, sqlite3, sys, threading, warnings
    from datetime import UTC, datetime
    from llm_adapter.ledger import Record
    from llm_adapter.ledger._journal import Journal
    from llm_adapter.ledger._writer import Writer

    # Python warns of forks in a process that has threads.
    warnings.simplefilter("ignore", DeprecationWarning)
    directory, path = sys.argv[1:3]

    def record(id, status="succeeded"):
        return Record(
            id=id, call_id=id, attempt=1, at=datetime.now(UTC), status=status,
            operation="generate", provider="groq", model="m", user_id="u" * 20,
        )

    def sink(records):
        database = sqlite3.connect(path, timeout=10)
        with database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, status TEXT)"
            )
            database.executemany(
                "INSERT OR IGNORE INTO rows VALUES (?, ?)",
                [(each.id, each.status) for each in records],
            )
        database.close()

    def make(sink=sink, **options):
        return Writer(Journal(directory, **options), sink, interval=0.02, batch=50)

    def book(writer, name, count):
        for number in range(count):
            id = f"{name}-{number}"
            writer.begin(record(id, "lost"))
            os.write(1, f"begun {id}\\n".encode())
            if number % 10 != 9:
                writer.end(record(id))
                os.write(1, f"ended {id}\\n".encode())

    def book_in_threads(writer, name, count):
        threads = [
            threading.Thread(
                target=book, args=(writer, f"{name}-{n}", count // 4), daemon=True
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
"""


def start(source, tmp_path, *arguments):
    program = textwrap.dedent(LEDGER) + textwrap.dedent(source)
    folders = [str(tmp_path / "journals"), str(tmp_path / "rows.db")]
    return subprocess.Popen(
        [sys.executable, "-c", program, *folders, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def run(source, tmp_path, *arguments):
    folders = [str(tmp_path / "journals"), str(tmp_path / "rows.db")]
    program = textwrap.dedent(LEDGER) + textwrap.dedent(source)
    return run_program(program, *folders, *arguments)


def drain(tmp_path):
    """What the ledger says once another process has written what others left."""
    run("writer = make(); assert writer.flush(30); writer.close()", tmp_path)
    assert list((tmp_path / "journals").iterdir()) == []
    with sqlite3.connect(tmp_path / "rows.db") as database:
        rows = database.execute("SELECT id, status FROM rows").fetchall()
    database.close()
    return dict(rows)


def killed(process, how, after):
    """What a process said until it was killed after so many lines."""
    said = [process.stdout.readline() for _ in range(after)]
    process.send_signal(how)
    said += process.stdout.readlines()
    assert process.wait(30) == -how
    process.stdout.close()
    return said


def assert_complete(rows, said):
    """All that was said is in the ledger; nothing is there that was not begun.

    Each of four threads may be killed between a line of its journal and its word.
    """
    begun = {line.split()[1] for line in said if line.startswith("begun")}
    ended = {line.split()[1] for line in said if line.startswith("ended")}
    assert begun <= rows.keys()
    assert len(rows.keys() - begun) <= 4
    assert {rows[each] for each in ended} == {"succeeded"}
    more = {each for each in begun - ended if rows[each] != "lost"}
    assert len(more) <= 4


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("sink", ["sink", "None", "lambda records: None / 0"])
def test_killed_process_loses_nothing(how, sink, tmp_path):
    """Whether it writes to the database, stands still in it, or cannot."""
    source = f"""
    hang = threading.Event().wait
    book_in_threads(make({sink} or (lambda records: hang())), "a", 1000)
    hang()
    """
    said = killed(start(source, tmp_path), how, after=700)
    assert_complete(drain(tmp_path), said)


def test_one_of_four_processes_is_killed(tmp_path):
    source = """
    writer = make()
    book_in_threads(writer, sys.argv[3], 400)
    assert writer.flush(30)
    """
    processes = [start(source, tmp_path, name) for name in "abcd"]
    said = killed(processes[0], signal.SIGKILL, after=200)
    for process in processes[1:]:
        said += process.stdout.readlines()
        assert process.wait(30) == 0
        process.stdout.close()
    assert_complete(drain(tmp_path), said)


def test_living_process_is_not_taken_for_dead(tmp_path):
    source = """
    writer = make()
    writer.begin(record("a", "lost"))
    print("begun", flush=True)
    sys.stdin.readline()
    writer.end(record("a"))
    """
    program = textwrap.dedent(LEDGER) + textwrap.dedent(source)
    folders = [str(tmp_path / "journals"), str(tmp_path / "rows.db")]
    with subprocess.Popen(
        [sys.executable, "-c", program, *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "begun\n"
        run("assert make().flush(10)", tmp_path)
        process.communicate("go on\n", timeout=30)
    assert drain(tmp_path) == {"a": "succeeded"}


def test_end_of_a_process_writes_what_waits(tmp_path):
    run(
        """
        writer = Writer(Journal(directory), sink, interval=60)
        writer.end(record("a"))
        """,
        tmp_path,
    )
    with sqlite3.connect(tmp_path / "rows.db") as database:
        rows = database.execute("SELECT id, status FROM rows").fetchall()
    database.close()
    assert rows == [("a", "succeeded")]
    assert list((tmp_path / "journals").iterdir()) == []


def test_process_that_forks_while_it_books(tmp_path):
    run(
        """
        def append(records):
            # SQLite's locks mislead the child of a process that has a file of it open.
            lines = "".join(f"{each.id} {each.status}\\n" for each in records)
            file = os.open(path + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, lines.encode())
            os.close(file)

        writer = make(append)
        writer.begin(record("open", "lost"))
        def go_on(name):
            for number in range(300):
                writer.begin(record(f"{name}-{number}", "lost"))
                writer.end(record(f"{name}-{number}"))
        threads = [threading.Thread(target=go_on, args=(n,)) for n in "abcd"]
        for thread in threads:
            thread.start()
        children = []
        for number in range(10):
            child = os.fork()
            if not child:
                signal.alarm(30)
                writer.begin(record(f"child-{number}", "lost"))
                writer.end(record(f"child-{number}"))
                done = number % 2 or writer.flush(20)
                os._exit(0 if done else 1)  # odd ones leave it in their journal
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for thread in threads:
            thread.join()
        assert writer.flush(20)
        writer.end(record("open"))
        writer.close()
        """,
        tmp_path,
    )
    lines = (tmp_path / "rows.db.log").read_text().splitlines()
    booked = dict(line.split() for line in lines)
    assert len(booked) == len(lines), "none of them twice"
    run("sink([])", tmp_path)  # makes the table
    rows = {**booked, **drain(tmp_path)}
    assert set(rows.values()) == {"succeeded"}
    assert len(rows) == 1 + 4 * 300 + 10


def test_child_does_not_hold_the_journal_of_its_dead_parent(tmp_path):
    source = """
    writer = make(lambda records: threading.Event().wait())
    book(writer, "a", 10)
    if not os.fork():
        os.close(1)
        sys.stdin.readline()
        os._exit(0)
    print("forked", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    program = textwrap.dedent(LEDGER) + textwrap.dedent(source)
    folders = [str(tmp_path / "journals"), str(tmp_path / "rows.db")]
    with subprocess.Popen(
        [sys.executable, "-c", program, *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readlines()[-1] == "forked\n"
        # The child lives until its input ends.
        assert len(drain(tmp_path)) == 10


def test_child_that_ends_leaves_the_parents_journal_alone(tmp_path):
    run(
        """
        writer = make(lambda records: 1 / 0)
        writer.begin(record("open", "lost"))
        child = os.fork()
        if not child:
            sys.exit(0)  # runs what is to be done at exit
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        (file,) = os.listdir(directory)
        assert f"-{os.getpid()}-" in file
        assert os.path.getsize(os.path.join(directory, file))
        """,
        tmp_path,
    )
    assert drain(tmp_path) == {"open": "lost"}


def test_full_disk_costs_no_record_while_there_is_memory(tmp_path):
    said = run(
        """
        import logging, resource
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        down = True
        def moody(records):
            if down:
                raise OSError("down")
            sink(records)
        writer = make(moody)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        for number in range(100):
            writer.begin(record(f"{number}", "lost"))
            writer.end(record(f"{number}"))
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        down = False
        assert writer.flush(20)
        assert writer.stats().dropped == 0, writer.stats()
        """,
        tmp_path,
    )
    assert "takes no more" in said
    assert drain(tmp_path) == {str(number): "succeeded" for number in range(100)}
