"""What the warehouse knows of one list, as the plan needs it: counts by age and unfinished tasks."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from unpod_sync import columns
from unpod_sync.model import TERMINAL_STATUSES, Resource
from unpod_sync.plan import ListState, Policy, Unfinished
from unpod_sync.reading import state_of
from unpod_sync.schema import quote
from unpod_sync.warehouse import Warehouse, first_row, key_sql

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
    """How many objects of the list are stored and not deleted."""
    condition, parameters = scope(resource)
    table = columns.BY_KIND[resource.kind].name
    row = first_row(
        connection, f"select count(*) from {table} as t where {condition} and t.deleted_at is null", parameters
    )
    return int(row[0]) if row else 0


def has_tasks(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether any task is stored."""
    return first_row(connection, "select 1 from main.tasks limit 1") is not None


def list_state(warehouse: Warehouse, resource: Resource, policy: Policy, now: datetime) -> ListState:
    """Bookmark and counts of one list."""
    condition, parameters = scope(resource)
    table = columns.BY_KIND[resource.kind].name
    hot, warm = now - timedelta(days=policy.hot_days), now - timedelta(days=policy.warm_days)
    row = first_row(
        warehouse.connection,
        f"select count(*), count(*) filter (t.created_at >= ?), count(*) filter (t.created_at >= ?)"
        f" from {table} as t where {condition} and t.deleted_at is null",
        [hot, warm, *parameters],
    ) or (0, 0, 0)
    unfinished = _unfinished(warehouse.connection, resource, policy, now) if row[0] else ()
    return state_of(
        warehouse.bookmark(resource.name), known=row[0], hot=row[1], warm=row[2], unfinished=unfinished
    )


def _unfinished(
    connection: duckdb.DuckDBPyConnection, resource: Resource, policy: Policy, now: datetime
) -> tuple[Unfinished, ...]:
    """Unfinished tasks and runs older than the hot window, with their likely place in the list.

    A place is the number of older rows, taken per minute of creation: near enough to name a page.
    """
    if resource.kind not in ("task", "run"):
        return ()
    is_task = resource.kind == "task"
    table = columns.BY_KIND[resource.kind]
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
        places as (
            select minute, rows, sum(rows) over (order by minute nulls first) - rows as older from minutes
        ),
        unfinished as (
            select {key_sql(table)} as id, {'t.run_id' if is_task else 'null::varchar'} as run_id,
                date_trunc('minute', t.created_at) as minute
            from {table.name} as t
            where {condition} and t.deleted_at is null and {wanted}
                and t.created_at < ? and t.created_at >= ?
        ),
        sizes as ({sizes})
        select u.id, u.run_id, (p.older + p.rows // 2)::bigint, coalesce(s.run_size, 1)
        from unfinished as u join places as p on p.minute = u.minute left join sizes as s on s.run_id = u.run_id
        """,
        [
            *parameters,
            *parameters,
            now - timedelta(days=policy.hot_days),
            now - timedelta(days=policy.unfinished_days),
        ],
    ).fetchall()
    return tuple(Unfinished(*row) for row in found)
