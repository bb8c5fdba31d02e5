"""Windows on the published file: its own views, over a part of its calls.

A view of the file has no parameter: `call_funnel` counts every call there is. A window is an
empty in-memory database in which `calls` and `task_counts` hold a part of the file (some spaces,
agents, dates), and above which the file's views are built again from the SQL that the file
itself holds. So each filtered number is defined where the unfiltered one is.

Grouping works the same way: all views of rates and durations keep the agent, so a window that
puts another label in its place (one for all, the space, the week) has them by that label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from unpod_sync.errors import WarehouseError

#: The views a window has above `calls` and `task_counts`, each after those it reads.
SCORES = (
    "agent_completion",
    "call_counts",
    "call_durations",
    "call_outcomes",
    "call_funnel",
    "connect_heatmap",
    "call_costs",
    "agent_rates",
    "agent_scorecard",
)
#: The views it has on request.
OTHERS = ("agent_comparison", "daily_completion", "daily_activity", "daily_anomalies")
#: The columns of `calls` that these views read.
CALL_COLUMNS = (
    "space_token, agent_handle, local_date, started_local_hour, started_local_weekday, outcome,"
    " is_dialed, is_voicemail, is_connected, is_answered, is_engaged, is_short, is_interested,"
    " is_successful, success_points, duration_seconds, cost, contact_key, task_id"
)
#: Labels of a window, each an SQL expression over the columns that `calls` and `task_counts` share.
ALL = "'all'"
AGENT = "coalesce(agent_handle, '')"
SPACE = "coalesce(space_token, '')"

Parameters = Sequence[object] | Mapping[str, object]


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
    """A published file, open for reading."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use `open_file`."""
        self.connection = connection
        self._views: dict[str, str] = dict(
            connection.execute(
                "select view_name, sql from duckdb_views()"
                " where database_name = 'warehouse' and schema_name = 'main'"
            ).fetchall()
        )
        if "calls" not in self._views:
            raise WarehouseError(
                "the file was not made by unpod-sync", "Name the published file with --database."
            )

    def rows(
        self, sql: str, parameters: Parameters = (), *, database: str = "warehouse"
    ) -> list[dict[str, Any]]:
        """The rows of a query on the file itself, or on a window."""
        self.connection.execute(f"use {database}")
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def build(self, database: str, statements: Sequence[str]) -> None:
        """Makes an empty in-memory database and builds it."""
        self.connection.execute(f"attach ':memory:' as {database}")
        self.connection.execute(f"use {database}")
        for sql in statements:
            self.connection.execute(sql)

    def view(self, name: str) -> str:
        """The SQL that builds a view, as the file holds it."""
        if name not in self._views:
            raise WarehouseError(
                f"the file has no view {name}", "An older version made it: run `unpod-sync rebuild`."
            )
        return self._views[name]


@dataclass(frozen=True, slots=True)
class Window:
    """One window; `rows` asks its views."""

    file: PublishedFile
    name: str

    def rows(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """The rows of a query on this window."""
        return self.file.rows(sql, parameters, database=self.name)


class ScopedViews:
    """Windows on some spaces and agents of a file. Their calls are read once, here."""

    def __init__(self, file: PublishedFile, chosen: Filter, *, name: str = "part") -> None:
        """Reads the calls that `chosen` admits into a database `name`."""
        self.file = file
        self._part = name
        self._count = 0
        file.build(
            name,
            (
                "create schema meta",
                "create view meta.settings as from warehouse.meta.settings",
                f"create view tasks as from warehouse.tasks where {chosen.places}",
                *map(file.view, ("thresholds", "calls", "task_counts")),
                f"create table part_calls as select {CALL_COLUMNS} from calls where {chosen.dates()}",
                f"create table part_task_counts as from task_counts where {chosen.dates()}",
                "create table settings as select * from thresholds",
            ),
        )

    def rows(self, sql: str, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """The rows of a query on the calls read (`part_calls`, `part_task_counts`) and their `tasks`."""
        return self.file.rows(sql, parameters, database=self._part)

    def open(
        self, since: date | None, until: date | None, *, label: str | None = None, others: Sequence[str] = ()
    ) -> Window:
        """A window on some dates. `others` names the views beyond `SCORES` that are needed.

        With a `label`, agents give way to it, and spaces, dates and weekdays to a single one, so
        that the views by agent, also those by date, have one row per label.
        """
        self._count += 1
        name = f"{self._part}_{self._count}"
        dates = Filter(since=since, until=until).dates()
        alike = f"* replace ('all' as space_token, {label} as agent_handle, date '1970-01-01' as local_date"
        tasks, calls = (
            ("*", "*") if label is None else (alike + ")", alike + ", 0::bigint as started_local_weekday)")
        )
        self.file.build(
            name,
            (
                f"create view thresholds as from {self._part}.settings",
                "create view agents as from warehouse.agents where false",
                f"create table calls as select {calls} from {self._part}.part_calls where {dates}",
                f"create table task_counts as select {tasks} from {self._part}.part_task_counts"
                f" where {dates}",
                *map(self.file.view, SCORES),
                *(self.file.view(view) for view in OTHERS if view in others),
            ),
        )
        return Window(self.file, name)


def quality(file: PublishedFile, chosen: Filter) -> list[dict[str, Any]]:
    """The rows of `data_quality` for the tasks created or called in a part of the file."""
    created, called = (
        chosen.dates("created_local_date"),
        chosen.dates("coalesce(started_local_date, created_local_date)"),
    )
    if chosen == Filter():
        return file.rows("from data_quality")
    file.build(
        "quality",
        (
            "create schema meta",
            "create view meta.settings as from warehouse.meta.settings",
            f"create view tasks as from warehouse.tasks where {chosen.places} and ({created} or {called})",
            "create view runs as from warehouse.runs",
            "create view meta.rejects as from warehouse.meta.rejects"
            " where kind = 'task' and id in (select task_id from tasks)",
            *map(file.view, ("utc_clock", "thresholds")),
            file.view("calls").replace("CREATE VIEW calls ", "CREATE VIEW all_calls ", 1),
            f"create view calls as from all_calls where {chosen.dates()}",
            file.view("data_quality"),
        ),
    )
    return file.rows("from data_quality", database="quality")


@contextmanager
def open_file(path: Path) -> Iterator[PublishedFile]:
    """Opens a published file for reading."""
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    try:
        connection.execute(f"set temp_directory = {_quote(f'{path}.tmp')}")  # not the working directory
        try:
            connection.execute(f"attach {_quote(str(path))} as warehouse (read_only)")
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise WarehouseError(f"{path} cannot be read: {error}", "Run `unpod-sync doctor`.") from None
        yield PublishedFile(connection)
    finally:
        connection.close()


def _in(column: str, values: tuple[str, ...]) -> str:
    return f"{column} in ({', '.join(map(_quote, values))})" if values else "true"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
