"""The tables of the ledger, and the steps that lead to them from any older version."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

from ._errors import LedgerError

_METADATA = MetaData()

VERSION_TABLE = Table(
    "llm_adapter_schema",
    _METADATA,
    Column("version", Integer, nullable=False),
)

USAGE = Table(
    "llm_adapter_usage",
    _METADATA,
    Column("id", Text, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", DateTime, nullable=False),  # UTC, as everywhere here
    Column("day", Date, nullable=False),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("user_id", Text),
    Column("workflow", Text),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("status_code", Integer),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_input_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("total_tokens", BigInteger),
    Column("cache_write_long_tokens", BigInteger),
    Column("service_tier", Text),
    Column("speed", Text),
    Column("cost", BigInteger),  # 1e-12 US dollars; NULL is unknown
    Column("price_date", Date),
    Column("latency", Double, nullable=False),
    Column("first_token", Double),
    Column("request_id", Text),
)

BUDGETS = Table(
    "llm_adapter_budgets",
    _METADATA,
    Column("key", Text, primary_key=True),
    Column("unit", Text, nullable=False),  # "dollars" (1e-12 of them) or "tokens"
    Column("period", Text, nullable=False),  # 2026-11 or 2026-11-24
    Column("user_id", Text),  # NULL: of all together
    Column("workflow", Text),
    Column("ends", DateTime, nullable=False),
    Column("spent", BigInteger, nullable=False),
)

RESERVATIONS = Table(
    "llm_adapter_reservations",
    _METADATA,
    Column("call_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # of the budget
    Column("amount", BigInteger, nullable=False),
    Column("settled", Integer, nullable=False),  # 1: it is in `spent`
    Column("at", DateTime, nullable=False),
)

# What stands here has run on somebody's database: add a step, never change one.
STEPS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (
        1,
        (
            """
            CREATE TABLE llm_adapter_usage (
                id TEXT NOT NULL PRIMARY KEY,
                call_id TEXT NOT NULL,
                attempt INTEGER NOT NULL,
                at TIMESTAMP NOT NULL,
                day DATE NOT NULL,
                operation TEXT NOT NULL,
                provider TEXT NOT NULL,
                model TEXT NOT NULL,
                user_id TEXT,
                workflow TEXT,
                status TEXT NOT NULL,
                error TEXT,
                status_code INTEGER,
                input_tokens BIGINT,
                output_tokens BIGINT,
                cached_input_tokens BIGINT,
                cache_write_tokens BIGINT,
                reasoning_tokens BIGINT,
                total_tokens BIGINT,
                cache_write_long_tokens BIGINT,
                service_tier TEXT,
                speed TEXT,
                cost BIGINT,
                price_date DATE,
                latency DOUBLE PRECISION NOT NULL,
                first_token DOUBLE PRECISION,
                request_id TEXT
            )
            """,
            "CREATE INDEX llm_adapter_usage_at ON llm_adapter_usage (at)",
            "CREATE INDEX llm_adapter_usage_user ON llm_adapter_usage (user_id, at)",
            "CREATE INDEX llm_adapter_usage_workflow "
            "ON llm_adapter_usage (workflow, at)",
        ),
    ),
    (
        2,
        (
            """
            CREATE TABLE llm_adapter_budgets (
                key TEXT NOT NULL PRIMARY KEY,
                unit TEXT NOT NULL,
                period TEXT NOT NULL,
                user_id TEXT,
                workflow TEXT,
                ends TIMESTAMP NOT NULL,
                spent BIGINT NOT NULL
            )
            """,
            """
            CREATE TABLE llm_adapter_reservations (
                call_id TEXT NOT NULL,
                key TEXT NOT NULL,
                amount BIGINT NOT NULL,
                settled INTEGER NOT NULL,
                at TIMESTAMP NOT NULL,
                PRIMARY KEY (call_id, key)
            )
            """,
            "CREATE INDEX llm_adapter_reservations_key "
            "ON llm_adapter_reservations (key, settled, amount)",
            "CREATE INDEX llm_adapter_reservations_at ON llm_adapter_reservations (at)",
        ),
    ),
)
VERSION = STEPS[-1][0]

_LOCK = 0x6C6C6D5F61646170
"""Of the processes that begin at once, on PostgreSQL: any number that is ours."""


def is_current(connection: Connection) -> bool:
    """Whether there is nothing to do.

    Raises:
        LedgerError: a newer release of this library has written the database.
    """
    return _version(connection) == VERSION


def upgrade(connection: Connection) -> None:
    """Make the tables, or bring them up to date, in a transaction that may write."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    found = _version(connection)  # again: somebody else may have been faster
    if found is None:
        connection.execute(
            text("CREATE TABLE llm_adapter_schema (version INTEGER NOT NULL)")
        )
        connection.execute(insert(VERSION_TABLE).values(version=0))
    for number, statements in STEPS:
        if number > (found or 0):
            for statement in statements:
                connection.execute(text(statement))
            connection.execute(update(VERSION_TABLE).values(version=number))


def _version(connection: Connection) -> int | None:
    """None when there are no tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE.name):
        return None
    found = connection.execute(select(VERSION_TABLE.c.version)).scalar_one()
    if found > VERSION:
        raise LedgerError(
            f"The ledger has version {found}, and this release of llm-adapter knows "
            f"versions up to {VERSION}: update llm-adapter, or use another database.",
            retryable=False,
        )
    return int(found)
