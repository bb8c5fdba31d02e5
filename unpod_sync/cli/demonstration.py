"""The demo: a simulated business, synced twice with a day and a half in between.

It touches nothing of the user's: settings are built here, neither file nor environment is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from unpod_sync.config import Secret, Settings
from unpod_sync.errors import LockedError, WarehouseError
from unpod_sync.warehouse import publish

if TYPE_CHECKING:
    from unpod_sync.simulator import Simulator, World
    from unpod_sync.sync.result import LoadResult

HOURS_BETWEEN = 40
MARK = "demo"


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo's world and where its syncs go."""

    world: World
    simulator: Simulator
    settings: Settings

    def sync(
        self, on_page: Callable[..., None] | None = None, *, now: Callable[[], datetime] | None = None
    ) -> LoadResult:
        """One sync, by a clock (naive UTC) that begins at the world's present, or by `now`."""
        from unpod_sync.clock import utc_now
        from unpod_sync.sync.pipeline import sync

        ahead = utc_now() - self.world.now.replace(tzinfo=None)
        return sync(self.settings, now=now or (lambda: utc_now() - ahead), on_page=on_page)

    def advance(self) -> None:
        """Lets the hours pass that lie between the two syncs."""
        self.world.advance(timedelta(hours=HOURS_BETWEEN))


def make_world(tasks: int, seed: int, now: datetime) -> World:
    """A business's past, ending so long before `now` (with a zone) that `advance` leads up to it."""
    from unpod_sync.simulator import World

    return World.generate(seed, tasks=tasks, now=now - timedelta(hours=HOURS_BETWEEN))


def demo_settings(database: Path, simulator: Simulator) -> Settings:
    """Settings that reach the simulator and nothing else."""
    return Settings(
        api_token=Secret(simulator.token),
        org_handle=simulator.org_handle,
        base_url=simulator.base_url,
        database=database,
        timezone="Asia/Kolkata",  # where most of its people are
    )


def clear(database: Path) -> None:
    """Removes an earlier demo, so that every demo begins with a first sync.

    A file that no demo made is never touched: `WarehouseError`.
    """
    files = publish.Files(database)
    mark = files.beside(MARK)
    ours = [files.published, files.work, files.work.with_name(files.work.name + ".wal"), files.state]
    with publish.disk_errors(database):
        if any(path.exists() for path in ours) and not mark.exists():
            raise WarehouseError(
                f"{database} is there already, and no demo made it", "Name another file with --database."
            )
        if publish.lock_holder(files) is not None:
            raise LockedError(f"another demo is at work on {database}", "Wait for it to end.")
        database.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(mode=0o600)
        for path in ours:
            path.unlink(missing_ok=True)
