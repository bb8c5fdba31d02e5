"""Reading lists: first pages, the plan's pages, and what must be read again until they are whole.

Each list is judged by itself: one that fails keeps its bookmark and disturbs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from unpod_sync import columns, facts
from unpod_sync.client import Client, Job
from unpod_sync.errors import (
    AccessError,
    ApiError,
    BudgetError,
    CredentialsError,
    ResponseError,
    UnavailableError,
)
from unpod_sync.isolate import isolate
from unpod_sync.loading import Loader
from unpod_sync.merge import mark_deleted, write_bookmarks
from unpod_sync.model import Page, Record, Reject, Resource, run_tasks
from unpod_sync.plan import Policy, last_page, pages_of
from unpod_sync.reading import Reading
from unpod_sync.records import prepare
from unpod_sync.warehouse import Warehouse, key_sql, lent

Prepared = tuple[Page, list[Record], list[Reject]]

LARGEST_PAGE = 10_000  # rows asked for at once from a list that ignores `page`
CONFIRM_PAGES = 50  # pages read again at most to confirm that vanished rows are gone
OUTAGE = 3  # lists in a row that cannot be reached: the server is down, not the list


@dataclass(slots=True)
class Findings:
    """What a sync has to report beside the rows."""

    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    planned: int = 0
    deleted: dict[str, int] = field(default_factory=dict)
    plans: dict[str, dict[str, int]] = field(default_factory=dict)
    halted: ApiError | None = None


class ListReader:
    """Reads lists into the loader."""

    def __init__(
        self,
        client: Client,
        loader: Loader,
        warehouse: Warehouse,
        policy: Policy,
        *,
        now: Callable[[], datetime],
        full: bool = False,
        secrets: tuple[str, ...] = (),
        on_page: Callable[[Reading, Page], None] = lambda reading, page: None,
    ) -> None:
        """`now` gives the server's idea of the time (naive UTC); `on_page` hears of progress."""
        self.findings = Findings()
        self._client = client
        self._loader = loader
        self._warehouse = warehouse
        self._policy = policy
        self._now = now
        self._full = full
        self._secrets = secrets
        self._on_page = on_page
        self._unreachable = 0

    def open(self, resources: Iterable[Resource], *, optional: bool = False) -> list[Reading]:
        """Readings of these lists, from what the warehouse knows. Optional ones may be refused."""
        return [
            Reading(resource, facts.list_state(self._warehouse, resource, self._policy, self._now()), self._policy, optional)
            for resource in resources
        ]

    def read(self, readings: list[Reading], *, only_plan: bool = False) -> None:
        """Reads the lists as planned and settles each; raises only what ends the whole sync."""
        by_name = {reading.resource.name: reading for reading in readings}
        first = [(reading.resource, 1, self._policy.page_size) for reading in readings]
        self.findings.planned += len(first)
        for job, result in self._fetch(first):
            self._begin(by_name[job[0].name], result)
        for reading in readings:
            if reading.plan is not None:
                self.findings.planned += reading.plan.requests
                self.findings.plans[reading.resource.name] = {"first": 1, **reading.plan.needs}
        if only_plan:
            return
        self._read_rest(readings)
        self._loader.drain()
        for reading in readings:
            if self._may_go_on(reading):
                self._settle(reading)
            self._finish(reading)

    # -- fetching -----------------------------------------------------------------------------

    def _fetch(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Prepared | ApiError]]:
        """Fetches several in flight; ends early when the credentials or the budget do."""

        def admitted() -> Iterator[Job]:
            for job in jobs:
                if self.findings.halted is not None:
                    return
                yield job

        results = self._client.fetch_many(admitted(), self._prepare)
        for job, result in results:
            if isinstance(result, CredentialsError | BudgetError):
                self.findings.halted = self.findings.halted or result
            yield job, result

    def _prepare(self, page: Page) -> Prepared:
        records, rejects = prepare(page.rows, page.resource, sequence=page.sequence, secrets=self._secrets)
        return page, records, rejects

    def _begin(self, reading: Reading, result: Prepared | ApiError) -> None:
        if isinstance(result, ApiError):
            saved = self._isolated(reading, 1, self._true_size(reading), result)
            if saved is None:
                return
            result, unreadable = saved
        else:
            unreadable = ()
        self._unreachable = 0
        page, records, _ = result
        reading.begin(page, [record.id for record in records], now=self._now(), full=self._full)
        self._take(reading, result, unreadable)

    def _read_rest(self, readings: list[Reading]) -> None:
        by_name = {reading.resource.name: reading for reading in readings}

        def jobs() -> Iterator[Job]:
            for reading in readings:
                yield from reading.jobs()

        for job, result in self._fetch(jobs()):
            self._accept(by_name[job[0].name], job, result)
        for reading in readings:
            if reading.state.unfinished and self._may_go_on(reading) and reading.resource.kind == "task":
                self._read_runs(reading)

    def _accept(self, reading: Reading, job: Job, result: Prepared | ApiError) -> None:
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
        self._take(reading, result, unreadable)

    def _take(self, reading: Reading, result: Prepared, unreadable: tuple[int, ...]) -> None:
        page, records, rejects = result
        self._on_page(reading, page)
        count = page.count if page.count is not None else reading.count
        for offset in unreadable:
            reading.unreadable.append(count - 1 - offset)
            reason = "the server cannot show this row: every page with it fails"
            rejects.append(Reject(reading.resource.kind, f"{reading.resource.name}#{count - 1 - offset}", "", "", reason))
        self._loader.add(reading, page, records, rejects, unreadable=len(unreadable))

    def _isolated(
        self, reading: Reading, number: int, size: int, error: ApiError
    ) -> tuple[Prepared, tuple[int, ...]] | None:
        """The readable rows of a failing page; None (and the list marked) when there are none."""
        if isinstance(error, ResponseError | UnavailableError) and self.findings.halted is None:
            try:
                isolated = isolate(self._client, reading.resource, number, size, error)
            except ApiError as worse:
                error = worse
            else:
                return self._prepare(isolated.page), isolated.bad_positions
        self._fail(reading, error)
        return None

    def _true_size(self, reading: Reading) -> int:
        """The rows the server really puts on a page, asked of page 2 because page 1 fails.

        A page can only be split into smaller ones when its own size is the server's.
        """
        size = self._policy.page_size
        try:
            page = self._client.fetch(reading.resource, 2, size, attempts=2)
        except ApiError:
            return size
        capped = page.count is not None and page.count > size + len(page.rows)
        return len(page.rows) if 0 < len(page.rows) < size and capped else size

    def _fail(self, reading: Reading, error: ApiError) -> None:
        if isinstance(error, CredentialsError | BudgetError):
            self.findings.halted = self.findings.halted or error
            reading.is_cut = True
            return
        if reading.error is None:
            reading.error = error
            if reading.optional and isinstance(error, AccessError):
                self.findings.notes.append(f"{reading.resource.name}: {error.message}")
            else:
                self.findings.failures.append(f"{reading.resource.name}: {error.message}")
        if isinstance(error, UnavailableError):
            self._unreachable += 1
            if self._unreachable >= OUTAGE:
                self.findings.halted = error

    # -- what must be read again --------------------------------------------------------------

    def _may_go_on(self, reading: Reading) -> bool:
        return reading.plan is not None and reading.error is None and self.findings.halted is None

    def _settle(self, reading: Reading) -> None:
        """Reads on until the list is whole, or until reading on would not help."""
        if not reading.is_counted:
            reading.conclude_uncounted()
        elif reading.ignores_page:
            self._settle_unpaged(reading)
        else:
            if reading.adopt():
                self._again(reading, [1])
            self._fill_holes(reading)
            self._read_past_the_end(reading)
            if reading.is_counted:
                self._find_missing(reading)
        if self._may_go_on(reading) and reading.is_sweeping and reading.sweep_left == 0:
            self._delete_vanished(reading)

    def _again(self, reading: Reading, pages: Iterable[int], size: int | None = None) -> None:
        jobs = [(reading.resource, page, size or reading.size) for page in pages]
        self.findings.planned += len(jobs)
        for job, result in self._fetch(jobs):
            if isinstance(result, ApiError):
                self._accept(reading, job, result)
                continue
            if result[0].count is not None:
                reading.latest = result[0].count
            self._take(reading, result, ())
        self._loader.drain()

    def _settle_unpaged(self, reading: Reading) -> None:
        """A list that shows the same page whatever is asked: ask for everything on one page."""
        if reading.latest > len(reading.first_ids) and self._may_go_on(reading):
            self._again(reading, [1], size=min(reading.latest, LARGEST_PAGE))
        reading.pass_over((0, max(reading.latest, reading.count)))
        self._explain(reading)

    def _holes(self, reading: Reading) -> list[tuple[int, int]]:
        """Never-read positions, and holes in the part that was read, that this sync should fill."""
        if not reading.covered or self.findings.halted is not None:
            return []
        lowest = reading.covered[0][0]
        holes = [(max(low, lowest), high) for low, high in reading.uncovered if high > lowest]
        return [*reading.gaps, *holes] if reading.is_sweeping or not reading.state.known else list(reading.gaps)

    def _fill_holes(self, reading: Reading) -> None:
        """Short pages leave holes: they are asked for again, then in smaller pages, then let go."""
        for size in (reading.size, max(1, reading.size // 5)):
            holes = self._holes(reading)
            if not holes or not self._may_go_on(reading):
                break
            pages = {p for hole in holes for p in pages_of(hole, reading.count, size)}
            self._again(reading, sorted(pages), size=size)
        if self._may_go_on(reading):
            for hole in self._holes(reading):
                reading.pass_over(hole)

    def _read_past_the_end(self, reading: Reading) -> None:
        """A full last page may not be the last: a count that is too low must not lose rows."""
        if not self._may_go_on(reading) or not reading.covered or reading.covered[0][0] > 0:
            return
        last = last_page(reading.count, reading.size)
        if reading.count == 0 or reading.count % reading.size:
            return
        for _, result in self._fetch([(reading.resource, last + 1, reading.size)]):
            if isinstance(result, ApiError) or not result[0].rows:
                continue
            ids = {record.id for record in result[1]}
            if reading.first_ids.issuperset(ids):
                continue
            self._take(reading, result, ())
            reading.state = replace(reading.state, counted=False)
            self._read_uncounted(reading, last + 2)

    def _read_uncounted(self, reading: Reading, start: int) -> None:
        """Reads a list whose count is too low on to its end."""
        number = start
        while self._may_go_on(reading):
            fetched = next(iter(self._fetch([(reading.resource, number, reading.size)])))[1]
            if isinstance(fetched, ApiError):
                self._fail(reading, fetched)
                return
            if not fetched[0].rows:
                break
            self._take(reading, fetched, ())
            number += 1
        self._loader.drain()
        reading.is_counted = False
        reading.met = set(self._known_ids(reading))
        reading.conclude_uncounted()

    def _find_missing(self, reading: Reading) -> None:
        """A count above what is known means rows nobody has seen: look for them everywhere, once."""
        missing = self._missing(reading)
        if missing <= 0 or not self._may_go_on(reading):
            return
        for _ in range(2):
            depth = reading.top
            if depth >= reading.count or missing <= 0:
                break
            pages = reading.pages_for([(reading.count - depth - reading.size, reading.count - depth)])
            self._again(reading, [page for page in pages if page > depth // reading.size])
            missing, before = self._missing(reading), missing
            if missing == before:
                break
        if missing > 0 and reading.uncovered and self._may_go_on(reading):
            self._again(reading, reading.pages_for(reading.uncovered))
            missing = self._missing(reading)
        if missing > 0 and self._may_go_on(reading) and not reading.gaps:
            self._again(reading, range(1, last_page(reading.count, reading.size) + 1))
            self._explain(reading)

    def _missing(self, reading: Reading) -> int:
        if reading.gaps:
            return 0
        stored = facts.known(self._warehouse.connection, reading.resource)
        return reading.latest - len(set(reading.unreadable)) - reading.state.explained - stored

    def _explain(self, reading: Reading) -> None:
        """A whole reading did not cure the difference: remember it, so that it is not chased."""
        stored = facts.known(self._warehouse.connection, reading.resource)
        gap = max(0, reading.latest - len(set(reading.unreadable)) - stored)
        if gap and gap != reading.state.explained:
            self.findings.notes.append(
                f"{reading.resource.name}: the list says {reading.latest}, a whole reading finds {gap} fewer"
            )
        reading.state = replace(reading.state, explained=gap)

    # -- unfinished tasks ---------------------------------------------------------------------

    def _read_runs(self, reading: Reading) -> None:
        """Reads unfinished tasks through their runs: those planned so, and those a page missed."""
        assert reading.plan is not None
        space = reading.resource.space_token or ""
        sizes = {task.run_id: task.run_size for task in reading.state.unfinished if task.run_id}
        runs = set(reading.plan.runs)
        missed = {t.run_id for t in reading.state.unfinished if t.run_id and t.id in reading.waiting}
        jobs = [
            (run_tasks(space, run_id), page, reading.size)
            for run_id in sorted(runs | (missed if reading.state.runs_usable else set()))
            for page in range(1, last_page(sizes.get(run_id, 1), reading.size) + 1)
        ]
        self.findings.planned += max(0, len(jobs) - len(runs))
        for _, result in self._fetch(jobs):
            if isinstance(result, ApiError):
                reading.state = replace(reading.state, runs_usable=False)
                continue
            page, records, rejects = result
            told = [record for record in records if "task_id" in record.value]
            if len(told) < len(page.rows) or any("output" not in record.value for record in told):
                # Some servers show fewer fields here (API_FACTS section 5): then the pages must do.
                reading.state = replace(reading.state, runs_usable=False)
            self._loader.add(reading, None, told, rejects if told else [])

    # -- deletions ----------------------------------------------------------------------------

    def _known_ids(self, reading: Reading) -> list[str]:
        table = columns.BY_KIND[reading.resource.kind]
        condition, parameters = facts.scope(reading.resource)
        rows = self._warehouse.connection.execute(
            f"select {key_sql(table)} from {table.name} as t where {condition} and t.deleted_at is null", parameters
        ).fetchall()
        return [id_ for (id_,) in rows]

    def _delete_vanished(self, reading: Reading) -> None:
        """Marks what a complete sweep did not meet, unless the server's count contradicts it."""
        vanished = self._vanished(reading)
        if vanished and reading.is_counted:
            stored = facts.known(self._warehouse.connection, reading.resource)
            if reading.unreadable:
                self.findings.notes.append(
                    f"{reading.resource.name}: {len(vanished)} rows were not met, but unreadable rows may be among them"
                )
                return
            if stored - len(vanished) < reading.latest - reading.state.explained:
                vanished = self._confirmed(reading, vanished)
            elif len(reading.counts) > 1:
                vanished = self._confirmed(reading, vanished)
        if vanished:
            mark_deleted(self._warehouse.connection, reading.resource.kind, vanished, now=self._now())
            kind = reading.resource.kind
            self.findings.deleted[kind] = self.findings.deleted.get(kind, 0) + len(vanished)
        self._warehouse.connection.execute(
            "delete from meta.sweep_seen where resource = ?", [reading.resource.name]
        )
        self._explain(reading)

    def _vanished(self, reading: Reading) -> list[str]:
        """Known objects of the list that the sweep did not meet."""
        table = columns.BY_KIND[reading.resource.kind]
        condition, parameters = facts.scope(reading.resource)
        met = pa.table({"id": pa.array(list(reading.seen), pa.string())})
        with lent(self._warehouse.connection, met=met):
            rows = self._warehouse.connection.execute(
                f"select {key_sql(table)} as id from {table.name} as t where {condition} and t.deleted_at is null"
                f" and {key_sql(table)} not in (select id from met)"
                f" and {key_sql(table)} not in (select id from meta.sweep_seen where resource = ?)",
                [*parameters, reading.resource.name],
            ).fetchall()
        return [id_ for (id_,) in rows]

    def _confirmed(self, reading: Reading, vanished: list[str]) -> list[str]:
        """Reads the list once more, in part when it is long: rows slip past pages that shift."""
        pages = range(1, last_page(reading.latest, reading.size) + 1)
        if len(pages) > CONFIRM_PAGES:
            self.findings.notes.append(
                f"{reading.resource.name}: {len(vanished)} rows were not met while the list moved; the next sweep decides"
            )
            return []
        reading.counts.clear()
        reading.count = reading.latest
        before = reading.seen
        for job, result in self._fetch([(reading.resource, page, reading.size) for page in pages]):
            if isinstance(result, ApiError):
                self._accept(reading, job, result)
                return []
            if result[0].count is not None:
                reading.counts.add(result[0].count)
            self._take(reading, result, ())
        self._loader.drain()
        reading.seen = before | reading.seen
        return self._vanished(reading) if len(reading.counts) == 1 else []

    def _finish(self, reading: Reading) -> None:
        """Writes the list's final bookmark."""
        if self.findings.halted is not None:
            reading.is_cut = True
        connection = self._warehouse.connection
        connection.execute("begin")
        stored = facts.known(connection, reading.resource)
        write_bookmarks(connection, [reading.bookmark(now=self._now(), finished=True, known=stored)])
        connection.execute("commit")


def unread(readings: Iterable[Reading]) -> list[str]:
    """The lists that still have rows never read, or needs that this sync could not meet."""
    return [r.resource.name for r in readings if r.gaps or (r.plan is None and r.error is None)]

