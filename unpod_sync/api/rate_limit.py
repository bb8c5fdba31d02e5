"""When the next request may go out: one pace for all threads.

Fed by the user's budget, by `X-RateLimit-*` and `Retry-After`, and by what 429 answers teach when
there are no such headers. It holds no thread: `admit` says how long to wait, the caller sleeps.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from unpod_sync.errors import BudgetError

WINDOW_SECONDS = 60.0
"""The span over which request limits are documented to be counted."""

LONG_WAIT_SECONDS = 4.0
STRAY_ANSWERS = 20
"""A lone 429 after so many good answers, without `Retry-After`, is a mishap and no limit."""

RETURN_SECONDS = 5.0
PROBE_SECONDS = 30.0
SLOWEST_PER_SECOND = 0.1


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """What the user allows; every attempt that is sent counts, retries and redirects too.

    `max_requests` is for this sync, `per_day` for the day of which `used_today` are already gone.
    `per_minute` paces the requests evenly. None means no limit.
    """

    max_requests: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    used_today: int = 0

    def left(self, made: int) -> int | None:
        """How many more requests may be sent when `made` were, None without a limit."""
        limits = [self.max_requests] if self.max_requests is not None else []
        if self.per_day is not None:
            limits.append(self.per_day - self.used_today)
        return max(0, min(limits) - made) if limits else None


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """`X-RateLimit-*` of one answer: requests left, and in how many seconds the window ends."""

    remaining: int
    reset_in_seconds: float


def read_rate(headers: Mapping[str, str], now: datetime) -> RateHeaders | None:
    """The rate headers, None when absent or garbage.

    `X-RateLimit-Reset` is documented as epoch seconds; milliseconds and plain seconds from now,
    which other gateways send, are told from it by their size. `now` should be the server's time.
    """
    remaining = _number(headers.get("X-RateLimit-Remaining"))
    reset = _number(headers.get("X-RateLimit-Reset"))
    if remaining is None or reset is None:
        return None
    if reset > 1e11:
        reset /= 1000.0
    seconds = reset if reset <= 86_400 else reset - now.timestamp()
    return RateHeaders(int(remaining), seconds)


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    is_plain = text.isascii() and len(text) <= 20 and text.replace(".", "", 1).isdecimal()
    return float(text) if is_plain else None


class RateLimiter:
    """The shared pace. Thread-safe; times are those of the `monotonic` it was given, in seconds."""

    def __init__(
        self, budget: RequestBudget, monotonic: Callable[[], float], longest_wait_seconds: float
    ) -> None:
        """A rate window that ends later than `longest_wait_seconds` from now is not waited for."""
        self._budget = budget
        self._monotonic = monotonic
        self._longest = longest_wait_seconds
        self._lock = threading.Lock()
        self._made = 0
        self._under_way = 0
        self._next_at = float("-inf")
        self._paused_until = float("-inf")
        self._allowance: int | None = None
        self._window_ends = float("-inf")
        self._answered: deque[float] = deque()
        self._per_second: float | None = None
        self._ceiling = 0.0
        self._learned_at = float("-inf")
        self._refused_since: float | None = None
        self._since_refusal = STRAY_ANSWERS

    @property
    def made(self) -> int:
        """How many requests were let out."""
        return self._made

    @property
    def per_second(self) -> float | None:
        """The pace learned from 429 answers, None as long as there were none."""
        return self._per_second

    def admit(self) -> float:
        """0.0 when a request may go out now (it is counted), else the seconds to wait before asking again.

        Raises BudgetError when the user's budget is used up.
        """
        with self._lock:
            self._check_budget()
            now = self._monotonic()
            wait = max(self._paused_until, self._next_at) - now
            if self._allowance is not None:
                if now >= self._window_ends:
                    self._allowance = None
                elif self._allowance <= 0:
                    wait = max(wait, self._window_ends - now)
            if wait > 0:
                return wait
            self._take(now)
            return 0.0

    def answered(self, rate: RateHeaders | None) -> None:
        """An answer came that was not a 429."""
        with self._lock:
            now = self._monotonic()
            self._under_way = max(0, self._under_way - 1)
            self._answered.append(now)
            self._refused_since = None
            self._since_refusal += 1
            self._forget(now)
            self._note(rate, now)
            self._recover(now)

    def failed(self) -> None:
        """No answer came: nothing to learn but that the request is no longer under way."""
        with self._lock:
            self._under_way = max(0, self._under_way - 1)

    def refused(self, rate: RateHeaders | None, retry_after_seconds: float | None) -> None:
        """A 429 came: slow down. Those that were sent before the last lesson teach nothing new."""
        with self._lock:
            now = self._monotonic()
            self._under_way = max(0, self._under_way - 1)
            self._note(rate, now)
            if now >= self._paused_until:
                self._learn(now, retry_after_seconds)

    def pause(self, seconds: float) -> None:
        """Let no request out for `seconds`, whichever thread asks."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def _check_budget(self) -> None:
        budget = self._budget
        if budget.left(self._made) != 0:
            return
        if budget.max_requests is not None and self._made >= budget.max_requests:
            text = f"the budget of {budget.max_requests} requests for this sync is used up"
        else:
            text = f"the budget of {budget.per_day} requests a day is used up"
        raise BudgetError(text, "What was read is kept; the next sync goes on from there.")

    def _take(self, now: float) -> None:
        self._made += 1
        self._under_way += 1
        if self._allowance is not None:
            self._allowance -= 1
        per_minute = self._budget.per_minute
        interval = 60.0 / per_minute if per_minute else 0.0
        if self._per_second is not None:
            interval = max(interval, 1.0 / self._per_second)
        self._next_at = now + interval

    def _note(self, rate: RateHeaders | None, now: float) -> None:
        """Believe the server's count of what is left, less what it has not seen yet."""
        if rate is None or not 0 < rate.reset_in_seconds <= self._longest:
            return
        ends = now + rate.reset_in_seconds
        left = max(0, rate.remaining - self._under_way)
        if self._allowance is not None and abs(ends - self._window_ends) < 2.0:
            left = min(left, self._allowance)
            ends = max(ends, self._window_ends)
        elif ends < self._window_ends and now < self._window_ends:
            return
        self._allowance, self._window_ends = left, ends

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] <= now - WINDOW_SECONDS:
            self._answered.popleft()

    def _learn(self, now: float, retry_after_seconds: float | None) -> None:
        """Halve the pace; but where the window is about a minute, what fitted into one is the limit.

        A long `Retry-After` tells such a window, and so do refusals that go on while nearly nothing
        is sent. Halving once more for each of those would only punish.
        """
        self._forget(now)
        lately = len(self._answered)
        span = max(1.0, now - self._answered[0]) if self._answered else 1.0
        before = self._per_second or max(1, lately) / span
        is_first = self._refused_since is None
        is_stray = retry_after_seconds is None and self._since_refusal >= STRAY_ANSWERS
        since = self._refused_since = now if self._refused_since is None else self._refused_since
        self._since_refusal = 0
        is_minute = (retry_after_seconds or 0.0) >= LONG_WAIT_SECONDS or now - since >= LONG_WAIT_SECONDS
        if is_minute and lately:
            self._ceiling = min(before, lately / WINDOW_SECONDS)
            self._per_second = max(SLOWEST_PER_SECOND, 0.95 * self._ceiling)
        elif is_first and not is_stray:
            self._ceiling = 0.9 * before
            # A minute that held so many cannot have a lower limit.
            self._per_second = max(SLOWEST_PER_SECOND, 0.5 * before, 0.95 * lately / WINDOW_SECONDS)
        self._learned_at = now

    def _recover(self, now: float) -> None:
        """Back towards the pace that was too fast in quick steps, beyond it in slow and small ones."""
        if self._per_second is None:
            return
        undisturbed = now - max(self._learned_at, self._paused_until)
        gap = self._ceiling - self._per_second
        if gap > 0.05 * self._ceiling:
            if undisturbed >= RETURN_SECONDS:
                self._per_second += gap / 2.0
                self._learned_at = now
        elif undisturbed >= PROBE_SECONDS:
            self._per_second *= 1.025
            self._learned_at = now
