"""How many requests may be in flight: between one and the number of workers, as it pays.

Requests wait for the network, then cost CPU that only one thread of an interpreter can spend at a
time. More lanes than `wait / cpu + 1` cannot help, and at latency near zero they only cost.
"""

from __future__ import annotations

import math
import threading
from collections import deque

START = 4
SPARE_SHARE = 0.75
"""A further lane is opened for a wait of a quarter of the CPU time or more."""


class Lanes:
    """An additive-increase, multiplicative-decrease limit, also bounded by what is useful. Thread-safe."""

    def __init__(self, most: int) -> None:
        """`most` is the number of workers."""
        self._most = max(1, most)
        self._limit = min(self._most, START)
        self._lock = threading.Lock()
        self._successes = 0
        self._is_sobered = False
        self._waits: deque[float] = deque(maxlen=8)
        self._history: deque[float] = deque(maxlen=24)
        self._cpu = 0.0

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return self._limit

    @property
    def most(self) -> int:
        """How many there can ever be."""
        return self._most

    def answered(self, wait_seconds: float) -> None:
        """An answer came after `wait_seconds` in which this thread did nothing."""
        with self._lock:
            self._waits.append(max(0.0, wait_seconds))
            self._history.append(max(0.0, wait_seconds))
            self._successes += 1
            self._is_sobered = False
            useful = self._useful()
            if self._limit > useful:
                self._limit, self._successes = useful, 0
            elif self._successes >= self._limit and self._limit < useful and self._is_stable():
                self._limit, self._successes = self._limit + 1, 0

    def worked(self, cpu_seconds: float) -> None:
        """A whole page took `cpu_seconds` of a thread: receiving, decoding and what followed."""
        with self._lock:
            self._cpu = cpu_seconds if self._cpu == 0.0 else 0.8 * self._cpu + 0.2 * cpu_seconds

    def troubled(self) -> None:
        """A 429, a time-out or a server error: halve, once for all that fail until the next answer."""
        with self._lock:
            if not self._is_sobered:
                self._limit = max(1, self._limit // 2)
            self._is_sobered = True
            self._successes = 0

    def _useful(self) -> int:
        if self._cpu <= 0.0 or len(self._waits) < 4:
            return self._most
        # The least of the last waits: the others include waiting for our own interpreter.
        return max(1, min(self._most, math.ceil(min(self._waits) / self._cpu + SPARE_SHARE)))

    def _is_stable(self) -> bool:
        """Waits that doubled mean a queue at the server, which more lanes would lengthen."""
        return min(self._waits) <= 2.0 * min(self._history) + 0.005
