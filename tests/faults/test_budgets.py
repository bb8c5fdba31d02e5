"""Request budgets hold, and what they cut short goes on without reading again what it has."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world, private_task
from tests.wire import Clock
from unpod_sync.api import Client, ClientConfig, RequestBudget
from unpod_sync.model import space_tasks
from unpod_sync.simulator import Simulator, server

GAPS = "select gaps_json from meta.bookmarks where kind = 'task'"


def pages_asked(site: Site) -> list[tuple[str, str]]:
    """Which pages of task lists were asked for."""
    return [(r.path, r.query["page"]) for r in site.simulator.requests if r.path.endswith("/tasks/")]


@pytest.mark.parametrize("is_old", [True, False])
def test_a_first_load_in_budgets_of_nine(tmp_path: Path, is_old: bool) -> None:
    """Each sync stays in its budget, says that it is not done, and goes on where the last one stopped.

    Also when every row is hot: what was never read comes before what is to be read again.
    """
    with Simulator(build_world(tasks=60, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        if is_old:
            simulator.world.advance(timedelta(days=40))
        statuses: list[int] = []
        asked: list[tuple[str, str]] = []
        while not statuses or site.ask(GAPS, work=True) != [("[]",)]:
            simulator.requests.clear()
            statuses.append(site.sync(max_requests=9, sweep_pages=1).exit_status)
            assert len(simulator.requests) <= 9
            asked += [page for page in pages_asked(site) if page[1] != "1"]
            assert len(statuses) < 10
        assert set(statuses[:-1]) == {3}
        assert site.sync().exit_status == 0
        assert site.is_complete()
    pages = 60 // 5 - 1
    assert len(set(asked)) >= pages
    assert len(asked) <= pages + 5  # what the last budget has left goes into reading again


@pytest.mark.parametrize("budget", [6, 9])
def test_a_budget_smaller_than_the_number_of_lists(tmp_path: Path, budget: int) -> None:
    """Lists take turns, so that everything is in at last: five spaces, eleven lists and two listings."""
    with Simulator(build_world(tasks=12, spaces=5), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        syncs = 0
        while not (site.files.published.exists() and site.is_complete()):
            simulator.requests.clear()
            assert site.sync(max_requests=budget).exit_status == 3
            assert len(simulator.requests) <= budget
            simulator.world.advance(timedelta(minutes=10))
            syncs += 1
            assert syncs < 60
        simulator.world.edit_task(simulator.world.task_ids(site.spaces[4])[-1], {"output.call_id": "edited"})
        while not site.is_complete():
            site.sync(max_requests=budget)
            simulator.world.advance(timedelta(minutes=10))
            syncs += 1
            assert syncs < 120


def test_a_killed_sync_has_used_its_requests(site: Site) -> None:
    """Of the day's budget, as any other."""
    code = (
        "import os, signal, sys\n"
        "from datetime import datetime\n"
        "from pathlib import Path\n"
        "from unpod_sync.config import Settings\n"
        "from unpod_sync.sync.pipeline import sync\n"
        "pages = []\n"
        "def heard(reading, page):\n"
        "    pages.append(page)\n"
        "    if len(pages) == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "settings = Settings(base_url=sys.argv[1], api_token=sys.argv[2], org_handle='sim-org',\n"
        "    database=Path(sys.argv[3]), page_size=5, requests_per_day=100)\n"
        "sync(settings, now=lambda: datetime.fromisoformat(sys.argv[4]), on_page=heard)\n"
    )
    now = site.world.now.replace(tzinfo=None)
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            site.simulator.base_url,
            TOKEN,
            str(site.files.published),
            now.isoformat(),
        ],
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert site.sync(requests_per_day=7).exit_status == 3
    assert len(site.simulator.requests) <= 7 + 4  # those under way when the kill came were never heard of


def test_a_budget_for_the_day_counts_what_was_used(site: Site) -> None:
    """The second sync of a day has what the first one left, the next day everything."""
    first = site.sync(requests_per_day=20)
    assert first.exit_status == 0
    site.simulator.requests.clear()
    second = site.sync(requests_per_day=first.requests + 2, full=True)
    assert second.exit_status == 3
    assert len(site.simulator.requests) == 2
    tomorrow = (site.world.now + timedelta(days=1)).replace(tzinfo=None)
    assert site.sync(requests_per_day=30, full=True, now=lambda: tomorrow).exit_status == 0


def test_a_sweep_in_budgets_ends(tmp_path: Path) -> None:
    """A sweep cut short by the budget every time still comes to its end."""
    with Simulator(build_world(tasks=60, spaces=1), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        site.sync()
        simulator.world.advance(timedelta(days=20))
        left = []
        for _ in range(12):
            site.sync(max_requests=8, sweep_pages=3, hot_days=0.01, warm_days=0.02)
            left += site.ask("select sweep_remaining from meta.bookmarks where kind = 'task'", work=True)
        assert (None,) in left
        assert any(rows and rows > 0 for (rows,) in left)


@pytest.mark.parametrize("budget", [3, 8])
def test_a_budget_smaller_than_what_is_due_verifies_everything(tmp_path: Path, budget: int) -> None:
    """All tasks are young, so that every page is due at every sync: no sync reads the same newest pages again."""
    with Simulator(build_world(tasks=58, spaces=2), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        unverified = 1
        for _ in range(60 // budget + 16):
            assert site.sync(max_requests=budget, page_size=10 if budget == 3 else 5).exit_status == 3
            simulator.world.advance(timedelta(minutes=10))
            verified = (
                "select count(*) from meta.bookmarks where kind = 'task' and sweep_completed_at is null"
            )
            ((unverified,),) = site.ask(verified, work=True)
            if not unverified:
                break
        assert unverified == 0
        assert site.is_complete()


def test_a_limit_per_minute_is_kept_to() -> None:
    """The user's own limit: no request too many in any minute of the clock the pace is kept by."""
    world = build_world(tasks=120, spaces=1)
    clock = Clock()
    moments: list[float] = []
    with Simulator(world, token=TOKEN) as simulator:
        simulator.on_request = lambda _: moments.append(clock.seconds)
        (space,) = world.spaces
        with paced(simulator, clock, RequestBudget(per_minute=40)) as client:
            jobs = [(space_tasks(space["token"]), page, 1) for page in range(1, 121)]
            assert all(not isinstance(result, Exception) for _, result in client.fetch_many(jobs))
    assert max(sum(1 for other in moments if 0 <= other - moment < 60) for moment in moments) <= 40


def test_a_server_that_allows_240_a_minute_seldom_says_429(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pace is learnt from the headers: 600 pages meet few refusals."""
    world = build_world(tasks=100, spaces=1)
    clock = Clock()
    monkeypatch.setattr(server, "time", _Time(clock))
    with (
        Simulator(world, token=TOKEN, rate_limit_per_minute=240) as simulator,
        paced(simulator, clock) as client,
    ):
        simulator.now = clock.now
        (space,) = world.spaces
        jobs = [(space_tasks(space["token"]), page % 100 + 1, 1) for page in range(600)]
        assert all(not isinstance(result, Exception) for _, result in client.fetch_many(jobs))
        assert client.requests_made <= 603
    assert clock.seconds - 1000 < 200


def paced(simulator: Simulator, clock: Clock, budget: RequestBudget | None = None) -> Client:
    """A client on a clock of its own."""
    return Client(
        simulator.base_url,
        TOKEN,
        "sim-org",
        ClientConfig(workers=1, budget=budget or RequestBudget()),
        sleep=clock.sleep,
        monotonic=clock.monotonic,
        now=clock.now,
    )


class _Time:
    """The simulator's clock: the one that moves only when someone sleeps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def time(self) -> float:
        return self._clock.now().timestamp()


@pytest.mark.parametrize("budget", [1, 3])
def test_a_budget_of_a_few_requests_gets_everything_in_at_last(tmp_path: Path, budget: int) -> None:
    """Every sync makes progress: 600 tasks in two spaces, while new ones come in."""
    with Simulator(build_world(tasks=299, spaces=2), token=TOKEN) as simulator:
        site = Site(simulator, tmp_path)
        syncs, stored = 0, [0]
        while stored[-1] < 600:
            result = site.sync(max_requests=budget, page_size=100)
            assert result.exit_status == 3
            stored.append(
                site.ask("select count(*) from tasks")[0][0] if site.files.published.exists() else 0
            )
            simulator.world.advance(timedelta(minutes=10))
            if syncs == 6:
                for space in site.spaces:
                    simulator.world.add_task(space, private_task(1))
            syncs += 1
            assert syncs < 24 // budget + 6
        assert site.is_complete()
