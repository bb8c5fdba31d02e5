"""The plan is a pure function: what it asks to be read, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from unpod_sync.config import FreshnessPolicy
from unpod_sync.sync.coverage import Coverage, pages_of
from unpod_sync.sync.plan import (
    ListState,
    SweepPace,
    Unfinished,
    carry_unread_ranges,
    plan,
    sweep_slice,
    verification_time,
)

NOW = datetime(2026, 3, 10, 12)  # noqa: DTZ001  naive UTC
POLICY = FreshnessPolicy(sweep_days=7.0, sweep_pages=50)
HOURLY = FreshnessPolicy(verify_within="1h")
KNOWN = ListState(count=100_000, stored_count=100_000, warm_at=NOW, synced_at=NOW - timedelta(minutes=15))


def planned(state: ListState, *, count: int = 100_000, full: bool = False, policy: FreshnessPolicy = POLICY):
    return plan(state, count=count, size=100, now=NOW, policy=policy, full=full)


def test_a_first_load_reads_everything_and_sweeps_nothing():
    result = planned(ListState(), count=1_337)
    assert tuple(result.pages) == tuple(range(2, 15))
    assert result.unread_ranges.intervals == ((0, 1_337),)
    assert result.sweep_remaining is None
    assert tuple(result.sweep_pages) == ()


def test_an_idle_list_costs_its_slice_of_the_sweep_only():
    result = planned(KNOWN)
    assert tuple(result.pages) == ()
    assert tuple(result.sweep_pages) == tuple(range(2, 52))
    assert result.sweep_remaining == 100_000


def test_new_rows_stand_on_the_first_pages():
    result = planned(KNOWN, count=100_250)
    assert tuple(result.pages) == (2, 3)
    assert result.unread_ranges.intervals == ((100_000, 100_250),)
    assert result.needs["new"] == 3


def test_the_hot_window_is_read_every_time():
    assert tuple(planned(replace(KNOWN, hot=950)).pages) == tuple(range(2, 11))


def test_unread_rows_between_read_ones_do_not_shorten_the_hot_window():
    gaps = Coverage(((500, 1_000), (99_000, 99_990)))
    # Ten read rows on top, then the gap, then the other 90 hot ones.
    assert planned(replace(KNOWN, hot=100, unread_ranges=gaps)).due == 98_910
    assert planned(replace(KNOWN, hot=10, unread_ranges=gaps)).due == 99_990
    assert planned(replace(KNOWN, hot=100, unread_ranges=gaps), count=100_050).due == 98_910


def test_the_warm_window_is_read_once_a_day():
    state = replace(KNOWN, warm=2_000)
    assert planned(state).needs.get("warm") is None
    day_old = replace(state, warm_at=NOW - timedelta(hours=24))
    assert planned(day_old).needs["warm"] == 20
    assert planned(day_old).is_warm


def test_a_clock_set_back_does_not_put_off_the_warm_window():
    assert planned(replace(KNOWN, warm=2_000, warm_at=NOW + timedelta(days=3))).is_warm


def test_a_small_list_is_read_whole_every_time():
    state = replace(KNOWN, count=5_000, stored_count=5_000)
    result = planned(state, count=5_000)
    assert {1, *result.pages, *result.sweep_pages} == set(range(1, 51))


def test_unfinished_tasks_are_read_by_page():
    assert tuple(planned(replace(KNOWN, unfinished=(Unfinished("T1", (10, 11)),))).pages) == (1_000,)


def test_pages_of_the_sweep_serve_unfinished_tasks_too():
    state = replace(KNOWN, unfinished=(Unfinished("T1", (99_500, 99_501)),))
    assert tuple(planned(state).pages) == ()


def test_an_interrupted_first_load_goes_on_where_it_stopped():
    state = replace(KNOWN, unread_ranges=Coverage(((0, 40_000),)), stored_count=60_000)
    result = planned(state, count=100_100)
    assert result.unread_ranges.intervals == ((0, 40_000), (100_000, 100_100))
    assert tuple(result.pages) == tuple(range(602, 1_002))
    assert tuple(result.sweep_pages) == ()


def test_a_sweep_goes_on_from_its_position_whatever_came_on_top():
    state = replace(KNOWN, sweep_remaining=50_000, sweep_started_at=NOW - timedelta(hours=1))
    result = planned(state, count=100_300)
    assert result.sweep_remaining == 50_000
    assert next(iter(result.sweep_pages)) == pages_of((0, 50_000), 100_300, 100)[0]


def test_a_derived_list_is_read_whole_once_a_day_and_not_in_slices():
    state = replace(KNOWN, warm=100_000, is_derived=True)
    assert planned(state).requests == 0
    assert planned(state).sweep_remaining is None
    day_old = planned(replace(state, warm_at=NOW - timedelta(hours=24)))
    assert len(day_old.pages) == 999
    assert day_old.sweep_remaining == 100_000


def test_full_reads_everything_now():
    result = planned(KNOWN, full=True)
    assert tuple(result.pages) == tuple(range(2, 1_001))
    assert result.sweep_remaining == 100_000


def test_a_sweep_that_is_late_takes_larger_slices():
    on_time = replace(KNOWN, sweep_started_at=NOW - timedelta(hours=1))
    assert sweep_slice(1_000, on_time, NOW, POLICY) == 50
    late = replace(KNOWN, sweep_started_at=NOW - timedelta(days=5.99), synced_at=NOW - timedelta(minutes=10))
    assert sweep_slice(1_000, late, NOW, POLICY) > 500
    overdue = replace(KNOWN, sweep_started_at=NOW - timedelta(days=8))
    assert sweep_slice(1_000, overdue, NOW, POLICY) == 1_000


def test_every_row_of_a_million_is_verified_within_a_week_of_hourly_syncs():
    now, left, started, syncs = NOW, 10_000, NOW, 0
    state = ListState(count=1_000_000, stored_count=1_000_000)
    while left > 0:
        state = replace(state, sweep_started_at=started, synced_at=now)
        now += timedelta(hours=1)
        left -= sweep_slice(left, state, now, POLICY)
        syncs += 1
    assert now - started <= timedelta(days=7)
    assert syncs > 100, "in slices, not at once"


def verified_after(pages: int, policy: FreshnessPolicy, pace: SweepPace) -> timedelta:
    """The longest time between two readings of a page, over a day of syncs."""
    now, left, started = NOW, pages, None
    last_read, longest = dict.fromkeys(range(pages), NOW), timedelta(0)
    while now - NOW < timedelta(days=1):
        state = ListState(sweep_started_at=started, synced_at=now - pace.interval if started else None)
        for page in range(left - (read := sweep_slice(left, state, now, policy, pace)), left):
            longest, last_read[page] = max(longest, now - last_read[page]), now
        left -= read
        started = None if left == 0 else started or now
        left, now = left or pages, now + pace.interval
    return longest


def test_twenty_thousand_tasks_are_verified_within_an_hour():
    """Of quarter-hourly syncs, where no limit is known; the plan promises no more than that."""
    pace = SweepPace(timedelta(minutes=15))
    for policy in (FreshnessPolicy(), HOURLY):
        assert verified_after(200, policy, pace) <= timedelta(hours=1)
        assert verification_time(200, ListState(), policy, pace) == timedelta(hours=1)


def test_a_million_tasks_take_half_of_what_the_server_allows():
    pace = SweepPace(timedelta(minutes=15), per_minute=100)
    assert sweep_slice(10_000, KNOWN, NOW, HOURLY, pace) == 750
    assert verification_time(10_000, KNOWN, HOURLY, pace) == timedelta(hours=3.5)
    assert verified_after(10_000, HOURLY, pace) <= timedelta(hours=3.5)
    room = SweepPace(timedelta(minutes=15), per_minute=1_000)
    assert verification_time(10_000, KNOWN, HOURLY, room) == timedelta(hours=1)


def test_a_longer_time_takes_smaller_slices_and_a_rarer_sync_larger_ones():
    pace = SweepPace(timedelta(minutes=15))
    day = replace(HOURLY, verify_within="1d")
    assert sweep_slice(400, KNOWN, NOW, HOURLY, pace) == 117
    assert sweep_slice(400, KNOWN, NOW, day, pace) == 50
    assert sweep_slice(400, KNOWN, NOW, day, SweepPace(timedelta(hours=6))) == 117
    assert sweep_slice(400, KNOWN, NOW, day, SweepPace(pace.interval, per_minute=10)) == 25
    assert sweep_slice(400, KNOWN, NOW, day, SweepPace(pace.interval, per_minute=1)) == 10
    assert sweep_slice(200, replace(KNOWN, share=0.01), NOW, HOURLY, SweepPace(pace.interval, 200)) == 15


def test_gaps_grow_downwards_when_rows_vanished():
    state = ListState(count=1_000, stored_count=900, unread_ranges=Coverage(((200, 300),)))
    assert carry_unread_ranges(state, 990).intervals == ((190, 300),)
