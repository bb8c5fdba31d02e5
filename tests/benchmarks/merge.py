"""Merging one batch of 1,000 changed tasks into warehouses of growing size."""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from tests.benchmarks import harness, synthetic
from tests.benchmarks.harness import Figure, Options
from unpod_sync.model import space_tasks
from unpod_sync.sync.loader import created_between
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse import merge
from unpod_sync.warehouse.batch import LoadBatch, LoadContext, flat_batch
from unpod_sync.warehouse.database import Warehouse, load_rows
from unpod_sync.warehouse.duckdb_file import DuckDBFile

SIZE = 1_000_000
CHANGED = 1_000


def run(options: Options) -> list[Figure]:
    """At a hundredth, a tenth and the whole of the size: newest tasks, then tasks of any age."""
    size = options.sized(SIZE)
    sizes = sorted({max(100, size // 100), max(100, size // 10), size})
    folder = options.folder / "merge"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = synthetic.build(folder, min(synthetic.SEED_TASKS, sizes[0]))
    times: dict[str, dict[int, float]] = defaultdict(dict)
    figures = []
    for tasks in sizes:
        stored = synthetic.multiply(synthetic.work_file(database), tasks)
        for age in ("newest", "any age"):
            parts = [_merge(database, age, turn) for turn in range(options.repeats)]
            compare = harness.median([part[0] for part in parts])
            write = harness.median([part[1] for part in parts])
            times[age][tasks] = compare + write
            options.say(f"merge: {stored} tasks, {age}: compare {compare:.2f} s, write {write:.2f} s")
            detail = f"look up {compare * 1000:.0f} ms, write and commit {write * 1000:.0f} ms"
            target, met = "", None
            if tasks == sizes[-1] and age == "newest":
                growth = times[age][tasks] / times[age][sizes[0]]
                detail += f"; {growth:.1f} × the time at {sizes[0]:,}"
                target, met = "follows the batch, not the warehouse", growth < 2.5
            case = f"{min(CHANGED, stored):,} changed of {stored:,}, {age}"
            figures.append(Figure("merge", case, compare + write, "s", detail, target, met))
    shutil.rmtree(folder)
    return figures


def _merge(database: Path, age: str, turn: int) -> tuple[float, float]:
    """Seconds of looking up what is stored, and of writing the batch."""
    warehouse = Warehouse.open(DuckDBFile(database), now=synthetic.now())
    try:
        connection = warehouse.connection
        order = "created_at desc" if age == "newest" else "hash(task_id)"
        found = connection.execute(
            f"select p.payload_json from raw.payloads as p semi join"
            f" (select task_id, batch_id from main.tasks order by {order} limit {CHANGED}) as t"
            " on p.id = t.task_id and p.batch_id = t.batch_id where p.kind = 'task'"
            " order by p.payload_json->>'created' desc"
        ).fetchall()
        rows = [orjson.loads(text) for (text,) in found]
        for row in rows:
            row["output"]["call_summary"] = f"merged {age} {turn} {time.time()}"
        token = connection.execute("select min(space_token) from main.spaces").fetchall()[0][0]
        records, _ = prepare(list(map(orjson.dumps, rows)), space_tasks(token))
        batch = LoadBatch(copies=[flat_batch(records, flatten("task", records, ZoneInfo("UTC")))])
        highest = connection.execute("select max(batch_id) from main.tasks").fetchall()[0][0]
        # A load of its own: within one load, copies of a task compete.
        stamp = LoadContext(f"bench-{highest + 1}", highest + 1, synthetic.now())
        # As a list's pages come, in its order; changes all over it come on as many pages, each with the others' rows.
        created = created_between(records) if age == "newest" else None
        started = time.perf_counter()
        stored = load_rows(connection, "task", [record.id for record in records], created)
        compared = time.perf_counter()
        assert len(stored) == len(records)
        batch.stored["task"] = stored
        changed = merge.write(connection, batch, stamp)
        written = time.perf_counter()
        if changed["task"] != len(records):
            raise harness.FailedRunError(f"{changed['task']} of {len(records)} changes were written")
        return compared - started, written - compared
    finally:
        warehouse.close()
