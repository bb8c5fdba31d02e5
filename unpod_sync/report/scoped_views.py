"""The views of a published file, over a part of its calls.

A view of the file has no parameter: `call_funnel` counts every call there is. But a temporary
table named `calls` shadows the `calls` that the file's own views read, and so for `task_counts`.
So each filtered number is defined where the unfiltered one is. Temporary tables belong to one
connection: each scope has a cursor of its own, and the file itself stays unfiltered.

Only views that read nothing but `calls`, `task_counts` and `agents` are scoped this way.

Grouping works in the same way: all views of rates and durations keep the agent, so a scope that
puts another label in its place (one for all, the space, the week) has them by that label.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from unpod_sync.errors import WarehouseError
from unpod_sync.warehouse.queries import Parameters, rows_as_dicts
from unpod_sync.warehouse.schema import quote
from unpod_sync.warehouse.storage import Storage

#: The columns of `calls` that the scoped views read.
CALL_COLUMNS = (
    "space_token, agent_handle, local_date, started_local_hour, started_local_weekday, outcome,"
    " is_dialed, is_voicemail, is_connected, is_answered, is_engaged, is_short, is_interested,"
    " is_successful, success_points, duration_seconds, cost, contact_key, task_id"
)
#: Labels of a scope, each an SQL expression over the columns that `calls` and `task_counts` share.
ALL = "'all'"
AGENT = "coalesce(agent_handle, '')"
SPACE = "coalesce(space_token, '')"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which part of the file, by keys and local dates; empty and None stand for everything."""

    spaces: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    @property
    def places(self) -> str:
        """The spaces and agents as an SQL condition."""
        return f"{_in('space_token', self.spaces)} and {_in('agent_handle', self.agents)}"

    def dates(self, column: str = "local_date") -> str:
        """The dates as an SQL condition."""
        parts = [f"{column} >= date '{self.since}'"] if self.since else []
        parts += [f"{column} <= date '{self.until}'"] if self.until else []
        return f"({' and '.join(parts) or 'true'})"


class PublishedFile:
    """A published file, or a part of it, open for reading."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, cursors: ExitStack) -> None:
        """Use `open_file`, `ScopedViews` or `scoped`; `cursors` are closed with the file."""
        self._connection = connection
        self._cursors = cursors

    def rows(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """The rows of a query."""
        try:
            return rows_as_dicts(self._connection, sql, parameters)
        except duckdb.CatalogException as error:
            raise WarehouseError(
                f"the file lacks a table or view of this version: {str(error).splitlines()[0]}",
                "An older version made it: run `unpod-sync rebuild`.",
            ) from None

    def scoped(self, *statements: str) -> PublishedFile:
        """The file with the temporary tables and views that `statements` create."""
        cursor = self._cursors.enter_context(self._connection.cursor())
        cursor.execute("use warehouse")
        for sql in statements:
            cursor.execute(sql)
        return PublishedFile(cursor, self._cursors)


class ScopedViews:
    """Scopes within some spaces and agents of a file. Their calls are read once, here.

    `part` has them as `part_calls` and `part_task_counts`, and its `tasks` are theirs.
    """

    def __init__(self, file: PublishedFile, chosen: Filter) -> None:
        """Reads the calls that `chosen` admits."""
        self.file = file
        self.part = file.scoped(
            f"create temp view tasks as from warehouse.main.tasks where {chosen.places}",
            f"create table memory.part_calls as select {CALL_COLUMNS} from calls where {chosen.dates()}",
            f"create table memory.part_task_counts as from task_counts where {chosen.dates()}",
            "create temp view part_calls as from memory.part_calls",
            "create temp view part_task_counts as from memory.part_task_counts",
        )

    def open(
        self, since: date | None, until: date | None, *, label: str | None = None, calls: str = "*"
    ) -> PublishedFile:
        """The views over some dates; `calls` are the columns of `calls`, where they are not those of the file.

        With a `label`, agents give way to it, and spaces, dates and weekdays to a single one, so
        that the views by agent, also those by date, have one row per label.
        """
        dates = Filter(since=since, until=until).dates()
        merged = f"'all' as space_token, {label} as agent_handle, date '1970-01-01' as local_date"
        tasks = "*"
        if label is not None:
            tasks, calls = (
                f"* replace ({merged})",
                f"* replace ({merged}, 0::bigint as started_local_weekday)",
            )
        return self.file.scoped(
            f"create temp table calls as select {calls} from memory.part_calls where {dates}",
            f"create temp table task_counts as select {tasks} from memory.part_task_counts where {dates}",
            # an agent without tasks of this part has no row
            "create temp table agents as from warehouse.main.agents limit 0",
        )


def quality(file: PublishedFile, chosen: Filter) -> list[dict[str, Any]]:
    """The rows of `data_quality` for the tasks created or called in a part of the file."""
    if chosen == Filter():
        return file.rows("from data_quality")
    created, called = (
        chosen.dates("created_local_date"),
        chosen.dates("coalesce(started_local_date, created_local_date)"),
    )
    part = file.scoped(
        f"create temp table tasks as from warehouse.main.tasks where {chosen.places} and ({created} or {called})",
        f"create temp table calls as from warehouse.main.calls where {chosen.dates()}",
    )
    # the view names meta.rejects with its schema, which nothing can shadow
    rejects = (
        "select count(*) as n from meta.rejects where kind = 'task' and id in (select task_id from tasks)"
    )
    rejected = {"flaw_count": part.rows(rejects)[0]["n"]}
    return [
        row | rejected if row["flaw"] == "rejected_values" else row for row in part.rows("from data_quality")
    ]


@contextmanager
def open_file(storage: Storage) -> Iterator[PublishedFile]:
    """Opens what a storage has published, for reading."""
    with ExitStack() as cursors:
        connection = cursors.enter_context(storage.connect_reader(sandboxed=False))
        views = "select 1 from duckdb_views() where database_name = 'warehouse' and view_name = 'calls'"
        if not connection.execute(views).fetchall():
            raise WarehouseError(
                "the file was not made by unpod-sync", "Name the published file with --database."
            )
        yield PublishedFile(connection, cursors)


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(map(quote, values))})" if values else "true"
