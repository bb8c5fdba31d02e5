"""How many bytes of answers are held at once, over all connections.

An answer counts from its first byte until its rows were taken over. Decoded, it takes several times its size.
"""

from __future__ import annotations

import threading
from collections import defaultdict

from unpod_sync.api.worker_pool import POLL_SECONDS, StoppedError

MOST_BYTES = 32 << 20


class ByteBudget:
    """A budget shared by answers that are taken over in the order of their tickets. Thread-safe.

    An owner's lowest ticket may always go on, since what the others hold is let go only after its rows were taken:
    so at most the budget and one more answer are held.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        """`most` bytes for all answers but the first in line."""
        self._most = most
        self._changed = threading.Condition()
        self._last = 0
        self._owners: dict[int, object] = {}
        self._held: defaultdict[int, int] = defaultdict(int)

    def enter(self, owner: object) -> int:
        """A ticket for an answer, behind all others that this owner takes over."""
        with self._changed:
            self._last += 1
            self._owners[self._last] = owner
            return self._last

    def try_take(self, ticket: int, number: int) -> bool:
        """Holds so many more bytes if that is possible at once."""
        with self._changed:
            is_possible = self._fits(number) or self._is_first(ticket)
            if is_possible:
                self._held[ticket] += number
            return is_possible

    def take(self, ticket: int, number: int, stop: threading.Event) -> None:
        """Waits until so many more bytes may be held. Raises `StoppedError` when `stop` is set meanwhile."""
        with self._changed:
            while not self.try_take(ticket, number):
                self._changed.wait(POLL_SECONDS)
                if stop.is_set():
                    raise StoppedError

    def drop(self, ticket: int) -> None:
        """The bytes of an attempt are gone; the ticket keeps its place."""
        with self._changed:
            if self._held.pop(ticket, 0):
                self._changed.notify_all()

    def leave(self, ticket: int) -> None:
        """The answer's rows were taken over, or nobody wants them any more."""
        with self._changed:
            self._owners.pop(ticket, None)
            self._held.pop(ticket, 0)
            self._changed.notify_all()

    @property
    def held_bytes(self) -> int:
        """How many bytes are held now."""
        with self._changed:
            return sum(self._held.values())

    def _is_first(self, ticket: int) -> bool:
        owner = self._owners.get(ticket)
        return not any(other < ticket and theirs is owner for other, theirs in self._owners.items())

    def _fits(self, number: int) -> bool:
        return sum(self._held.values()) + number <= self._most
