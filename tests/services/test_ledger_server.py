"""A ledger on a server that stops, dies, is busy or refuses; and its connections."""

from __future__ import annotations

import pickle
import select
import socket
import socketserver
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count

import psycopg
import pytest

from llm_adapter.ledger import _schema
from llm_adapter.ledger._budgets import Budget
from llm_adapter.ledger._errors import LedgerError
from tests.services.files import in_time
from tests.services.ledgers import (
    amounts,
    end_connections,
    record,
    requests,
    reserve,
    spend,
    sql,
    table_locked,
    used,
    wait_until_blocked,
)

MANY = Budget(tokens=1000)


@pytest.fixture
def on_server(make_database, postgres_url):
    """A ledger on a server, with one record."""
    database = make_database(postgres_url, timeout=5)
    database.insert([record()])
    return database


# -- a server that goes away ----------------------------------------------------------


def test_connection_that_the_server_ended_is_replaced(on_server, postgres_url):
    assert end_connections(postgres_url) == 1
    assert requests(on_server) == 1
    assert end_connections(postgres_url) == 1
    assert on_server.insert([record()]) == 1


def test_all_connections_that_the_server_ended_are_replaced(on_server, postgres_url):
    with ThreadPoolExecutor(4) as threads:
        meet = threading.Barrier(4)
        list(
            threads.map(
                lambda _: on_server._connections.read(lambda each: meet.wait(10)),
                range(4),
            )
        )
        assert end_connections(postgres_url) == 4
        assert list(threads.map(lambda _: requests(on_server), range(8))) == [1] * 8


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_server_that_was_restarted_is_found_again(on_server, postgres, how):
    getattr(postgres, how)()
    with pytest.raises(LedgerError, match="cannot be used") as caught:
        on_server.usage()
    assert caught.value.retryable
    postgres.start()
    assert requests(on_server) == 1


def test_server_that_was_restarted_between_calls_costs_no_error(on_server, postgres):
    postgres.stop()
    postgres.start()
    assert on_server.insert([record()]) == 1
    assert requests(on_server) == 2


def test_call_whose_connection_is_ended_is_done_again(on_server, postgres_url):
    with ThreadPoolExecutor(1) as threads:
        with table_locked(postgres_url):
            call = threads.submit(reserve, on_server, "a", MANY, tokens=3)
            wait_until_blocked(postgres_url)
            end_connections(postgres_url)
            wait_until_blocked(postgres_url)
        assert call.result() is None
    assert used(on_server, MANY) == [(0, 3)]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_call_during_which_the_server_ends_is_an_error(
    on_server, postgres, postgres_url, how
):
    def sleep(connection):
        connection.exec_driver_sql("SELECT pg_sleep(60)")

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(on_server._connections.read, sleep)
        wait_until_blocked(postgres_url, by="Timeout")
        getattr(postgres, how)()
        with pytest.raises(LedgerError, match="cannot be used"):
            call.result()
    postgres.start()
    assert requests(on_server) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_reservations_survive_a_restart_and_count_once(on_server, postgres, how):
    """Each has counted, or has raised an error: then asking again does no harm."""
    budget, numbers = Budget(tokens=10**6), count()
    reserved, failed, enough = [], [], threading.Event()

    def reserve_until_it_fails(_):
        for n in numbers:
            try:
                assert reserve(on_server, f"{n}", budget, tokens=1) is None
            except LedgerError:
                failed.append(n)
                return
            reserved.append(n)
            if len(reserved) > 20:
                enough.set()

    with ThreadPoolExecutor(4) as threads:
        done = threads.map(reserve_until_it_fails, range(4))
        assert enough.wait(30)
        getattr(postgres, how)()
        assert list(done) == [None] * 4
    postgres.start()
    [(_, counted)] = used(on_server, budget)
    assert len(reserved) <= counted <= len(reserved) + 4
    for n in failed:
        assert reserve(on_server, f"{n}", budget, tokens=1) is None
    assert used(on_server, budget) == [(0, len(reserved) + 4)]


class Relay(socketserver.BaseRequestHandler):
    """Between a client and the server: it may lose the answer to a commit."""

    def handle(self):
        with socket.create_connection(self.server.upstream) as server:
            to, is_committing = {self.request: server, server: self.request}, False
            while True:
                for ready in select.select(list(to), [], [])[0]:
                    data = ready.recv(65536)
                    if not data or (ready is server and is_committing):
                        return
                    if self.server.loses and b"COMMIT" in data:
                        self.server.loses, is_committing = False, True
                    to[ready].sendall(data)


@pytest.fixture
def relay(postgres):
    """Loses the answer to the next commit when its `loses` is set."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        server.upstream, server.loses = ("127.0.0.1", postgres.port), False
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda each: each.insert([record()]), (2, [(0, 1)])),
        (lambda each: reserve(each, "b", MANY, tokens=3), (1, [(0, 4)])),
        (lambda each: each.settle("a", amounts(tokens=5)), (1, [(5, 0)])),
        (lambda each: spend(each, "a", MANY, tokens=5), (1, [(5, 0)])),
        (lambda each: spend(each, "b", MANY, tokens=5), (1, [(5, 1)])),
        (lambda each: each.release("a"), (1, [(0, 0)])),
    ],
    ids=["insert", "reserve", "settle", "spend", "spend anew", "release"],
)
def test_commit_whose_answer_was_lost_counts_once(
    make_database, postgres_url, postgres, relay, act, expected
):
    port = relay.server_address[1]
    database = make_database(postgres_url.replace(f":{postgres.port}/", f":{port}/"))
    database.insert([record()])
    reserve(database, "a", MANY, tokens=1)
    relay.loses = True
    act(database)
    assert not relay.loses
    assert (requests(database), used(database, MANY)) == expected
    database.close()


def test_deadlock_with_another_is_tried_again(on_server, postgres_url):
    """Of two works that lock two rows in opposite orders the database ends one."""
    sql(
        postgres_url,
        "CREATE TABLE pair (n INTEGER)",
        "INSERT INTO pair VALUES (1), (2)",
    )
    meet, tries = threading.Barrier(2), []

    def lock(*rows):
        def work(connection):
            tries.append(rows)
            is_first = len(tries) <= 2
            for number in rows if is_first else sorted(rows):
                connection.exec_driver_sql(f"UPDATE pair SET n = n WHERE n = {number}")
                if is_first and number == rows[0]:
                    meet.wait(20)

        on_server._connections.write(work)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lock, (1, 2), (2, 1)))
    assert len(tries) == 3


def test_those_that_begin_at_once_wait_for_one_that_makes_the_tables(
    make_database, postgres_url
):
    ledgers = [make_database(postgres_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        with closing(psycopg.connect(postgres_url)) as first:
            first.execute(f"SELECT pg_advisory_xact_lock({_schema._LOCK})")
            calls = [threads.submit(each.insert, [record()]) for each in ledgers]
            wait_until_blocked(postgres_url, 4)
        assert [call.result() for call in calls] == [1] * 4
    assert requests(ledgers[0]) == 4


# -- connections of many threads


def test_connection_in_use_is_closed_at_its_end(on_server, postgres_url):
    inside, go_on = threading.Event(), threading.Event()

    def work(connection):
        inside.set()
        assert go_on.wait(20)
        return connection.exec_driver_sql("SELECT 1").scalar_one()

    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(on_server._connections.read, work)
        assert inside.wait(20)
        on_server.close()
        go_on.set()
        assert call.result() == 1
    assert end_connections(postgres_url) == 0
    assert requests(on_server) == 1


def test_thread_that_finds_no_connection_free_gets_an_error_in_time(
    make_database, postgres_url
):
    database = make_database(postgres_url, timeout=0.2)
    database.prepare()
    inside, go_on = threading.Barrier(16), threading.Event()

    def work(connection):
        inside.wait(20)
        assert go_on.wait(20)

    with ThreadPoolExecutor(15) as threads:
        calls = [threads.submit(database._connections.read, work) for _ in range(15)]
        inside.wait(20)
        with in_time(), pytest.raises(LedgerError, match=r"limit of .* reached.*\d$"):
            database.usage()
        go_on.set()
        assert [call.result() for call in calls] == [None] * 15
    assert requests(database) == 0


# -- what the server refuses


def test_table_that_another_has_locked_is_an_error_in_time(make_database, postgres_url):
    database = make_database(postgres_url, timeout=0.2)
    database.insert([record()])
    with table_locked(postgres_url):
        with in_time(), pytest.raises(LedgerError, match="lock timeout"):
            database.usage()
        with in_time(), pytest.raises(LedgerError, match="lock timeout"):
            reserve(database, "a", MANY, tokens=1)
    assert requests(database) == 1


def test_database_that_takes_no_connections_is_an_error(
    on_server, postgres, postgres_url
):
    name = postgres_url.rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    on_server.close()
    with pytest.raises(LedgerError, match="not currently accepting connections"):
        on_server.usage()
    postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert requests(on_server) == 1


def test_user_who_may_only_read_can_read(make_database, on_server, postgres_url):
    role = "reader_of_" + postgres_url.rpartition("/")[2]
    sql(
        postgres_url,
        f"CREATE ROLE {role} LOGIN PASSWORD 'reads'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    )
    rest = postgres_url.partition("@")[2]
    reader = make_database(f"postgresql://{role}:reads@{rest}")
    assert requests(reader) == 1
    assert used(reader, MANY) == [(0, 0)]
    with pytest.raises(LedgerError, match="permission denied") as caught:
        reader.insert([record()])
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message
    sql(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
