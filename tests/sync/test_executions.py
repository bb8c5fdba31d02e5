"""Executions lists follow from the tasks: most syncs read their first page only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.kit import NOW, TOKEN, Site
from unpod_sync.simulator import Simulator, World

AGENTS, RUNS, PAGE = 7, 80, 10
FINISHED = {
    "status": "completed",
    "output": {"call_id": "c", "post_call_data": {"summary": {"status": "Interested"}}},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A tenth of 20,000 tasks, 7 agents and 800 runs, with a tenth of the rows on a page; two syncs are past."""
    world = World(seed=2, now=NOW)
    agents = [world.add_agent(f"Agent {number}") for number in range(AGENTS)]
    space = world.add_space("Space", agent_handle=agents[0])
    for _ in range(RUNS):
        run = world.add_run(space)
        for number in range(25):
            world.add_task(space, FINISHED | {"assignee": agents[number % AGENTS]}, run_id=run)
        world.advance(timedelta(hours=12))
    with Simulator(world, token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        for _ in range(2):
            synced(site)
        yield site


def synced(site: Site, **options: Any) -> Counter[str]:
    """How many requests a sync made for each kind of list."""
    site.simulator.requests.clear()
    result = site.sync(page_size=PAGE, **options)
    assert (result.exit_status, result.failures) == (0, ())
    return Counter(request.path.rstrip("/").rpartition("/")[2] for request in site.simulator.requests)


def differing(site: Site) -> int:
    """Executions rows whose counts are not those of the stored tasks."""
    sql = "select count(*) from execution_reconciliation where our_agent_tasks <> total_tasks"
    return int(site.ask(sql)[0][0])


def test_an_idle_sync_costs_few_requests(site: Site) -> None:
    """At most 25 beside the sweep's slice; once a day the lists are read whole."""
    site.world.advance(timedelta(minutes=15))
    requests = synced(site, sweep_pages=1)
    assert requests["executions"] == AGENTS
    assert requests.total() <= 25 + 2  # a slice of tasks, and one of runs
    site.world.advance(timedelta(hours=24))
    assert synced(site, sweep_pages=1)["executions"] >= AGENTS * RUNS // PAGE
    assert synced(site, full=True)["executions"] >= AGENTS * RUNS // PAGE


def test_a_run_that_has_grown_is_read_again_at_once(site: Site) -> None:
    """On the page where it stands, and not again when it is up to date."""
    (space,) = site.spaces
    old_run = site.world.runs(space)[40]["run_id"]
    agent = site.world.agents[3]["handle"]
    site.world.advance(timedelta(minutes=15))
    site.world.add_task(space, FINISHED | {"assignee": agent}, run_id=old_run)
    assert synced(site)["executions"] == AGENTS + 1
    assert differing(site) == 0
    site.world.advance(timedelta(minutes=15))
    assert synced(site)["executions"] == AGENTS
