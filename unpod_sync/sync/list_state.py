"""What the warehouse knows of one list, as the plan needs it: counts by age and unfinished tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from unpod_sync import tables
from unpod_sync.model import TERMINAL_STATUSES, Resource, is_plausible_id
from unpod_sync.privacy.ingest_filter import HIDDEN
from unpod_sync.sync.plan import ListState, Policy, Unfinished, place
from unpod_sync.sync.progress import state_of
from unpod_sync.warehouse.database import Warehouse, first_row, key_sql
from unpod_sync.warehouse.schema import quote

TERMINAL = ", ".join(quote(status) for status in sorted(TERMINAL_STATUSES))

#: A task that may still change: not terminal, or a completed call whose analysis has not come.
UNFINISHED = (
    f"(t.status is null or t.status not in ({TERMINAL})"
    " or (t.execution_type = 'call' and t.status = 'completed' and t.has_analysis is not true))"
)


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


def hidden(
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


def hidden_ids(connection: duckdb.DuckDBPyConnection, resource: Resource, unmet_by: str = "") -> list[str]:
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
        f"select t.alias from (select *, '{HIDDEN}' || hash as alias from meta.forgotten where kind = 'task') as t"
        f" where {condition}",
        parameters,
    ).fetchall()
    return [alias for (alias,) in rows]


def unlist(connection: duckdb.DuckDBPyConnection, ids: list[str]) -> None:
    """Counts refused tasks no more: the API has ceased to list them. Other ids are passed over."""
    hashes = [id_.removeprefix(HIDDEN) for id_ in ids if id_.startswith(HIDDEN)]
    if hashes:
        connection.execute(
            "delete from meta.forgotten where kind = 'task' and hash in (select unnest(?))", [hashes]
        )


def has_tasks(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any task is stored."""
    return first_row(connection, "select 1 from main.tasks limit 1") is not None


def list_state(warehouse: Warehouse, resource: Resource, policy: Policy, now: datetime) -> ListState:
    """Bookmark and counts of one list."""
    condition, parameters = scope(resource)
    table = tables.BY_KIND[resource.kind].name
    hot, warm = now - timedelta(days=policy.hot_days), now - timedelta(days=policy.warm_days)
    row = first_row(
        warehouse.connection,
        f"select count(*), count(*) filter (t.created_at >= ?), count(*) filter (t.created_at >= ?)"
        f" from {table} as t where {condition} and t.deleted_at is null",
        [hot, warm, *parameters],
    ) or (0, 0, 0)
    known, young, recent = (
        stored + refused
        for stored, refused in zip(row, hidden(warehouse.connection, resource, hot, warm), strict=True)
    )
    state = state_of(warehouse.bookmark(resource.name), known=known, hot=young, warm=recent)
    if not row[0]:
        return state
    unfinished = _unfinished(warehouse.connection, resource, policy, now)
    return replace(
        state, unfinished=tuple(replace(t, position=place(t.position, state.gaps)) for t in unfinished)
    )


def _unfinished(
    connection: duckdb.DuckDBPyConnection, resource: Resource, policy: Policy, now: datetime
) -> tuple[Unfinished, ...]:
    """Unfinished tasks and runs older than the hot window, with their likely place in the list.

    A place is the number of older stored rows: of earlier minutes, and within the minute by document id, as the
    server sorts (API_FACTS section 2). Only those minutes are sorted: a million rows every time would cost.
    """
    if resource.kind not in ("task", "run"):
        return ()
    is_task = resource.kind == "task"
    table = tables.BY_KIND[resource.kind]
    wanted = UNFINISHED if is_task else f"(t.status is null or t.status not in ({TERMINAL}))"
    condition, parameters = scope(resource)
    sizes = (
        "select t.run_id, count(*) as run_size from main.tasks as t where t.deleted_at is null group by 1"
        if is_task
        else "select null::varchar as run_id, 0 as run_size"
    )
    found = connection.execute(
        f"""
        with minutes as (
            select date_trunc('minute', t.created_at) as minute, count(*) as rows
            from {table.name} as t where {condition} and t.deleted_at is null group by 1
        ),
        older as (
            select minute, sum(rows) over (order by minute nulls first) - rows as rows from minutes
        ),
        unfinished as (
            select {key_sql(table)} as id, {"t.run_id" if is_task else "null::varchar"} as run_id,
                date_trunc('minute', t.created_at) as minute
            from {table.name} as t
            where {condition} and t.deleted_at is null and {wanted}
                and t.created_at < ? and t.created_at >= ?
        ),
        within as (
            select {key_sql(table)} as id, row_number() over (
                partition by date_trunc('minute', t.created_at) order by {"t.document_id, " if is_task else ""}t.created_at
            ) - 1 as rows
            from {table.name} as t
            where {condition} and t.deleted_at is null
                and date_trunc('minute', t.created_at) in (select minute from unfinished)
        ),
        sizes as ({sizes})
        select u.id, u.run_id, (o.rows + w.rows)::bigint, coalesce(s.run_size, 1)
        from unfinished as u join older as o on o.minute = u.minute join within as w on w.id = u.id
        left join sizes as s on s.run_id = u.run_id
        """,
        [
            *parameters,
            *parameters,
            now - timedelta(days=policy.hot_days),
            now - timedelta(days=policy.unfinished_days),
            *parameters,
        ],
    ).fetchall()
    return tuple(
        Unfinished(id_, run_id if is_plausible_id(run_id) else None, older, size)
        for id_, run_id, older, size in found
    )
