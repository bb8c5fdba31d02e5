"""The simulated server with a memory: every version that every object ever had, and when."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from unpod_sync.simulator import World

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STATUSES = ("pending", "processing", "in_progress", "scheduled", "completed", "failed", "partially_completed")
SPOKEN = (
    "Hello, is this a good time?",
    "Yes, who is it?",
    "Sim Realty, about the flat.",
    "Call me tomorrow.",
)

Object = dict[str, Any]


def less_secrets(task: Object) -> Object:
    """What may be stored of a task, told without the project's own redaction."""
    kept = copy.deepcopy(task)
    for holder in (kept.get("user_info"), kept.get("input")):
        if isinstance(holder, dict):
            for name in ("user_token", "token", "location", "api_key"):
                holder.pop(name, None)
    return kept


class Mirror:
    """A world, changed only through this, so that its past is known.

    `versions` has for each task the `(tick, object or None)` pairs of its past; a tick is one change.
    """

    def __init__(self) -> None:
        self.world = World(seed=1, now=START)
        self.agents = [self.world.add_agent("Agent 1")]
        self.spaces = [self.world.add_space("Space 1", agent_handle=self.agents[0])]
        self.tick = 0
        self.versions: dict[str, list[tuple[int, Object | None]]] = {}
        self.home: dict[str, str] = {}
        self.gone: list[Object] = []
        self.moments: list[tuple[datetime, int]] = [(self.now, 0)]
        self.run_versions: dict[str, list[Object]] = {}

    @property
    def now(self) -> datetime:
        """The world's time, naive UTC."""
        return self.world.now.replace(tzinfo=None)

    def wait(self, hours: float) -> None:
        """Let time pass."""
        self.world.advance(timedelta(hours=hours))
        self.moments.append((self.now, self.tick))

    def tick_at(self, moment: datetime) -> int:
        """The last change made before the clock reached that moment."""
        past = [tick for time, tick in self.moments if time <= moment]
        later = [tick for time, tick in self.moments if time > moment]
        return later[0] if later else past[-1]

    def note(self, task_id: str) -> None:
        """Remember the task as it is now."""
        self.tick += 1
        try:
            now: Object | None = less_secrets(self.world.task(task_id))
        except KeyError:
            now = None
        self.versions.setdefault(task_id, []).append((self.tick, now))

    def between(self, task_id: str, first: int, last: int) -> list[Object | None]:
        """The versions that were the server's word at some time from `first` to `last`."""
        found: list[Object | None] = []
        for place, (tick, version) in enumerate(self.versions[task_id]):
            ended = (
                self.versions[task_id][place + 1][0]
                if place + 1 < len(self.versions[task_id])
                else self.tick + 1
            )
            if tick <= last and ended > first:
                found.append(version)
        return found

    def upset_since(self, tick: int) -> bool:
        """Whether rows vanished or came back since: only then do older rows change their place."""
        return any(
            None in (version, before)
            for past in self.versions.values()
            for (_, before), (at, version) in pairwise(past)
            if at > tick
        )

    def alive(self, space: str) -> dict[str, Object]:
        """A space's tasks as they may be stored, newest first."""
        return {task["task_id"]: less_secrets(task) for task in self.world.tasks(space)}

    # -- picking -----------------------------------------------------------------------------

    def pick(self, number: int) -> str | None:
        """Some task, by number; counted from the newest of all spaces."""
        ids = [task_id for space in self.spaces for task_id in self.world.task_ids(space)]
        return ids[number % len(ids)] if ids else None

    def pick_run(self, number: int) -> str | None:
        """Some run, by number from the newest of the first spaces."""
        runs = [run["run_id"] for space in self.spaces for run in self.world.runs(space)]
        return runs[number % len(runs)] if runs else None

    # -- changing ----------------------------------------------------------------------------

    def add_run(self, space_number: int, tasks: int) -> None:
        """A new run with tasks."""
        space = self.spaces[space_number % len(self.spaces)]
        run = self.world.add_run(space)
        self.add_to(space, run, tasks)

    def add_to(self, space: str, run: str, tasks: int) -> None:
        """New tasks in this run."""
        agent = self.agents[self.tick % len(self.agents)]
        for _ in range(tasks):
            task_id = self.world.add_task(space, {"assignee": agent}, run_id=run)
            self.home[task_id] = space
            self.note(task_id)

    def follow_up(self, number: int, tasks: int) -> None:
        """New tasks in an existing, perhaps old run."""
        run = self.pick_run(number)
        if run is not None:
            space = next(s for s in self.spaces if any(r["run_id"] == run for r in self.world.runs(s)))
            self.add_to(space, run, tasks)

    def edit(self, number: int, changes: Object) -> None:
        """A silent change."""
        task_id = self.pick(number)
        if task_id is not None:
            self.world.edit_task(task_id, changes)
            self.note(task_id)

    def delete(self, number: int, tasks: int) -> None:
        """Neighbouring tasks vanish from the lists."""
        for _ in range(tasks):
            task_id = self.pick(number)
            if task_id is not None:
                self.gone.append(self.world.delete_task(task_id))
                self.note(task_id)

    def restore(self, number: int) -> None:
        """A vanished task comes back to its place, changed meanwhile."""
        if self.gone:
            task = self.gone.pop(number % len(self.gone))
            task["status"] = STATUSES[number % len(STATUSES)]
            self.world.restore_task(task)
            self.note(task["task_id"])


def messages(count: int) -> list[Object]:
    """A transcript of so many messages."""
    return [
        {"role": ("assistant", "user")[i % 2], "content": SPOKEN[i % len(SPOKEN)], "timestamp": None}
        for i in range(count)
    ]


def output(transcript: int, *, analysed: bool, label: int = 0) -> Object:
    """The output of a finished call."""
    told: Object = {
        "call_id": f"call-{label}",
        "duration": 10 + label,
        "call_status": "completed",
        "transcript": messages(transcript),
        "cost": 0.1 * label,
    }
    if analysed:
        told["post_call_data"] = {"summary": {"status": "Interested", "summary": f"Said yes {label}"}}
    return told
