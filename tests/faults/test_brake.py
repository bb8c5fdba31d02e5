"""Many deletions at once are marked only when the user confirms them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.faults.kit import TOKEN, Site, build_world, private_task
from unpod_sync.simulator import Simulator


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with 120 tasks in one space, all of them stored."""
    with Simulator(build_world(tasks=120, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        assert site.sync(page_size=20).exit_status == 0
        yield site


def gone(site: Site) -> int:
    """How many tasks are marked as deleted."""
    return int(site.ask("select count(*) from tasks where deleted_at is not null")[0][0])


def delete(site: Site, rows: int) -> None:
    for task_id in site.world.task_ids(site.spaces[0])[:rows]:
        site.world.delete_task(task_id)


@pytest.mark.parametrize("rows", [51, 120])
def test_an_emptied_or_narrowed_list_is_kept_until_the_user_confirms(site: Site, rows: int) -> None:
    delete(site, rows)
    for _ in range(2):
        result = site.sync(page_size=20)
        assert (result.exit_status, result.tasks_deleted, gone(site)) == (3, 0, 0)
        assert f"{rows} stored rows are no longer listed" in "; ".join(result.failures)
        assert "--accept-deletions" in "; ".join(result.failures)
    confirmed = site.sync(page_size=20, accept_deletions=True)
    assert (confirmed.exit_status, confirmed.tasks_deleted, gone(site)) == (0, rows, rows)
    assert site.sync(page_size=20).exit_status == 0


def test_fifty_rows_are_marked_as_deleted_at_once(site: Site) -> None:
    delete(site, 50)
    result = site.sync(page_size=20)
    assert (result.exit_status, result.tasks_deleted, gone(site)) == (0, 50, 50)


def test_rows_that_come_back_need_no_confirmation(site: Site) -> None:
    """A token that was narrowed by mistake and is put right again leaves nothing behind."""
    tasks = [site.world.delete_task(task_id) for task_id in site.world.task_ids(site.spaces[0])]
    assert site.sync(page_size=20).exit_status == 3
    for task in tasks:
        site.world.restore_task(task)
    result = site.sync(page_size=20)
    assert (result.exit_status, result.tasks_changed, result.failures) == (0, 0, ())
    assert site.is_complete()


def test_a_list_swept_in_slices_is_read_whole_by_the_confirming_sync(site: Site) -> None:
    """What a sweep over several syncs held back, the next one with the option marks, and new rows come in meanwhile."""
    site.world.advance(timedelta(days=40))
    delete(site, 60)
    options = {"page_size": 5, "sweep_pages": 4}
    statuses = [site.sync(**options).exit_status for _ in range(5)]
    assert statuses[-1] == 3
    site.world.add_task(site.spaces[0], private_task(1))
    assert site.sync(**options).exit_status == 3
    assert len(site.stored(site.spaces[0])) == 121
    confirmed = site.sync(**options, accept_deletions=True)
    assert (confirmed.exit_status, confirmed.tasks_deleted) == (0, 60)
    assert site.is_complete()


def test_the_hint_can_be_pasted(
    site: Site, run_cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", TOKEN)
    called = ["--database", str(site.files.published), "--base-url", site.simulator.base_url]
    delete(site, 120)
    told = run_cli("sync", *called, "--org-handle", "sim-org")
    assert told.status == 3
    (hint,) = [line for line in told.err.splitlines() if "really gone" in line]
    program, *words = shlex.split(hint.partition(":")[2])
    assert program.endswith("unpod-sync")
    assert run_cli(*words).status == 0
    assert gone(site) == 120
