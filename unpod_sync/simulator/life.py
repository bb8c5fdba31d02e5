"""The life of a realistic world: a queue of things to happen, and what each task is about.

The past of a world is made by the same queue that `World.advance` drives on, so a later sync meets what
happens to real tasks. Randomness is drawn per task and step: the same seed gives the same life.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from unpod_sync.simulator import contacts, deeds, ids
from unpod_sync.simulator.campaigns import Agent, Campaign
from unpod_sync.simulator.contacts import Contact
from unpod_sync.simulator.rows import JsonObject
from unpod_sync.simulator.schedule import (
    Slot,
    SpaceCast,
    dial_time,
    outage_day,
    shares,
    slots_of_day,
)
from unpod_sync.simulator.secrets import INPUT_TOKEN, user_info

if TYPE_CHECKING:
    from unpod_sync.simulator.world import World

_CONTACTS_PER_TASK = 0.7


@dataclass(slots=True)
class Story:
    """What the life knows of a task beside its JSON."""

    task_id: str
    space_token: str
    run_id: str
    campaign: Campaign
    agent: Agent
    contact: Contact
    serial: int
    created: datetime
    attempts: int = 0
    redials: int = 0
    steps: int = 0
    direction: str = "outbound"
    is_open: bool = True


@dataclass(slots=True)
class RunState:
    """How far a run is."""

    space_token: str
    open_tasks: int = 0
    failed: int = 0
    done: int = 0
    hasty: bool = False
    status: str = "pending"
    story_ids: list[str] = field(default_factory=list)


class Life:
    """The queue of a world. All methods are called with the world's lock held."""

    def __init__(
        self, world: World, spaces: list[SpaceCast], handles: dict[str, str], *, start: datetime
    ) -> None:
        """Nothing is queued before `plan_past`."""
        self.world = world
        self.start = start
        self.end = world.now
        self.outage = outage_day(world.now)
        self.now = start
        self.stories: dict[str, Story] = {}
        self.finished: list[Story] = []
        self.runs: dict[str, RunState] = {}
        self._spaces = spaces
        self._handles = handles
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0
        self._events = 0
        self._tasks_per_weight = 0.0
        self._contact_pool = 1

    # -- the queue ---------------------------------------------------------------------------

    def at(self, when: datetime, deed: Callable[..., None], *arguments: Any) -> None:
        """Let a deed happen at a time; deeds get the life first."""
        self._events += 1
        heapq.heappush(self._queue, (int(when.timestamp()), self._events, deed, arguments))

    def after(self, seconds: float, deed: Callable[..., None], *arguments: Any) -> None:
        """Let a deed happen so many seconds from now."""
        self.at(self.now + timedelta(seconds=seconds), deed, *arguments)

    def live_until(self, target: datetime) -> None:
        """Let everything happen that is due by then."""
        limit = target.timestamp()
        while self._queue and self._queue[0][0] <= limit:
            when, _, deed, arguments = heapq.heappop(self._queue)
            self.now = datetime.fromtimestamp(when, UTC)
            self.world.set_now(self.now)
            deed(self, *arguments)
        self.now = target
        self.world.set_now(target)

    # -- runs and tasks ----------------------------------------------------------------------

    def plan_past(self, tasks: int) -> None:
        """Queue the runs of the past, `tasks` in all, and those of the rest of today."""
        past: list[Slot] = []
        day, last = self.start.date(), self.end.date()
        while day <= last:
            for slot in self._slots(day):
                if slot.start <= self.end:
                    past.append(slot)
            day += timedelta(days=1)
        past.sort(key=lambda slot: slot.start)
        weights = [slot.weight for slot in past]
        self._tasks_per_weight = tasks / sum(weights) if weights else 0.0
        self._contact_pool = max(5, int(tasks * _CONTACTS_PER_TASK))
        for slot, size in zip(past, shares(weights, tasks), strict=True):
            if size:
                self.at(slot.start, Life.start_run, slot, size)
        self._queue_future(last)

    def start_run(self, slot: Slot, size: int) -> None:
        """Create a run with its tasks, all pending, and plan their dials."""
        run_id = self.world.add_run(slot.space_token)
        rng = self.rng("run", run_id)
        self.runs[run_id] = RunState(slot.space_token, hasty=rng.random() < 0.15)
        for _ in range(size):
            number = rng.randrange(self._contact_pool)
            contact = contacts.contact(self.world.seed, slot.campaign.country, number)
            story = self.new_task(slot.space_token, run_id, slot.campaign, slot.agent, contact)
            self.at(dial_time(rng, slot.campaign, self.now), deeds.dial, story)

    def new_task(
        self,
        space_token: str,
        run_id: str,
        campaign: Campaign,
        agent: Agent,
        contact: Contact,
        **fields: Any,
    ) -> Story:
        """Create a task and its story."""
        self._serial += 1
        payload = self._task_payload(campaign, agent, contact)
        payload.update(fields)
        task_id = self.world.add_task(space_token, payload, run_id=run_id)
        story = Story(task_id, space_token, run_id, campaign, agent, contact, self._serial, self.now)
        self.stories[task_id] = story
        run = self.runs.setdefault(run_id, RunState(space_token, status="completed"))
        run.open_tasks += 1
        run.story_ids.append(task_id)
        return story

    def forget(self, task_id: str) -> None:
        """A task was taken out of the past: nothing more happens to it."""
        story = self.stories.pop(task_id, None)
        if story is not None:
            story.is_open = False

    def payload(self, story: Story) -> JsonObject | None:
        """The live task of a story, to be changed; None when someone deleted it."""
        space = self.world.space(story.space_token)
        row = space.find(story.task_id) if space is not None else None
        return None if row is None else row.mutable()

    def close(self, story: Story, *, failed: bool = False) -> None:
        """A task reached its end for now; the run may follow."""
        run = self.runs[story.run_id]
        if story.is_open:
            story.is_open = False
            run.open_tasks -= 1
            run.done += 1
            run.failed += failed
            self.finished.append(story)
        self._update_run(story.run_id, run)

    def reopen(self, story: Story) -> None:
        """A task that had ended goes on."""
        if not story.is_open:
            story.is_open = True
            self.runs[story.run_id].open_tasks += 1

    def begin(self, story: Story) -> None:
        """The first dial of a run sets it in progress."""
        run = self.runs[story.run_id]
        if run.status == "pending":
            self._set_run_status(story.run_id, run, "in_progress")

    def latest_run(self, agent: Agent) -> tuple[str, str] | None:
        """Space and id of the agent's last run."""
        for run_id in reversed(self.runs):
            run = self.runs[run_id]
            story = self.stories.get(run.story_ids[0]) if run.story_ids else None
            if story is not None and story.agent is agent:
                return run.space_token, run_id
        return None

    # -- chance and time ---------------------------------------------------------------------

    def rng(self, *parts: object) -> Random:
        """Randomness for a purpose."""
        return Random(f"{self.world.seed}:" + ":".join(map(str, parts)))

    def step(self, story: Story) -> Random:
        """Randomness for the next step of a story."""
        story.steps += 1
        return Random(self.world.seed * 1_000_003 + story.serial * 1009 + story.steps)

    def progress(self) -> float:
        """How far the world is between the beginning of its past and the end of it; goes on beyond 1."""
        return (self.now - self.start) / max(timedelta(days=1), self.end - self.start)

    def has_outage(self, story: Story) -> bool:
        """Whether calls of this story meet the outage now."""
        kinds = {cast.token: cast.kind for cast in self._spaces}
        return kinds.get(story.space_token) == 0 and self.now.date() == self.outage

    # -- inside ------------------------------------------------------------------------------

    def _slots(self, day: date) -> list[Slot]:
        midnight = datetime.combine(day, datetime.min.time(), UTC)
        progress = (midnight - self.start) / max(timedelta(days=1), self.end - self.start)
        found = []
        for cast in self._spaces:
            outage = cast.kind == 0 and day == self.outage
            found += slots_of_day(self.world.seed, cast, day, progress=progress, outage=outage)
        return found

    def _queue_future(self, day: date) -> None:
        """Queue the runs of a day that are still to come, what else happens that day, and the next day."""
        rng = self.rng("day", day)
        for slot in self._slots(day):
            size = slot.weight * self._tasks_per_weight
            if slot.start > self.end and (whole := int(size + rng.random())):
                self.at(slot.start, Life.start_run, slot, whole)
        self.at(datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC), Life.new_day)

    def new_day(self) -> None:
        """Midnight: plan the day."""
        self._queue_future(self.now.date())

    def revise_daily(self) -> None:
        """Several times a day an older analysis is written again, at any age."""
        rng = self.rng("revise", int(self.now.timestamp()))
        if self.finished:
            for _ in range(1 + len(self.finished) // 1500):
                deeds.revise(self, self.finished[-1 - int(len(self.finished) * rng.random() ** 2)])
        self.after(4 * 3600, Life.revise_daily)

    def _task_payload(self, campaign: Campaign, agent: Agent, contact: Contact) -> JsonObject:
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

    def _update_run(self, run_id: str, run: RunState) -> None:
        if run.status == "completed":
            return
        if run.hasty:
            self._set_run_status(run_id, run, "completed")
        elif run.open_tasks == 0:
            status = "partially_completed" if run.failed * 5 > run.done else "completed"
            self._set_run_status(run_id, run, status)

    def _set_run_status(self, run_id: str, run: RunState, status: str) -> None:
        run.status = status
        try:
            self.world.edit_run(run_id, {"status": status})
        except KeyError:
            return
