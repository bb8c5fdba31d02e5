"""Fill a world with a past that looks real, and plan what goes on after it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import AGENTS, CAMPAIGNS
from unpod_sync.simulator.contacts import contact
from unpod_sync.simulator.dialer import Dialer
from unpod_sync.simulator.events import EVENTS, perform
from unpod_sync.simulator.schedule import (
    SPACE_NAMES,
    Slot,
    SpacePlan,
    dial_time,
    shares,
    slots_of_day,
    space_plans,
)
from unpod_sync.simulator.state import WorldState

_CONTACTS_PER_TASK = 0.7


class Planner:
    """Starts runs by the campaigns' schedules, for the past as for the days to come."""

    def __init__(self, dialer: Dialer, tasks: int) -> None:
        """Queue the runs of the past, `tasks` in all, and those of the rest of today."""
        self._dialer = dialer
        self._contacts = max(5, int(tasks * _CONTACTS_PER_TASK))
        days = (dialer.end.date() - dialer.start.date()).days
        slots = [
            slot for day in range(days + 1) for slot in self._slots(dialer.start.date() + timedelta(day))
        ]
        past = sorted((slot for slot in slots if slot.start <= dialer.end), key=lambda slot: slot.start)
        weights = [slot.weight for slot in past]
        self._tasks_per_weight = tasks / sum(weights) if weights else 0.0
        for slot, size in zip(past, shares(weights, tasks), strict=True):
            if size:
                dialer.scheduler.at(slot.start, "start_run", slot, size)
        self._plan_day(dialer.end.date())
        dialer.scheduler.at(dialer.start + timedelta(hours=1), "revise_daily")

    def run_until(self, target: datetime) -> None:
        """Let everything happen that is due by then."""
        for event, details in self._dialer.scheduler.due(target):
            self._dialer.state.set_now(self._dialer.now)
            if event in EVENTS:
                perform(self._dialer, event, *details)
            elif event == "start_run":
                self._start_run(*details)
            elif event == "new_day":
                self._plan_day(self._dialer.now.date())
            else:
                self._revise_daily()
        self._dialer.state.set_now(target)

    def _slots(self, day: date) -> list[Slot]:
        dialer = self._dialer
        progress = dialer.progress(datetime.combine(day, datetime.min.time(), UTC))
        found = []
        for space in dialer.spaces:
            outage = space.kind == 0 and day == dialer.outage
            found += slots_of_day(dialer.state.seed, space, day, progress=progress, outage=outage)
        return found

    def _plan_day(self, day: date) -> None:
        """Queue the runs of a day that are still to come, and the planning of the next day."""
        dialer = self._dialer
        rng = dialer.rng("day", day)
        for slot in self._slots(day):
            size = slot.weight * self._tasks_per_weight
            if slot.start > dialer.end and (whole := int(size + rng.random())):
                dialer.scheduler.at(slot.start, "start_run", slot, whole)
        dialer.scheduler.at(datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC), "new_day")

    def _start_run(self, slot: Slot, size: int) -> None:
        """Create a run with its tasks, all pending, and plan their dials."""
        dialer = self._dialer
        run_id = dialer.new_run(slot.space_token, slot.agent)
        rng = dialer.rng("run", run_id)
        dialer.runs[run_id].is_hasty = rng.random() < 0.15
        for _ in range(size):
            someone = contact(dialer.state.seed, slot.campaign.country, rng.randrange(self._contacts))
            task = dialer.new_task(run_id, slot.campaign, slot.agent, someone)
            dialer.scheduler.at(dial_time(rng, slot.campaign, dialer.now), "dial", task)

    def _revise_daily(self) -> None:
        """Several times a day an older analysis is written again, at any age."""
        dialer = self._dialer
        rng, finished = dialer.rng("revise", int(dialer.now.timestamp())), dialer.finished
        for _ in range(1 + len(finished) // 1500 if finished else 0):
            perform(dialer, "revise", finished[-1 - int(len(finished) * rng.random() ** 2)])
        dialer.scheduler.after(4 * 3600, "revise_daily")


def fill(state: WorldState, *, tasks: int, spaces: int, days: int) -> Planner:
    """A business that has called people for `days` days, with exactly so many tasks in all."""
    rng = Random(f"{state.seed}:realistic")
    handles = {
        agent.key: state.add_agent(agent.name, handle=ids.agent_handle(rng), purpose=agent.purpose)
        for agent in AGENTS.values()
    }
    end = state.now
    start = (end - timedelta(days=days * 1.08)).replace(hour=0, minute=0, second=0)
    dialer = Dialer(state, _add_spaces(state, rng, spaces, handles, start), handles, start)
    planner = Planner(dialer, tasks)
    planner.run_until(end)
    _trim(state, dialer, tasks)
    return planner


def _add_spaces(
    state: WorldState, rng: Random, spaces: int, handles: dict[str, str], start: datetime
) -> list[SpacePlan]:
    tokens = []
    for number in range(spaces):
        name = SPACE_NAMES[number % 2] + (f" {number // 2 + 1}" if number > 1 else "")
        handle = handles[CAMPAIGNS[number % 2].agents[0]]
        created = ids.naive_time(start - timedelta(days=30 - number))
        token = ids.space_token(rng)
        tokens.append(state.add_space(name, token=token, agent_handle=handle, created_at=created))
    return space_plans(tokens)


def _trim(state: WorldState, dialer: Dialer, tasks: int) -> None:
    """Forget the oldest tasks that are too many, and the runs that lose all of theirs."""
    every = [(row.key, space, row) for space in state.live_spaces() for row in space.tasks]
    every.sort(key=lambda entry: entry[0])
    for _, space, row in every[: max(0, len(every) - tasks)]:
        dialer.forget(row.task_id)
        space.remove_task(row)
    for space in state.live_spaces():
        for row in [row for row in space.runs if not space.run_tasks(str(row.payload()["run_id"]))]:
            space.runs.remove(row)
    dialer.finished = [task for task in dialer.finished if task.task_id in dialer.tasks]
