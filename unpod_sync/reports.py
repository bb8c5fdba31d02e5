"""What the report says: asked of the published file, as plain values.

Every number comes from a view of the file, seen through a window (`window.py`); here rows become
dataclasses, and what needs attention is chosen. A rate always travels with its cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from unpod_sync.attention import Item, attention
from unpod_sync.errors import UsageError
from unpod_sync.figures import Difference, Figures, Rate, differences, figures, nothing, whole
from unpod_sync.window import AGENT, ALL, SPACE, File, Filter, Window, Windows, open_file

#: Without dates: the last complete week, and what needs more cases over four of them.
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
BUCKETS = 8
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome: calls with it, their share of the calls with an outcome; None is no outcome."""

    outcome: str | None
    calls: int
    cases: int
    share: float | None
    share_before: float | None
    average_seconds: float | None


@dataclass(frozen=True, slots=True)
class Hour:
    """How well one local hour connects."""

    hour: int
    connected: Rate
    is_reliable: bool


@dataclass(frozen=True, slots=True)
class Period:
    """Local dates, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.until - self.since).days + 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What the report is about: the file's state and the filters in force."""

    database: str
    asked_at: datetime
    synced_at: datetime | None
    time_zone: str
    spaces: tuple[str, ...]
    agents: tuple[str, ...]
    period: Period
    before: Period
    detail: Period
    trend_days: int


@dataclass(frozen=True, slots=True)
class Report:
    """The report whole."""

    scope: Scope
    now: Figures
    before: Figures
    trend: tuple[Figures, ...]
    detail: Figures
    agents: tuple[Figures, ...]
    spaces: tuple[Figures, ...]
    outcomes: tuple[Outcome, ...]
    hours: tuple[Hour, ...]
    changes: tuple[Difference, ...]
    comparisons: tuple[Difference, ...]
    attention: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for: filters as typed, a space by token or name, an agent by handle or name."""

    spaces: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


def report(path: Path, request: Request) -> Report:
    """Asks the published file."""
    with open_file(path) as file:
        names = {"space": names_of(file, "space"), "agent": names_of(file, "agent")}
        chosen = Filter(resolve("space", names, request.spaces), resolve("agent", names, request.agents))
        windows = Windows(file, chosen)
        scope = _scope(windows, path, request, chosen, names)
        return _ask(windows, chosen, scope, names, is_dated=bool(request.since or request.until))


def _ask(
    windows: Windows, chosen: Filter, scope: Scope, names: dict[str, dict[str, str]], *, is_dated: bool
) -> Report:
    period, before, detail = scope.period, scope.before, scope.detail
    detail_window = _open(windows, detail, ALL)
    earlier = windows.open(detail.since - timedelta(days=detail.days), detail.since - DAY, label=ALL)
    due = replace(chosen, since=period.since, until=period.until) if is_dated else chosen
    now, earlier_figures = whole(_open(windows, period, ALL)), whole(_open(windows, before, ALL))
    return Report(
        scope=scope,
        now=now,
        before=earlier_figures,
        trend=_trend(windows, period),
        detail=whole(detail_window),
        agents=_named(figures(_open(windows, detail, AGENT)), names["agent"], "no agent"),
        spaces=_named(figures(_open(windows, detail, SPACE)), names["space"], "no space"),
        outcomes=_outcomes(detail_window, earlier),
        hours=_hours(detail_window),
        changes=_changes(now, earlier_figures),
        comparisons=_comparisons(windows, detail, names["agent"]),
        attention=attention(windows, chosen, due, (period.since, period.until), names["space"]),
    )


def _open(windows: Windows, period: Period, label: str | None, *others: str) -> Window:
    return windows.open(period.since, period.until, label=label, others=others)


def _changes(now: Figures, before: Figures) -> tuple[Difference, ...]:
    """The period against the one before, with the 95% interval of Newcombe (1998), method 10, of two Wilson intervals."""
    found = []
    for measure, one, other in (
        ("connect", now.connected, before.connected),
        ("interested", now.interested, before.interested),
    ):
        if None in (one.rate, one.low, one.high, other.rate, other.low, other.high):
            continue
        difference = one.rate - other.rate  # type: ignore[operator]
        low = difference - math.hypot(one.rate - one.low, other.high - other.rate)  # type: ignore[operator]
        high = difference + math.hypot(one.high - one.rate, other.rate - other.low)  # type: ignore[operator]
        is_apart = low > 0 or high < 0
        found.append(Difference(measure, "now", "before", one, other, difference, low, high, is_apart))
    return tuple(found)


def _comparisons(windows: Windows, period: Period, names: dict[str, str]) -> tuple[Difference, ...]:
    rows = differences(_open(windows, period, None, "agent_comparison"))
    named = (
        replace(row, one=names.get(row.one, row.one), other=names.get(row.other, row.other)) for row in rows
    )
    return tuple(row for row in named if row.is_significant)


def names_of(file: File, kind: str) -> dict[str, str]:
    """Key → name of the spaces or agents that the file knows."""
    key = {"space": "space_token", "agent": "agent_handle"}[kind]
    rows = file.rows(f"select {key} as key, {kind}_name as name from {kind}s")
    used = file.rows(f"select distinct {key} as key from tasks where {key} is not null")
    names = {row["key"]: row["key"] for row in used}
    return names | {row["key"]: row["name"] or row["key"] for row in rows}


def resolve(kind: str, names: dict[str, dict[str, str]], wanted: Sequence[str]) -> tuple[str, ...]:
    """Keys of what the user named by key or name; every bearer of a shared name."""
    known = names[kind]
    found: list[str] = []
    for word in wanted:
        keys = [key for key, name in known.items() if word == key or word.casefold() == name.casefold()]
        if not keys:
            listed = ", ".join(sorted(set(known.values()))[:12]) or "none yet"
            raise UsageError(f"the file knows no {kind} {word!r}", f"Known: {listed}.")
        found += keys
    return tuple(dict.fromkeys(found))


def _scope(
    windows: Windows, path: Path, request: Request, chosen: Filter, names: dict[str, dict[str, str]]
) -> Scope:
    zones = windows.file.rows("select value from meta.settings where name = 'time_zone'")
    time_zone = zones[0]["value"] if zones else "UTC"
    synced = windows.file.rows(
        "select max(last_synced_at) as synced_at, max(now_at) as now_at"
        f" from utc_clock left join sync_freshness on {Filter(spaces=chosen.spaces).places}"
    )[0]
    dates = windows.file.rows(
        "select min(local_date) as first, max(local_date) as last from part_calls", database="part"
    )[0]
    today = (
        synced["synced_at"].replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone)).date()
        if synced["synced_at"]
        else None
    )
    period, detail = _periods(request, dates["first"], today or dates["last"] or EPOCH)
    return Scope(
        database=str(path),
        asked_at=synced["now_at"].replace(tzinfo=UTC),
        synced_at=synced["synced_at"] and synced["synced_at"].replace(tzinfo=UTC),
        time_zone=time_zone,
        spaces=tuple(names["space"][key] for key in chosen.spaces),
        agents=tuple(names["agent"][key] for key in chosen.agents),
        period=period,
        before=Period(period.since - timedelta(days=period.days), period.since - DAY),
        detail=detail,
        trend_days=_trend_days(period),
    )


def _periods(request: Request, first: date | None, today: date) -> tuple[Period, Period]:
    """The period of the head and that of the details.

    Without dates the week ends on the last complete day before the last sync, so that a day that
    has only begun is not held against whole ones.
    """
    if request.since or request.until:
        until = request.until or max(today, request.since or today)
        since = request.since or min(first or until, until)
        if since > until:
            raise UsageError(
                f"--since {since} is after --until {until}", "Give an earlier --since or a later --until."
            )
        return Period(since, until), Period(since, until)
    until = today - DAY
    if first is None or first > until:
        until = today
    return Period(until - WEEK + DAY, until), Period(until - 4 * WEEK + DAY, until)


def _trend_days(period: Period) -> int:
    return WEEK.days if period.days == WEEK.days else -(-period.days // BUCKETS)


def _trend(windows: Windows, period: Period) -> tuple[Figures, ...]:
    """The figures of stretches of equal length up to the end of the period, oldest first.

    A week stands among the weeks before it; another period is cut into parts.
    """
    is_week = period.days == WEEK.days
    span = _trend_days(period)
    count = BUCKETS if is_week else -(-period.days // span)
    since = period.until - timedelta(days=span * count - 1)
    label = f"strftime(local_date - ((local_date - date '{since}') % {span})::integer, '%Y-%m-%d')"
    shown = Period(since if is_week else period.since, period.until)
    rows = {row.label: row for row in figures(_open(windows, shown, label))}
    starts = [str(since + timedelta(days=span * number)) for number in range(count)]
    return tuple(rows.get(start) or nothing(start) for start in starts)


def _named(figures: tuple[Figures, ...], names: dict[str, str], nobody: str) -> tuple[Figures, ...]:
    """With names for keys, the busiest first."""
    named = (replace(row, label=names.get(row.label, row.label) or nobody) for row in figures)
    return tuple(sorted(named, key=lambda row: (-row.connected.cases, row.label)))


def _outcomes(window: Window, before: Window) -> tuple[Outcome, ...]:
    earlier = {row["outcome"]: row["outcome_share"] for row in before.rows("from call_outcomes")}
    rows = window.rows("from call_outcomes order by outcome is null, call_count desc, outcome")
    return tuple(
        Outcome(
            row["outcome"],
            row["call_count"],
            row["labelled_count"],
            row["outcome_share"],
            earlier.get(row["outcome"]),
            row["avg_seconds"],
        )
        for row in rows
    )


def _hours(window: Window) -> tuple[Hour, ...]:
    rows = window.rows("from connect_heatmap order by local_hour")
    return tuple(
        Hour(
            row["local_hour"],
            Rate(row["connected_count"], row["dialed_count"], row["connect_rate"]),
            row["is_reliable"],
        )
        for row in rows
    )
