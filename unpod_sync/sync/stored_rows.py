"""Which rows of a list are stored, for comparing them with what was read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.model import SUPPRESSED_PREFIX, Resource
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import key_sql, registered_tables
from unpod_sync.warehouse.merge import mark_deleted


def ids(connection: duckdb.DuckDBPyConnection, resource: Resource) -> list[str]:
    """The ids of all objects of the list."""
    table = tables.BY_KIND[resource.kind]
    condition, parameters = queries.scope(resource)
    rows = connection.execute(
        f"select {key_sql(table)} from {table.name} as t where {condition} and t.deleted_at is null",
        parameters,
    ).fetchall()
    return [id_ for (id_,) in rows] + queries.suppressed_ids(connection, resource)


def missing_ids(
    connection: duckdb.DuckDBPyConnection, resource: Resource, read_ids: Iterable[str]
) -> list[str]:
    """The ids of those that a sweep has read neither now (`read_ids`) nor in earlier syncs."""
    table = tables.BY_KIND[resource.kind]
    condition, parameters = queries.scope(resource)
    found = pa.table({"id": pa.array(list(read_ids), pa.string())})
    with registered_tables(connection, read_ids=found):
        rows = connection.execute(
            f"select {key_sql(table)} as id from {table.name} as t where {condition} and t.deleted_at is null"
            f" and {key_sql(table)} not in (select id from read_ids)"
            f" and {key_sql(table)} not in (select id from meta.sweep_seen where resource = ?)",
            [*parameters, resource.name],
        ).fetchall()
        suppressed = queries.suppressed_ids(connection, resource, unmet_by="read_ids")
    return [id_ for (id_,) in rows] + suppressed


def offsets(connection: duckdb.DuckDBPyConnection, resource: Resource, wanted_ids: list[str]) -> list[int]:
    """How many older rows of the list are stored below each of these, the newest first."""
    table = tables.BY_KIND[resource.kind]
    condition, parameters = queries.scope(resource)
    with registered_tables(connection, wanted=pa.table({"id": pa.array(wanted_ids, pa.string())})):
        rows = connection.execute(
            "with ranked as ("
            f" select {key_sql(table)} as id, row_number() over (order by t.created_at) - 1 as offset_"
            f" from {table.name} as t where {condition} and t.deleted_at is null)"
            " select offset_ from ranked semi join wanted using (id) order by offset_ desc",
            parameters,
        ).fetchall()
    return [offset for (offset,) in rows]


def mark_missing(connection: duckdb.DuckDBPyConnection, kind: str, missing: list[str], now: datetime) -> int:
    """Marks objects as deleted, and forgets the refused tasks among them; how many were marked."""
    queries.remove_suppressed(connection, missing)
    stored = [id_ for id_ in missing if not id_.startswith(SUPPRESSED_PREFIX)]
    if stored:
        mark_deleted(connection, kind, stored, now=now)
    return len(stored)


def payloads(connection: duckdb.DuckDBPyConnection, kind: str, batches: dict[str, int]) -> dict[str, str]:
    """The stored payloads of these objects (id → batch that wrote it), by id.

    Two steps, so that DuckDB reads the long payload column only where a wanted row stands.
    """
    wanted = pa.table(
        {"id": pa.array(list(batches), pa.string()), "batch_id": pa.array(list(batches.values()), pa.int64())}
    )
    with registered_tables(connection, wanted=wanted):
        rowids = connection.execute(
            "select p.rowid from raw.payloads as p semi join wanted"
            " on p.batch_id = wanted.batch_id and p.id = wanted.id where p.kind = ?",
            [kind],
        ).fetchall()
    found: dict[str, str] = {}
    numbers = sorted(rowid for (rowid,) in rowids)
    for start in range(0, len(numbers), 40):
        listed = ", ".join(str(number) for number in numbers[start : start + 40])
        rows = connection.execute(
            f"select id, payload_json from raw.payloads where rowid in ({listed})"
        ).fetchall()
        found.update(rows)
    return found
