"""Memory and pace of a long first load, and the growth of the file over many later syncs."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from tests.benchmarks import harness, synthetic
from tests.benchmarks.harness import PAGE_SIZE, Figure, Options, Server

SIZE = 100_000
GROWTH_SIZE = 10_000
GROWTH_SYNCS = 100
MOST_MB = 800


@dataclass(frozen=True, slots=True)
class Sample:
    """Where the load stood at a moment."""

    seconds: float
    tasks: int
    resident_mb: float


def run(options: Options) -> list[Figure]:
    """The long load, then the hundred syncs."""
    folder = options.folder / "memory"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures = _load(options, folder, options.sized(SIZE))
    shutil.rmtree(folder)
    folder.mkdir()
    small = options.size is not None and options.size < GROWTH_SIZE
    size, syncs = (options.sized(GROWTH_SIZE), 2) if small else (GROWTH_SIZE, GROWTH_SYNCS)
    figures += _growth(options, folder, size, syncs)
    shutil.rmtree(folder)
    return figures


def _load(options: Options, folder: Path, size: int) -> list[Figure]:
    database = folder / "unpod.duckdb"
    samples: list[Sample] = []
    with harness.serving(size) as server:
        started = time.monotonic()

        def look(process_id: int) -> None:
            tasks = min(size, server.requests * PAGE_SIZE)
            samples.append(Sample(time.monotonic() - started, tasks, resident_mb(process_id)))

        done = harness.run(
            [sys.executable, "-m", "unpod_sync", "sync", "--json", "--database", database],
            environment=server.environment,
            folder=folder,
            tick=look,
            tick_seconds=max(0.2, min(5.0, size / 100_000)),
        )
        if done.json()["tasks_changed"] != size:
            raise harness.FailedRunError(f"{done.json()['tasks_changed']} tasks were written, not {size}")
    work = synthetic.work_file(database)
    megabytes = [path.stat().st_size / 2**20 for path in (work, database)]
    sizes = f"work file {megabytes[0]:,.0f} MB, published {megabytes[1]:,.0f} MB"
    pace = curve(samples, size)
    figures = [
        Figure(
            "memory",
            f"first load of {size:,}, peak",
            done.peak_mb,
            "MB",
            f"{done.seconds:.0f} s, {done.cpu_seconds:.0f} s CPU; {sizes}; "
            f"at tenths of the way {_tenths(samples, size)} MB",
            f"within {MOST_MB} MB",
            done.peak_mb <= MOST_MB,
        )
    ]
    if len(pace) == 10:
        begin, end = harness.median(pace[1:4]), harness.median(pace[7:10])
        figures.append(
            Figure(
                "memory",
                "pace at the end / at the beginning",
                end / begin,
                "×",
                "tasks/s by tenths: " + " ".join(f"{rate:,.0f}" for rate in pace),
                "the same rate",
                end / begin >= 0.85,
            )
        )
    return figures


def curve(samples: list[Sample], size: int) -> list[float]:
    """Tasks per second in each tenth of the load, between the samples next to its ends."""
    marks = []
    for tenth in range(11):
        wanted = size * tenth / 10
        reached = next((sample for sample in samples if sample.tasks >= wanted), None)
        if reached is None:
            break
        marks.append(reached)
    rates = []
    for before, after in pairwise(marks):
        if after.seconds > before.seconds:
            rates.append((after.tasks - before.tasks) / (after.seconds - before.seconds))
    return rates


def _tenths(samples: list[Sample], size: int) -> str:
    found = []
    for tenth in range(1, 11):
        reached = next((sample for sample in samples if sample.tasks >= size * tenth / 10), None)
        if reached is not None:
            found.append(f"{reached.resident_mb:.0f}")
    return " ".join(found)


def resident_mb(process_id: int) -> float:
    """Memory that a process holds now; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0
    )


def _growth(options: Options, folder: Path, size: int, syncs: int) -> list[Figure]:
    """Each sync finds one task in two hundred changed, anywhere in the hot window."""
    database = folder / "unpod.duckdb"
    with harness.serving(size, days=1) as server:
        harness.sync(server, database)
        sizes = [database.stat().st_size / 2**20]
        seconds = []
        for turn in range(syncs):
            seconds.append(_change_and_sync(server, database, size, turn))
            sizes.append(database.stat().st_size / 2**20)
            if turn % 10 == 9:
                options.say(f"memory: after {turn + 1} later syncs {sizes[-1]:.0f} MB")
    with duckdb.connect(str(database), read_only=True) as connection:
        versions, tasks = connection.execute(
            "select count(*), count(distinct task_id) from main.task_versions"
        ).fetchall()[0]
    compactions = sum(after < before * 0.9 for before, after in pairwise(sizes))
    shown = " ".join(f"{sizes[(len(sizes) - 1) * tenth // 10]:.0f}" for tenth in range(11))
    detail = (
        f"{sizes[0]:.0f} → {sizes[-1]:.0f} MB, at most {max(sizes):.0f}, {compactions} compactions, "
        f"{versions - tasks:,} versions added; by tenths {shown} MB; "
        f"a sync takes {harness.median(seconds):.1f} s"
    )
    case = f"file after {syncs} later syncs of {size:,} tasks"
    return [Figure("memory", case, sizes[-1] / sizes[0], "×", detail)]


def _change_and_sync(server: Server, database: Path, size: int, turn: int) -> float:
    number = max(1, size // 200)
    # Each turn begins elsewhere, so that other tasks change.
    offset = turn * 7 % 100
    edited = server.ask("edit", number=number, newest=size - offset, offset=offset, mark=f"turn {turn}")
    done, said = harness.sync(server, database)
    if said["tasks_changed"] != edited:
        raise harness.FailedRunError(f"turn {turn}: {said['tasks_changed']} of {edited} changes were found")
    return done.seconds
