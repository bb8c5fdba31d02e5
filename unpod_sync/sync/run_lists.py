"""Unfinished tasks, read through the lists of their runs where that takes fewer requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from unpod_sync.api import Job
from unpod_sync.errors import ApiError
from unpod_sync.model import run_tasks
from unpod_sync.sync.coverage import last_page
from unpod_sync.sync.progress import ListProgress

if TYPE_CHECKING:
    from unpod_sync.sync.extract import Extractor


def read_unfinished(extractor: Extractor, progress: ListProgress) -> None:
    """Reads unfinished tasks through their runs: those planned so, and those that their page did not show."""
    assert progress.plan is not None
    sizes = {task.run_id: task.run_size for task in progress.state.unfinished if task.run_id}
    runs = set(progress.plan.runs)
    missed = {t.run_id for t in progress.state.unfinished if t.run_id and t.id in progress.pending_unfinished}
    wanted = sorted(runs | (missed if progress.state.runs_usable else set()))
    pages = {run_id: last_page(sizes.get(run_id, 1), progress.size) for run_id in wanted}
    extractor.findings.planned -= len(runs)
    counts = _take_runs(extractor, progress, {r: range(1, pages[r] + 1) for r in wanted})
    # Runs grow: a task may stand further down by now.
    _take_runs(
        extractor,
        progress,
        {r: range(pages[r] + 1, last_page(counts.get(r, 0), progress.size) + 1) for r in wanted},
    )
    if progress.pending_unfinished and extractor.may_go_on(progress):
        shift = max(
            extractor.position_shift(progress), extractor.stored_count(progress) - progress.counts.expected
        )
        around = [
            (t.position - 1 - shift, t.position + 2)
            for t in progress.state.unfinished
            if t.id in progress.pending_unfinished
        ]
        extractor.reread(progress, progress.pages_for(around if wanted else progress.covered.missing(around)))


def _take_runs(
    extractor: Extractor, progress: ListProgress, pages: Mapping[str, Iterable[int]]
) -> dict[str, int]:
    """Reads these pages of runs, each to its first empty one; returns the count that each run reports.

    A copy with fewer fields keeps the other ones of what is stored. So the copies of the list itself are
    stored before these, and these before the list is read again.
    """
    counts: dict[str, int] = {}
    ended: set[str | None] = set()

    def jobs() -> Iterator[Job]:
        for run_id, numbers in pages.items():
            for number in numbers:
                if run_id in ended:
                    break
                extractor.findings.planned += 1
                yield run_tasks(progress.resource.space_token or "", run_id), number, progress.size

    extractor.loader.flush()
    for job, result in extractor.fetch(jobs()):
        if isinstance(result, ApiError):
            if extractor.findings.halted is None:
                progress.remember(runs_usable=False)
            continue
        page, records, rejects = result
        if not page.rows:
            ended.add(job[0].run_id)
        counts[job[0].run_id or ""] = page.count or 0
        identified = [record for record in records if "task_id" in record.keys]
        whole = [record for record in identified if "output" in record.keys]
        if len(whole) < len(page.rows):
            # Some servers show fewer fields here (docs/api-behaviour.md, section 3): then the pages must do.
            progress.remember(runs_usable=False)
        progress.pending_unfinished.difference_update(
            record.id for record in whole if "status" in record.keys
        )
        extractor.loader.add(progress, None, identified, rejects if identified else [])
    extractor.loader.flush()
    return counts
