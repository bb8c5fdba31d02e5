"""When the planned pages are in: is the list whole, what must be read again, what has vanished?

Each step stops where reading on would not help: a difference that a whole reading does not cure
is remembered and reported, not chased.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from unpod_sync import tables
from unpod_sync.errors import AccessError, ApiError
from unpod_sync.model import SUPPRESSED_PREFIX
from unpod_sync.sync.extract import Extractor
from unpod_sync.sync.plan import Pages, last_page, merge_intervals
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


def read_whole(reader: Extractor, readings: list[ListProgress]) -> None:
    """Reads lists as planned, settles each, and writes their final bookmarks."""
    reader.read(readings)
    for reading in readings:
        if reader.may_go_on(reading):
            _settle(reader, reading)
        reading.is_cut = reading.is_cut or reader.findings.halted is not None
    reader.finish(readings)


def _settle(reader: Extractor, reading: ListProgress) -> None:
    """Reads on until the list is whole, or until reading on would not help."""
    if not reading.is_counted:
        _settle_uncounted(reader, reading)
    elif reading.ignores_page:
        _settle_unpaged(reader, reading)
    else:
        # A first page shorter than the last time's may lack a row, not the server have a new limit.
        if reading.adopt() or reading.is_short or reading.is_resumed:
            reader.again(reading, [1])
            reading.is_resumed = reading.is_resumed and not reader.may_go_on(reading)
        _fill_holes(reader, reading)
        _join(reader, reading)
        _fill_holes(reader, reading)
        _read_past_the_end(reader, reading)
        if reading.is_counted:
            _find_missing(reader, reading)
    if reader.may_go_on(reading) and reading.is_sweeping and reading.sweep_left == 0:
        _conclude_sweep(reader, reading)


def _settle_uncounted(reader: Extractor, reading: ListProgress) -> None:
    """A count that was too low once is believed no more until it is right; when it says more than came, it may be.

    Where it cannot tell that a page lacks a row, the page's length does.
    """
    short = reading.short_pages
    if short and not reading.unreadable and reader.may_go_on(reading):
        reader.again(reading, short)
    if reading.is_open_ended:
        _read_on(reader, reading)
    claimed = reading.first_count or 0
    if reading.told == {claimed} == {len(reading.met)}:
        reading.state = replace(reading.state, counted=True)
    missing = claimed - len(reading.met) - len(reading.bad) - reading.state.explained
    if missing > 0 and reader.may_go_on(reading):
        reader.again(reading, range(1, last_page(claimed, reading.size) + 1))
        claimed = min(reading.latest, reading.at_top)
    reading.conclude_uncounted(claimed)


def _settle_unpaged(reader: Extractor, reading: ListProgress) -> None:
    """A list that shows the same page whatever is asked: ask for everything on one page.

    A list that moved by a whole page between two answers looks the same; if rows are missing
    still, its pages are asked for once more.
    """
    if reading.latest > len(reading.first_ids) and reader.may_go_on(reading):
        reader.again(reading, [1], size=min(reading.latest, LARGEST_PAGE))
    if reader.may_go_on(reading) and _shortfall(reading, reader.known(reading)) > 0:
        _read_all(reader, reading)
    if reader.may_go_on(reading):
        reading.pass_over((0, max(reading.latest, reading.count)))
        reading.is_read_whole = True
        _explain(reader, reading)


# -- rows that should be there ----------------------------------------------------------------


def _holes(reading: ListProgress) -> list[tuple[int, int]]:
    """Never-read positions, and planned ones that did not come: what this sync should still fill."""
    return list(merge_intervals([*reading.gaps, *reading.not_covered(reading.planned)]))


def _fill_holes(reader: Extractor, reading: ListProgress) -> None:
    """Holes are asked for again, then in smaller pages, then let go: short pages leave them.

    A list that grows while it is read leaves them too; as long as it does, what it pushed on is
    asked for at its new place.
    """
    size = reading.size
    for _ in range(FILLING_ROUNDS):
        holes = _holes(reading)
        if not holes or not reader.may_go_on(reading):
            return
        before = reading.latest
        reader.again(reading, Pages.holding(holes, before, size), size=size)
        if reading.latest == before:
            if size < reading.size or size == 1:
                break
            size = max(1, reading.size // 5)
    else:
        if _holes(reading):
            reader.findings.failures.append(
                f"{reading.resource.name}: the list moved faster than it could be read; the next sync goes on"
            )
            return
    if reader.may_go_on(reading):
        for hole in _holes(reading):
            reading.pass_over(hole)


def _join(reader: Extractor, reading: ListProgress) -> None:
    """Reads on below the new rows until it meets rows known before.

    Rows that vanished meanwhile hide as many new ones from the count, and the hot and warm windows end
    by as many rows too high.
    """
    rows = reading.size
    while reading.seams and rows < 2 * (reading.count + reading.size) and reader.may_go_on(reading):
        reader.again(reading, reading.pages_for([(seam - rows, seam) for seam in reading.seams]))
        rows *= 2
    slip = reader.slip(reading)
    if slip > 0 and reading.plan is not None and reader.may_go_on(reading):
        due = reading.not_covered([(max(0, reading.plan.due - slip), reading.plan.due)])
        reader.again(reading, reading.pages_for(due))


def _read_past_the_end(reader: Extractor, reading: ListProgress) -> None:
    """A full last page may not be the last: a count that is too low must not lose rows."""
    if not reader.may_go_on(reading):
        return
    if reading.overflows:
        _distrust_if_more(reader, reading)


def _distrust_if_more(reader: Extractor, reading: ListProgress) -> bool:
    """Whether there are rows past the last page.

    When a page has more of them than its own count allows, that count is believed no more; otherwise
    the list has grown meanwhile, and the new rows pushed these on.
    """
    is_more, is_beyond_count = _read_on(reader, reading)
    if is_beyond_count:
        reading.state = replace(reading.state, counted=False)
        reading.is_counted = False
        reading.met = set(_known_ids(reader, reading))
        reading.conclude_uncounted()
    return is_more


def _read_on(reader: Extractor, reading: ListProgress) -> tuple[bool, bool]:
    """Reads page by page beyond the last one until nothing new comes.

    Returns whether anything did, and whether a page had more rows than its own count allows.
    """
    number = max(last_page(reading.count, reading.size), reading.last_number) + 1
    is_more = is_beyond_count = False
    while reader.may_go_on(reading):
        ((_, result),) = reader.fetch([(reading.resource, number, reading.size)])
        if isinstance(result, AccessError):
            break  # there is no such page
        if isinstance(result, ApiError):
            reader.fail(reading, result)
            break
        page, ids = result[0], [record.id for record in result[1]]
        if not ids or reading.repeats(page, ids):
            break
        is_more = True
        is_beyond_count |= page.count is None or reading.exceeds(page)
        reading.met.update(ids)
        reading.note_last(page, ids)
        reading.counted(page)
        reader.take(reading, result, ())
        number += 1
    reader.loader.drain()
    return is_more, is_beyond_count


def _find_missing(reader: Extractor, reading: ListProgress) -> None:
    """A count above what is known means rows nobody has seen: look for them everywhere, once."""
    missing = _missing(reader, reading)
    if missing > 0 and reading.top < reading.count and reader.may_go_on(reading):
        below = reading.count - reading.top
        reader.again(reading, reading.pages_for([(below - reading.size, below)]))
        missing = _missing(reader, reading)
    if missing > 0 and reading.uncovered and reader.may_go_on(reading):
        reader.again(reading, reading.pages_for(reading.uncovered))
        missing = _missing(reader, reading)
    if missing > 0 and reader.may_go_on(reading):
        reading.counts.clear()
        _read_all(reader, reading)
        if _missing(reader, reading) > 0:
            _read_on(reader, reading)
        # A list that moves meanwhile explains nothing: the next sync looks again.
        reading.is_read_whole = reader.may_go_on(reading) and len(reading.counts) < 2
        if reader.may_go_on(reading):
            _explain(reader, reading)


def _read_all(reader: Extractor, reading: ListProgress) -> None:
    """Every page, to the end that the list has by then: new rows push the oldest on to further pages."""
    read = 0
    while reader.may_go_on(reading) and (last := last_page(reading.latest, reading.size)) > read:
        reader.again(reading, range(read + 1, last + 1))
        read = last


def _missing(reader: Extractor, reading: ListProgress) -> int:
    """How many rows the list must have that are not stored: by its count, or by how much it has grown."""
    state = reading.state
    if reading.gaps:
        return 0
    known, grown = reader.known(reading), 0
    if state.count is not None and not state.gaps:
        unseen = reading.expected - max(state.count, state.known) - len(reading.bad)
        grown = unseen - max(0, known - state.known)
    return max(grown, _shortfall(reading, known))


def _shortfall(reading: ListProgress, known: int) -> int:
    """By how many rows the list's count exceeds what is known, beyond what is explained."""
    return reading.expected - len(reading.bad) - reading.state.explained - known


def _explain(reader: Extractor, reading: ListProgress, vanished: int = 0) -> None:
    """A whole reading did not cure the difference: remember it, so that it is not chased.

    Without a whole reading a difference may only turn out to be smaller.
    """
    found = reader.known(reading) - vanished + len(reading.bad)
    gap = max(0, reading.expected - found)
    if gap > reading.state.explained and not reading.is_read_whole:
        return
    if gap and gap != reading.state.explained:
        reader.findings.notes.append(
            f"{reading.resource.name}: the list says {reading.expected}, a whole reading finds {gap} fewer"
        )
    reading.state = replace(reading.state, explained=gap)


# -- rows that are gone -----------------------------------------------------------------------


def _conclude_sweep(reader: Extractor, reading: ListProgress) -> None:
    """Marks what a complete sweep did not meet, and forgets whom it met."""
    vanished, is_sure = _gone(reader, reading)
    if not reader.may_go_on(reading):
        # The next sync reads the last page again and concludes.
        reading.sweep_left = min(reading.size, reading.count)
        return
    reader.forget_sweep(reading)
    is_held = is_sure and _is_too_many(reader, reading, vanished)
    reading.state = replace(reading.state, held=len(vanished) if is_held else 0)
    if is_held:
        return
    if vanished and is_sure:
        connection, kind = reader.warehouse.connection, reading.resource.kind
        queries.remove_suppressed(connection, vanished)
        stored = [id_ for id_ in vanished if not id_.startswith(SUPPRESSED_PREFIX)]
        if stored:
            mark_deleted(connection, kind, stored, now=reader.now())
        reader.findings.deleted[kind] = reader.findings.deleted.get(kind, 0) + len(stored)
    _explain(reader, reading, vanished=0 if is_sure else len(vanished))


def _is_too_many(reader: Extractor, reading: ListProgress, vanished: list[str]) -> bool:
    """Whether so many deletions at once need the user's word."""
    most = max(MOST_DELETED, MOST_DELETED_SHARE * reader.known(reading))
    return len(vanished) > most and not reader.accept_deletions


def _gone(reader: Extractor, reading: ListProgress) -> tuple[list[str], bool]:
    """What the sweep did not meet, and whether that proves it gone.

    The page past the last one is asked for: an end that the count only claims proves nothing.
    When the list moved meanwhile, has no count to believe, or its count speaks against it, it is
    read once more, otherwise the pages where the rows would stand: one answer, empty or short, must
    not cost a row even when its count agrees. If the count still speaks against it, the next complete
    sweep has to say the same before anything is marked.
    """
    vanished = _vanished(reader, reading)
    if vanished and reading.is_counted and _distrust_if_more(reader, reading):
        vanished = _vanished(reader, reading)
    if not vanished:
        return [], True
    if reading.bad:
        reader.findings.notes.append(
            f"{reading.resource.name}: {len(vanished)} known rows were not met;"
            " nothing is marked as deleted while unreadable rows may be among them"
        )
        return [], True
    if not reading.is_counted:
        return _confirmed(reader, reading, vanished), True
    if len(reading.counts) > 1 or reader.known(reading) - len(vanished) < reading.expected:
        vanished = _confirmed(reader, reading, vanished)
        if vanished and not reading.is_read_whole and _contradicted(reader, reading, vanished):
            vanished = _confirmed(reader, reading, vanished, whole=True)
        return vanished, not _contradicted(reader, reading, vanished)
    return _still_gone(reader, reading, vanished), True


def _still_gone(reader: Extractor, reading: ListProgress, vanished: list[str]) -> list[str]:
    """These rows when a second look lacks them all; none when it shows any: then the next sweep decides."""
    reader.again(reading, _pages_near(reader, reading, vanished).first(CONFIRM_PAGES) or [1])
    is_sure = reader.may_go_on(reading) and len(_vanished(reader, reading)) == len(vanished)
    return vanished if is_sure else []


def _contradicted(reader: Extractor, reading: ListProgress, vanished: list[str]) -> bool:
    """Whether the list's count, less what it is known to be wrong by, says that more rows exist."""
    return reader.known(reading) - len(vanished) < reading.expected - reading.state.explained


def _known_ids(reader: Extractor, reading: ListProgress) -> list[str]:
    table = tables.BY_KIND[reading.resource.kind]
    condition, parameters = queries.scope(reading.resource)
    rows = reader.warehouse.connection.execute(
        f"select {key_sql(table)} from {table.name} as t where {condition} and t.deleted_at is null",
        parameters,
    ).fetchall()
    return [id_ for (id_,) in rows] + queries.suppressed_ids(reader.warehouse.connection, reading.resource)


def _vanished(reader: Extractor, reading: ListProgress) -> list[str]:
    """Known objects of the list that the sweep did not meet."""
    table = tables.BY_KIND[reading.resource.kind]
    condition, parameters = queries.scope(reading.resource)
    met = pa.table({"id": pa.array(list(reading.seen), pa.string())})
    with registered_tables(reader.warehouse.connection, met=met):
        rows = reader.warehouse.connection.execute(
            f"select {key_sql(table)} as id from {table.name} as t where {condition} and t.deleted_at is null"
            f" and {key_sql(table)} not in (select id from met)"
            f" and {key_sql(table)} not in (select id from meta.sweep_seen where resource = ?)",
            [*parameters, reading.resource.name],
        ).fetchall()
        refused = queries.suppressed_ids(reader.warehouse.connection, reading.resource, unmet_by="met")
    return [id_ for (id_,) in rows] + refused


def _confirmed(
    reader: Extractor, reading: ListProgress, vanished: list[str], *, whole: bool = False
) -> list[str]:
    """What of the list is still not met after one more reading: rows slip past pages that shift.

    Of a long list only the pages near these rows are read, unless it is to be read `whole`.
    """
    rows = reading.latest if reading.is_counted else max(reading.latest, reader.known(reading))
    pages = Pages(((1, last_page(rows, reading.size) + 1),))
    whole = whole or len(pages) <= CONFIRM_PAGES
    if not whole:
        pages = _pages_near(reader, reading, vanished)
    reading.counts.clear()
    reading.count = before = reading.latest
    reader.again(reading, pages)
    if not reading.is_counted:
        _read_on(reader, reading)
    has_moved = len(reading.counts) > 1 or (reading.is_counted and reading.latest != before)
    if has_moved or not reader.may_go_on(reading):
        return []  # the list keeps moving: the next sweep decides
    reading.is_read_whole = whole
    return _vanished(reader, reading)


def _pages_near(reader: Extractor, reading: ListProgress, vanished: list[str]) -> Pages:
    """The pages on which the vanished rows would stand, and their neighbours."""
    table = tables.BY_KIND[reading.resource.kind]
    condition, parameters = queries.scope(reading.resource)
    wanted = pa.table({"id": pa.array(vanished, pa.string())})
    with registered_tables(reader.warehouse.connection, wanted=wanted):
        places = reader.warehouse.connection.execute(
            "with ranked as ("
            f" select {key_sql(table)} as id, row_number() over (order by t.created_at) - 1 as place"
            f" from {table.name} as t where {condition} and t.deleted_at is null)"
            " select place from ranked semi join wanted using (id) order by place desc",
            parameters,
        ).fetchall()
    span = reading.size // 2
    return reading.pages_for((place - span, place + span) for (place,) in places)
