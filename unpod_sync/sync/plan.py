"""What to read of a list, decided by a pure function of its stored state."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from unpod_sync.config import FreshnessPolicy
from unpod_sync.sync.bookmark import Bookmark
from unpod_sync.sync.coverage import FIRST, NO_POSITIONS, Coverage, Interval, Pages

LEAST_SLICE = 10  # pages of a sweep read by every sync, whatever the limits
USUAL_SLICE = 50  # the same where limits leave room for it: a shorter list is read whole each time
USUAL_MINUTES = 5  # whose share of requests is that room, however often syncs come
UNREAD_PAGES = 50  # never-read pages in a row with which a list counts as a first load
ASSUMED_PER_MINUTE = 100  # the lowest documented limit (docs/api-behaviour.md, section 6)
SWEEP_SHARE = 0.5  # of the requests that the server allows


@dataclass(frozen=True, slots=True)
class SweepPace:
    """How often syncs come, and how many requests a minute the server and the user allow (None: unknown)."""

    interval: timedelta = timedelta(minutes=15)
    per_minute: float | None = None


DEFAULT_PACE = SweepPace()
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  naive UTC; any time does


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A row that may have changed although it is too old for the hot window, and where it stands."""

    id: str
    positions: Interval


@dataclass(frozen=True, slots=True)
class ListState(Bookmark):
    """One list before a sync reads it: its bookmark, and what is stored of it now.

    `stored_count` is today's; `hot` and `warm` are how many of these rows are in the lookback windows.
    `is_derived`: the rows follow from other lists, and no slice of a sweep is spent on them. `share`: of the
    stored rows of all lists.
    """

    hot: int = 0
    warm: int = 0
    unfinished: tuple[Unfinished, ...] = ()
    is_derived: bool = False
    share: float = 1.0

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


def sweep_slice(
    pages_left: int, state: ListState, now: datetime, policy: FreshnessPolicy, pace: SweepPace = DEFAULT_PACE
) -> int:
    """How many pages of a sweep to read now so that it ends in time.

    As many as keep pace until the deadline if syncs go on coming at the present interval, but no more than
    `sweep_allowance`, and at least `USUAL_SLICE`. The deadline is 6/7 of the verification span, since a row near the end of one sweep may stand
    near the end of the next one too. An explicit `sweep_pages` is the least, without an upper limit.
    """
    started = state.sweep_started_at
    since_last = now - (state.synced_at or started or now)
    interval = max(since_last, timedelta(0) if policy.sweep_pages else pace.interval)
    time_left = (started or now) + policy.verification_span * 6 / 7 - now
    if time_left > interval:
        wanted = math.ceil(pages_left * interval / time_left)
    else:
        wanted = 0 if started is None and policy.sweep_pages else pages_left
    if policy.sweep_pages:
        return min(pages_left, max(policy.sweep_pages, wanted))
    usual = min(USUAL_SLICE, sweep_allowance(state, replace(pace, interval=timedelta(minutes=USUAL_MINUTES))))
    return min(pages_left, max(LEAST_SLICE, usual, min(wanted, sweep_allowance(state, pace))))


def sweep_allowance(state: ListState, pace: SweepPace) -> int:
    """The pages of a list's sweep that leave half of the allowed requests to everything else."""
    minutes = pace.interval.total_seconds() / 60
    return math.ceil((pace.per_minute or ASSUMED_PER_MINUTE) * minutes * SWEEP_SHARE * state.share)


def verification_time(pages: int, state: ListState, policy: FreshnessPolicy, pace: SweepPace) -> timedelta:
    """How long it takes until every row of a list of so many pages has been verified once."""
    slice_ = sweep_slice(pages, replace(state, sweep_started_at=None, synced_at=None), EPOCH, policy, pace)
    time = pace.interval * max(1, math.ceil(pages / max(1, slice_)))
    return min(time, policy.verification_span) if policy.sweep_pages else time


def plan(
    state: ListState,
    *,
    count: int,
    size: int,
    now: datetime,
    policy: FreshnessPolicy,
    pace: SweepPace = DEFAULT_PACE,
    full: bool = False,
) -> ListPlan:
    """What to read of a list beyond its first page; the same arguments give the same plan.

    `count` and `size` come from the first page: the list's length, and how many rows a page really has.
    """
    unread_ranges = carry_unread_ranges(state, count)
    due = unread_ranges.window_offset(state.hot, count)
    due_positions: dict[str, Iterable[Interval]] = {"new": unread_ranges, "hot": [(due, count)]}
    is_warm = _is_warm_due(state.warm_at, now, policy)
    if is_warm:
        due = min(due, unread_ranges.window_offset(state.warm, count))
        due_positions["warm"] = [(due, count)]
    if full:
        due_positions["full"] = [(0, count)]
    needs = {reason: Pages.holding(positions, count, size) for reason, positions in due_positions.items()}
    must = functools.reduce(Pages.__or__, needs.values(), FIRST)
    everything = full or (state.is_derived and is_warm)
    sweep_remaining, candidates = _sweep_candidates(state, unread_ranges, must, count, size, everything)
    sweep_pages = candidates.first(sweep_slice(len(candidates), state, now, policy, pace))
    unfinished = Pages.holding([row.positions for row in state.unfinished], count, size)
    needs |= {"unfinished": unfinished - must - sweep_pages, "sweep": sweep_pages}
    must |= needs["unfinished"]
    return ListPlan(
        pages=must - FIRST,
        sweep_pages=sweep_pages,
        unread_ranges=unread_ranges,
        sweep_remaining=sweep_remaining,
        is_warm=is_warm,
        due=due,
        needs={reason: len(pages) for reason, pages in needs.items() if pages},
    )


def _is_warm_due(warm_at: datetime | None, now: datetime, policy: FreshnessPolicy) -> bool:
    """Whether the warm window is read; at once if it was read in the future, by a clock that was set back."""
    every = timedelta(hours=policy.warm_every_hours)
    return warm_at is None or now - warm_at >= every or warm_at > now


def _sweep_candidates(
    state: ListState, unread_ranges: Coverage, planned: Pages, count: int, size: int, full: bool
) -> tuple[int | None, Pages]:
    """The sweep's position, and its pages: those that are not planned for another reason, newest first.

    A list that still has much to read for the first time is not swept: reading it verifies it. A derived
    list is swept when its warm window, which is all of it, is due.
    """
    first_load = state.stored_count == 0 or any(
        high - low > UNREAD_PAGES * size for low, high in unread_ranges
    )
    is_between = state.is_derived and state.sweep_remaining is None
    if (first_load or is_between) and not full:
        return None, Pages()
    left = count if state.sweep_remaining is None or full else min(state.sweep_remaining, count)
    return left, Pages.holding([(0, left)], count, size) - planned
