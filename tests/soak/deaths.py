"""`python -m tests.soak --kills 200`: kill -9 at random moments, and what is left must be sound.

A child process does one piece of work and is killed somewhere in it. Then the published file must
open and hold a whole state, and the next sync must complete, equal the server and leave nothing
behind. Children are forked from a server process that has imported everything and started nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from tests.soak import judge
from tests.soak.mirror import Mirror, less_secrets, output
from unpod_sync.config import Settings
from unpod_sync.simulator import Simulator
from unpod_sync.sync.pipeline import Options, sync
from unpod_sync.warehouse import work_file
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.publish import revision_of

KINDS = ("first load", "later sync", "publishing", "migration", "compaction", "rebuild")
SIGNS = {"publishing": "publishing", "compaction": "compacting", "rebuild": "compacting"}
CONTEXT = multiprocessing.get_context("forkserver")


def drop_column(path: Path) -> None:
    """Makes a work file as a version without one column would have left it."""
    views = "select view_name from duckdb_views() where not internal and schema_name = 'main'"
    with duckdb.connect(str(path)) as connection:
        for (view,) in connection.execute(views).fetchall():
            connection.execute(f'drop view if exists main."{view}"')
        connection.execute("alter table main.tasks drop column call_id")
        connection.execute("delete from meta.settings where name = 'views_digest'")


class DeathError(AssertionError):
    """What a killed process left behind was not sound."""


def child(kind: str, told: dict[str, Any], now: datetime) -> None:
    """The process that is killed."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        settings = Settings(**told)
        if kind == "compaction":
            work_file.MIN_BYTES, work_file.RECLAIMABLE_RATIO = 0, -1.0
        if kind == "rebuild":
            storage = DuckDBFile(settings.database)
            storage.rebuild(now=now, zone=ZoneInfo("UTC"))
            storage.publish(now=now)
        else:
            sync(settings, Options(full=kind == "compaction"), now=lambda: now)


class Scene:
    """A server, a folder, and a hand that kills."""

    def __init__(self, folder: Path, seed: int, tasks: int = 60) -> None:
        self.rng = Random(seed)
        self.folder = folder
        self.mirror = Mirror()
        self.tasks = tasks
        self.simulator = Simulator(self.mirror.world)
        self.files = Files(folder / "u.duckdb")
        self.durations: dict[str, float] = {}
        self.deaths: dict[str, int] = {}
        self.unhurt = 0

    def settings(self) -> dict[str, Any]:
        return {
            "api_token": self.simulator.token,
            "org_handle": "sim-org",
            "base_url": self.simulator.base_url,
            "database": self.files.published,
            "page_size": 10,
        }

    def prepare(self, kind: str) -> None:
        """Bring folder and server to where this kind of work begins."""
        if kind == "first load" or not self.files.published.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            self.mirror = Mirror()
            self.simulator.world = self.mirror.world
            for _ in range(3):
                self.mirror.add_run(0, self.tasks // 3)
        if kind != "first load" and not self.files.published.exists():
            self.sync()
        self.mirror.wait(3)
        for _ in range(4):
            number = self.rng.randrange(self.tasks)
            self.mirror.edit(
                number, {"status": "completed", "output": output(6, analysed=True, label=number)}
            )
        self.mirror.follow_up(self.rng.randrange(3), 2)
        if kind == "migration":
            drop_column(self.files.work)

    def sync(self) -> int:
        """One undisturbed sync in this process; its requests."""
        self.simulator.requests.clear()
        now = self.mirror.now
        result = sync(Settings(**self.settings()), Options(), now=lambda: now)
        if result.exit_status != 0:
            raise DeathError(f"the next sync gave {result.exit_status}: {result.failures}")
        return len(self.simulator.requests)

    def kill(self, kind: str) -> None:
        """One death of this kind, and the recovery from it."""
        self.prepare(kind)
        before = self._published()
        process = CONTEXT.Process(target=child, args=(kind, self.settings(), self.mirror.now), daemon=True)
        began = time.monotonic()
        process.start()
        self._wait(kind, process, began)
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        if process.exitcode == -signal.SIGKILL:
            self.deaths[kind] = self.deaths.get(kind, 0) + 1
        else:
            self.unhurt += 1
            self.durations[kind] = time.monotonic() - began
            if process.exitcode != 0:
                raise DeathError(f"{kind}: the child ended by itself with {process.exitcode}")
        self.recovered(kind, before)

    def _wait(self, kind: str, process: Any, began: float) -> None:
        sign = self.files.sibling(SIGNS[kind]) if kind in SIGNS and self.rng.random() < 0.7 else None
        longest = self.durations.get(kind, 3.0)
        moment = began + self.rng.random() * longest * 1.1
        while process.is_alive() and sign is None and time.monotonic() < moment:
            time.sleep(0.0005)
        while process.is_alive() and sign is not None and not sign.exists():
            time.sleep(0.0002)
        if sign is not None:
            time.sleep(self.rng.random() * 0.06)

    def _published(self) -> int | None:
        return revision_of(self.files.published)

    def recovered(self, kind: str, before: int | None) -> None:
        """What the dead process left: the published file whole, the next sync complete and tidy."""
        if before is not None:
            with duckdb.connect(str(self.files.published), read_only=True) as connection:
                flaws = judge.read(connection).flaws
            if flaws:
                raise DeathError(f"{kind}: the published file is not sound: {flaws}")
        requests = self.sync()
        with duckdb.connect(str(self.files.published), read_only=True) as connection:
            stored = judge.read(connection)
            missing = connection.execute(
                "select count(*) from main.tasks where call_id is null and message_count > 0"
            ).fetchone()
            killed = connection.execute("select count(*) from meta.loads where status = 'running'").fetchone()
        wrong = self._differences(stored)
        if stored.flaws or wrong or missing != (0,) or killed != (0,):
            raise DeathError(f"{kind}: after the next sync: {stored.flaws} {wrong[:3]}")
        most = 3 + 2 * len(self.mirror.agents) + 2 * judge.pages(len(self.mirror.versions), 10) + 4
        if requests > most:
            raise DeathError(f"{kind}: the next sync made {requests} requests, {most} are enough")
        left = sorted(
            p.name
            for p in self.folder.iterdir()
            if not p.name.endswith(("u.duckdb", ".work", ".lock", ".json"))
        )
        if left:
            raise DeathError(f"{kind}: left behind: {left}")

    def _differences(self, stored: judge.Stored) -> list[str]:
        space = self.mirror.spaces[0]
        alive = {task["task_id"]: less_secrets(task) for task in self.mirror.world.tasks(space)}
        if alive.keys() != stored.live(space).keys():
            return [f"{len(alive)} tasks on the server, {len(stored.live(space))} stored"]
        return [i for i, task in alive.items() if stored.payloads[("task", i)] != task]


def campaign(kills: int, seed: int, tell: Callable[[str], None], kinds: tuple[str, ...] = KINDS) -> Scene:
    """So many deaths, the kinds in turn."""
    CONTEXT.set_forkserver_preload(["tests.soak.deaths"])
    memory = Path("/dev/shm")
    base = Path(tempfile.mkdtemp(prefix="deaths-", dir=memory if memory.is_dir() else None))
    scene = Scene(base / "files", seed)
    try:
        with scene.simulator:
            number = 0
            while sum(scene.deaths.values()) < kills:
                scene.kill(kinds[number % len(kinds)])
                number += 1
                if number % 20 == 0:
                    tell(f"{sum(scene.deaths.values())} deaths: {scene.deaths}, {scene.unhurt} too late")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return scene
