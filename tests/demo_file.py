"""The demo of the documents and of the tests of the report: always the same business on the same day."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from unpod_sync.cli.demo import Demo, demo_settings, make_world
from unpod_sync.simulator import Simulator

#: When the demo ends: noon of a Saturday, where most of its people are.
PRESENT = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


@functools.cache
def demo_file() -> Path:
    """The file that `make demo` would have made at `PRESENT`, as it reads then."""
    folder = Path(tempfile.mkdtemp(prefix="unpod-sync-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = make_world(1500, 7, PRESENT)
    with Simulator(world, keep_requests=False) as simulator:
        demo = Demo(world, simulator, demo_settings(folder / "demo.duckdb", simulator))
        for number in range(2):
            if number:
                demo.advance()
            assert demo.sync(now=lambda: world.now.replace(tzinfo=None)).exit_status == 0
    stop_clock(demo.settings.database, PRESENT)
    return demo.settings.database


def stop_clock(path: Path, at: datetime) -> None:
    """Lets a published file be read as at that moment, whenever it is read."""
    moment = at.astimezone(UTC).replace(tzinfo=None)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create or replace view utc_clock as select timestamp '{moment}' as now_at")


def changed_copy(target: Path, *statements: str) -> Path:
    """A copy of the file at `target` after some SQL."""
    shutil.copy(demo_file(), target)
    with duckdb.connect(str(target)) as connection:
        for sql in statements:
            connection.execute(sql)
    return target


@functools.cache
def complete_file() -> Path:
    """The same, as if it had been synced two days later: every day of its data is complete."""
    later = "update meta.bookmarks set last_synced_at = last_synced_at + interval 2 day"
    return changed_copy(demo_file().with_name("complete.duckdb"), later)
