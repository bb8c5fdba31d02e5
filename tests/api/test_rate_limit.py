"""The shared pace, on a clock that moves only when told: budgets, rate headers, and what 429 teaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire import Clock
from unpod_sync.api.rate_limit import RateHeaders, RateLimiter, RequestBudget, read_rate
from unpod_sync.errors import BudgetError

NOW = datetime(2025, 3, 1, 10, tzinfo=UTC)
EPOCH = NOW.timestamp()


def throttle_for(clock: Clock, **budget: int) -> RateLimiter:
    return RateLimiter(RequestBudget(**budget), clock.monotonic, 120.0)


def admit(throttle: RateLimiter, clock: Clock) -> None:
    """Wait as a thread would."""
    while (wait := throttle.admit()) > 0:
        clock.sleep(wait)


@dataclass
class Limiter:
    """A server that allows `limit` requests in `window` seconds; says so in headers if it is that kind."""

    limit: int
    window: float
    clock: Clock
    is_sliding: bool
    sent: list[float] = field(default_factory=list)
    refusals: int = 0

    def ask(self) -> tuple[bool, int, float]:
        """Whether it answers, how many are left, and in how many seconds the window ends."""
        now = self.clock.monotonic()
        if self.is_sliding:
            self.sent = [at for at in self.sent if at > now - self.window]
            ends = (self.sent[0] if self.sent else now) + self.window - now
        else:
            start = now - now % self.window
            self.sent = [at for at in self.sent if at >= start]
            ends = start + self.window - now
        if len(self.sent) >= self.limit:
            self.refusals += 1
            return False, 0, ends
        self.sent.append(now)
        return True, self.limit - len(self.sent), ends


def drive(
    limiter: Limiter, requests: int, *, headers: bool, retry_after: bool, latency: float = 0.02
) -> float:
    """Send until `requests` were answered; the seconds it took."""
    clock = limiter.clock
    throttle, started, answered, failed = throttle_for(clock), clock.monotonic(), 0, 0
    while answered < requests:
        admit(throttle, clock)
        clock.sleep(latency)
        good, left, ends = limiter.ask()
        rate = RateHeaders(left, ends) if headers else None
        if good:
            throttle.answered(rate)
            answered, failed = answered + 1, 0
        else:
            asked = ends if retry_after else None
            throttle.refused(rate, asked)
            throttle.pause(ends + 0.3 if retry_after else min(60.0, 0.75 * 2**failed))
            failed += 1
            assert failed < 8, "the client would have given up"
    return clock.monotonic() - started


@pytest.mark.parametrize("is_sliding", [True, False])
def test_headers_prevent_429(is_sliding: bool) -> None:
    """A server that tells what is left is never asked too often, and nothing is wasted."""
    limiter = Limiter(240, 60, Clock(), is_sliding)
    seconds = drive(limiter, 1200, headers=True, retry_after=True)
    assert limiter.refusals == 0
    assert seconds < 60 * 5.5


@pytest.mark.parametrize("is_sliding", [True, False])
@pytest.mark.parametrize("retry_after", [True, False])
def test_240_a_minute_without_headers_is_learned(is_sliding: bool, retry_after: bool) -> None:
    """A first 429 teaches; of 2,400 requests in ten minutes about one in a hundred is refused."""
    limiter = Limiter(240, 60, Clock(), is_sliding)
    seconds = drive(limiter, 2400, headers=False, retry_after=retry_after)
    assert limiter.refusals <= (10 if retry_after else 30)
    assert seconds < 600 * 1.15


def test_ten_a_second_is_learned_too() -> None:
    """A short window is not taken for a minute: most of the allowance is used."""
    limiter = Limiter(10, 1, Clock(), is_sliding=True)
    seconds = drive(limiter, 3000, headers=False, retry_after=True, latency=0.01)
    assert limiter.refusals <= 10
    assert seconds < 300 * 1.2


def test_pace_recovers_after_a_lesson() -> None:
    """A limit that was a passing mood does not slow the client for ever."""
    clock = Clock()
    throttle = throttle_for(clock)
    for _ in range(100):
        admit(throttle, clock)
        throttle.answered(None)
        clock.sleep(0.05)
    throttle.refused(None, 1.0)
    slow = throttle.per_second
    assert slow is not None
    assert 5 < slow < 15
    for _ in range(600):
        admit(throttle, clock)
        throttle.answered(None)
    fast = throttle.per_second
    assert fast is not None
    assert fast > 1.7 * slow, "back near the old pace within a minute"


def test_several_429_of_one_moment_teach_once() -> None:
    """What was in flight when the first came says the same again."""
    clock = Clock()
    throttle = throttle_for(clock)
    for _ in range(40):
        admit(throttle, clock)
        throttle.answered(None)
    throttle.refused(None, 1.0)
    throttle.pause(1.0)
    learned = throttle.per_second
    assert learned is not None
    for _ in range(3):
        throttle.refused(None, 1.0)
    assert throttle.per_second == learned


def test_a_lone_429_is_no_lesson_and_a_second_one_is() -> None:
    """A server that fails at random, 429 among its failures, is not mistaken for one that limits."""
    clock = Clock()
    throttle = throttle_for(clock)
    for good in (50, 50, 5):
        assert throttle.per_second is None
        for _ in range(good):
            admit(throttle, clock)
            throttle.answered(None)
        throttle.refused(None, None)
        throttle.pause(1.0)
        clock.sleep(1.0)
    assert throttle.per_second is not None


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 600),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
def test_no_minute_holds_more_than_the_budget(per_minute: int, gaps: list[float]) -> None:
    """Whatever the rhythm in which requests are wanted, and they are evenly spaced."""
    clock = Clock()
    throttle = throttle_for(clock, per_minute=per_minute)
    sent = []
    for gap in gaps:
        clock.sleep(gap)
        admit(throttle, clock)
        sent.append(clock.monotonic())
    assert all(late - soon > 60 / per_minute - 1e-6 for soon, late in pairwise(sent))


def test_budget_is_checked_before_anything_is_counted() -> None:
    """Used up is used up, also with a day that began before."""
    clock = Clock()
    throttle = throttle_for(clock, max_requests=2)
    admit(throttle, clock)
    admit(throttle, clock)
    for _ in range(2):
        with pytest.raises(BudgetError):
            throttle.admit()
    assert throttle.made == 2
    assert RequestBudget(max_requests=5, per_day=10, used_today=8).left(1) == 1
    assert RequestBudget(per_day=10, used_today=12).left(0) == 0
    assert RequestBudget(max_requests=0).left(0) == 0
    assert RequestBudget(per_minute=5).left(10**6) is None


def test_pause_holds_everyone() -> None:
    """The longest pause counts."""
    clock = Clock()
    throttle = throttle_for(clock)
    throttle.pause(30)
    throttle.pause(5)
    assert throttle.admit() == 30
    clock.sleep(30)
    assert throttle.admit() == 0


def test_requests_under_way_are_taken_off_what_is_left() -> None:
    """Five left and three under way: two may go."""
    clock = Clock()
    throttle = throttle_for(clock)
    for _ in range(4):
        assert throttle.admit() == 0
    throttle.answered(RateHeaders(5, 40))
    assert [throttle.admit() for _ in range(3)] == [0, 0, 40]
    throttle.answered(RateHeaders(6, 40))
    assert throttle.admit() == 40, "an answer from before promises too much"
    clock.sleep(40)
    assert throttle.admit() == 0


@pytest.mark.parametrize("rate", [RateHeaders(0, -5), RateHeaders(0, 0), RateHeaders(0, 1e9)])
def test_useless_resets_hold_nobody(rate: RateHeaders) -> None:
    """In the past or absurdly far."""
    throttle = throttle_for(Clock())
    throttle.admit()
    throttle.answered(rate)
    assert throttle.admit() == 0


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
    throttle = throttle_for(Clock())
    throttle.admit()
    throttle.answered(rate_of(remaining, reset))
    assert throttle.admit() <= 120
