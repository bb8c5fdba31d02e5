"""The columns that are more than a value at a path: which functions compute them, in their order.

A function takes the batch, with the columns before it in `batch.arrays`, and gives its columns.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from unpod_sync.transform import call, post_call
from unpod_sync.transform.columns import Columns, RecordColumns
from unpod_sync.transform.compute import pc
from unpod_sync.transform.contact import contact
from unpod_sync.transform.local_time import local_times
from unpod_sync.transform.parse import id_time, is_missing

# What these functions read, so that a batch can read it at one visit; see `RecordColumns`.
DERIVED_PATHS = ("created", "created_at", "user_info", *call.PATHS, *post_call.PATHS)


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
