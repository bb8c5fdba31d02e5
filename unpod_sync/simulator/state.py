"""The world behind the simulated API: organisation, spaces, agents, runs, tasks and a clock.

Everything a caller gets is a copy; the world changes only through its methods. All of them may be
called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from threading import RLock
from typing import Any

from unpod_sync.simulator import ids
from unpod_sync.simulator.defaults import copied, execution, fill_run, fill_task, set_field
from unpod_sync.simulator.rows import JsonObject, StoredRow, key_from_object_id, newest
from unpod_sync.simulator.space import Space, described

_MACHINE = 0x5CA1AB1E77


class WorldState:
    """The rows of a world and its time, without anything that happens by itself."""

    def __init__(self, *, seed: int = 7, now: datetime | None = None) -> None:
        """An empty world at that time, now by default."""
        self.lock = RLock()
        self.seed = seed
        self._removed: dict[str, tuple[Space, int]] = {}
        self._now = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        self._rng = Random(f"{seed}:world")
        self._counter = 0
        self._spaces: dict[str, Space] = {}
        self._agents: dict[str, JsonObject] = {}
        self._organizations: list[JsonObject] = [
            {
                "id": 1,
                "name": "Simulated Organisation",
                "domain_handle": "sim-org",
                "created_at": ids.naive_time(self._now - timedelta(days=400)),
            }
        ]

    # -- the clock ---------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The world's time, UTC."""
        return self._now

    def set_now(self, now: datetime) -> None:
        """Move the clock; nothing happens."""
        self._now = now

    # -- reading -----------------------------------------------------------------------------

    @property
    def spaces(self) -> list[JsonObject]:
        """Copies of the spaces, newest first."""
        with self.lock:
            return [copied(space.description) for space in reversed(self._spaces.values())]

    @property
    def agents(self) -> list[JsonObject]:
        """Copies of the agents, newest first."""
        with self.lock:
            return [copied(agent) for agent in reversed(self._agents.values())]

    @property
    def organizations(self) -> list[JsonObject]:
        """Copies of the organisations."""
        with self.lock:
            return [copied(organization) for organization in self._organizations]

    def space(self, space_token: str) -> Space | None:
        """The live space, for the server; hold `lock` while using it."""
        return self._spaces.get(space_token)

    def live_spaces(self) -> list[Space]:
        """All live spaces, for the server; hold `lock` while using them."""
        return list(self._spaces.values())

    def runs(self, space_token: str) -> list[JsonObject]:
        """Copies of a space's runs, newest first."""
        with self.lock:
            return [row.copy() for row in reversed(self._spaces[space_token].runs)]

    def tasks(self, space_token: str) -> list[JsonObject]:
        """Copies of a space's tasks, newest first."""
        with self.lock:
            return [row.copy() for row in newest(self._spaces[space_token].tasks)]

    def task_ids(self, space_token: str) -> list[str]:
        """The ids of a space's tasks, newest first."""
        with self.lock:
            return [row.task_id for row in newest(self._spaces[space_token].tasks)]

    def task_count(self, space_token: str) -> int:
        """How many tasks a space holds."""
        with self.lock:
            return len(self._spaces[space_token].tasks)

    def task(self, task_id: str) -> JsonObject:
        """A copy of one task; KeyError when it is not there."""
        with self.lock:
            return self._locate(task_id)[1].copy()

    def executions(self, agent_handle: str) -> list[JsonObject]:
        """The executions of an agent: its runs, newest first, with the counts of now."""
        with self.lock:
            found = []
            for space in self._spaces.values():
                for row in space.runs:
                    run = row.payload()
                    total, completed = space.run_counts(str(run.get("run_id")), agent_handle)
                    if total:
                        found.append((row.key, execution(run, total, completed)))
            found.sort(key=lambda pair: pair[0], reverse=True)
            return [execution for _, execution in found]

    # -- changing ----------------------------------------------------------------------------

    def add_space(
        self,
        name: str = "New Space",
        *,
        token: str | None = None,
        agent_handle: str | None = None,
        content_type: str = "contact",
        **more: Any,
    ) -> str:
        """A new, empty space; gives its token."""
        with self.lock:
            token = token or ids.space_token(self._rng)
            handle = agent_handle or (next(reversed(self._agents)) if self._agents else "")
            more.setdefault("created_at", ids.naive_time(self._now))
            more.setdefault("organization", {"name": "Simulated Organisation", "domain_handle": "sim-org"})
            number = 900 + len(self._spaces)
            self._spaces[token] = Space(
                described(token, name, handle, number, content_type=content_type, **more)
            )
            return token

    def add_agent(self, name: str, *, handle: str | None = None, purpose: str = "") -> str:
        """A new agent; gives its handle."""
        with self.lock:
            handle = handle or ids.agent_handle(self._rng)
            self._agents[handle] = {
                "handle": handle,
                "name": name,
                "type": "Voice",
                "state": "published",
                "purpose": purpose,
                "description": purpose,
            }
            return handle

    def add_run(self, space_token: str, run: Mapping[str, Any] | None = None) -> str:
        """A new run, newest of its space; missing fields are filled in. Gives its id."""
        with self.lock:
            payload = dict(run or {})
            space = self._spaces[space_token]
            newest = space.runs[-1].key + 1 if space.runs else 0
            key = key_from_object_id(payload.get("_id")) or max(int(self.new_object_id(), 16), newest)
            fill_run(payload, uuid=self.new_uuid(), at=self._now, space_token=space_token)
            space.insert_run(StoredRow(key, payload))
            return str(payload.get("run_id"))

    def add_task(
        self, space_token: str, task: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """A new task; gives its id.

        Its place follows from `_id` when it has one, else it is the newest. Missing fields are filled in
        (a pending call); without a run it joins the space's newest run or a new one.
        """
        with self.lock:
            space = self._spaces[space_token]
            payload = dict(task or {})
            if run_id is not None:
                payload["run_id"] = run_id
            key = key_from_object_id(payload.get("_id"))
            self._fill_task(space, payload)
            if key is None:
                key = max(int(self.new_object_id(), 16), space.newest_key() + 1)
                payload["_id"] = f"{key:024x}"
            space.insert_task(StoredRow(key, payload))
            return str(payload.get("task_id"))

    def edit_task(self, task_id: str, changes: Mapping[str, Any]) -> None:
        """Set fields silently, as the backend does: `modified` stays, unless it is among the changes.

        Dotted names reach inside ("output.duration"); the value `...` removes the field.
        """
        with self.lock:
            space, row = self._locate(task_id)
            for name, value in changes.items():
                if name == "run_id":
                    row = space.move_to_run(row, str(value))
                else:
                    set_field(row.mutable(), name, value)

    def edit_run(self, run_id: str, changes: Mapping[str, Any]) -> None:
        """Set fields of a run silently."""
        with self.lock:
            row = self._run_row(run_id)
            for name, value in changes.items():
                set_field(row.mutable(), name, value)

    def delete_task(self, task_id: str) -> JsonObject:
        """Take a task away; gives what `restore_task` needs to bring it back to its old place."""
        with self.lock:
            space, row = self._locate(task_id)
            space.remove_task(row)
            self._removed[task_id] = (space, row.key)
            return row.copy()

    def restore_task(self, task: Mapping[str, Any]) -> None:
        """Bring a deleted task back, with the content given, to its old place."""
        with self.lock:
            space, key = self._removed.pop(str(task["task_id"]))
            space.insert_task(StoredRow(key, dict(task)))

    def load_variants(self, space_token: str, variants: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Put the objects of a variants file into a space, verbatim; the lists show them in file order."""
        with self.lock:
            space = self._spaces[space_token]
            entries = variants.get("tasks", ())
            top = max(space.newest_key() + 1, int(self.new_object_id(), 16)) + len(entries)
            for place, entry in enumerate(entries):
                space.insert_task(StoredRow(top - place, copied(entry["task"])))
            entries = variants.get("runs", ())
            top = max((row.key for row in space.runs), default=0) + 1 + len(entries)
            for place, entry in enumerate(entries):
                space.insert_run(StoredRow(top - place, copied(entry["run"])))

    def _fill_task(self, space: Space, task: JsonObject) -> None:
        run_id = task.get("run_id")
        if run_id is None:
            run_id = space.runs[-1].payload()["run_id"] if space.runs else self.add_run(space.token)
        fill_task(
            task,
            object_id=self.new_object_id(),
            uuid=self.new_uuid(),
            at=self._now,
            run_id=str(run_id),
            agent_handle=str(space.description["agent_handle"]),
        )

    def _run_row(self, run_id: str) -> StoredRow:
        for space in self._spaces.values():
            for row in reversed(space.runs):
                if row.payload().get("run_id") == run_id:
                    return row
        raise KeyError(run_id)

    def _locate(self, task_id: str) -> tuple[Space, StoredRow]:
        for space in self._spaces.values():
            row = space.find(task_id)
            if row is not None:
                return space, row
        raise KeyError(task_id)

    def new_object_id(self) -> str:
        """A document id for something created now."""
        with self.lock:
            self._counter += 1
            return ids.object_id(int(self._now.timestamp()), _MACHINE, self._counter)

    def new_uuid(self) -> str:
        """32 hex digits that hold the time of now."""
        with self.lock:
            self._counter += 1
            micros = ids.epoch_micros(self._now)
            return ids.time_uuid(micros + self._counter % 1000, self.seed, 0x0A0B00000000 + self._counter)
