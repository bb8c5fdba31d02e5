"""Rows of meta.loads: when a load started, and how it ended."""

from __future__ import annotations

from datetime import timedelta

import duckdb

from unpod_sync import __version__
from unpod_sync.sync.context import Context
from unpod_sync.sync.loader import TWICE_LISTED
from unpod_sync.sync.plan import DEFAULT_PACE
from unpod_sync.sync.result import LoadResult


def note_start(connection: duckdb.DuckDBPyConnection, context: Context) -> None:
    """The load is running."""
    connection.execute(
        "insert into meta.loads (load_id, started_at, status, command, version) values (?, ?, 'running', ?, ?)",
        [context.load_id, context.started_at, context.options.command, __version__],
    )


def sync_interval(connection: duckdb.DuckDBPyConnection) -> timedelta:
    """How often syncs have come of late."""
    (row,) = connection.execute(
        "select median(seconds) from (select epoch(started_at - lag(started_at) over (order by started_at))"
        " as seconds from meta.loads order by started_at desc limit 8)"
    ).fetchall()
    return DEFAULT_PACE.interval if row[0] is None else timedelta(seconds=row[0])


def note_result(connection: duckdb.DuckDBPyConnection, result: LoadResult) -> None:
    """The load has ended with this result."""
    connection.execute(
        "update meta.loads set ended_at = ?, status = ?, requests = ?, requests_planned = ?, tasks_read = ?,"
        " tasks_changed = ?, tasks_deleted = ?, error = ? where load_id = ?",
        [
            result.ended_at,
            result.status,
            result.requests,
            result.requests_planned,
            result.tasks_read,
            result.tasks_changed,
            result.tasks_deleted,
            "; ".join(result.failures) or None,
            result.load_id,
        ],
    )


def note_abort(connection: duckdb.DuckDBPyConnection, context: Context, status: str, error: str) -> None:
    """The load has ended early, for this reason."""
    connection.execute(
        "update meta.loads set ended_at = ?, status = ?, requests = ?, error = ? where load_id = ?",
        [context.now(), status, context.client.requests_made, error, context.load_id],
    )


def objects_listed_twice(connection: duckdb.DuckDBPyConnection, load_id: str) -> list[str]:
    """A note for each of the first objects that two spaces list with different content."""
    rows = connection.execute(
        "select kind, split_part(id, '/', 2), split_part(id, '/', 1), value_text from meta.rejects"
        " where load_id = ? and reason = ? order by all limit 5",
        [load_id, TWICE_LISTED],
    ).fetchall()
    return [
        f"{kind} {id_} is listed in the spaces {other} and {kept} with different content; that of {kept} is kept"
        for kind, id_, other, kept in rows
    ]
