"""What a sync leaves for the next one about a list: one row of meta.bookmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unpod_sync.sync.coverage import NO_POSITIONS, Coverage


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One row of meta.bookmarks, field by field; the last seven fields are its `state_json`.

    `count`: the list's length when it was last read. `unread_ranges`: the positions never read.
    `sweep_remaining`: the positions below it are still to be read by the sweep in progress; None without
    one. `accepted_count_difference`: by how much the server's count is known to exceed its rows.
    `unjoined`: the loads that left rows unread below those they read. `held_deletions`: how many rows the
    last sweep did not find and did not mark as deleted, because they were too many. `lost`: how many rows
    could not be stored whole. `unreadable`: the positions of rows that the server cannot show. `size`: the
    rows of the first page. `last_attempt_at`: when the first page was last requested, with or without success.
    """

    resource: str = ""
    space_token: str | None = None
    kind: str = ""
    count: int | None = None
    stored_count: int = 0
    unread_ranges: Coverage = NO_POSITIONS
    sweep_started_at: datetime | None = None
    sweep_remaining: int | None = None
    swept_at: datetime | None = None
    warm_at: datetime | None = None
    accepted_count_difference: int = 0
    synced_at: datetime | None = None
    last_error: str | None = None
    count_trusted: bool = True
    unjoined: tuple[str, ...] = ()
    held_deletions: int = 0
    unreadable: tuple[int, ...] = ()
    lost: int = 0
    size: int = 0
    last_attempt_at: datetime | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Bookmark:
        """The bookmark of a stored row; an empty row stands for a list never read."""
        if not row:
            return cls()
        state = json.loads(row["state_json"] or "{}")
        attempt = state.get("tried_at")
        return cls(
            resource=row["resource"],
            space_token=row["space_token"],
            kind=row["kind"],
            count=row["api_count"],
            stored_count=row["known_count"] or 0,
            unread_ranges=Coverage(tuple((low, high) for low, high in json.loads(row["gaps_json"] or "[]"))),
            sweep_started_at=row["sweep_started_at"],
            sweep_remaining=row["sweep_remaining"],
            swept_at=row["sweep_completed_at"],
            warm_at=row["warm_at"],
            accepted_count_difference=row["explained_gap"] or 0,
            synced_at=row["last_synced_at"],
            last_error=row["last_error"],
            count_trusted=state.get("counted", True),
            unjoined=tuple(state.get("unjoined", ())),
            held_deletions=state.get("held", 0),
            unreadable=tuple(state.get("unreadable", ())),
            lost=state.get("lost", 0),
            size=state.get("size", 0),
            last_attempt_at=datetime.fromisoformat(attempt) if attempt else None,
        )

    def to_row(self) -> dict[str, Any]:
        """The row, by column."""
        state = {
            "counted": self.count_trusted,
            "unjoined": self.unjoined,
            "held": self.held_deletions,
            "unreadable": self.unreadable,
            "lost": self.lost,
            "size": self.size,
            "tried_at": self.last_attempt_at.isoformat() if self.last_attempt_at else None,
        }
        return {
            "resource": self.resource,
            "space_token": self.space_token,
            "kind": self.kind,
            "api_count": self.count,
            "known_count": self.stored_count,
            "gaps_json": json.dumps(self.unread_ranges.intervals),
            "sweep_started_at": self.sweep_started_at,
            "sweep_remaining": self.sweep_remaining,
            "sweep_completed_at": self.swept_at,
            "warm_at": self.warm_at,
            "explained_gap": self.accepted_count_difference,
            "last_synced_at": self.synced_at,
            "last_error": self.last_error,
            "state_json": json.dumps(state),
        }
