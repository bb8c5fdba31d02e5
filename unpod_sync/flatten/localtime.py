"""Dates, hours and weekdays in the configured time zone."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import pyarrow as pa

from unpod_sync.flatten.batch import Batch, Columns

QUARTER = 900  # seconds; every zone's offset holds for whole quarter hours
DAY = 86400


def local_times(batch: Batch) -> Columns:
    """Dates, hour and weekday in the configured zone, so that readers need no time-zone data."""
    created_at = _local_seconds(batch, "created_at")
    started_at = _local_seconds(batch, "started_at")
    days = [None if second is None else second // DAY for second in started_at]
    return {
        "created_local_date": _dates([None if second is None else second // DAY for second in created_at]),
        "started_local_date": _dates(days),
        "started_local_hour": pa.array(
            [None if s is None else s % DAY // 3600 for s in started_at], pa.int64()
        ),
        # 1 January 1970 was a Thursday, ISO weekday 4.
        "started_local_weekday": pa.array(
            [None if day is None else (day + 3) % 7 + 1 for day in days], pa.int64()
        ),
    }


def _dates(days: list[int | None]) -> pa.Array:
    return pa.array(days, pa.int32()).cast(pa.date32())


def _local_seconds(batch: Batch, name: str) -> list[int | None]:
    moments = batch.arrays[name].cast(pa.int64()).to_pylist()
    zone = batch.zone
    return [
        None if moment is None else (second := moment // 1_000_000) + _offset(zone, second // QUARTER)
        for moment in moments
    ]


@lru_cache(maxsize=65536)
def _offset(zone: ZoneInfo, quarter: int) -> int:
    """Seconds to add to UTC in this quarter hour since 1970."""
    offset = datetime.fromtimestamp(quarter * QUARTER, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
