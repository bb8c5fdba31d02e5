"""Records → Arrow tables: one row per record, and for tasks one per message. Pure, and total.

Columns are read as `tables.py` states; what is more than a value at a path is in `computed.py`.
No value is so odd that it raises or costs a row: it costs its column, and is in the rejects.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.model import Flat, Record
from unpod_sync.tables import BY_KIND
from unpod_sync.transform.columns import RecordColumns
from unpod_sync.transform.computed import COMPUTED_COLUMNS, DERIVED_PATHS
from unpod_sync.transform.conversation import conversation
from unpod_sync.transform.transcript import read_messages

PATHS = {
    kind: [
        *(path for column in table.columns for path in column.paths),
        *(DERIVED_PATHS if kind == "task" else ()),
    ]
    for kind, table in BY_KIND.items()
}


def flatten(kind: str, records: Sequence[Record], zone: ZoneInfo) -> Flat:
    """The columns of payload and record origin of these records, in their order.

    `zone` is the configured time zone of the local dates and hours.
    """
    table = BY_KIND[kind]
    batch = RecordColumns(kind, records, zone, PATHS[kind])
    arrays = batch.arrays
    for column in table.columns:
        if column.origin == "payload" and column.read:
            arrays[column.name] = batch.column(column)
    for derivation in COMPUTED_COLUMNS.get(kind, ()):
        arrays.update(derivation(batch))
    messages = None
    if kind == "task":
        spoken = read_messages(batch)
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
