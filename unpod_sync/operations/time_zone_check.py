"""Whether call times are shifted by a time zone (docs/api-behaviour.md, section 5), told from the calls alone.

Three signs, each of a whole number of half hours: a call that starts before its task was created,
an end that is later than start and duration say, and calls that all start the same whole number
of half hours after creation. A few calls prove nothing: most of them must agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unpod_sync.transform.parse import ParseError, read_number, read_time

STEP = 1800.0
SLACK = 240.0  # seconds around a whole number of steps
FEWEST = 5
SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Offset:
    """`calls` of `of` calls are shifted by `minutes`."""

    minutes: int
    calls: int
    of: int
    evidence: str


def call_offset(tasks: Iterable[Mapping[str, Any]]) -> Offset | None:
    """The shift that most calls show, None when they show none."""
    waits: list[float] = []
    excesses: list[float] = []
    for task in tasks:
        output = task.get("output")
        if not isinstance(output, Mapping):
            continue
        created, start = (
            _time(task.get("created")),
            _time(output.get("start_time") or output.get("startedAt")),
        )
        end, duration = (
            _time(output.get("end_time") or output.get("endedAt")),
            _number(output.get("duration")),
        )
        if created and start:
            waits.append((start - created).total_seconds())
        if start and end and duration:
            excesses.append((end - start).total_seconds() - duration)
    return (
        _agreed(excesses, "start and end are in different zones")
        or _agreed(
            [wait for wait in waits if wait < -SLACK], "they start before their task exists", of=len(waits)
        )
        or _agreed(waits, "they all start the same time after their task was created")
    )


def _agreed(seconds: list[float], evidence: str, of: int | None = None) -> Offset | None:
    total = len(seconds) if of is None else of
    steps = Counter(
        round(value / STEP) for value in seconds if abs(value - round(value / STEP) * STEP) <= SLACK
    )
    steps.pop(0, None)
    if not steps:
        return None
    step, calls = steps.most_common(1)[0]
    if calls < FEWEST or calls < SHARE * total or abs(step) > 28:
        return None
    return Offset(int(step * STEP / 60), calls, total, evidence)


def _time(value: object) -> datetime | None:
    try:
        return read_time(value)
    except ParseError:
        return None


def _number(value: object) -> float | None:
    try:
        return read_number(value)
    except ParseError:
        return None
