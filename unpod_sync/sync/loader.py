"""From pages to the warehouse: look up what is stored, drop what is unchanged, flatten and write the rest.

Three things overlap: pages are fetched and prepared in the client's threads, collected and looked up in the
caller's, and flattened and written in one writer thread. A batch is looked up when the one before it is
committed, so that each id is looked up once.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

from unpod_sync.model import Page, Record, Reject
from unpod_sync.privacy.ingest_filter import IngestFilter
from unpod_sync.sync import stored_rows
from unpod_sync.sync.progress import ListProgress
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.parse import ParseError, read_time
from unpod_sync.transform.records import has_same_content, merge_missing
from unpod_sync.warehouse.batch import LoadBatch, LoadContext, flat_batch
from unpod_sync.warehouse.database import ROW_GROUP, Span, Warehouse, load_rows
from unpod_sync.warehouse.merge import EARLIEST, write

CHUNK = 1_024  # records flattened together
BATCH_BYTES = 48 << 20  # of payloads written together: more exceed DuckDB's limit; a row group has 40 MB

TWICE_LISTED = "listed in two spaces with different content: the copy of the space in value_text is kept"

Stored = dict[str, dict[str, Any]]
Batch = tuple[LoadBatch, dict[str, list[Record]], LoadContext]


@dataclass(slots=True)
class Tally:
    """How many records were read and changed, by kind."""

    read: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    changed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class _PendingPage:
    """One page's records, and what its list notes when they are written. Without `page` they are only its first records."""

    progress: ListProgress
    page: Page | None
    records: list[Record]
    ids: list[str]
    unreadable: int


class BatchLoader:
    """Takes pages' records and writes them in batches. Call `flush` before reading what was written."""

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
        self._reader, self._connection = warehouse.cursor(), warehouse.cursor()
        self._load_id, self._batch_id = load_id, first_batch_id
        self._zone, self._now, self._ingest_filter = zone, now, ingest_filter
        self._pages: list[_PendingPage] = []
        self._rejects: list[Reject] = []
        self._rows = self._bytes = 0  # of the pages
        self._is_submitting = False
        # An interrupt may come anywhere, and inside the locks of other queues it breaks them.
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._outcomes: SimpleQueue[BaseException | None] = SimpleQueue()
        self._is_writing = False
        self._writer = threading.Thread(target=self._write_all, name="unpod-sync-writer", daemon=True)
        self._writer.start()

    def add(
        self,
        progress: ListProgress,
        page: Page,
        records: list[Record],
        rejects: list[Reject],
        *,
        unreadable: int = 0,
    ) -> None:
        """Takes one page's records; writes when there are enough."""
        self.tally.read[progress.resource.kind] += len(records)
        kept, ids = self._admit(records)
        self._rejects += map(self._ingest_filter.reject, rejects)
        self._pages.append(_PendingPage(progress, page, kept, ids, unreadable))
        self._rows += len(kept)
        self._bytes += sum(len(record.payload) for record in kept)
        while self._rows >= ROW_GROUP or self._bytes >= BATCH_BYTES:
            self._submit()

    def flush(self) -> None:
        """Writes everything taken so far and waits until it is committed.

        Only a batch that an interrupt broke off is not written: its pages are read again by the next sync.
        """
        if not self._is_submitting:
            self._submit()
        self._wait()

    def close(self) -> None:
        """Ends the writer after its batch; call `flush` first to keep all records."""
        self._batches.put(None)
        self._writer.join()
        self._reader.close()
        self._connection.close()

    discard = close

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

    def _wait(self) -> None:
        """Waits until the last batch is committed, and raises what prevented it."""
        if self._is_writing:
            failure = self._outcomes.get()
            self._is_writing = False
            if failure is not None:
                raise failure

    def _submit(self) -> None:
        """Hands what was taken to the writer as one batch, of one row group at most."""
        self._wait()
        self._is_submitting = True
        pages, rest = self._whole_row_group()
        batch = LoadBatch(rejects=self._rejects, refusals=self._ingest_filter.take_refused())
        changed: dict[str, list[Record]] = {}
        for kind in dict.fromkeys(pending.progress.resource.kind for pending in pages):
            records = [r for p in pages if p.progress.resource.kind == kind for r in p.records]
            batch.stored[kind] = stored = load_rows(
                self._reader,
                kind,
                list(dict.fromkeys(record.id for record in records)),
                created_between(records) if kind == "task" and records else None,
            )
            changed[kind] = self._changed(kind, records, stored, batch)
        touched = {p.progress.resource.name: p.progress for p in pages if p.page is not None}
        for pending in pages:
            self._mark_covered(pending, batch)
        if any(changed.values()) or touched or batch.rejects or batch.refusals:
            now = self._now()
            batch.bookmarks = [p.bookmark(now=now, finished=False).to_row() for p in touched.values()]
            context = LoadContext(self._load_id, self._batch_id, now)
            self._batch_id += 1
            self._batches.put((batch, changed, context))
            self._is_writing = True
        self._pages, self._rejects = rest, []
        self._rows = sum(len(pending.records) for pending in rest)
        self._bytes = sum(len(record.payload) for pending in rest for record in pending.records)
        self._is_submitting = False

    def _whole_row_group(self) -> tuple[list[_PendingPage], list[_PendingPage]]:
        """The pages to write, and the rest of the last one: a part of a row group is compressed twice.

        A page is covered by the batch with the last of its records.
        """
        excess = self._rows - ROW_GROUP
        if excess <= 0:
            return self._pages, []
        *pages, last = self._pages
        cut = len(last.records) - excess
        part = replace(last, page=None, records=last.records[:cut])
        return [*pages, part], [replace(last, records=last.records[cut:])]

    def _mark_covered(self, pending: _PendingPage, batch: LoadBatch) -> None:
        progress = pending.progress
        if pending.page is None:
            return
        last = batch.stored[progress.resource.kind].get(pending.records[-1].id) if pending.records else None
        stored_by = last["load_id"] if last is not None and last["load_id"] != self._load_id else None
        progress.mark_covered(pending.page, pending.ids, unreadable=pending.unreadable, stored_by=stored_by)
        progress.load_id = self._load_id
        if progress.keeps_sweep_ids:
            batch.seen.setdefault(progress.resource.name, []).extend(progress.sweep_ids)
            progress.sweep_ids.clear()

    def _write_all(self) -> None:
        """The writer thread."""
        while (work := self._batches.get()) is not None:
            try:
                self._write(*work)
            except BaseException as error:
                self._outcomes.put(error)
            else:
                self._outcomes.put(None)

    def _write(self, batch: LoadBatch, changed: dict[str, list[Record]], context: LoadContext) -> None:
        for kind, records in changed.items():
            for some in _chunks(records):
                batch.copies.append(flat_batch(some, flatten(kind, some, self._zone)))
            records.clear()  # the copies hold their payloads in another form
        for kind, number in write(self._connection, batch, context).items():
            self.tally.changed[kind] += number

    def _changed(self, kind: str, records: list[Record], stored: Stored, batch: LoadBatch) -> list[Record]:
        """The records to write: their content differs from the stored one, whose keys they take where they lack some.

        A list may show two copies of one object, for ever. The stored one was chosen between them
        once; meeting it again unchanged, the other is no news unless its `modified` is later.
        Within one load the merge chooses, by the same rule in whatever order the copies come.
        """
        changed: list[Record] = []
        unchanged: set[str] = set()
        for record in self._compared(kind, records, stored, batch):
            old = stored.get(record.id)
            if old is None or old["deleted_at"] is not None:
                changed.append(record)
            elif old.get("space_token") not in (None, record.space_token):
                if record.content_hash != old["content_hash"]:
                    batch.rejects.append(_second_space(record, old))
            elif record.content_hash != old["content_hash"]:
                changed.append(record)
            elif old["load_id"] != self._load_id:
                unchanged.add(record.id)
        duplicates = [record for record in changed if record.id in unchanged]
        stale = self._superseded(kind, duplicates, stored)
        return [record for record in changed if id(record) not in stale]

    def _compared(
        self, kind: str, records: list[Record], stored: Stored, batch: LoadBatch
    ) -> Iterator[Record]:
        """The records; those of another hash than the stored one are compared with it, as decoded values.

        One of the same content takes the stored hash, and the new hash is noted: it spares the next comparison.
        """
        differing = {
            record.id: old["batch_id"]
            for record in records
            if (old := stored.get(record.id)) is not None and old["content_hash"] != record.content_hash
        }
        payloads = stored_rows.payloads(self._reader, kind, differing)
        known: dict[str, Record] = {}  # the first copy of each object in this batch
        for record in records:
            payload = payloads.get(record.id)
            old_hash = stored[record.id]["content_hash"] if payload is not None else ""
            if payload is not None and record.content_hash != old_hash:
                whole = merge_missing(payload, record)
                if has_same_content(payload, whole.payload):
                    if whole is record:
                        batch.respelled[kind, record.id] = (old_hash, record.content_hash)
                    whole = replace(whole, content_hash=old_hash)
                record = whole
            first = known.setdefault(record.id, record)
            if first.content_hash != record.content_hash and has_same_content(first.payload, record.payload):
                record = replace(record, content_hash=first.content_hash)
            yield record

    def _superseded(self, kind: str, duplicates: list[Record], stored: Stored) -> set[int]:
        """Which of these records (by identity) have no later `modified` than the stored ones."""
        if not duplicates or kind != "task":
            return {id(record) for record in duplicates}
        modified = flatten(kind, duplicates, self._zone).rows["modified_at"].to_pylist()
        return {
            id(record)
            for record, at in zip(duplicates, modified, strict=True)
            if (at or EARLIEST) <= (stored[record.id]["modified_at"] or EARLIEST)
        }


def _chunks(records: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(records), CHUNK):
        yield records[start : start + CHUNK]


def _second_space(record: Record, old: dict[str, Any]) -> Reject:
    """Says that another space lists an object, too: the copy that is stored stays while it is listed.

    Otherwise the two would take each other's place at every sync.
    """
    id_ = f"{record.space_token}/{record.id}"
    return Reject(record.kind, id_, "space_token", old["space_token"], TWICE_LISTED)


def created_between(records: list[Record]) -> Span | None:
    """When the first and the last of these were created, since their list is in that order; None if one lacks it."""
    times: list[datetime] = []
    for record in (records[0], records[-1]):
        value = record.value
        with contextlib.suppress(ParseError):
            if at := read_time(value.get("created") or value.get("created_at")):
                times.append(at)
    return (min(times), max(times)) if len(times) == 2 else None
