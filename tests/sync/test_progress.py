"""The reading of one list: what its bookmark keeps for the next sync."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from unpod_sync.config import FreshnessPolicy
from unpod_sync.model import Page, space_tasks
from unpod_sync.sync.plan import ListState
from unpod_sync.sync.progress import ListProgress

NOW = datetime(2026, 3, 10, 12)  # noqa: DTZ001  naive UTC
KNOWN = ListState(count=100_000, stored_count=100_000, warm_at=NOW, synced_at=NOW - timedelta(minutes=15))


@pytest.mark.parametrize(("sweep_remaining", "usable"), [(None, True), (50_000, False)])
def test_runs_get_another_chance_with_each_sweep(sweep_remaining: int | None, usable: bool) -> None:
    """What they could not show when the last sweep began, a server may show now."""
    state = replace(
        KNOWN, runs_usable=False, sweep_remaining=sweep_remaining, sweep_started_at=sweep_remaining and NOW
    )
    progress = ListProgress(space_tasks("S"), state)
    ids = [f"T{number}" for number in range(100)]
    page = Page(space_tasks("S"), 1, 100, [{"task_id": id_} for id_ in ids], 100_000)
    progress.start(page, ids, now=NOW, policy=FreshnessPolicy(), full=False)
    bookmark = progress.bookmark(now=NOW, finished=True)
    assert bookmark.runs_usable is usable
