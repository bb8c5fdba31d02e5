"""What time it is, by which clock ages are judged, and when a time is sure enough to erase by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MOST_APART = timedelta(days=1)  # clocks further apart than this: one of them is wrong


def utc_now() -> datetime:
    """The present, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Clock:
    """The time to judge ages by: the earlier of ours and the server's.

    A clock that is behind makes a sync read more than it must, one that is ahead makes it read
    too little; so the earlier one is the safe one. What is erased does not come back, so erasing
    takes more: the server has told its time, and both clocks agree within a day.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is our own clock, naive UTC."""
        self._now = now
        self._lock = threading.Lock()
        self._least: timedelta | None = None  # the server's time less ours, of all answers
        self._most: timedelta | None = None

    def __call__(self) -> datetime:
        """The earlier of both clocks."""
        return self._now() + min(timedelta(0), self._least or timedelta(0))

    def heard(self, server_time: datetime | None) -> None:
        """Takes the server's time from an answer's Date header; from any thread."""
        if server_time is None:
            return
        if server_time.tzinfo is not None:
            server_time = server_time.astimezone(UTC).replace(tzinfo=None)
        ahead = server_time - self._now()
        with self._lock:
            self._least = ahead if self._least is None else min(self._least, ahead)
            self._most = ahead if self._most is None else max(self._most, ahead)

    @property
    def doubt(self) -> str:
        """Why nothing may be erased by age, empty when both clocks agree."""
        if self._least is None or self._most is None:
            return "the server has not told its time"
        furthest = max(self._least, self._most, key=abs)
        if abs(furthest) <= MOST_APART:
            return ""
        ours = self._now()
        return f"this machine's clock says {ours:%Y-%m-%d %H:%M} UTC, the server's {ours + furthest:%Y-%m-%d %H:%M}"
