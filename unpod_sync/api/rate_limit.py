"""When the next request may be sent, and how many at once: one limiter for all threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from unpod_sync.api.failures import FailureKind
from unpod_sync.api.worker_pool import POLL_SECONDS, StoppedError
from unpod_sync.errors import BudgetError
from unpod_sync.formatting import plural

MINUTE_SECONDS = 60.0
"""The longest span over which request limits are documented to be counted."""

STRAY_ANSWERS, LONG_WAIT_SECONDS = 20, 8.0
"""A single 429 after so many answers, over after a shorter wait, is no limit."""

MARGIN, RISE, SLOWEST_PER_SECOND = 0.97, 1.05, 0.3
"""A learned pace begins so much below what the server allowed, and rises so much at a time."""

CONSISTENT, PROVEN, MOST_ODD = 0.7, 0.9, 2
"""A 429 that shows less than this share of the learned pace contradicts it: the first two in a row are no limit.
Below so much of what a whole sync of a minute or longer was answered, no pace is learned."""


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

    def remaining(self, made: int) -> int | None:
        """How many more requests may be sent when `made` were, None without a limit."""
        limits = [self.max_requests] if self.max_requests is not None else []
        if self.per_day is not None:
            limits.append(self.per_day - self.used_today)
        return max(0, min(limits) - made) if limits else None

    def check(self, made: int) -> None:
        """Raises BudgetError when no request is left."""
        if self.remaining(made) != 0:
            return
        if self.max_requests is not None and made >= self.max_requests:
            text = f"the budget of {plural(self.max_requests, 'request')} for this sync is used up"
        else:
            text = f"the budget of {plural(self.per_day or 0, 'request')} a day is used up"
        raise BudgetError(text, "What was read is kept; the next sync goes on from there.")


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """`X-RateLimit-*` of one answer: requests left, and in how many seconds the window ends."""

    remaining: int
    reset_in_seconds: float


def read_rate(headers: Mapping[str, str], now: datetime) -> RateHeaders | None:
    """The rate headers, None when absent or garbage.

    `X-RateLimit-Reset` is documented as epoch seconds; milliseconds and seconds from now, which other
    gateways send, are recognised by their size. `now` should be the server's time.
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


class ServerWindow:
    """What the server asks for: `Retry-After`, and the requests left by `X-RateLimit-*`."""

    def __init__(self, longest_wait_seconds: float) -> None:
        """A window that ends later than `longest_wait_seconds` from now is not waited for."""
        self._longest = longest_wait_seconds
        self.blocked_until = self._ends_at = self._sent_at = -math.inf
        self.remaining = math.inf

    def delay(self, now: float, in_flight: int) -> float:
        """Seconds until the next request may be sent; infinite: not before one in flight has ended."""
        if self.remaining > 0:
            return self.blocked_until - now
        # Of a window that slides only a part is free at its end: the next answer shows how much.
        is_over = now >= self._ends_at
        return math.inf if in_flight and is_over else max(self.blocked_until, self._ends_at) - now

    def per_minute(self, now: float) -> float | None:
        """The requests a minute that the headers show room for, None without headers."""
        if now >= self._ends_at:
            return None
        return max(1.0, self.remaining * MINUTE_SECONDS / max(MINUTE_SECONDS, self._ends_at - now))

    def on_headers(self, rate: RateHeaders | None, sent_at: float, now: float, in_flight: int) -> None:
        """Take the server's count of what is left, less the requests it has not counted yet."""
        if rate is None or not 0 < rate.reset_in_seconds <= self._longest:
            if now >= self._ends_at:
                self.remaining = math.inf
            return
        ends_at = now + rate.reset_in_seconds
        remaining: float = max(0, rate.remaining - in_flight)
        if now < self._ends_at and (abs(ends_at - self._ends_at) < 2.0 or sent_at < self._sent_at):
            remaining, ends_at = min(remaining, self.remaining), max(ends_at, self._ends_at)
        elif ends_at < self._ends_at:
            return
        self.remaining, self._ends_at, self._sent_at = remaining, ends_at, max(sent_at, self._sent_at)


class LearnedPace:
    """How fast requests may be sent, learned from 429 answers, for servers that do not state their limit.

    What was answered from the end of one refusal to the end of the next, divided by that time, is what the server
    allows, whether it counts by the minute or the second or fills a bucket. The pace begins a little below that and
    rises after every span as long as the one it was learned in: the better it is known, the slower it rises.
    After a 429 one request at a time is sent until one is answered. Some servers refuse at random: a 429 that is soon over
    and does not fit the pace is not learned from.
    """

    def __init__(self, per_minute: int | None) -> None:
        """`per_minute`: what an earlier sync saw; close to it one request at a time is sent."""
        self.refusals = 0
        self._guess: float = per_minute or math.inf
        self._per_second: float | None = None
        self._span = self._next_at = self._rises_at = self._refused_at = self._last_refused_at = 0.0
        self._began_at = self._first_at = math.inf
        self._answered = self._since_refusal = self._answered_in_all = 0
        self._proven, self._odd = SLOWEST_PER_SECOND, 0
        self._is_single = True

    @property
    def per_minute(self) -> int | None:
        """What a minute allows, None when nothing is known."""
        known = self._guess if self._per_second is None else self._per_second * MINUTE_SECONDS
        return max(1, round(known)) if known < math.inf else None

    def delay(self, now: float, in_flight: int) -> float:
        """Seconds until the next request may be sent; infinite: not before one in flight has ended."""
        is_near = self._answered + in_flight >= self._guess and now < self._began_at + MINUTE_SECONDS
        return math.inf if in_flight and (self.refusals or is_near) else self._next_at - now

    def on_sent(self, now: float) -> None:
        """A request is sent."""
        self._began_at, self._first_at = min(self._began_at, now), min(self._first_at, now)
        if self._per_second is not None:
            self._next_at = now + 1 / self._per_second

    def on_response(self, sent_at: float, now: float) -> None:
        """An answer that is no 429 came."""
        if self.refusals and sent_at > self._refused_at:
            self._learn(sent_at)
        self._answered += 1
        self._since_refusal += 1
        self._answered_in_all += 1
        if self._answered > self._guess and now < self._began_at + MINUTE_SECONDS:
            self._guess *= 2
        if self._per_second is not None and not self.refusals and now >= self._rises_at:
            self._per_second *= RISE
            self._rises_at = now + self._span

    def on_rate_limited(self, sent_at: float, now: float) -> None:
        """A 429 came; those that were sent before the last one count as one with it."""
        if not self.refusals:
            self._refused_at, self._is_single = now, True
        elif sent_at <= self._last_refused_at:
            self._is_single = False
            return
        self.refusals += 1
        self._last_refused_at = now

    def _learn(self, answered_at: float) -> None:
        """The refusal is over: what it shows of the limit."""
        # A wait that is longer than the minute shows only that we waited too long.
        waited = min(answered_at - self._began_at, MINUTE_SECONDS)
        span = max(self._refused_at - self._began_at, waited, 1e-3)
        shown = MARGIN * self._answered / span
        is_short = answered_at - self._refused_at < LONG_WAIT_SECONDS
        is_rare, is_first = self._since_refusal >= STRAY_ANSWERS, self._per_second is None
        contradicts = self._per_second is not None and shown < CONSISTENT * self._per_second
        is_stray = is_rare if is_first else contradicts and (is_rare or self._odd < MOST_ODD)
        self.refusals = self._since_refusal = 0
        self._odd = self._odd + 1 if contradicts and not is_rare else 0
        if self._is_single and is_short and is_stray:
            return
        self._odd = 0
        if answered_at - self._first_at >= MINUTE_SECONDS:
            self._proven = max(self._proven, PROVEN * self._answered_in_all / (answered_at - self._first_at))
        self._per_second = max(self._proven, shown)
        self._span = min(span, MINUTE_SECONDS)
        self._began_at, self._answered, self._guess = answered_at, 0, math.inf
        self._next_at, self._rises_at = answered_at + 1 / self._per_second, answered_at + self._span


class ConcurrencyLimit:
    """How many requests may be in flight: two, twice as many after every round of good answers, half after overload."""

    def __init__(self, most: int) -> None:
        """`most` is the number of workers."""
        self._most = max(1, most)
        self.limit = min(2, self._most)
        self._good_answers = 0
        self._is_reduced = False

    def on_success(self) -> None:
        """A good answer came."""
        self._is_reduced = False
        self._good_answers += 1
        if self._good_answers >= self.limit:
            self.limit, self._good_answers = min(self._most, 2 * self.limit), 0

    def on_overload(self) -> None:
        """A 429, a 503 or a time-out: halve, once for all that fail until the next good answer."""
        if not self._is_reduced:
            self.limit = max(1, self.limit // 2)
        self._is_reduced, self._good_answers = True, 0


class RateLimiter:
    """Decides when each request is sent. Thread-safe; times are seconds of the `monotonic` it was given."""

    def __init__(
        self,
        budget: RequestBudget,
        monotonic: Callable[[], float],
        *,
        workers: int,
        longest_wait_seconds: float,
        per_minute: int | None = None,
    ) -> None:
        """`per_minute`: what a minute allowed in an earlier sync."""
        self._budget = budget
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._next_at = -math.inf
        self._window = ServerWindow(longest_wait_seconds)
        self.pace = LearnedPace(per_minute)
        self.concurrency = ConcurrencyLimit(workers)
        self._in_flight = self.requests_made = 0
        self._waiting: list[int] = []

    @property
    def allowed_per_minute(self) -> float | None:
        """The requests a minute that the server and the user allow, None when no limit is known."""
        day = self._budget.per_day
        limits = (
            self.pace.per_minute,
            self._window.per_minute(self._monotonic()),
            self._budget.per_minute,
            day / 1_440 if day else None,
        )
        return min((limit for limit in limits if limit is not None), default=None)

    def acquire(self, rest: Callable[[float], None], stop: threading.Event, order: int = 0) -> float:
        """Wait until a request may be sent, count it, and return the time; `release` must follow.

        Of several that wait the lowest `order` is the first. Raises BudgetError when the user's budget is used up,
        StoppedError when `stop` is set.
        """
        with self._changed:
            self._waiting.append(order)
        try:
            while not stop.is_set():
                with self._changed:
                    delay = self.delay() if order == min(self._waiting) else math.inf
                    if delay <= 0.0:
                        return self._count_sent()
                    if delay == math.inf:
                        self._changed.wait(POLL_SECONDS)
                        continue
                rest(delay)
            raise StoppedError
        finally:
            with self._changed:
                self._waiting.remove(order)
                self._changed.notify_all()

    def delay(self) -> float:
        """Seconds until the next request may be sent; infinite: not before one in flight has ended."""
        with self._changed:
            self._budget.check(self.requests_made)
            now, in_flight = self._monotonic(), self._in_flight
            if in_flight >= self.concurrency.limit:
                return math.inf
            window, pace = self._window.delay(now, in_flight), self.pace.delay(now, in_flight)
            return max(self._next_at - now, window, pace)

    def _count_sent(self) -> float:
        now = self._monotonic()
        self.requests_made += 1
        self._in_flight += 1
        self._next_at = now + MINUTE_SECONDS / (self._budget.per_minute or math.inf)
        self._window.remaining -= 1
        self.pace.on_sent(now)
        return now

    def release(self, number: int = 1) -> None:
        """A request is no longer in flight; -1: it is again."""
        with self._changed:
            self._in_flight -= number
            self._changed.notify_all()

    def block(self, seconds: float) -> None:
        """Nothing may be sent for `seconds`."""
        with self._changed:
            self._window.blocked_until = max(self._window.blocked_until, self._monotonic() + seconds)

    def on_response(
        self, sent_at: float, rate: RateHeaders | None, failure: FailureKind | None = None
    ) -> None:
        """An answer came, good or a failure, before its `release`."""
        with self._changed:
            now = self._monotonic()
            self._window.on_headers(rate, sent_at, now, self._in_flight - 1)
            if failure is FailureKind.RATE:
                self.pace.on_rate_limited(sent_at, now)
                self.concurrency.on_overload()
                return
            self.pace.on_response(sent_at, now)
            if failure is None:
                self.concurrency.on_success()

    def on_overload(self) -> None:
        """A 503 or a time-out."""
        with self._changed:
            self.concurrency.on_overload()
