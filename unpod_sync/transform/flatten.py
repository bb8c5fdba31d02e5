"""Records → Arrow tables: one row per record, and for tasks one per message. Pure, and total.

Columns are read as `tables.py` states; what is more than a value at a path is computed by the functions
in `COMPUTED_COLUMNS`. A column is the same for a first load, a later sync and a rebuild, since all of them
flatten stored payloads here. No value is so odd that it raises or costs a row: it costs its column, and is in
the rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.model import Flat, Record
from unpod_sync.tables import BY_KIND
from unpod_sync.transform import call, post_call
from unpod_sync.transform.columns import Columns, RecordColumns
from unpod_sync.transform.compute import pc
from unpod_sync.transform.contact import contact
from unpod_sync.transform.conversation import conversation
from unpod_sync.transform.local_time import local_times
from unpod_sync.transform.parse import id_time, is_missing
from unpod_sync.transform.transcript import TranscriptReader


def flatten(kind: str, records: Sequence[Record], zone: ZoneInfo) -> Flat:
    """The columns of payload and record origin of these records, in their order.

    `zone` is the configured time zone of the local dates and hours.
    """
    table = BY_KIND[kind]
    batch = RecordColumns(kind, records, zone)
    transcripts = TranscriptReader(batch)
    for start, outputs in batch.read_blocks("output"):
        if kind == "task":
            # Read at once and let go: transcripts are most of a decoded task.
            transcripts.take(start, [output.pop("transcript", None) for output in outputs])
    arrays = batch.arrays
    for column in table.columns:
        if column.origin == "payload" and column.read:
            arrays[column.name] = batch.column(column)
    for compute in COMPUTED_COLUMNS.get(kind, ()):
        arrays.update(compute(batch))
    messages = None
    if kind == "task":
        spoken = transcripts.messages()
        arrays.update(conversation(spoken))
        messages = spoken.table
    arrays.update(_record_columns(kind, records))
    schema = table.arrow_schema("payload", "record")
    rows = pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)
    return Flat(rows, messages, batch.rejects)


def _record_columns(kind: str, records: Sequence[Record]) -> dict[str, pa.Array]:
    """The columns that come with the record itself: its key, and where it was listed."""
    columns = {
        "space_token": pa.array([record.space_token for record in records], pa.string()),
        "agent_handle": pa.array([record.agent_handle for record in records], pa.string()),
    }
    key = BY_KIND[kind].key[0]
    if kind != "execution":
        columns[key] = pa.array([record.id for record in records], pa.string())
    return {
        column.name: columns[column.name] for column in BY_KIND[kind].columns if column.origin == "record"
    }


# Functions that compute columns take the batch, with the columns before them in `batch.arrays`.


def shapes(batch: RecordColumns) -> Columns:
    """No column: notes the objects of a task that are something else."""
    for path in ("input", "output", "output.metadata", post_call.ANALYSIS, "user_info"):
        for index, (value, read) in enumerate(zip(batch.raw(path), batch.objects(path), strict=True)):
            if read or isinstance(value, dict) or is_missing(value):
                continue
            # The text of an output is its message, that of an analysis its summary.
            if not (path in ("output", post_call.ANALYSIS) and isinstance(value, str)):
                batch.reject(index, path, value, "not an object")
    return {}


def created(batch: RecordColumns) -> Columns:
    """Creation as sent; from the time-based id where it is missing or cannot be read."""
    sent = batch.times("created_at", batch.values("created", "created_at"))
    if sent.null_count:
        times = zip(sent, batch.records, strict=True)
        inside = [None if time.is_valid else id_time(record.id) for time, record in times]
        sent = pc.coalesce(sent, pa.array(inside, pa.timestamp("us")))
    return {"created_at": sent}


def execution_run(batch: RecordColumns) -> Columns:
    """The run of an execution, from its key `agent_handle/run_id`."""
    runs = [record.id.removeprefix(f"{record.agent_handle}/") for record in batch.records]
    return {"run_id": pa.array(runs, pa.string())}


COMPUTED_COLUMNS: dict[str, tuple[Callable[[RecordColumns], Columns], ...]] = {
    "task": (
        shapes,
        created,
        contact,
        call.call,
        call.duration,
        call.flags,
        call.platform,
        post_call.analysis,
        post_call.outcome,
        post_call.callback,
        local_times,
    ),
    "run": (created,),
    "execution": (execution_run,),
}
