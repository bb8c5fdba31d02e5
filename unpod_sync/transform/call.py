"""The call itself: type, status, duration, cost, and what the platform's analytics makes of it.

Definitions are those of `sql/README.md`; the platform's own rules, of `docs/api-behaviour.md`, section 7.
"""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from unpod_sync.transform.columns import Columns, RecordColumns, Values, each_spelling, nested
from unpod_sync.transform.compute import pc
from unpod_sync.transform.json_codec import embedded
from unpod_sync.transform.parse import (
    ParseError,
    canonical_call_type,
    canonical_label,
    is_missing,
    read_number,
    read_text,
)

LONGEST_CALL = 12 * 3600.0  # seconds
LONGEST_IN_SPANS = 100

CALL_TYPES = ("output.call_type", "output.type", "output.metadata.type", "input.call_type")


def call(batch: RecordColumns) -> Columns:
    """Type, status, cost, error and message of the call."""
    type_labels = pa.array(batch.labels("call_type", CALL_TYPES, canonical_call_type), pa.string())
    statuses = [
        value if type(value) is str else nested(value, ("status", "value", "name", "label"))
        for value in batch.raw("output.call_status")
    ]
    labels = batch.texts("call_status", statuses)
    errors = [
        value if type(value) is str else nested(value, ("message", "error", "detail", "reason"))
        for value in batch.raw("output.error")
    ]
    return {
        "call_type": each_spelling(type_labels, canonical_call_type),
        "call_type_label": type_labels,
        "call_status": each_spelling(labels, canonical_label),
        "call_status_label": labels,
        "cost": _cost(batch),
        "error_message": batch.texts("error_message", errors),
        "output_message": batch.texts("output_message", _output_messages(batch)),
        "referenced_task_id": batch.texts(
            "referenced_task_id",
            [nested(value, ("task_id", "id")) for value in batch.raw("output.referenced_task")],
        ),
    }


def _cost(batch: RecordColumns) -> pa.Array:
    costs = batch.numbers("cost", batch.raw("output.cost"))
    others = batch.raw("output.metadata.cost")
    if costs.null_count == 0 or others.count(None) == len(others):
        return costs
    lacking = [other if cost is None else None for cost, other in zip(costs.to_pylist(), others, strict=True)]
    return pc.coalesce(costs, batch.numbers("cost", lacking))


def _output_messages(batch: RecordColumns) -> Values:
    messages = [
        message if message is not None else data if isinstance(data, str) else None
        for message, data in zip(batch.raw("output.message"), batch.raw("output.data"), strict=True)
    ]
    for index, value in enumerate(batch.raw("output")):
        if isinstance(value, str) and not is_missing(value) and not batch.objects("output")[index]:
            messages[index] = value if embedded(value) is None else None
    return messages


def duration(batch: RecordColumns) -> Columns:
    """Seconds of the call: as sent when plausible, else end - start when that is, else NULL."""
    sent = batch.raw("output.duration")
    started = batch.arrays["started_at"].cast(pa.int64()).to_pylist()
    ended = batch.arrays["ended_at"].cast(pa.int64()).to_pylist()
    seconds: list[float | None] = []
    for index, (value, start, end) in enumerate(zip(sent, started, ended, strict=True)):
        span = None if start is None or end is None else (end - start) / 1_000_000
        reason = None
        try:
            number = read_number(value)
        except ParseError as refusal:
            number, reason = None, str(refusal)
        if number:
            reason = _implausible(number, span)
            if reason is None:
                seconds.append(number)
                continue
        if span is not None and not 0 <= span <= LONGEST_CALL:
            about = f"ended_at - started_at is {span:g} s"
            reason, value = (f"{reason}; {about}", value) if reason else (f"implausible: {about}", span)
            span = None
        if reason:
            batch.reject(index, "duration_seconds", value, reason)
        seconds.append(span)
    return {"duration_seconds": pa.array(seconds, pa.float64())}


def _implausible(number: float, span: float | None) -> str | None:
    if number < 0:
        return "negative duration"
    if number > LONGEST_CALL:
        return "implausible: over 12 hours"
    if span is not None and 0 < span * LONGEST_IN_SPANS < number:
        return "implausible: over 100 times ended_at - started_at"
    return None


def flags(batch: RecordColumns) -> Columns:
    """Whether the call was dialled at all, and whether a voicemail answered: it was dialled to reach one."""
    started = batch.arrays["started_at"].is_valid().to_pylist()
    reasons, errors, messages, statuses = (
        batch.arrays[name].to_pylist()
        for name in ("call_end_reason", "error_message", "output_message", "call_status")
    )
    raw_errors = batch.raw("output.error")
    voicemail = [
        status == "voicemail" or any(text is not None and "voicemail" in text.lower() for text in texts)
        for status, *texts in zip(statuses, reasons, errors, messages, strict=True)
    ]
    dialed = [
        is_started or is_voicemail or not is_missing(reason) or (bool(error) and not is_missing(error))
        for is_started, is_voicemail, reason, error in zip(
            started, voicemail, reasons, raw_errors, strict=True
        )
    ]
    return {"is_dialed": pa.array(dialed, pa.bool_()), "is_voicemail": pa.array(voicemail, pa.bool_())}


def platform(batch: RecordColumns) -> Columns:
    """What the platform's own analytics sees, by its rules to the letter.

    It reads an absent analysis or summary as an empty object and an absent status as "Unknown".
    An analysis or summary that is there and no object (null, text, list) makes it give up the
    run; a status that is there and no text is equal to none of its words.
    """
    statuses: list[str | None] = []
    scores: list[float | None] = []
    gives_up: list[bool] = []
    types = batch.raw("execution_type")
    for execution_type, output in zip(types, batch.objects("output"), strict=True):
        post = output.get("post_call_data", {})
        summary = post.get("summary", {}) if type(post) is dict else {}
        status = summary.get("status", "Unknown") if type(summary) is dict else "Unknown"
        statuses.append(read_text(status) if type(status) is str else None)
        scores.append(_platform_score(post.get("success_evaluator") if type(post) is dict else None))
        stuck = type(post) is not dict or type(summary) is not dict
        gives_up.append(stuck and execution_type == "call")
    return {
        "platform_status": pa.array(statuses, pa.string()),
        "platform_success_score": pa.array(scores, pa.float64()),
        "platform_gives_up": pa.array(gives_up, pa.bool_()),
    }


def _platform_score(value: Any) -> float | None:
    if not value or not isinstance(value, str | int | float):
        return None
    try:
        score = float(value)
    except (ValueError, OverflowError):
        return None
    return score if math.isfinite(score) else None
