"""The runs and tasks of a realistic world with what their JSON does not show.

Randomness is drawn per task and step: the same seed gives the same calls.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import Agent, Campaign
from unpod_sync.simulator.contacts import Contact
from unpod_sync.simulator.rows import JsonObject
from unpod_sync.simulator.schedule import OFFSETS, SpacePlan, outage_day
from unpod_sync.simulator.scheduler import Scheduler
from unpod_sync.simulator.secrets import INPUT_TOKEN, user_info
from unpod_sync.simulator.state import WorldState


@dataclass(slots=True)
class TaskLifecycle:
    """A task and how far it is."""

    task_id: str
    space_token: str
    run_id: str
    campaign: Campaign
    agent: Agent
    contact: Contact
    serial: int
    attempts: int = 0
    redials: int = 0
    steps: int = 0
    direction: str = "outbound"
    is_open: bool = True

    @property
    def offset(self) -> int:
        """The contact's minutes from UTC."""
        return OFFSETS[self.campaign.country]


@dataclass(slots=True)
class RunState:
    """How far a run is. A hasty one is completed with its first task."""

    space_token: str
    agent: Agent
    is_hasty: bool = False
    status: str = "pending"
    open_tasks: int = 0
    failed: int = 0
    done: int = 0
    task_ids: list[str] = field(default_factory=list)


class Dialer:
    """Creates runs and tasks and follows them. All methods are called with the world's lock held."""

    def __init__(
        self, state: WorldState, spaces: list[SpacePlan], handles: dict[str, str], start: datetime
    ) -> None:
        """Nothing has been called yet."""
        self.state = state
        self.spaces = spaces
        self.scheduler = Scheduler(start)
        self.tasks: dict[str, TaskLifecycle] = {}
        self.finished: list[TaskLifecycle] = []
        self.runs: dict[str, RunState] = {}
        self.start, self.end = start, state.now
        self.outage = outage_day(state.now)
        self._handles = handles
        self._serial = 0

    @property
    def now(self) -> datetime:
        """The time of the event that is happening."""
        return self.scheduler.now

    def new_run(self, space_token: str, agent: Agent) -> str:
        """Create a run without tasks; gives its id."""
        run_id = self.state.add_run(space_token)
        self.runs[run_id] = RunState(space_token, agent)
        return run_id

    def new_task(
        self, run_id: str, campaign: Campaign, agent: Agent, contact: Contact, **fields: Any
    ) -> TaskLifecycle:
        """Create a task of a run, pending unless `fields` differ."""
        self._serial += 1
        run = self.runs[run_id]
        payload = self._payload(campaign, agent, contact) | fields
        task_id = self.state.add_task(run.space_token, payload, run_id=run_id)
        created = TaskLifecycle(task_id, run.space_token, run_id, campaign, agent, contact, self._serial)
        self.tasks[task_id] = created
        run.open_tasks += 1
        run.task_ids.append(task_id)
        return created

    def forget(self, task_id: str) -> None:
        """A task was taken out of the past: nothing more happens to it."""
        task = self.tasks.pop(task_id, None)
        if task is not None:
            task.is_open = False

    def payload(self, task: TaskLifecycle) -> JsonObject | None:
        """The task's JSON, to be changed; None when someone deleted it."""
        space = self.state.space(task.space_token)
        row = space.find(task.task_id) if space is not None else None
        return None if row is None else row.mutable()

    def begin(self, task: TaskLifecycle) -> None:
        """A dial opens the task; the first of a run sets it in progress."""
        if self.runs[task.run_id].status == "pending":
            self._set_run_status(task.run_id, "in_progress")
        self.reopen(task)

    def close(self, task: TaskLifecycle, *, failed: bool = False) -> None:
        """A task reached its end for now; the run may follow."""
        run = self.runs[task.run_id]
        if task.is_open:
            task.is_open = False
            run.open_tasks -= 1
            run.done += 1
            run.failed += failed
            self.finished.append(task)
        if run.status != "completed" and (run.is_hasty or run.open_tasks == 0):
            partial = run.failed * 5 > run.done and not run.is_hasty
            self._set_run_status(task.run_id, "partially_completed" if partial else "completed")

    def reopen(self, task: TaskLifecycle) -> None:
        """A task that had ended goes on."""
        if not task.is_open:
            task.is_open = True
            self.runs[task.run_id].open_tasks += 1

    def latest_run(self, agent: Agent) -> str | None:
        """The id of the agent's last run that still has its first task."""
        for run_id in reversed(self.runs):
            run = self.runs[run_id]
            if run.agent is agent and run.task_ids and run.task_ids[0] in self.tasks:
                return run_id
        return None

    def rng(self, *parts: object) -> Random:
        """Randomness for a purpose."""
        return Random(f"{self.state.seed}:" + ":".join(map(str, parts)))

    def step(self, task: TaskLifecycle) -> Random:
        """Randomness for the next step of a task."""
        task.steps += 1
        return Random(self.state.seed * 1_000_003 + task.serial * 1009 + task.steps)

    def progress(self, at: datetime) -> float:
        """How far a time is between the beginning of the past and its end; goes on beyond 1."""
        return (at - self.start) / max(timedelta(days=1), self.end - self.start)

    def has_outage(self, task: TaskLifecycle) -> bool:
        """Whether calls of this task meet the outage now."""
        kinds = {space.token: space.kind for space in self.spaces}
        return kinds.get(task.space_token) == 0 and self.now.date() == self.outage

    def _payload(self, campaign: Campaign, agent: Agent, contact: Contact) -> JsonObject:
        rng = self.rng("task", self._serial)
        entry: JsonObject = {"name": contact.name, "contact_number": contact.number, "email": contact.email}
        if rng.random() < 0.06:
            entry["contact_number"] = int(contact.number.removeprefix("+"))
        if rng.random() < 0.5:
            entry.update(token=INPUT_TOKEN, document_id=f"{rng.getrandbits(96):024x}", labels=[])
        return {
            "user_info": user_info(),
            "task": {"objective": campaign.objective},
            "input": entry,
            "assignee": self._handles[agent.key],
            "ref_id": f"{rng.getrandbits(96):024x}",
            "failure_count": 0,
            "last_failure_reason": None,
            "last_status_change": ids.naive_time(self.now),
        }

    def _set_run_status(self, run_id: str, status: str) -> None:
        self.runs[run_id].status = status
        with suppress(KeyError):  # someone deleted it
            self.state.edit_run(run_id, {"status": status})
