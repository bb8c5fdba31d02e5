"""The state file: what `status` shows while a sync holds the work file, and the requests of the day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from unpod_sync.sync.context import Context


def requests_used_today(state: dict[str, Any], now: datetime) -> int:
    """The requests that syncs of this day have made, by the state file."""
    used = state.get("requests_today", {})
    return int(used.get("requests", 0)) if used.get("day") == now.date().isoformat() else 0


def note_requests(context: Context) -> None:
    """Writes how many requests were made today: a sync that is killed has used its requests, too."""
    state = context.storage.read_state() | {"requests_today": _requests_today(context)}
    context.storage.write_state(state, durable=False)


def note_end(context: Context, status: str, error: str) -> None:
    """Writes how a load ended, and which lists it read without an error."""
    earlier = context.storage.read_state()
    now = context.now().isoformat(timespec="seconds")
    read = {
        progress.resource.name: now
        for progress in context.lists
        if progress.plan is not None and progress.error is None and not progress.stopped_early
    }
    context.storage.write_state(
        {
            "load_id": context.load_id,
            "status": status,
            "error": error,
            "started_at": context.started_at.isoformat(timespec="seconds"),
            "ended_at": now,
            "last_done_at": now if status == "done" else earlier.get("last_done_at"),
            "requests_today": _requests_today(context),
            "requests_per_minute_seen": context.client.requests_per_minute_seen,
            "lists": earlier.get("lists", {}) | read,
            "standing": context.summary or earlier.get("standing"),
        },
    )


def _requests_today(context: Context) -> dict[str, Any]:
    day = context.now().date()
    before = context.used_before if day == context.started_at.date() else 0
    return {"day": day.isoformat(), "requests": before + context.client.requests_made}
