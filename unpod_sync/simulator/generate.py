"""Fill a world: the uniform one for benchmarks and the realistic one."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from unpod_sync.simulator import ids
from unpod_sync.simulator.bench import LAG_SECONDS, BenchTasks
from unpod_sync.simulator.cast import AGENTS
from unpod_sync.simulator.life import Life
from unpod_sync.simulator.space import Space, described
from unpod_sync.simulator.timetable import CAMPAIGNS, SPACE_NAMES, casts

if TYPE_CHECKING:
    from unpod_sync.simulator.world import World


def fill_bench(world: World, *, tasks: int, spaces: int, days: int) -> None:
    """Uniform finished calls, the same number in each space, evenly over the days."""
    rng = Random(f"{world.seed}:bench")
    agents = [
        world.add_agent(f"Bench Agent {number}", handle=ids.agent_handle(rng)) for number in range(1, 5)
    ]
    for number in range(spaces):
        count = tasks // spaces + (number < tasks % spaces)
        step = days * 86_400 / max(1, count)
        start = world.now - timedelta(seconds=LAG_SECONDS + int(step * max(0, count - 1)))
        bench = BenchTasks(seed=world.seed, space_index=number, agents=agents, start=start, step_seconds=step)
        description = described(
            ids.space_token(rng),
            f"Bench {number + 1}",
            agents[0],
            900 + number,
            created_at=ids.naive_time(start),
            organization={"name": "Simulated Organisation", "domain_handle": "sim-org"},
        )
        world.add_bench_space(Space(description, bench=bench, bench_count=count))


def fill_realistic(world: World, *, tasks: int, spaces: int, days: int) -> None:
    """A business that has called people for `days` days, with exactly so many tasks in all."""
    rng = Random(f"{world.seed}:realistic")
    handles = {
        agent.key: world.add_agent(agent.name, handle=ids.agent_handle(rng), purpose=agent.purpose)
        for agent in AGENTS
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
        life.forget(str(row.payload()["task_id"]))
        space.remove_task(row)
    for space in world.live_spaces():
        for row in [row for row in space.runs if not len(space.run_listing(str(row.payload()["run_id"])))]:
            space.runs.remove(row)
    life.finished = [story for story in life.finished if story.task_id in life.stories]
