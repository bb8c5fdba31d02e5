"""Counts and gaps of conversations, for a whole batch of messages at once.

The messages of a task stand together, so a sum per task is the difference of two running sums.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa

from unpod_sync.transform.compute import pc
from unpod_sync.transform.transcript import Messages

MICROSECONDS = 1_000_000


def conversation(messages: Messages) -> dict[str, pa.Array]:
    """The conversation columns of `tasks`, one value per record.

    Counts are NULL where there is no transcript to read, 0 where it is empty; the gaps are NULL
    without two consecutive messages of agent and user whose times can be read.
    """
    roles, sent_at, content = (
        messages.table[name].combine_chunks() for name in ("role", "sent_at", "content")
    )
    roles = roles.cast(pa.string())
    offsets = messages.offsets.cast(pa.int64())
    by_user, by_agent = _is(roles, "user"), _is(roles, "agent")
    length = pc.fill_null(pc.utf8_length(content), 0).cast(pa.int64())
    columns = {
        "message_count": _sums(pa.repeat(pa.scalar(1, pa.int64()), len(roles)), offsets),
        "user_message_count": _sums(by_user, offsets),
        "agent_message_count": _sums(by_agent, offsets),
        "user_characters": _sums(pc.multiply(length, by_user), offsets),
        "agent_characters": _sums(pc.multiply(length, by_agent), offsets),
        "timed_message_count": _sums(pc.is_valid(sent_at).cast(pa.int64()), offsets),
    }
    spoken = pc.add(by_user, by_agent)
    chosen = spoken.cast(pa.bool_())
    spoken_offsets = _running(spoken).take(offsets)
    moments = sent_at.cast(pa.int64()).filter(chosen)
    columns |= _turns_and_gaps(by_user.filter(chosen), moments, spoken_offsets)
    known = pa.array(messages.known, pa.bool_())
    nullable = {
        name: pc.if_else(known, values, pa.scalar(None, values.type)) for name, values in columns.items()
    }
    return nullable | {"platform_has_transcript": pa.array(messages.given, pa.bool_())}


def _turns_and_gaps(by_user: pa.Array, moments: pa.Array, offsets: pa.Array) -> dict[str, pa.Array]:
    """From each spoken message and the one before it in the same task.

    `by_user` is 1 or 0, `moments` microseconds or null, `offsets` the bounds of each record.
    """
    position = _running(pa.repeat(pa.scalar(1, pa.int64()), len(by_user)))[:-1]
    before = pc.if_else(pc.is_in(position, offsets), pa.scalar(None, pa.int64()), pc.subtract(position, 1))
    other_side = pc.not_equal(by_user, by_user.take(before))
    gap = pc.subtract(moments, moments.take(before))
    usable = pc.fill_null(pc.greater_equal(gap, 0), False)
    replies = pc.fill_null(pc.and_(usable, other_side), False)
    starts_turn = pc.fill_null(other_side, True).cast(pa.int64())
    return {
        "turn_count": _sums(starts_turn, offsets),
        "user_turn_count": _sums(pc.multiply(starts_turn, by_user), offsets),
        "reply_gap_p50_seconds": _each(_median, gap, replies, offsets),
        "longest_gap_seconds": _each(max, gap, usable, offsets),
    }


def _each(
    measure: Callable[[list[int]], float], gaps: pa.Array, chosen: pa.Array, offsets: pa.Array
) -> pa.Array:
    """The measure of each record's chosen gaps, in seconds; NULL for a record without any."""
    bounds = _integers(_running(chosen.cast(pa.int64())).take(offsets))
    values = _integers(gaps.filter(chosen))
    measured = [
        measure(values[start:end]) / MICROSECONDS if end > start else None for start, end in pairwise(bounds)
    ]
    return pa.array(measured, pa.float64())


def _is(roles: pa.Array, role: str) -> pa.Array:
    """1 where the role is this one, else 0."""
    return pc.fill_null(pc.equal(roles, pa.scalar(role)), False).cast(pa.int64())


def _running(values: pa.Array) -> pa.Array:
    """The running sum with a 0 before it: the sum of the first i values is at i."""
    return pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(values)])


def _sums(values: pa.Array, offsets: pa.Array) -> pa.Array:
    """The sum of the values of each record."""
    running = _running(values).take(offsets)
    return pc.subtract(running[1:], running[:-1])


def _integers(values: pa.Array) -> list[int]:
    """The values of an array of 64-bit integers without nulls; faster than `to_pylist`."""
    if not len(values):
        return []
    start = values.offset
    return memoryview(values.buffers()[1]).cast("q")[start : start + len(values)].tolist()


def _median(values: list[int]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
