"""Fill a world: the uniform one for benchmarks and the realistic one."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from unpod_sync.simulator import ids
from unpod_sync.simulator.bench import BenchTasks
from unpod_sync.simulator.space import Space, described

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
        start = world.now - timedelta(seconds=int(step * max(0, count - 1)))
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
    """Stand-in until the realistic world lands: finished calls from the bench, kept as stored rows."""
    for number in range(spaces):
        agent = world.add_agent(f"Agent {number + 1}")
        token = world.add_space(f"Space {number + 1}", agent_handle=agent)
        count = tasks // spaces + (number < tasks % spaces)
        step = days * 86_400 / max(1, count)
        start = world.now - timedelta(seconds=int(step * max(0, count - 1)))
        bench = BenchTasks(
            seed=world.seed, space_index=number, agents=[agent], start=start, step_seconds=step
        )
        holder = Space(described(token, "", agent, 0), bench=bench, bench_count=count)
        for row in holder.runs:
            world.add_run(token, {"_id": f"{row.key:024x}", **row.copy()})
        for row in holder.rows(range(count)):
            world.add_task(token, row.copy())
