"""Interval sets are sets: every operation is checked against plain sets of positions."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from unpod_sync.sync.coverage import Coverage, Interval, Pages, last_page, page_range, pages_of

ranges = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (min(pair), max(pair))), max_size=6
)
coverages = ranges.map(Coverage.of)
counts = st.integers(0, 60)


def positions(pairs: Coverage | list[Interval]) -> set[int]:
    return {position for low, high in pairs for position in range(low, high)}


def is_normal(coverage: Coverage) -> bool:
    """Whether the intervals are ascending, not empty, and neither overlap nor touch."""
    ends = [end for interval in coverage for end in interval]
    return all(low < high for low, high in itertools.pairwise(ends))


@given(ranges, ranges)
def test_interval_arithmetic_is_set_arithmetic(first: list[Interval], second: list[Interval]) -> None:
    one, other = Coverage.of(first), Coverage.of(second)
    assert positions(one) == positions(first)
    assert positions(one.add(*second)) == positions(first) | positions(second)
    assert positions(one.remove(second)) == positions(first) - positions(second)
    assert positions(one.missing(second)) == positions(second) - positions(first)
    assert one.total == len(positions(first))
    assert bool(one) == bool(positions(first))
    results = (one, one.add(*second), one.remove(other), one.missing(other), one.remove(second))
    assert all(map(is_normal, results))


@given(coverages, counts)
def test_gaps_and_coverage_make_the_list(covered: Coverage, count: int) -> None:
    everything = set(range(count))
    assert positions(covered.gaps(count)) == everything - positions(covered)
    assert positions(covered.below(count)) == everything & positions(covered)


@given(coverages, counts)
def test_it_reaches_down_to_the_next_gap(covered: Coverage, position: int) -> None:
    reached = position
    while reached - 1 in positions(covered):
        reached -= 1
    assert covered.reach(position) == reached


@given(coverages, counts, counts)
def test_unread_positions_stay_unread_in_a_list_of_another_length(
    unread: Coverage, earlier: int, count: int
) -> None:
    """Wherever rows were deleted: an unread row moves down by at most as many as there are fewer."""
    carried = unread.below(earlier).carried_over(earlier, count)
    assert positions(carried) >= set(range(earlier, count))
    shrunk_by = max(0, earlier - count)
    for position in positions(unread.below(earlier)):
        possible = range(max(0, position - shrunk_by), min(position + 1, count))
        assert set(possible) <= positions(carried)


@given(coverages, st.data())
def test_offsets_count_the_unread_rows_below(unread: Coverage, data: st.DataObject) -> None:
    """A read row's position, and the place of the newest read rows, from plain counting."""
    read = [position for position in range(60) if position not in positions(unread)]
    older = data.draw(st.integers(0, len(read) - 1))
    assert unread.offset_of(older) == read[older]
    rows = data.draw(st.integers(1, len(read)))
    assert unread.window_offset(rows, 60) == read[-rows]


def test_an_offset_counts_the_unread_rows_below_it() -> None:
    unread = Coverage(((5, 12), (20, 21)))
    assert [unread.offset_of(older) for older in (0, 4, 5, 12, 13, 20)] == [0, 4, 12, 19, 21, 28]


@given(st.integers(1, 500), st.integers(1, 40))
def test_pages_and_positions_are_inverse(count: int, size: int) -> None:
    covered: set[int] = set()
    for page in range(1, last_page(count, size) + 1):
        rows = min(size, count - (page - 1) * size)
        low, high = page_range(page, rows, count, size)
        assert all(page in pages_of((position, position + 1), count, size) for position in range(low, high))
        covered |= set(range(low, high))
    assert covered == set(range(count))


@given(coverages, coverages, st.integers(1, 60), st.integers(1, 20))
def test_pages_are_sets_of_numbers(first: Coverage, second: Coverage, count: int, size: int) -> None:
    one, other = Pages.holding(first, count, size), Pages.holding(second, count, size)
    assert set(one | other) == set(one) | set(other)
    assert set(one - other) == set(one) - set(other)
    assert set(one & other) == set(one) & set(other)
    assert len(one) == len(set(one))
    assert positions(first.below(count)) <= positions(one.positions(count, size))
