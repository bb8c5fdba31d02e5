"""An open warehouse, whatever its storage: settings, bookmarks and stored rows. `merge` writes rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.warehouse import schema
from unpod_sync.warehouse.storage import Storage
from unpod_sync.warehouse.transactions import transaction

ROW_GROUP = (
    6_144  # rows, a multiple of 2,048; equals a write batch, so that it goes to the file, not to the log
)

Span = tuple[datetime, datetime]  # both included


class Warehouse:
    """An open warehouse. Use `Warehouse.open`; close it before publishing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, storage: Storage, notes: list[str]) -> None:
        """`notes` collects what opening had to repair, for the user to read."""
        self.connection = connection
        self.notes = notes
        self.is_outdated = False
        self._storage = storage

    @classmethod
    def open(cls, storage: Storage, *, now: datetime) -> Warehouse:
        """Opens the warehouse (or creates or restores it) and brings schema and views to this version.

        Raises `LockedError` when another program has it open, `MigrationError` when a newer version made it,
        `DiskFullError`, `WarehouseError`.
        """
        notes: list[str] = []
        with storage.errors():
            try:
                return cls._opened(storage, now, notes)
            except duckdb.Error as error:
                if not storage.restore(error, notes):
                    raise
            return cls._opened(storage, now, notes)

    @classmethod
    def _opened(cls, storage: Storage, now: datetime, notes: list[str]) -> Warehouse:
        warehouse = cls(storage.connect(notes, now=now), storage, notes)
        try:
            can = storage.capabilities
            warehouse.is_outdated = schema.create_schema(warehouse.connection, now=now, capabilities=can)
            schema.build_views(warehouse.connection, user_folder=storage.views_folder, capabilities=can)
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a damaged file cannot be closed in peace, either
                warehouse.close()
            raise
        return warehouse

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A further connection to the same file, for another thread."""
        cursor = self.connection.cursor()
        cursor.execute("use warehouse")
        return cursor

    def close(self) -> None:
        """Closes the connection; what was committed is in the storage."""
        self._storage.disconnect(self.connection)

    def revision(self) -> int:
        """Rises with every change of content."""
        return int(self._value("select revision from meta.revision") or 0)

    def setting(self, name: str) -> str | None:
        """A value of meta.settings."""
        value = self._value("select value from meta.settings where name = ?", [name])
        return None if value is None else str(value)

    def set_setting(self, name: str, value: str, comment: str) -> None:
        """Replaces a value of meta.settings."""
        with transaction(self.connection):
            self.connection.execute("delete from meta.settings where name = ?", [name])
            self.connection.execute("insert into meta.settings values (?, ?, ?)", [name, value, comment])

    def bookmark(self, resource: str) -> dict[str, Any]:
        """The bookmark of one list, empty when it has none."""
        cursor = self.connection.execute("select * from meta.bookmarks where resource = ?", [resource])
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall()
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def close_dead_loads(self) -> None:
        """Marks loads that never said how they ended: their process died."""
        self.connection.execute("update meta.loads set status = 'killed' where status = 'running'")

    def _value(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        row = first_row(self.connection, sql, parameters)
        return row[0] if row else None


def first_row(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """The only row of a result; takes it whole, since DuckDB lets nothing else happen before that."""
    rows = connection.execute(sql, parameters).fetchall()
    return rows[0] if rows else None


@contextlib.contextmanager
def registered_tables(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Lets SQL on this connection read Arrow tables by these names, for as long as the block lasts."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        # Impossible in a transaction that failed: its own error is the one to report.
        with contextlib.suppress(duckdb.Error):
            for name in tables:
                connection.unregister(name)


def load_rows(
    connection: duckdb.DuckDBPyConnection, kind: str, ids: Sequence[str], created: Span | None = None
) -> dict[str, dict[str, Any]]:
    """What is stored of these objects: id → content_hash, batch_id, deleted_at and more.

    `created`: when most of them were. Rows lie in the order of their lists, so that DuckDB skips most of a
    long history; everything is read only for those that are not found there.
    """
    found: dict[str, dict[str, Any]] = {}
    if created is not None:
        found = _rows_where("t.created_at between ? and ?", created, connection, kind, ids)
        ids = [id_ for id_ in ids if id_ not in found]
    return found | _rows_where("true", (), connection, kind, ids)


def _rows_where(
    condition: str,
    parameters: Sequence[object],
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    ids: Sequence[str],
) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    table = tables.BY_KIND[kind]
    key = key_sql(table)
    wanted = pa.table({"id": pa.array(ids, pa.string())})
    names = [
        "content_hash",
        "batch_id",
        "first_seen_at",
        "load_id",
        "deleted_at",
        "answer_order",
        "payload_keys",
    ]
    names += ["modified_at", "status"] if kind == "task" else []
    names += ["space_token"] if kind in ("task", "run") else []
    with registered_tables(connection, wanted=wanted):
        rows = connection.execute(
            f"select {key}, {', '.join(f't.{name}' for name in names)}"
            f" from {table.name} as t semi join wanted on {key} = wanted.id where {condition}",
            parameters,
        ).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}


def key_sql(table: tables.Table) -> str:
    """The key of a table as one SQL text, as in raw.payloads.id."""
    return " || '/' || ".join(f"t.{column}" for column in table.key)
