"""`unpod-sync status`."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import database_option, output_options
from unpod_sync.cli.dates import AGE
from unpod_sync.cli.output import Output, Part, Styled
from unpod_sync.cli.terminal import columns
from unpod_sync.config import Settings
from unpod_sync.errors import EXIT_DONE, EXIT_FAILED
from unpod_sync.formatting import format_age, format_bytes, format_duration, format_time, plural
from unpod_sync.operations.status import Status, age_of, read_status

#: The kinds of rows that are counted.
KINDS = ("spaces", "agents", "runs", "tasks", "task_versions", "transcript_messages")


@click.command(
    epilog="Example for a monitor:  unpod-sync status --quiet --max-age 2h",
)
@click.option("--max-age", type=AGE, help="Exit with 1 when the last successful sync is older: 90m, 2h, 1d.")
@database_option
@output_options
def command(settings: Settings, output: Output, *, max_age: timedelta | None) -> int:
    """Show how fresh the data is and what the last syncs did. Works while a sync runs.

    Times are shown in the configured time zone; with --json they are UTC.

    Exit status: 0; with --max-age 1 when the last successful sync is older or dated in the future, or
    there is none.
    """
    status = read_status(settings, datetime.now(UTC).replace(tzinfo=None))
    if output.json:
        output.dump(dataclasses.asdict(status))
    elif not output.quiet:
        for line in lines(status, settings.zone, output):
            output.data(line)
    stale = status.staleness(max_age) if max_age is not None else ""
    if stale:
        output.complain(stale, "Run `unpod-sync sync`; if it fails, `unpod-sync doctor` shows why.")
    return EXIT_FAILED if stale else EXIT_DONE


def lines(status: Status, zone: ZoneInfo, output: Output) -> list[Part]:
    """The status for people, its times in `zone`."""
    if status.source == "none" and status.last_sync is None:
        text = "nothing has been synced yet. Run `unpod-sync sync`, or `unpod-sync demo`."
        return [f"{Path(status.database).absolute()}: {output.hint(text)}", *_running(status, zone)]
    return [
        *_head(status, zone),
        *_running(status, zone),
        "",
        *_spaces(status.spaces, zone),
        *_failing(status),
        "",
        *_loads(status.loads[:5], zone),
        "",
        *_foot(status),
        f"Times: {zone.key}",
        *_notices(status.notices, zone, output),
    ]


def _head(status: Status, zone: ZoneInfo) -> list[Part]:
    age = status.age_seconds
    found: list[Part] = [Styled(f"{status.database}: no sync has been complete yet", fg="yellow")]
    if age is not None:
        when = format_time(status.last_success_at, zone)
        found = [f"{status.database}: last complete sync {format_age(age)}, {when}"]
    last = status.last_sync
    if last and last["status"] not in ("done", "running"):
        why = f": {last['error']}" if last["error"] else ""
        found.append(
            Styled(
                f"The sync of {format_time(last['ended_at'], zone)} was {last['status']}{why}", fg="yellow"
            )
        )
    if status.files["published"] is None:
        found.append(Styled("The published file is not there; the next sync publishes it.", fg="yellow"))
    return found


def _running(status: Status, zone: ZoneInfo) -> list[Part]:
    running = status.running
    if running is None:
        return []
    since = format_time(running["since"], zone)
    return [f"A sync is running: process {running['pid']} on {running['host']} since {since}"]


def _spaces(spaces: list[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    rows = [
        (
            space["space_name"] or space["space_token"],
            f"{space['tasks']:,}",
            format_age(space["age_seconds"]) if space["age_seconds"] is not None else "never",
            format_time(space["newest_task_at"], zone),
            _backlog(space),
        )
        for space in spaces
    ]
    return columns(("SPACE", ">TASKS", "READ", "NEWEST TASK", "STILL TO READ"), rows)


def _backlog(space: dict[str, Any]) -> str:
    parts = []
    if space["unread_tasks"]:
        parts.append(f"{space['unread_tasks']:,} of the first load")
    if space["sweep_remaining"]:
        parts.append(f"{space['sweep_remaining']:,} of the sweep")
    if space["api_count"] is None and not space["tasks"] and not space["last_error"]:
        parts.append("everything")  # no sync has come to this space yet
    if space["last_error"]:
        parts.append(f"not read: {space['last_error']}")
    return ", ".join(parts) or "nothing"


def _failing(status: Status) -> list[Part]:
    return [
        Styled(f"not read: {row['resource']}: {row['last_error']}", fg="yellow")
        for row in status.lists_failing
    ]


def _loads(loads: list[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    rows = []
    for load in loads:
        ended = load["ended_at"]
        took = age_of(load["started_at"], datetime.fromisoformat(ended.removesuffix("Z"))) if ended else None
        rows.append(
            (
                format_time(load["started_at"], zone),
                load["status"],
                format_duration(took) if took is not None else "",
                f"{load['requests'] or 0:,}",
                f"{load['tasks_read'] or 0:,}",
                f"{load['tasks_changed'] or 0:,}",
                f"{load['tasks_deleted'] or 0:,}",
            )
        )
    return columns(("LAST SYNCS", "ENDED", ">TOOK", ">REQUESTS", ">READ", ">CHANGED", ">DELETED"), rows)


def _foot(status: Status) -> list[str]:
    rows = status.rows
    counts = ", ".join(
        plural(rows[kind], kind.removesuffix("s").replace("_", " ")) for kind in KINDS if kind in rows
    )
    requests = status.requests_today
    budget = f" of {requests['budget']:,}" if requests["budget"] else ", no daily budget set"
    sizes = [
        f"{name} {format_bytes(found['bytes'])}" for name, found in status.files.items() if found is not None
    ]
    return [
        *([f"Rows: {counts}"] if counts else []),
        f"Requests today: {requests['requests']:,}{budget}",
        *([f"Files: {', '.join(sizes)}"] if sizes else []),
    ]


def _notices(notices: list[dict[str, Any]], zone: ZoneInfo, output: Output) -> list[str]:
    return [
        f"Note ({format_time(notice['first_seen_at'], zone)[:10]}): {output.hint(notice['text'])}"
        for notice in notices[-5:]
    ]
