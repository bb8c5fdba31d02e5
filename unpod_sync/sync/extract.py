"""Reading lists: first pages, the plan's pages, and pages that must be read again.

Each list stands for itself: one that fails keeps its bookmark and does not affect the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unpod_sync.api import Client, Job
from unpod_sync.api.bisect import bisect_page
from unpod_sync.config import FreshnessPolicy
from unpod_sync.errors import (
    ApiError,
    BudgetError,
    CredentialsError,
    ResponseError,
    UnavailableError,
)
from unpod_sync.model import Page, Record, Reject, Resource
from unpod_sync.sync import list_state
from unpod_sync.sync.coverage import last_page
from unpod_sync.sync.loader import BatchLoader
from unpod_sync.sync.plan import DEFAULT_PACE, LEAST_SLICE, SweepPace, sweep_allowance, verification_time
from unpod_sync.sync.progress import STAGES, ListProgress
from unpod_sync.transform.records import is_lost, is_mostly_rejected, prepare
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.merge import write_bookmarks
from unpod_sync.warehouse.transactions import transaction

Prepared = tuple[Page, list[Record], list[Reject]]

FRUITLESS_PAGES = (
    3  # pages in a row without rows, or with those of the first page: the list has ended, whatever its count
)
ENOUGH_REQUESTS = (
    5  # requests a list: with fewer in the budget, lists take turns, and go on where they stopped
)
OUTAGE_LISTS = 3  # lists in a row that cannot be reached: the server is down, not the list


@dataclass(slots=True)
class SyncFindings:
    """What a sync reports besides the rows."""

    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    planned: int = 0
    deleted: dict[str, int] = field(default_factory=dict)
    plans: dict[str, dict[str, int]] = field(default_factory=dict)
    halted: ApiError | None = None
    rejecting: set[str] = field(default_factory=set)  # lists with a page whose rows are mostly rejected


class Extractor:
    """Reads lists into the loader."""

    def __init__(
        self,
        client: Client,
        loader: BatchLoader,
        warehouse: Warehouse,
        policy: FreshnessPolicy,
        *,
        now: Callable[[], datetime],
        full: bool = False,
        accept_deletions: bool = False,
        secrets: tuple[str, ...] = (),
        interval: timedelta = DEFAULT_PACE.interval,
        on_page: Callable[[ListProgress, Page], None] = lambda progress, page: None,
    ) -> None:
        """`now` returns the server's time (naive UTC), `interval` is that of the syncs; `on_page` is called for each page.

        With `accept_deletions` a sweep marks any number of rows as deleted.
        """
        self.findings = SyncFindings()
        self.client = client
        self.loader = loader
        self.warehouse = warehouse
        self._policy = policy
        self.now = now
        self._full = full
        self.accept_deletions = accept_deletions
        self._secrets = secrets
        self._interval = interval
        self._on_page = on_page
        self._unreachable = 0
        self._lists: dict[str, ListProgress] = {}

    def open(
        self, resources: Iterable[Resource], *, optional: bool = False, listed: bool = False
    ) -> list[ListProgress]:
        """The progress of these lists, from their stored state; `optional` and `listed` as in `ListProgress`."""
        lists = [
            ListProgress(
                resource,
                list_state.list_state(self.warehouse, resource, self._policy, self.now()),
                optional,
                listed,
                is_budgeted=self.client.requests_left is not None,
            )
            for resource in resources
        ]
        self._lists |= {progress.resource.name: progress for progress in lists}
        return lists

    @property
    def pace(self) -> SweepPace:
        """What is known now of how often syncs come, and of how many requests are allowed."""
        return SweepPace(self._interval, self.client.allowed_per_minute)

    def plan(self, lists: list[ListProgress]) -> None:
        """Reads the first pages, which give the lists' lengths, and plans the rest."""
        by_name = {progress.resource.name: progress for progress in lists}
        for progress in lists:
            if self._is_scarce() and not self._full and progress.can_resume:
                progress.resume(now=self.now(), policy=self._policy, pace=self.pace)
                if progress.begins_sweep:
                    self.forget_sweep(progress)
        first = [(r.resource, 1, self._policy.page_size) for r in lists if not r.is_resumed]
        self.findings.planned += len(first)
        for job, result in self.fetch(first):
            self._start(by_name[job[0].name], result)
        left = self.client.requests_left
        for progress in lists:
            if len(lists) == 1 and left is not None and not self._full:  # lists take turns
                progress.postpone_verified(left)
            if progress.plan is not None:
                self.findings.planned += progress.plan.requests
                self.findings.plans[progress.resource.name] = {"first": 1, **progress.plan.needs}

    def _is_scarce(self) -> bool:
        """Whether the budget may not last for one list."""
        left = self.client.requests_left
        return left is not None and left < ENOUGH_REQUESTS

    def read(self, lists: list[ListProgress]) -> None:
        """Plans the lists and reads the pages due, and commits them."""
        self.plan(lists)
        self._read_rest(lists)
        self.loader.flush()

    def longest_verification(self) -> timedelta:
        """How long it takes until every task of every list that was planned has been verified."""
        tasks = [p for p in self._lists.values() if p.resource.kind == "task" and p.plan is not None]
        pace, policy = self.pace, self._policy
        times = (verification_time(last_page(p.count, p.size), p.state, policy, pace) for p in tasks)
        return max(times, default=timedelta(0))

    # -- fetching -----------------------------------------------------------------------------

    def fetch(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Prepared | ApiError]]:
        """Fetches several in flight; ends early when the credentials or the budget do.

        A page with a row that is known to be unreadable is not requested: it fails at once, so that it is
        read in parts around that row.
        """
        failing: list[Job] = []

        def admitted() -> Iterator[Job]:
            for job in jobs:
                if self.findings.halted is not None:
                    return
                resource, page, size = job
                progress = self._lists.get(resource.name)
                if progress is not None and progress.unreadable_offsets(page, size):
                    failing.append(job)
                else:
                    yield job

        results = self.client.fetch_many(admitted(), self._prepare)
        for job, result in results:
            if isinstance(result, ApiError) and ends_sync(job[0], result):
                self.findings.halted = self.findings.halted or result
            yield job, result
        for job in failing:
            if self.findings.halted is None:
                yield (
                    job,
                    ResponseError(f"{job[0].name}, page {job[1]}: the server cannot show any row of it"),
                )

    def _prepare(self, page: Page) -> Prepared:
        records, rejects = prepare(page.rows, page.resource, sequence=page.sequence, secrets=self._secrets)
        return page, records, rejects

    def _start(self, progress: ListProgress, result: Prepared | ApiError) -> None:
        if isinstance(result, ApiError):
            is_known = progress.unreadable_offsets(1, self._policy.page_size)
            size = progress.state.size if is_known and progress.state.size else self._true_size(progress)
            saved = self._isolated(progress, 1, size, result)
            if saved is None:
                return
            result, unreadable = saved
        else:
            unreadable = ()
        self._unreachable = 0
        page, records, _ = result
        full = self._full or (self.accept_deletions and progress.state.held_deletions > 0)
        ids = [record.id for record in records]
        progress.start(page, ids, now=self.now(), policy=self._policy, pace=self.pace, full=full)
        if progress.begins_sweep:
            self.forget_sweep(progress)
        self.take(progress, result, unreadable)

    def forget_sweep(self, progress: ListProgress) -> None:
        """Forgets the ids that a sweep has read: they prove nothing for the next one.

        The sweep's position goes with them. Otherwise the next sync would continue a sweep without its ids,
        and take all rows above that position for deleted.
        """
        connection, name = self.warehouse.connection, [progress.resource.name]
        if connection.execute("select 1 from meta.sweep_seen where resource = ? limit 1", name).fetchone():
            with transaction(connection):
                connection.execute("delete from meta.sweep_seen where resource = ?", name)
                connection.execute(
                    "update meta.bookmarks set sweep_remaining = null, sweep_started_at = null"
                    " where resource = ?",
                    name,
                )

    def _read_rest(self, lists: list[ListProgress]) -> None:
        by_name = {progress.resource.name: progress for progress in lists}

        def jobs() -> Iterator[Job]:
            for stage in STAGES:
                for progress in lists:
                    for taken, job in enumerate(progress.jobs(stage)):
                        if stage == "sweep" and self._is_refused_sweep(progress, taken):
                            progress.end_sweep_early(taken)
                            break
                        yield job

        for job, result in self.fetch(jobs()):
            self.accept(by_name[job[0].name], job, result)

    def _is_refused_sweep(self, progress: ListProgress, taken: int) -> bool:
        """Whether the server has shown meanwhile (by a 429) that it allows less than the slice was planned with."""
        if self._policy.sweep_pages or self.client.requests_per_minute_seen is None:
            return False
        return taken >= max(LEAST_SLICE, sweep_allowance(progress.state, self.pace))

    def accept(self, progress: ListProgress, job: Job, result: Prepared | ApiError) -> None:
        """Takes a page of a list whose first page was read, or the readable rows of a failing one."""
        if progress.error is not None or (progress.paging.ended and progress.paging.ignores_page):
            return
        unreadable: tuple[int, ...] = ()
        if isinstance(result, ApiError):
            saved = self._isolated(progress, job[1], job[2], result)
            if saved is None:
                return
            result, unreadable = saved
        page, records, _ = result
        progress.inspect_page(page, [record.id for record in records])
        if progress.is_resumed:
            progress.accept_new_count()
        self.take(progress, result, unreadable)

    def take(self, progress: ListProgress, result: Prepared, unreadable: tuple[int, ...]) -> None:
        """Hands a page's records on; `unreadable` are offsets of rows the server cannot show."""
        page, records, rejects = result
        self._on_page(progress, page)
        progress.lost.update(filter(is_lost, rejects))
        if is_mostly_rejected(page, rejects) and progress.resource.name not in self.findings.rejecting:
            self.findings.rejecting.add(progress.resource.name)
            self.findings.failures.append(
                f"{progress.resource.name}, page {page.number}: most of its {len(page.rows)} rows were rejected"
                f" ({rejects[0].reason}); see meta.rejects"
            )
        count = page.count if page.count is not None else progress.count
        for offset in unreadable:
            progress.unreadable.append(count - 1 - offset)
            reason = "the server cannot show this row: every page with it fails"
            rejects.append(
                Reject(
                    progress.resource.kind, f"{progress.resource.name}#{count - 1 - offset}", "", "", reason
                )
            )
        self.loader.add(progress, page, records, rejects, unreadable=len(unreadable))

    def _isolated(
        self, progress: ListProgress, number: int, size: int, error: ApiError
    ) -> tuple[Prepared, tuple[int, ...]] | None:
        """The readable rows of a failing page; None (and the list marked) when there are none."""
        is_hopeless = self._unreachable > 0 and isinstance(error, UnavailableError)
        if (
            isinstance(error, ResponseError | UnavailableError)
            and not is_hopeless
            and self.findings.halted is None
        ):
            try:
                known = progress.unreadable_offsets(number, size)
                isolated = bisect_page(self.client, progress.resource, number, size, error, known)
            except ApiError as worse:
                error = worse
            else:
                return self._prepare(isolated.page), isolated.bad_positions
        self.fail(progress, error)
        return None

    def _true_size(self, progress: ListProgress) -> int:
        """The rows that the server really puts on a page, from page 2 because page 1 fails.

        A page can only be split into smaller ones when its own size is the server's.
        """
        size = self._policy.page_size
        try:
            page = self.client.fetch(progress.resource, 2, size, attempts=2)
        except ApiError:
            return size
        capped = page.count is not None and page.count > size + len(page.rows)
        return len(page.rows) if 0 < len(page.rows) < size and capped else size

    def fail(self, progress: ListProgress, error: ApiError) -> None:
        """Marks the list as failed, or ends the whole sync when the error does not concern this list alone."""
        if ends_sync(progress.resource, error):
            self.findings.halted = self.findings.halted or error
            progress.stopped_early = True
            return
        progress.error = progress.error or error
        if isinstance(error, UnavailableError):
            self._unreachable += 1
            if self._unreachable >= OUTAGE_LISTS:
                self.findings.halted = error

    # -- going on -----------------------------------------------------------------------------

    def may_go_on(self, progress: ListProgress) -> bool:
        """Whether the list can be read on: nothing failed and nothing ended the sync."""
        return progress.plan is not None and progress.error is None and self.findings.halted is None

    def reread(self, progress: ListProgress, pages: Iterable[int], size: int | None = None) -> None:
        """Reads these pages, in rising order (once more, or of another size), and commits them.

        The rows that come decide how far: a count alone may claim billions.
        """
        fruitless = 0

        def jobs() -> Iterator[Job]:
            for page in pages:
                if fruitless == FRUITLESS_PAGES:
                    return
                self.findings.planned += 1
                yield progress.resource, page, size or progress.size

        for job, result in self.fetch(jobs()):
            if isinstance(result, ApiError):
                self.accept(progress, job, result)
                continue
            page, ids = result[0], [record.id for record in result[1]]
            fruitless = fruitless + 1 if not page.rows or progress.paging.repeats(page, ids) else 0
            progress.on_reread(page, ids)
            self.take(progress, result, ())
        self.loader.flush()

    def stored_count(self, progress: ListProgress) -> int:
        """How many objects of the list are stored and not deleted."""
        return queries.known(self.warehouse.connection, progress.resource)

    def position_shift(self, progress: ListProgress) -> int:
        """By how many positions older rows stand further down than the count implies.

        So many more rows than expected were new: as many were deleted, or the count is wrong.
        """
        if progress.plan is None:
            return 0
        expected_new = progress.plan.unread_ranges.total
        return max(0, self.stored_count(progress) - progress.state.stored_count - expected_new)

    def finish(self, lists: list[ListProgress]) -> None:
        """Writes the lists' final bookmarks, all in one: each transaction costs the disk some milliseconds."""
        connection = self.warehouse.connection
        with transaction(connection):
            write_bookmarks(
                connection,
                [
                    progress.bookmark(
                        now=self.now(), finished=True, stored_count=self.stored_count(progress)
                    ).to_row()
                    for progress in lists
                ],
            )
            if any(
                (progress.lost_rows, progress.unreadable_positions)
                != (progress.state.lost, {*progress.state.unreadable})
                for progress in lists
            ):
                connection.execute("update meta.revision set revision = revision + 1")  # `check` reads them


def ends_sync(resource: Resource, error: ApiError) -> bool:
    """Whether an error ends the sync, not only this list: a used-up budget, or a refused token.

    A listing may want a login and refuse a token that every other list accepts: its 401 proves nothing.
    """
    return isinstance(error, BudgetError) or (isinstance(error, CredentialsError) and not resource.is_listing)
