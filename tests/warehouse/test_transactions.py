"""Transactions: all or nothing, with the error as it was, and a connection that goes on working."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from unpod_sync.privacy.backfill import redact_versions
from unpod_sync.privacy.redact import Rules
from unpod_sync.warehouse import schema
from unpod_sync.warehouse.batch import LoadBatch, LoadContext
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.merge import mark_deleted, write
from unpod_sync.warehouse.transactions import transaction

PACKAGE = Path(__file__).parent.parent.parent / "unpod_sync"
NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture
def numbers() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("create table numbers (number integer primary key)")
    return connection


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), duckdb.Error("theirs")])
def test_an_error_in_the_block_rolls_back(numbers: duckdb.DuckDBPyConnection, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, transaction(numbers):
        numbers.execute("insert into numbers values (1)")
        raise error
    assert raised.value is error
    assert numbers.execute("select count(*) from numbers").fetchall() == [(0,)]


def test_a_failed_statement_rolls_back(numbers: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.CatalogException, match="nowhere"), transaction(numbers):
        numbers.execute("insert into numbers values (1)")
        numbers.execute("insert into nowhere values (1)")
    with transaction(numbers):
        numbers.execute("insert into numbers values (2)")
    assert numbers.execute("select number from numbers").fetchall() == [(2,)]


def test_a_commit_that_fails_is_the_error_that_is_raised(numbers: duckdb.DuckDBPyConnection) -> None:
    """DuckDB has ended such a transaction itself: a rollback finds none."""
    other = numbers.cursor()
    with pytest.raises(duckdb.Error, match=r"(?i)constraint"), transaction(numbers):
        numbers.execute("insert into numbers values (1)")
        other.execute("insert into numbers values (1)")
    assert numbers.execute("select count(*) from numbers").fetchall() == [(1,)]


def test_an_inner_transaction_is_refused_and_the_outer_one_rolled_back(
    numbers: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(duckdb.TransactionException), transaction(numbers):
        numbers.execute("insert into numbers values (1)")
        with transaction(numbers):
            pass
    assert numbers.execute("select count(*) from numbers").fetchall() == [(0,)]


def test_no_other_module_begins_a_transaction() -> None:
    by_hand = re.compile(r"""["'\s;](begin|commit|rollback)( transaction)?["';]""", re.IGNORECASE)
    found = {path.name for path in PACKAGE.rglob("*.py") if by_hand.search(path.read_text(encoding="utf-8"))}
    assert found == {"transactions.py"}


def set_setting(warehouse: Warehouse) -> None:
    warehouse.connection.execute("alter table meta.settings drop column comment")
    warehouse.set_setting("name", "value", "comment")


def mark(warehouse: Warehouse) -> None:
    warehouse.connection.execute("drop table meta.revision")
    mark_deleted(warehouse.connection, "task", ["T1"], now=NOW)


def redact(warehouse: Warehouse) -> None:
    warehouse.connection.execute("alter table main.task_versions drop column recording_url")
    rules = Rules(frozenset({"number", "recording"}), frozenset(), lambda kind, value: kind)
    redact_versions(warehouse.connection, rules)


def write_batch(warehouse: Warehouse) -> None:
    warehouse.connection.execute("drop table meta.bookmarks")
    write(warehouse.connection, LoadBatch(bookmarks=[{"resource": "tasks/S"}]), LoadContext("L", 1, NOW))


def migrate(warehouse: Warehouse) -> None:
    warehouse.connection.execute("delete from meta.migrations")
    schema.create_schema(warehouse.connection, now=NOW)


@pytest.mark.parametrize("step", [set_setting, mark, redact, write_batch, migrate])
def test_a_step_that_fails_leaves_the_connection_usable(
    tmp_path: Path, step: Callable[[Warehouse], None]
) -> None:
    warehouse = Warehouse.open(DuckDBFile(tmp_path / "u.duckdb"), now=NOW)
    with pytest.raises(duckdb.Error) as raised:
        step(warehouse)
    assert "aborted" not in str(raised.value).lower()
    warehouse.connection.execute("create table main.later as select 1 as number")
    assert warehouse.connection.execute("select number from main.later").fetchall() == [(1,)]
    warehouse.close()
