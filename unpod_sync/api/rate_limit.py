"""When the next request may be sent, and how many at once: one limiter for all threads.

The parts each answer one question: `RequestBudget` and `FixedPace` hold what the user allows, `ServerWindow`
what the server's headers allow, `ObservedLimit` what its 429 answers show, `ConcurrencyLimit` how many requests
may be in flight.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from unpod_sync.api.worker_pool import POLL_SECONDS, StoppedError
from unpod_sync.errors import BudgetError

MINUTE_SECONDS = 60.0
"""The span over which request limits are documented to be counted."""

LONG_WAIT_SECONDS = 8.0
"""A refusal that lasts longer comes from a limit that is counted by the minute."""

STRAY_ANSWERS = 20
"""A single 429 after so many answers, with a short wait, is no limit."""

TRUSTED_SPANS, TRUSTED_SECONDS = 10, 180.0
"""How long an observed limit holds, whichever is shorter; then the server is tried again."""

FIRST_IN_FLIGHT = 2


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
            text = f"the budget of {self.max_requests} requests for this sync is used up"
        else:
            text = f"the budget of {self.per_day} requests a day is used up"
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


class FixedPace:
    """The user's requests per minute, evenly spaced."""

    def __init__(self, per_minute: int | None) -> None:
        """None: no pace."""
        self._interval = 60.0 / per_minute if per_minute else 0.0
        self._next_at = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        return self._next_at - now

    def on_sent(self, now: float) -> None:
        """A request is sent."""
        self._next_at = now + self._interval


class ServerWindow:
    """What the server asks for: `Retry-After`, and the requests left by `X-RateLimit-*`."""

    def __init__(self, longest_wait_seconds: float) -> None:
        """A window that ends later than `longest_wait_seconds` from now is not waited for."""
        self._longest = longest_wait_seconds
        self._blocked_until = -math.inf
        self._remaining = math.inf
        self._ends_at = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next request may be sent."""
        is_used_up = self._remaining <= 0 and now < self._ends_at
        return max(self._blocked_until, self._ends_at if is_used_up else now) - now

    def on_sent(self, now: float) -> None:
        """A request is sent."""
        self._remaining = self._remaining - 1 if now < self._ends_at else math.inf

    def per_minute(self, now: float) -> float | None:
        """The requests a minute that the headers show room for, None without headers."""
        if now >= self._ends_at:
            return None
        return max(1.0, self._remaining * MINUTE_SECONDS / max(MINUTE_SECONDS, self._ends_at - now))

    def block_until(self, at: float) -> None:
        """Nothing may be sent before `at`."""
        self._blocked_until = max(self._blocked_until, at)

    def on_headers(self, rate: RateHeaders | None, now: float, in_flight: int) -> None:
        """Take the server's count of what is left, less the requests it has not counted yet."""
        if rate is None or not 0 < rate.reset_in_seconds <= self._longest:
            return
        ends_at = now + rate.reset_in_seconds
        remaining: float = max(0, rate.remaining - in_flight)
        if now < self._ends_at and abs(ends_at - self._ends_at) < 2.0:
            remaining, ends_at = min(remaining, self._remaining), max(ends_at, self._ends_at)
        elif ends_at < self._ends_at:
            return
        self._remaining, self._ends_at = remaining, ends_at


class ObservedLimit:
    """How many requests the server answered before a 429, and in which span: for servers that do not state it.

    The first observation is a guess, since its span may have begun before us: near it one request at a time is
    sent, and it is doubled when it was too low. Later ones are exact: no more is sent in any span, for some time.
    After a 429 one request at a time is sent until one is answered.
    """

    def __init__(self, per_minute: int | None) -> None:
        """`per_minute`: the guess with which an earlier sync ended."""
        self._allowed: float = per_minute or math.inf
        self._span = MINUTE_SECONDS
        self._exact_until = -math.inf
        self._answered: deque[float] = deque()  # since the last refusal ended
        self._earlier: list[float] = []
        self._count = self._minute_count = 0
        self._began_at = -math.inf
        self._refused_at: float | None = None
        self._last_refused_at = -math.inf
        self._is_known = self._is_repeated = self._is_stray = False
        self.refusals = 0

    @property
    def per_minute(self) -> int | None:
        """What a minute allowed, None when nothing is known."""
        return int(self._allowed) if self._span == MINUTE_SECONDS and self._allowed < math.inf else None

    def delay(self, now: float, in_flight: int) -> float:
        """Seconds until the next request may be sent; infinite: not before one in flight has ended."""
        self._forget(now)
        alone = math.inf if in_flight else 0.0
        if self._refused_at is not None:
            return alone
        if len(self._answered) + in_flight < self._allowed:
            return 0.0
        if now < self._exact_until and self._answered:
            return self._answered[0] + self._span - now
        return alone

    def on_response(self, sent_at: float, now: float) -> None:
        """An answer that is no 429 came."""
        if self._refused_at is not None and sent_at > self._refused_at:
            self._conclude(sent_at - self._refused_at, sent_at)
        self._answered.append(now)
        self._forget(now)
        if self._refused_at is None and len(self._answered) > self._allowed and now >= self._exact_until:
            self._allowed *= 2

    def on_rate_limited(self, sent_at: float, now: float, retry_after_seconds: float | None) -> float:
        """A 429 came; when the next request makes sense as far as is known here."""
        if self._refused_at is not None:
            self._is_stray = False
            if sent_at > self._last_refused_at:
                self.refusals += 1
                self._last_refused_at = now
            return now
        self._forget(now)
        self._refused_at = self._last_refused_at = now
        self.refusals = 1
        minute = deque(at for at in (*self._earlier, *self._answered) if at > now - MINUTE_SECONDS)
        enough = max(1, 0.8 * self._allowed)
        if len(self._answered) < enough <= len(minute) and self._span == MINUTE_SECONDS:
            self._answered = minute  # the server's minute slides
        self._began_at = self._answered[0] if self._answered else now
        self._count, self._minute_count = len(self._answered), len(minute)
        self._is_stray = self._count >= STRAY_ANSWERS
        self._is_repeated = self._count >= enough
        return self._began_at + self._span if self._is_repeated and retry_after_seconds is None else now

    def _conclude(self, waited: float, answered_at: float) -> None:
        """The refusal is over: what it shows of the limit."""
        seconds = answered_at - self._began_at
        is_long = waited >= LONG_WAIT_SECONDS or seconds >= MINUTE_SECONDS / 2
        if self._is_repeated:
            self._allowed = self._count
        elif is_long or not self._is_stray:
            self._span = MINUTE_SECONDS if is_long else max(1.0, seconds)
            self._allowed = max(1, self._minute_count if is_long else self._count)
        if self._is_repeated or self._is_known:
            self._exact_until = answered_at + min(TRUSTED_SPANS * self._span, TRUSTED_SECONDS)
        self._is_known = self._allowed < math.inf
        if not self._is_repeated:
            self._earlier = [at for at in self._earlier if at > answered_at - MINUTE_SECONDS]
            self._earlier += self._answered
            self._answered.clear()
        self._refused_at, self.refusals = None, 0

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] <= now - self._span:
            self._answered.popleft()


class ConcurrencyLimit:
    """How many requests may be in flight: twice as many after every round of good answers, half after overload."""

    def __init__(self, most: int) -> None:
        """`most` is the number of workers."""
        self._most = max(1, most)
        self.limit = min(FIRST_IN_FLIGHT, self._most)
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
        self._pace = FixedPace(budget.per_minute)
        self._window = ServerWindow(longest_wait_seconds)
        self._observed = ObservedLimit(per_minute)
        self._concurrency = ConcurrencyLimit(workers)
        self._in_flight = 0
        self._waiting: list[int] = []
        self.requests_made = 0

    @property
    def per_minute(self) -> int | None:
        """What a minute allowed, as far as 429 answers showed it."""
        return self._observed.per_minute

    @property
    def allowed_per_minute(self) -> float | None:
        """The requests a minute that the server and the user allow, None when no limit is known."""
        day = self._budget.per_day
        limits = (
            self._observed.per_minute,
            self._window.per_minute(self._monotonic()),
            self._budget.per_minute,
            day / 1_440 if day else None,
        )
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def in_flight_limit(self) -> int:
        """How many requests may be in flight now."""
        return self._concurrency.limit

    @property
    def refusals(self) -> int:
        """How many 429 answers came one after the other; those of one moment count once."""
        return self._observed.refusals

    def acquire(self, rest: Callable[[float], None], stop: threading.Event, order: int = 0) -> float:
        """Wait until a request may be sent, count it, and return the time; `release` must follow.

        Of several that wait the lowest `order` is the first. 0: not limited by those in flight, which may
        wait for the caller. Raises BudgetError when the user's budget is used up, StoppedError when `stop` is set.
        """
        with self._changed:
            self._waiting.append(order)
        try:
            while not stop.is_set():
                with self._changed:
                    delay = self.delay(is_urgent=not order) if order == min(self._waiting) else math.inf
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

    def _count_sent(self) -> float:
        now = self._monotonic()
        self.requests_made += 1
        self._in_flight += 1
        self._pace.on_sent(now)
        self._window.on_sent(now)
        return now

    def delay(self, *, is_urgent: bool = False) -> float:
        """Seconds until the next request may be sent; infinite: not before one in flight has ended."""
        with self._changed:
            self._budget.check(self.requests_made)
            now = self._monotonic()
            delay = max(self._pace.delay(now), self._window.delay(now))
            if is_urgent:
                return delay
            if self._in_flight >= self._concurrency.limit:
                return math.inf
            return max(delay, self._observed.delay(now, self._in_flight))

    def release(self) -> None:
        """A request is no longer in flight."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Others may send while this request waits for something else than the server."""
        self.release()
        try:
            yield
        finally:
            with self._changed:
                self._in_flight += 1

    def block(self, seconds: float) -> None:
        """Nothing may be sent for `seconds`."""
        with self._changed:
            self._window.block_until(self._monotonic() + seconds)

    def on_response(self, sent_at: float, rate: RateHeaders | None, *, is_good: bool = True) -> None:
        """An answer came that is no 429, before its `release`."""
        with self._changed:
            now = self._monotonic()
            self._window.on_headers(rate, now, self._in_flight - 1)
            self._observed.on_response(sent_at, now)
            if is_good:
                self._concurrency.on_success()

    def on_rate_limited(
        self, sent_at: float, rate: RateHeaders | None, retry_after_seconds: float | None
    ) -> None:
        """A 429 came, before its `release`."""
        with self._changed:
            now = self._monotonic()
            self._window.on_headers(rate, now, self._in_flight - 1)
            self._window.block_until(self._observed.on_rate_limited(sent_at, now, retry_after_seconds))
            self._concurrency.on_overload()

    def on_overload(self) -> None:
        """A 503 or a time-out."""
        with self._changed:
            self._concurrency.on_overload()
