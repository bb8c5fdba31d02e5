"""Erasing contacts: their rows in one transaction, then their bytes, by compacting the file.

The private file notes first who is forgotten and that an erasure has begun. After an interruption
the next `forget` or `sync` finds that note and completes the erasure; each step can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from unpod_sync.model import Refusal
from unpod_sync.privacy.backfill import hide_refused_rows
from unpod_sync.privacy.ingest_filter import Forgotten
from unpod_sync.privacy.keyfile import KeyFile
from unpod_sync.warehouse import schema_drift
from unpod_sync.warehouse.database import Warehouse, first_row, registered_tables
from unpod_sync.warehouse.merge import write_refusals
from unpod_sync.warehouse.storage import Storage
from unpod_sync.warehouse.summary import read_summary
from unpod_sync.warehouse.transactions import transaction

CHUNK = 1_024
OF_TASKS = {
    "tasks": "main.tasks as t where t.task_id in (select id from chosen)",
    "task_versions": "main.task_versions as t where t.task_id in (select id from chosen)"
    " or (t.task_id, t.content_hash) in (select id, hash from old_versions)",
    "transcript_messages": "main.transcript_messages as t where t.task_id in (select id from chosen)",
    "payloads": "raw.payloads as t where t.kind = 'task' and t.id in (select id from chosen)",
    "rejects": "meta.rejects as t where (t.kind = 'task' and t.id in (select id from chosen))"
    " or t.value_text in (select text from texts)",
    "sweep_seen": "meta.sweep_seen as t where t.id in (select id from chosen)",
}


@dataclass(frozen=True, slots=True)
class Matches:
    """What is stored of forgotten contacts. `tasks`: id → the contact's hash; `texts`: of refused values."""

    tasks: dict[str, str] = field(default_factory=dict)
    old_versions: tuple[tuple[str, str], ...] = ()
    texts: tuple[str, ...] = ()


def find(connection: duckdb.DuckDBPyConnection, forgotten: Forgotten) -> Matches:
    """Searches every stored task, by the rule that later loads follow."""
    tasks = {
        id_: contact_hash
        for id_, task in _stored_tasks(connection)
        if (contact_hash := forgotten.contact_hash(id_, task)) is not None
    }
    versions = connection.execute(
        "select v.task_id, v.content_hash, v.contact_number, v.contact_email from main.task_versions as v"
        " anti join main.tasks as t on t.task_id = v.task_id and t.content_hash = v.content_hash"
    ).fetchall()
    texts = connection.execute("select distinct value_text from meta.rejects").fetchall()
    return Matches(
        tasks,
        tuple((id_, digest) for id_, digest, *contact in versions if forgotten.is_named_in(*contact)),
        tuple(text for (text,) in texts if forgotten.is_named_in(text)),
    )


def count(connection: duckdb.DuckDBPyConnection, matches: Matches) -> dict[str, int]:
    """How many rows of each table would be erased."""
    with _registered(connection, matches):
        return {
            name: int((first_row(connection, f"select count(*) from {where}") or (0,))[0])
            for name, where in OF_TASKS.items()
            if name != "sweep_seen"
        }


def erase_rows(warehouse: Warehouse, forgotten: Forgotten, matches: Matches, now: datetime) -> None:
    """Deletes the rows and lists the contacts and tasks to refuse from now on, in one transaction."""
    connection = warehouse.connection
    keyfile = forgotten.keyfile
    assert keyfile is not None
    places = _places(connection, matches)
    refusals = [
        Refusal(forgotten.task_hash(id_), matches.tasks[id_], *place) for id_, place in places.items()
    ]
    notices = _notices_without(connection, matches)
    with transaction(connection):
        write_contacts(connection, keyfile)
        write_refusals(connection, refusals, now)
        with _registered(connection, matches):
            for where in OF_TASKS.values():
                connection.execute(f"delete from {where}")
        hide_refused_rows(connection)
        if notices is not None:
            connection.execute(
                "update meta.settings set value = ? where name = ?", [notices, schema_drift.SETTING]
            )
        connection.execute("update meta.revision set revision = revision + 1")


def write_contacts(connection: duckdb.DuckDBPyConnection, keyfile: KeyFile) -> None:
    """Copies the private file's list to `meta.forgotten`, within the caller's transaction."""
    for digest, (kind, at) in keyfile.forgotten.items():
        connection.execute(
            "insert into meta.forgotten (hash, kind, because, forgotten_at) select $1, $2, $1, $3::timestamp"
            " where $1 not in (select hash from meta.forgotten)",
            [digest, kind, at],
        )
    connection.execute("delete from meta.settings where name = 'privacy_key'")
    connection.execute(
        "insert into meta.settings values ('privacy_key', ?, 'Tells the key of the hashes from others.')",
        [keyfile.check],
    )


def erase_bytes(storage: Storage, keyfile: KeyFile, now: datetime) -> None:
    """Erases what deleted rows left in the closed warehouse and its state; then nothing is due."""
    storage.erase_deleted_bytes(now=now)
    state = storage.read_state()
    if state:
        with storage.connect_reader(sandboxed=False) as connection:
            state["standing"] = read_summary(connection)
        storage.write_state(state)
    keyfile.ended()


def _stored_tasks(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = connection.cursor()
    reader.execute("use warehouse")
    reader.execute("select id, payload_json from raw.payloads where kind = 'task'")
    while rows := reader.fetchmany(CHUNK):
        for id_, payload in rows:
            yield id_, msgspec.json.decode(payload)
    reader.close()


Place = tuple[str | None, str | None, datetime | None]


def _places(connection: duckdb.DuckDBPyConnection, matches: Matches) -> dict[str, Place]:
    """Space, run and creation of the tasks; a deleted one is no longer counted anywhere."""
    with _registered(connection, matches):
        rows = connection.execute(
            "select task_id, case when deleted_at is null then space_token end,"
            " case when deleted_at is null then run_id end, created_at"
            " from main.tasks where task_id in (select id from chosen)"
        ).fetchall()
    places: dict[str, Place] = dict.fromkeys(matches.tasks, (None, None, None))
    return places | {id_: (space, run, created) for id_, space, run, created in rows}


def _notices_without(connection: duckdb.DuckDBPyConnection, matches: Matches) -> str | None:
    """The remembered notices less those that quote a name to be erased; None when none does."""
    with _registered(connection, matches):
        rows = connection.execute(
            "select distinct lower(contact_name) from main.tasks where task_id in (select id from chosen)"
            " and length(contact_name) > 2"
        ).fetchall()
    names = [name for (name,) in rows]
    notices = schema_drift.remembered(connection)
    kept = [notice for notice in notices if not any(name in notice.value.lower() for name in names)]
    if len(kept) == len(notices):
        return None
    return json.dumps(
        [{"where": n.where, "value": n.value, "rows": n.rows, "first_seen_at": n.first_seen_at} for n in kept]
    )


def _registered(connection: duckdb.DuckDBPyConnection, matches: Matches) -> Any:
    def table(**named: Iterable[str]) -> pa.Table:
        return pa.table({name: pa.array(list(values), pa.string()) for name, values in named.items()})

    ids, hashes = zip(*matches.old_versions, strict=True) if matches.old_versions else ((), ())
    return registered_tables(
        connection,
        chosen=table(id=matches.tasks),
        old_versions=table(id=ids, hash=hashes),
        texts=table(text=matches.texts),
    )
