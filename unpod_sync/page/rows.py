"""The rows that the page adds up: counts by day, space, agent and more, and no contact among them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from unpod_sync import wording as say
from unpod_sync.attention import flaws, state, unusual_days
from unpod_sync.reports import Request, names_of, resolve
from unpod_sync.window import File, Filter, Windows, open_file, quality

#: Days that the page shows at first; its reader can choose others.
SHOWN_DAYS = 28
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
CALLS = """
select local_date, space_token, agent_handle, coalesce(started_local_hour, -1) as hour,
    count(*) as calls,
    count(*) filter (where is_dialed) as dialed,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_connected) as connected,
    count(*) filter (where is_engaged) as engaged,
    count(*) filter (where is_interested) as interested,
    count(success_points) as scored,
    count(*) filter (where is_successful) as successful,
    count(cost) as costed,
    round(coalesce(sum(cost), 0), 6) as cost
from part_calls where local_date is not null group by all order by all
"""
TASKS = """
select local_date, space_token, agent_handle,
    sum(total_tasks)::bigint as total, sum(completed_tasks)::bigint as completed
from part_task_counts where local_date is not null group by all order by all
"""
#: Whole seconds up to two minutes, steps of five beyond: the page's quantiles are that exact.
DURATIONS = """
select local_date, space_token, agent_handle,
    (case when duration_seconds < 120 then round(duration_seconds) else 5 * round(duration_seconds / 5) end)
        ::bigint as seconds,
    count(*) as calls
from part_calls
where local_date is not null and is_connected and duration_seconds is not null group by all order by all
"""
OUTCOMES = """
select local_date, space_token, agent_handle, outcome, count(*) as calls
from part_calls where local_date is not null group by all order by all
"""
CALLBACKS = """
select calls.local_date, calls.space_token, calls.agent_handle, count(*) as calls
from callbacks_due inner join calls on callbacks_due.task_id = calls.task_id
where calls.local_date is not null group by all order by all
"""
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

    def __init__(self, names: dict[str, str], nobody: str) -> None:
        """`names` are shown for keys; `nobody` for NULL."""
        self._names = names
        self._nobody = nobody
        self._numbers: dict[str | None, int] = {}

    def number(self, key: str | None) -> int:
        """The number of a key; a new one the next free one."""
        return self._numbers.setdefault(key, len(self._numbers))

    @property
    def labels(self) -> list[str]:
        """Names in the order of numbers; a name that two keys share is told apart by the key's end."""
        shown = [self._nobody if key is None else self._names.get(key, key) for key in self._numbers]
        return [
            f"{name} …{key[-4:]}" if key and shown.count(name) > 1 else name
            for key, name in zip(self._numbers, shown, strict=True)
        ]


def read(path: Path, request: Request) -> dict[str, Any]:
    """Everything that the page carries, ready for JSON."""
    with open_file(path) as file:
        names = {"space": names_of(file, "space"), "agent": names_of(file, "agent")}
        chosen = Filter(
            resolve("space", names, request.spaces),
            resolve("agent", names, request.agents),
            request.since,
            request.until,
        )
        return _Page(file, chosen, names).content(path)


class _Page:
    def __init__(self, file: File, chosen: Filter, names: dict[str, dict[str, str]]) -> None:
        self._file = file
        self._chosen = chosen
        self._spaces = Keys(names["space"], "no space")
        self._agents = Keys(names["agent"], "no agent")
        self._outcomes = Keys({}, "")
        for outcome in ORDER:
            self._outcomes.number(outcome)
        self._first = date(1970, 1, 1)

    def content(self, path: Path) -> dict[str, Any]:
        windows = Windows(self._file, self._chosen)
        self._first, last = self._span()
        condition = f"{self._chosen.places} and {self._chosen.dates()}"
        tables = {
            "calls": self._table(CALLS, "part"),
            "tasks": self._table(TASKS, "part"),
            "durations": self._table(DURATIONS, "part"),
            "outcomes": self._table(OUTCOMES, "part"),
            "callbacks": self._table(f"select * from ({CALLBACKS}) where {condition}", "warehouse"),
        }
        unusual = self._unusual()
        del windows
        return tables | {
            "first": self._first.isoformat(),
            "days": (last - self._first).days + 1,
            "shown": 10**6 if self._chosen.since or self._chosen.until else SHOWN_DAYS,
            "anomalies": unusual,
            "freshness": [
                dataclasses.asdict(item) | {"space": -1} for item in state(self._file, self._chosen)
            ],
            "flaws": self._flaws(),
            "metrics": self._metrics(),
            "reliable_width": self._file.rows("select reliable_width from thresholds")[0]["reliable_width"],
            "spaces": self._spaces.labels,
            "agents": self._agents.labels,
            "outcome_names": self._outcomes.labels,
            "source": path.name,
            **self._freshness(),
        }

    def _span(self) -> tuple[date, date]:
        row = self._file.rows(
            "select min(local_date) as first, max(local_date) as last from"
            " (select local_date from part_calls union all select local_date from part_task_counts)",
            database="part",
        )[0]
        last = self._chosen.until or row["last"] or self._chosen.since or date(1970, 1, 1)
        first = self._chosen.since or row["first"] or last
        return min(first, last), max(first, last)

    def _table(self, sql: str, database: str) -> dict[str, list[Any]]:
        """Rows as columns, dates as days since the first, keys as their numbers."""
        rows = self._file.rows(sql, database=database)
        table: dict[str, list[Any]] = {
            "day": [(row["local_date"] - self._first).days for row in rows],
            "space": [self._spaces.number(row["space_token"]) for row in rows],
            "agent": [self._agents.number(row["agent_handle"]) for row in rows],
        }
        for name in rows[0] if rows else ("calls",):
            if name == "outcome":
                known = (row[name] for row in rows)
                table[name] = [-1 if value is None else self._outcomes.number(value) for value in known]
            elif name not in ("local_date", "space_token", "agent_handle"):
                table[name] = [row[name] for row in rows]
        return table

    def _unusual(self) -> list[dict[str, Any]]:
        # the days before the first one shown belong to what is usual
        windows = Windows(self._file, dataclasses.replace(self._chosen, since=None), name="history")
        measures = {"connect": "connected", "completion": "completed"}
        return [
            {
                "day": (day.local_date - self._first).days,
                "space": self._spaces.number(day.space_token),
                "measure": measures[day.measure],
                "text": day.text,
            }
            for day in unusual_days(windows, self._first, self._chosen.until)
        ]

    def _flaws(self) -> list[list[Any]]:
        rows = quality(self._file, self._chosen)
        worth = {item.kind for item in flaws(rows)}
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
        zones = self._file.rows("select value from meta.settings where name = 'time_zone'")
        zone = zones[0]["value"] if zones else "UTC"
        spaces = Filter(spaces=self._chosen.spaces).places
        row = self._file.rows(
            "select max(last_synced_at) as synced_at, (select now_at from utc_clock) as now_at"
            f" from sync_freshness where {spaces}"
        )[0]
        made = _moment(row["now_at"], zone)
        synced = f"Data as of {_moment(row['synced_at'], zone)}" if row["synced_at"] else "Never synced"
        return {"zone": zone, "fresh": f"{synced} ({zone}). Page made {made}."}


def _moment(value: datetime, zone: str) -> str:
    local = value.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return f"{say.day(local.date(), year=True)}, {local:%H:%M}"
