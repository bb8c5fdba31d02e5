"""What the terminal report draws: rates with their cases, sparks, bars and intervals."""

from __future__ import annotations

from collections.abc import Sequence

from unpod_sync.formatting import UNKNOWN, count, percent, rounded
from unpod_sync.report.kpis import Rate

SPARKS = "▁▂▃▄▅▆▇█"
GAP = "·"


def rate(value: Rate) -> str:
    """`61% of 373`; without cases –."""
    return UNKNOWN if value.rate is None else f"{percent(value.rate)} of {count(value.cases)}"


def interval(value: Rate) -> str:
    """The 95% interval: `55–66`."""
    if value.low is None or value.high is None:
        return ""
    return f"{rounded(100 * value.low):.0f}–{rounded(100 * value.high):.0f}"


def spark(values: Sequence[float | None]) -> str:
    """One character per value; the scale ends at the highest, and starts no higher than at 60% of it."""
    known = [value for value in values if value is not None]
    if not known:
        return GAP * len(values)
    top, bottom = max(known), min(min(known), 0.6 * max(known))
    width = (top - bottom) or 1
    return "".join(
        GAP if value is None else SPARKS[min(7, int(8 * (value - bottom) / width))] for value in values
    )


def bar(share: float, width: int) -> str:
    """A bar of eighths of characters."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def whisker(value: Rate, width: int) -> str:
    """The interval on a scale from 0 to 100%: `   ├──●──┤    `."""
    if value.rate is None or value.low is None or value.high is None:
        return ""
    low, middle, high = (min(width - 1, int(part * width)) for part in (value.low, value.rate, value.high))
    line = [" "] * width
    line[low : high + 1] = ["─"] * (high + 1 - low)
    line[low], line[high], line[middle] = "├", "┤", "●"
    return "".join(line)
