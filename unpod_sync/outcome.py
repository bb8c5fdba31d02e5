"""How a load went, and which exit status tells so honestly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from unpod_sync.errors import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, BudgetError
from unpod_sync.lists import Findings
from unpod_sync.reading import Reading

WORDS = {EXIT_DONE: "done", EXIT_PARTIAL: "partial", EXIT_FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class LoadResult:
    """How a load went. `exit_status` is the process's: 0 done, 1 failed, 3 partial.

    `rows_held` are no longer listed, but so many that the user has to confirm their deletion.
    """

    load_id: str
    status: str
    exit_status: int
    started_at: datetime
    ended_at: datetime
    requests: int
    requests_planned: int
    tasks_read: int
    tasks_changed: int
    tasks_deleted: int
    rows_changed: int
    published: bool
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    plans: dict[str, dict[str, int]] = field(default_factory=dict)
    rows_held: int = 0


def judge(readings: Sequence[Reading], findings: Findings) -> tuple[list[str], int]:
    """What failed, in words, and the exit status: 0 nothing, 3 some of it, 1 every list that matters."""
    failures = list(findings.failures)
    unreadable = sum(len(reading.bad) for reading in readings)
    if unreadable:
        failures.append(
            f"{unreadable} rows cannot be read, the server fails every page with them (meta.rejects)"
        )
    failures += [
        f"{reading.resource.name}: {reading.lost_rows} rows could not be stored whole (meta.rejects)"
        for reading in readings
        if reading.lost_rows
    ]
    failures += [
        f"{reading.resource.name}: {reading.state.held:,} stored rows are no longer listed, too many to be"
        " believed at once; none is marked as deleted until `sync --accept-deletions` confirms it"
        for reading in readings
        if reading.state.held
    ]
    if isinstance(findings.halted, BudgetError):
        if any(reading.is_wanting for reading in readings):
            failures.append("the request budget ended before everything due was read; the next sync goes on")
    elif findings.halted is not None and not failures:
        failures.append(findings.halted.message)
    if not failures:
        return failures, EXIT_DONE
    of_spaces = [reading for reading in readings if reading.resource.space_token is not None]
    # An ended budget is the user's own limit, not a failure: what was read is in.
    worked = isinstance(findings.halted, BudgetError) or any(map(_worked, of_spaces or readings))
    return failures, EXIT_PARTIAL if worked else EXIT_FAILED


def _worked(reading: Reading) -> bool:
    """Whether anything of the list was read; an empty list that answered was read too."""
    return bool(reading.covered) or (reading.plan is not None and reading.error is None)
