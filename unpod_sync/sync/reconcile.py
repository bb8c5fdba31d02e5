"""When the planned pages are in: is the list whole, what must be read again, what has vanished?

Each step stops where reading on would not help: a difference that a whole reading does not cure
is remembered and reported, not chased.
"""

from __future__ import annotations

import pyarrow as pa

from unpod_sync import tables
from unpod_sync.errors import AccessError, ApiError
from unpod_sync.model import SUPPRESSED_PREFIX
from unpod_sync.sync.coverage import Pages, last_page
from unpod_sync.sync.extract import Extractor
from unpod_sync.sync.progress import ListProgress
from unpod_sync.warehouse import queries
from unpod_sync.warehouse.database import key_sql, registered_tables
from unpod_sync.warehouse.merge import mark_deleted

LARGEST_PAGE = 10_000  # rows asked for at once from a list that ignores `page`
FILLING_ROUNDS = 8  # times that holes in a list are asked for while it keeps moving
CONFIRM_PAGES = 50  # pages read again at most to confirm that vanished rows are gone

#: More than so many rows, and more than this share of a list, are marked as deleted at once only when
#: the user says so: an emptied list, or one that a changed token narrows, looks like that many deletions.
MOST_DELETED = 50
MOST_DELETED_SHARE = 0.05


def read_and_reconcile(extractor: Extractor, lists: list[ListProgress]) -> None:
    """Reads lists as planned, settles each, and writes their final bookmarks."""
    extractor.read(lists)
    for progress in lists:
        if extractor.may_go_on(progress):
            _reconcile(extractor, progress)
        progress.stopped_early = progress.stopped_early or extractor.findings.halted is not None
    extractor.finish(lists)


def _reconcile(extractor: Extractor, progress: ListProgress) -> None:
    """Reads on until the list is whole, or until reading on would not help."""
    if not progress.counts.is_trusted:
        _reconcile_untrusted(extractor, progress)
    elif progress.paging.ignores_page:
        _reconcile_unpaged(extractor, progress)
    else:
        # A first page shorter than the last time's may lack a row, not the server have a new limit.
        if progress.accept_new_count() or progress.paging.is_short or progress.is_resumed:
            extractor.reread(progress, [1])
            progress.is_resumed = progress.is_resumed and not extractor.may_go_on(progress)
        _fill_holes(extractor, progress)
        _read_until_known(extractor, progress)
        _fill_holes(extractor, progress)
        _read_past_the_end(extractor, progress)
        if progress.counts.is_trusted:
            _find_missing(extractor, progress)
    if extractor.may_go_on(progress) and progress.is_sweeping and progress.sweep_remaining == 0:
        _conclude_sweep(extractor, progress)


def _reconcile_untrusted(extractor: Extractor, progress: ListProgress) -> None:
    """A count that was too low once is believed no more until it is right; when it says more than came, it may be.

    Where it cannot tell that a page lacks a row, the page's length does.
    """
    short = progress.paging.short_pages(progress.size, has_count=bool(progress.counts.reported))
    if short and not progress.unreadable and extractor.may_go_on(progress):
        extractor.reread(progress, short)
    if progress.paging.is_open_ended:
        _read_on(extractor, progress)
    claimed = progress.paging.first_count or 0
    if progress.counts.reported == {claimed} == {len(progress.paging.fetched_ids)}:
        progress.remember(count_trusted=True)
    missing = (
        claimed
        - len(progress.paging.fetched_ids)
        - len(progress.unreadable_positions)
        - progress.state.accepted_count_difference
    )
    if missing > 0 and extractor.may_go_on(progress):
        extractor.reread(progress, range(1, last_page(claimed, progress.size) + 1))
        claimed = min(progress.counts.latest, progress.counts.on_first_page)
    progress.conclude_untrusted(claimed)


def _reconcile_unpaged(extractor: Extractor, progress: ListProgress) -> None:
    """A list that shows the same page whatever is asked: ask for everything on one page.

    A list that moved by a whole page between two answers looks the same; if rows are missing
    still, its pages are asked for once more.
    """
    if progress.counts.latest > len(progress.paging.first_ids) and extractor.may_go_on(progress):
        extractor.reread(progress, [1], size=min(progress.counts.latest, LARGEST_PAGE))
    if extractor.may_go_on(progress) and _shortfall(progress, extractor.stored_count(progress)) > 0:
        _read_all(extractor, progress)
    if extractor.may_go_on(progress):
        progress.add_covered((0, max(progress.counts.latest, progress.count)))
        progress.is_read_whole = True
        _accept_count_difference(extractor, progress)


# -- rows that should be there ----------------------------------------------------------------


def _fill_holes(extractor: Extractor, progress: ListProgress) -> None:
    """Holes are asked for again, then in smaller pages, then let go: short pages leave them.

    A list that grows while it is read leaves them too; as long as it does, what it pushed on is
    asked for at its new place.
    """
    size = progress.size
    for _ in range(FILLING_ROUNDS):
        holes = progress.holes
        if not holes or not extractor.may_go_on(progress):
            return
        before = progress.counts.latest
        extractor.reread(progress, Pages.holding(holes, before, size), size=size)
        if progress.counts.latest == before:
            if size < progress.size or size == 1:
                break
            size = max(1, progress.size // 5)
    else:
        if progress.holes:
            extractor.findings.failures.append(
                f"{progress.resource.name}: the list moved faster than it could be read; the next sync goes on"
            )
            return
    if extractor.may_go_on(progress):
        for hole in progress.holes:
            progress.add_covered(hole)


def _read_until_known(extractor: Extractor, progress: ListProgress) -> None:
    """Reads on below the new rows until it meets rows known before.

    Rows that vanished meanwhile hide as many new ones from the count, and the hot and warm windows end
    by as many rows too high.
    """
    rows = progress.size
    while (
        progress.unjoined_boundaries
        and rows < 2 * (progress.count + progress.size)
        and extractor.may_go_on(progress)
    ):
        extractor.reread(
            progress,
            progress.pages_for([(boundary - rows, boundary) for boundary in progress.unjoined_boundaries]),
        )
        rows *= 2
    shift = extractor.position_shift(progress)
    if shift > 0 and progress.plan is not None and extractor.may_go_on(progress):
        due = progress.covered.missing([(max(0, progress.plan.due - shift), progress.plan.due)])
        extractor.reread(progress, progress.pages_for(due))


def _read_past_the_end(extractor: Extractor, progress: ListProgress) -> None:
    """A full last page may not be the last: a count that is too low must not lose rows."""
    if not extractor.may_go_on(progress):
        return
    if progress.counts.overflows:
        _distrust_if_more(extractor, progress)


def _distrust_if_more(extractor: Extractor, progress: ListProgress) -> bool:
    """Whether there are rows past the last page.

    When a page has more of them than its own count allows, that count is believed no more; otherwise
    the list has grown meanwhile, and the new rows pushed these on.
    """
    is_more, is_beyond_count = _read_on(extractor, progress)
    if is_beyond_count:
        progress.remember(count_trusted=False)
        progress.counts.is_trusted = False
        progress.paging.fetched_ids = set(_known_ids(extractor, progress))
        progress.conclude_untrusted()
    return is_more


def _read_on(extractor: Extractor, progress: ListProgress) -> tuple[bool, bool]:
    """Reads page by page beyond the last one until nothing new comes.

    Returns whether anything did, and whether a page had more rows than its own count allows.
    """
    number = max(last_page(progress.count, progress.size), progress.paging.furthest_number) + 1
    is_more = is_beyond_count = False
    while extractor.may_go_on(progress):
        ((_, result),) = extractor.fetch([(progress.resource, number, progress.size)])
        if isinstance(result, AccessError):
            break  # there is no such page
        if isinstance(result, ApiError):
            extractor.fail(progress, result)
            break
        page, ids = result[0], [record.id for record in result[1]]
        if not ids or progress.paging.repeats(page, ids):
            break
        is_more = True
        is_beyond_count |= page.count is None or progress.exceeds(page)
        progress.paging.fetched_ids.update(ids)
        progress.paging.note_furthest_page(page, ids)
        progress.note_count(page)
        extractor.take(progress, result, ())
        number += 1
    extractor.loader.flush()
    return is_more, is_beyond_count


def _find_missing(extractor: Extractor, progress: ListProgress) -> None:
    """A count above what is known means rows nobody has seen: look for them everywhere, once."""
    missing = _missing_count(extractor, progress)
    if missing > 0 and progress.covered_on_top < progress.count and extractor.may_go_on(progress):
        below = progress.count - progress.covered_on_top
        extractor.reread(progress, progress.pages_for([(below - progress.size, below)]))
        missing = _missing_count(extractor, progress)
    if missing > 0 and progress.uncovered and extractor.may_go_on(progress):
        extractor.reread(progress, progress.pages_for(progress.uncovered))
        missing = _missing_count(extractor, progress)
    if missing > 0 and extractor.may_go_on(progress):
        progress.counts.seen.clear()
        _read_all(extractor, progress)
        if _missing_count(extractor, progress) > 0:
            _read_on(extractor, progress)
        # A list that moves meanwhile explains nothing: the next sync looks again.
        progress.is_read_whole = extractor.may_go_on(progress) and not progress.counts.have_moved
        if extractor.may_go_on(progress):
            _accept_count_difference(extractor, progress)


def _read_all(extractor: Extractor, progress: ListProgress) -> None:
    """Every page, to the end that the list has by then: new rows push the oldest on to further pages."""
    read = 0
    while extractor.may_go_on(progress) and (last := last_page(progress.counts.latest, progress.size)) > read:
        extractor.reread(progress, range(read + 1, last + 1))
        read = last


def _missing_count(extractor: Extractor, progress: ListProgress) -> int:
    """How many rows the list must have that are not stored: by its count, or by how much it has grown."""
    state = progress.state
    if progress.unread_ranges:
        return 0
    stored_count, grown = extractor.stored_count(progress), 0
    if state.count is not None and not state.unread_ranges:
        unseen = (
            progress.counts.expected
            - max(state.count, state.stored_count)
            - len(progress.unreadable_positions)
        )
        grown = unseen - max(0, stored_count - state.stored_count)
    return max(grown, _shortfall(progress, stored_count))


def _shortfall(progress: ListProgress, stored_count: int) -> int:
    """By how many rows the list's count exceeds what is known, beyond what is explained."""
    return (
        progress.counts.expected
        - len(progress.unreadable_positions)
        - progress.state.accepted_count_difference
        - stored_count
    )


def _accept_count_difference(extractor: Extractor, progress: ListProgress, unconfirmed: int = 0) -> None:
    """A whole reading did not cure the difference: remember it, so that it is not chased.

    Without a whole reading a difference may only turn out to be smaller.
    """
    found = extractor.stored_count(progress) - unconfirmed + len(progress.unreadable_positions)
    gap = max(0, progress.counts.expected - found)
    if gap > progress.state.accepted_count_difference and not progress.is_read_whole:
        return
    if gap and gap != progress.state.accepted_count_difference:
        extractor.findings.notes.append(
            f"{progress.resource.name}: the list says {progress.counts.expected}, a whole reading finds {gap} fewer"
        )
    progress.remember(accepted_count_difference=gap)


# -- rows that are gone -----------------------------------------------------------------------


def _conclude_sweep(extractor: Extractor, progress: ListProgress) -> None:
    """Marks what a complete sweep did not meet, and forgets whom it met."""
    missing_ids, is_sure = _confirm_deleted(extractor, progress)
    if not extractor.may_go_on(progress):
        # The next sync reads the last page again and concludes.
        progress.sweep_remaining = min(progress.size, progress.count)
        return
    extractor.forget_sweep(progress)
    is_held = is_sure and _needs_confirmation(extractor, progress, missing_ids)
    progress.remember(held_deletions=len(missing_ids) if is_held else 0)
    if is_held:
        return
    if missing_ids and is_sure:
        connection, kind = extractor.warehouse.connection, progress.resource.kind
        queries.remove_suppressed(connection, missing_ids)
        stored = [id_ for id_ in missing_ids if not id_.startswith(SUPPRESSED_PREFIX)]
        if stored:
            mark_deleted(connection, kind, stored, now=extractor.now())
        extractor.findings.deleted[kind] = extractor.findings.deleted.get(kind, 0) + len(stored)
    _accept_count_difference(extractor, progress, unconfirmed=0 if is_sure else len(missing_ids))


def _needs_confirmation(extractor: Extractor, progress: ListProgress, missing_ids: list[str]) -> bool:
    """Whether so many deletions at once need the user's word."""
    most = max(MOST_DELETED, MOST_DELETED_SHARE * extractor.stored_count(progress))
    return len(missing_ids) > most and not extractor.accept_deletions


def _confirm_deleted(extractor: Extractor, progress: ListProgress) -> tuple[list[str], bool]:
    """What the sweep did not meet, and whether that proves it gone.

    The page past the last one is asked for: an end that the count only claims proves nothing.
    When the list moved meanwhile, has no count to believe, or its count speaks against it, it is
    read once more, otherwise the pages where the rows would stand: one answer, empty or short, must
    not cost a row even when its count agrees. If the count still speaks against it, the next complete
    sweep has to say the same before anything is marked.
    """
    missing_ids = _missing_ids(extractor, progress)
    if missing_ids and progress.counts.is_trusted and _distrust_if_more(extractor, progress):
        missing_ids = _missing_ids(extractor, progress)
    if not missing_ids:
        return [], True
    if progress.unreadable_positions:
        extractor.findings.notes.append(
            f"{progress.resource.name}: {len(missing_ids)} known rows were not met;"
            " nothing is marked as deleted while unreadable rows may be among them"
        )
        return [], True
    if not progress.counts.is_trusted:
        return _missing_after_reread(extractor, progress, missing_ids), True
    if (
        progress.counts.have_moved
        or extractor.stored_count(progress) - len(missing_ids) < progress.counts.expected
    ):
        missing_ids = _missing_after_reread(extractor, progress, missing_ids)
        if missing_ids and not progress.is_read_whole and _contradicted(extractor, progress, missing_ids):
            missing_ids = _missing_after_reread(extractor, progress, missing_ids, whole=True)
        return missing_ids, not _contradicted(extractor, progress, missing_ids)
    return _recheck_missing(extractor, progress, missing_ids), True


def _recheck_missing(extractor: Extractor, progress: ListProgress, missing_ids: list[str]) -> list[str]:
    """These rows when a second look lacks them all; none when it shows any: then the next sweep decides."""
    extractor.reread(progress, _pages_near(extractor, progress, missing_ids).first(CONFIRM_PAGES) or [1])
    is_sure = extractor.may_go_on(progress) and len(_missing_ids(extractor, progress)) == len(missing_ids)
    return missing_ids if is_sure else []


def _contradicted(extractor: Extractor, progress: ListProgress, missing_ids: list[str]) -> bool:
    """Whether the list's count, less what it is known to be wrong by, says that more rows exist."""
    return (
        extractor.stored_count(progress) - len(missing_ids)
        < progress.counts.expected - progress.state.accepted_count_difference
    )


def _known_ids(extractor: Extractor, progress: ListProgress) -> list[str]:
    table = tables.BY_KIND[progress.resource.kind]
    condition, parameters = queries.scope(progress.resource)
    rows = extractor.warehouse.connection.execute(
        f"select {key_sql(table)} from {table.name} as t where {condition} and t.deleted_at is null",
        parameters,
    ).fetchall()
    return [id_ for (id_,) in rows] + queries.suppressed_ids(
        extractor.warehouse.connection, progress.resource
    )


def _missing_ids(extractor: Extractor, progress: ListProgress) -> list[str]:
    """Known objects of the list that the sweep did not meet."""
    table = tables.BY_KIND[progress.resource.kind]
    condition, parameters = queries.scope(progress.resource)
    sweep_ids = pa.table({"id": pa.array(list(progress.sweep_ids), pa.string())})
    with registered_tables(extractor.warehouse.connection, sweep_ids=sweep_ids):
        rows = extractor.warehouse.connection.execute(
            f"select {key_sql(table)} as id from {table.name} as t where {condition} and t.deleted_at is null"
            f" and {key_sql(table)} not in (select id from sweep_ids)"
            f" and {key_sql(table)} not in (select id from meta.sweep_seen where resource = ?)",
            [*parameters, progress.resource.name],
        ).fetchall()
        refused = queries.suppressed_ids(
            extractor.warehouse.connection, progress.resource, unmet_by="sweep_ids"
        )
    return [id_ for (id_,) in rows] + refused


def _missing_after_reread(
    extractor: Extractor, progress: ListProgress, missing_ids: list[str], *, whole: bool = False
) -> list[str]:
    """What of the list is still not met after one more reading: rows slip past pages that shift.

    Of a long list only the pages near these rows are read, unless it is to be read `whole`.
    """
    rows = (
        progress.counts.latest
        if progress.counts.is_trusted
        else max(progress.counts.latest, extractor.stored_count(progress))
    )
    pages = Pages.up_to(last_page(rows, progress.size))
    whole = whole or len(pages) <= CONFIRM_PAGES
    if not whole:
        pages = _pages_near(extractor, progress, missing_ids)
    progress.counts.seen.clear()
    progress.count = before = progress.counts.latest
    extractor.reread(progress, pages)
    if not progress.counts.is_trusted:
        _read_on(extractor, progress)
    has_moved = progress.counts.have_moved or (
        progress.counts.is_trusted and progress.counts.latest != before
    )
    if has_moved or not extractor.may_go_on(progress):
        return []  # the list keeps moving: the next sweep decides
    progress.is_read_whole = whole
    return _missing_ids(extractor, progress)


def _pages_near(extractor: Extractor, progress: ListProgress, missing_ids: list[str]) -> Pages:
    """The pages on which the vanished rows would stand, and their neighbours."""
    table = tables.BY_KIND[progress.resource.kind]
    condition, parameters = queries.scope(progress.resource)
    wanted = pa.table({"id": pa.array(missing_ids, pa.string())})
    with registered_tables(extractor.warehouse.connection, wanted=wanted):
        places = extractor.warehouse.connection.execute(
            "with ranked as ("
            f" select {key_sql(table)} as id, row_number() over (order by t.created_at) - 1 as place"
            f" from {table.name} as t where {condition} and t.deleted_at is null)"
            " select place from ranked semi join wanted using (id) order by place desc",
            parameters,
        ).fetchall()
    span = progress.size // 2
    return progress.pages_for((place - span, place + span) for (place,) in places)
