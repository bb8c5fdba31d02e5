"""A small server with two healthy spaces, one sync against it, and what to look for afterwards."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from tests.wire import whole_text
from unpod_sync.config import Settings
from unpod_sync.errors import UnpodSyncError
from unpod_sync.simulator import SECRETS, Fault, Simulator, World
from unpod_sync.sync.pipeline import LoadResult, Options, sync
from unpod_sync.warehouse.files import Files

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
TOKEN = "SENTINEL-API-TOKEN-c0ffee"
NESTED = "SENTINEL-NESTED-4711"
PRIVATE = ("+12025550199", "Zebulon Quackenbush", "the mango is ripe")
PAGE = 5


def build_world(tasks: int = 12, spaces: int = 2) -> World:
    """Tasks whose payloads hold secrets at every depth, and contact data that belongs in no log."""
    world = World(seed=4, now=NOW)
    agent = world.add_agent("Agent")
    for number in range(spaces):
        space = world.add_space(f"Space {number}", agent_handle=agent)
        run = world.add_run(space)
        for place in range(tasks):
            world.add_task(space, private_task(place), run_id=run)
    return world


def private_task(place: int) -> dict[str, Any]:
    """A finished call with secrets and private words in it."""
    hidden = {"password": NESTED, "deep": [{"api_key": NESTED, "kept": place}]}
    return {
        "status": "completed",
        "input": {"name": PRIVATE[1], "contact_number": PRIVATE[0], "token": SECRETS[1], "more": hidden},
        "output": {
            "call_id": f"call-{place}",
            "duration": "not a duration" if place % 4 == 0 else 40 + place,
            "transcript": [{"role": "user", "content": PRIVATE[2]}, {"role": "assistant", "content": "Yes."}],
            "post_call_data": {"summary": {"status": "Interested"}, "note": orjson.dumps(hidden).decode()},
            "echo": f"you sent Token {TOKEN}",
        },
    }


@dataclass
class Site:
    """A simulator, a folder, and a sync that does not wait: the clock is set forward instead."""

    simulator: Simulator
    folder: Path
    slept: list[float] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def files(self) -> Files:
        return Files(self.folder / "u.duckdb")

    @property
    def spaces(self) -> list[str]:
        return [space["token"] for space in self.world.spaces]

    def settings(self, **changes: Any) -> Settings:
        told: dict[str, Any] = {
            "base_url": self.simulator.base_url,
            "page_size": PAGE,
            "sweep_pages": 50,
            "database": self.files.published,
        } | changes
        return Settings(api_token=TOKEN, org_handle="sim-org", **told)

    def sync(
        self,
        *faults: Fault,
        full: bool = False,
        dry_run: bool = False,
        accept_deletions: bool = False,
        now: Callable[[], datetime] | None = None,
        configured: tuple[str, ...] | None = None,
        **changes: Any,
    ) -> LoadResult:
        """One sync with these faults on. `configured`: the spaces of the configuration, when `spaces` is a flag."""
        if faults:
            self.simulator.faults = faults
        try:
            return sync(
                self.settings(**changes),
                Options(full, dry_run, accept_deletions, configured),
                now=now or (lambda: self.world.now.replace(tzinfo=None)),
                sleep=self.slept.append,
                monotonic=lambda: time.monotonic() + sum(self.slept),
            )
        finally:
            self.simulator.faults = ()

    def refused(self, *faults: Fault, **changes: Any) -> UnpodSyncError:
        """The error that ends a sync with these faults on."""
        try:
            result = self.sync(*faults, **changes)
        except UnpodSyncError as error:
            return error
        raise AssertionError(f"the sync came through: {result}")

    def ask(self, sql: str, *, work: bool = False) -> list[tuple[Any, ...]]:
        """Rows from the published file."""
        path = self.files.work if work else self.files.published
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def stored(self, space: str) -> set[str]:
        return {
            i
            for (i,) in self.ask(
                f"select task_id from main.tasks where space_token = '{space}' and deleted_at is null"
            )
        }

    def is_complete(self, spaces: Sequence[str] = ()) -> bool:
        """Whether every task of these spaces (all by default) is stored with the server's content."""
        stored: dict[str, dict[str, str]] = defaultdict(dict)
        for space, id_, payload in self.ask(
            "select t.space_token, p.id, p.payload_json from raw.payloads as p join main.tasks as t"
            " on p.id = t.task_id where p.kind = 'task' and t.deleted_at is null"
        ):
            stored[space][id_] = payload
        for space in spaces or self.spaces:
            tasks, payloads = self.world.tasks(space), stored[space]
            if payloads.keys() != {task["task_id"] for task in tasks}:
                return False
            for task in tasks:
                kept = orjson.loads(payloads[task["task_id"]])
                if (kept["status"], kept["output"]["call_id"]) != (task["status"], task["output"]["call_id"]):
                    return False
        return True


def leaks(folder: Path, *texts: str) -> list[str]:
    """Secrets in any byte of any file of the folder, any value of its databases, or any of these texts."""
    wanted = (TOKEN, NESTED, *SECRETS)
    found = [f"{secret} in what was printed" for secret in wanted for text in texts if secret in text]
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        found += [f"{secret} in {path.name}" for secret in wanted if secret.encode() in content]
        if b"DUCK" in content[:16]:
            found += [f"{secret} in {place} of {path.name}" for place, secret in _in_database(path, wanted)]
    return found


def _in_database(path: Path, wanted: Sequence[str]) -> list[tuple[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal"
        ).fetchall()
        return [
            (table, secret)
            for (table,) in tables
            for secret in wanted
            if connection.execute(
                f"select 1 from {table} as t where contains(t::varchar, ?) limit 1", [secret]
            ).fetchone()
        ]


def told(error: BaseException) -> str:
    """Everything an error could put into a log."""
    return whole_text(error)
