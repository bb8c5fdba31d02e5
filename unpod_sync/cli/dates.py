"""Dates on the command line: 2026-11-01, today, yesterday, 7d, 2w."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import click

from unpod_sync.config import Settings
from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean

F = TypeVar("F", bound=Callable[..., Any])

WORDS = {"today": 0, "yesterday": 1}
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
            f"{text!r} is no date, such as 2026-11-01, yesterday, 7d or 2w. {meant}".strip()
        ) from None


class Day(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """A local date, checked when it is read; which day it is depends on the configured time zone."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, when it is a date."""
        try:
            read_day(str(value), date.max)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def period_options(function: F) -> F:
    """Adds --since and --until; the command gets them as local dates. Needs `settings` from outside."""

    @click.option("--since", type=Day(), help="First local date: 2026-11-01, yesterday, 7d, 2w (ago).")
    @click.option("--until", type=Day(), help="Last local date, included.")
    @functools.wraps(function)
    def wrapped(*args: Any, settings: Settings, since: str | None, until: str | None, **kwargs: Any) -> Any:
        today = datetime.now(UTC).astimezone(settings.zone).date()
        first, last = (None if text is None else read_day(text, today) for text in (since, until))
        if first and last and first > last:
            raise UsageError(f"--since {first} is later than --until {last}", "Exchange them.")
        return function(*args, settings=settings, since=first, until=last, **kwargs)

    return wrapped  # type: ignore[return-value]
