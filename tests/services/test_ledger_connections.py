"""The tables of a ledger, and its file: removed, replaced, damaged, locked or full."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from sqlalchemy import create_engine, inspect

from llm_adapter.ledger import _schema
from llm_adapter.ledger._budgets import Budget
from llm_adapter.ledger._errors import LedgerError
from tests.processes import run_program
from tests.services.files import another_connection, in_time, is_sound
from tests.services.ledgers import NAMES, record, requests, reserve, sql

MANY = Budget(tokens=1000)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def in_file(make_database, path):
    """A ledger in a file, with one record."""
    database = make_database(f"sqlite:///{path}", timeout=0.2)
    database.insert([record()])
    return database


# -- the tables -----------------------------------------------------------------------


def test_tables_are_as_the_code_describes_them(make_database, ledger_url):
    make_database(ledger_url).prepare()
    engine = create_engine(ledger_url.replace("postgresql:", "postgresql+psycopg:"))
    found = inspect(engine)
    for table in _schema.VERSION_TABLE.metadata.sorted_tables:
        columns = {each["name"]: each for each in found.get_columns(table.name)}
        assert list(columns) == [column.name for column in table.columns]
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable
    engine.dispose()


def test_ledger_of_version_1_is_brought_up_to_date(
    make_database, ledger_url, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(_schema, "STEPS", _schema.STEPS[:1])
        patch.setattr(_schema, "VERSION", 1)
        old = make_database(ledger_url)
        old.insert([record()])
        with pytest.raises(LedgerError, match="llm_adapter_reservations"):
            reserve(old, "a", MANY, tokens=1)
        old.close()
    assert sql(ledger_url, "SELECT version FROM llm_adapter_schema") == [(1,)]
    database = make_database(ledger_url)
    assert requests(database) == 1
    assert reserve(database, "a", MANY, tokens=1) is None
    versions = sql(ledger_url, "SELECT version FROM llm_adapter_schema")
    assert versions == [(_schema.VERSION,)]


def test_ledger_of_a_newer_release_is_left_alone(make_database, ledger_url):
    make_database(ledger_url).prepare()
    sql(ledger_url, "UPDATE llm_adapter_schema SET version = 99")
    database = make_database(ledger_url)
    with pytest.raises(
        LedgerError, match=r"has version 99.*update llm-adapter"
    ) as told:
        database.insert([record()])
    assert not told.value.retryable
    sql(ledger_url, f"UPDATE llm_adapter_schema SET version = {_schema.VERSION}")
    assert database.insert([record()]) == 1


def test_tables_that_somebody_removed_are_made_again(make_database, ledger_url):
    database = make_database(ledger_url)
    database.insert([record()])
    tables = ("usage", "budgets", "reservations", "schema")
    sql(ledger_url, *(f"DROP TABLE llm_adapter_{name}" for name in tables))
    assert requests(database) == 0
    assert database.insert([record()]) == 1


def test_ledger_whose_version_is_missing_is_an_error(make_database, ledger_url):
    make_database(ledger_url).prepare()
    sql(ledger_url, "DELETE FROM llm_adapter_schema")
    with pytest.raises(LedgerError, match="cannot be used: No row was found"):
        make_database(ledger_url).prepare()


def test_ledger_that_was_half_made_is_made_whole(make_database, ledger_url):
    """What is begun is done in one transaction."""
    database = make_database(ledger_url)
    folder = ledger_url.removeprefix("sqlite:///")
    if folder != ledger_url:
        os.makedirs(os.path.dirname(folder))
    sql(ledger_url, "CREATE TABLE llm_adapter_reservations (other INTEGER)")
    with pytest.raises(LedgerError, match="already exists"):
        database.prepare()
    sql(ledger_url, "DROP TABLE llm_adapter_reservations")
    assert database.insert([record()]) == 1


# -- closing, and many threads --------------------------------------------------------


def test_closed_ledger_opens_again(make_database, ledger_url):
    database = make_database(ledger_url)
    database.close()
    database.insert([record()])
    database.close()
    database.close()
    assert requests(database) == 1


def test_thread_that_waits_for_another_gets_an_error_in_time(in_file):
    with in_file._connections._lock:
        with in_time(), pytest.raises(LedgerError, match=r"another thread for 0\.2 s"):
            in_file.usage()
        with in_time(), pytest.raises(LedgerError):
            in_file.close()
    assert requests(in_file) == 1


def test_work_that_raises_does_nothing_and_its_error_arrives(make_database, ledger_url):
    database = make_database(ledger_url)

    def work(connection):
        connection.execute(_schema.VERSION_TABLE.delete())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database._connections.write(work)
    database.close()
    assert requests(database) == 0


# -- others who hold what is needed ---------------------------------------------------


def test_file_that_another_writes_to_is_read_all_the_same(in_file, path):
    with another_connection(path, "BEGIN IMMEDIATE"):
        assert requests(in_file) == 1


def test_file_that_another_writes_to_is_an_error_in_time(in_file, path):
    with another_connection(path, "BEGIN IMMEDIATE"):
        with in_time(), pytest.raises(LedgerError, match="locked") as caught:
            in_file.insert([record()])
        with in_time(), pytest.raises(LedgerError, match="locked"):
            reserve(in_file, "a", MANY, tokens=1)
    assert caught.value.retryable
    assert in_file.insert([record()]) == 1


def test_new_file_that_another_has_for_itself_is_an_error_in_time(make_database, path):
    database = make_database(f"sqlite:///{path}", timeout=0.2)
    begin = ("CREATE TABLE t (x)", "BEGIN EXCLUSIVE", "INSERT INTO t VALUES (1)")
    with (
        another_connection(path, *begin),
        in_time(),
        pytest.raises(LedgerError, match="locked"),
    ):
        database.prepare()
    database.prepare()


# -- a file that goes away ------------------------------------------------------------


def test_file_that_was_removed_is_made_anew(in_file, path):
    path.unlink()
    assert requests(in_file) == 0
    assert in_file.insert([record()]) == 1
    assert is_sound(path)


def test_directory_that_was_removed_is_made_anew(make_database, tmp_path):
    database = make_database(f"sqlite:///{tmp_path}/one/two/ledger.db")
    database.prepare()
    shutil.rmtree(tmp_path / "one")
    assert database.insert([record()]) == 1


def test_file_that_was_replaced_is_the_one_that_is_read(make_database, in_file, path):
    """With its log, which would be taken for one of the new file."""
    other = path.with_name("other.db")
    database = make_database(f"sqlite:///{other}")
    database.insert([record(), record()])
    database.close()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink()
    other.replace(path)
    assert requests(in_file) == 2
    assert in_file.insert([record()]) == 1
    in_file.close()
    assert is_sound(path)


def test_file_that_was_damaged_is_an_error_until_it_is_repaired(in_file, path):
    in_file.close()
    whole = path.read_bytes()
    path.write_bytes(b"damaged" * 2000)
    with pytest.raises(LedgerError, match="not a database"):
        in_file.usage()
    path.write_bytes(whole)
    assert requests(in_file) == 1


def test_change_of_the_working_directory_is_none_of_the_file(
    make_database, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    database = make_database("sqlite:///ledger.db")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    database.prepare()
    assert (tmp_path / "ledger.db").exists()


# -- what may not be written ----------------------------------------------------------


READ_ONLY = """
import os, sys
from llm_adapter.ledger import _columns, _connections, _queries, _reservations
from llm_adapter.ledger._errors import LedgerError

def tell(act):
    try:
        print(act()[0].requests)
    except LedgerError as error:
        print(str(error).partition("cannot be used: ")[2])

folder = sys.argv[1]
database = Database(f"sqlite:///{folder}/ledger.db")
database.insert([])
database.prepare()
database.close()
os.chmod(f"{folder}/ledger.db", 0o444)
if os.geteuid() == 0:
    os.chmod(folder, 0o777)
    os.seteuid(65534)
tell(database.usage)
tell(lambda: database.spend("a", touched([Budget(1)], at=NOON), Amounts(dollars=1)))
database.close()
os.seteuid(os.getuid())
"""


def test_file_that_may_only_be_read_can_be_read():
    # Not below a test's own directory, which others than its user may not enter.
    with tempfile.TemporaryDirectory() as folder:
        told = run_program(NAMES + READ_ONLY, folder)
    assert told.splitlines() == ["0", "attempt to write a readonly database"]


def test_full_disk_is_an_error_that_harms_nothing(tmp_path):
    """A limit on the size of files is as good."""
    told = run_program(
        NAMES
        + """
import resource, sys
from llm_adapter.ledger._errors import LedgerError

def records(first, last):
    for n in range(first, last):
        yield Record(id=f"{n}", call_id="a", attempt=1, at=NOON, operation="embed",
                     provider="p", model="m" * 200)

database = Database(sys.argv[1])
database.insert(records(0, 100))
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
for _ in range(2):
    try:
        database.insert(records(100, 5000))
    except LedgerError as error:
        print(error.retryable, str(error).partition("cannot be used: ")[2])
    print(database.usage()[0].requests)
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
print(database.insert(records(0, 5000)))
database.close()
""",
        f"sqlite:///{tmp_path}/ledger.db",
    )
    assert told.splitlines() == [
        *("True disk I/O error", "100", "True disk I/O error", "100", "4900"),
    ]
    assert is_sound(tmp_path / "ledger.db")
