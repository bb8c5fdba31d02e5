"""The report as plain values, read from the published file.

Every number comes from a view of the file over a part of its calls (`scoped_views`); here rows
become dataclasses. A rate always travels with its cases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from unpod_sync.analytics.names import KEYS, find, names_of
from unpod_sync.report.alerts import Alert, alerts, callbacks_due
from unpod_sync.report.changes import changes
from unpod_sync.report.kpis import (
    Difference,
    Kpis,
    Rate,
    differences,
    empty_kpis,
    kpis_by_label,
    total_kpis,
)
from unpod_sync.report.periods import Period, Periods, periods
from unpod_sync.report.scoped_views import (
    AGENT,
    ALL,
    SPACE,
    Filter,
    PublishedFile,
    ScopedViews,
    open_file,
)
from unpod_sync.warehouse.storage import Storage

WEEK = 7
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
    """How well one local hour connects; reliable where the view's interval is narrow enough."""

    hour: int
    connected: Rate
    is_reliable: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """What the report is about: the file's state and the filters in force.

    Periods are complete local days. `today` is the day of the last sync, shown apart since it is not
    over; with `is_partial` nothing else was asked for, and the period is not compared.
    """

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
    today: date | None
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The report whole: its fields are the keys of `report --json`, more than twelve.

    `callbacks_due` are those of the spaces and agents, of whatever date: an obligation does not end
    with a period. `pairs_compared` are the pairs of agents that `comparisons` were chosen from.
    """

    scope: Scope
    now: Kpis
    before: Kpis
    today: Kpis | None
    callbacks_due: int
    trend: tuple[Kpis, ...]
    detail: Kpis
    agents: tuple[Kpis, ...]
    spaces: tuple[Kpis, ...]
    outcomes: tuple[Outcome, ...]
    hours: tuple[Hour, ...]
    changes: tuple[Difference, ...]
    comparisons: tuple[Difference, ...]
    pairs_compared: int
    attention: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for: filters as typed, a space by token or name, an agent by handle or name."""

    spaces: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


def report(storage: Storage, request: Request) -> Report:
    """Asks what the storage has published."""
    with open_file(storage) as file:
        names, chosen = asked_part(file, request)
        scoped = ScopedViews(file, chosen)
        return _build(scoped, chosen, _scope(scoped, storage.name, request, chosen, names), names)


def asked_part(file: PublishedFile, request: Request) -> tuple[dict[str, dict[str, str]], Filter]:
    """The names of spaces and agents by key (a key without a name stands for itself), and the chosen ones."""
    names = {kind: names_of(file.rows, kind) for kind in KEYS}
    chosen = Filter(
        find("space", names["space"], request.spaces), find("agent", names["agent"], request.agents)
    )
    return {kind: {key: name or key for key, name in of.items()} for kind, of in names.items()}, chosen


def _build(scoped: ScopedViews, chosen: Filter, scope: Scope, names: dict[str, dict[str, str]]) -> Report:
    period, detail = scope.period, scope.detail
    detail_views = _open(scoped, detail, ALL)
    compared = differences(_open(scoped, detail, None))
    return Report(
        scope=scope,
        now=total_kpis(_open(scoped, period, ALL)),
        before=empty_kpis("all") if scope.is_partial else total_kpis(_open(scoped, scope.before, ALL)),
        today=total_kpis(_open(scoped, Period(scope.today, scope.today), ALL)) if scope.today else None,
        callbacks_due=callbacks_due(scoped.file, chosen)["due"],
        trend=_trend(scoped, period),
        detail=total_kpis(detail_views),
        agents=_named(kpis_by_label(_open(scoped, detail, AGENT)), names["agent"], "no agent"),
        spaces=_named(kpis_by_label(_open(scoped, detail, SPACE)), names["space"], "no space"),
        outcomes=_outcomes(detail_views, _open(scoped, detail.before, ALL)),
        hours=_hours(detail_views),
        changes=() if scope.is_partial else _changes(scoped, period),
        comparisons=_significant(compared, names["agent"]),
        pairs_compared=len({(row.one, row.other) for row in compared}),
        attention=alerts(scoped, chosen, (period.since, period.until), names["space"]),
    )


def _open(scoped: ScopedViews, period: Period, label: str | None) -> PublishedFile:
    return scoped.open(period.since, period.until, label=label)


def _changes(scoped: ScopedViews, period: Period) -> tuple[Difference, ...]:
    return tuple(chain.from_iterable(changes(scoped.part.rows, period.before, period).values()))


def _significant(compared: tuple[Difference, ...], names: dict[str, str]) -> tuple[Difference, ...]:
    """The pairs of agents that the view finds apart, under their names."""
    return tuple(
        replace(row, one=names.get(row.one, row.one), other=names.get(row.other, row.other))
        for row in compared
        if row.is_significant
    )


def _scope(
    scoped: ScopedViews, database: str, request: Request, chosen: Filter, names: dict[str, dict[str, str]]
) -> Scope:
    clock = Clock.read(scoped.file, chosen)
    found = asked_periods(scoped, clock, request)
    return Scope(
        database=database,
        asked_at=clock.now_at,
        synced_at=clock.synced_at,
        time_zone=clock.zone,
        spaces=tuple(names["space"][key] for key in chosen.spaces),
        agents=tuple(names["agent"][key] for key in chosen.agents),
        period=found.main,
        before=found.main.before,
        detail=found.detail,
        trend_days=_trend_days(found.main),
        today=found.today,
        is_partial=found.is_partial,
    )


@dataclass(frozen=True, slots=True)
class Clock:
    """When the file was asked and last synced (UTC), and the time zone of its local dates."""

    now_at: datetime
    synced_at: datetime | None
    zone: str

    @classmethod
    def read(cls, file: PublishedFile, chosen: Filter) -> Clock:
        """The clock of the chosen spaces."""
        zones = file.rows("select value from meta.settings where name = 'time_zone'")
        row = file.rows(
            "select max(last_synced_at) as synced_at, max(now_at) as now_at"
            f" from utc_clock left join sync_freshness on {Filter(spaces=chosen.spaces).places}"
        )[0]
        synced = row["synced_at"]
        return cls(
            row["now_at"].replace(tzinfo=UTC),
            synced and synced.replace(tzinfo=UTC),
            zones[0]["value"] if zones else "UTC",
        )

    @property
    def today(self) -> date | None:
        """The local date of the last sync: the day that the file holds a part of."""
        return self.synced_at and self.synced_at.astimezone(ZoneInfo(self.zone)).date()


def asked_periods(scoped: ScopedViews, clock: Clock, request: Request) -> Periods:
    """The periods of a request to this file, for the terminal and the page."""
    dates = scoped.part.rows(
        "select min(local_date) as first, max(local_date) as last from"
        " (select local_date from part_calls union all select local_date from part_task_counts)"
    )[0]
    today = clock.today or dates["last"] or EPOCH
    return periods(request.since, request.until, first=dates["first"], today=today)


def _trend_days(period: Period) -> int:
    return WEEK if period.days == WEEK else -(-period.days // BUCKETS)


def _trend(scoped: ScopedViews, period: Period) -> tuple[Kpis, ...]:
    """The KPIs of stretches of equal length up to the end of the period, oldest first.

    A week stands among the weeks before it; another period is cut into parts.
    """
    is_week = period.days == WEEK
    span = _trend_days(period)
    count = BUCKETS if is_week else -(-period.days // span)
    since = period.until - timedelta(days=span * count - 1)
    label = f"strftime(local_date - ((local_date - date '{since}') % {span})::integer, '%Y-%m-%d')"
    shown = Period(since if is_week else period.since, period.until)
    rows = {row.label: row for row in kpis_by_label(_open(scoped, shown, label))}
    starts = [str(since + timedelta(days=span * number)) for number in range(count)]
    return tuple(rows.get(start) or empty_kpis(start) for start in starts)


def _named(rows: tuple[Kpis, ...], names: dict[str, str], unnamed: str) -> tuple[Kpis, ...]:
    """With names for keys, the busiest first."""
    named = (replace(row, label=names.get(row.label, row.label) or unnamed) for row in rows)
    return tuple(sorted(named, key=lambda row: (-row.connected.cases, row.label)))


def _outcomes(views: PublishedFile, before: PublishedFile) -> tuple[Outcome, ...]:
    earlier = {row["outcome"]: row["outcome_share"] for row in before.rows("from call_outcomes")}
    rows = views.rows("from call_outcomes order by outcome is null, call_count desc, outcome")
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


def _hours(views: PublishedFile) -> tuple[Hour, ...]:
    rows = views.rows("from connect_heatmap order by local_hour")
    return tuple(
        Hour(
            row["local_hour"],
            Rate(
                row["connected_count"],
                row["dialed_count"],
                row["connect_rate"],
                row.get("connect_rate_low"),
                row.get("connect_rate_high"),
            ),
            row["is_reliable"],
        )
        for row in rows
    )
