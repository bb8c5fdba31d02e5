"""A queue of events in the order of their times. It does not interpret them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any


class Scheduler:
    """Events to come, by whole seconds; equal times keep the order in which they were added."""

    def __init__(self, now: datetime) -> None:
        """Nothing is queued."""
        self.now = now
        self._queue: list[tuple[int, int, str, tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: datetime, event: str, *details: Any) -> None:
        """Queue an event for a time."""
        self._count += 1
        heapq.heappush(self._queue, (int(when.timestamp()), self._count, event, details))

    def after(self, seconds: float, event: str, *details: Any) -> None:
        """Queue an event for so many seconds from now."""
        self.at(self.now + timedelta(seconds=seconds), event, *details)

    def due(self, until: datetime) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """The events up to a time, those included that are queued meanwhile. Moves `now`."""
        while self._queue and self._queue[0][0] <= until.timestamp():
            when, _, event, details = heapq.heappop(self._queue)
            self.now = datetime.fromtimestamp(when, UTC)
            yield event, details
        self.now = until
