"""Times, durations, sizes and counts for people."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

#: What stands for a value that is not known, as for NULL.
UNKNOWN = "–"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 space`, `2 spaces`, `1,234 spaces`; `many` where the plural is not formed with s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


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
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_time(moment: datetime | str | None, zone: tzinfo = UTC) -> str:
    """A stored time (UTC; as text in ISO format) in `zone`: `2026-11-21 22:34 UTC`."""
    if not moment:
        return UNKNOWN
    at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment.removesuffix("Z"))
    return at.replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
