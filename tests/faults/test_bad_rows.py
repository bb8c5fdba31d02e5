"""A row that the server cannot show: found once, remembered, and asked around afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.kit import TOKEN, Site, build_world, private_task
from unpod_sync.simulator import Fault, Simulator

PAGES = 20


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """200 old tasks of one space on 20 pages."""
    with Simulator(build_world(tasks=10 * PAGES, spaces=1), token=TOKEN) as simulator:
        simulator.world.advance(timedelta(days=40))
        yield Site(simulator, tmp_path)


def asked(site: Site, *faults: Fault, **changes: Any) -> tuple[int, int]:
    """The exit status of a sync, and the requests it made."""
    site.simulator.requests.clear()
    status = site.sync(*faults, page_size=10, **changes).exit_status
    return status, len(site.simulator.requests)


@pytest.mark.parametrize(("sweep_pages", "is_stored"), [(50, True), (3, False)])
def test_later_syncs_ask_around_an_unreadable_row(site: Site, sweep_pages: int, is_stored: bool) -> None:
    """They cost a dozen requests more than without it, also when new rows have come on top."""
    (space,) = site.spaces
    bad = site.world.task_ids(space)[55]
    poison = Fault("poison", task_id=bad)
    usual = 25 if sweep_pages == 50 else 8
    if is_stored:
        assert asked(site, sweep_pages=sweep_pages)[0] == 0
        assert asked(site, sweep_pages=sweep_pages) == (0, usual)
    assert asked(site, poison, sweep_pages=50)[0] == 3
    for _ in range(2):
        status, requests = asked(site, poison, sweep_pages=sweep_pages)
        assert status == 3
        assert requests <= usual + 12
        site.world.add_task(space, private_task(1))
    assert asked(site, full=True)[0] == 0
    assert asked(site, sweep_pages=sweep_pages)[1] <= usual + 2
    assert site.is_complete()
