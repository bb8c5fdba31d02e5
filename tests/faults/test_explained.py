"""Only a whole reading explains a difference between a list's count and what is stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.faults.kit import TOKEN, Site, build_world
from unpod_sync.simulator import Simulator


def test_a_row_that_comes_back_behind_a_sweep_is_not_explained_away(tmp_path: Path) -> None:
    """One row comes back where the sweep has passed, another one vanishes: the count is right, the stored rows are not."""
    with Simulator(build_world(tasks=260, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        (space,) = site.spaces
        site.world.advance(timedelta(days=40))
        back, gone = (site.world.task_ids(space)[place] for place in (20, 230))
        task = site.world.delete_task(back)
        assert site.sync().exit_status == 0
        assert site.sync(sweep_pages=30).exit_status == 0
        site.world.delete_task(gone)
        site.world.restore_task(task)
        result = site.sync(sweep_pages=30)
        assert result.exit_status == 0
        assert not [note for note in result.notes if "whole reading" in note]
        assert site.is_complete()
        assert site.ask("select distinct explained_gap from meta.bookmarks") == [(0,)]
