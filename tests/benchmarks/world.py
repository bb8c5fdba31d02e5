"""Worlds of uniform finished calls that are computed when asked for: a million tasks take no memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

import orjson

from tests.benchmarks.bench_tasks import LAG_SECONDS, RUN_SIZE, BenchTasks
from unpod_sync.simulator import World, ids
from unpod_sync.simulator.rows import JsonObject, StoredRow, key_from_object_id
from unpod_sync.simulator.space import Space, described


def bench_world(
    seed: int = 7, *, tasks: int = 1500, spaces: int = 2, now: datetime | None = None, days: int = 60
) -> BenchWorld:
    """The same number of tasks in each space, evenly over the days. The same arguments, the same world."""
    world = BenchWorld(seed=seed, now=now)
    rng = Random(f"{seed}:bench")
    agents = [world.add_agent(f"Bench Agent {n}", handle=ids.agent_handle(rng)) for n in range(1, 5)]
    for number in range(spaces):
        count = tasks // spaces + (number < tasks % spaces)
        step = days * 86_400 / max(1, count)
        start = world.now - timedelta(seconds=LAG_SECONDS + int(step * max(0, count - 1)))
        bench = BenchTasks(seed=seed, space_index=number, agents=agents, start=start, step_seconds=step)
        description = described(
            ids.space_token(rng),
            f"Bench {number + 1}",
            agents[0],
            900 + number,
            created_at=ids.naive_time(start),
            organization={"name": "Simulated Organisation", "domain_handle": "sim-org"},
        )
        world.add_bench_space(BenchSpace(description, bench, count))
    return world


class BenchWorld(World):
    """A world whose spaces compute their tasks; more come as its clock moves."""

    def add_bench_space(self, space: BenchSpace) -> None:
        """A space that computes its tasks."""
        with self.lock:
            self._spaces[space.token] = space

    def advance(self, duration: timedelta) -> None:
        """Move the clock; the tasks that are due by then are there."""
        with self.lock:
            super().advance(duration)
            for space in self._spaces.values():
                if isinstance(space, BenchSpace):
                    space.grow(space.bench.count_until(self.now))


class ComputedRow(StoredRow):
    """A task that is computed when asked for; its first change makes it a stored one."""

    __slots__ = ("_space", "index")

    def __init__(self, space: BenchSpace, index: int) -> None:
        """The task of that number."""
        super().__init__(space.bench.key(index), None)
        self._space = space
        self.index = index

    @property
    def _is_stored(self) -> bool:
        return self._space.changed.get(self.index) is self

    @property
    def task_id(self) -> str:
        """The id, without computing the rest."""
        return super().task_id if self._is_stored else self._space.bench.task_id(self.index)

    def encoded(self) -> bytes:
        """The task's JSON."""
        return super().encoded() if self._is_stored else self._space.bench.encoded(self.index)

    def payload(self) -> JsonObject:
        """The task, to be read."""
        return super().payload() if self._is_stored else self.copy()

    def copy(self) -> JsonObject:
        """A copy of the task."""
        copied: JsonObject = super().copy() if self._is_stored else orjson.loads(self.encoded())
        return copied

    def mutable(self) -> JsonObject:
        """The task, to be changed; from now on it is stored."""
        if not self._is_stored:
            self._payload = self.copy()
            self._space.changed[self.index] = self
        return super().mutable()


class BenchSpace(Space):
    """A space with tasks 0, 1, 2 … that are computed, beside those that are stored."""

    def __init__(self, description: JsonObject, bench: BenchTasks, count: int) -> None:
        """With so many computed tasks."""
        super().__init__(description)
        self.bench = bench
        self.changed: dict[int, ComputedRow] = {}
        self._count = 0
        self._base: Sequence[int] = range(0)
        self._bench_runs: dict[str, int] = {}
        self._listing: Listing | None = None
        self.grow(count)

    @property
    def tasks(self) -> Sequence[StoredRow]:
        """All tasks."""
        if self._listing is None:
            self._listing = Listing(self._base, self._tasks, self._computed, self.bench.key)
        return self._listing

    def run_tasks(self, run_id: str) -> Sequence[StoredRow]:
        """The tasks of a run."""
        return Listing(self._run_base(run_id), super().run_tasks(run_id), self._computed, self.bench.key)

    def find(self, task_id: str) -> StoredRow | None:
        """The row of a task, or None."""
        row = super().find(task_id)
        index = self.bench.find(task_id) if row is None else None
        return self._computed(index) if index is not None and self._has_base(index) else row

    def run_counts(self, run_id: str, agent_handle: str) -> tuple[int, int]:
        """Computed tasks are completed, unless they were changed."""
        total, completed = super().run_counts(run_id, agent_handle)
        base = self._run_base(run_id)
        if base and self.bench.agent(self._bench_runs[run_id]) == agent_handle:
            changed = [row.payload()["status"] for index, row in self.changed.items() if index in base]
            total += len(base)
            completed += len(base) - sum(status != "completed" for status in changed)
        return total, completed

    def insert_task(self, row: StoredRow) -> None:
        """Put a stored task at the place of its key."""
        super().insert_task(row)
        self._listing = None

    def move_to_run(self, row: StoredRow, run_id: str) -> StoredRow:
        """A computed task that changes its run becomes a stored one."""
        if not isinstance(row, ComputedRow):
            return super().move_to_run(row, run_id)
        self.remove_task(row)
        stored = StoredRow(row.key, row.copy() | {"run_id": run_id})
        self.insert_task(stored)
        return stored

    def remove_task(self, row: StoredRow) -> None:
        """Take a task out of every list."""
        self._listing = None
        if isinstance(row, ComputedRow):
            alive = array("L", self._base)
            del alive[bisect_left(alive, row.index)]
            self._base = alive
        else:
            super().remove_task(row)

    def grow(self, count: int) -> None:
        """Let the computed tasks reach the given number."""
        if count <= self._count:
            return
        if isinstance(self._base, array):
            self._base.extend(range(self._count, count))
        else:
            self._base = range(count)
        self._count = count
        for run in range(len(self._bench_runs), (count - 1) // RUN_SIZE + 1):
            payload = self.bench.run(run)
            self._bench_runs[payload["run_id"]] = run
            self.insert_run(StoredRow(key_from_object_id(payload.pop("_id")) or 0, payload))
        self._listing = None

    def _computed(self, index: int) -> ComputedRow:
        return self.changed.get(index) or ComputedRow(self, index)

    def _has_base(self, index: int) -> bool:
        if isinstance(self._base, range):
            return index in self._base
        position = bisect_left(self._base, index)
        return position < len(self._base) and self._base[position] == index

    def _run_base(self, run_id: str) -> Sequence[int]:
        run = self._bench_runs.get(run_id)
        if run is None:
            return ()
        low = bisect_left(self._base, run * RUN_SIZE)
        return self._base[low : bisect_left(self._base, (run + 1) * RUN_SIZE)]


class Listing(Sequence[StoredRow]):
    """A list merged from computed tasks (`base`, ascending numbers) and stored rows, both in key order."""

    def __init__(
        self,
        base: Sequence[int],
        rows: Sequence[StoredRow],
        computed: Callable[[int], StoredRow],
        key_of: Callable[[int], int],
    ) -> None:
        """Work out where the rows lie between the computed tasks."""
        self._base = base
        self._rows = rows
        self._computed = computed
        self._places = [bisect_right(base, row.key, key=key_of) + n for n, row in enumerate(rows)]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._base) + len(self._rows)

    def __getitem__(self, place: int | slice) -> StoredRow | list[StoredRow]:
        """One row, or a stretch of them."""
        if isinstance(place, slice):
            return [self._at(number) for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._at(place % len(self))

    def _at(self, place: int) -> StoredRow:
        before = bisect_left(self._places, place)
        if before < len(self._places) and self._places[before] == place:
            return self._rows[before]
        return self._computed(self._base[place - before])
