"""The numbers of parts of the calls (all, agents, spaces, weeks), and how far two of them are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unpod_sync.report.scoped_views import PublishedFile


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of cases, with its 95% interval where the views give one; NULL without cases."""

    hits: int
    cases: int
    rate: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Durations:
    """How long connected calls took, in seconds; `cases` have a duration."""

    cases: int
    total: float | None
    average: float | None
    median: float | None
    p90: float | None
    longest: float | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What calls cost; None where no cost was sent. `cases` carry one."""

    cases: int
    total: float | None
    per_connect: float | None
    per_interested: float | None


@dataclass(frozen=True, slots=True)
class Kpis:
    """The numbers of one part of the calls: all, an agent, a space, a week."""

    label: str
    tasks: int
    calls: int
    completed: Rate
    answered: Rate
    connected: Rate
    engaged: Rate
    interested: Rate
    successful: Rate
    durations: Durations
    costs: Costs


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the rate of one part lies above that of another, with its 95% interval; None where there is none."""

    measure: str
    one: str
    other: str
    one_rate: Rate
    other_rate: Rate
    difference: float
    low: float | None
    high: float | None
    is_significant: bool


def total_kpis(views: PublishedFile) -> Kpis:
    """The KPIs of a scope with one label."""
    rows = kpis_by_label(views)
    return rows[0] if rows else empty_kpis("all")


def empty_kpis(label: str) -> Kpis:
    """The KPIs of no call: counts are 0, everything else is unknown."""
    return _kpis({"label": label})


def kpis_by_label(views: PublishedFile) -> tuple[Kpis, ...]:
    """One row per label of a scope without dates."""
    rows = views.rows(
        "select rates.agent_handle as label, funnel.*, durations.*, costs.*, rates.*"
        " from agent_scorecard as rates"
        " left join call_funnel as funnel on rates.agent_handle = funnel.agent_handle"
        " left join call_durations as durations on rates.agent_handle = durations.agent_handle"
        " left join call_costs as costs on rates.agent_handle = costs.agent_handle"
        " order by label"
    )
    return tuple(_kpis(row) for row in rows)


def _kpis(row: dict[str, Any]) -> Kpis:
    def rate(hits: str, cases: str, name: str) -> Rate:
        return Rate(
            row.get(hits) or 0,
            row.get(cases) or 0,
            row.get(name),
            row.get(f"{name}_low"),
            row.get(f"{name}_high"),
        )

    return Kpis(
        label=row["label"],
        tasks=row.get("total_tasks") or 0,
        calls=row.get("tasks") or 0,
        completed=rate("completed_tasks", "total_tasks", "completion_rate"),
        answered=rate("answered", "dialed", "answered_rate"),
        connected=rate("connected_count", "dialed_count", "connect_rate"),
        engaged=rate("engaged", "connected", "engaged_rate"),
        interested=rate("interested_count", "connected_count", "interested_rate"),
        successful=rate("successful_count", "scored_count", "success_rate"),
        durations=Durations(
            row.get("duration_count") or 0,
            *(row.get(f"{name}_seconds") for name in ("total", "avg", "median", "p90", "max")),
        ),
        costs=Costs(
            row.get("costed_count") or 0,
            *(row.get(name) for name in ("total_cost", "cost_per_connect", "cost_per_interested")),
        ),
    )


def differences(views: PublishedFile) -> tuple[Difference, ...]:
    """Every pair of agents that has an interval, by connect and by interested rate, over the days both dialed.

    The intervals are adjusted for the number of pairs: `comparison_count` of the view.
    """
    found = []
    for row in views.rows("from agent_comparison order by agent_handle, other_agent_handle"):
        for measure, hits, cases in (
            ("connect", "connected", "dialed"),
            ("interested", "interested", "connected"),
        ):
            if row[f"is_{measure}_significant"] is None:
                continue
            found.append(
                Difference(
                    measure,
                    row["agent_handle"],
                    row["other_agent_handle"],
                    Rate(row[f"{hits}_count"], row[f"{cases}_count"], row[f"{measure}_rate"]),
                    Rate(
                        row[f"other_{hits}_count"], row[f"other_{cases}_count"], row[f"other_{measure}_rate"]
                    ),
                    row[f"{measure}_difference"],
                    row[f"{measure}_difference_low"],
                    row[f"{measure}_difference_high"],
                    row[f"is_{measure}_significant"],
                )
            )
    return tuple(found)
