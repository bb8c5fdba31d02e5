"""A warehouse in memory with every table and view, and words to fill it in a line or two."""

# ruff: noqa: DTZ001 - timestamps are stored as UTC without a zone

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import count
from typing import Any

import duckdb
import pytest

from unpod_sync import tables
from unpod_sync.warehouse import schema

START = datetime(2026, 3, 2, 9, 0)  # a Monday


class Warehouse:
    """A database whose rows are inserted by hand; what a test does not name is NULL or plain."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.numbers = count(1)

    def insert(self, table: str, **values: Any) -> None:
        marks = ", ".join("?" for _ in values)
        self.connection.execute(
            f"insert into {table} ({', '.join(values)}) values ({marks})", list(values.values())
        )

    def task(self, **values: Any) -> None:
        """A task that nobody has dialed yet."""
        number = next(self.numbers)
        plain: dict[str, Any] = {
            "task_id": f"T{number:04}",
            "space_token": "north",
            "run_id": "R1",
            "agent_handle": "anna",
            "status": "pending",
            "execution_type": "call",
            "created_at": START,
            "created_local_date": START.date(),
            "content_hash": f"hash {number}",
            "is_dialed": False,
            "is_voicemail": False,
        }
        self.insert("tasks", **plain | values)

    def call(self, **values: Any) -> None:
        """A completed, dialed call that nobody answered."""
        plain: dict[str, Any] = {
            "status": "completed",
            "is_dialed": True,
            "started_at": START,
            "started_local_at": START,
            "started_local_date": START.date(),
            "started_local_hour": START.hour,
            "started_local_weekday": START.isoweekday(),
        }
        self.task(**plain | values)

    def talk(self, **values: Any) -> None:
        """A completed call in which the user had five turns of one message each."""
        plain = {
            "message_count": 10,
            "user_message_count": 5,
            "agent_message_count": 5,
            "turn_count": 10,
            "user_turn_count": 5,
        }
        self.call(**plain | values)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def row(self, sql: str) -> tuple[Any, ...]:
        (only,) = self.rows(sql)
        return only

    def set(self, name: str, value: str) -> None:
        self.connection.execute("update meta.settings set value = ? where name = ?", [value, name])

    def views(self) -> list[str]:
        return [
            name
            for (name,) in self.rows(
                "select view_name from duckdb_views() where not internal and schema_name = 'main' order by 1"
            )
        ]


@pytest.fixture(scope="session")
def built() -> Iterator[duckdb.DuckDBPyConnection]:
    """The schema and the views, built once: some hundred statements that every test would repeat."""
    with duckdb.connect(":memory:") as connection:
        schema.create_schema(connection, now=datetime(2026, 1, 1))
        schema.build_views(connection)
        connection.execute("create temp table default_settings as from meta.settings")
        yield connection


@pytest.fixture
def warehouse(built: duckdb.DuckDBPyConnection) -> Iterator[Warehouse]:
    """An empty warehouse; what the test before left is taken away."""
    for table in (
        *(table.name for table in tables.TABLES),
        "meta.bookmarks",
        "meta.forgotten",
        "meta.loads",
        "meta.rejects",
        "meta.settings",
    ):
        built.execute(f"delete from {table}")
    built.execute("insert into meta.settings from default_settings")
    built.execute("reset timezone")
    yield Warehouse(built)


def day(number: int) -> date:
    """The `number`-th of March 2026; the 2nd is a Monday."""
    return date(2026, 3, number)


def at(hour: int, minute: int = 0, second: int = 0, *, on: int = 2) -> datetime:
    """A time on a day of March 2026."""
    return datetime(2026, 3, on, hour, minute, second)
