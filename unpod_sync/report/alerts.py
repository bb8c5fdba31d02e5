"""What needs attention: due callbacks, unusual days, stale or incomplete data, flaws; with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from unpod_sync import formatting as fmt
from unpod_sync.report.scoped_views import Filter, PublishedFile, ScopedViews, quality

STALE_HOURS = 24
#: A flaw that touches a smaller share of its cases is left to `data_quality`.
FLAW_SHARE = 0.05
#: Flaws that lie in the nature of things: the views allow for them.
EXPECTED_FLAWS = ("deleted_tasks", "completed_voicemails", "late_changes", "untimed_calls")
SHOWN = 3
LEVELS = ("act", "look", "know")
CALLBACKS = "unpod-sync query 'from callbacks_due'"
ANOMALIES = "unpod-sync query \"from daily_anomalies where direction = 'low'\""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing: `level` is act, look or know; `kind` a stable word.

    `hint` is one command that can be pasted, or the remedy of a flaw.
    """

    kind: str
    level: str
    count: int
    text: str
    hint: str


@dataclass(frozen=True, slots=True)
class UnusualDay:
    """A day of a space whose connect or completion rate lies below what was usual before it."""

    space_token: str
    local_date: date
    measure: str
    text: str


def alerts(
    scoped: ScopedViews, chosen: Filter, period: tuple[date, date], space_names: dict[str, str]
) -> tuple[Alert, ...]:
    """Everything that needs attention, the most urgent first.

    `chosen` has the spaces and agents. The period is that of unusual days and flaws only: a callback
    stays due, and stale data stay stale, whatever dates are asked for.
    """
    days = unusual_days(scoped, *period)
    found = [
        *sync_alerts(scoped.file, chosen),
        *_callbacks(callbacks_due(scoped.file, chosen)),
        *(_anomaly(day, space_names) for day in days[-SHOWN:]),
        *quality_alerts(quality(scoped.file, replace(chosen, since=period[0], until=period[1]))),
    ]
    if len(days) > SHOWN:
        text = fmt.plural(len(days) - SHOWN, "earlier unusual day")
        found.append(Alert("more_anomalies", "look", len(days) - SHOWN, text, ANOMALIES))
    return tuple(sorted(found, key=lambda item: LEVELS.index(item.level)))


def sync_alerts(file: PublishedFile, chosen: Filter) -> tuple[Alert, ...]:
    """What is wrong with the syncs themselves: stale, failed or incomplete ones."""
    spaces = Filter(spaces=chosen.spaces).places
    rows = file.rows(f"select *, (select now_at from utc_clock) as now_at from sync_freshness where {spaces}")
    loads = file.rows("from meta.loads order by started_at desc limit 1")
    return (*_freshness(rows), *_last_load(loads))


def unusual_days(scoped: ScopedViews, since: date | None, until: date | None) -> list[UnusualDay]:
    """Days below what is usual, oldest first, judged against all days before them.

    An unusually good day needs no attention.
    """
    rows = scoped.open(None, until).rows(
        "from daily_anomalies where direction = 'low' and (?::date is null or local_date >= ?)"
        " order by local_date, space_token",
        [since, since],
    )
    found = []
    for row in rows:
        for measure, cases, verb in (
            ("connect", "dialed_count", "connected"),
            ("completion", "total_tasks", "completed"),
        ):
            share, least = row[f"{measure}_rate"], row[f"{measure}_rate_low"]
            if row[f"is_{measure}_anomaly"] and share < least:
                most = min(1, row[f"{measure}_rate_high"])
                text = (
                    f"{fmt.percent(share)} of {fmt.count(row[cases])} {verb},"
                    f" usually {fmt.percent(least)} to {fmt.percent(most)}"
                )
                found.append(UnusualDay(row["space_token"], row["local_date"], measure, text))
    return found


def _freshness(rows: list[dict[str, Any]]) -> Iterator[Alert]:
    for row in rows:
        name = row["space_name"] or row["space_token"]
        if row["last_error"]:
            yield Alert(
                "space_error", "act", 1, f"{name} could not be read: {row['last_error']}", "unpod-sync doctor"
            )
        if row["last_synced_at"] is None:
            yield Alert("stale", "act", 1, f"{name} has never been synced", "unpod-sync sync")
        elif row["age_seconds"] > STALE_HOURS * 3600:
            text = (
                f"{name}: the data is {fmt.format_duration(row['age_seconds'])} old; does the cron job run?"
            )
            yield Alert("stale", "act", 1, text, "unpod-sync sync")
        elif row["age_seconds"] < -3600:
            ahead = fmt.format_duration(-row["age_seconds"])
            text = f"{name}: the last sync lies {ahead} in the future; correct the clock of this machine"
            yield Alert("stale", "act", 1, text, "unpod-sync sync")
        gap = (row["count_difference"] or 0) - (row["explained_gap"] or 0)
        if gap:
            tasks = fmt.plural(abs(gap), f"{'more' if gap > 0 else 'fewer'} task")
            text = f"{name}: the API counts {tasks} than are stored here"
            yield Alert("count_difference", "look", abs(gap), text, "unpod-sync sync --full")
        if row["pending_sweep"]:
            number = row["pending_sweep"]
            text = f"{name}: {fmt.plural(number, 'task')} still to be verified; the next syncs continue"
            yield Alert("pending_sweep", "know", number, text, "unpod-sync sync")


def _last_load(rows: list[dict[str, Any]]) -> Iterator[Alert]:
    for row in rows:
        if row["status"] not in ("done", "running"):
            text = f"the last sync ended as {row['status']}" + (f": {row['error']}" if row["error"] else "")
            yield Alert("last_sync", "act", 1, text, "unpod-sync doctor")


def callbacks_due(file: PublishedFile, chosen: Filter) -> dict[str, Any]:
    """Callbacks due of some spaces and agents, of every date: `due`, `fresh` (under a day), `oldest` (hours)."""
    # asked of the whole file: a colleague of another space may have called the contact since
    return file.rows(
        "select count(*) as due, count(*) filter (where hours_overdue < 24) as fresh,"
        f" max(hours_overdue) as oldest from callbacks_due where {chosen.places}"
    )[0]


def _callbacks(row: dict[str, Any]) -> Iterator[Alert]:
    if row["due"]:
        promised = fmt.plural(row["due"], "promised callback is", "promised callbacks are")
        text = f"{promised} due, {fmt.count(row['fresh'])} since yesterday; the oldest for {fmt.format_duration(3600 * row['oldest'])}"
        yield Alert("callbacks_due", "act", row["due"], text, CALLBACKS)


def _anomaly(unusual: UnusualDay, space_names: dict[str, str]) -> Alert:
    name = space_names.get(unusual.space_token, unusual.space_token)
    text = f"{fmt.day(unusual.local_date)}, {name}: {unusual.text}"
    return Alert(f"{unusual.measure}_anomaly", "look", 1, text, ANOMALIES)


def quality_alerts(rows: list[dict[str, Any]]) -> list[Alert]:
    """The flaws that touch more than a few cases, the widest first."""
    found = []
    for row in sorted(rows, key=lambda row: -(row["flaw_rate"] or 1)):
        if row["flaw"] in EXPECTED_FLAWS or not row["flaw_count"]:
            continue
        if row["flaw_rate"] is not None and row["flaw_rate"] < FLAW_SHARE:
            continue
        share = f" of {row['base_count']:,}" if row["base_count"] is not None else ""
        words = row["description"].rstrip(".")
        text = f"{row['flaw_count']:,}{share}: {words[0].lower()}{words[1:]}"
        found.append(Alert(row["flaw"], "know", row["flaw_count"], text, row["remedy"]))
    return found
