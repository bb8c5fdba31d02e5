"""Stored tasks brought under new privacy settings, in place: payload, row, messages, history.

Nothing counts as changed by it: the times at which tasks were seen or changed stay. What the
database then no longer shows still lies in free blocks of its file until that is written anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.model import Record
from unpod_sync.privacy.ingest_filter import NOT_KEPT, IngestFilter
from unpod_sync.privacy.redact import Rules
from unpod_sync.transform.contact import PSEUDONYM, contact_key
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.records import stored_record
from unpod_sync.warehouse.database import Warehouse, first_row, registered_tables
from unpod_sync.warehouse.merge import flat_batch, table_of
from unpod_sync.warehouse.transactions import transaction

CHUNK = 2_048
LOOSE_TEXTS = ("error_message", "output_message", "last_failure_reason", "call_end_reason")
EMAIL_SQL = r"[\w.!#$%&*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+"
NUMBER_SQL = r"\+?\d[\d\s().-]{8,}\d"


def restate(
    warehouse: Warehouse,
    guard: IngestFilter,
    zone: ZoneInfo,
    *,
    since: datetime | None,
    until: datetime | None,
) -> int:
    """Applies the settings to the tasks created in this time (NULL is no bound); how many changed."""
    connection = warehouse.connection
    restated = 0
    batch = itertools.count(_highest_batch(connection) + 1)
    for records in _stored(connection, since, until):
        pairs = [(old, new) for old in records if (new := guard.redacted(old)) is not old]
        if pairs:
            _replace(connection, [old for old, _ in pairs], [new for _, new in pairs], zone, next(batch))
            restated += len(pairs)
    return restated


def _highest_batch(connection: duckdb.DuckDBPyConnection) -> int:
    row = first_row(
        connection,
        "select greatest((select coalesce(max(batch_id), 0) from raw.payloads),"
        " (select coalesce(max(batch_id), 0) from main.task_versions))",
    )
    return int(row[0]) if row else 0


def _stored(
    connection: duckdb.DuckDBPyConnection, since: datetime | None, until: datetime | None
) -> Iterator[list[Record]]:
    """The stored tasks, batch by batch: a restated one goes to a later batch."""
    bounds = "(t.created_at >= ? or ?::timestamp is null) and (t.created_at < ? or ?::timestamp is null)"
    times = [since, since, until, until]
    batches = connection.execute(
        f"select distinct t.batch_id from main.tasks as t where {bounds} order by 1", times
    ).fetchall()
    for (batch,) in batches:
        rows = connection.execute(
            "select p.id, p.space_token, p.payload_json, p.content_hash from raw.payloads as p"
            " join main.tasks as t on t.task_id = p.id"
            f" where p.kind = 'task' and p.batch_id = ? and t.batch_id = ? and {bounds}",
            [batch, batch, *times],
        ).fetchall()
        for some in _chunks(rows):
            yield [stored_record("task", id_, space, payload, digest) for id_, space, payload, digest in some]


def _replace(
    connection: duckdb.DuckDBPyConnection,
    olds: list[Record],
    news: list[Record],
    zone: ZoneInfo,
    batch_id: int,
) -> None:
    copies = flat_batch(news, flatten("task", news, zone))
    changes = pa.table(
        {
            "id": pa.array([record.id for record in olds], pa.string()),
            "old_hash": pa.array([record.content_hash for record in olds], pa.string()),
            "new_hash": pa.array([record.content_hash for record in news], pa.string()),
        }
    )
    refused = table_of(copies.rejects)
    assert copies.messages is not None
    rows = copies.rows.drop_columns(["answer_order"])
    with (
        registered_tables(
            connection, changes=changes, incoming=rows, messages=copies.messages, refused=refused
        ),
        transaction(connection),
    ):
        connection.execute(_REPLACE.replace("{batch}", str(batch_id)))


def hide_refused_rows(connection: duckdb.DuckDBPyConnection) -> int:
    """Takes the texts of refused rows that are no task: whose they are cannot be told; how many there were.

    New ones are not kept either, once anything is redacted or anybody forgotten (`Guard.reject`).
    """
    row = first_row(
        connection,
        "update meta.rejects set value_text = $1"
        " where kind = 'task' and field = '' and value_text not in ('', $1)",
        [NOT_KEPT],
    )
    return int(row[0]) if row else 0


def redact_versions(connection: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """The history's own columns by the rules; it has no payload to be read again."""
    table = "main.task_versions"
    with transaction(connection):
        for field in ("number", "email", "name"):
            if rules.touches(field):
                _redact_column(connection, field, rules)
        if rules.touches("recording"):
            connection.execute(f"update {table} set recording_url = null where recording_url is not null")
        for field, pattern in (("email", EMAIL_SQL), ("number", NUMBER_SQL)):
            for column in LOOSE_TEXTS if rules.touches(field) else ():
                connection.execute(
                    f"update {table} set {column} = regexp_replace({column}, ?, ?, 'g')"
                    f" where regexp_matches({column}, ?)",
                    [pattern, f"[{field}]", pattern],
                )


def _redact_column(connection: duckdb.DuckDBPyConnection, field: str, rules: Rules) -> None:
    column = f"contact_{field}"
    known = connection.execute(
        f"select distinct {column} from main.task_versions where {column} is not null"
    ).fetchall()
    values = [value for (value,) in known]
    mapped = pa.table(
        {
            "old": pa.array(values, pa.string()),
            "new": pa.array([_instead(field, value, rules) for value in values], pa.string()),
        }
    )
    also = ", contact_key = mapped.new" if field == "number" else ""
    with registered_tables(connection, mapped=mapped):
        connection.execute(
            f"update main.task_versions as v set {column} = mapped.new{also} from mapped"
            f" where v.{column} = mapped.old and mapped.new is distinct from mapped.old"
        )


def _instead(field: str, value: str, rules: Rules) -> str | None:
    if field in rules.drop:
        return None
    if PSEUDONYM.fullmatch(value):
        return value
    normal = contact_key(value, rules.country) if field == "number" else " ".join(value.lower().split())
    return rules.pseudonym(field, normal or value)


def _chunks(rows: list[tuple[str, str, str, str]]) -> Iterator[list[tuple[str, str, str, str]]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


_PAYLOAD = [column.name for column in tables.TASKS.columns if column.origin != "sync"]
_HISTORY = ("first_seen_at", "changed_at", "deleted_at", "load_id", "answer_order")

_REPLACE = f"""
create or replace temp table kept as
    select t.task_id as id, p.observed_at, {", ".join(f"t.{name}" for name in _HISTORY)}
    from main.tasks as t
    join raw.payloads as p on p.kind = 'task' and p.id = t.task_id
    semi join changes on t.task_id = changes.id;
delete from main.tasks as t using changes where t.task_id = changes.id;
delete from main.transcript_messages as t using changes where t.task_id = changes.id;
delete from raw.payloads as t using changes where t.kind = 'task' and t.id = changes.id;
delete from meta.rejects as t using changes
    where t.kind = 'task' and t.id = changes.id and t.field <> 'task_id';
insert into main.tasks by name
    select {", ".join(f"n.{name}" for name in _PAYLOAD)}, n.content_hash, n.payload_keys,
        {", ".join(f"kept.{name}" for name in _HISTORY)}, {{batch}}::bigint as batch_id
    from incoming as n join kept using (id);
insert into raw.payloads by name
    select 'task' as kind, n.id, n.space_token, n.payload_json, n.content_hash, kept.observed_at,
        {{batch}}::bigint as batch_id
    from incoming as n join kept using (id);
insert into main.transcript_messages by name
    select *, {{batch}}::bigint as batch_id from messages;
insert into meta.rejects by name
    select kept.load_id, r.* from refused as r join kept using (id);
delete from main.task_versions as v using changes, main.task_versions as w
    where v.task_id = changes.id and v.content_hash = changes.old_hash
        and w.task_id = v.task_id and w.modified_at is not distinct from v.modified_at
        and w.content_hash = changes.new_hash;
update main.task_versions as v set content_hash = changes.new_hash from changes
    where v.task_id = changes.id and v.content_hash = changes.old_hash;
drop table kept;
update meta.revision set revision = revision + 1;
"""
