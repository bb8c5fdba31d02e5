"""Counts and gaps of conversations, for a whole batch of messages at once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unpod_sync.transcript import Messages

MICROSECONDS = 1_000_000
COUNTS = (
    "message_count", "user_message_count", "agent_message_count", "user_characters", "agent_characters",
    "timed_message_count", "turn_count",
)  # fmt: skip
GAPS = ("reply_gap_p50_seconds", "longest_gap_seconds")


def conversation(messages: Messages) -> dict[str, pa.Array]:
    """The conversation columns of `tasks`, one value per record.

    Counts are NULL where there is no transcript to read, 0 where it is empty; the gaps are NULL
    without two consecutive messages of agent and user whose times can be read.
    """
    table, owner, known = messages.table, messages.owner, messages.known
    is_user = pc.fill_null(pc.equal(table["role"], "user"), False).combine_chunks()
    is_agent = pc.fill_null(pc.equal(table["role"], "agent"), False).combine_chunks()
    length = pc.fill_null(pc.utf8_length(table["content"]), 0).combine_chunks()
    nobody = pa.scalar(0, length.type)
    sums = {
        "message_count": pa.repeat(pa.scalar(1, pa.int64()), len(owner)),
        "user_message_count": is_user.cast(pa.int64()),
        "agent_message_count": is_agent.cast(pa.int64()),
        "user_characters": pc.if_else(is_user, length, nobody).cast(pa.int64()),
        "agent_characters": pc.if_else(is_agent, length, nobody).cast(pa.int64()),
        "timed_message_count": pc.is_valid(table["sent_at"]).combine_chunks().cast(pa.int64()),
    }
    columns = {name: _scatter(owner, values, known) for name, values in sums.items()}
    spoken = pc.or_(is_user, is_agent)
    return columns | _changes(
        owner.filter(spoken),
        is_user.filter(spoken),
        table["sent_at"].combine_chunks().cast(pa.int64()).filter(spoken),
        known,
    )


def _changes(owner: pa.Array, is_user: pa.Array, moment: pa.Array, known: list[bool]) -> dict[str, pa.Array]:
    """Turns and gaps between each spoken message and the one before it in the same task."""
    if len(owner) == 0:
        nothing = pa.nulls(len(known), pa.float64())
        turns = pa.array([0 if is_known else None for is_known in known], pa.int64())
        return {"turn_count": turns, **dict.fromkeys(GAPS, nothing)}
    same = pc.equal(owner[1:], owner[:-1])
    other_side = pc.not_equal(is_user[1:], is_user[:-1])
    first = pa.array([1], pa.int64())
    starts_turn = pa.concat_arrays([first, pc.or_(pc.invert(same), other_side).cast(pa.int64())])
    gap = pc.subtract(moment[1:], moment[:-1])
    usable = pc.fill_null(pc.and_(same, pc.greater_equal(gap, 0)), False)
    replies = pc.and_(usable, other_side)
    longest: list[float | None] = [None] * len(known)
    medians: list[float | None] = [None] * len(known)
    for index, gaps in _groups(owner[1:].filter(usable), gap.filter(usable)):
        longest[index] = max(gaps) / MICROSECONDS
    for index, gaps in _groups(owner[1:].filter(replies), gap.filter(replies)):
        medians[index] = _median(gaps) / MICROSECONDS
    return {
        "turn_count": _scatter(owner, starts_turn, known),
        "reply_gap_p50_seconds": pa.array(medians, pa.float64()),
        "longest_gap_seconds": pa.array(longest, pa.float64()),
    }


def _scatter(owner: pa.Array, values: pa.Array, known: list[bool]) -> pa.Array:
    """The sum of the values of each owner, in its place; 0 without values, NULL where not known."""
    sums: list[int | None] = [0 if is_known else None for is_known in known]
    grouped = pa.table({"owner": owner, "value": values}).group_by("owner", use_threads=False).aggregate([("value", "sum")])
    for index, value in zip(grouped["owner"].to_pylist(), grouped["value_sum"].to_pylist(), strict=True):
        sums[index] = value
    return pa.array(sums, pa.int64())


def _groups(owner: pa.Array, values: pa.Array) -> list[tuple[int, list[Any]]]:
    """The values of each owner; equal owners stand together."""
    runs = pc.run_end_encode(owner, run_end_type=pa.int64())
    ends = runs.run_ends.to_pylist()
    plain = values.to_pylist()
    starts = [0, *ends[:-1]]
    return [
        (index, plain[start:end]) for index, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
    ]


def _median(values: list[int]) -> float:
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
