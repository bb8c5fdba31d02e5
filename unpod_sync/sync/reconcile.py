"""After the planned pages: is the list complete, what must be read again, what was deleted?

Each rule stops where reading on would not help: a difference that remains after the whole list was
read is remembered and reported, and not looked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unpod_sync.errors import AccessError, ApiError
from unpod_sync.sync import stored_rows
from unpod_sync.sync.coverage import Pages, last_page
from unpod_sync.sync.extract import Extractor
from unpod_sync.sync.progress import ListProgress

LARGEST_PAGE = 10_000  # rows requested at once from a list that ignores `page`
FILLING_ROUNDS = 8  # times that holes in a list are requested while it keeps moving
CONFIRM_PAGES = 50  # pages read again at most to confirm that missing rows are deleted

#: More than so many rows, and more than this share of a list, are marked as deleted at once only when
#: the user confirms it: an emptied list, or one that a changed token narrows, looks like that many deletions.
MOST_DELETED = 50
MOST_DELETED_SHARE = 0.05


def read_and_reconcile(extractor: Extractor, lists: list[ListProgress]) -> None:
    """Reads lists as planned, reconciles each, and writes their final bookmarks."""
    extractor.read(lists)
    for progress in lists:
        if extractor.may_go_on(progress):
            Reconciler(extractor, progress).reconcile()
        progress.stopped_early = progress.stopped_early or extractor.findings.halted is not None
    extractor.finish(lists)


class Reconciler:
    """Reads one list on until it is complete, or until reading on would not help."""

    def __init__(self, extractor: Extractor, progress: ListProgress) -> None:
        """`progress` is that of a list whose planned pages have been read."""
        self.extractor = extractor
        self.progress = progress

    def reconcile(self) -> None:
        """Applies the rules in their order, then concludes a sweep that is through."""
        for apply in self._rules():
            apply()
        if self._may_go_on and self.progress.is_sweeping and self.progress.sweep_remaining == 0:
            self._conclude_sweep()

    def _rules(self) -> tuple[Callable[[], None], ...]:
        if not self.progress.counts.is_trusted:
            return (self._complete_without_count,)
        if self.progress.paging.ignores_page:
            return (self._complete_on_one_page,)
        return (
            self._read_unfinished,
            self._accept_new_count,
            self._fill_holes,
            self._read_until_known,
            self._fill_holes,
            self._read_past_the_end,
            self._find_missing,
        )

    @property
    def _may_go_on(self) -> bool:
        return self.extractor.may_go_on(self.progress)

    @property
    def _stored_count(self) -> int:
        return self.extractor.stored_count(self.progress)

    def _reread(self, pages: Iterable[int], size: int | None = None) -> None:
        self.extractor.reread(self.progress, pages, size)

    def _missing_ids(self) -> list[str]:
        """Stored objects of the list that the sweep did not read."""
        progress = self.progress
        return stored_rows.missing_ids(
            self.extractor.warehouse.connection, progress.resource, progress.sweep_ids
        )

    # -- rows that should be there ----------------------------------------------------------------

    def _read_unfinished(self) -> None:
        """Looks further down for unfinished rows that their page did not show: rows were added or deleted."""
        pending = [t for t in self.progress.state.unfinished if t.id in self.progress.pending_unfinished]
        if not pending or not self._may_go_on:
            return
        surplus = self._stored_count - self.progress.counts.expected
        shift = max(self.extractor.position_shift(self.progress), surplus)
        around = [(low - 1 - shift, high + 1) for low, high in (task.positions for task in pending)]
        self._reread(self.progress.pages_for(self.progress.covered.missing(around)))

    def _accept_new_count(self) -> None:
        """Takes the present count; reads the first page again where it may have changed or lacks rows.

        A first page shorter than the last time's may lack a row: the server need not have a new limit.
        """
        if self.progress.accept_new_count() or self.progress.paging.is_short or self.progress.is_resumed:
            self._reread([1])
            self.progress.is_resumed = self.progress.is_resumed and not self._may_go_on

    def _complete_without_count(self) -> None:
        """Reads on where pages are short or a count reports more rows than came.

        A count that was too low once is not trusted until it is right again. Where no count shows that a page
        lacks a row, the page's length does.
        """
        short = self.progress.paging.short_pages(
            self.progress.size, has_count=bool(self.progress.counts.reported)
        )
        if short and not self.progress.unreadable and self._may_go_on:
            self._reread(short)
        if self.progress.paging.is_open_ended:
            self._read_on()
        claimed = self.progress.paging.first_count or 0
        if self.progress.counts.reported == {claimed} == {len(self.progress.paging.fetched_ids)}:
            self.progress.remember(count_trusted=True)
        missing = claimed - len(self.progress.paging.fetched_ids) - self.progress.unavailable_rows
        if missing > 0 and self._may_go_on:
            self._reread(range(1, last_page(claimed, self.progress.size) + 1))
            claimed = min(self.progress.counts.latest, self.progress.counts.on_first_page)
        self.progress.conclude_untrusted(claimed)

    def _complete_on_one_page(self) -> None:
        """A list that returns the same page for every number: requests all rows on one page.

        A list that moved by a whole page between two responses looks the same; if rows are still
        missing, its pages are requested once more.
        """
        if self.progress.counts.latest > len(self.progress.paging.first_ids) and self._may_go_on:
            self._reread([1], size=min(self.progress.counts.latest, LARGEST_PAGE))
        if self._may_go_on and self._shortfall(self._stored_count) > 0:
            self._read_all()
        if self._may_go_on:
            self.progress.add_covered((0, max(self.progress.counts.latest, self.progress.count)))
            self.progress.is_read_whole = True
            self._accept_count_difference()

    def _fill_holes(self) -> None:
        """Requests holes again, then in smaller pages, then accepts them: short pages leave holes.

        A list that grows while it is read leaves holes, too; as long as it grows, the rows that were pushed on
        are requested at their new position.
        """
        size = self.progress.size
        for _ in range(FILLING_ROUNDS):
            holes = self.progress.holes
            if not holes or not self._may_go_on:
                return
            before = self.progress.counts.latest
            self._reread(Pages.holding(holes, before, size), size=size)
            if self.progress.counts.latest == before:
                if size < self.progress.size or size == 1:
                    break
                size = max(1, self.progress.size // 5)
        else:
            if self.progress.holes:
                self.extractor.findings.failures.append(
                    f"{self.progress.resource.name}: the list moved faster than it could be read; the next sync goes on"
                )
                return
        if self._may_go_on:
            for hole in self.progress.holes:
                self.progress.add_covered(hole)

    def _read_until_known(self) -> None:
        """Reads on below the new rows until rows appear that were stored before (an overlap read).

        Rows that were deleted meanwhile hide as many new ones from the count, and the hot and warm windows
        end too high by as many rows.
        """
        rows = self.progress.size
        while (
            self.progress.unjoined_boundaries
            and rows < 2 * (self.progress.count + self.progress.size)
            and self._may_go_on
        ):
            below = [(boundary - rows, boundary) for boundary in self.progress.unjoined_boundaries]
            self._reread(self.progress.pages_for(below))
            rows *= 2
        shift = self.extractor.position_shift(self.progress)
        if shift > 0 and self.progress.plan is not None and self._may_go_on:
            due = self.progress.covered.missing(
                [(max(0, self.progress.plan.due - shift), self.progress.plan.due)]
            )
            self._reread(self.progress.pages_for(due))

    def _read_past_the_end(self) -> None:
        """A full last page may not be the last: a count that is too low must not lose rows."""
        if self._may_go_on and self.progress.counts.overflows:
            self._distrust_if_more()

    def _distrust_if_more(self) -> bool:
        """Whether there are rows past the last page.

        When a page has more of them than its own count allows, that count is not trusted any more; otherwise
        the list has grown meanwhile, and the new rows pushed these on.
        """
        is_more, is_beyond_count = self._read_on()
        if is_beyond_count:
            self.progress.remember(count_trusted=False)
            self.progress.counts.is_trusted = False
            self.progress.paging.fetched_ids = set(
                stored_rows.ids(self.extractor.warehouse.connection, self.progress.resource)
            )
            self.progress.conclude_untrusted()
        return is_more

    def _read_on(self) -> tuple[bool, bool]:
        """Reads page by page past the last one until no new rows come.

        Returns whether any came, and whether a page had more rows than its own count allows.
        """
        number = (
            max(last_page(self.progress.count, self.progress.size), self.progress.paging.furthest_number) + 1
        )
        is_more = is_beyond_count = False
        while self._may_go_on:
            ((_, result),) = self.extractor.fetch([(self.progress.resource, number, self.progress.size)])
            if isinstance(result, AccessError):
                break  # there is no such page
            if isinstance(result, ApiError):
                self.extractor.fail(self.progress, result)
                break
            page, ids = result[0], [record.id for record in result[1]]
            if not ids or self.progress.paging.repeats(page, ids):
                break
            is_more = True
            is_beyond_count |= page.count is None or self.progress.exceeds(page)
            self.progress.paging.fetched_ids.update(ids)
            self.progress.paging.note_furthest_page(page, ids)
            self.progress.note_count(page)
            self.extractor.take(self.progress, result, ())
            number += 1
        self.extractor.loader.flush()
        return is_more, is_beyond_count

    def _find_missing(self) -> None:
        """A count above the stored rows means rows that were never read: looks for them in the whole list, once."""
        if not self.progress.counts.is_trusted:
            return
        missing = self._missing_count()
        if missing > 0 and self.progress.covered_on_top < self.progress.count and self._may_go_on:
            below = self.progress.count - self.progress.covered_on_top
            self._reread(self.progress.pages_for([(below - self.progress.size, below)]))
            missing = self._missing_count()
        if missing > 0 and self.progress.uncovered and self._may_go_on:
            self._reread(self.progress.pages_for(self.progress.uncovered))
            missing = self._missing_count()
        if missing > 0 and self._may_go_on:
            self.progress.counts.seen.clear()
            self._read_all()
            if self._missing_count() > 0:
                self._read_on()
            # A list that moves meanwhile proves nothing: the next sync looks again.
            self.progress.is_read_whole = self._may_go_on and not self.progress.counts.have_moved
            if self._may_go_on:
                self._accept_count_difference()

    def _read_all(self) -> None:
        """Reads every page, to the end that the list has by then: new rows push the oldest on to further pages."""
        read = 0
        while self._may_go_on and (last := last_page(self.progress.counts.latest, self.progress.size)) > read:
            self._reread(range(read + 1, last + 1))
            read = last

    def _missing_count(self) -> int:
        """How many rows the list must have that are not stored: by its count, or by how much it has grown."""
        state = self.progress.state
        if self.progress.unread_ranges:
            return 0
        stored_count, grown = self._stored_count, 0
        if state.count is not None and not state.unread_ranges:
            unseen = (
                self.progress.counts.expected
                - max(state.count, state.stored_count)
                - len(self.progress.unreadable_positions)
            )
            grown = unseen - max(0, stored_count - state.stored_count)
        return max(grown, self._shortfall(stored_count))

    def _shortfall(self, stored_count: int) -> int:
        """By how many rows the list's count exceeds the stored ones, beyond the accepted difference."""
        return self.progress.counts.expected - self.progress.unavailable_rows - stored_count

    def _accept_count_difference(self, unconfirmed: int = 0) -> None:
        """Remembers a difference that remains after the whole list was read, so that it is not looked for again.

        Unless the whole list was read, the accepted difference can only become smaller.
        """
        found = self._stored_count - unconfirmed + len(self.progress.unreadable_positions)
        gap = max(0, self.progress.counts.expected - found)
        if gap > self.progress.state.accepted_count_difference and not self.progress.is_read_whole:
            return
        if gap and gap != self.progress.state.accepted_count_difference:
            self.extractor.findings.notes.append(
                f"{self.progress.resource.name}: the list says {self.progress.counts.expected}, a whole reading finds {gap} fewer"
            )
        self.progress.remember(accepted_count_difference=gap)

    # -- rows that are gone -----------------------------------------------------------------------

    def _conclude_sweep(self) -> None:
        """Marks what a complete sweep did not read as deleted, and forgets the ids it read."""
        missing_ids, is_sure = self._confirm_deleted()
        if not self._may_go_on:
            # The next sync reads the last page again and concludes.
            self.progress.sweep_remaining = min(self.progress.size, self.progress.count)
            return
        self.extractor.forget_sweep(self.progress)
        is_held = is_sure and self._needs_confirmation(missing_ids)
        self.progress.remember(held_deletions=len(missing_ids) if is_held else 0)
        if is_held:
            return
        if missing_ids and is_sure:
            findings, kind = self.extractor.findings, self.progress.resource.kind
            connection, now = self.extractor.warehouse.connection, self.extractor.now()
            marked = stored_rows.mark_missing(connection, kind, missing_ids, now)
            findings.deleted[kind] = findings.deleted.get(kind, 0) + marked
        self._accept_count_difference(unconfirmed=0 if is_sure else len(missing_ids))

    def _needs_confirmation(self, missing_ids: list[str]) -> bool:
        """Whether so many deletions at once need the user's confirmation."""
        most = max(MOST_DELETED, MOST_DELETED_SHARE * self._stored_count)
        return len(missing_ids) > most and not self.extractor.accept_deletions

    def _confirm_deleted(self) -> tuple[list[str], bool]:
        """What the sweep did not read, and whether that proves it deleted.

        The page past the last one is requested, since an end that only the count reports proves nothing. When
        the list moved meanwhile, has no trusted count, or a count that contradicts the deletions, it is read
        once more; otherwise only the pages where the rows would stand. So one empty or short response does not
        cost a row even when its count agrees. If the count still contradicts, nothing is marked
        until the next complete sweep finds the same.
        """
        missing_ids = self._missing_ids()
        if missing_ids and self.progress.counts.is_trusted and self._distrust_if_more():
            missing_ids = self._missing_ids()
        if not missing_ids:
            return [], True
        if self.progress.unreadable_positions:
            self.extractor.findings.notes.append(
                f"{self.progress.resource.name}: {len(missing_ids)} known rows were not met;"
                " nothing is marked as deleted while unreadable rows may be among them"
            )
            return [], True
        if not self.progress.counts.is_trusted:
            return self._missing_after_reread(missing_ids), True
        if (
            self.progress.counts.have_moved
            or self._stored_count - len(missing_ids) < self.progress.counts.expected
        ):
            missing_ids = self._missing_after_reread(missing_ids)
            if missing_ids and not self.progress.is_read_whole and self._contradicted(missing_ids):
                missing_ids = self._missing_after_reread(missing_ids, whole=True)
            return missing_ids, not self._contradicted(missing_ids)
        return self._recheck_missing(missing_ids), True

    def _recheck_missing(self, missing_ids: list[str]) -> list[str]:
        """These rows if they are all missing a second time, else none: then the next sweep decides."""
        self._reread(self._pages_near(missing_ids).first(CONFIRM_PAGES) or [1])
        is_sure = self._may_go_on and len(self._missing_ids()) == len(missing_ids)
        return missing_ids if is_sure else []

    def _contradicted(self, missing_ids: list[str]) -> bool:
        """Whether the list's count, less the accepted difference, means that more rows exist."""
        return (
            self._stored_count - len(missing_ids)
            < self.progress.counts.expected - self.progress.state.accepted_count_difference
        )

    def _missing_after_reread(self, missing_ids: list[str], *, whole: bool = False) -> list[str]:
        """What is still missing after the list was read once more: rows slip past pages that shift.

        Of a long list only the pages near these rows are read, unless `whole` is set.
        """
        rows = (
            self.progress.counts.latest
            if self.progress.counts.is_trusted
            else max(self.progress.counts.latest, self._stored_count)
        )
        pages = Pages.up_to(last_page(rows, self.progress.size))
        whole = whole or len(pages) <= CONFIRM_PAGES
        if not whole:
            pages = self._pages_near(missing_ids)
        self.progress.counts.seen.clear()
        self.progress.count = before = self.progress.counts.latest
        self._reread(pages)
        if not self.progress.counts.is_trusted:
            self._read_on()
        has_moved = self.progress.counts.have_moved or (
            self.progress.counts.is_trusted and self.progress.counts.latest != before
        )
        if has_moved or not self._may_go_on:
            return []  # the list keeps moving: the next sweep decides
        self.progress.is_read_whole = whole
        return self._missing_ids()

    def _pages_near(self, missing_ids: list[str]) -> Pages:
        """The pages on which the missing rows would stand, and their neighbours."""
        connection, span = self.extractor.warehouse.connection, self.progress.size // 2
        offsets = stored_rows.offsets(connection, self.progress.resource, missing_ids)
        return self.progress.pages_for((offset - span, offset + span) for offset in offsets)
