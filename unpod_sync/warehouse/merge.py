"""Writing a batch: rows, children, versions, payloads, refusals and bookmarks in one transaction.

The content hash decides whether there is something to write, `modified` which of several copies
met in one load is the newest. Deletes go by key and `batch_id` of the stored row, so that DuckDB
skips the row groups that cannot hold it: the cost follows the batch, not the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.model import TERMINAL_STATUSES, Refusal, Reject
from unpod_sync.transform.compute import pc
from unpod_sync.warehouse.batch import FlatBatch, LoadBatch, LoadContext, Stored
from unpod_sync.warehouse.database import Span, key_sql, registered_tables
from unpod_sync.warehouse.transactions import transaction

EARLIEST = datetime(1, 1, 1)  # noqa: DTZ001  every time here is naive UTC


def write(connection: duckdb.DuckDBPyConnection, batch: LoadBatch, stamp: LoadContext) -> dict[str, int]:
    """Writes the batch in one transaction; returns the number of changed objects by kind."""
    changed: dict[str, int] = {}
    with transaction(connection):
        for kind in dict.fromkeys(copies.kind for copies in batch.copies):
            parts = [copies for copies in batch.copies if copies.kind == kind]
            changed[kind] = _write_kind(connection, kind, parts, batch.stored.get(kind, {}), stamp)
        _write_hashes(connection, batch.respelled)
        _write_rejects(connection, batch.rejects, stamp)
        _write_seen(connection, batch.seen)
        write_refusals(connection, batch.refusals, stamp.now)
        write_bookmarks(connection, batch.bookmarks)
        if any(changed.values()):
            connection.execute("update meta.revision set revision = revision + 1")
    return changed


def _write_kind(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    parts: list[FlatBatch],
    known: Stored,
    stamp: LoadContext,
) -> int:
    rows = pa.concat_tables([part.rows for part in parts])
    ids = rows["id"].to_pylist()
    created = _span(rows["created_at"]) if kind == "task" else None
    stored = {id_: known[id_] for id_ in ids if id_ in known}
    chosen, revived = pick_winners(kind, rows, stored, stamp.load_id)
    changed = [i for i in chosen if i is not None]
    if kind == "task":
        _write_versions(connection, rows, stored, created, stamp)
    if revived:
        _revive(connection, kind, revived, stamp)
    if not changed:
        return len(revived)
    taken = rows if len(changed) == rows.num_rows else rows.take(pa.array(changed))
    ids = taken["id"].to_pylist()
    replaced = [(id_, stored[id_]["batch_id"]) for id_ in ids if id_ in stored]
    if replaced:
        _delete(connection, kind, replaced)
    _insert(connection, kind, taken, stored, stamp)
    if kind == "task":
        _insert_messages(connection, parts, rows, None if taken is rows else changed, stamp)
    winners = set(ids)
    rejects = [reject for part in parts for reject in part.rejects if reject.id in winners]
    _clear_rejects(connection, kind, [id_ for id_, _ in replaced])
    _write_rejects(connection, rejects, stamp)
    return len(changed) + len(revived)


def pick_winners(kind: str, rows: pa.Table, stored: Stored, load_id: str) -> tuple[list[int], list[str]]:
    """Which rows to write (indices, ascending), and which stored objects come back from deletion.

    Among copies of one object the newest wins: by `modified`, then a finished one before an
    unfinished, then the later answer, then the hash, so that the order of arrival is irrelevant.
    A copy from an earlier load never competes: the server's present word counts.
    """
    ids = rows["id"].to_pylist()
    if not stored and len(set(ids)) == len(ids):
        return list(range(len(ids))), []  # nothing competes: so it is for most of a first load
    hashes = rows["content_hash"].to_pylist()
    orders = rows["answer_order"].to_pylist()
    modified = rows["modified_at"].to_pylist() if kind == "task" else [None] * len(ids)
    statuses = rows["status"].to_pylist() if kind == "task" else [None] * len(ids)

    def rank(i: int) -> tuple[datetime, bool, int, str]:
        return (modified[i] or EARLIEST, statuses[i] in TERMINAL_STATUSES, orders[i], hashes[i])

    best: dict[str, int] = {}
    for i, id_ in enumerate(ids):
        if id_ not in best or rank(i) > rank(best[id_]):
            best[id_] = i
    changed: list[int] = []
    revived: list[str] = []
    for id_, i in best.items():
        old = stored.get(id_)
        if old is None:
            changed.append(i)
        elif old["content_hash"] == hashes[i]:
            if old["deleted_at"] is not None:
                revived.append(id_)
        elif old["load_id"] != load_id or rank(i) > _stored_rank(old):
            changed.append(i)
    return sorted(changed), revived


def _stored_rank(old: Mapping[str, Any]) -> tuple[datetime, bool, int, str]:
    finished = old.get("status") in TERMINAL_STATUSES
    return (old.get("modified_at") or EARLIEST, finished, old["answer_order"] or 0, old["content_hash"])


def _revive(connection: duckdb.DuckDBPyConnection, kind: str, ids: list[str], stamp: LoadContext) -> None:
    table = tables.BY_KIND[kind]
    back = pa.table({"id": pa.array(ids, pa.string())})
    with registered_tables(connection, back=back):
        connection.execute(
            f"update {table.name} as t set deleted_at = null, changed_at = ? from back"
            f" where {key_sql(table)} = back.id",
            [stamp.now],
        )


def _delete(connection: duckdb.DuckDBPyConnection, kind: str, replaced: list[tuple[str, int]]) -> None:
    table = tables.BY_KIND[kind]
    old = pa.table(
        {
            "id": pa.array([id_ for id_, _ in replaced], pa.string()),
            "batch_id": pa.array([batch for _, batch in replaced], pa.int64()),
        }
    )
    match = "t.batch_id = old.batch_id and"
    with registered_tables(connection, old=old):
        connection.execute(f"delete from {table.name} as t using old where {match} {key_sql(table)} = old.id")
        connection.execute(
            f"delete from raw.payloads as t using old where {match} t.id = old.id and t.kind = ?", [kind]
        )
        if kind == "task":
            connection.execute(
                f"delete from main.transcript_messages as t using old where {match} t.task_id = old.id"
            )


def _insert(
    connection: duckdb.DuckDBPyConnection,
    kind: str,
    taken: pa.Table,
    stored: Stored,
    stamp: LoadContext,
) -> None:
    table = tables.BY_KIND[kind]
    known = [column.name for column in table.columns if column.name in taken.column_names]
    first_seen_by_id = [
        stored[id_]["first_seen_at"] if id_ in stored else stamp.now for id_ in taken["id"].to_pylist()
    ]
    incoming = taken.append_column("first_seen_at", pa.array(first_seen_by_id, pa.timestamp("us")))
    selected = ", ".join([*known, "first_seen_at"])
    space = "space_token" if "space_token" in taken.column_names else "null"
    with registered_tables(connection, incoming=incoming):
        connection.execute(
            f"insert into {table.name} by name select {selected}, ?::timestamp as changed_at,"
            " ? as load_id, ?::bigint as batch_id from incoming",
            [stamp.now, stamp.load_id, stamp.batch_id],
        )
        connection.execute(
            f"insert into raw.payloads by name select ? as kind, id, {space} as space_token, payload_json,"
            " content_hash, ?::timestamp as observed_at, ?::bigint as batch_id from incoming",
            [kind, stamp.now, stamp.batch_id],
        )


def _insert_messages(
    connection: duckdb.DuckDBPyConnection,
    parts: list[FlatBatch],
    rows: pa.Table,
    chosen: list[int] | None,
    stamp: LoadContext,
) -> None:
    """Messages stand in the order of their rows, so that the counts give each row's slice."""
    tables = [part.messages for part in parts if part.messages is not None]
    if not tables:
        return
    messages = pa.concat_tables(tables)
    if chosen is not None:
        counts = [count or 0 for count in rows["message_count"].to_pylist()]
        wanted = set(chosen)
        indices: list[int] = []
        start = 0
        for i, count in enumerate(counts):
            if i in wanted:
                indices.extend(range(start, start + count))
            start += count
        messages = messages.unify_dictionaries().take(pa.array(indices, pa.int64()))
    with registered_tables(connection, messages=messages):
        connection.execute(
            "insert into main.transcript_messages by name select *, ?::bigint as batch_id from messages",
            [stamp.batch_id],
        )


def _span(times: pa.ChunkedArray) -> Span | None:
    """The first and the last of these times; None when one is missing."""
    if times.null_count or not len(times):
        return None
    both = pc.min_max(times).as_py()
    return both["min"], both["max"]


def _write_versions(
    connection: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    stored: Stored,
    created: Span | None,
    stamp: LoadContext,
) -> None:
    """Every version seen gets one row, also copies that did not win.

    A version that is known has the same content, so that it was `created` at the same time.
    """
    ids = rows["id"].to_pylist()
    known: set[tuple[Any, Any, Any]] = set()
    if stored:
        wanted = pa.table({"id": pa.array(list(stored), pa.string())})
        with registered_tables(connection, wanted=wanted):
            rows_known = connection.execute(
                "select v.task_id, v.modified_at, v.content_hash from main.task_versions as v"
                " semi join wanted on v.task_id = wanted.id"
                + (" where v.created_at between ? and ?" if created else ""),
                created or (),
            ).fetchall()
        known = set(rows_known)
    keys = zip(ids, rows["modified_at"].to_pylist(), rows["content_hash"].to_pylist(), strict=True)
    new: list[int] = []
    for i, key in enumerate(keys):
        if key not in known:
            known.add(key)
            new.append(i)
    if new:
        incoming = rows if len(new) == rows.num_rows else rows.take(pa.array(new))
        names = [c.name for c in tables.TASK_VERSIONS.columns if c.name in incoming.column_names]
        with registered_tables(connection, incoming=incoming):
            connection.execute(
                f"insert into main.task_versions by name select {', '.join(names)}, ?::timestamp as observed_at,"
                " ? as load_id, ?::bigint as batch_id from incoming",
                [stamp.now, stamp.load_id, stamp.batch_id],
            )


def _write_hashes(
    connection: duckdb.DuckDBPyConnection, respelled: Mapping[tuple[str, str], tuple[str, str]]
) -> None:
    """Takes over the hashes of new spellings, so that they are not compared again. No object changes by it."""
    for kind in {kind: None for kind, _ in respelled}:
        table = tables.BY_KIND[kind]
        rows = [(id_, *hashes) for (of, id_), hashes in respelled.items() if of == kind]
        columns = zip(("id", "stored", "new"), zip(*rows, strict=True), strict=True)
        hashes = pa.table({name: pa.array(values, pa.string()) for name, values in columns})
        places = {table.name: key_sql(table), "raw.payloads": "t.id"}
        if kind == "task":
            places[tables.TASK_VERSIONS.name] = "t.task_id"
        with registered_tables(connection, hashes=hashes):
            for place, key in places.items():
                connection.execute(
                    f"update {place} as t set content_hash = hashes.new from hashes"
                    f" where {key} = hashes.id and t.content_hash = hashes.stored"
                )


def _clear_rejects(connection: duckdb.DuckDBPyConnection, kind: str, ids: list[str]) -> None:
    if ids:
        gone = pa.table({"id": pa.array(ids, pa.string())})
        with registered_tables(connection, gone=gone):
            connection.execute(
                "delete from meta.rejects as t using gone where t.kind = ? and t.id = gone.id", [kind]
            )


def table_of(rejects: Sequence[Reject]) -> pa.Table:
    """Refused values as rows of `meta.rejects`, less the load that met them."""
    return pa.table(
        {
            name: pa.array([getattr(reject, name) for reject in rejects], pa.string())
            for name in ("kind", "id", "field", "value_text", "reason")
        }
    )


def _write_rejects(connection: duckdb.DuckDBPyConnection, rejects: list[Reject], stamp: LoadContext) -> None:
    if not rejects:
        return
    with registered_tables(connection, refused=table_of(rejects)):
        connection.execute(
            "insert into meta.rejects by name select distinct ? as load_id, r.* from refused as r"
            " anti join meta.rejects as m using (kind, id, field, value_text, reason)",
            [stamp.load_id],
        )


def _write_seen(connection: duckdb.DuckDBPyConnection, seen: dict[str, list[str]]) -> None:
    for resource, ids in seen.items():
        met = pa.table({"id": pa.array(ids, pa.string())})
        with registered_tables(connection, met=met):
            connection.execute("insert into meta.sweep_seen select ?, id from met", [resource])


def write_refusals(connection: duckdb.DuckDBPyConnection, refusals: list[Refusal], now: datetime) -> None:
    """Lists tasks of forgotten contacts, within the caller's transaction."""
    for refusal in refusals:
        connection.execute(
            "insert into meta.forgotten (hash, kind, because, space_token, run_id, created_on, forgotten_at)"
            " select $1, 'task', $2, $3, $4, $5::date, $6 where $1 not in (select hash from meta.forgotten)",
            [refusal.hash, refusal.because, refusal.space_token, refusal.run_id, refusal.created_at, now],
        )


def write_bookmarks(connection: duckdb.DuckDBPyConnection, bookmarks: list[dict[str, Any]]) -> None:
    """Replaces these lists' bookmarks, within the caller's transaction."""
    for bookmark in bookmarks:
        connection.execute("delete from meta.bookmarks where resource = ?", [bookmark["resource"]])
        names = ", ".join(bookmark)
        marks = ", ".join("?" for _ in bookmark)
        connection.execute(f"insert into meta.bookmarks ({names}) values ({marks})", list(bookmark.values()))


def mark_deleted(
    connection: duckdb.DuckDBPyConnection, kind: str, ids: Sequence[str], *, now: datetime
) -> None:
    """Sets `deleted_at` on objects that a complete sweep did not meet."""
    table = tables.BY_KIND[kind]
    gone = pa.table({"id": pa.array(ids, pa.string())})
    with registered_tables(connection, gone=gone), transaction(connection):
        connection.execute(
            f"update {table.name} as t set deleted_at = ?, changed_at = ? from gone"
            f" where {key_sql(table)} = gone.id",
            [now, now],
        )
        connection.execute("update meta.revision set revision = revision + 1")
