"""One space: its description, its runs and its tasks."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from unpod_sync.simulator.bench import RUN_SIZE, BenchTasks
from unpod_sync.simulator.shelf import (
    JsonObject,
    Listing,
    Row,
    insert_row,
    key_from_object_id,
    remove_row,
)


class Space:
    """The rows of one space. Not locked: the world holds the lock."""

    def __init__(
        self, description: JsonObject, *, bench: BenchTasks | None = None, bench_count: int = 0
    ) -> None:
        """Empty, or with so many computed tasks."""
        self.description = description
        self.token = str(description["token"])
        self.bench = bench
        self.runs: list[Row] = []
        self.tasks: list[Row] = []
        self.changed: dict[int, Row] = {}
        self._base: Sequence[int] = range(bench_count)
        self._bench_runs: dict[str, int] = {}
        self._by_id: dict[str, Row] = {}
        self._by_run: dict[str, list[Row]] = {}
        self._listing: Listing | None = None
        self._add_bench_runs()

    # -- reading -----------------------------------------------------------------------------

    def listing(self) -> Listing:
        """All tasks."""
        if self._listing is None:
            self._listing = Listing(self._base, self.tasks, self._key_of)
        return self._listing

    def run_listing(self, run_id: str) -> Listing:
        """The tasks of a run; empty for a run nobody knows."""
        return Listing(self._run_base(run_id), self._by_run.get(run_id, []), self._key_of)

    def runs_listing(self) -> Listing:
        """All runs."""
        return Listing((), self.runs, self._key_of)

    def find(self, task_id: str) -> Row | int | None:
        """The reference of a task, or None."""
        row = self._by_id.get(task_id)
        if row is not None or self.bench is None:
            return row
        index = self.bench.find(task_id)
        if index is None or not self._has_base(index):
            return None
        return index

    def encoded(self, reference: Row | int) -> bytes:
        """The JSON of a reference."""
        if isinstance(reference, Row):
            return reference.encoded()
        row = self.changed.get(reference)
        if row is not None:
            return row.encoded()
        return self._bench_tasks().encoded(reference)

    def row(self, reference: Row | int) -> Row:
        """The reference as a row, to be read; computed tasks are not kept."""
        if isinstance(reference, Row):
            return reference
        return self.changed.get(reference) or self._computed_row(reference)

    def rows(self, reference_list: Sequence[Row | int]) -> Iterator[Row]:
        """The references as rows, to be read."""
        return (self.row(reference) for reference in reference_list)

    def newest_key(self) -> int:
        """The sort key of the newest task, 0 in an empty space."""
        newest = self.listing().newest(0, 1)
        if not newest:
            return 0
        return newest[0].key if isinstance(newest[0], Row) else self._key_of(newest[0])

    def run_counts(self, run_id: str, agent_handle: str) -> tuple[int, int]:
        """How many of a run's tasks the agent has, and how many of them are completed."""
        total = completed = 0
        base = self._run_base(run_id)
        if base and self._bench_tasks().agent(self._bench_runs[run_id]) == agent_handle:
            total = completed = len(base)
            completed -= sum(self._is_spoiled(index) for index in self.changed if index in base)
        for row in self._by_run.get(run_id, ()):
            task = row.payload()
            if task.get("assignee") == agent_handle:
                total += 1
                completed += task.get("status") == "completed"
        return total, completed

    # -- changing ----------------------------------------------------------------------------

    def insert_task(self, row: Row) -> None:
        """Put a task at the place its key says."""
        task = row.payload()
        insert_row(self.tasks, row)
        if isinstance(task.get("task_id"), str):
            self._by_id[task["task_id"]] = row
        self._by_run.setdefault(str(task.get("run_id")), [])
        insert_row(self._by_run[str(task.get("run_id"))], row)
        self._listing = None

    def insert_run(self, row: Row) -> None:
        """Put a run at the place its key says."""
        insert_row(self.runs, row)

    def changeable(self, reference: Row | int) -> JsonObject:
        """The live object behind a reference, to be changed."""
        if isinstance(reference, int):
            reference = self.changed.setdefault(reference, self._computed_row(reference))
        return reference.mutable()

    def move_to_run(self, reference: Row | int, run_id: str) -> None:
        """Let a stored task belong to another run."""
        if isinstance(reference, int):
            self.remove_task(reference)
            reference = self.row(reference)
            reference.mutable()["run_id"] = run_id
            self.insert_task(reference)
            return
        remove_row(self._by_run[str(reference.payload().get("run_id"))], reference)
        reference.mutable()["run_id"] = run_id
        insert_row(self._by_run.setdefault(run_id, []), reference)

    def remove_task(self, reference: Row | int) -> None:
        """Take a task out of every list."""
        self._listing = None
        if isinstance(reference, int):
            alive = array("L", self._base)
            del alive[bisect_left(alive, reference)]
            self._base = alive
            return
        task = reference.payload()
        remove_row(self.tasks, reference)
        remove_row(self._by_run[str(task.get("run_id"))], reference)
        if self._by_id.get(str(task.get("task_id"))) is reference:
            del self._by_id[str(task.get("task_id"))]

    def restore_base(self, index: int) -> None:
        """Let a computed task that was removed come back."""
        if isinstance(self._base, array) and not self._has_base(index):
            insort(self._base, index)
        self._listing = None

    def grow(self, count: int) -> None:
        """Let the computed tasks reach the given number."""
        known = self._base[-1] + 1 if self._base else 0
        if count <= known:
            return
        if isinstance(self._base, array):
            self._base.extend(range(known, count))
        else:
            self._base = range(count)
        self._add_bench_runs()
        self._listing = None

    # -- computed tasks ----------------------------------------------------------------------

    def _bench_tasks(self) -> BenchTasks:
        if self.bench is None:
            raise LookupError("this space computes no tasks")
        return self.bench

    def _key_of(self, index: int) -> int:
        return self._bench_tasks().key(index)

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

    def _is_spoiled(self, index: int) -> bool:
        return bool(self.changed[index].payload().get("status") != "completed")

    def _computed_row(self, index: int) -> Row:
        bench = self._bench_tasks()
        return Row(bench.key(index), orjson.loads(bench.encoded(index)))

    def _add_bench_runs(self) -> None:
        if self.bench is None or not self._base:
            return
        for run in range(len(self._bench_runs), self._base[-1] // RUN_SIZE + 1):
            payload = self.bench.run(run)
            self._bench_runs[payload["run_id"]] = run
            key = key_from_object_id(payload.pop("_id")) or 0
            self.insert_run(Row(key, payload))


def described(token: str, name: str, agent_handle: str, number: int, **more: Any) -> JsonObject:
    """A space as the listing shows it."""
    return {
        "id": number,
        "name": name,
        "token": token,
        "slug": name.lower().replace(" ", "-").replace("&", "and"),
        "description": more.pop("description", ""),
        "agent_handle": agent_handle,
        "privacy_type": "private",
        "space_type": "general",
        "content_type": more.pop("content_type", "contact"),
        **more,
    }
