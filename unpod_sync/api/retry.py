"""Whether and when a failed attempt is made again: pure decisions, no clock and no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from unpod_sync.api.failures import Failure, FailureKind, Retry


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient the client is.

    `max_attempts` counts the first one; `few_attempts` is for the kinds of `Retry.FEW`.
    `base_seconds` doubles with each attempt up to `most_seconds`. A `Retry-After` above
    `longest_wait_seconds` is not waited for.
    """

    max_attempts: int = 8
    few_attempts: int = 4
    base_seconds: float = 0.5
    most_seconds: float = 30.0
    rate_base_seconds: float = 2.0
    rate_most_seconds: float = 60.0
    longest_wait_seconds: float = 120.0


def retry_delay(
    failure: Failure, attempt: int, policy: RetryPolicy, random: Callable[[], float], refusals: int = 0
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    `attempt` counts from 1; `random` gives numbers in [0, 1). Backoff is exponential with full
    jitter. A 429 without `Retry-After` keeps at least half of each step, so that eight attempts
    outlast the minute over which such limits are documented to be counted; `refusals` is how many came
    in a row, over all threads.
    """
    retry = failure.kind.retry
    few = policy.few_attempts if retry is Retry.FEW else policy.max_attempts
    if retry is Retry.NEVER or attempt >= min(policy.max_attempts, few):
        return None
    asked = failure.retry_after_seconds
    if asked is not None:
        # A little later than asked and not all at once: servers round their seconds down.
        return None if asked > policy.longest_wait_seconds else asked + 0.05 + 0.45 * random()
    doublings = 2.0 ** min(attempt - 1, 30)
    if failure.kind is FailureKind.RATE:
        doublings = 2.0 ** min(max(attempt, refusals) - 1, 30)
        return min(policy.rate_most_seconds, policy.rate_base_seconds * doublings) * (0.5 + 0.5 * random())
    return min(policy.most_seconds, policy.base_seconds * doublings) * random()


def read_retry_after(text: str | None, now: datetime) -> float | None:
    """`Retry-After` as seconds from `now`; None when absent or unreadable.

    Seconds (also with a fraction) or an HTTP date; a date in the past is 0.
    """
    if text is None:
        return None
    text = text.strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text[:20])
    at = read_http_date(text)
    return None if at is None else max(0.0, (at - now).total_seconds())


def read_http_date(text: str | None) -> datetime | None:
    """An HTTP date (`Date`, `Retry-After`) as an aware UTC time, None when absent or unreadable."""
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
