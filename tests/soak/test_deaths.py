"""A few deaths in the suite; `python -m tests.soak --kills 200` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world
from tests.soak import deaths
from unpod_sync.simulator import Simulator
from unpod_sync.warehouse import Warehouse


@pytest.mark.parametrize("kind", deaths.KINDS)
def test_kill_9(kind: str) -> None:
    """Killed somewhere in it: the published file is whole, the next sync completes and equals the server."""
    scene = deaths.campaign(1, 3, lambda _: None, (kind,))
    assert scene.deaths == {kind: 1}


def test_a_migration_that_died_before_its_rebuild(tmp_path: Path) -> None:
    """New columns are filled by the next sync even when the one that added them died first."""
    with Simulator(build_world(tasks=2, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        site.sync()
        deaths.drop_column(site.files.work)
        Warehouse.open(site.files, now=site.world.now.replace(tzinfo=None)).close()
        site.sync()
        assert site.ask("select count(call_id) from main.tasks") == [(2,)]
        assert site.ask("select count(*) from meta.settings where name = 'rebuild_due'") == [(0,)]
