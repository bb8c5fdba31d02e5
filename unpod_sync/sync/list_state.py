"""The stored state of one list, as the plan needs it: bookmark, counts by age, unfinished tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb

from unpod_sync import tables
from unpod_sync.config import FreshnessPolicy
from unpod_sync.model import TERMINAL_STATUSES, Resource
from unpod_sync.sync.bookmark import Bookmark
from unpod_sync.sync.plan import ListState, Unfinished
from unpod_sync.warehouse.database import Warehouse, first_row, key_sql
from unpod_sync.warehouse.queries import scope, suppressed
from unpod_sync.warehouse.schema import quote

TERMINAL = ", ".join(quote(status) for status in sorted(TERMINAL_STATUSES))

#: A task that may still change: not terminal, or a completed call without its analysis.
UNFINISHED = (
    f"(t.status is null or t.status not in ({TERMINAL})"
    " or (t.execution_type = 'call' and t.status = 'completed' and t.has_analysis is not true))"
)

#: Ids of executions rows, and the positions of their run's creation among the stored rows of the agent.
CHANGED_EXECUTIONS = """
    with touched as (
        select distinct run_id from main.tasks where agent_handle = $agent and changed_at >= $since
    ),
    counts as (
        select
            run_id,
            count(*) as of_run,
            count(*) filter (where status = 'completed') as run_completed,
            count(*) filter (where agent_handle = $agent) as of_agent,
            count(*) filter (where agent_handle = $agent and status = 'completed') as agent_completed
        from main.tasks semi join touched using (run_id) where deleted_at is null group by all
    ),
    listed as (select * from main.executions where agent_handle = $agent and deleted_at is null),
    differing as (
        select counts.run_id, coalesce(listed.created_at, runs.created_at) as created_at
        from counts left join listed using (run_id) left join main.runs using (run_id)
        where of_agent > 0 and (total_tasks, completed_tasks)
            not in ((of_run, run_completed), (of_agent, agent_completed)) is not false
    )
    select
        $agent || '/' || differing.run_id,
        count(*) filter (where listed.created_at < differing.created_at) as low,
        greatest(count(*) filter (where listed.created_at <= differing.created_at), low + 1)
    from differing, listed group by differing.run_id
"""


def list_state(warehouse: Warehouse, resource: Resource, policy: FreshnessPolicy, now: datetime) -> ListState:
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
    stored_count, young, recent = (
        stored + refused
        for stored, refused in zip(row, suppressed(warehouse.connection, resource, hot, warm), strict=True)
    )
    bookmark = Bookmark.from_row(warehouse.bookmark(resource.name))
    of_all = first_row(warehouse.connection, "select sum(known_count) from meta.bookmarks") or (None,)
    if resource.kind == "execution":  # follows from the tasks: all of it is read once a day
        young, recent = 0, stored_count
    state = ListState.of(bookmark, stored_count=stored_count, hot=young, warm=recent)
    share = min(1.0, stored_count / int(of_all[0])) if of_all[0] else 1.0
    state = replace(state, is_derived=resource.kind == "execution", share=share)
    if not row[0]:
        return state
    if state.is_derived:
        found = _changed_executions(warehouse.connection, resource, bookmark.synced_at)
    else:
        found = _unfinished(warehouse.connection, resource, policy, now)
    offset_of = state.unread_ranges.offset_of
    unfinished = (Unfinished(id_, (offset_of(low), offset_of(high - 1) + 1)) for id_, low, high in found)
    return replace(state, unfinished=tuple(unfinished))


def _changed_executions(
    connection: duckdb.DuckDBPyConnection, resource: Resource, since: datetime | None
) -> list[tuple[str, int, int]]:
    """Runs whose tasks have changed `since` then and are not counted as in the agent's executions list.

    The endpoint counts the tasks of a run, or those of the agent in it (docs/api-behaviour.md, section 2).
    """
    return connection.execute(CHANGED_EXECUTIONS, {"agent": resource.agent_handle, "since": since}).fetchall()


def _unfinished(
    connection: duckdb.DuckDBPyConnection, resource: Resource, policy: FreshnessPolicy, now: datetime
) -> list[tuple[str, int, int]]:
    """Unfinished tasks and runs older than the hot window, with their likely positions among the stored rows."""
    if resource.kind not in ("task", "run"):
        return []
    condition, parameters = scope(resource)
    oldest, newest = now - timedelta(days=policy.unfinished_days), now - timedelta(days=policy.hot_days)
    return connection.execute(
        _unfinished_sql(resource.kind, condition), [*parameters, *parameters, newest, oldest, *parameters]
    ).fetchall()


def _unfinished_sql(kind: str, condition: str) -> str:
    """The query for unfinished rows: id, and the positions that follow from the number of older stored rows.

    Older rows are those of earlier minutes, and within the minute those with lower document ids, as the server
    sorts (docs/api-behaviour.md, section 2). Only the minutes of unfinished rows are sorted, for speed.
    """
    is_task = kind == "task"
    table = tables.BY_KIND[kind]
    wanted = UNFINISHED if is_task else f"(t.status is null or t.status not in ({TERMINAL}))"
    order = "t.document_id, t.created_at" if is_task else "t.created_at"
    return f"""
        with minutes as (
            select date_trunc('minute', t.created_at) as minute, count(*) as rows
            from {table.name} as t where {condition} and t.deleted_at is null group by 1
        ),
        older as (
            select minute, sum(rows) over (order by minute nulls first) - rows as rows from minutes
        ),
        unfinished as (
            select {key_sql(table)} as id, date_trunc('minute', t.created_at) as minute
            from {table.name} as t
            where {condition} and t.deleted_at is null and {wanted}
                and t.created_at < ? and t.created_at >= ?
        ),
        within as (
            select {key_sql(table)} as id,
                row_number() over (partition by date_trunc('minute', t.created_at) order by {order}) - 1 as rows
            from {table.name} as t
            where {condition} and t.deleted_at is null
                and date_trunc('minute', t.created_at) in (select minute from unfinished)
        )
        select u.id, (o.rows + w.rows)::bigint as position, position + 1
        from unfinished as u join older as o on o.minute = u.minute join within as w on w.id = u.id
        """
