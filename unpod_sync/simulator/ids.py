"""Identifiers and times in the forms the backend writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

_GREGORIAN_OFFSET = 0x01B21DD213814000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPACE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_HANDLE_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def epoch_micros(at: datetime) -> int:
    """Whole microseconds since 1970, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def object_id(epoch_seconds: int, machine: int, counter: int) -> str:
    """A document id: 4 bytes of time, 5 of machine, 3 of counter, so it grows with creation."""
    return f"{epoch_seconds & 0xFFFFFFFF:08x}{machine & 0xFFFFFFFFFF:010x}{counter & 0xFFFFFF:06x}"


def time_uuid(micros: int, clock_sequence: int, node: int) -> str:
    """32 hex digits of a version 1 UUID that holds the given instant."""
    ticks = micros * 10 + _GREGORIAN_OFFSET
    low, middle, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
    sequence = 0x8000 | (clock_sequence & 0x3FFF)
    return f"{low:08x}{middle:04x}{0x1000 | high:04x}{sequence:04x}{node & 0xFFFFFFFFFFFF:012x}"


def naive_time(at: datetime) -> str:
    """Record times: naive, whole seconds, truncated, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def call_time(at: datetime) -> str:
    """Call times of the hosted voice service: a space and microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def zulu_time(at: datetime) -> str:
    """The documented form, with Z."""
    return naive_time(at) + "Z"


def parse_naive(text: str) -> datetime:
    """Read back what `naive_time` or `zulu_time` wrote."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def space_token(rng: Random) -> str:
    """24 capital letters and digits, as spaces have."""
    return "".join(rng.choices(_SPACE_ALPHABET, k=24))


def agent_handle(rng: Random) -> str:
    """`space-agent-` and 24 small letters and digits."""
    return "space-agent-" + "".join(rng.choices(_HANDLE_ALPHABET, k=24))


def from_local(local: datetime, offset_minutes: int) -> datetime:
    """The instant of a naive wall-clock time so many minutes east of UTC."""
    return (local - timedelta(minutes=offset_minutes)).replace(tzinfo=UTC)


def to_local(at: datetime, offset_minutes: int) -> datetime:
    """The naive wall-clock time of an instant so many minutes east of UTC."""
    return (at + timedelta(minutes=offset_minutes)).replace(tzinfo=None)
