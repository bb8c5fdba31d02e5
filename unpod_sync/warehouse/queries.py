"""Counts of stored rows, as plan, reconciliation and checks need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from unpod_sync import tables
from unpod_sync.model import SUPPRESSED_PREFIX, Resource
from unpod_sync.warehouse.database import first_row

Parameters = Sequence[object] | Mapping[str, object]


def scope(resource: Resource) -> tuple[str, list[str]]:
    """The condition (and its parameters) that picks this list's rows in its kind's table."""
    if resource.space_token is not None:
        return "t.space_token = ?", [resource.space_token]
    if resource.agent_handle is not None:
        return "t.agent_handle = ?", [resource.agent_handle]
    return "true", []


def known(connection: duckdb.DuckDBPyConnection, resource: Resource) -> int:
    """How many objects of the list are stored and not deleted, or refused."""
    condition, parameters = scope(resource)
    table = tables.BY_KIND[resource.kind].name
    counts = f"select count(*) from {table} as t where {condition} and t.deleted_at is null"
    if resource.kind == "task":
        counts += f" union all select count(*) from meta.forgotten as t where t.kind = 'task' and {condition}"
        parameters = [*parameters, *parameters]
    return sum(int(count) for (count,) in connection.execute(counts, parameters).fetchall())


def suppressed(
    connection: duckdb.DuckDBPyConnection,
    resource: Resource,
    hot: datetime,
    warm: datetime,
) -> tuple[int, int, int]:
    """Tasks of forgotten contacts on this list: the API counts them, so they count as known.

    All of them, those created on or after the day of `hot`, and those of `warm`.
    """
    if resource.kind != "task":
        return 0, 0, 0
    condition, parameters = scope(resource)
    row = first_row(
        connection,
        "select count(*), count(*) filter (created_on >= ?::date), count(*) filter (created_on >= ?::date)"
        f" from meta.forgotten as t where t.kind = 'task' and {condition}",
        [hot, warm, *parameters],
    )
    return row if row is not None else (0, 0, 0)


def suppressed_ids(
    connection: duckdb.DuckDBPyConnection, resource: Resource, unmet_by: str = ""
) -> list[str]:
    """The aliases of a list's refused tasks; of those only that the ids of `unmet_by` and its sweep lack."""
    if resource.kind != "task":
        return []
    condition, parameters = scope(resource)
    if unmet_by:
        condition += (
            f" and t.alias not in (select id from {unmet_by})"
            " and t.alias not in (select id from meta.sweep_seen where resource = ?)"
        )
        parameters = [*parameters, resource.name]
    rows = connection.execute(
        f"select t.alias from (select *, '{SUPPRESSED_PREFIX}' || hash as alias from meta.forgotten where kind = 'task') as t"
        f" where {condition}",
        parameters,
    ).fetchall()
    return [alias for (alias,) in rows]


def remove_suppressed(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> None:
    """Counts refused tasks no more: the API has ceased to list them. Other ids are passed over."""
    hashes = [id_.removeprefix(SUPPRESSED_PREFIX) for id_ in ids if id_.startswith(SUPPRESSED_PREFIX)]
    if hashes:
        connection.execute(
            "delete from meta.forgotten where kind = 'task' and hash in (select unnest(?))", [hashes]
        )


def has_tasks(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any task is stored."""
    return first_row(connection, "select 1 from main.tasks limit 1") is not None


def rows_as_dicts(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = ()
) -> list[dict[str, Any]]:
    """The rows of a query, each as column name → value."""
    cursor = connection.execute(sql, parameters)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
