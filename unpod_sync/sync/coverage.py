"""Positions of a list's rows as sets of intervals, and the pages on which they stand.

Lists come newest first. A row's position is therefore counted from the *oldest* end (0 is the
oldest row): that end does not move when new rows arrive, so positions stay valid between syncs.
Intervals are half-open: `(low, high)` covers positions low … high-1. A list of `count` rows, read
in pages of `size`, has on page p the positions from count - p*size up to count - (p-1)*size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Coverage:
    """A set of positions as disjoint, ascending intervals; iterating gives the intervals."""

    intervals: tuple[Interval, ...] = ()

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> Coverage:
        """The positions of any intervals: overlapping, unordered or empty ones, too."""
        merged: list[Interval] = []
        for low, high in sorted((low, high) for low, high in intervals if high > low):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __iter__(self) -> Iterator[Interval]:
        """Each interval, in ascending order."""
        return iter(self.intervals)

    def __bool__(self) -> bool:
        """Whether there is any position."""
        return bool(self.intervals)

    @property
    def total(self) -> int:
        """How many positions these are."""
        return sum(high - low for low, high in self)

    def add(self, *intervals: Interval) -> Coverage:
        """These positions and those of `intervals`."""
        return Coverage.of([*self, *intervals])

    def remove(self, intervals: Iterable[Interval]) -> Coverage:
        """These positions without those of `intervals`."""
        left = list(self)
        for cut_low, cut_high in intervals:
            if cut_low >= cut_high:
                continue
            left = [
                (low, high)
                for start, stop in left
                for low, high in ((start, min(stop, cut_low)), (max(start, cut_high), stop))
                if low < high
            ]
        return Coverage(tuple(left))

    def missing(self, planned: Iterable[Interval]) -> Coverage:
        """The `planned` positions that are not among these."""
        return Coverage.of(planned).remove(self)

    def gaps(self, count: int) -> Coverage:
        """The positions of a list of `count` rows that are not among these."""
        return self.missing([(0, count)])

    def below(self, count: int) -> Coverage:
        """The positions that a list of `count` rows has."""
        return Coverage.of((low, min(high, count)) for low, high in self)

    def reach(self, position: int) -> int:
        """The position down to which these cover a list without a gap from `position` on."""
        for low, high in reversed(self.intervals):
            if low < position <= high:
                position = low
        return position

    def carried_over(self, earlier_count: int, count: int) -> Coverage:
        """Unread positions of a list that had `earlier_count` rows and now has `count`.

        New rows stand above the earlier count. When rows were deleted, those below an unread range may
        have been among them: the range is extended downwards by as many, never shortened.
        """
        shrunk_by = max(0, earlier_count - count)
        moved = ((max(0, low - shrunk_by), min(high, count)) for low, high in self)
        return Coverage.of([*moved, (earlier_count, count)])

    def window_offset(self, rows: int, count: int) -> int:
        """The position down to which a list of `count` rows holds `rows` read ones, if these were never read."""
        low = count
        for unread_low, unread_high in reversed(self.intervals):
            if low - rows >= unread_high:
                break
            rows -= low - unread_high
            low = unread_low
        return low - rows

    def offset_of(self, older: int) -> int:
        """The position of a row with `older` read rows below it, if these positions were never read."""
        for low, high in self:
            if older < low:
                break
            older += high - low
        return older


NO_POSITIONS = Coverage()


@dataclass(frozen=True, slots=True)
class Pages:
    """Page numbers in ascending order, kept as intervals: a list may claim billions of pages."""

    numbers: Coverage = NO_POSITIONS

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Pages:
        """These pages."""
        return cls(Coverage.of((number, number + 1) for number in numbers))

    @classmethod
    def up_to(cls, last: int) -> Pages:
        """The pages from the first to the `last`."""
        return cls(Coverage.of([(1, last + 1)]))

    @classmethod
    def holding(cls, positions: Iterable[Interval], count: int, size: int) -> Pages:
        """The pages on which these positions stand."""
        ranges = (pages_of(interval, count, size) for interval in positions)
        return cls(Coverage.of((pages.start, pages.stop) for pages in ranges))

    def __iter__(self) -> Iterator[int]:
        """Each page number, in ascending order."""
        return itertools.chain.from_iterable(itertools.starmap(range, self.numbers))

    def __len__(self) -> int:
        """How many pages these are."""
        return self.numbers.total

    def __contains__(self, number: int) -> bool:
        """Whether a page is one of these."""
        return any(start <= number < stop for start, stop in self.numbers)

    def __or__(self, other: Pages) -> Pages:
        """The pages of both."""
        return Pages(self.numbers.add(*other.numbers))

    def __sub__(self, other: Pages) -> Pages:
        """The pages that are not in `other`."""
        return Pages(self.numbers.remove(other.numbers))

    def __and__(self, other: Pages) -> Pages:
        """The pages that are in both."""
        return self - (self - other)

    def first(self, number: int) -> Pages:
        """The lowest `number` of these."""
        return Pages.of(itertools.islice(self, number))

    def positions(self, count: int, size: int) -> Coverage:
        """The positions of a list of `count` rows on these pages."""
        return Coverage.of(
            (max(0, count - (stop - 1) * size), count - (start - 1) * size) for start, stop in self.numbers
        )


FIRST = Pages.of([1])


def pages_of(interval: Interval, count: int, size: int) -> range:
    """The pages on which the positions of `interval` stand."""
    low, high = max(interval[0], 0), min(interval[1], count)
    if high <= low:
        return range(0)
    return range((count - high) // size + 1, (count - 1 - low) // size + 2)


def page_range(page: int, rows: int, count: int, size: int) -> Interval:
    """The positions that `rows` rows on `page` cover; an empty page covers all below it."""
    high = count - (page - 1) * size
    low = high - rows if rows else 0
    return (max(low, 0), max(high, 0))


def last_page(count: int, size: int) -> int:
    """The number of the last page that should have rows (1 for an empty list)."""
    return max(1, math.ceil(count / size))
