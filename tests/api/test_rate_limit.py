"""The shared limiter, on a clock that moves only when someone sleeps: budgets, rate headers, and what 429 shows."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import Clock
from unpod_sync.api.failures import Failure, FailureKind
from unpod_sync.api.rate_limit import MARGIN, RateHeaders, RateLimiter, RequestBudget, read_rate
from unpod_sync.api.retry import RetryPolicy, retry_delay
from unpod_sync.api.worker_pool import StoppedError
from unpod_sync.errors import BudgetError

NOW = datetime(2025, 3, 1, 10, tzinfo=UTC)
EPOCH = NOW.timestamp()


NEVER = threading.Event()


def no_wait(seconds: float) -> None:
    pytest.fail(f"a wait of {seconds} s")


def limiter_for(clock: Clock, *, seen: int | None = None, workers: int = 8, **budget: int) -> RateLimiter:
    return RateLimiter(
        RequestBudget(**budget), clock.monotonic, workers=workers, longest_wait_seconds=120.0, per_minute=seen
    )


def send(limiter: RateLimiter, clock: Clock, rate: RateHeaders | None = None) -> None:
    """One request that is answered at once."""
    sent_at = limiter.acquire(clock.sleep, NEVER)
    limiter.on_response(sent_at, rate)
    limiter.release()


def refuse(limiter: RateLimiter, clock: Clock, wait: float) -> None:
    """One request that gets a 429."""
    sent_at = limiter.acquire(clock.sleep, NEVER)
    limiter.on_response(sent_at, None, FailureKind.RATE)
    limiter.block(wait)
    limiter.release()


def allowed_at_once(limiter: RateLimiter) -> int:
    """How many more requests may be sent now, while none of them is answered."""
    sent = 0
    while limiter.delay() <= 0:
        limiter.acquire(no_wait, NEVER)
        sent += 1
    for _ in range(sent):
        limiter.release()
    return sent


def test_two_at_first_then_twice_as_many_after_every_round() -> None:
    """Up to the number of workers."""
    clock = Clock()
    limiter = limiter_for(clock)
    counts = [allowed_at_once(limiter)]
    for answers in (2, 4, 8, 8):
        for _ in range(answers):
            send(limiter, clock)
        counts.append(allowed_at_once(limiter))
    assert counts == [2, 4, 8, 8, 8]
    assert allowed_at_once(limiter_for(clock, workers=1)) == 1


def test_overload_halves_once_per_round() -> None:
    """Failures of one moment count once, and one request may always be in flight."""
    clock = Clock()
    limiter = limiter_for(clock, workers=16)
    for _ in range(40):
        send(limiter, clock)
    for _ in range(5):
        limiter.on_overload()
    assert limiter.concurrency.limit == 8
    for _ in range(10):
        limiter.on_overload()
        sent_at = limiter.acquire(clock.sleep, NEVER)
        limiter.on_response(sent_at, None, FailureKind.SERVER)
        limiter.release()
    assert limiter.concurrency.limit == 8, "an answer that is not good changes nothing"
    for _ in range(10):
        send(limiter, clock)
        limiter.on_overload()
    assert limiter.concurrency.limit == 1


def test_a_request_that_waits_for_our_own_work_gives_its_place_to_another() -> None:
    """And takes it back without asking; a block holds everyone up all the same."""
    limiter = limiter_for(Clock(), workers=1)
    limiter.acquire(no_wait, NEVER)
    assert limiter.delay() == math.inf
    limiter.release()
    assert limiter.delay() <= 0
    limiter.block(3)
    assert limiter.delay() == 3
    limiter.release(-1)
    assert limiter.delay() == math.inf


def test_who_waits_for_a_place_ends_when_the_work_is_given_up() -> None:
    """And sends nothing."""
    limiter, stop = limiter_for(Clock(), workers=1), threading.Event()
    limiter.acquire(no_wait, stop)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(StoppedError):
        limiter.acquire(no_wait, stop)
    assert limiter.requests_made == 1


def test_after_a_429_one_request_at_a_time_until_one_is_answered() -> None:
    """Those that were in flight when the first came count once; each further one counts."""
    clock = Clock()
    limiter = limiter_for(clock)
    for _ in range(20):
        send(limiter, clock)
    in_flight = [limiter.acquire(clock.sleep, NEVER) for _ in range(4)]
    clock.sleep(0.1)
    for sent_at in in_flight:
        limiter.on_response(sent_at, None, FailureKind.RATE)
        limiter.block(2)
        limiter.release()
    assert limiter.pace.refusals == 1
    clock.sleep(2)
    assert allowed_at_once(limiter) == 1
    refuse(limiter, clock, 4)
    assert limiter.pace.refusals == 2
    send(limiter, clock)
    assert limiter.pace.refusals == 0


class Windows:
    """Allows `most` requests in `seconds`, a span that slides or begins anew every time."""

    def __init__(self, most: int, seconds: float, *, is_sliding: bool) -> None:
        self.most, self.seconds, self.is_sliding = most, seconds, is_sliding
        self.answered: list[float] = []

    def ask(self, now: float) -> tuple[bool, int, float]:
        """Whether it answers, how many are left, and in how many seconds there are more."""
        began = now - now % self.seconds
        self.answered = [
            at for at in self.answered if at > now - self.seconds and (self.is_sliding or at >= began)
        ]
        if self.is_sliding:
            began = self.answered[0] if self.answered else now
        is_good = len(self.answered) < self.most
        if is_good:
            self.answered.append(now)
        return is_good, self.most - len(self.answered), began + self.seconds - now


class Bucket:
    """Holds up to `most` requests and gets `per_second` more."""

    def __init__(self, per_second: float, most: int) -> None:
        self.per_second, self.most = per_second, most
        self.left, self.at = float(most), 0.0

    def ask(self, now: float) -> tuple[bool, int, float]:
        """Whether it answers, how many are left, and in how many seconds there are more."""
        self.left, self.at = min(self.most, self.left + (now - self.at) * self.per_second), now
        is_good = self.left >= 1
        self.left -= is_good
        return is_good, int(self.left), (1 - self.left % 1) / self.per_second


LIMITS: dict[str, Callable[[], Windows | Bucket]] = {
    "fixed minute": lambda: Windows(240, 60, is_sliding=False),
    "sliding minute": lambda: Windows(240, 60, is_sliding=True),
    "fixed second": lambda: Windows(4, 1, is_sliding=False),
    "sliding second": lambda: Windows(4, 1, is_sliding=True),
    "ten a second": lambda: Windows(10, 1, is_sliding=True),
    "ten seconds": lambda: Windows(40, 10, is_sliding=False),
    "bucket of 1": lambda: Bucket(4, 1),
    "bucket of 10": lambda: Bucket(4, 10),
    "bucket of 40": lambda: Bucket(4, 40),
    "bucket of 240": lambda: Bucket(4, 240),
}


def drive(
    limiter: RateLimiter,
    clock: Clock,
    server: Windows | Bucket,
    requests: int,
    *,
    has_headers: bool,
    has_retry_after: bool,
    latency: float = 0.03,
) -> tuple[int, float]:
    """Have `requests` answered, as many in flight as allowed; how many were refused, and the seconds it took.

    The clock moves only from one event to the next, and the retry decision is the client's.
    """
    random, started = Random(1), clock.seconds
    attempts, in_flight = deque([1] * requests), deque[tuple[float, float, int]]()
    refused = 0
    while attempts or in_flight:
        delay = limiter.delay() if attempts else math.inf
        if delay <= 0:
            sent_at = limiter.acquire(no_wait, NEVER)
            in_flight.append((sent_at + latency, sent_at, attempts.popleft()))
            continue
        answered_at = in_flight[0][0] if in_flight else math.inf
        clock.sleep(max(1e-6, min(clock.seconds + delay, answered_at) - clock.seconds))
        if clock.seconds < answered_at:
            continue
        _, sent_at, attempt = in_flight.popleft()
        is_good, left, wait = server.ask(clock.seconds)
        rate = RateHeaders(left, wait) if has_headers else None
        limiter.on_response(sent_at, rate, None if is_good else FailureKind.RATE)
        if not is_good:
            refused += 1
            attempts.appendleft(attempt + 1)
            failure = Failure(FailureKind.RATE, "", 429, math.ceil(wait) if has_retry_after else None)
            pause = retry_delay(failure, attempt, RetryPolicy(), random.random, limiter.pace.refusals)
            assert pause is not None, "the client would have given up"
            limiter.block(pause)
        limiter.release()
    return refused, clock.seconds - started


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("has_retry_after", [True, False])
@pytest.mark.parametrize("has_headers", [True, False])
@pytest.mark.parametrize("workers", [8, 1])
def test_few_refusals_of_a_server_that_allows_240_a_minute(
    kind: str, has_retry_after: bool, has_headers: bool, workers: int
) -> None:
    """At most 20 in 500 requests, whatever it counts by; and most of what it allows is used."""
    clock = Clock()
    limiter = limiter_for(clock, workers=workers)
    kinds = {"has_headers": has_headers, "has_retry_after": has_retry_after}
    refused, seconds = drive(limiter, clock, LIMITS[kind](), 500, **kinds)
    assert refused <= (1 if has_headers else 20)
    assert seconds < (330 if kind == "bucket of 1" else 200 if has_retry_after or has_headers else 250)


@pytest.mark.parametrize("is_sliding", [True, False])
def test_headers_prevent_429(is_sliding: bool) -> None:
    """A server that states what is left is never asked too often, and nothing is wasted."""
    clock = Clock()
    server = Windows(240, 60, is_sliding=is_sliding)
    refused, seconds = drive(limiter_for(clock), clock, server, 1200, has_headers=True, has_retry_after=True)
    assert refused == 0
    assert seconds < 60 * 5.5


@pytest.mark.parametrize("is_sliding", [True, False])
@pytest.mark.parametrize("has_retry_after", [True, False])
def test_240_a_minute_without_headers_is_learned(is_sliding: bool, has_retry_after: bool) -> None:
    """Of 2,400 requests in ten minutes, one connection, about one in a hundred is refused."""
    clock = Clock()
    limiter, server = limiter_for(clock, workers=1), Windows(240, 60, is_sliding=is_sliding)
    refused, seconds = drive(
        limiter, clock, server, 2400, has_headers=False, has_retry_after=has_retry_after, latency=0.02
    )
    assert refused <= (10 if has_retry_after else 30)
    assert seconds < 600 * 1.15


def test_ten_a_second_is_learned_too() -> None:
    """A short window is not taken for a minute: most of the allowance is used."""
    clock = Clock()
    limiter, server = limiter_for(clock, workers=1), Windows(10, 1, is_sliding=True)
    refused, seconds = drive(
        limiter, clock, server, 3000, has_headers=False, has_retry_after=True, latency=0.01
    )
    assert refused <= 10
    assert seconds < 300 * 1.2


def test_the_pace_recovers() -> None:
    """A limit that has gone does not slow the client for ever."""
    clock = Clock()
    limiter = limiter_for(clock, workers=1)
    for _ in range(10):
        send(limiter, clock)
        clock.sleep(0.05)
    refuse(limiter, clock, 1)
    clock.sleep(1)
    send(limiter, clock)
    slow = limiter.pace.per_minute
    assert slow is not None and 5 * 60 < slow < 10 * 60
    for _ in range(600):
        send(limiter, clock)
    fast = limiter.pace.per_minute
    assert fast is not None and fast > 1.7 * slow


def test_what_a_minute_allowed_is_kept_for_the_next_sync() -> None:
    """The first 429 shows it, whether or not the server says how long to wait."""
    clock = Clock()
    limiter = limiter_for(clock)
    assert limiter.pace.per_minute is None
    for _ in range(240):
        send(limiter, clock)
        clock.sleep(0.01)
    refuse(limiter, clock, 57.6)
    send(limiter, clock)
    assert limiter.pace.per_minute == round(240 * MARGIN)
    before = clock.seconds
    for _ in range(100):
        send(limiter, clock)
    assert clock.seconds - before == pytest.approx(100 / (4 * MARGIN), rel=0.02)


def test_a_guess_that_is_too_low_costs_nothing_but_care() -> None:
    """Near what an earlier sync saw, one request at a time; beyond it, more again."""
    clock = Clock()
    limiter = limiter_for(clock, seen=10)
    for _ in range(9):
        send(limiter, clock)
    assert allowed_at_once(limiter) == 1
    for _ in range(32):
        send(limiter, clock)
    assert clock.slept == []
    assert allowed_at_once(limiter) == 8
    assert limiter.pace.per_minute == 80


def test_a_single_429_among_good_answers_is_no_limit() -> None:
    """A server that fails at random, 429 among its failures, is not mistaken for one that limits."""
    clock = Clock()
    limiter = limiter_for(clock)
    for _ in range(3):
        for _ in range(50):
            send(limiter, clock)
        refuse(limiter, clock, 1)
        clock.sleep(1)
        send(limiter, clock)
    assert limiter.pace.per_minute is None
    slept = len(clock.slept)
    for _ in range(500):
        send(limiter, clock)
    assert len(clock.slept) == slept


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 600),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
def test_no_minute_holds_more_than_the_budget(per_minute: int, gaps: list[float]) -> None:
    """Whatever the rhythm in which requests are wanted, and they are evenly spaced."""
    clock = Clock()
    limiter = limiter_for(clock, per_minute=per_minute)
    sent = []
    for gap in gaps:
        clock.sleep(gap)
        send(limiter, clock)
        sent.append(clock.monotonic())
    assert all(late - soon > 60 / per_minute - 1e-6 for soon, late in pairwise(sent))


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (RequestBudget(max_requests=1), "the budget of 1 request for this sync"),
        (RequestBudget(per_day=1, used_today=1), "the budget of 1 request a day"),
        (RequestBudget(max_requests=1000), "the budget of 1,000 requests for this sync"),
    ],
)
def test_a_used_budget_is_named(budget: RequestBudget, text: str) -> None:
    with pytest.raises(BudgetError, match=text):
        budget.check(1000)


def test_budget_is_checked_before_anything_is_counted() -> None:
    """Used up is used up, also with a day that began before."""
    clock = Clock()
    limiter = limiter_for(clock, max_requests=2)
    send(limiter, clock)
    send(limiter, clock)
    for _ in range(2):
        with pytest.raises(BudgetError):
            limiter.acquire(clock.sleep, NEVER)
    assert limiter.requests_made == 2
    assert RequestBudget(max_requests=5, per_day=10, used_today=8).remaining(1) == 1
    assert RequestBudget(per_day=10, used_today=12).remaining(0) == 0
    assert RequestBudget(max_requests=0).remaining(0) == 0
    assert RequestBudget(per_minute=5).remaining(10**6) is None


def test_a_block_holds_everyone() -> None:
    """The longest one counts."""
    clock = Clock()
    limiter = limiter_for(clock)
    limiter.block(30)
    limiter.block(5)
    assert limiter.delay() == 30
    clock.sleep(30)
    assert limiter.delay() <= 0


def test_requests_in_flight_are_taken_off_what_is_left() -> None:
    """Five left and three in flight: two may go."""
    clock = Clock()
    limiter = limiter_for(clock)
    for _ in range(20):
        send(limiter, clock)
    first, second, *_ = [limiter.acquire(clock.sleep, NEVER) for _ in range(4)]
    limiter.on_response(first, RateHeaders(5, 40))
    limiter.release()
    for _ in range(2):
        assert limiter.delay() <= 0
        limiter.acquire(clock.sleep, NEVER)
    assert limiter.delay() == 40
    limiter.on_response(second, RateHeaders(6, 40))
    limiter.release()
    assert limiter.delay() == 40, "an answer from before promises too much"
    clock.sleep(40)
    assert limiter.delay() == math.inf, "of a window that slides only a part is free again"
    limiter.release(4)
    assert allowed_at_once(limiter) == 1


@pytest.mark.parametrize("rate", [RateHeaders(0, -5), RateHeaders(0, 0), RateHeaders(0, 1e9)])
def test_useless_resets_hold_nobody(rate: RateHeaders) -> None:
    """In the past or absurdly far."""
    clock = Clock()
    limiter = limiter_for(clock)
    send(limiter, clock, rate)
    assert limiter.delay() <= 0


def rate_of(remaining: str, reset: str) -> RateHeaders | None:
    return read_rate({"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}, NOW)


@pytest.mark.parametrize(
    ("remaining", "reset", "rate"),
    [
        ("5", str(int(EPOCH) + 30), RateHeaders(5, 30.0)),
        ("5", str(int(EPOCH * 1000) + 30_000), RateHeaders(5, 30.0)),
        ("5", "30", RateHeaders(5, 30.0)),
        ("0", str(int(EPOCH) - 30), RateHeaders(0, -30.0)),
        ("", "30", None),
        ("many", "30", None),
        ("-1", "30", None),
        ("5", "", None),
        ("5", "tomorrow", None),
        ("nan", "inf", None),
        ("9" * 500, "30", None),
    ],
)
def test_rate_headers_are_read_with_care(remaining: str, reset: str, rate: RateHeaders | None) -> None:
    """Epoch seconds as documented, milliseconds, seconds from now; garbage is as if absent."""
    assert rate_of(remaining, reset) == rate


@settings(deadline=None)
@given(st.text(max_size=25), st.text(max_size=25))
def test_no_header_breaks_the_pace(remaining: str, reset: str) -> None:
    """Whatever stands there."""
    clock = Clock()
    limiter = limiter_for(clock)
    send(limiter, clock, rate_of(remaining, reset))
    assert limiter.delay() <= 120


@pytest.mark.parametrize(("share", "most_seconds"), [(0.002, 60), (0.01, 200)])
def test_refusals_at_random_are_no_limit(share: float, most_seconds: float) -> None:
    """3,000 requests, of which some get a 429 whatever the pace: they cost little more than their waits."""
    for seed in range(5):
        clock, random = Clock(), Random(seed)
        limiter, began = limiter_for(clock), clock.monotonic()
        for _ in range(3_000):
            attempt = 1
            while True:
                sent_at = limiter.acquire(clock.sleep, NEVER)
                clock.sleep(0.01)
                if random.random() >= share:
                    break
                limiter.on_response(sent_at, None, FailureKind.RATE)
                failure = Failure(FailureKind.RATE, "refused", 429)
                wait = retry_delay(failure, attempt, RetryPolicy(), random.random, limiter.pace.refusals)
                limiter.block(wait or 0)
                limiter.release()
                attempt += 1
            limiter.on_response(sent_at, None)
            limiter.release()
        assert clock.monotonic() - began < most_seconds
