"""The shared limiter, on a clock that moves only when someone sleeps: budgets, rate headers, and what 429 shows."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import Clock
from unpod_sync.api.rate_limit import RateHeaders, RateLimiter, RequestBudget, read_rate
from unpod_sync.api.worker_pool import StoppedError
from unpod_sync.errors import BudgetError

NOW = datetime(2025, 3, 1, 10, tzinfo=UTC)
EPOCH = NOW.timestamp()


NEVER = threading.Event()


def limiter_for(clock: Clock, *, seen: int | None = None, workers: int = 8, **budget: int) -> RateLimiter:
    return RateLimiter(
        RequestBudget(**budget), clock.monotonic, workers=workers, longest_wait_seconds=120.0, per_minute=seen
    )


def send(limiter: RateLimiter, clock: Clock, rate: RateHeaders | None = None) -> None:
    """One request that is answered at once."""
    sent_at = limiter.acquire(clock.sleep, NEVER, 1)
    limiter.on_response(sent_at, rate)
    limiter.release()


def refuse(limiter: RateLimiter, clock: Clock, wait: float) -> None:
    """One request that gets a 429."""
    sent_at = limiter.acquire(clock.sleep, NEVER, 1)
    limiter.on_rate_limited(sent_at, None, None)
    limiter.block(wait)
    limiter.release()


def allowed_at_once(limiter: RateLimiter) -> int:
    """How many more requests may be sent now, while none of them is answered."""
    sent = 0
    while limiter.delay() <= 0:
        limiter.acquire(pytest.fail, NEVER, 1)
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
    assert limiter.in_flight_limit == 8
    for _ in range(10):
        limiter.on_overload()
        sent_at = limiter.acquire(clock.sleep, NEVER, 1)
        limiter.on_response(sent_at, None, is_good=False)
        limiter.release()
    assert limiter.in_flight_limit == 8, "an answer that is not good changes nothing"
    for _ in range(10):
        send(limiter, clock)
        limiter.on_overload()
    assert limiter.in_flight_limit == 1


def test_an_urgent_request_is_not_held_up_by_those_in_flight() -> None:
    """They may wait for it; a pause holds it up all the same."""
    limiter = limiter_for(Clock(), workers=1)
    limiter.acquire(pytest.fail, NEVER, 1)
    assert limiter.delay() == math.inf
    assert limiter.delay(is_urgent=True) <= 0
    limiter.block(3)
    assert limiter.delay(is_urgent=True) == 3
    limiter.block(0)
    with limiter.released():
        assert limiter.delay() == 3


def test_who_waits_for_a_place_ends_when_the_work_is_given_up() -> None:
    """And sends nothing."""
    limiter, stop = limiter_for(Clock(), workers=1), threading.Event()
    limiter.acquire(pytest.fail, stop, 1)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(StoppedError):
        limiter.acquire(pytest.fail, stop, 1)
    assert limiter.requests_made == 1


def test_after_a_429_one_request_at_a_time_until_one_is_answered() -> None:
    """Those that were in flight when the first came count once; each further one counts."""
    clock = Clock()
    limiter = limiter_for(clock)
    for _ in range(20):
        send(limiter, clock)
    in_flight = [limiter.acquire(clock.sleep, NEVER, 1) for _ in range(4)]
    clock.sleep(0.1)
    for sent_at in in_flight:
        limiter.on_rate_limited(sent_at, None, None)
        limiter.block(2)
        limiter.release()
    assert limiter.refusals == 1
    clock.sleep(2)
    assert allowed_at_once(limiter) == 1
    refuse(limiter, clock, 4)
    assert limiter.refusals == 2
    send(limiter, clock)
    assert limiter.refusals == 0


def test_what_a_minute_allowed_is_observed_and_then_kept_to() -> None:
    """A first 429 gives a guess; the second one confirms it, and no third one comes."""
    clock = Clock()
    limiter = limiter_for(clock)
    assert limiter.per_minute is None
    for turn in range(2):
        for _ in range(240):
            send(limiter, clock)
            clock.sleep(0.01)
        refuse(limiter, clock, 58)
        clock.sleep(58)
        send(limiter, clock)
        assert limiter.per_minute == 240 + turn
    for _ in range(240):
        send(limiter, clock)
    before = clock.seconds
    send(limiter, clock)
    assert 50 < clock.seconds - before <= 60


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
    assert limiter.per_minute == 80


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
    assert limiter.per_minute is None
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


def test_budget_is_checked_before_anything_is_counted() -> None:
    """Used up is used up, also with a day that began before."""
    clock = Clock()
    limiter = limiter_for(clock, max_requests=2)
    send(limiter, clock)
    send(limiter, clock)
    for _ in range(2):
        with pytest.raises(BudgetError):
            limiter.acquire(clock.sleep, NEVER, 1)
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
    first, second, *_ = [limiter.acquire(clock.sleep, NEVER, 1) for _ in range(4)]
    limiter.on_response(first, RateHeaders(5, 40))
    limiter.release()
    for _ in range(2):
        assert limiter.delay() <= 0
        limiter.acquire(clock.sleep, NEVER, 1)
    assert limiter.delay() == 40
    limiter.on_response(second, RateHeaders(6, 40))
    limiter.release()
    assert limiter.delay() == 40, "an answer from before promises too much"
    clock.sleep(40)
    assert limiter.delay() <= 0


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
