"""The rows that the page adds up: counts by day, space, agent and more, and no contact among them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from unpod_sync import formatting as fmt
from unpod_sync.report.alerts import ANOMALIES, CALLBACKS, quality_alerts, sync_alerts, unusual_days
from unpod_sync.report.changes import changes
from unpod_sync.report.model import Clock, Request, asked_part, asked_periods
from unpod_sync.report.periods import DEFAULT_DAYS, Period
from unpod_sync.report.scoped_views import Filter, PublishedFile, ScopedViews, open_file, quality
from unpod_sync.warehouse.storage import Storage

#: The periods up to the last complete day that have a button, and changes with their intervals.
PRESETS = (DEFAULT_DAYS, 28, 90)
#: How the page calls the measures of changes and anomalies.
MEASURES = {
    "connect": "connected",
    "engaged": "engaged",
    "interested": "interested",
    "successful": "successful",
    "completed": "completed",
    "completion": "completed",
}
#: The definitions that the page shows.
METRICS = (
    "call_funnel.%",
    "call_costs.%",
    "call_outcomes.%",
    "connect_heatmap.%",
    "call_durations.median_seconds",
    "space_completion.completion_rate",
    "agent_scorecard.interested_rate",
    "agent_scorecard.success_rate",
    "task_counts.total_tasks",
)
#: Counts of the view `call_counts`, as the page calls them.
COUNTS = {
    "calls": "call_count",
    **{
        name: f"{name}_count"
        for name in [
            "dialed",
            "answered",
            "connected",
            "engaged",
            "interested",
            "engaged_interested",
            "scored",
            "successful",
            "costed",
        ]
    },
}
#: Commands that the page proposes.
HINTS = {
    "callbacks": CALLBACKS,
    "anomalies": ANOMALIES,
    "pairs": "unpod-sync report",
}
#: A call by its agent and hour in the place of its agent: `call_counts` of such calls is by hour, too.
HOURLY = "* replace (concat(agent_handle, chr(31), coalesce(started_local_hour, -1)) as agent_handle)"

#: Outcomes in the order of their bars; others follow.
ORDER = (
    "interested",
    "send_details",
    "call_back",
    "not_interested",
    "not_connected",
    "dropped",
    "abandoned",
    "error",
)


class Keys:
    """Numbers for the spaces, agents and outcomes that rows name."""

    def __init__(self, names: dict[str, str], unnamed: str) -> None:
        """`names` are shown for keys; `unnamed` for NULL."""
        self._names = names
        self._unnamed = unnamed
        self._numbers: dict[str | None, int] = {}

    def number(self, key: str | None) -> int:
        """The number of a key; a new one the next free one."""
        return self._numbers.setdefault(key, len(self._numbers))

    @property
    def labels(self) -> list[str]:
        """Names in the order of numbers; a name that two keys share gets the end of its key."""
        shown = [self._unnamed if key is None else self._names.get(key, key) for key in self._numbers]
        return [
            f"{name} …{key[-4:]}" if key and shown.count(name) > 1 else name
            for key, name in zip(self._numbers, shown, strict=True)
        ]


def read(storage: Storage, request: Request, hint: Callable[[str], str] = str) -> dict[str, Any]:
    """Everything that the page carries, ready for JSON; `hint` makes commands such as work here."""
    with open_file(storage) as file:
        names, chosen = asked_part(file, request)
        return _Page(file, chosen, names, request).content(storage.name, hint)


class _Page:
    def __init__(
        self, file: PublishedFile, chosen: Filter, names: dict[str, dict[str, str]], request: Request
    ) -> None:
        self._file = file
        self._chosen = chosen
        self._views = ScopedViews(file, chosen)
        self._spaces = Keys(names["space"], "no space")
        self._agents = Keys(names["agent"], "no agent")
        self._outcomes = Keys({}, "")
        for outcome in ORDER:
            self._outcomes.number(outcome)
        self._clock = Clock.read(file, chosen)
        self._is_cut = bool(request.since or request.until)
        self._periods = asked_periods(self._views, self._clock, request)
        self._carried = self._periods.main if self._is_cut else self._periods.whole
        self._last = self._periods.today or self._carried.until

    def content(self, database: str, hint: Callable[[str], str]) -> dict[str, Any]:
        carried, today = self._carried, self._periods.today
        return {
            "calls": self._table(self._hourly_calls(), "hour", *COUNTS, "paid", "cost"),
            "tasks": self._counted(
                "part_task_counts",
                total="sum(total_tasks)::bigint",
                completed="sum(completed_tasks)::bigint",
            ),
            # to the millisecond, so that the page's quantiles are those of the views
            "durations": self._counted(
                "part_calls",
                "is_connected and duration_seconds is not null",
                seconds="round(duration_seconds, 3)",
                calls="count(*)",
            ),
            "outcomes": self._counted("part_calls", outcome="outcome", calls="count(*)"),
            "callbacks": self._callbacks(),
            "first": carried.since.isoformat(),
            "days": carried.days,
            "today": today and (today - carried.since).days,
            "shown": carried.days if self._is_cut else DEFAULT_DAYS,
            "presets": PRESETS,
            "changes": self._changes(),
            "anomalies": self._unusual(),
            "freshness": [
                dataclasses.asdict(item) | {"space": -1, "hint": hint(item.hint)}
                for item in sync_alerts(self._file, self._chosen)
            ],
            "hints": {name: hint(command) for name, command in HINTS.items()},
            "flaws": self._flaws(),
            "metrics": self._metrics(),
            "spaces": self._spaces.labels,
            "agents": self._agents.labels,
            "outcome_names": self._outcomes.labels,
            "source": PurePath(database).name,
            **self._freshness(),
        }

    def _hourly_calls(self) -> list[dict[str, Any]]:
        """The rows of `call_counts`, also by the local hour; -1 stands for a call without a start."""
        scope = self._views.open(self._carried.since, self._last, calls=HOURLY)
        rows = []
        for row in scope.rows("from call_counts order by all"):
            agent, hour = row["agent_handle"].split("\x1f")
            counts = {name: row[column] for name, column in COUNTS.items()}
            costs = {"paid": int(row["total_cost"] is not None), "cost": round(row["total_cost"] or 0, 6)}
            rows.append(row | counts | costs | {"agent_handle": agent or None, "hour": int(hour)})
        return rows

    def _counted(self, table: str, condition: str = "true", **columns: str) -> dict[str, list[Any]]:
        """A table of the page: `columns` by date, space and agent."""
        chosen = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
        sql = (
            f"select local_date, space_token, agent_handle, {chosen} from {table}"
            f" where local_date between ? and ? and {condition} group by all order by all"
        )
        return self._table(self._views.part.rows(sql, [self._carried.since, self._last]), *columns)

    def _table(self, rows: list[dict[str, Any]], *names: str) -> dict[str, list[Any]]:
        """Rows as columns, dates as days since the first, keys as their numbers."""
        table: dict[str, list[Any]] = {
            "day": [(row["local_date"] - self._carried.since).days for row in rows],
            "space": [self._spaces.number(row["space_token"]) for row in rows],
            "agent": [self._agents.number(row["agent_handle"]) for row in rows],
        }
        for name in names:
            values = [row[name] for row in rows]
            if name == "outcome":
                values = [-1 if value is None else self._outcomes.number(value) for value in values]
            table[name] = values
        return table

    def _callbacks(self) -> dict[str, list[int]]:
        rows = self._file.rows(  # of any date: a callback stays due whatever dates are looked at
            "select space_token, agent_handle, count(*) as calls from callbacks_due"
            f" where {self._chosen.places} group by all order by all"
        )
        return {
            "space": [self._spaces.number(row["space_token"]) for row in rows],
            "agent": [self._agents.number(row["agent_handle"]) for row in rows],
            "calls": [row["calls"] for row in rows],
        }

    def _changes(self) -> dict[str, dict[str, list[float | None]]]:
        """`days|space|agent` → measure → the 95% interval of its change; -1 stands for any."""
        found: dict[str, dict[str, list[float | None]]] = {}
        for days in PRESETS:
            now = Period.ending(self._carried.until, days)
            if self._periods.is_partial or now.before.since < self._carried.since:
                continue
            for (space, agent), rows in changes(self._views.part.rows, now.before, now, by_part=True).items():
                key = f"{days}|{self._number(self._spaces, space)}|{self._number(self._agents, agent)}"
                found[key] = {MEASURES[row.measure]: [_short(row.low), _short(row.high)] for row in rows}
        return found

    @staticmethod
    def _number(keys: Keys, key: str) -> int:
        return -1 if key == "*" else keys.number(key or None)

    def _unusual(self) -> list[dict[str, Any]]:
        carried = self._carried
        return [
            {
                "day": (day.local_date - carried.since).days,
                "space": self._spaces.number(day.space_token),
                "measure": MEASURES[day.measure],
                "text": day.text,
            }
            for day in unusual_days(self._views, carried.since, carried.until)
        ]

    def _flaws(self) -> list[list[Any]]:
        cut = Filter(self._chosen.spaces, self._chosen.agents, self._carried.since, self._carried.until)
        rows = quality(self._file, cut if self._is_cut else self._chosen)
        worth = {item.kind for item in quality_alerts(rows)}
        chosen = [row for row in rows if row["flaw_count"]]
        chosen.sort(key=lambda row: (row["flaw"] not in worth, -(row["flaw_rate"] or 1)))
        return [
            [row[name] for name in ("flaw_count", "base_count", "description", "remedy")] for row in chosen
        ]

    def _metrics(self) -> dict[str, list[str]]:
        rows = self._file.rows(
            "select view_name || '.' || column_name as metric, definition, caveat from meta.metrics"
        )
        wanted = [pattern.removesuffix("%") for pattern in METRICS]
        return {
            row["metric"]: [row["definition"], *([row["caveat"]] if row["caveat"] else [])]
            for row in rows
            if any(row["metric"].startswith(prefix) for prefix in wanted)
        }

    def _freshness(self) -> dict[str, str]:
        clock = self._clock
        synced = f"Data as of {_moment(clock.synced_at, clock.zone)}" if clock.synced_at else "Never synced"
        made = f"Page made {_moment(clock.now_at, clock.zone)}"
        return {"zone": clock.zone, "fresh": f"{synced} ({clock.zone}). {made}."}


def _short(bound: float | None) -> float | None:
    return None if bound is None else round(bound, 6)


def _moment(value: datetime, zone: str) -> str:
    local = value.astimezone(ZoneInfo(zone))
    return f"{fmt.day(local.date(), year=True)}, {local:%H:%M}"
