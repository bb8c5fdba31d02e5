"""The one rule for periods: complete local days; the day of the last sync stands apart, as partial."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from unpod_sync.errors import UsageError

DAY = timedelta(days=1)
#: Without dates: this many complete days, against as many before; details over four times as many.
DEFAULT_DAYS = 7
DETAIL_DAYS = 28


@dataclass(frozen=True, slots=True)
class Period:
    """Local dates, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.until - self.since).days + 1

    @property
    def before(self) -> Period:
        """As many days, right before it."""
        return Period(self.since - timedelta(days=self.days), self.since - DAY)

    @classmethod
    def ending(cls, until: date, days: int) -> Period:
        """So many days up to `until`, included."""
        return cls(until - timedelta(days=days - 1), until)


@dataclass(frozen=True, slots=True)
class Periods:
    """What is asked: the period, that of the details, and the partial day where it was asked for too.

    `whole` is everything there is, with the days that the default period is compared with.
    `is_partial`: no complete day was asked for, so that the period is the partial day itself.
    """

    main: Period
    detail: Period
    whole: Period
    today: date | None
    is_partial: bool


def periods(since: date | None, until: date | None, *, first: date | None, today: date) -> Periods:
    """The periods of every report, in the terminal and on the page.

    `first` is the first local date with data, `today` that of the last sync: it is not over, so no
    period reaches it unless nothing else was asked for or is there. UsageError for dates in the wrong order.
    """
    if since and until and since > until:
        raise UsageError(
            f"--since {since} is after --until {until}", "Give an earlier --since or a later --until."
        )
    complete = today - DAY
    shown = today if until is None or until >= today else None
    start = since or first or today
    if start > complete and (until is None or until > complete):
        part = Period(start, max(until or today, start))
        return Periods(part, part, part, None, is_partial=True)
    end = min(until or complete, complete)
    usual = Period.ending(end, DEFAULT_DAYS)
    whole = Period(min(first or end, usual.before.since), end)
    if since or until:
        asked = Period(min(start, end), end)
        return Periods(asked, asked, whole, shown, is_partial=False)
    return Periods(usual, Period.ending(end, DETAIL_DAYS), whole, shown, is_partial=False)
