"""What `status` tells: freshness, counts, backlog, budget, lock and files of one warehouse.

Read from the state file that every sync leaves, so that it costs next to nothing and works while
a sync runs; from the published file when there is no state file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unpod_sync.warehouse import publish

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from unpod_sync.config import Settings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_age(text: str) -> timedelta:
    """`90m`, `2h`, `1d` or `1h30m` as a time span; ValueError for anything else."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        raise ValueError(f"{text!r} is no age, such as 90m, 2h or 1d")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())


def read_status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The status as JSON values under stable keys (docs/running.md lists them). Times are UTC.

    `now` is naive UTC. Nothing is written, and no network is touched.
    """
    files = publish.Files(settings.database)
    state = publish.read_state(files)
    standing, source = state.get("standing"), "state"
    if not standing:
        standing, source = _published_standing(files), "published"
    if not standing:
        standing, source = {}, "none"
    loads = standing.get("loads", [])
    success = state.get("last_done_at") or next(
        (load["ended_at"] for load in loads if load["status"] == "done"), None
    )
    latest = state if state.get("load_id") else (loads[0] if loads else None)
    budget = state.get("requests_today") or {}
    today = now.date().isoformat()
    return {
        "database": str(files.published),
        "checked_at": _stamp(now.isoformat(timespec="seconds")),
        "source": source,
        "last_success_at": _stamp(success),
        "age_seconds": age_of(success, now),
        "last_sync": _picked(latest, "load_id", "status", "started_at", "ended_at", "error"),
        "running": _picked(publish.lock_holder(files), "pid", "host", "since"),
        "requests_today": {
            "day": today,
            "requests": budget.get("requests", 0) if budget.get("day") == today else 0,
            "budget": settings.requests_per_day,
        },
        "rows": standing.get("rows", {}),
        "spaces": [
            _stamped(space) | {"age_seconds": age_of(space["last_synced_at"], now)}
            for space in standing.get("spaces", [])
        ],
        "lists_failing": [_stamped(row) for row in standing.get("lists_failing", [])],
        "loads": [_stamped(load) for load in loads],
        "notices": [_stamped(notice) for notice in standing.get("notices", [])],
        "files": {"published": _file(files.published), "work": _file(files.work)},
    }


def staleness(status: dict[str, Any], most: timedelta) -> str:
    """Why the data is older than `most`, or of an unknown age; empty when it is not."""
    age = status["age_seconds"]
    if age is None:
        return f"no sync of {status['database']} has succeeded yet"
    if age < 0:
        return (
            f"the last successful sync is dated in the future, {shown(status['last_success_at'])}:"
            " a clock was wrong then, or is wrong now"
        )
    if age > most.total_seconds():
        return f"the last successful sync was {spoken(age)} ago, at {shown(status['last_success_at'])}"
    return ""


def age_of(moment: str | None, now: datetime) -> int | None:
    """Whole seconds from a stored time to `now`, None without one; below 0 when a clock was or is wrong."""
    if not moment:
        return None
    return int((now - datetime.fromisoformat(moment.removesuffix("Z"))).total_seconds())


def ago(seconds: float) -> str:
    """An age as people say it: `2 hours ago`, `dated 3 days ahead` below 0."""
    return f"{spoken(seconds)} ago" if seconds >= 0 else f"dated {spoken(-seconds)} ahead"


def spoken(seconds: float) -> str:
    """A time span as people say it, in its largest sensible unit."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return f"{int(seconds)} second{'s' if int(seconds) != 1 else ''}"


def shown(moment: str | None, zone: ZoneInfo | None = None) -> str:
    """A stored time (UTC) for people, in `zone`: `2026-11-21 22:34 UTC`."""
    if not moment:
        return "never"
    at = datetime.fromisoformat(moment.removesuffix("Z")).replace(tzinfo=UTC)
    return at.astimezone(zone or UTC).strftime("%Y-%m-%d %H:%M %Z")


def size_of(number: float) -> str:
    """A size in bytes for people."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def _published_standing(files: publish.Files) -> dict[str, Any] | None:
    """The standing that the published file was published with, None when it cannot be read."""
    if not files.published.is_file():
        return None
    import duckdb

    from unpod_sync.warehouse.summary import read_summary

    try:
        with duckdb.connect(str(files.published), read_only=True) as connection:
            return read_summary(connection)
    except (duckdb.Error, OSError):
        return None


def _picked(values: dict[str, Any] | None, *names: str) -> dict[str, Any] | None:
    if values is None:
        return None
    return _stamped({name: values.get(name) or None for name in names})


def _stamped(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, with times marked as UTC."""
    return {
        name: _stamp(value) if name.endswith("_at") or name == "since" else value
        for name, value in values.items()
    }


def _stamp(moment: str | None) -> str | None:
    return f"{moment.removesuffix('Z')}Z" if moment else None


def _file(path: Path) -> dict[str, Any] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    changed = datetime.fromtimestamp(found.st_mtime).astimezone().utctimetuple()
    return {
        "path": str(path),
        "bytes": found.st_size,
        "modified_at": _stamp(datetime(*changed[:6]).isoformat()),  # noqa: DTZ001  naive UTC, as everywhere
    }
