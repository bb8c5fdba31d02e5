"""The retry decision, pure: which failures, how often, how long; and reading what servers ask for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unpod_sync.api.failures import Failure, FailureKind, LogRedactor, Retry, error_for
from unpod_sync.api.retry import RetryPolicy, read_http_date, read_retry_after, retry_delay
from unpod_sync.model import space_tasks

POLICY = RetryPolicy()
NOW = datetime(2025, 3, 1, 10, tzinfo=UTC)
KINDS = st.sampled_from(list(FailureKind))


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind.retry is Retry.NEVER])
def test_final_kinds_are_never_tried_again(kind: FailureKind) -> None:
    """Not even with Retry-After."""
    assert retry_delay(Failure(kind, "", retry_after_seconds=1), 1, POLICY, lambda: 0.5) is None


@settings(deadline=None)
@given(kind=KINDS, attempt=st.integers(1, 10**9), chance=st.floats(0, 0.999))
def test_waits_are_bounded_and_end(kind: FailureKind, attempt: int, chance: float) -> None:
    """Never negative, never above a minute, and none after the last attempt."""
    wait = retry_delay(Failure(kind, ""), attempt, POLICY, lambda: chance)
    if attempt >= POLICY.max_attempts:
        assert wait is None
    assert wait is None or 0 <= wait <= 60


def test_backoff_doubles_with_full_jitter() -> None:
    """At the most: 0.5, 1, 2 … up to 30; at the least: nothing."""
    trouble = Failure(FailureKind.SERVER, "")
    longest = [retry_delay(trouble, attempt, RetryPolicy(12), lambda: 1.0) for attempt in range(1, 9)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert retry_delay(trouble, 5, POLICY, lambda: 0.0) == 0


def test_a_429_without_retry_after_outlasts_a_minute() -> None:
    """Even with the unluckiest jitter the attempts span the window that limits are counted over."""
    waits = [
        retry_delay(Failure(FailureKind.RATE, ""), attempt, POLICY, lambda: 0.0) for attempt in range(1, 8)
    ]
    assert sum(wait or 0 for wait in waits) > 60


def test_retry_after_is_kept_to_unless_too_long() -> None:
    """Never earlier than asked."""
    for chance in (0.0, 0.999):
        wait = retry_delay(Failure(FailureKind.SERVER, "", 503, 7.0), 1, POLICY, lambda chance=chance: chance)
        assert wait is not None
        assert 7 < wait <= 7.5
    assert retry_delay(Failure(FailureKind.RATE, "", 429, 121.0), 1, POLICY, lambda: 0.0) is None


def test_some_kinds_are_tried_seldom() -> None:
    """Four times, or fewer when the client is told fewer."""
    for kind in (FailureKind.DNS, FailureKind.REFUSED, FailureKind.PROXY, FailureKind.PARTIAL):
        assert retry_delay(Failure(kind, ""), 3, POLICY, lambda: 0.5) is not None
        assert retry_delay(Failure(kind, ""), 4, POLICY, lambda: 0.5) is None
        assert retry_delay(Failure(kind, ""), 2, RetryPolicy(max_attempts=2), lambda: 0.5) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Sat, 01 Mar 2025 10:01:00 GMT", 60.0),
        ("Sat, 01 Mar 2025 11:01:00 +0100", 60.0),
        ("Sat, 01 Mar 2025 09:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        (".", None),
        ("٣", None),
        ("nan", None),
        ("1e9", None),
        ("Sat, 99 Mar 2025 10:01:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str | None, seconds: float | None) -> None:
    """Seconds or an HTTP date, garbage is as if absent."""
    assert read_retry_after(text, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_header_breaks_the_reading(text: str) -> None:
    """Whatever stands there."""
    read_retry_after(text, NOW)
    read_http_date(text)


@settings(deadline=None)
@given(kind=KINDS, wait=st.none() | st.floats(0, 1e15))
def test_every_kind_has_an_error_with_a_hint(kind: FailureKind, wait: float | None) -> None:
    """Message with place and cause, and what to do."""
    error = error_for(Failure(kind, "it broke", 0, wait), space_tasks("A"), 2, 3, NOW)
    assert error.message == "spaces/A/tasks, page 2: it broke (tried 3 times)"
    assert error.hint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Token abc123def", "Authorization: ***"),
        ('{"authorization": "Bearer xyz"}', '{"authorization": ***}'),
        ("sent Token a1b2c3d4e5f6", "sent Token ***"),
        ("api_key=9f8e7d6c5b", "api_key=***"),
        ("the token expired", "the token expired"),
        ("Invalid token provided", "Invalid token provided"),
        ("my s3cret, your s3cret", "my ***, your ***"),
        ("a\x00b\r\nc\u202ed", "a b c d"),
        ("mail me@x.in or +91-98765 43210 (12 rows, 404)", "mail … or … (12 rows, 404)"),
    ],
)
def test_scrubbing(text: str, shown: str) -> None:
    """Secrets, contacts and control characters go; plain words stay."""
    assert LogRedactor("s3cret", "")(text) == shown


@settings(deadline=None)
@given(st.text(), st.text())
def test_scrubbed_text_never_holds_the_secret(before: str, after: str) -> None:
    """Wherever it stands, and always short."""
    shown = LogRedactor("sentinel-4f2a")(f"{before}sentinel-4f2a{after}")
    assert "sentinel-4f2a" not in shown
    assert len(shown) <= 200
    assert "sentinel" not in repr(LogRedactor("sentinel-4f2a"))
