"""The sweep's slice at a real server: what is promised, and that a 429 ends it early."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.faults.kit import TOKEN, Site, build_world
from unpod_sync.simulator import Fault, Simulator


def test_a_dry_run_promises_when_everything_is_verified(tmp_path: Path) -> None:
    """48 pages are read whole; 12 of them at each of the syncs that come every 6 hours take a day."""
    with Simulator(build_world(tasks=240, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        for _ in range(4):
            assert site.sync(sweep_pages=None).exit_status == 0
            site.world.advance(timedelta(hours=6))
        for options, text in (({}, "within 6 hours"), ({"sweep_pages": 12}, "within 24 hours")):
            result = site.sync(dry_run=True, **{"sweep_pages": None, **options})
            assert [note for note in result.notes if text in note], result.notes


def test_a_429_ends_the_slice(tmp_path: Path) -> None:
    """What the server is then known to allow is not used up by the sweep; the next sync goes on."""
    with Simulator(build_world(tasks=240, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        for _ in range(3):
            assert site.sync(sweep_pages=None).exit_status == 0
            site.world.advance(timedelta(days=20))
        for _ in range(8):
            assert site.sync(sweep_pages=None).exit_status == 0
            site.world.advance(timedelta(minutes=1))
        options = {"verify_within": "1m", "sweep_pages": None}
        site.sync(**options)  # the rest of the sweep under way
        site.world.advance(timedelta(minutes=1))
        whole = site.sync(**options)
        site.world.advance(timedelta(minutes=1))
        refused = site.sync(Fault("429", match="page=3", times=1, retry_after=30), **options)
        assert refused.exit_status == 0
        assert refused.requests < whole.requests - 20
        for sweep_pages in (None, 50):  # nothing that only one of them read counts as missing
            site.world.advance(timedelta(minutes=1))
            assert site.sync(**options | {"sweep_pages": sweep_pages}).exit_status == 0
            assert site.is_complete()
