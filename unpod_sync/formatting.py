"""Numbers, times and sizes as people read them; what is not known is –."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo

#: What stands for a value that is not known, as for NULL.
UNKNOWN = "–"


def rounded(number: float, digits: int = 0) -> float:
    """Half is rounded up, as the page's script does: 12.5 is 13."""
    scale: int = 10**digits
    return math.floor(number * scale + 0.5) / scale


def count(number: int | float | None) -> str:
    """1234 is 1,234."""
    return UNKNOWN if number is None else f"{rounded(number):,.0f}"


def decimals(number: float) -> float:
    """A number in as many digits as people compare: 73.217 is 73.22, 0.58333 is 0.583; 0.9996 does not become 1."""
    if abs(number) >= 1:
        return round(number, 2)
    short = float(f"{number:.3g}")
    return number if abs(short) == 1 else short


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 space`, `2 spaces`, `1,234 spaces`; `many` where the plural is not formed with s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def percent(share: float | None) -> str:
    """0.614 is 61%; what is neither 0 nor 1 never reads as 0% or 100%."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.005 or 0.995 <= share < 1:
        if 0.0005 <= share < 0.9995:
            return f"{rounded(100 * share, 1):.1f}%"
        return "< 0.1%" if share < 0.5 else "> 99.9%"
    return f"{rounded(100 * share):.0f}%"


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


def format_duration(seconds: float) -> str:
    """A time span in its largest unit: `2 hours`."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(int(seconds // size), unit)
    return plural(int(seconds), "second")


def format_age(seconds: float) -> str:
    """`2 hours ago`; `dated 3 days ahead` below 0."""
    return f"{format_duration(seconds)} ago" if seconds >= 0 else f"dated {format_duration(-seconds)} ahead"


def format_clock(seconds: float | None) -> str:
    """Minutes and seconds, with hours where there are any: `1:24`, `1:01:24`."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(int(rounded(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_time(moment: datetime | str | None, zone: tzinfo = UTC) -> str:
    """A stored time (UTC; as text in ISO format) in `zone`: `2026-11-21 22:34 UTC`."""
    if not moment:
        return UNKNOWN
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment.removesuffix("Z"))
    return at.replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


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


def format_bytes(number: float) -> str:
    """`512 B`, `2.0 kB`, `10 MB`."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def words(name: str) -> str:
    """`not_interested` is not interested."""
    return name.replace("_", " ")
