"""`unpod-sync status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from unpod_sync.cli.common import database_option, output_options
from unpod_sync.cli.output import Output, Part, Styled
from unpod_sync.cli.terminal import columns
from unpod_sync.config import Settings
from unpod_sync.errors import EXIT_DONE, EXIT_FAILED


class Age(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """An age such as 90m, 2h or 1d."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The age as a time span."""
        from unpod_sync.operations.status import read_age

        try:
            return value if isinstance(value, timedelta) else read_age(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog="Example for a monitor:  unpod-sync status --quiet --max-age 2h",
    short_help="How fresh the data is, and what the last syncs did.",
)
@click.option(
    "--max-age", type=Age(), help="Exit with 1 when the last successful sync is older: 90m, 2h, 1d."
)
@database_option
@output_options
def command(settings: Settings, output: Output, *, max_age: timedelta | None) -> int:
    """How fresh the data is, and what the last syncs did. Works while a sync runs.

    Times are shown in the configured time zone; with --json they are UTC.

    Exit status: 0; with --max-age 1 when the last successful sync is older or dated in the future, or
    there is none.
    """
    from unpod_sync.operations.status import read_status, staleness

    status = read_status(settings, datetime.now(UTC).replace(tzinfo=None))
    if output.json:
        output.dump(status)
    elif not output.quiet:
        for line in lines(status, settings.zone, output):
            output.data(line)
    stale = staleness(status, max_age) if max_age is not None else ""
    if stale:
        output.complain(stale, "Run `unpod-sync sync`; if it fails, `unpod-sync doctor` tells why.")
    return EXIT_FAILED if stale else EXIT_DONE


def lines(status: dict[str, Any], zone: ZoneInfo, output: Output) -> list[Part]:
    """The status for people, its times in `zone`."""
    if status["source"] == "none" and status["last_sync"] is None:
        text = "nothing has been synced yet. Run `unpod-sync sync`, or `unpod-sync demo`."
        return [f"{Path(status['database']).absolute()}: {output.hint(text)}", *_running(status, zone)]
    return [
        *_head(status, zone),
        *_running(status, zone),
        "",
        *_spaces(status["spaces"], zone),
        *_failing(status),
        "",
        *_loads(status["loads"][:5], zone),
        "",
        *_foot(status),
        f"Times: {zone.key}",
        *_notices(status["notices"], zone, output),
    ]


def _head(status: dict[str, Any], zone: ZoneInfo) -> list[Part]:
    from unpod_sync.operations.status import ago, shown

    age = status["age_seconds"]
    found: list[Part] = [Styled(f"{status['database']}: no sync has been complete yet", fg="yellow")]
    if age is not None:
        when = shown(status["last_success_at"], zone)
        found = [f"{status['database']}: last complete sync {ago(age)}, {when}"]
    last = status["last_sync"]
    if last and last["status"] not in ("done", "running"):
        why = f": {last['error']}" if last["error"] else ""
        found.append(
            Styled(f"The sync of {shown(last['ended_at'], zone)} was {last['status']}{why}", fg="yellow")
        )
    if status["files"]["published"] is None:
        found.append(Styled("The published file is not there; the next sync publishes it.", fg="yellow"))
    return found


def _running(status: dict[str, Any], zone: ZoneInfo) -> list[Part]:
    from unpod_sync.operations.status import shown

    running = status["running"]
    if running is None:
        return []
    since = shown(running["since"], zone)
    return [f"A sync is running: process {running['pid']} on {running['host']} since {since}"]


def _spaces(spaces: list[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    from unpod_sync.operations.status import ago, shown

    rows = [
        (
            space["space_name"] or space["space_token"],
            f"{space['tasks']:,}",
            ago(space["age_seconds"]) if space["age_seconds"] is not None else "never",
            shown(space["newest_task_at"], zone),
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
    if space["last_error"]:
        parts.append(f"failed: {space['last_error']}")
    return ", ".join(parts) or "nothing"


def _failing(status: dict[str, Any]) -> list[Part]:
    return [
        Styled(f"failed: {row['resource']}: {row['last_error']}", fg="yellow")
        for row in status["lists_failing"]
    ]


def _loads(loads: list[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    from unpod_sync.operations.status import age_of, shown, spoken

    rows = []
    for load in loads:
        ended = load["ended_at"]
        took = age_of(load["started_at"], datetime.fromisoformat(ended.removesuffix("Z"))) if ended else None
        rows.append(
            (
                shown(load["started_at"], zone),
                load["status"],
                spoken(took) if took is not None else "",
                f"{load['requests'] or 0:,}",
                f"{load['tasks_read'] or 0:,}",
                f"{load['tasks_changed'] or 0:,}",
                f"{load['tasks_deleted'] or 0:,}",
            )
        )
    return columns(("LAST SYNCS", "ENDED", ">TOOK", ">REQUESTS", ">READ", ">CHANGED", ">DELETED"), rows)


def _foot(status: dict[str, Any]) -> list[str]:
    from unpod_sync.operations.status import size_of

    rows = status["rows"]
    kinds = ("spaces", "agents", "runs", "tasks", "task_versions", "transcript_messages")
    counts = ", ".join(f"{rows[kind]:,} {kind.replace('_', ' ')}" for kind in kinds if kind in rows)
    requests = status["requests_today"]
    budget = f" of {requests['budget']:,}" if requests["budget"] else ", no daily budget set"
    sizes = [
        f"{name} {size_of(found['bytes'])}" for name, found in status["files"].items() if found is not None
    ]
    return [
        *([f"Rows: {counts}"] if counts else []),
        f"Requests today: {requests['requests']:,}{budget}",
        *([f"Files: {', '.join(sizes)}"] if sizes else []),
    ]


def _notices(notices: list[dict[str, Any]], zone: ZoneInfo, output: Output) -> list[str]:
    from unpod_sync.operations.status import shown

    return [
        f"Note ({shown(notice['first_seen_at'], zone)[:10]}): {output.hint(notice['text'])}"
        for notice in notices[-5:]
    ]
