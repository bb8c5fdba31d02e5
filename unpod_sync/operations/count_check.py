"""What is stored, counted beside what the API counts; each difference with its reason.

A difference is explained when its parts are known: rows that came or went since the last sync,
rows never read yet, rows the server cannot show, and what a whole reading found to be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unpod_sync.errors import ApiError, CredentialsError
from unpod_sync.model import (
    AGENTS,
    SPACES,
    Page,
    Resource,
    agent_executions,
    space_runs,
    space_tasks,
)
from unpod_sync.warehouse import queries

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.api import Client

UNEXPLAINED_EXECUTIONS = "tasks are missing here: sync --full"


@dataclass(frozen=True, slots=True)
class CountComparison:
    """One list: the API's count beside ours. `counted` is None when the API gave none."""

    resource: str
    counted: int | None
    stored: int
    explanation: str
    is_explained: bool

    @property
    def difference(self) -> int | None:
        """How many more the API counts."""
        return None if self.counted is None else self.counted - self.stored


@dataclass(frozen=True, slots=True)
class ExecutionGroup:
    """Runs of the executions endpoint that differ from ours (or not) for the same reason."""

    explanation: str
    runs: int
    example_run_id: str
    is_explained: bool


def compare_lists(connection: duckdb.DuckDBPyConnection, client: Client) -> Iterator[CountComparison]:
    """Every list the syncs read, asked for its count now.

    Raises `CredentialsError`, and the error of a server that does not answer.
    """
    cursor = connection.execute("select * from meta.bookmarks order by resource")
    names = [column[0] for column in cursor.description or ()]
    for row in cursor.fetchall():
        bookmark = dict(zip(names, row, strict=True))
        resource = _resource(bookmark)
        if resource is not None:
            yield _compared(connection, client, resource, bookmark)


def compare_executions(connection: duckdb.DuckDBPyConnection) -> list[ExecutionGroup]:
    """The view execution_reconciliation, by reason."""
    rows = connection.execute(
        "select explanation, count(*), min(run_id) from execution_reconciliation group by 1 order by 2 desc"
    ).fetchall()
    return [
        ExecutionGroup(text, runs, run_id, is_explained=text != UNEXPLAINED_EXECUTIONS)
        for text, runs, run_id in rows
    ]


def _resource(bookmark: dict[str, Any]) -> Resource | None:
    """The list of a bookmark."""
    name, space = str(bookmark["resource"]), bookmark["space_token"]
    lists: tuple[Resource, ...] = (SPACES, AGENTS)
    if space is not None:
        lists = (space_tasks(space), space_runs(space))
    elif name.startswith("agents/"):
        lists = (agent_executions(name.removeprefix("agents/").removesuffix("/executions")),)
    return next((resource for resource in lists if resource.name == name), None)


def _compared(
    connection: duckdb.DuckDBPyConnection, client: Client, resource: Resource, bookmark: dict[str, Any]
) -> CountComparison:
    stored = queries.known(connection, resource)
    try:
        page = client.fetch(resource, 1, 100, attempts=3)
    except ApiError as error:
        if error.status == 0 or (isinstance(error, CredentialsError) and not resource.is_listing):
            raise  # no other list would answer
        # What the last sync took for no failure (a listing for logins only, a space of others) is none here.
        is_usual = error.message == bookmark["last_error"] and (
            resource.is_listing or bookmark["api_count"] is None
        )
        text = f"cannot be read{', as at the last sync' if is_usual else ' now'}: {error.message}"
        return CountComparison(resource.name, None, stored, text, is_explained=is_usual)
    counted = _count(page)
    if counted == stored:
        return CountComparison(resource.name, counted, stored, "equal", is_explained=True)
    if counted is None:
        return CountComparison(resource.name, None, stored, "the list gives no count", is_explained=True)
    parts = _parts(bookmark, counted)
    if sum(parts.values()) != counted - stored:
        text = "not explained: `unpod-sync sync --full` reads every row"
        return CountComparison(resource.name, counted, stored, text, is_explained=False)
    text = "; ".join(f"{abs(number):,} {reason}" for reason, number in parts.items() if number)
    return CountComparison(resource.name, counted, stored, text, is_explained=True)


def _count(page: Page) -> int | None:
    """The list's count; a list that shows everything on one page may give none."""
    return page.count if page.count is not None else (len(page.rows) if len(page.rows) < page.size else None)


def _parts(bookmark: dict[str, Any], counted: int) -> dict[str, int]:
    """What is known to make the API's count differ from ours: reason → rows."""
    since = (
        f"{bookmark['last_synced_at']:%Y-%m-%d %H:%M} UTC" if bookmark["last_synced_at"] else "the last sync"
    )
    moved = counted - (bookmark["api_count"] or 0)
    unreadable = json.loads(bookmark["state_json"] or "{}").get("unreadable", [])
    unread = sum(high - low for low, high in json.loads(bookmark["gaps_json"] or "[]"))
    return {
        f"{'more' if moved > 0 else 'fewer'} than at {since}: the list has moved": moved,
        "not read yet: the first load goes on": unread,
        "that the server cannot show (meta.rejects)": len(unreadable),
        "counted by the list, but not found by a whole reading": bookmark["explained_gap"] or 0,
    }
