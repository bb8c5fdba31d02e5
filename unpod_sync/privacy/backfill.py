"""Stored tasks brought under new privacy settings, in place: payload, row, messages, history.

None of it counts as a change: the times at which tasks were seen or changed stay. The old bytes
lie in free blocks of the file until it is compacted.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from unpod_sync import tables
from unpod_sync.model import Record
from unpod_sync.privacy.ingest_filter import NOT_KEPT, IngestFilter
from unpod_sync.privacy.redact import Rules
from unpod_sync.privacy.settings import Backfill
from unpod_sync.transform.contact import PSEUDONYM, contact_key
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.records import stored_record
from unpod_sync.warehouse.batch import flat_batch
from unpod_sync.warehouse.database import Warehouse, first_row, registered_tables
from unpod_sync.warehouse.merge import table_of
from unpod_sync.warehouse.transactions import transaction

CHUNK = 2_048
FREE_TEXTS = ("error_message", "output_message", "last_failure_reason", "call_end_reason")
EMAIL_SQL = r"[\w.!#$%&*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+"
NUMBER_SQL = r"\+?\d[\d\s().-]{8,}\d"


def backfill_tasks(warehouse: Warehouse, ingest_filter: IngestFilter, zone: ZoneInfo, plan: Backfill) -> int:
    """Redacts the stored tasks of the plan; returns how many changed."""
    connection = warehouse.connection
    changed = 0
    for batch_id, records in _stored(connection, plan):
        redacted = [new for old in records if (new := ingest_filter.redacted(old)) is not old]
        if redacted:
            _replace(connection, redacted, zone, batch_id)
            changed += len(redacted)
    return changed


def _stored(connection: duckdb.DuckDBPyConnection, plan: Backfill) -> Iterator[tuple[int, list[Record]]]:
    """The stored tasks, by the batch that wrote them."""
    bounds = "(t.created_at >= ? or ?::timestamp is null) and (t.created_at < ? or ?::timestamp is null)"
    times = [plan.since, plan.since, plan.until, plan.until]
    batches = connection.execute(
        f"select distinct t.batch_id from main.tasks as t where {bounds} order by 1", times
    ).fetchall()
    for (batch_id,) in batches:
        rows = connection.execute(
            "select p.id, p.space_token, p.payload_json, p.content_hash from raw.payloads as p"
            " join main.tasks as t on t.task_id = p.id"
            f" where p.kind = 'task' and p.batch_id = ? and t.batch_id = ? and {bounds}",
            [batch_id, batch_id, *times],
        ).fetchall()
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            records = [
                stored_record("task", id_, space, payload, digest) for id_, space, payload, digest in some
            ]
            yield batch_id, records


def _replace(
    connection: duckdb.DuckDBPyConnection, records: list[Record], zone: ZoneInfo, batch_id: int
) -> None:
    """Puts these records in place of the stored ones. `merge.write` would note a change and a version."""
    batch = flat_batch(records, flatten("task", records, zone))
    assert batch.messages is not None
    with (
        registered_tables(
            connection, incoming=batch.rows, messages=batch.messages, refused=table_of(batch.rejects)
        ),
        transaction(connection),
    ):
        connection.execute(_REPLACE.format(batch_id=batch_id))


def hide_refused_rows(connection: duckdb.DuckDBPyConnection) -> int:
    """Removes the texts of refused rows that are no task: their contact is unknown. Returns their number.

    New ones are not kept either, once anything is redacted or anybody forgotten (`IngestFilter.reject`).
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
            for column in FREE_TEXTS if rules.touches(field) else ():
                connection.execute(
                    f"update {table} set {column} = regexp_replace({column}, ?, ?, 'g')"
                    f" where regexp_matches({column}, ?)",
                    [pattern, f"[{field}]", pattern],
                )


def _redact_column(connection: duckdb.DuckDBPyConnection, field: str, rules: Rules) -> None:
    column = f"contact_{field}"
    stored = connection.execute(
        f"select distinct {column} from main.task_versions where {column} is not null"
    ).fetchall()
    values = [value for (value,) in stored]
    mapped = pa.table(
        {
            "old": pa.array(values, pa.string()),
            "new": pa.array([_replacement(field, value, rules) for value in values], pa.string()),
        }
    )
    also = ", contact_key = mapped.new" if field == "number" else ""
    with registered_tables(connection, mapped=mapped):
        connection.execute(
            f"update main.task_versions as v set {column} = mapped.new{also} from mapped"
            f" where v.{column} = mapped.old and mapped.new is distinct from mapped.old"
        )


def _replacement(field: str, value: str, rules: Rules) -> str | None:
    if field in rules.drop:
        return None
    if PSEUDONYM.fullmatch(value):
        return value
    normal = contact_key(value, rules.country) if field == "number" else " ".join(value.lower().split())
    return rules.pseudonym(field, normal or value)


_COLUMNS = [
    *(column.name for column in tables.TASKS.columns if column.origin != "sync" and column.name != "task_id"),
    "content_hash",
    "payload_keys",
]
_OF_TASK = "t.batch_id = {batch_id} and t.task_id = n.id"
_VERSION = f"{_OF_TASK} and v.task_id = n.id and v.content_hash = t.content_hash"

_REPLACE = f"""
delete from main.task_versions as v using incoming as n, main.tasks as t, main.task_versions as w
    where {_VERSION} and w.task_id = v.task_id and w.modified_at is not distinct from v.modified_at
        and w.content_hash = n.content_hash;
update main.task_versions as v set content_hash = n.content_hash from incoming as n, main.tasks as t
    where {_VERSION};
delete from meta.rejects as r using incoming as n
    where r.kind = 'task' and r.id = n.id and r.field <> 'task_id';
insert into meta.rejects by name
    select t.load_id, r.* from refused as r join main.tasks as t on t.task_id = r.id;
delete from main.transcript_messages as t using incoming as n where {_OF_TASK};
insert into main.transcript_messages by name select *, {{batch_id}}::bigint as batch_id from messages;
update raw.payloads as p set payload_json = n.payload_json, content_hash = n.content_hash from incoming as n
    where p.batch_id = {{batch_id}} and p.kind = 'task' and p.id = n.id;
update main.tasks as t set {", ".join(f"{name} = n.{name}" for name in _COLUMNS)} from incoming as n
    where {_OF_TASK};
update meta.revision set revision = revision + 1;
"""
