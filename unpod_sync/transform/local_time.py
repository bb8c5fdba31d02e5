"""Dates, hours and weekdays in the configured time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.transform.columns import Columns, RecordColumns
from unpod_sync.transform.compute import pc


def local_times(batch: RecordColumns) -> Columns:
    """Times, dates, hour and weekday in the configured zone, so that readers need no time-zone data."""
    created_at, started_at = (
        to_local(batch.arrays[name], batch.zone) for name in ("created_at", "started_at")
    )
    return {
        "created_local_date": created_at.cast(pa.date32()),
        "started_local_at": started_at.cast(pa.timestamp("us")),
        "started_local_date": started_at.cast(pa.date32()),
        "started_local_hour": pc.hour(started_at),
        "started_local_weekday": pc.day_of_week(started_at, count_from_zero=False),
    }


def to_local(moments: pa.Array, zone: ZoneInfo) -> pa.Array:
    """Naive local times, in whole seconds, of naive UTC ones.

    Each moment is asked of the zone: an offset may change at any minute (Gaza changes at 00:01).
    Arrow's own `local_timestamp` needs a time-zone database that `zoneinfo` does not share.
    """
    seconds = moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_pylist()
    local = [None if s is None else datetime.fromtimestamp(s, zone).replace(tzinfo=None) for s in seconds]
    return pa.array(local, pa.timestamp("s"))
