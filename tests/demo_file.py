"""One small synced file for the tests of the report, made once and only read."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from unpod_sync.config import Settings
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync import sync


@functools.cache
def demo_file(tasks: int = 700) -> Path:
    """A published file over a simulated world; the same at each call."""
    folder = Path(tempfile.mkdtemp(prefix="unpod-sync-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Simulator(World.generate(7, tasks=tasks)) as simulator:
        sync(
            Settings(
                base_url=simulator.base_url,
                api_token=simulator.token,
                org_handle=simulator.org_handle,
                database=folder / "demo.duckdb",
                timezone="Asia/Kolkata",
            )
        )
    return folder / "demo.duckdb"


def changed_copy(target: Path, *statements: str) -> Path:
    """A copy of the file at `target` after some SQL."""
    import duckdb

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
