"""Dates and ages on the command line: 2026-11-01, today, yesterday, 7d, 2w; 90m, 1h30m."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import published
from unpod_sync.config import Settings
from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

WORDS = {"today": 0, "yesterday": 1}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,4})([dw])")


def read_day(text: str, today: date) -> date:
    """A local date: ISO, `today`, `yesterday`, or so many days (`7d`) or weeks (`2w`) before today.

    Raises `ValueError` for anything else.
    """
    word = text.strip().lower()
    if word in WORDS:
        return today - timedelta(days=WORDS[word])
    if ago := _AGO.fullmatch(word):
        return today - timedelta(days=int(ago[1]) * (7 if ago[2] == "w" else 1))
    try:
        return datetime.strptime(word, "%Y-%m-%d").date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        meant = did_you_mean(word, WORDS)
        raise ValueError(
            f"{text!r} is not a date, such as 2026-11-01, yesterday, 7d or 2w. {meant}".strip()
        ) from None


def read_age(text: str) -> timedelta:
    """`90m`, `2h`, `1d` or `1h30m` as a time span; `ValueError` for anything else."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        raise ValueError(f"{text!r} is not an age, such as 90m, 2h or 1d")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    return sum((timedelta(**{UNITS[unit]: float(number)}) for number, unit in parts), timedelta())


class Parsed(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A value that a function reads; the message of its `ValueError` is the usage error."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        """`name` is the metavar."""
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What the function makes of the text."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _checked_day(text: str) -> str:
    """The text of a date; which day it is depends on the configured time zone."""
    read_day(text, date.max)
    return text


DAY, AGE = Parsed("date", _checked_day), Parsed("age", read_age)


def period_options(function: F) -> F:
    """Adds --since and --until; the command gets them as local dates. Needs `settings` from outside."""

    @click.option("--since", type=DAY, help="First local date: 2026-11-01, yesterday, 7d, 2w (ago).")
    @click.option("--until", type=DAY, help="Last local date, included.")
    @functools.wraps(function)
    def wrapped(*args: Any, settings: Settings, since: str | None, until: str | None, **kwargs: Any) -> Any:
        today = _today(settings) if since or until else date.max
        first, last = (None if text is None else read_day(text, today) for text in (since, until))
        if first and last and first > last:
            raise UsageError(f"--since {first} is later than --until {last}", "Exchange them.")
        return function(*args, settings=settings, since=first, until=last, **kwargs)

    return wrapped  # type: ignore[return-value]


def _today(settings: Settings) -> date:
    """Today in the time zone of the file's local dates: a changed setting applies from the next sync."""
    import duckdb

    from unpod_sync.analytics.query import open_published

    with open_published(published(settings)) as connection:
        try:
            zones = connection.execute("select value from meta.settings where name = 'time_zone'").fetchall()
        except duckdb.CatalogException:  # not a file of ours, which the command itself reports
            zones = []
    return datetime.now(ZoneInfo(zones[0][0]) if zones else settings.zone).date()
