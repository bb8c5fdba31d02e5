"""Large warehouses, made fast: a small one is synced for real, then its rows are multiplied by SQL.

Every copy of the rows lies further back in time and has write batches of its own, as if it had been
loaded by earlier syncs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tests.benchmarks import harness
from unpod_sync.warehouse.work_file import attach

SEED_TASKS = 10_000
SEED_DAYS = 6

#: Table → expressions for copy {k}; columns not named are taken over.
_COPIES = {
    "main.runs": "run_id || '-{k}' as run_id, created_at - to_days({days}) as created_at",
    "main.tasks": "task_id || '-{k}' as task_id, run_id || '-{k}' as run_id, batch_id + {batch} as batch_id,"
    " created_at - to_days({days}) as created_at, started_at - to_days({days}) as started_at,"
    " ended_at - to_days({days}) as ended_at, created_local_date - {days} as created_local_date,"
    " started_local_date - {days} as started_local_date",
    "main.task_versions": "task_id || '-{k}' as task_id, batch_id + {batch} as batch_id,"
    " created_at - to_days({days}) as created_at",
    "main.transcript_messages": "task_id || '-{k}' as task_id, batch_id + {batch} as batch_id,"
    " sent_at - to_days({days}) as sent_at",
    "raw.payloads": "id || '-{k}' as id, batch_id + {batch} as batch_id,"
    " replace(payload_json, id, id || '-{k}') as payload_json",
}


def build(folder: Path, tasks: int = SEED_TASKS) -> Path:
    """A published file with that many tasks really synced; gives its path, the work file lies beside."""
    database = folder / "unpod.duckdb"
    with harness.serving(tasks, days=SEED_DAYS) as server:
        harness.sync(server, database)
    return database


def work_file(database: Path) -> Path:
    """The sync's own file of a published file."""
    return database.with_name(f".{database.name}.work")


def multiply(path: Path, tasks: int, *, payloads: bool = True) -> int:
    """Copies rows until the file holds at least that many tasks; gives their number."""
    connection = attach(path, "2GB")
    seeds = _number(connection, "select count(*) from main.tasks where task_id not like '%-%'")
    batches = _number(connection, "select max(batch_id) from main.tasks")
    step = _number(connection, "select max(batch_id) from main.tasks where task_id not like '%-%'")
    copies = -(-tasks // seeds)
    done = _number(connection, "select count(*) from main.tasks") // seeds
    for k in range(done, copies):
        connection.execute("begin")
        for table, changes in _COPIES.items():
            if table == "raw.payloads" and not payloads:
                continue
            key = "id" if table == "raw.payloads" else "run_id" if table == "main.runs" else "task_id"
            also = " and kind = 'task'" if table == "raw.payloads" else ""
            values = changes.format(k=k, days=k * SEED_DAYS, batch=batches + (k - done) * step)
            connection.execute(
                f"insert into {table} by name select * replace ({values}) from {table}"
                f" where {key} not like '%-%'{also}"
            )
        connection.execute("commit")
    connection.execute("checkpoint")
    total = _number(connection, "select count(*) from main.tasks")
    connection.close()
    return total


def now() -> datetime:
    """The present, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(connection.execute(sql).fetchall()[0][0])
