"""Filling a warehouse from an older one, and flattening stored payloads again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.config import Settings
from unpod_sync.model import Record
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.records import stored_record
from unpod_sync.warehouse import queries, schema
from unpod_sync.warehouse.batch import FlatBatch, flat_batch
from unpod_sync.warehouse.database import (
    ROW_GROUP,
    Warehouse,
    key_sql,
    registered_tables,
)
from unpod_sync.warehouse.merge import table_of
from unpod_sync.warehouse.storage import Storage

#: What follows from the payloads; everything else is copied as it is.
DERIVED = {table.name for table in tables.BY_KIND.values()} | {tables.MESSAGES.name}

CHUNK = 1_024  # payloads decoded at a time: 50 KB each as Python objects; a row group is a multiple


def copy_old(connection: duckdb.DuckDBPyConnection, zone: ZoneInfo | None) -> int:
    """Fills a new warehouse from the one attached as `old`; with a `zone`, payloads are flattened again.

    History stays: when things were first seen, changed or deleted, and every version. Returns the number of objects
    that were flattened.
    """
    _copy_tables(connection, skip=DERIVED | {"meta.rejects"} if zone else set())
    if zone is None:
        return 0
    connection.execute(f"delete from meta.settings where name = {schema.quote(schema.REBUILD_DUE)}")
    connection.execute("insert into meta.rejects by name select * from old.meta.rejects where field = ''")
    return sum(_flatten_again(connection, kind, zone) for kind in tables.BY_KIND)


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
    settings: Settings, storage: Storage, *, now: Callable[[], datetime], keeps_zone: bool = False
) -> Warehouse:
    """The warehouse, flattened again first when an upgrade or another time zone asks for it.

    `keeps_zone`: the time zone of the file stays, whatever the settings say.
    """
    warehouse = Warehouse.open(storage, now=now())
    stored = warehouse.setting("time_zone")
    zone = stored if keeps_zone and stored else settings.timezone
    reason = "new columns" if warehouse.is_outdated else ""
    if stored not in (None, zone) and queries.has_tasks(warehouse.connection):
        reason = f"the time zone {stored} became {zone}"
    if reason:
        warehouse.close()
        storage.rebuild(now=now(), zone=ZoneInfo(zone))
        notes, warehouse = warehouse.notes, Warehouse.open(storage, now=now())
        warehouse.notes[:0] = [*notes, f"all rows were computed again: {reason}"]
    if zone != stored:
        warehouse.set_setting("time_zone", zone, "Time zone of local dates and hours.")
    return warehouse
