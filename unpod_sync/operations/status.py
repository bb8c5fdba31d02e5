"""The status of one warehouse: freshness, counts, backlog, budget, lock and files.

Read from the state file that every sync writes, so that it is cheap and works while a sync runs;
from the published file when there is no state file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from unpod_sync.errors import WarehouseError
from unpod_sync.formatting import format_duration, format_time
from unpod_sync.warehouse import open_storage

if TYPE_CHECKING:
    from unpod_sync.config import Settings
    from unpod_sync.warehouse.storage import Storage

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """The status as JSON values; times are UTC.

    More than twelve fields, because they are the keys of `status --json` (docs/running.md).
    """

    database: str
    checked_at: str | None
    source: str
    last_success_at: str | None
    age_seconds: int | None
    last_sync: Row | None
    running: Row | None
    requests_today: Row
    rows: dict[str, int]
    spaces: list[Row]
    lists_failing: list[Row]
    loads: list[Row]
    notices: list[Row]
    files: dict[str, Row | None]

    def staleness(self, most: timedelta) -> str:
        """Why the data is older than `most`, or of an unknown age; empty when it is neither."""
        age, at = self.age_seconds, format_time(self.last_success_at)
        if age is None:
            return f"no sync of {self.database} has succeeded yet"
        if age < 0:
            return (
                f"the last successful sync is dated in the future, {at}:"
                " a clock was wrong then, or is wrong now"
            )
        is_stale = age > most.total_seconds()
        return f"the last successful sync was {format_duration(age)} ago, at {at}" if is_stale else ""


def read_status(settings: Settings, now: datetime) -> Status:
    """The status at `now` (naive UTC). Nothing is written, and no network is used."""
    storage = open_storage(settings)
    state = storage.read_state()
    summary, source = _summary(storage, state)
    loads = summary.get("loads", [])
    success = state.get("last_done_at") or next(
        (load["ended_at"] for load in loads if load["status"] == "done"), None
    )
    latest = state if state.get("load_id") else (loads[0] if loads else None)
    return Status(
        database=str(settings.database),
        checked_at=_stamp(now.isoformat(timespec="seconds")),
        source=source,
        last_success_at=_stamp(success),
        age_seconds=age_of(success, now),
        last_sync=_picked(latest, "load_id", "status", "started_at", "ended_at", "error"),
        running=_picked(storage.lock_holder(), "pid", "host", "since"),
        requests_today=_requests_today(state.get("requests_today") or {}, now, settings.requests_per_day),
        rows=summary.get("rows", {}),
        spaces=[
            _stamped(space) | {"age_seconds": age_of(space["last_synced_at"], now)}
            for space in summary.get("spaces", [])
        ],
        lists_failing=[_stamped(row) for row in summary.get("lists_failing", [])],
        loads=[_stamped(load) for load in loads],
        notices=[_stamped(notice) for notice in summary.get("notices", [])],
        files={name: found and _stamped(found) for name, found in storage.describe().items()},
    )


def _summary(storage: Storage, state: Row) -> tuple[Row, str]:
    """The summary that the last sync left, and where it was found."""
    if state.get("standing"):
        return state["standing"], "state"
    published = _published_summary(storage)
    return (published, "published") if published else ({}, "none")


def _requests_today(counted: Row, now: datetime, budget: int | None) -> Row:
    today = now.date().isoformat()
    requests = counted.get("requests", 0) if counted.get("day") == today else 0
    return {"day": today, "requests": requests, "budget": budget}


def age_of(moment: str | None, now: datetime) -> int | None:
    """Whole seconds from a stored time to `now`, None without one; below 0 when a clock was or is wrong."""
    if not moment:
        return None
    return int((now - datetime.fromisoformat(moment.removesuffix("Z"))).total_seconds())


def _published_summary(storage: Storage) -> Row | None:
    """The summary of what was published, None when it cannot be read."""
    if not storage.is_published():
        return None
    import duckdb

    from unpod_sync.warehouse.summary import read_summary

    try:
        with storage.connect_reader(sandboxed=False) as connection:
            return read_summary(connection)
    except (duckdb.Error, OSError, WarehouseError):
        return None


def _picked(values: Row | None, *names: str) -> Row | None:
    if values is None:
        return None
    return _stamped({name: values.get(name) or None for name in names})


def _stamped(values: Row) -> Row:
    """The same values, with times marked as UTC."""
    return {
        name: _stamp(value) if name.endswith("_at") or name == "since" else value
        for name, value in values.items()
    }


def _stamp(moment: str | None) -> str | None:
    return f"{moment.removesuffix('Z')}Z" if moment else None
