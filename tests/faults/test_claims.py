"""A list's `count` is a claim: memory and requests follow the rows that came."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world, private_task
from unpod_sync.simulator import Simulator

ROWS = 30


@pytest.mark.parametrize(
    "ignored", [frozenset[str](), frozenset(["tasks", "runs"])], ids=["paged", "unpaged"]
)
def test_a_count_without_rows_costs_a_few_requests(tmp_path: Path, ignored: frozenset[str]) -> None:
    """Every row comes in, and nothing is planned for rows that never come: at once, later, and by a full reading."""
    world = build_world(tasks=ROWS, spaces=1)
    with Simulator(world, token=TOKEN, count_offset=2_147_483_647 - ROWS, ignore_page=ignored) as simulator:
        site = Site(simulator, tmp_path)
        tracemalloc.start()
        try:
            for full, most in ((False, 20), (False, 10), (True, 10)):
                simulator.requests.clear()
                assert site.sync(page_size=ROWS, full=full, workers=4).exit_status == 0
                asked = Counter(request.path for request in simulator.requests)
                assert max(asked.values()) <= most
            assert tracemalloc.get_traced_memory()[1] < 30 << 20
        finally:
            tracemalloc.stop()
        assert len(site.stored(site.spaces[0])) == ROWS


def test_a_count_that_rises_without_rows_costs_a_few_requests(synced: None, site: Site) -> None:
    """New rows that come together with such a count are found."""
    new = site.world.add_task(site.spaces[0], private_task(1))
    site.simulator.behaviour = replace(site.simulator.behaviour, count_offset=2_147_483_647)
    site.simulator.requests.clear()
    assert site.sync().exit_status == 0
    assert max(Counter(request.path for request in site.simulator.requests).values()) <= 40
    assert new in site.stored(site.spaces[0])
