"""The summary of a warehouse: row counts, freshness and backlog per space, last loads, notices.

Read from the work file at the end of every sync and left in the state file, so that `status`
answers at once and while the next sync runs; read from the published file when that is missing.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from unpod_sync.warehouse.queries import rows_as_dicts
from unpod_sync.warehouse.schema_drift import remembered

if TYPE_CHECKING:
    import duckdb

LOADS = 10
NOTICES = 20

_COUNTED = {
    "spaces": "main.spaces where deleted_at is null",
    "agents": "main.agents where deleted_at is null",
    "runs": "main.runs where deleted_at is null",
    "tasks": "main.tasks where deleted_at is null",
    "deleted_tasks": "main.tasks where deleted_at is not null",
    "task_versions": "main.task_versions",
    "transcript_messages": "main.transcript_messages",
    "executions": "main.executions where deleted_at is null",
    "rejects": "meta.rejects",
}
# Rows and not columns: DuckDB joins the subqueries of one row, and plans that for 40 ms.
_COUNTS = " union all ".join(f"select '{name}', count(*) from {rows}" for name, rows in _COUNTED.items())

_SPACES = """
with stored as (
    select
        space_token,
        count(*) filter (where deleted_at is null) as tasks,
        max(created_at) filter (where deleted_at is null) as newest_task_at
    from main.tasks
    group by all
),

lists as (
    select * from meta.bookmarks
    where kind = 'task' and resource = 'spaces/' || space_token || '/tasks'
)

select
    coalesce(lists.space_token, stored.space_token) as space_token,
    spaces.space_name,
    lists.last_synced_at,
    stored.newest_task_at,
    coalesce(stored.tasks, 0) as tasks,
    lists.api_count,
    lists.gaps_json,
    lists.sweep_remaining,
    lists.sweep_completed_at,
    lists.last_error
from lists
full join stored on lists.space_token = stored.space_token
left join main.spaces on spaces.space_token = coalesce(lists.space_token, stored.space_token)
order by spaces.space_name nulls last, 1
"""

_LOADS = f"""
select load_id, started_at, ended_at, status, requests, tasks_read, tasks_changed, tasks_deleted, error
from meta.loads
order by load_id desc
limit {LOADS}
"""


def read_summary(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The summary as JSON values: `rows`, `spaces`, `lists_failing`, `loads`, `notices`."""
    failing = _rows(
        connection,
        "select resource, last_error, last_synced_at from meta.bookmarks where last_error is not null"
        " and kind != 'task' order by 1",
    )
    counts = dict(connection.execute(_COUNTS).fetchall())
    return {
        "rows": {name: counts[name] for name in _COUNTED},
        "spaces": [_space(row) for row in _rows(connection, _SPACES)],
        "lists_failing": failing,
        "loads": _rows(connection, _LOADS),
        "notices": [
            {"text": notice.text, "first_seen_at": notice.first_seen_at}
            for notice in remembered(connection)[-NOTICES:]
        ],
    }


def _space(row: dict[str, Any]) -> dict[str, Any]:
    """A space's row with its unread positions as one number."""
    gaps = json.loads(row.pop("gaps_json") or "[]")
    return row | {"unread_tasks": sum(high - low for low, high in gaps)}


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        for row in rows_as_dicts(connection, sql)
    ]
