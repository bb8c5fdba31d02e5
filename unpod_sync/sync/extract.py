"""Reading lists: first pages, the plan's pages, and what must be read again until they are whole.

Each list is judged by itself: one that fails keeps its bookmark and disturbs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

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
from unpod_sync.model import Page, Record, Reject, Resource, run_tasks
from unpod_sync.sync import list_state
from unpod_sync.sync.loader import BatchLoader
from unpod_sync.sync.plan import last_page
from unpod_sync.sync.progress import STAGES, ListProgress
from unpod_sync.transform.records import is_lost, is_mostly_rejected, prepare
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.merge import write_bookmarks
from unpod_sync.warehouse.transactions import transaction

Prepared = tuple[Page, list[Record], list[Reject]]

BARREN = (
    3  # pages in a row without rows, or with those of the first page: the list has ended, whatever its count
)
AMPLE = 5  # requests a list: with fewer in the budget, lists take turns, and go on where they stopped
OUTAGE = 3  # lists in a row that cannot be reached: the server is down, not the list


@dataclass(slots=True)
class SyncFindings:
    """What a sync has to report beside the rows."""

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
        on_page: Callable[[ListProgress, Page], None] = lambda reading, page: None,
    ) -> None:
        """`now` gives the server's idea of the time (naive UTC); `on_page` hears of progress.

        With `accept_deletions` a sweep marks as deleted however many rows it did not meet.
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
        self._on_page = on_page
        self._unreachable = 0
        self._readings: dict[str, ListProgress] = {}

    def open(
        self, resources: Iterable[Resource], *, optional: bool = False, listed: bool = False
    ) -> list[ListProgress]:
        """Readings of these lists, from what the warehouse knows; `optional` and `listed` as in `ListProgress`."""
        readings = [
            ListProgress(
                resource,
                list_state.list_state(self.warehouse, resource, self._policy, self.now()),
                self._policy,
                optional,
                listed,
                is_budgeted=self.client.requests_left is not None,
            )
            for resource in resources
        ]
        self._readings |= {reading.resource.name: reading for reading in readings}
        return readings

    def plan(self, readings: list[ListProgress]) -> None:
        """Reads the first pages, which tell how long the lists are, and plans the rest."""
        by_name = {reading.resource.name: reading for reading in readings}
        for reading in readings:
            if self._is_scarce() and not self._full and reading.can_resume:
                reading.resume(now=self.now())
                if reading.begins_sweep:
                    self.forget_sweep(reading)
        first = [(r.resource, 1, self._policy.page_size) for r in readings if not r.is_resumed]
        self.findings.planned += len(first)
        for job, result in self.fetch(first):
            self._begin(by_name[job[0].name], result)
        for reading in readings:
            if reading.plan is not None:
                self.findings.planned += reading.plan.requests
                self.findings.plans[reading.resource.name] = {"first": 1, **reading.plan.needs}
        tasks = (reading for reading in readings if reading.resource.kind == "task")
        self.loader.expect(sum(high - low for reading in tasks for low, high in reading.gaps))

    def _is_scarce(self) -> bool:
        """Whether the budget may not last for one list."""
        left = self.client.requests_left
        return left is not None and left < AMPLE

    def read(self, readings: list[ListProgress]) -> None:
        """Plans the lists and reads the pages due, and commits them."""
        self.plan(readings)
        self._read_rest(readings)
        self.loader.drain()

    # -- fetching -----------------------------------------------------------------------------

    def fetch(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Prepared | ApiError]]:
        """Fetches several in flight; ends early when the credentials or the budget do.

        A page with a row that is known to be unreadable is not asked for: it fails at once, so that it is
        read around that row.
        """
        failing: list[Job] = []

        def admitted() -> Iterator[Job]:
            for job in jobs:
                if self.findings.halted is not None:
                    return
                resource, page, size = job
                reading = self._readings.get(resource.name)
                if reading is not None and reading.bad_offsets(page, size):
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

    def _begin(self, reading: ListProgress, result: Prepared | ApiError) -> None:
        if isinstance(result, ApiError):
            is_known = reading.bad_offsets(1, self._policy.page_size)
            size = reading.state.size if is_known and reading.state.size else self._true_size(reading)
            saved = self._isolated(reading, 1, size, result)
            if saved is None:
                return
            result, unreadable = saved
        else:
            unreadable = ()
        self._unreachable = 0
        page, records, _ = result
        full = self._full or (self.accept_deletions and reading.state.held > 0)
        reading.begin(page, [record.id for record in records], now=self.now(), full=full)
        if reading.begins_sweep:
            self.forget_sweep(reading)
        self.take(reading, result, unreadable)

    def forget_sweep(self, reading: ListProgress) -> None:
        """Forgets whom a sweep met: for the next one that proves nothing.

        Together with the sweep's position, or the next sync would go on with a sweep that has
        lost its memory and take everything above that position for vanished.
        """
        connection, name = self.warehouse.connection, [reading.resource.name]
        if connection.execute("select 1 from meta.sweep_seen where resource = ? limit 1", name).fetchone():
            with transaction(connection):
                connection.execute("delete from meta.sweep_seen where resource = ?", name)
                connection.execute(
                    "update meta.bookmarks set sweep_remaining = null, sweep_started_at = null"
                    " where resource = ?",
                    name,
                )

    def _read_rest(self, readings: list[ListProgress]) -> None:
        by_name = {reading.resource.name: reading for reading in readings}

        def jobs() -> Iterator[Job]:
            for stage in STAGES:
                for reading in readings:
                    yield from reading.jobs(stage)

        for job, result in self.fetch(jobs()):
            self.accept(by_name[job[0].name], job, result)
        for reading in readings:
            if reading.state.unfinished and self.may_go_on(reading) and reading.resource.kind == "task":
                self._read_runs(reading)

    def accept(self, reading: ListProgress, job: Job, result: Prepared | ApiError) -> None:
        """Takes a page of a list whose first page is known, or what can be saved of a failing one."""
        if reading.error is not None or (reading.ended and reading.ignores_page):
            return
        unreadable: tuple[int, ...] = ()
        if isinstance(result, ApiError):
            saved = self._isolated(reading, job[1], job[2], result)
            if saved is None:
                return
            result, unreadable = saved
        page, records, _ = result
        reading.observe(page, [record.id for record in records])
        if reading.is_resumed:
            reading.adopt()
        self.take(reading, result, unreadable)

    def take(self, reading: ListProgress, result: Prepared, unreadable: tuple[int, ...]) -> None:
        """Hands a page's records on; `unreadable` are offsets of rows the server cannot show."""
        page, records, rejects = result
        self._on_page(reading, page)
        reading.lost.update(filter(is_lost, rejects))
        if is_mostly_rejected(page, rejects) and reading.resource.name not in self.findings.rejecting:
            self.findings.rejecting.add(reading.resource.name)
            self.findings.failures.append(
                f"{reading.resource.name}, page {page.number}: most of its {len(page.rows)} rows were rejected"
                f" ({rejects[0].reason}); see meta.rejects"
            )
        count = page.count if page.count is not None else reading.count
        for offset in unreadable:
            reading.unreadable.append(count - 1 - offset)
            reason = "the server cannot show this row: every page with it fails"
            rejects.append(
                Reject(reading.resource.kind, f"{reading.resource.name}#{count - 1 - offset}", "", "", reason)
            )
        self.loader.add(reading, page, records, rejects, unreadable=len(unreadable))

    def _isolated(
        self, reading: ListProgress, number: int, size: int, error: ApiError
    ) -> tuple[Prepared, tuple[int, ...]] | None:
        """The readable rows of a failing page; None (and the list marked) when there are none."""
        is_hopeless = self._unreachable > 0 and isinstance(error, UnavailableError)
        if (
            isinstance(error, ResponseError | UnavailableError)
            and not is_hopeless
            and self.findings.halted is None
        ):
            try:
                known = reading.bad_offsets(number, size)
                isolated = bisect_page(self.client, reading.resource, number, size, error, known)
            except ApiError as worse:
                error = worse
            else:
                return self._prepare(isolated.page), isolated.bad_positions
        self.fail(reading, error)
        return None

    def _true_size(self, reading: ListProgress) -> int:
        """The rows the server really puts on a page, asked of page 2 because page 1 fails.

        A page can only be split into smaller ones when its own size is the server's.
        """
        size = self._policy.page_size
        try:
            page = self.client.fetch(reading.resource, 2, size, attempts=2)
        except ApiError:
            return size
        capped = page.count is not None and page.count > size + len(page.rows)
        return len(page.rows) if 0 < len(page.rows) < size and capped else size

    def fail(self, reading: ListProgress, error: ApiError) -> None:
        """Marks the list, or the whole sync when the error is nobody's in particular."""
        if ends_sync(reading.resource, error):
            self.findings.halted = self.findings.halted or error
            reading.is_cut = True
            return
        reading.error = reading.error or error
        if isinstance(error, UnavailableError):
            self._unreachable += 1
            if self._unreachable >= OUTAGE:
                self.findings.halted = error

    # -- going on -----------------------------------------------------------------------------

    def may_go_on(self, reading: ListProgress) -> bool:
        """Whether the list can be read on: nothing failed and nothing ended the sync."""
        return reading.plan is not None and reading.error is None and self.findings.halted is None

    def again(self, reading: ListProgress, pages: Iterable[int], size: int | None = None) -> None:
        """Reads these pages, in rising order (once more, or of another size), and commits them.

        The rows that come decide how far: a count alone may claim billions.
        """
        barren = 0

        def jobs() -> Iterator[Job]:
            for page in pages:
                if barren == BARREN:
                    return
                self.findings.planned += 1
                yield reading.resource, page, size or reading.size

        for job, result in self.fetch(jobs()):
            if isinstance(result, ApiError):
                self.accept(reading, job, result)
                continue
            page, ids = result[0], [record.id for record in result[1]]
            barren = barren + 1 if not page.rows or reading.repeats(page, ids) else 0
            reading.again(page, ids)
            self.take(reading, result, ())
        self.loader.drain()

    def known(self, reading: ListProgress) -> int:
        """How many objects of the list are stored and not deleted."""
        return queries.known(self.warehouse.connection, reading.resource)

    def slip(self, reading: ListProgress) -> int:
        """By how many positions older rows stand further down than the count says.

        So many more rows have turned out to be new: as many have vanished, or the count is wrong.
        """
        if reading.plan is None:
            return 0
        told = sum(high - low for low, high in reading.plan.gaps)
        return max(0, self.known(reading) - reading.state.known - told)

    # -- unfinished tasks ---------------------------------------------------------------------

    def _read_runs(self, reading: ListProgress) -> None:
        """Reads unfinished tasks through their runs: those planned so, and those a page missed."""
        assert reading.plan is not None
        sizes = {task.run_id: task.run_size for task in reading.state.unfinished if task.run_id}
        runs = set(reading.plan.runs)
        missed = {t.run_id for t in reading.state.unfinished if t.run_id and t.id in reading.waiting}
        wanted = sorted(runs | (missed if reading.state.runs_usable else set()))
        pages = {run_id: last_page(sizes.get(run_id, 1), reading.size) for run_id in wanted}
        self.findings.planned -= len(runs)
        counts = self._take_runs(reading, {r: range(1, pages[r] + 1) for r in wanted})
        # Runs grow: what was looked for may stand further down by now.
        self._take_runs(
            reading,
            {r: range(pages[r] + 1, last_page(counts.get(r, 0), reading.size) + 1) for r in wanted},
        )
        if reading.waiting and self.may_go_on(reading):
            slip = max(self.slip(reading), self.known(reading) - reading.expected)
            around = [
                (t.position - 1 - slip, t.position + 2)
                for t in reading.state.unfinished
                if t.id in reading.waiting
            ]
            self.again(reading, reading.pages_for(around if wanted else reading.not_covered(around)))

    def _take_runs(self, reading: ListProgress, pages: Mapping[str, Iterable[int]]) -> dict[str, int]:
        """Takes these pages of runs, each to its first empty one; returns how many tasks each run says it has.

        A copy with fewer fields keeps the other ones of what is stored: so what the list itself said
        is stored before, and these copies before the list is asked again.
        """
        counts: dict[str, int] = {}
        ended: set[str | None] = set()

        def jobs() -> Iterator[Job]:
            for run_id, numbers in pages.items():
                for number in numbers:
                    if run_id in ended:
                        break
                    self.findings.planned += 1
                    yield run_tasks(reading.resource.space_token or "", run_id), number, reading.size

        self.loader.drain()
        for job, result in self.fetch(jobs()):
            if isinstance(result, ApiError):
                if self.findings.halted is None:
                    reading.state = replace(reading.state, runs_usable=False)
                continue
            page, records, rejects = result
            if not page.rows:
                ended.add(job[0].run_id)
            counts[job[0].run_id or ""] = page.count or 0
            told = [record for record in records if "task_id" in record.value]
            whole = [record for record in told if "output" in record.value]
            if len(whole) < len(page.rows):
                # Some servers show fewer fields here (docs/api-behaviour.md, section 3): then the pages must do.
                reading.state = replace(reading.state, runs_usable=False)
            reading.waiting.difference_update(record.id for record in whole if "status" in record.value)
            self.loader.add(reading, None, told, rejects if told else [])
        self.loader.drain()
        return counts

    def finish(self, readings: list[ListProgress]) -> None:
        """Writes the lists' final bookmarks, all in one: each transaction costs the disk some milliseconds."""
        connection = self.warehouse.connection
        with transaction(connection):
            write_bookmarks(
                connection,
                [
                    reading.bookmark(now=self.now(), finished=True, known=self.known(reading))
                    for reading in readings
                ],
            )
            if any(
                (reading.lost_rows, reading.bad) != (reading.state.lost, {*reading.state.unreadable})
                for reading in readings
            ):
                connection.execute("update meta.revision set revision = revision + 1")  # `check` reads them


def ends_sync(resource: Resource, error: ApiError) -> bool:
    """Whether an error ends the sync, not only this list: a used-up budget, or a refused token.

    A listing may want a login and refuse a token that every other list accepts: its 401 proves nothing.
    """
    return isinstance(error, BudgetError) or (isinstance(error, CredentialsError) and not resource.is_listing)


def unread(readings: Iterable[ListProgress]) -> list[str]:
    """The lists that still have rows never read, or needs that this sync could not meet."""
    return [r.resource.name for r in readings if r.gaps or (r.plan is None and r.error is None)]
