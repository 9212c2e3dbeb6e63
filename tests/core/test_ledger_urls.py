"""Where the ledger is: URLs that can be used, and what is told about others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapter.errors import LLMConfigurationError
from llm_adapter.ledger._database import Database
from llm_adapter.ledger._errors import LedgerError
from llm_adapter.ledger._location import Location
from tests.processes import run_program

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////absolute/ledger.db", "/absolute/ledger.db"),
        ("sqlite:///ledger.db", "ledger.db"),
        ("SQLite:///below/a%20b%C3%A4%.db", "below/a bä%.db"),
        ("sqlite:///~/ledger.db", "~/ledger.db"),
        ("sqlite:///ann@home.db", "ann@home.db"),
    ],
)
def test_file_is_an_absolute_path(url, path):
    location = Location.from_url(url)
    assert location.path == Path(path).expanduser().absolute()
    assert location.url.database == str(location.path)
    assert location.shown == f"sqlite:///{location.path}"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@db.example:5433/ledger",
        f"postgres://ann:{SECRET}@db.example:5433/ledger",
        f"postgresql+psycopg://ann:{SECRET}@db.example:5433/ledger",
        f"PostgreSQL://ann:{SECRET}@db.example:5433/ledger?sslmode=require",
        f"postgresql://db.example:5433/ledger?user=ann&password={SECRET}",
    ],
    ids=["plain", "short", "driver", "options", "password as option"],
)
def test_server_is_spoken_to_by_psycopg_and_shown_without_its_secrets(url):
    location = Location.from_url(url)
    assert (location.url.drivername, location.path) == ("postgresql+psycopg", None)
    assert location.url.host == "db.example"
    assert location.secrets == (SECRET,)
    database = Database(url)
    assert "db.example:5433/ledger" in repr(database)
    assert SECRET not in repr(database) + repr(location)


def test_server_needs_no_more_than_its_kind():
    location = Location.from_url("postgresql:///ledger?host=/run/postgresql&host=b")
    assert location.secrets == ()


@pytest.mark.parametrize(
    "url",
    [
        *("", "ledger.db", "/ledger.db", "mysql://host/db", "sqlite", "file:///x.db"),
        *("sqlite+aiosqlite:///x.db", "postgresql+asyncpg://host/db"),
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/x.db"),
        *("sqlite:///x.db?mode=ro", "sqlite:///file:x?mode=memory&uri=true"),
        *("sqlite:///nul\0.db", "sqlite:///nul%00.db", "sqlite:///%3Amemory%3A"),
        *("sqlite:///~nobody-has-this-name/x.db"),
        *("sqlite://ann@/x.db", "sqlite:x.db", "postgresql:x"),
        *("postgresql://host:port/db", "postgresql://host/db?nonsense=1"),
        *(
            "postgresql://host/db?prepare_threshold=1",
            "postgresql://h/d\0b",
            "postgresql://[::1/db",
        ),
    ],
)
def test_url_that_cannot_be_used_is_told_with_what_can_be(url):
    with pytest.raises(LLMConfigurationError, match=r"write sqlite:///relative.db"):
        Database(url)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ann:{SECRET}@host/db",
        f"sqlite://ann:{SECRET}@/x.db",
        f"sqlite://ann:{SECRET}@host/x.db",
        f"postgresql://ann:{SECRET}@host:port/db",
        f"postgresql://ann:{SECRET}@host/db?nonsense=1",
        f"postgresql://host/db?password={SECRET}&nonsense=1",
        f"ann:{SECRET}@host/db",
    ],
)
def test_url_that_cannot_be_used_is_told_without_its_password(url):
    with pytest.raises(LLMConfigurationError) as caught:
        Database(url)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "rest",
    [
        *("127.0.0.1:99999999/db", "127.0.0.1:1/db", "127.0.0.1:1/db?sslmode=quux"),
        *(
            "127.0.0.1:1/db?connect_timeout=x",
            f"{'a' * 64}/db",
            "half-a-pair-\ud800/db",
        ),
    ],
    ids=["port", "nobody", "ssl", "timeout", "long", "half a pair"],
)
def test_server_that_cannot_be_reached_is_an_error(rest):
    database = Database(f"postgresql://ann:{SECRET}@{rest}", timeout=1)
    with pytest.raises(LedgerError, match="cannot be used: ") as caught:
        database.prepare()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", [None, 1, b"sqlite:///x.db", Path("x.db")])
def test_url_of_another_kind_is_refused(url):
    with pytest.raises(TypeError, match="url must be a string"):
        Database(url)


@given(st.sampled_from(["sqlite:///", "postgresql://", "postgres:"]), st.text())
def test_any_text_is_a_place_or_a_wrong_setting(scheme, text):
    try:
        Location.from_url(scheme + text)
    except LLMConfigurationError as error:
        assert "write sqlite" in str(error)


WITHOUT = """
    import sys
    sys.modules[sys.argv[1]] = None
    from llm_adapter.errors import LLMConfigurationError
    from llm_adapter.ledger._database import Database
    try:
        Database(sys.argv[2])
    except LLMConfigurationError as error:
        print(error)
"""


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://host/db"])
def test_missing_sqlalchemy_is_told_with_how_to_install_it(url):
    told = run_program(WITHOUT, "sqlalchemy", url)
    assert "needs SQLAlchemy" in told
    assert "pip install 'llm-adapter[ledger]'" in told


def test_missing_psycopg_is_told_with_how_to_install_it():
    told = run_program(WITHOUT, "psycopg", "postgresql://host/db")
    assert "needs the package psycopg" in told
    assert "pip install 'llm-adapter[postgresql]'" in told


def test_ledger_in_a_file_needs_no_psycopg(tmp_path):
    program = """
        import sys
        sys.modules["psycopg"] = None
        from llm_adapter.ledger._database import Database
        database = Database(sys.argv[1])
        print(database.usage()[0].requests)
        database.close()
    """
    assert run_program(program, f"sqlite:///{tmp_path}/ledger.db") == "0\n"
