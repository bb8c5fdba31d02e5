"""What the pages of a list show about the list itself: its length, and how it is paged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from unpod_sync.model import Page


@dataclass(slots=True)
class CountEvidence:
    """The counts that pages report, and how many rows follow from them.

    `seen`: the counts of this sync. `reported`: those of a list whose count is not trusted. `has_surplus`: a
    page had more rows than its own count allows. `overflows`: there may be rows past the last page.
    """

    latest: int = 0
    on_first_page: int = 0
    seen: set[int] = field(default_factory=set)
    reported: set[int] = field(default_factory=set)
    is_trusted: bool = True
    has_surplus: bool = False
    overflows: bool = False

    def start(self, count: int) -> None:
        """The count by which the list is planned."""
        self.latest = self.on_first_page = count

    def add(self, page: Page, *, room: int, size: int) -> None:
        """Notes the count of a page of `size` rows, on which the list has `room` rows left."""
        if page.count is None:
            return
        self.seen.add(page.count)
        self.latest = page.count
        if page.number == 1:
            self.on_first_page = page.count
        self.has_surplus |= len(page.rows) > room
        self.overflows |= self.has_surplus or len(page.rows) == room == size

    @property
    def have_moved(self) -> bool:
        """Whether the list's length changed while it was read."""
        return len(self.seen) > 1

    @property
    def expected(self) -> int:
        """How many rows this sync can have read: rows added after the first page was read belong to the next.

        A count lower than the rows that came with it does not lower another one.
        """
        return (max if self.has_surplus else min)(self.latest, self.on_first_page)


@dataclass(slots=True)
class PagingEvidence:
    """How a list is paged: whether it pages at all, where it ends, and which pages are short.

    `lengths` and `fetched_ids` are kept for a list whose count is not trusted: how many rows each of its
    pages has, and their ids. `end`: the first empty page.
    """

    first_ids: frozenset[str] = frozenset()
    first_count: int | None = None
    furthest_page: tuple[frozenset[str], int | None] | None = None
    furthest_number: int = 0
    fetched_ids: set[str] = field(default_factory=set)
    lengths: dict[int, int] = field(default_factory=dict)
    end: int = sys.maxsize
    ended: bool = False
    ignores_page: bool = False
    is_paged: bool = False
    is_short: bool = False

    def inspect(self, page: Page, ids: Sequence[str], counts: CountEvidence, size: int) -> None:
        """Notes what a page shows, after its count was noted; `size` is what the server puts on a page."""
        self.is_paged |= page.number > 1 and not self.first_ids.issuperset(ids)
        if not page.rows:
            self.end = min(self.end, page.number)
            self.ended = not counts.is_trusted
        elif page.number > 1 and not self.is_paged and not counts.have_moved:
            # With another count it proves nothing: new rows push the first page's rows on to the next.
            self.ignores_page = self.ended = True
        elif not counts.is_trusted:
            self.ended = self.repeats(page, ids)
        if page.number == 2 and page.size == size and not self.first_ids.isdisjoint(ids):
            self.is_short = True  # the first page should have had more rows, or they were pushed on
        if not counts.is_trusted:
            self.fetched_ids.update(ids)
            self.lengths[page.number] = len(page.rows)
        self.note_furthest_page(page, ids)

    def repeats(self, page: Page, ids: Sequence[str]) -> bool:
        """Whether a page equals the furthest one before it, or the first: some servers answer so past the end.

        Rows fetched before prove nothing: new rows push them from page to page, and by whole pages when
        the list's count has changed since.
        """
        shown = (frozenset(ids), page.count)
        return page.number > 1 and shown in ((self.first_ids, self.first_count), self.furthest_page)

    def note_furthest_page(self, page: Page, ids: Sequence[str]) -> None:
        """Remembers a page if none further down was fetched."""
        if page.number >= self.furthest_number:
            self.furthest_number, self.furthest_page = page.number, (frozenset(ids), page.count)

    def short_pages(self, size: int, *, has_count: bool) -> list[int]:
        """Pages with fewer rows than fit, or than earlier; the last one only when a wrong count is reported."""
        end = max((number for number, rows in self.lengths.items() if rows), default=0)
        last = end if has_count else end - 1
        return [
            number
            for number, rows in self.lengths.items()
            if (rows < size and number <= last) or (number == 1 and self.is_short)
        ]

    @property
    def is_open_ended(self) -> bool:
        """Whether no page past the last one was fetched: one that repeats the first may not be the end."""
        return self.end == sys.maxsize and self.is_paged
