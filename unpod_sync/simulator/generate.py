"""Fill a world with a past that looks real."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import AGENTS, CAMPAIGNS
from unpod_sync.simulator.life import Life
from unpod_sync.simulator.schedule import SPACE_NAMES, casts

if TYPE_CHECKING:
    from unpod_sync.simulator.world import World


def fill(world: World, *, tasks: int, spaces: int, days: int) -> None:
    """A business that has called people for `days` days, with exactly so many tasks in all."""
    rng = Random(f"{world.seed}:realistic")
    handles = {
        agent.key: world.add_agent(agent.name, handle=ids.agent_handle(rng), purpose=agent.purpose)
        for agent in AGENTS.values()
    }
    end = world.now
    start = (end - timedelta(days=days * 1.08)).replace(hour=0, minute=0, second=0)
    tokens = []
    for number in range(spaces):
        name = SPACE_NAMES[number % 2] + (f" {number // 2 + 1}" if number > 1 else "")
        lead = CAMPAIGNS[number % 2].agents[0]
        created = ids.naive_time(start - timedelta(days=30 - number))
        token = ids.space_token(rng)
        tokens.append(world.add_space(name, token=token, agent_handle=handles[lead], created_at=created))
    life = Life(world, casts(tokens), handles, start=start)
    life.plan_past(tasks)
    life.at(start + timedelta(hours=1), Life.revise_daily)
    life.live_until(end)
    world.life = life
    _trim(world, life, tasks)


def _trim(world: World, life: Life, tasks: int) -> None:
    """Forget the oldest tasks that are too many, and the runs that lose all of theirs."""
    every = [(row.key, space, row) for space in world.live_spaces() for row in space.tasks]
    every.sort(key=lambda entry: entry[0])
    for _, space, row in every[: max(0, len(every) - tasks)]:
        life.forget(row.task_id)
        space.remove_task(row)
    for space in world.live_spaces():
        for row in [row for row in space.runs if not len(space.run_tasks(str(row.payload()["run_id"])))]:
            space.runs.remove(row)
    life.finished = [story for story in life.finished if story.task_id in life.stories]
