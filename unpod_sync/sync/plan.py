"""What to read of a list, decided by a pure function of its stored state."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from unpod_sync.config import FreshnessPolicy
from unpod_sync.sync.bookmark import Bookmark
from unpod_sync.sync.coverage import FIRST, NO_POSITIONS, Coverage, Interval, Pages


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A row that may have changed although it is too old for the hot window, and where it stands."""

    id: str
    positions: Interval


@dataclass(frozen=True, slots=True)
class ListState(Bookmark):
    """One list before a sync reads it: its bookmark, and what is stored of it now.

    `stored_count` is today's; `hot` and `warm` are how many of these rows are in the lookback windows.
    `is_derived`: the rows follow from other lists, and no slice of a sweep is spent on them.
    """

    hot: int = 0
    warm: int = 0
    unfinished: tuple[Unfinished, ...] = ()
    is_derived: bool = False

    @classmethod
    def of(cls, bookmark: Bookmark, *, stored_count: int, hot: int, warm: int) -> ListState:
        """From the bookmark and the present counts."""
        kept = {field.name: getattr(bookmark, field.name) for field in fields(Bookmark)}
        return cls(**(kept | {"stored_count": stored_count, "hot": hot, "warm": warm}))


@dataclass(frozen=True, slots=True)
class ListPlan:
    """What to read of one list after its first page gave `count` and `size`.

    `pages` must be read for freshness, `sweep_pages` are this sync's slice of the sweep. `needs` is the
    number of pages for each reason (a page may serve several); `due` is the position down to which the
    hot window reaches, or the warm one when it is due.
    """

    pages: Pages
    sweep_pages: Pages
    unread_ranges: Coverage
    sweep_remaining: int | None
    is_warm: bool
    due: int
    needs: dict[str, int]

    @property
    def requests(self) -> int:
        """Requests this plan makes beyond the first page."""
        return len(self.pages) + len(self.sweep_pages)


def carry_unread_ranges(state: ListState, count: int) -> Coverage:
    """The never-read positions, carried over to a list that now has `count` rows."""
    if state.count is None:
        return NO_POSITIONS.gaps(count)
    return state.unread_ranges.carried_over(state.count, count)


def sweep_slice(pages_left: int, state: ListState, now: datetime, policy: FreshnessPolicy) -> int:
    """How many pages of a sweep to read now so that it ends within its days.

    The default slice, or more: as many as keep pace until the deadline if syncs go on coming at
    the present interval. The deadline is 6/7 of `sweep_days`, since a row near the end of one
    sweep may stand near the end of the next one too.
    """
    if state.sweep_started_at is None:
        started, interval = now, timedelta(0)
    else:
        started = state.sweep_started_at
        interval = max(timedelta(0), now - (state.synced_at or started))
    time_left = started + timedelta(days=policy.sweep_days * 6 / 7) - now
    if time_left <= interval:
        return pages_left if state.sweep_started_at is not None else policy.sweep_pages
    pace = math.ceil(pages_left * interval / time_left)
    return min(pages_left, max(policy.sweep_pages, pace))


def plan(
    state: ListState, *, count: int, size: int, now: datetime, policy: FreshnessPolicy, full: bool = False
) -> ListPlan:
    """What to read of a list beyond its first page; the same arguments give the same plan.

    `count` and `size` come from the first page: the list's length, and how many rows a page really has.
    """
    unread_ranges = carry_unread_ranges(state, count)
    needs: dict[str, Pages] = {}

    def want(reason: str, intervals: Iterable[Interval]) -> None:
        chosen = Pages.holding(intervals, count, size)
        if chosen:
            needs[reason] = chosen

    want("new", unread_ranges)
    due = unread_ranges.window_offset(state.hot, count)
    want("hot", [(due, count)])
    is_warm = _is_warm_due(state.warm_at, now, policy)
    if is_warm:
        due = min(due, unread_ranges.window_offset(state.warm, count))
        want("warm", [(due, count)])
    if full:
        want("full", [(0, count)])
    must = functools.reduce(Pages.__or__, needs.values(), FIRST)
    everything = full or (state.is_derived and is_warm)
    sweep_remaining, sweep_pages = _sweep(state, unread_ranges, must, count, size, now, policy, everything)
    places = [row.positions for row in state.unfinished]
    needs["unfinished"] = Pages.holding(places, count, size) - must - sweep_pages
    must |= needs["unfinished"]
    wanted = {reason: len(chosen) for reason, chosen in needs.items()} | {"sweep": len(sweep_pages)}
    return ListPlan(
        pages=must - FIRST,
        sweep_pages=sweep_pages,
        unread_ranges=unread_ranges,
        sweep_remaining=sweep_remaining,
        is_warm=is_warm,
        due=due,
        needs={reason: number for reason, number in wanted.items() if number},
    )


def _is_warm_due(warm_at: datetime | None, now: datetime, policy: FreshnessPolicy) -> bool:
    """Whether the warm window is read; at once if it was read in the future, by a clock that was set back."""
    every = timedelta(hours=policy.warm_every_hours)
    return warm_at is None or now - warm_at >= every or warm_at > now


def _sweep(
    state: ListState,
    unread_ranges: Coverage,
    planned: Pages,
    count: int,
    size: int,
    now: datetime,
    policy: FreshnessPolicy,
    full: bool,
) -> tuple[int | None, Pages]:
    """The sweep's position, and its slice: pages that are not planned for another reason, newest first.

    A list that still has much to read for the first time is not swept: reading it verifies it. A derived
    list is swept when its warm window, which is all of it, is due.
    """
    first_load = state.stored_count == 0 or any(
        high - low > policy.sweep_pages * size for low, high in unread_ranges
    )
    is_between = state.is_derived and state.sweep_remaining is None
    if (first_load or is_between) and not full:
        return None, Pages()
    left = count if state.sweep_remaining is None or full else min(state.sweep_remaining, count)
    candidates = Pages.holding([(0, left)], count, size) - planned
    return left, candidates.first(sweep_slice(len(candidates), state, now, policy))
