"""Plays a history: changes the server, syncs, judges every sync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from tests.soak import judge
from tests.soak.grounds import Light, Real
from tests.soak.judge import Reading, Rules, Stored
from tests.soak.mirror import Mirror
from tests.soak.steps import CALM, CHANGES, Step, change, draw
from unpod_sync.config import Settings
from unpod_sync.errors import UnpodSyncError
from unpod_sync.simulator import Fault, ServerBehaviour
from unpod_sync.sync.pipeline import Options, sync
from unpod_sync.sync.result import LoadResult

IGNORABLE = ("runs", "tasks", "run_tasks", "executions", "spaces", "agents")
OFFSETS = (-7, -3, -1, 1, 2, 4, 9, 30)
SKEWS = (-400, -30, -1, 1, 5, 30, 300)
BENDS = ("short_page", "missing_count", "wrong_count", "duplicate_rows", "short_page")


class DivergenceError(AssertionError):
    """A promise that a history broke."""


class Player:
    """One history being played against the simulator."""

    def __init__(self, ground: Real | Light, seed: int = 0) -> None:
        rng = Random(f"rules {seed}")
        self.rules = Rules(page_size=rng.choice((3, 4, 5, 7, 10)), sweep_pages=rng.choice((1, 2, 50, 50)))
        self.workers = rng.choice((1, 1, 1, 4))
        self.mirror = Mirror()
        self.ground = ground
        self.simulator = simulator = ground.simulator
        simulator.world = self.mirror.world
        simulator.behaviour, simulator.faults, simulator.on_request = ServerBehaviour(), (), None
        ground.empty()
        self.before: Stored | None = None
        self.settled: frozenset[str] = frozenset()
        self.hidden: frozenset[str] = frozenset()
        self.is_first = True
        self.hours_off = 0
        self.steady = True
        self.number = 0
        self.syncs = 0

    def play(self, steps: Sequence[Step]) -> None:
        """Plays the steps; `DivergenceError` says what was found, and after which one."""
        for self.number, step in enumerate(steps):
            try:
                if step.name in CALM:
                    change(self.mirror, step)
                else:
                    getattr(self, step.name)(*step.numbers)
            except DivergenceError as error:
                raise DivergenceError(f"after step {self.number}, {step}: {error}") from None

    # -- readings ----------------------------------------------------------------------------

    def settings(self, **changes: Any) -> Settings:
        told = {
            name: getattr(self.rules, name) for name in ("page_size", "sweep_pages", "hot_days", "warm_days")
        }
        told |= {"workers": self.workers, "timeout_seconds": 5, "max_attempts": 12} | changes
        return Settings(
            api_token=self.simulator.token,
            org_handle=self.simulator.org_handle,
            base_url=self.simulator.base_url,
            database=self.ground.files.published,
            **told,
        )

    def run(
        self, *, full: bool = False, on_page: Callable[..., None] | None = None, **changes: Any
    ) -> LoadResult | str:
        """One sync; the result, or the name of the error that ended it."""
        now = self.mirror.now + timedelta(hours=self.hours_off)
        self.simulator.requests.clear()
        self.syncs += 1
        try:
            return sync(
                self.settings(**changes),
                Options(full=full),
                now=lambda: now,
                sleep=lambda _: None,
                on_page=on_page,
            )
        except UnpodSyncError as error:
            return f"{type(error).__name__}: {error.message}"

    def judged(
        self,
        result: LoadResult | str,
        began: int,
        *,
        calm: bool = True,
        shifted: bool = False,
        full: bool = False,
        bent: bool = False,
        rows_went: bool = False,
    ) -> None:
        """Compares the warehouse with the server.

        `calm`: no budget or fault may have cut the sync short. `bent`: the lists contradicted
        themselves, so that what is gone may be marked by a later sweep.
        """
        if isinstance(result, str):
            raise DivergenceError(f"the sync failed: {result}")
        stored = self.looked()
        if result.exit_status == 0:
            whole = self.whole(full) if calm else frozenset[str]()
            exact = calm and len(whole) == len(self.mirror.spaces) and self.others_are_small(full)
            now = self.mirror.now + timedelta(hours=self.hours_off)
            bent = bent or self.simulator.behaviour.count_offset != 0
            away = judge.returned(self.mirror, stored, self.before)
            self.hidden = away if rows_went else away & self.hidden
            reading = Reading(
                began,
                self.mirror.tick,
                now,
                self.before,
                whole,
                exact,
                shifted,
                self.steady,
                may_defer_deletion=bent,
                rows_went=rows_went,
                hidden=self.hidden,
                is_full=full or self.is_first,
            )
            found = judge.differences(self.mirror, self.rules, stored, reading)
            if found:
                raise DivergenceError("; ".join(found[:4]) + self.told(result))
        elif calm and not judge.is_braked(self.mirror, stored, result.rows_held):
            raise DivergenceError(f"exit status {result.exit_status}" + self.told(result))
        small = frozenset(
            space for space in self.mirror.spaces if self.is_small(self.mirror.world.task_count(space))
        )
        self.settled = small if result.exit_status == 0 and calm and not shifted else frozenset()
        self.before, self.is_first = stored, False

    def looked(self) -> Stored:
        """What is stored, which must be sound."""
        stored = self.ground.read()
        if stored.flaws:
            raise DivergenceError("; ".join(stored.flaws))
        return stored

    def told(self, result: LoadResult) -> str:
        asked = " ".join(
            f"{r.path.removeprefix('/api/v2/platform/').replace('spaces/', 's/')}?{r.query.get('page')},{r.query.get('page_size')}"
            + (f"!{r.fault}" if r.fault else "")
            for r in self.simulator.requests
            if "tasks" in r.path
        )
        return (
            f" [{result.status}; notes {list(result.notes)}; failures {list(result.failures)}; asked {asked}]"
        )

    def is_small(self, rows: int) -> bool:
        size = min(self.rules.page_size, self.simulator.behaviour.max_page_size)
        return judge.pages(rows, size) <= self.rules.sweep_pages

    def others_are_small(self, full: bool) -> bool:
        lists = [len(self.mirror.world.runs(space)) for space in self.mirror.spaces]
        lists += [len(self.mirror.world.executions(agent)) for agent in self.mirror.agents]
        return full or (bool(self.settled or self.is_first) and all(map(self.is_small, lists)))

    def whole(self, full: bool) -> frozenset[str]:
        """The spaces that this sync must have read whole."""
        if full or self.is_first:
            return frozenset(self.mirror.spaces)
        return frozenset(s for s in self.settled if self.is_small(self.mirror.world.task_count(s)))

    # -- kinds of sync -----------------------------------------------------------------------

    def sync(self) -> None:
        began = self.mirror.tick
        self.judged(self.run(), began)

    def full(self) -> None:
        began = self.mirror.tick
        self.judged(self.run(full=True), began, full=True)

    def again(self) -> None:
        """Twice the same: the second time changes nothing.

        But a deletion that a wrong count speaks against is marked when a second reading confirms it.
        """
        self.sync()
        held = self.before
        result = self.run()
        self.judged(result, self.mirror.tick)
        assert not isinstance(result, str)
        if self.simulator.behaviour.count_offset and result.tasks_changed == 0:
            return
        # A list longer than a sweep's slice may well have changes that only the next slice meets.
        is_quiet = not (result.rows_changed or result.published)
        has_others = not self.settled.issuperset(self.mirror.spaces)
        if not is_quiet and not (
            has_others and all(held.live(s) == self.before.live(s) for s in self.settled)
        ):
            raise DivergenceError(f"a second sync changed {result.rows_changed} rows" + self.told(result))

    def week(self) -> None:
        """Regular syncs for the length of a sweep: afterwards everything old has been seen."""
        began = self.mirror.tick
        for _ in range(15):
            self.mirror.wait(12)
            result = self.run()
            self.judged(result, self.mirror.tick)
        stored = self.looked()
        now = self.mirror.now
        reading = Reading(began, self.mirror.tick, now, None, frozenset(self.mirror.spaces), False)
        found = judge.differences(self.mirror, self.rules, stored, reading)
        if found:
            raise DivergenceError("after a week of syncs: " + "; ".join(found[:4]))

    def budget(self, requests: int) -> None:
        began = self.mirror.tick
        result = self.run(max_requests=requests + 1)
        if isinstance(result, str) or not self.ground.has_warehouse:
            self.unsettled()
            return
        if len(self.simulator.requests) > requests + 1:
            raise DivergenceError(f"{len(self.simulator.requests)} requests for a budget of {requests + 1}")
        self.judged(result, began, calm=False)

    def crash(self, request: int) -> None:
        """The process dies at one request."""
        self.ground.crash(request, self.run)
        self.unsettled()

    def shift(self, request: int, seed: int) -> None:
        """The lists change between two pages of one reading."""
        rng = Random(seed)
        began = self.mirror.tick
        # Not told by the mirror's ticks: those count tasks, and a new run may have none.
        moves: list[Step] = []

        def move(_: object) -> None:
            if len(self.simulator.requests) == request or (
                len(self.simulator.requests) > request and rng.random() < 0.2
            ):
                for _ in range(rng.randint(1, 3)):
                    moves.append(draw(rng, CHANGES))
                    change(self.mirror, moves[-1])

        self.simulator.on_request = move
        result = self.run(workers=1)
        self.simulator.on_request = None
        others = () if isinstance(result, str) else result.failures
        if any("moved faster" not in failure for failure in others):
            raise DivergenceError("exit status 3" + self.told(result))  # type: ignore[arg-type]
        moved = bool(moves)
        self.judged(result, began, calm=not moved, shifted=moved, rows_went=self.mirror.upset_since(began))

    def faulty(self, seed: int) -> None:
        """One answer in six is a fault."""
        began = self.mirror.tick
        self.simulator.faults = [Fault.random(1 / 6, seed=seed)]
        result = self.run()
        self.simulator.faults = ()
        self.judged(result, began)

    def bent(self, which: int, seed: int) -> None:
        """Some pages are short, repeat rows, or claim another count."""
        rng = Random(seed)
        began = self.mirror.tick
        amount = rng.choice((1, 2)) if BENDS[which] != "wrong_count" else rng.choice((-6, -2, 2, 5))
        match = rng.choice(("/tasks/", "/runs/?", "page=1", "page=2", ""))
        self.simulator.faults = [Fault(BENDS[which], match=match, times=1, amount=amount)]
        result = self.run()
        self.simulator.faults = ()
        self.judged(result, began, bent=True)
        self.settled = frozenset()

    def dead_space(self, status: int) -> None:
        """One space fails for good; the others come in and its bookmarks stay. Alone, it fails the sync."""
        dead = self.mirror.spaces[0]
        before = self.ground.bookmarks(dead)
        self.simulator.faults = [
            Fault("dead_space", match=f"spaces/{dead}/", status=(206, 403, 404, 500)[status])
        ]
        began = self.mirror.tick
        result = self.run()
        self.simulator.faults = ()
        expected = 3 if len(self.mirror.spaces) > 1 else 1
        if isinstance(result, str) or result.exit_status != expected:
            raise DivergenceError(
                f"a dead space gave {result if isinstance(result, str) else result.exit_status}"
            )
        if before != self.ground.bookmarks(dead) and before:
            raise DivergenceError(f"the dead space's bookmarks moved: {before} {self.ground.bookmarks(dead)}")
        if self.ground.has_warehouse:
            alive = [space for space in self.mirror.spaces if space != dead]
            self.judged_only(alive, began)
        self.settled, self.is_first = frozenset(), False

    def judged_only(self, spaces: list[str], began: int) -> None:
        stored = self.looked()
        everything, self.mirror.spaces = self.mirror.spaces, spaces
        now = self.mirror.now + timedelta(hours=self.hours_off)
        reading = Reading(began, self.mirror.tick, now, self.before, frozenset(), False, True, self.steady)
        found = judge.differences(self.mirror, self.rules, stored, reading)
        self.mirror.spaces, self.before = everything, stored
        if found:
            raise DivergenceError("beside a dead space: " + "; ".join(found[:4]))

    def refused(self, after: int) -> None:
        """The token is refused in the middle."""
        self.simulator.faults = [Fault("401", match=("tasks", "runs", "")[after])]
        self.run()
        self.simulator.faults = ()
        self.unsettled()

    def unsettled(self) -> None:
        """A sync ended early: what is stored now is the base of the next one."""
        self.settled, self.is_first = frozenset(), False
        if self.ground.is_real:
            self.run(max_requests=1)  # opens the work file, which may have a log to replay
        if self.ground.has_warehouse:
            self.before = self.ground.read(unpublished=True)

    # -- behaviours and files -------------------------------------------------------------------

    def cap(self, size: int) -> None:
        self.simulator.behaviour = replace(self.simulator.behaviour, max_page_size=size + 1)
        self.settled = frozenset()

    def ignore_page(self, which: int) -> None:
        self.simulator.behaviour = replace(
            self.simulator.behaviour, ignore_page=frozenset([IGNORABLE[which]])
        )

    def count_off(self, which: int) -> None:
        self.simulator.behaviour = replace(self.simulator.behaviour, count_offset=OFFSETS[which])
        self.settled = frozenset()

    def projection(self, which: int) -> None:
        self.simulator.behaviour = replace(
            self.simulator.behaviour, projection=("full", "documented", "minimal")[which]
        )

    def honest(self) -> None:
        self.simulator.behaviour = ServerBehaviour()
        self.settled = frozenset()

    def skew(self, which: int) -> None:
        """Our clock goes wrong."""
        self.hours_off, self.steady = SKEWS[which], False

    def lose_work(self) -> None:
        self.ground.lose_work()
        self._from_published()

    def spoil_work(self, how: int) -> None:
        self.ground.spoil_work(how)
        self._from_published()

    def lose_published(self) -> None:
        self.ground.lose_published()

    def _from_published(self) -> None:
        """The work file will be made again from the published one."""
        if self.ground.is_real:
            self.settled = frozenset()
            self.before = self.ground.read(unpublished=False) if self.ground.has_warehouse else None
