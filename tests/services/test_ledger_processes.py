"""Processes that share a ledger, that die, and that fork while they have it open."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from llm_adapter.ledger import _connections
from llm_adapter.ledger._budgets import Budget
from llm_adapter.ledger._errors import LedgerError
from tests.processes import run_program
from tests.services.files import no_fork
from tests.services.forks import FORK
from tests.services.ledgers import (
    NAMES,
    amounts,
    ledger_crowd,
    record,
    reserve,
    sql,
    used,
)

HUNDRED = Budget(tokens=100)
COUNTERS = "touched([Budget(tokens=100), Budget(1, user_id='*')], user_id=1, at=NOON)"


def ends_by_a_signal(source, *arguments):
    """Run a program that kills itself."""
    done = subprocess.run(
        [sys.executable, "-c", NAMES + textwrap.dedent(source), *arguments],
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


# -- at once --------------------------------------------------------------------------


def test_processes_that_begin_at_once_make_the_tables_once(make_database, ledger_url):
    with ledger_crowd(ledger_url, 6) as crowd:
        assert crowd.ask("store.usage()[0].requests") == [0] * 6
    [(version,)] = sql(ledger_url, "SELECT version FROM llm_adapter_schema")
    assert version > 0


def test_processes_that_book_the_same_at_once_book_it_once(make_database, ledger_url):
    book = (
        "store.insert(Record(id=f'{n}', call_id='a', attempt=1, at=NOON, model='m',"
        " operation='embed', provider='p') for n in range(700))"
    )
    with ledger_crowd(ledger_url) as crowd:
        assert sum(crowd.ask(book)) == 700
        assert crowd.ask(book) == [0] * 4
    assert make_database(ledger_url).usage()[0].requests == 700


def test_processes_never_overrun_a_budget(make_database, ledger_url):
    """Each asks for 40 tokens, of 100, by three threads."""
    ask = f"store.reserve(f'{{me}} {{n}}', {COUNTERS}, Amounts(tokens=1, dollars=1))"
    at_once = (
        "exec('from concurrent.futures import ThreadPoolExecutor', globals()) or "
        f"list(ThreadPoolExecutor(3).map(lambda n: {ask}, range(40))).count(None)"
    )
    with ledger_crowd(ledger_url) as crowd:
        assert sum(crowd.ask(at_once)) == 100
    assert used(make_database(ledger_url), HUNDRED) == [(0, 100)]


def test_processes_that_settle_what_they_reserve_lose_nothing(
    make_database, ledger_url
):
    pairs = (
        f"[(store.reserve(f'{{me}} {{n}}', {COUNTERS}, Amounts(tokens=9, dollars=9)),"
        " store.settle(f'{me} {n}', Amounts(tokens=1, dollars=2))) for n in range(15)]"
        ".count((None, True))"
    )
    with ledger_crowd(ledger_url) as crowd:
        assert crowd.ask(pairs) == [15] * 4
    both = (HUNDRED, Budget(1, user_id="*"))
    assert used(make_database(ledger_url), *both, user_id=1) == [(60, 0), (120, 0)]


def test_processes_that_make_counters_in_any_order_wait_in_no_circle(postgres):
    """Each round has a day of its own, whose counters all of them make."""
    url = postgres.new_database()
    ask = (
        "store.reserve(me + '{day}', touched([Budget(**limit, user_id=user,"
        " workflow=workflow) for limit in ({{'limit': 9}}, {{'tokens': 9}})"
        " for user in (None, '*') for workflow in (None, '*')], user_id=1,"
        " workflow='w', at=NOON + timedelta(days={day})), Amounts(dollars=1, tokens=1))"
    )
    with ledger_crowd(url) as crowd:
        for day in range(60):
            assert crowd.ask(ask.format(day=day)) == [None] * 4
    of_it = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert sql(url, of_it) == [(0,)]


# -- death ----------------------------------------------------------------------------


def test_killed_process_keeps_what_it_had_reserved(make_database, ledger_url):
    ends_by_a_signal(
        """
        import os, sys
        Database(sys.argv[1]).reserve(
            "a", touched([Budget(tokens=100)], at=NOON), Amounts(tokens=90)
        )
        os.kill(os.getpid(), 9)
        """,
        ledger_url,
    )
    database = make_database(ledger_url)
    assert used(database, HUNDRED) == [(0, 90)]
    assert reserve(database, "b", HUNDRED, tokens=11).reserved == 90
    # Whoever finds out what the call has taken can still say so.
    assert database.settle("a", amounts(tokens=5))
    assert used(database, HUNDRED) == [(5, 0)]


def test_process_that_is_killed_before_the_end_has_done_nothing(
    make_database, ledger_url
):
    ends_by_a_signal(
        """
        import os, sys
        from llm_adapter.ledger import _reservations
        database = Database(sys.argv[1])
        counters = touched([Budget(tokens=100)], at=NOON)
        def reserve_and_die(connection):
            _reservations.reserve(connection, "a", counters, Amounts(tokens=9), NOON)
            os.kill(os.getpid(), 9)
        database._connections.write(reserve_and_die)
        """,
        ledger_url,
    )
    database = make_database(ledger_url)
    assert used(database, HUNDRED) == [(0, 0)]
    assert reserve(database, "b", HUNDRED, tokens=100) is None


# -- forks ----------------------------------------------------------------------------

OPEN = (
    textwrap.dedent(FORK)
    + NAMES
    + """
from llm_adapter.ledger import _connections
from llm_adapter.ledger._errors import LedgerError
database = Database(sys.argv[1], timeout=float(sys.argv[2]))
TEN = touched([Budget(tokens=10)], at=NOON)

def one(call):
    assert database.reserve(call, TEN, Amounts(tokens=1)) is None

def reserved():
    return database.standings(TEN)[0].reserved
"""
)


def run_fork(source, *arguments):
    run_program(OPEN + textwrap.dedent(source), *arguments)


@no_fork
def test_child_connects_anew(ledger_url):
    run_fork(
        """
        one("parent")
        def use():
            one("child")
            database.close()
        assert in_child(use) == 0
        assert in_child(lambda: None) == 0
        one("parent again")
        assert reserved() == 3
        database.close()
        """,
        *(ledger_url, "10"),
    )


@no_fork
def test_end_of_a_child_leaves_the_parents_connections_open(ledger_url):
    """Also one that ends as programs do, with all that Python tears down then."""
    run_fork(
        """
        one("parent")
        before = _connections._all()[0]._engine
        child = os.fork()
        if not child:
            one("child")
            database.close()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert reserved() == 2
        if sys.argv[1].startswith("postgres"):
            assert _connections._all()[0]._engine is before
        database.close()
        """,
        *(ledger_url, "10"),
    )


@no_fork
def test_children_and_their_parent_write_at_once(ledger_url):
    run_fork(
        """
        one("parent")
        children = []
        for n in range(3):
            child = os.fork()
            if not child:
                signal.alarm(30)
                for i in range(10):
                    database.spend(f"{n} {i}", TEN, Amounts(tokens=1))
                os._exit(0)
            children.append(child)
        for i in range(10):
            database.spend(f"parent {i}", TEN, Amounts(tokens=1))
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 3
        assert database.standings(TEN)[0].spent == 40
        database.close()
        """,
        *(ledger_url, "10"),
    )


@no_fork
def test_child_does_not_wait_for_a_thread_of_its_parent(postgres_url):
    run_fork(
        """
        one("parent")
        def use():
            one("child")
            database.close()
        with database._connections._lock:
            assert in_child(use) == 0
        assert reserved() == 2
        database.close()
        """,
        *(postgres_url, "0.5"),
    )


@no_fork
def test_child_leaves_a_file_alone_that_was_in_use(sqlite_url):
    run_fork(
        """
        one("parent")
        def use():
            try:
                one("child")
            except LedgerError as error:
                assert "when this process was forked" in str(error)
                assert not error.retryable
            else:
                raise AssertionError("It was opened again.")
            database.close()
        with database._connections._lock:
            assert in_child(use) == 0
        assert reserved() == 1
        database.close()
        """,
        *(sqlite_url, "0.1"),
    )


def test_fork_closes_a_file_for_a_moment(make_database, sqlite_url):
    """What the hooks do, without a fork."""
    database = make_database(sqlite_url)
    database.insert([record()])
    _connections._before_fork()
    assert database._connections._engine is None
    _connections._after_fork_in_parent()
    assert database.usage()[0].requests == 1


def test_fork_leaves_connections_to_a_server_open(make_database, postgres_url):
    database = make_database(postgres_url)
    database.prepare()
    engine = database._connections._engine
    _connections._before_fork()
    _connections._after_fork_in_parent()
    assert database._connections._engine is engine


@pytest.fixture
def disowned(monkeypatch):
    """The connections that a child would leave to its parent; the test closes them."""
    left = []
    monkeypatch.setattr(_connections, "_never_closed", left)
    yield left
    for engine in left:
        engine.dispose()


def test_child_has_connections_of_its_own(make_database, ledger_url, disowned):
    database, unopened = make_database(ledger_url), make_database(ledger_url)
    database.insert([record()])
    _connections._before_fork()
    _connections._after_fork_in_child()
    assert database.usage()[0].requests == unopened.usage()[0].requests == 1
    assert len(disowned) == ledger_url.startswith("postgres")


def test_child_refuses_a_file_that_was_in_use(make_database, sqlite_url, disowned):
    database = make_database(sqlite_url, timeout=0.05)
    database.prepare()
    with database._connections._lock:
        _connections._before_fork()
        _connections._after_fork_in_child()
    with pytest.raises(LedgerError, match="when this process was forked"):
        database.usage()
    assert len(disowned) == 1
