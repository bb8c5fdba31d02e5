"""What time it is, and by which clock ages are judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """The present, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Clock:
    """The time to judge ages by: the earlier of ours and the server's.

    A clock that is behind makes a sync read more than it must, one that is ahead makes it read
    too little; so the earlier one is the safe one.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now` is our own clock, naive UTC."""
        self._now = now
        self._behind = timedelta(0)

    def __call__(self) -> datetime:
        """The earlier of both clocks."""
        return self._now() - self._behind

    def heard(self, server_time: datetime | None) -> None:
        """Takes the server's time from an answer's Date header."""
        if server_time is None:
            return
        if server_time.tzinfo is not None:
            server_time = server_time.astimezone(UTC).replace(tzinfo=None)
        self._behind = max(self._behind, self._now() - server_time)
