"""One list in one sync: its plan, what was read, and the bookmark for the next sync.

A `ListProgress` is updated twice per page: by `inspect_page` when the page arrives (does the list page at all, has
it ended?), and by `mark_covered` when its rows are in a batch, so that bookmark and rows are committed together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from unpod_sync.config import FreshnessPolicy
from unpod_sync.errors import ApiError
from unpod_sync.model import Page, Reject, Resource
from unpod_sync.sync.bookmark import Bookmark
from unpod_sync.sync.coverage import FIRST, NO_POSITIONS, Coverage, Interval, Pages, last_page, page_range
from unpod_sync.sync.evidence import CountEvidence, PagingEvidence
from unpod_sync.sync.plan import DEFAULT_PACE, ListPlan, ListState, SweepPace, plan

IN_MEMORY = 50_000  # ids of a sweep within one sync that are kept in memory; longer sweeps use a table

#: What a budget is spent on, in this order, over all lists: rows never read, so that a first load
#: makes progress however large the hot window is; then what is due to be read again; then the sweep.
STAGES = ("new", "due", "sweep")


@dataclass(slots=True)
class ListProgress:
    """One list in one sync. More than 12 fields, since most rules need the plan, the pages and the positions together.

    `planned` are the positions on the pages of the plan, including the first page. `unjoined_boundaries` are
    positions below which stored rows are expected and were not reached yet: new rows are on top, but by count
    alone they would end too high where others were deleted meanwhile. At a boundary below a range that an
    earlier sync left unread (True), rows which that sync stored do not count: they may have moved down to it.
    An `optional` list may be refused or unknown. A `listed` one, named by a listing and not by the user, may be
    refused as long as it was never read: listings also contain what belongs to others.
    `is_read_whole`: every page was requested in this sync, at one count. `is_resumed`: the list was planned
    without its first page, which has not been read yet. `postponed`: pages due that wait for the next sweep.
    """

    # from the start
    resource: Resource
    state: ListState
    optional: bool = False
    listed: bool = False
    is_budgeted: bool = False
    # from the first page
    plan: ListPlan | None = None
    count: int = 0
    size: int = 100
    planned: Coverage = NO_POSITIONS
    is_resumed: bool = False
    postponed: Pages = field(default_factory=Pages)
    # from each page when it arrives
    counts: CountEvidence = field(default_factory=CountEvidence)
    paging: PagingEvidence = field(default_factory=PagingEvidence)
    pending_unfinished: set[str] = field(default_factory=set)
    unreadable: list[int] = field(default_factory=list)
    lost: set[Reject] = field(default_factory=set)
    # from the loader, when a page's rows are in a batch
    unread_ranges: Coverage = NO_POSITIONS
    covered: Coverage = NO_POSITIONS
    unjoined_boundaries: dict[int, bool] = field(default_factory=dict)
    sweep_remaining: int | None = None
    sweep_ids: set[str] = field(default_factory=set)
    load_id: str | None = None
    # from the end
    error: ApiError | None = None
    is_read_whole: bool = False
    stopped_early: bool = False

    def start(
        self,
        page: Page,
        ids: list[str],
        *,
        now: datetime,
        policy: FreshnessPolicy,
        pace: SweepPace = DEFAULT_PACE,
        full: bool,
    ) -> None:
        """Takes the first page: learns length and page size, and plans the rest.

        A list without a trusted count is read to its end every time: pages past a count that
        is too low have rows too (docs/api-behaviour.md, section 2).
        """
        rows = len(set(ids)) or len(page.rows)
        more = page.count is None or page.count > rows
        self.size = rows if rows > page.size or (0 < rows < page.size and more) else page.size
        self.paging.is_short = more and 0 < rows < min(page.size, self.state.size)
        if page.count is not None and page.count < rows:
            self.remember(count_trusted=False)
        self.counts.is_trusted = page.count is not None and self.state.count_trusted
        is_usable = page.count is not None and self.counts.is_trusted
        self.count = (
            page.count if is_usable and page.count is not None else max(rows, self.state.stored_count)
        )
        self.paging.first_ids, self.paging.first_count = frozenset(ids), page.count
        self._plan(now, policy, pace, full=full)
        self.inspect_page(page, ids)

    def remember(self, **changes: Any) -> None:
        """Changes what is known of the list, for this sync and the next."""
        self.state = replace(self.state, **changes)

    def resume(self, *, now: datetime, policy: FreshnessPolicy, pace: SweepPace) -> None:
        """Plans from the bookmark alone: the first page would use up a budget of one request.

        Each page reports the list's present count; the first one is read when a request is left.
        """
        self.size, self.count, self.is_resumed = self.state.size, self.state.count or 0, True
        self._plan(now, policy, pace, full=False)
        self.unjoined_boundaries.pop(self.count, None)

    @property
    def can_resume(self) -> bool:
        """Whether the bookmark shows on which pages, other than the first, rows were never read."""
        if not self.state.count_trusted or not self.state.size or self.state.count is None:
            return False
        return bool(Pages.holding(self.state.unread_ranges, self.state.count, self.state.size) - FIRST)

    def _plan(self, now: datetime, policy: FreshnessPolicy, pace: SweepPace, *, full: bool) -> None:
        self.counts.start(self.count)
        self.pending_unfinished = {task.id for task in self.state.unfinished}
        everything = full or not self.counts.is_trusted
        if everything:  # a sweep of its own, not the rest of the one under way
            self.remember(sweep_remaining=None, sweep_started_at=None)
        self.plan = plan(
            self.state, count=self.count, size=self.size, now=now, policy=policy, pace=pace, full=everything
        )
        self.unread_ranges = self.plan.unread_ranges
        covered_on_top = 0 if self.state.count is None else min(self.state.count, self.count)
        self.unjoined_boundaries = dict.fromkeys((low for low, _ in self.unread_ranges), True) | {
            covered_on_top: False
        }
        self.unjoined_boundaries.pop(0, None)
        pages = FIRST | self.plan.pages | self.plan.sweep_pages
        self.planned = pages.positions(self.count, self.size)
        self.sweep_remaining = self.plan.sweep_remaining

    def end_sweep_early(self, taken: int) -> None:
        """Leaves all but so many pages of the sweep's slice to the next sync.

        A sweep that was to end in this sync has its ids in memory only: the next one begins anew.
        """
        assert self.plan is not None
        if not self.keeps_sweep_ids:
            self.sweep_remaining = None
            self.sweep_ids.clear()
        self.plan = replace(self.plan, sweep_pages=self.plan.sweep_pages.first(taken))
        pages = FIRST | self.plan.pages | self.plan.sweep_pages
        self.planned = pages.positions(self.count, self.size)

    def postpone_verified(self, requests_left: int) -> None:
        """Leaves out due pages that the sweep under way has read, where so few requests do not reach past them.

        Otherwise every sync would read the same newest pages, and the sweep would never get on.
        """
        if self.plan is None or self.state.sweep_remaining is None or not self.counts.is_trusted:
            return
        if requests_left > len(self.plan.pages):
            return
        needed = self.pages_for(self.unread_ranges.add((0, self.state.sweep_remaining)))
        self.postponed = self.plan.pages - needed
        self.pending_unfinished.clear()
        self.plan = replace(self.plan, pages=self.plan.pages - self.postponed)
        self.planned = (FIRST | self.plan.pages | self.plan.sweep_pages).positions(self.count, self.size)

    def inspect_page(self, page: Page, ids: list[str]) -> None:
        """Notes at once what a page shows about the list as a whole."""
        self.pending_unfinished.difference_update(ids)
        if self.counts.is_trusted:
            self.note_count(page)
        elif page.count is not None:
            self.counts.reported.add(page.count)
        self.paging.inspect(page, ids, self.counts, self.size)

    def on_reread(self, page: Page, ids: Iterable[str]) -> None:
        """Notes what a page shows that was requested again to complete the list."""
        self.note_count(page)
        if self.counts.is_trusted:
            count, size = self._lengths(page)
            self.planned = self.planned.add(page_range(page.number, size, count, size))
        else:
            self.paging.fetched_ids.update(ids)

    def note_count(self, page: Page) -> None:
        """Notes the count that a page reports, and whether there may be more rows than that."""
        self.counts.add(page, room=self._room(page), size=self._lengths(page)[1])

    def exceeds(self, page: Page) -> bool:
        """Whether a page has more rows than its own count allows."""
        return len(page.rows) > self._room(page)

    def _room(self, page: Page) -> int:
        """How many rows the count leaves for a page and those after it."""
        count, size = self._lengths(page)
        return max(0, count - (page.number - 1) * size)

    def _lengths(self, page: Page) -> tuple[int, int]:
        """The rows of the list, and of a page of this size: the first page shows the size that the server allows."""
        count = self.count if page.count is None else page.count
        return count, self.size if page.number == 1 else page.size

    def mark_covered(
        self, page: Page, ids: Sequence[str], *, unreadable: int = 0, stored_by: str | None = None
    ) -> None:
        """Notes that the page's rows are in the batch that is about to be written.

        The last page reaches down to the oldest row even when it has fewer rows than the count
        requires, up to the accepted difference. `unreadable` rows of the page count as
        covered. `stored_by`: the earlier load that stored the last of its rows, so that no row below it is new.
        """
        if self.plan is None:
            return
        if self.is_sweeping:
            self.sweep_ids.update(ids)
        if not self.counts.is_trusted:
            return
        count, size = self._lengths(page)
        rows = len(page.rows) - len(ids) + len(set(ids)) + unreadable
        low, high = page_range(page.number, rows, count, size)
        if page.number == 1:
            high = max(high, self.count)
        if page.number >= last_page(count, size) and low <= self.state.accepted_count_difference:
            low = 0
        self.add_covered((low, high))
        reached = [
            self.unjoined_boundaries.pop(boundary)
            for boundary in [*self.unjoined_boundaries]
            if low <= boundary <= high
        ]
        open_below = [
            is_below_gap
            for is_below_gap in reached
            if stored_by is None or (is_below_gap and stored_by in self.state.unjoined)
        ]
        if open_below and low:
            self.unjoined_boundaries[low] = any(open_below)

    def add_covered(self, interval: Interval) -> None:
        """Notes these positions as read."""
        self.unread_ranges = self.unread_ranges.remove([interval])
        self.covered = self.covered.add(interval)
        if self.sweep_remaining is not None:
            self.sweep_remaining = self.covered.reach(self.sweep_remaining)

    def accept_new_count(self) -> int:
        """Takes the count that the list has by now; returns how many rows came on top."""
        grown = max(0, self.counts.latest - self.count)
        if grown:
            self.unread_ranges = self.unread_ranges.add((self.count, self.counts.latest))
        self.unread_ranges = self.unread_ranges.below(self.counts.latest)
        self.count = self.counts.latest
        return grown

    def conclude_untrusted(self, claimed: int = 0) -> None:
        """A list read to its end: its length is the rows that came; it may have `claimed` more."""
        self.count = len(self.paging.fetched_ids)
        self.counts.start(max(self.count, claimed))
        self.unread_ranges = NO_POSITIONS
        self.add_covered((0, max(self.count, self.state.stored_count, 1)))
        if self.is_sweeping:
            self.sweep_remaining = 0

    @property
    def is_sweeping(self) -> bool:
        """Whether this sync reads the list as part of a sweep."""
        return self.sweep_remaining is not None

    @property
    def begins_sweep(self) -> bool:
        """Whether this sync starts a sweep of the list."""
        return self.is_sweeping and self.state.sweep_remaining is None

    @property
    def is_verified(self) -> bool:
        """Whether every row of the list has been read since the sweep (or the first load) began."""
        if self.plan is None or self.unread_ranges:
            return False
        return self.sweep_remaining == 0 if self.is_sweeping else not self.uncovered

    @property
    def keeps_sweep_ids(self) -> bool:
        """Whether the ids read must be stored: the sweep is too long for one sync, or a budget may end it."""
        if not self.is_sweeping or self.plan is None:
            return False
        pages = len(self.plan.pages) + len(self.plan.sweep_pages) + 1
        continued = self.state.sweep_remaining is not None
        is_long = pages < last_page(self.count, self.size) or self.count > IN_MEMORY
        return continued or is_long or self.is_budgeted

    def jobs(self, stage: str) -> Iterator[tuple[Resource, int, int]]:
        """The pages to fetch after the first in one of the `STAGES`.

        Before each page it checks whether the list has ended or failed meanwhile.
        """
        for page in self._pages(stage):
            if self.paging.ended or self.error is not None or page >= self.paging.end:
                return
            yield (self.resource, page, self.size)

    def _pages(self, stage: str) -> Iterable[int]:
        if self.plan is None:
            return ()
        if not self.counts.is_trusted:
            return itertools.count(2) if stage == "due" else ()
        if stage == "sweep":
            return self.plan.sweep_pages
        new = self.pages_for(self.plan.unread_ranges)
        return self.plan.pages & new if stage == "new" else self.plan.pages - new

    @property
    def covered_on_top(self) -> int:
        """How many rows from the newest end are covered without a hole."""
        if not self.covered:
            return 0
        low, high = self.covered.intervals[-1]
        return high - low if high >= self.count else 0

    @property
    def uncovered(self) -> Coverage:
        """Positions of the list that this sync has not covered."""
        return self.covered.gaps(self.count)

    @property
    def holes(self) -> Coverage:
        """Never-read positions, and planned ones that did not come: what this sync should still read."""
        return self.unread_ranges.add(*self.covered.missing(self.planned))

    @property
    def is_incomplete(self) -> bool:
        """Whether something due was not read: the list itself, unread rows, planned pages, unfinished tasks."""
        if self.plan is None:
            return self.error is None
        return bool(
            self.unread_ranges
            or self.pending_unfinished
            or self.is_resumed
            or self.postponed
            or self.pages_for(self.uncovered) & self.plan.pages
        )

    def pages_for(self, intervals: Iterable[Interval]) -> Pages:
        """The pages on which these positions stand now."""
        return Pages.holding(intervals, self.count, self.size)

    @property
    def unreadable_positions(self) -> set[int]:
        """Positions of rows the server cannot show: those of this sync, and earlier ones not read since."""
        earlier = self.covered.missing((position, position + 1) for position in self.state.unreadable)
        return {*self.unreadable, *itertools.chain.from_iterable(itertools.starmap(range, earlier))}

    def unreadable_offsets(self, page: int, size: int) -> list[int]:
        """Where such rows stand on a page now, as offsets from the start of the list."""
        if self.plan is None and self.state.size:
            size = min(size, self.state.size)
        count = (self.state.count or 0) if self.plan is None else self.counts.latest
        offsets = (count - 1 - position for position in self.unreadable_positions)
        return [offset for offset in offsets if (page - 1) * size <= offset < page * size]

    @property
    def unavailable_rows(self) -> int:
        """Rows that the list counts but that cannot be stored: unreadable ones, and the accepted difference."""
        return len(self.unreadable_positions) + self.state.accepted_count_difference

    @property
    def lost_rows(self) -> int:
        """How many rows of the list are not stored whole, as far as this sync or an earlier one has read it."""
        return len(self.lost) if self.is_verified else max(len(self.lost), self.state.lost)

    def bookmark(self, *, now: datetime, finished: bool, stored_count: int | None = None) -> Bookmark:
        """What this sync leaves for the next one."""
        state = self.state
        has_plan, was_tried = self.plan is not None, self.plan is not None or self.error is not None
        was_finished = finished and self.error is None and not self.stopped_early
        complete = was_finished and not self.postponed
        unread_ranges = self._unread_next_time()
        sweep_started_at, sweep_remaining = self._sweep_position(now)
        return Bookmark(
            resource=self.resource.name,
            space_token=self.resource.space_token,
            kind=self.resource.kind,
            count=self.count if has_plan else state.count,
            stored_count=state.stored_count if stored_count is None else stored_count,
            unread_ranges=unread_ranges,
            sweep_started_at=sweep_started_at,
            sweep_remaining=sweep_remaining,
            swept_at=now if was_finished and self.is_verified else state.swept_at,
            warm_at=now if complete and self.plan and self.plan.is_warm else state.warm_at,
            accepted_count_difference=state.accepted_count_difference,
            synced_at=now if complete else state.synced_at,
            last_error=self.error.message if self.error else None,
            count_trusted=state.count_trusted,
            unjoined=(*state.unjoined, *filter(None, [self.load_id])) if unread_ranges else (),
            held_deletions=state.held_deletions,
            unreadable=tuple(sorted(self.unreadable_positions)),
            lost=self.lost_rows,
            size=self.size if has_plan else state.size,
            last_attempt_at=now if was_tried else state.last_attempt_at,
        )

    def _sweep_position(self, now: datetime) -> tuple[datetime | None, int | None]:
        """When the sweep in progress started, and what it still has to read."""
        started_at, remaining = self.state.sweep_started_at, self.state.sweep_remaining
        if self.plan is None:  # a list whose first page failed keeps its sweep as it was
            return started_at, remaining
        if not self.sweep_remaining:
            return None, None
        is_new = remaining is None or started_at is None
        return now if is_new else started_at, self.sweep_remaining if self.keeps_sweep_ids else None

    def _unread_next_time(self) -> Coverage:
        """The unread ranges, and one more row below each that is closed: it shows whether the next ones are stored."""
        unread = self.unread_ranges if self.plan else self.state.unread_ranges
        if not self.counts.is_trusted or self.paging.ignores_page:
            return unread
        still_open = {low for low, _ in unread}
        closed = self.unjoined_boundaries.keys() - still_open
        return unread.add(*((boundary - 1, boundary) for boundary in closed))
