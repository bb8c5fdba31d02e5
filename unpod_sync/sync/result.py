"""The result of a load, and its exit status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from unpod_sync.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_PARTIAL,
    AccessError,
    ApiError,
    BudgetError,
    CredentialsError,
    NoRouteError,
    UnavailableError,
)
from unpod_sync.sync.extract import SyncFindings
from unpod_sync.sync.progress import ListProgress

SHOWN = 5  # names in one note

STATUS_NAMES = {EXIT_DONE: "done", EXIT_PARTIAL: "partial", EXIT_FAILED: "failed"}


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exit status of a load, its failures, and its notes."""

    exit_status: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Refused:
    """The lists that failed, by what their failure means. `missing`: the server has no such route for any agent."""

    failed: list[ListProgress] = field(default_factory=list)
    foreign: list[ListProgress] = field(default_factory=list)
    optional: list[ListProgress] = field(default_factory=list)
    missing: list[ListProgress] = field(default_factory=list)

    @classmethod
    def among(cls, lists: Sequence[ListProgress]) -> _Refused:
        """Sorts the lists that failed."""
        found = cls()
        executions = [r for r in lists if r.resource.kind == "execution" and (r.plan or r.error)]
        has_route = not all(isinstance(r.error, NoRouteError) for r in executions)
        answered = {r.resource.owner for r in lists if r.plan is not None}
        for progress in lists:
            error = progress.error
            if error is None:
                continue
            if isinstance(error, NoRouteError) and progress in executions and not has_route:
                found.missing.append(progress)
            elif progress.optional and isinstance(error, AccessError | CredentialsError):
                found.optional.append(progress)
            elif progress.listed and is_foreign(progress) and progress.resource.owner not in answered:
                found.foreign.append(progress)
            else:
                found.failed.append(progress)
        return found

    def notes(self) -> list[str]:
        """Notes for lists whose error is no failure; none while the error is the same as at the last sync."""
        notes = [
            f"{r.resource.name}: the API shows this token no such listing (401)"
            if isinstance(r.error, CredentialsError)
            else r.error.message
            for r in self.optional
            if r.error is not None and is_news(r)
        ]
        if self.missing and all(map(is_news, self.missing)):
            notes.append("the server has no executions lists (404 for every agent): they are left out")
        new = [r.resource.owner or "" for r in self.foreign if is_news(r)]
        if names := list(dict.fromkeys(new)):
            shown = ", ".join(names[:SHOWN]) + (
                f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            )
            notes.append(f"listed, but not readable with this token, and left out: {shown}")
        return notes


def is_foreign(progress: ListProgress) -> bool:
    """Whether access is refused (206) to a list that was never read: listings also show what belongs to others."""
    error = progress.error
    return isinstance(error, AccessError) and error.status == 206 and progress.state.count is None


def is_news(progress: ListProgress) -> bool:
    """Whether the list's error differs from that of the last sync."""
    return progress.error is not None and progress.error.message != progress.state.last_error


def exit_status_of(lists: Sequence[ListProgress], findings: SyncFindings) -> Verdict:
    """What failed and what is to be noted, in words, and the exit status.

    0 nothing failed, 3 some of it, 1 every list that matters.
    """
    refused = _Refused.among(lists)
    # An ended budget is the user's own limit, not a failure: what was read is in.
    of_spaces = [progress for progress in lists if progress.resource.space_token is not None]
    worked = isinstance(findings.halted, BudgetError) or any(map(_worked, of_spaces or lists))
    failed = refused.failed if worked else refused.failed + refused.foreign
    failures = _outage(failed, findings.halted) + findings.failures
    unreadable = sum(len(progress.unreadable_positions) for progress in lists)
    if unreadable:
        failures.append(
            f"{_rows(unreadable)} cannot be read, the server fails every page with them (meta.rejects)"
        )
    failures += [
        f"{progress.resource.name}: {_rows(progress.lost_rows)} could not be stored whole (meta.rejects)"
        for progress in lists
        if progress.lost_rows
    ]
    failures += [
        f"{progress.resource.name}: {progress.state.held_deletions:,} stored rows are no longer listed, too many to be"
        " believed at once; none is marked as deleted until `sync --accept-deletions` confirms it"
        for progress in lists
        if progress.state.held_deletions
    ]
    is_postponed = findings.halted is None and any(progress.postponed for progress in lists)
    if isinstance(findings.halted, BudgetError) or is_postponed:
        if any(progress.is_incomplete for progress in lists):
            failures.append("the request budget ended before everything due was read; the next sync goes on")
    elif findings.halted is not None and not failures:
        failures.append(findings.halted.message)
    status = EXIT_DONE if not failures else EXIT_PARTIAL if worked else EXIT_FAILED
    return Verdict(status, tuple(failures), tuple(refused.notes()))


def _outage(failed: Sequence[ListProgress], halted: ApiError | None) -> list[str]:
    """The messages of lists that failed; those of a server that is down are one, with its hint."""
    errors = [progress.error for progress in failed if progress.error is not None]
    if not isinstance(halted, UnavailableError):
        return [error.message for error in errors]
    others = [error.message for error in errors if not isinstance(error, UnavailableError)]
    down = len(errors) - len(others)
    return [*others, f"the server cannot be reached, {down} lists failed: {halted.message}. {halted.hint}"]


def _worked(progress: ListProgress) -> bool:
    """Whether anything of the list was read; an empty list that answered was read too."""
    return bool(progress.covered) or (progress.plan is not None and progress.error is None)


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"
