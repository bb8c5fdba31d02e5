"""A few deaths in the suite; `python -m tests.soak --kills 200` is the long form."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from itertools import count as count_from
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.faults.kit import TOKEN, Site, build_world, private_task
from tests.soak import deaths
from unpod_sync.model import space_tasks
from unpod_sync.simulator import Simulator
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse.batch import LoadBatch, LoadContext, flat_batch
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.merge import write


@pytest.mark.parametrize("kind", deaths.KINDS)
def test_kill_9(kind: str) -> None:
    """Killed somewhere in it: the published file is whole, the next sync completes and equals the server."""
    scene = deaths.campaign(1, 3, lambda _: None, (kind,))
    assert scene.deaths == {kind: 1}


def test_a_migration_that_died_before_its_rebuild(tmp_path: Path) -> None:
    """New columns are filled by the next sync even when the one that added them died first."""
    with Simulator(build_world(tasks=2, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        site.sync()
        deaths.drop_column(site.files.work)
        Warehouse.open(DuckDBFile(site.files.published), now=site.world.now.replace(tzinfo=None)).close()
        site.sync()
        assert site.ask("select count(call_id) from main.tasks") == [(2,)]
        assert site.ask("select count(*) from meta.settings where name = 'rebuild_due'") == [(0,)]


class Mortal:
    """A connection that dies at its nth statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, left: int) -> None:
        self._connection = connection
        self._left = left

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return self._connection.execute(sql, *parameters)


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whichever statement is the last: rows, messages, payloads, versions and bookmark come together."""
    now = datetime(2026, 3, 12, tzinfo=UTC).replace(tzinfo=None)
    rows, _ = prepare(
        [encode(private_task(place) | {"task_id": f"T{place}"}) for place in range(3)], space_tasks("S")
    )
    bookmark = {"resource": "spaces/S/tasks", "space_token": "S", "kind": "task", "api_count": 3}
    tables = (
        "main.tasks",
        "main.transcript_messages",
        "raw.payloads",
        "main.task_versions",
        "meta.bookmarks",
    )
    count = " + ".join(f"(select count(*) from {table})" for table in tables)
    with closing(Warehouse.open(DuckDBFile(tmp_path / "u.duckdb"), now=now)) as warehouse:
        for statements in count_from(0):
            batch = LoadBatch(
                copies=[flat_batch(rows, flatten("task", rows, ZoneInfo("UTC")))], bookmarks=[bookmark]
            )
            try:
                write(Mortal(warehouse.cursor(), statements), batch, LoadContext("load", 1, now))  # type: ignore[arg-type]
            except KeyboardInterrupt:
                assert warehouse.cursor().execute(f"select {count}").fetchall() == [(0,)], statements
            else:
                break
        assert warehouse.connection.execute(f"select {count}").fetchall() == [(3 + 6 + 3 + 3 + 1,)]
    assert statements > 8
