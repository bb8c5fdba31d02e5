"""Numbers as people read them: what is not known is –, a rate comes with its cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime

from unpod_sync.report.kpis import Rate

UNKNOWN = "–"
SPARKS = "▁▂▃▄▅▆▇█"
GAP = "·"


def rounded(number: float, digits: int = 0) -> float:
    """Half is rounded up, as the page's script does: 12.5 is 13."""
    scale: int = 10**digits
    return math.floor(number * scale + 0.5) / scale


def count(number: int | float | None) -> str:
    """1234 is 1,234."""
    return UNKNOWN if number is None else f"{rounded(number):,.0f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 day`, `2 days`, `1,234 days`; `many` where the plural does not end in s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """0.614 is 61%; what is neither 0 nor 1 never reads as 0% or 100%."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.005 or 0.995 <= share < 1:
        if 0.0005 <= share < 0.9995:
            return f"{rounded(100 * share, 1):.1f}%"
        return "< 0.1%" if share < 0.5 else "> 99.9%"
    return f"{rounded(100 * share):.0f}%"


def rate(value: Rate) -> str:
    """`61% of 373`; without cases –."""
    return UNKNOWN if value.rate is None else f"{percent(value.rate)} of {count(value.cases)}"


def interval(value: Rate) -> str:
    """The 95% interval: `55–66`."""
    if value.low is None or value.high is None:
        return ""
    return f"{rounded(100 * value.low):.0f}–{rounded(100 * value.high):.0f}"


def clock(seconds: float | None) -> str:
    """84 is 1:24, an hour more 1:01:24."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(int(rounded(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def hours(seconds: float | None) -> str:
    """Talk time: 8,157 is 2 h 16 min."""
    if seconds is None:
        return UNKNOWN
    whole, minutes = divmod(int(rounded(seconds / 60)), 60)
    return f"{whole:,} h {minutes} min" if whole else f"{minutes} min"


def money(amount: float | None) -> str:
    """Costs have no currency: 11.75, small ones 0.317."""
    if amount is None:
        return UNKNOWN
    digits = 2 if abs(amount) >= 1 or amount == 0 else 3
    return f"{rounded(amount, digits):,.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of rates: +17 pts."""
    if difference is None:
        return UNKNOWN
    return _signed(rounded(100 * difference), " pts")


def growth(now: float | None, before: float | None) -> str:
    """A change of a number, in percent of what it was."""
    if now is None or not before:
        return UNKNOWN
    if now / before >= 10:
        return f"× {rounded(now / before):.0f}"
    return _signed(rounded(100 * (now / before - 1)), "%")


def between(low: float, high: float) -> str:
    """The 95% interval of a difference of rates: `+2 to +20 points`."""
    return f"{_signed(rounded(100 * low), '')} to {_signed(rounded(100 * high), '')} points"


def _signed(number: float, unit: str) -> str:
    return f"{number:+.0f}{unit}".replace("-", "−") if number else f"±0{unit}"


def day(value: date, *, year: bool = False) -> str:
    """`Fri 20 Nov`."""
    return f"{value:%a} {value.day} {value:%b}" + (f" {value.year}" if year else "")


def days(since: date, until: date) -> str:
    """`Sat 14 – Fri 20 Nov 2026`, as short as it can be said."""
    if since == until:
        return day(until, year=True)
    if since.year != until.year:
        return f"{day(since, year=True)} – {day(until, year=True)}"
    start = f"{since:%a} {since.day}" if since.month == until.month else day(since)
    return f"{start} – {day(until, year=True)}"


def ago(then: datetime, now: datetime) -> str:
    """How long ago, in one unit."""
    minutes = (now - then).total_seconds() / 60
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= 2 * size:
            return f"{plural(round(minutes / size), unit)} ago"
    return "just now" if minutes < 1 else f"{plural(round(minutes), 'minute')} ago"


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


def words(name: str) -> str:
    """`not_interested` is not interested."""
    return name.replace("_", " ")
