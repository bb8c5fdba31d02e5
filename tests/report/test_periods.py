"""The rule for periods: complete local days, and the day of the last sync apart."""

from __future__ import annotations

from datetime import date

import pytest

from unpod_sync.errors import UsageError
from unpod_sync.report.periods import Period, periods

FIRST, TODAY = date(2024, 1, 10), date(2024, 3, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("since", "until", "expected", "today"),
    [
        (None, None, ("2024-02-23", "2024-02-29"), TODAY),
        ("2024-02-01", None, ("2024-02-01", "2024-02-29"), TODAY),
        ("2024-02-01", "2024-03-01", ("2024-02-01", "2024-02-29"), TODAY),
        ("2024-02-01", "2024-12-31", ("2024-02-01", "2024-02-29"), TODAY),
        ("2024-02-01", "2024-02-10", ("2024-02-01", "2024-02-10"), None),
        (None, "2024-02-10", ("2024-01-10", "2024-02-10"), None),
        (None, "2023-12-31", ("2023-12-31", "2023-12-31"), None),
    ],
)
def test_periods_end_with_the_last_complete_day(
    since: str | None, until: str | None, expected: tuple[str, str], today: date | None
) -> None:
    """Whatever is asked for, the day of the last sync is in no period; it is apart where it was asked for."""
    found = periods((since and day(since)) or None, (until and day(until)) or None, first=FIRST, today=TODAY)
    assert found.main == Period(day(expected[0]), day(expected[1]))
    assert (found.today, found.is_partial) == (today, False)


@pytest.mark.parametrize(("since", "first"), [(TODAY, FIRST), (None, TODAY), (None, None)])
def test_a_partial_day_that_is_all_there_is(since: date | None, first: date | None) -> None:
    """It is the period then, and says that it is partial."""
    found = periods(since, None, first=first, today=TODAY)
    assert (found.main, found.today, found.is_partial) == (Period(TODAY, TODAY), None, True)


def test_the_period_before_has_as_many_days() -> None:
    """Right before it, over the end of a month and a leap day."""
    assert Period(day("2024-03-01"), day("2024-03-07")).before == Period(day("2024-02-23"), day("2024-02-29"))


def test_dates_in_the_wrong_order() -> None:
    with pytest.raises(UsageError):
        periods(day("2024-02-02"), day("2024-02-01"), first=None, today=TODAY)
