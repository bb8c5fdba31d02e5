"""From pages to the warehouse: compare hashes, flatten what changed, write in batches.

Three things overlap: pages are fetched and hashed in the client's threads, compared and
flattened in the caller's, and written in one writer thread. At most two batches are under way.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from unpod_sync.model import Page, Record, Reject
from unpod_sync.privacy.ingest_filter import IngestFilter
from unpod_sync.sync.bloom import BloomFilter
from unpod_sync.sync.interrupts import uninterrupted
from unpod_sync.sync.progress import ListProgress
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.parse import ParseError, read_time
from unpod_sync.transform.process import FlattenProcess, usable_cores
from unpod_sync.transform.records import merge_missing
from unpod_sync.warehouse.database import ROW_GROUP, Span, Warehouse, load_rows, registered_tables
from unpod_sync.warehouse.merge import EARLIEST, FlatBatch, LoadBatch, LoadContext, RecordMetadata, write

CHUNK = 1_024  # records compared and flattened together; a row group is a multiple, see `warehouse.ROW_GROUP`
WORTH_A_PROCESS = 5_000  # new rows; starting it takes as long as flattening 3,000
WORTH_A_FILTER = 20_000  # new rows; filling it costs as much a stored task as looking so many up
WORTH_A_SET = 200_000  # ids; so many take 25 MB, and a set is asked in a tenth of a filter's time
MOST_EXPECTED = 4_000_000  # ids a filter is made for, 16 MB: a list may claim more than it has
CHUNK_BYTES = 16 << 20  # of payloads: fewer records than a chunk are flattened together when they are large
BATCH_BYTES = 48 << 20  # of payloads written together: more exceed DuckDB's limit; a row group has 40 MB
SEEN = 50_000  # unchanged objects before progress is committed

TWICE_LISTED = "listed in two spaces with different content: the copy of the space in value_text is kept"

Part = Callable[[], FlatBatch]
Job = Callable[[duckdb.DuckDBPyConnection], object]


@dataclass(slots=True)
class Tally:
    """How many records were read and changed, by kind."""

    read: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    changed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class _PendingPage:
    """A page that is covered once all its records are in a batch."""

    progress: ListProgress
    page: Page
    ids: list[str]
    unreadable: int
    left: int  # records that wait, up to the last one of this page
    last: str | None  # id of its last row that is not refused
    stored_by: str | None = None  # the earlier load that stored that row


class BatchLoader:
    """Takes pages' records, hands batches to the writer. Call `flush` before reading what was written.

    An interrupt comes between two calls, so that what counts as read is on its way to the file.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        load_id: str,
        first_batch_id: int,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        ingest_filter: IngestFilter,
    ) -> None:
        """`ingest_filter` applies the user's privacy settings: it alters some records and refuses others."""
        self.tally = Tally()
        self._warehouse = warehouse
        self._reader = warehouse.cursor()
        self._load_id = load_id
        self._batch_id = first_batch_id
        self._zone = zone
        self._now = now
        self._ingest_filter = ingest_filter
        self._buffered: dict[str, list[Record]] = defaultdict(list)  # by kind
        self._pages: dict[str, deque[_PendingPage]] = defaultdict(deque)
        self._touched: dict[str, ListProgress] = {}
        self._batch = LoadBatch()
        self._parts: list[Part] = []
        self._rows: dict[str, int] = defaultdict(int)
        self._bytes = 0  # of the payloads taken since the last batch
        self._lead = 0  # tasks that come before the first whole row group
        self._in_batch: set[str] = set()
        self._possible_ids: set[str] | BloomFilter | None = (
            None  # task ids stored or taken; None: each is looked for
        )
        self._perhaps_stored: set[str] = set()  # of the batch
        self._helper: FlattenProcess | None = None
        self._differing: list[tuple[Record, dict[str, Any]]] = []
        self._unchanged: set[tuple[str, str]] = set()
        self._pending: deque[set[str]] = deque(maxlen=2)  # ids of batches not surely committed yet
        self._queue: queue.Queue[Job | None] = queue.Queue(maxsize=1)
        self._failure: BaseException | None = None
        self._meanwhile: Job | None = None
        self._writer = threading.Thread(target=self._do_jobs, name="unpod-sync-writer", daemon=True)
        self._writer.start()

    @uninterrupted()
    def prepare_for(self, rows: int) -> None:
        """Prepares for so many tasks never stored.

        Many are flattened in a process of their own, and more are not looked for in a growing table.
        """
        if self._helper is None and rows >= WORTH_A_PROCESS and usable_cores() > 1:
            self._helper = FlattenProcess(self._zone)
            # A second thread spends a sixth more on the same work, and the helper has the second core.
            self._reader.execute("set threads to 1")
            # A part of a row group costs most to write: written first, it does not delay the end.
            self._lead = rows % ROW_GROUP
        if self._possible_ids is None and rows >= WORTH_A_FILTER:
            stored = self._reader.execute("select task_id from main.tasks").fetchall()
            expected = len(stored) + rows
            self._possible_ids = (
                set() if expected <= WORTH_A_SET else BloomFilter(min(expected, MOST_EXPECTED))
            )
            self._possible_ids.update(id_ for (id_,) in stored)
            for taken in (self._in_batch, *self._pending):
                self._possible_ids.update(taken)
            self._perhaps_stored = self._in_batch | {record.id for record, _ in self._differing}

    @uninterrupted()
    def add(
        self,
        progress: ListProgress,
        page: Page | None,
        records: list[Record],
        rejects: list[Reject],
        *,
        unreadable: int = 0,
    ) -> None:
        """Takes one page's records; flattens and writes when there are enough.

        Without `page` the records come from elsewhere and cover nothing of the list.
        """
        kind = progress.resource.kind
        self.tally.read[kind] += len(records)
        kept, ids = self._admit(records)
        self._buffered[kind] += kept
        self._batch.rejects += map(self._ingest_filter.reject, rejects)
        if page is not None:
            last = kept[-1].id if kept else None
            pending = _PendingPage(progress, page, ids, unreadable, len(self._buffered[kind]), last)
            self._pages[kind].append(pending)
        while len(self._buffered[kind]) >= (size := self._size(kind)):
            ends_lead = kind == "task" and size == self._lead
            self._flatten(kind)
            if self._rows[kind] >= ROW_GROUP or len(self._unchanged) >= SEEN or ends_lead:
                self._submit()

    def _size(self, kind: str) -> int:
        """How many records are flattened together next: a chunk, or as many as are large enough."""
        size = min(self._lead or CHUNK, CHUNK) if kind == "task" else CHUNK
        total = 0
        for number, record in enumerate(self._buffered[kind][:size], start=1):
            total += len(record.payload)
            if total >= CHUNK_BYTES:
                return number
        return size

    def submit_job(self, job: Job) -> None:
        """Runs a job in the writer thread; `flush` waits for it, and raises what it raised."""
        self._queue.put(job)

    def on_flush(self, job: Job) -> None:
        """Runs a job at the next `flush`, in its own thread, while the writer writes the last rows."""
        self._meanwhile = job

    @uninterrupted()
    def flush(self) -> None:
        """Writes everything taken so far and waits until it is committed."""
        for kind in list(self._buffered):
            while self._buffered[kind] or self._pages[kind]:
                self._flatten(kind)
        self._submit()
        if self._helper is not None:
            self._helper.relieve()
        if self._meanwhile is not None:
            job, self._meanwhile = self._meanwhile, None
            job(self._reader)
        self._wait()

    def close(self) -> None:
        """Ends the writer after its queued jobs; call `flush` first to keep all records."""
        self._queue.put(None)
        self._writer.join()
        if self._helper is not None:
            self._helper.close()
        self._reader.close()

    def discard(self) -> None:
        """Ends the writer without writing the records taken."""
        self._buffered, self._pages, self._differing, self._parts, self._touched = {}, {}, [], [], {}
        self._batch = LoadBatch()
        self.close()

    def _admit(self, records: list[Record]) -> tuple[list[Record], list[str]]:
        """The records to store, and the ids of all for their list's coverage: a refused record has an alias."""
        if self._ingest_filter.is_idle:
            return records, [record.id for record in records]
        passed = [self._ingest_filter.apply(record) for record in records]
        ids = [
            record.id if kept is not None else self._ingest_filter.suppressed_id(record.id)
            for record, kept in zip(records, passed, strict=True)
        ]
        return [kept for kept in passed if kept is not None], ids

    def _flatten(self, kind: str) -> None:
        """Takes the next chunk of buffered records, and the pages that end there."""
        buffered, pages, size = self._buffered[kind], self._pages[kind], self._size(kind)
        records = buffered[:size]
        del buffered[:size]
        if kind == "task":
            self._lead = max(self._lead - size, 0)
        stored = self._stored(kind, records)
        self._add_copies(kind, self._changed(kind, records, stored))
        for page in pages:
            page.left -= size
            if page.last in stored and stored[page.last]["load_id"] != self._load_id:
                page.stored_by = stored[page.last]["load_id"]
        while pages and pages[0].left <= 0:
            self._mark_covered(pages.popleft())
        self._bytes += sum(len(record.payload) for record in records)
        if self._bytes >= BATCH_BYTES:
            self._submit()

    def _mark_covered(self, done: _PendingPage) -> None:
        progress = done.progress
        progress.mark_covered(done.page, done.ids, unreadable=done.unreadable, stored_by=done.stored_by)
        progress.load_id = self._load_id
        self._touched[progress.resource.name] = progress
        if progress.keeps_sweep_ids:
            self._batch.seen.setdefault(progress.resource.name, []).extend(progress.sweep_ids)
            progress.sweep_ids.clear()

    def _add_copies(self, kind: str, records: list[Record]) -> None:
        if records:
            self._parts.append(self._flattened_later(kind, records))
            self._rows[kind] += len(records)
            self._in_batch.update(record.id for record in records)

    def _flattened_later(self, kind: str, records: list[Record]) -> Part:
        """Flattens now, or in the helper process; the part returns the result."""
        metadata = RecordMetadata.by(records)
        if self._helper is not None and self._helper.is_free:
            ticket = self._helper.submit(kind, records)
            return lambda: metadata.joined(ticket.result())
        copies = metadata.joined(flatten(kind, records, self._zone))
        return lambda: copies

    def _stored(self, kind: str, records: list[Record]) -> dict[str, dict[str, Any]]:
        """What is stored of these; pending batches with any of them are written first."""
        ids = [record.id for record in records]
        if any(not pending.isdisjoint(ids) for pending in (self._in_batch, *self._pending)):
            self._submit()
            self._wait()
        created = created_between(records) if kind == "task" and records else None
        return load_rows(self._reader, kind, self._possibly_stored(kind, ids), created)

    def _changed(self, kind: str, records: list[Record], stored: dict[str, dict[str, Any]]) -> list[Record]:
        """The records whose content differs from the stored one; missing keys are filled from it."""
        if not stored:
            return records
        differing: list[Record] = []
        for record in records:
            old = stored.get(record.id)
            if old is None or old["deleted_at"] is not None:
                differing.append(record)
            elif old.get("space_token") not in (None, record.space_token):
                self._reject_second_space(record, old)
            elif old["content_hash"] == record.content_hash:
                self._unchanged.add((kind, record.id))
            else:
                self._differing.append((record, old))
        if len(self._differing) >= CHUNK:
            self._release()
        return self._completed(kind, differing, stored)

    def _reject_second_space(self, record: Record, old: dict[str, Any]) -> None:
        """Notes that another space lists an object, too: the copy that is stored stays while it is listed.

        Otherwise the two would take each other's place at every sync.
        """
        if old["content_hash"] != record.content_hash:
            id_ = f"{record.space_token}/{record.id}"
            self._batch.rejects.append(
                Reject(record.kind, id_, "space_token", old["space_token"], TWICE_LISTED)
            )

    def _possibly_stored(self, kind: str, ids: list[str]) -> list[str]:
        """Those ids that may be stored, each once."""
        distinct = list(dict.fromkeys(ids))
        if self._possible_ids is None or kind != "task":
            return distinct
        if isinstance(self._possible_ids, set):
            unsure = [id_ for id_ in distinct if id_ in self._possible_ids]
            self._possible_ids.update(distinct)
        else:
            unsure = [id_ for id_ in distinct if self._possible_ids.add(id_)]
        self._perhaps_stored.update(unsure)
        return unsure

    def _release(self) -> None:
        """Flattens what differs from the stored rows.

        A list may show two copies of one object, for ever. The stored one was chosen between them
        once; meeting it again unchanged, the other is no news unless its `modified` is later.
        Within one load the merge chooses, by the same rule in whatever order the copies come.
        """
        by_kind: dict[str, list[tuple[Record, dict[str, Any]]]] = defaultdict(list)
        for record, old in self._differing:
            by_kind[record.kind].append((record, old))
        for kind, differing in by_kind.items():
            duplicate_records = [
                record
                for record, old in differing
                if (kind, record.id) in self._unchanged and old["load_id"] != self._load_id
            ]
            stale = self._superseded(kind, duplicate_records, {record.id: old for record, old in differing})
            records = [record for record, _ in differing if id(record) not in stale]
            self._add_copies(
                kind, self._completed(kind, records, {record.id: old for record, old in differing})
            )
        self._differing, self._unchanged = [], set()

    def _superseded(
        self, kind: str, duplicate_records: list[Record], stored: dict[str, dict[str, Any]]
    ) -> set[int]:
        """Which of these records (by identity) have no later `modified` than the stored ones."""
        if not duplicate_records:
            return set()
        if kind != "task":
            return {id(record) for record in duplicate_records}
        modified = flatten(kind, duplicate_records, self._zone).rows["modified_at"].to_pylist()
        return {
            id(record)
            for record, at in zip(duplicate_records, modified, strict=True)
            if (at or EARLIEST) <= (stored[record.id]["modified_at"] or EARLIEST)
        }

    def _completed(self, kind: str, records: list[Record], stored: dict[str, Any]) -> list[Record]:
        """Records with the stored keys they lack, without those that then equal the stored ones."""
        lacking = {
            record.id: stored[record.id]["batch_id"]
            for record in records
            if record.id in stored
            and not record.value.keys() >= set((stored[record.id]["payload_keys"] or "").split(","))
        }
        if not lacking:
            return records
        payloads = stored_payloads(self._reader, kind, lacking)
        complete: list[Record] = []
        for record in records:
            payload = payloads.get(record.id)
            merged = record if payload is None else merge_missing(payload, record)
            old = stored.get(record.id)
            if old is None or old["deleted_at"] is not None or old["content_hash"] != merged.content_hash:
                complete.append(merged)
        return complete

    def _submit(self) -> None:
        self._release()
        batch = self._batch
        batch.refusals = self._ingest_filter.take_refused()
        self._check()
        if not (self._parts or batch.rejects or batch.seen or batch.refusals or self._touched):
            return
        now = self._now()
        if self._possible_ids is not None:
            batch.perhaps_stored, self._perhaps_stored = self._perhaps_stored, set()
        batch.bookmarks = [
            progress.bookmark(now=now, finished=False).to_row() for progress in self._touched.values()
        ]
        self._pending.append(self._in_batch)
        context = LoadContext(self._load_id, self._batch_id, now)
        self._batch_id += 1
        parts, self._parts = self._parts, []
        self._rows.clear()
        self._bytes = 0
        self._batch, self._touched, self._in_batch = LoadBatch(), {}, set()
        self._queue.put(lambda connection: self._write(connection, batch, parts, context))

    def _wait(self) -> None:
        self._queue.join()
        self._pending.clear()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _write(
        self, connection: duckdb.DuckDBPyConnection, batch: LoadBatch, parts: list[Part], context: LoadContext
    ) -> None:
        while parts:  # each lets go of its payloads, which the copies hold in another form
            batch.copies.append(parts.pop(0)())
        for kind, number in write(connection, batch, context).items():
            self.tally.changed[kind] += number

    def _do_jobs(self) -> None:
        """The writer thread: runs the queued jobs in order, until the first failure."""
        connection = self._warehouse.cursor()
        has_failed = False
        while (job := self._queue.get()) is not None:
            try:
                if not has_failed:
                    job(connection)
            except BaseException as error:
                self._failure, has_failed = error, True
            finally:
                self._queue.task_done()
        connection.close()


def created_between(records: list[Record]) -> Span | None:
    """When the first and the last of these were created, since their list is in that order; None if one lacks it."""
    times: list[datetime] = []
    for record in (records[0], records[-1]):
        with contextlib.suppress(ParseError):
            if at := read_time(record.value.get("created") or record.value.get("created_at")):
                times.append(at)
    return (min(times), max(times)) if len(times) == 2 else None


def stored_payloads(
    connection: duckdb.DuckDBPyConnection, kind: str, batches: dict[str, int]
) -> dict[str, str]:
    """The stored payloads of these objects (id → batch that wrote it), by id.

    Two steps, so that DuckDB reads the long payload column only where a wanted row stands.
    """
    wanted = pa.table(
        {"id": pa.array(list(batches), pa.string()), "batch_id": pa.array(list(batches.values()), pa.int64())}
    )
    with registered_tables(connection, wanted=wanted):
        rowids = connection.execute(
            "select p.rowid from raw.payloads as p semi join wanted"
            " on p.batch_id = wanted.batch_id and p.id = wanted.id where p.kind = ?",
            [kind],
        ).fetchall()
    found: dict[str, str] = {}
    numbers = sorted(rowid for (rowid,) in rowids)
    for start in range(0, len(numbers), 40):
        listed = ", ".join(str(number) for number in numbers[start : start + 40])
        rows = connection.execute(
            f"select id, payload_json from raw.payloads where rowid in ({listed})"
        ).fetchall()
        found.update(rows)
    return found
