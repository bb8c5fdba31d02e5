"""Every view on a large warehouse: its time, and whether it reads the messages."""

from __future__ import annotations

import shutil
import time

import duckdb

from tests.benchmarks import harness, synthetic
from tests.benchmarks.harness import Figure, Options

SIZE = 1_000_000


def run(options: Options) -> list[Figure]:
    """All columns of all rows of each view are computed, none is carried over."""
    size = options.sized(SIZE)
    folder = options.folder / "views"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = synthetic.build(folder, min(synthetic.SEED_TASKS, size))
    database.unlink()
    work = synthetic.work_file(database)
    tasks = synthetic.multiply(work, size, payloads=False)
    figures = []
    with duckdb.connect(str(work), read_only=True) as connection:
        messages = _number(connection, "select count(*) from main.transcript_messages")
        options.say(f"views: {tasks} tasks, {messages} messages, {work.stat().st_size >> 20} MB")
        names = connection.execute(
            "select view_name from duckdb_views() where not internal and schema_name = 'main' order by 1"
        ).fetchall()
        for (name,) in names:
            figures.append(_figure(connection, name, options))
    figures.sort(key=lambda figure: -(figure.value or 0))
    shutil.rmtree(folder)
    total = sum(figure.value or 0 for figure in figures)
    detail = f"{len(figures)} views on {tasks:,} tasks, {messages:,} messages"
    return [Figure("views", "all together", total, "s", detail), *figures]


def _figure(connection: duckdb.DuckDBPyConnection, name: str, options: Options) -> Figure:
    sql = f'select count(*), count(columns(*)) from main."{name}"'
    plan = "\n".join(str(row) for row in connection.execute(f"explain {sql}").fetchall())
    seconds = []
    rows = 0
    for _ in range(options.repeats):
        started = time.perf_counter()
        rows = _number(connection, sql)
        seconds.append(time.perf_counter() - started)
    scans = "reads the messages" if "transcript_messages" in plan else ""
    detail = f"{rows:,} rows" + (f"; {scans}" if scans else "")
    return Figure("views", name, harness.median(seconds), "s", detail)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])
