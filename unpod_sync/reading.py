"""The reading of one list in one sync: its plan, what came of it, and the bookmark to keep.

A `Reading` learns of pages twice: `observe` at once (does the list page at all, has it ended?)
and `cover` when the page's rows are in a batch, so that bookmark and rows commit together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unpod_sync.errors import ApiError
from unpod_sync.model import Page, Resource
from unpod_sync.plan import (
    Interval,
    ListPlan,
    ListState,
    Policy,
    last_page,
    merge_intervals,
    pages_of,
    plan,
    positions_of,
    subtract,
)

IN_MEMORY = 50_000  # ids of a sweep that is done in one go and kept in memory; longer ones go to a table


@dataclass(slots=True)
class Reading:
    """One list being read."""

    resource: Resource
    state: ListState
    policy: Policy
    optional: bool = False
    count: int = 0
    size: int = 100
    plan: ListPlan | None = None
    gaps: tuple[Interval, ...] = ()
    covered: tuple[Interval, ...] = ()
    sweep_left: int | None = None
    first_ids: frozenset[str] = frozenset()
    seen: set[str] = field(default_factory=set)
    counts: set[int] = field(default_factory=set)
    rows: int = 0
    bad_positions: list[int] = field(default_factory=list)
    error: ApiError | None = None
    skipped: str = ""
    ended: bool = False
    ignores_page: bool = False
    is_counted: bool = True
    sweep_done: bool = False

    def begin(self, page: Page, ids: list[str], *, now: datetime, full: bool) -> None:
        """Takes the first page: learns length and page size, and plans the rest."""
        rows = len(page.rows)
        self.size = rows if 0 < rows < page.size and (page.count is None or page.count > rows) else page.size
        if rows > page.size:
            self.size = rows
        self.is_counted = page.count is not None and page.count >= rows and self.state.counted
        self.count = page.count if page.count is not None and self.is_counted else max(rows, self.state.known)
        self.first_ids = frozenset(ids)
        if rows == 0 or (rows < page.size and not self.is_counted and page.count is None):
            self.count = rows
            self.is_counted = page.count is not None or rows == 0
        self.plan = plan(
            self.state, count=self.count, size=self.size, now=now, policy=self.policy, full=full or not self.is_counted
        )
        self.gaps = self.plan.gaps
        self.sweep_left = self.plan.sweep_left
        self.observe(page, ids)

    def observe(self, page: Page, ids: list[str]) -> None:
        """Notes at once what a page says of the list as a whole."""
        self.rows += len(page.rows)
        if page.count is not None:
            self.counts.add(page.count)
        if page.number > 1 and page.rows and self.first_ids.issuperset(ids):
            self.ignores_page = True
            self.ended = True
        if not page.rows:
            self.ended = True

    def cover(self, page: Page, ids: Iterable[str]) -> None:
        """Notes that the page's rows are in the batch that is about to be written."""
        if self.plan is None:
            return
        count = page.count if page.count is not None and self.is_counted else self.count
        rows = len(page.rows)
        interval = positions_of(page.number, rows, count, page.size if page.number > 1 else self.size)
        if page.number == 1 and rows >= count:
            interval = (0, max(count, self.count))
        self.gaps = subtract(self.gaps, interval)
        self.covered = merge_intervals([*self.covered, interval])
        if self.is_sweeping:
            self.seen.update(ids)
            self._advance()

    def _advance(self) -> None:
        """Moves the sweep down through what is covered without a hole."""
        for low, high in reversed(self.covered):
            if self.sweep_left is not None and low < self.sweep_left <= high:
                self.sweep_left = low

    @property
    def is_sweeping(self) -> bool:
        """Whether this reading is part of a sweep."""
        return self.sweep_left is not None

    @property
    def keeps_seen(self) -> bool:
        """Whether ids met must outlive this sync: the sweep is too long for one go."""
        if not self.is_sweeping or self.plan is None:
            return False
        pages = len(self.plan.pages) + len(self.plan.sweep_pages) + 1
        continued = self.state.sweep_left is not None
        return continued or pages < last_page(self.count, self.size) or self.count > IN_MEMORY

    def jobs(self) -> list[tuple[Resource, int, int]]:
        """The pages still to fetch after the first: needs first, then the sweep's slice."""
        if self.plan is None or self.error is not None or self.ended:
            return []
        return [(self.resource, page, self.size) for page in (*self.plan.pages, *self.plan.sweep_pages)]

    @property
    def top(self) -> int:
        """How many rows from the newest end are covered without a hole."""
        if not self.covered:
            return 0
        low, high = self.covered[-1]
        return high - low if high >= self.count else 0

    @property
    def uncovered(self) -> tuple[Interval, ...]:
        """Positions of the list that this sync has not covered."""
        left: tuple[Interval, ...] = ((0, self.count),) if self.count else ()
        for interval in self.covered:
            left = subtract(left, interval)
        return left

    def pages_for(self, intervals: Iterable[Interval]) -> list[int]:
        """The pages on which these positions stand now."""
        return sorted({page for interval in intervals for page in pages_of(interval, self.count, self.size)})

    def bookmark(self, *, now: datetime, finished: bool, known: int | None = None) -> dict[str, Any]:
        """The bookmark row: the state this reading leaves behind."""
        complete = finished and self.error is None
        sweeping = self.sweep_left is not None and self.sweep_left > 0
        fresh_start = self.state.sweep_left is None or self.state.sweep_started_at is None
        row: dict[str, Any] = {
            "resource": self.resource.name,
            "space_token": self.resource.space_token,
            "kind": self.resource.kind,
            "api_count": self.count if self.plan is not None else self.state.count,
            "known_count": self.state.known if known is None else known,
            "gaps_json": json.dumps([list(gap) for gap in (self.gaps if self.plan else self.state.gaps)]),
            "sweep_started_at": (now if fresh_start else self.state.sweep_started_at) if sweeping else None,
            "sweep_remaining": self.sweep_left if sweeping and self.keeps_seen else None,
            "warm_at": now if complete and self.plan and self.plan.is_warm else self.state.warm_at,
            "explained_gap": self.state.explained,
            "last_synced_at": now if complete else self.state.synced_at,
            "last_error": self.error.message if self.error else None,
            "state_json": json.dumps({"runs_usable": self.state.runs_usable, "counted": self.state.counted}),
        }
        return row


def state_of(bookmark: dict[str, Any], **known: Any) -> ListState:
    """A `ListState` from a stored bookmark and the counts of what is known."""
    extra = json.loads(bookmark.get("state_json") or "{}")
    return ListState(
        count=bookmark.get("api_count"),
        gaps=tuple((low, high) for low, high in json.loads(bookmark.get("gaps_json") or "[]")),
        sweep_left=bookmark.get("sweep_remaining"),
        sweep_started_at=bookmark.get("sweep_started_at"),
        warm_at=bookmark.get("warm_at"),
        synced_at=bookmark.get("last_synced_at"),
        explained=bookmark.get("explained_gap") or 0,
        runs_usable=extra.get("runs_usable", True),
        counted=extra.get("counted", True),
        **known,
    )
