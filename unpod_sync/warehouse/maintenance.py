"""Making the work file anew beside itself: without dead space, and on wish flattened again.

The old file stays until the new one is complete and on disk, so that a kill loses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.config import Settings
from unpod_sync.model import Record
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.records import stored_record
from unpod_sync.warehouse import publish, queries, schema
from unpod_sync.warehouse.database import (
    MEMORY_LIMIT,
    ROW_GROUP,
    Warehouse,
    attach,
    first_row,
    key_sql,
    registered_tables,
)
from unpod_sync.warehouse.merge import FlatBatch, flat_batch, table_of

#: What follows from the payloads; everything else is copied as it is.
DERIVED = {table.name for table in tables.BY_KIND.values()} | {tables.MESSAGES.name}

CHUNK = 1_024  # payloads decoded at a time: 50 KB each as Python objects; a row group is a multiple
RECLAIMABLE_RATIO = 0.35  # share of dead space that makes a rewrite worth while
MIN_BYTES = 16 << 20  # below, dead space is not worth a rewrite


def reclaimable_ratio(path: Path) -> float:
    """Share of a closed file that nobody can read: free blocks and deleted rows (0 to 1).

    Small files have none worth opening them for.
    """
    if path.stat().st_size < MIN_BYTES:
        return 0.0
    with duckdb.connect(str(path), read_only=True) as connection:
        total, free = first_row(
            connection, "select total_blocks, free_blocks from pragma_database_size()"
        ) or (0, 0)
        alive, slots = first_row(
            connection, "select count(*), coalesce(max(rowid) + 1, 0) from raw.payloads"
        ) or (0, 0)
    deleted = 1 - alive / slots if slots else 0.0
    return float(free / total + (1 - free / total) * deleted)


def compact(
    files: publish.Files,
    *,
    now: datetime,
    views_folder: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
) -> None:
    """Rewrites the closed work file without its dead space.

    By our own schema and plain inserts rather than `COPY FROM DATABASE`, so that comments,
    compression and row-group size are those of a new file.
    """
    _rewrite(files, now=now, views_folder=views_folder, zone=None, memory_limit=memory_limit)


def rebuild(
    files: publish.Files,
    *,
    now: datetime,
    zone: ZoneInfo,
    views_folder: Path | None = None,
    memory_limit: str = MEMORY_LIMIT,
) -> int:
    """Flattens every stored payload again into a new work file; returns the number of objects.

    History stays: when things were first seen, changed or deleted, and every version.
    """
    return _rewrite(files, now=now, views_folder=views_folder, zone=zone, memory_limit=memory_limit)


def _rewrite(
    files: publish.Files,
    *,
    now: datetime,
    views_folder: Path | None,
    zone: ZoneInfo | None,
    memory_limit: str,
) -> int:
    target = files.beside("compacting")
    target.unlink(missing_ok=True)
    connection = attach(target, memory_limit)
    rebuilt = 0
    try:
        schema.create_schema(connection, now=now)
        connection.execute(f"attach {schema.quote(str(files.work))} as old (read_only)")
        _copy_tables(connection, skip=DERIVED | {"meta.rejects"} if zone else set())
        if zone is not None:
            connection.execute(f"delete from meta.settings where name = {schema.quote(schema.REBUILD_DUE)}")
            connection.execute(
                "insert into meta.rejects by name select * from old.meta.rejects where field = ''"
            )
            for kind in tables.BY_KIND:
                rebuilt += _flatten_again(connection, kind, zone)
        connection.execute("detach old")
        schema.build_views(connection, user_folder=views_folder, force=True)
        connection.execute("checkpoint warehouse")
    finally:
        connection.close()
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    target.replace(files.work)
    publish.sync_folder(files.work.parent)
    return rebuilt


def _copy_tables(connection: duckdb.DuckDBPyConnection, skip: set[str]) -> None:
    tables = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'old' order by 1"
    ).fetchall()
    for (name,) in tables:
        if name in skip:
            continue
        connection.execute(f"delete from {name}")
        connection.execute(f"insert into {name} by name select * from old.{name}")


def _flatten_again(connection: duckdb.DuckDBPyConnection, kind: str, zone: ZoneInfo) -> int:
    """Fills the tables of one kind from the payloads: decoded by the chunk, written by the row group."""
    count = 0
    copies: list[FlatBatch] = []
    for records in _stored_records(connection, kind):
        copies.append(flat_batch(records, flatten(kind, records, zone)))
        count += len(records)
        if count % ROW_GROUP < CHUNK:
            _insert_again(connection, kind, copies)
            copies.clear()
    if copies:
        _insert_again(connection, kind, copies)
    return count


def _stored_records(connection: duckdb.DuckDBPyConnection, kind: str) -> Iterator[list[Record]]:
    reader = connection.cursor()
    reader.execute("use warehouse")
    reader.execute(
        "select id, space_token, payload_json, content_hash from old.raw.payloads where kind = ?", [kind]
    )
    while rows := reader.fetchmany(CHUNK):
        yield [
            stored_record(kind, id_, space_token, payload, content_hash)
            for id_, space_token, payload, content_hash in rows
        ]
    reader.close()


def _insert_again(connection: duckdb.DuckDBPyConnection, kind: str, copies: list[FlatBatch]) -> None:
    table = tables.BY_KIND[kind]
    names = [column.name for column in table.columns if column.origin != "sync"]
    kept = [c.name for c in table.columns if c.origin == "sync" and c.name != "payload_keys"]
    fresh = ", ".join(f"n.{name}" for name in names)
    history = ", ".join(f"t.{name}" for name in kept)
    refused = table_of([reject for part in copies for reject in part.rejects])
    incoming = pa.concat_tables([part.rows for part in copies])
    with registered_tables(connection, incoming=incoming, refused=refused):
        connection.execute(
            f"insert into {table.name} by name select {fresh}, n.payload_keys, {history}"
            f" from incoming as n join old.{table.name} as t on n.id = {key_sql(table)}"
        )
        connection.execute(
            f"insert into meta.rejects by name select t.load_id, r.* from refused as r"
            f" join old.{table.name} as t on r.id = {key_sql(table)}"
        )
    messages = [part.messages for part in copies if part.messages is not None]
    if messages:
        with registered_tables(connection, messages=pa.concat_tables(messages)):
            connection.execute(
                "insert into main.transcript_messages by name select m.*, t.batch_id"
                " from messages as m join main.tasks as t using (task_id)"
            )


def open_current(
    settings: Settings, files: publish.Files, *, now: Callable[[], datetime], views_later: bool = False
) -> Warehouse:
    """The work file, flattened again first when an upgrade or another time zone asks for it."""

    def opened() -> Warehouse:
        return Warehouse.open(
            files,
            now=now(),
            memory_limit=settings.memory_limit,
            views_folder=settings.views_folder,
            views_later=views_later,
        )

    warehouse = opened()
    zone = warehouse.setting("time_zone")
    reason = "new columns" if warehouse.is_outdated else ""
    if zone not in (None, settings.timezone) and queries.has_tasks(warehouse.connection):
        reason = f"time zone {zone} became {settings.timezone}"
    if reason:
        warehouse.close()
        rebuild(
            files,
            now=now(),
            zone=settings.zone,
            views_folder=settings.views_folder,
            memory_limit=settings.memory_limit,
        )
        notes, warehouse = warehouse.notes, opened()
        warehouse.notes[:0] = [*notes, f"everything was flattened again: {reason}"]
    if zone != settings.timezone:
        warehouse.set_setting("time_zone", settings.timezone, "Time zone of local dates and hours.")
    return warehouse
