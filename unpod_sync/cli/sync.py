"""`unpod-sync sync`."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.alert import alerting
from unpod_sync.cli.common import api_options, called_with, output_options
from unpod_sync.cli.output import Output, console
from unpod_sync.config import Settings, load
from unpod_sync.errors import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, LockedError
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    from unpod_sync.api import RequestEvent
    from unpod_sync.sync.result import LoadResult


@click.command(
    epilog="Example for cron, every 15 minutes:  */15 * * * * unpod-sync sync --quiet",
)
@click.option("--full", is_flag=True, help="Read everything now, instead of a part per sync.")
@click.option(
    "--max-requests",
    type=click.IntRange(min=1),
    help="Stop after this many requests; the next sync continues.",
)
@click.option(
    "--accept-deletions",
    is_flag=True,
    help="Mark rows as deleted even when there are many; see docs/running.md.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be read; write nothing.")
@api_options
@output_options
def command(settings: Settings, output: Output, *, full: bool, accept_deletions: bool, dry_run: bool) -> int:
    """Bring the warehouse up to date with the server and publish it.

    Exit status: 0 all done, 1 failed, 3 partial, 75 another sync is running, 77 credentials
    refused, 78 configuration, 130 interrupted.
    """
    from unpod_sync.sync.pipeline import Options, sync

    def terminate(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    options = Options(full=full, dry_run=dry_run, accept_deletions=accept_deletions, configured=load().spaces)
    try:
        with (
            alerting(settings, output, is_dry=dry_run),
            _pinged(settings, output, is_dry=dry_run) as pinged,
            Progress(output) as progress,
        ):
            result = sync(settings, options, on_event=log_event(output), on_page=progress.page)
            pinged.append(result.exit_status)
    except KeyboardInterrupt:
        output.complain("interrupted", kept(settings))
        return EXIT_INTERRUPTED
    if output.json:
        output.dump(dataclasses.asdict(result))
    else:
        show(result, output, settings)
    return result.exit_status


@contextmanager
def _pinged(settings: Settings, output: Output, *, is_dry: bool) -> Iterator[list[int]]:
    """Pings the user's monitor at start and end; the body appends the exit status.

    A sync that finds another at work is no failure: that one sends its own pings.
    """
    statuses: list[int] = []
    if settings.ping_url is None or is_dry:
        yield statuses
        return
    from unpod_sync.operations.ping import ping

    def send(event: str) -> None:
        if failure := ping(settings.ping_url, event):
            output.note(failure)

    send("start")
    try:
        yield statuses
    except LockedError:
        raise
    except BaseException:
        send("fail")
        raise
    send("success" if statuses == [EXIT_DONE] else "fail")


def kept(settings: Settings) -> str:
    """A sentence about what an interrupted sync leaves behind."""
    from unpod_sync.warehouse import open_storage

    storage = open_storage(settings)
    rows = (storage.read_state().get("standing") or {}).get("rows", {})
    tasks = (
        f"{plural(rows['tasks'], 'task is', 'tasks are')} safe"
        if rows.get("tasks")
        else "Nothing was committed yet"
    )
    file = f"{settings.database} is as it was" if storage.is_published() else "nothing is published yet"
    return f"{tasks}, {file}; the next sync goes on from there."


def log_event(output: Output) -> Any:
    """A hook that logs the client's events."""

    def log(event: RequestEvent) -> None:
        output.log(
            event.kind,
            list=event.resource.name,
            page=event.page,
            attempt=event.attempt,
            status=event.status,
            seconds=round(event.seconds, 3),
            wait_seconds=round(event.wait_seconds, 1),
            text=event.text,
        )

    return log


class Progress:
    """A progress line on a terminal, nothing elsewhere."""

    def __init__(self, output: Output, text: str = "connecting") -> None:
        """Draws only when `output` says that stderr is a terminal; `text` until there are pages."""
        self._text = text
        self._bar: Any = None
        self._output = output
        self._task: Any = None
        self._rows = 0

    def __enter__(self) -> Progress:
        """Starts drawing."""
        if self._output.is_terminal:
            from rich.progress import Progress as Bar
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            self._bar = Bar(*columns, console=console(err=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._text)
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the line."""
        if self._bar is not None:
            self._bar.stop()

    def page(self, progress: Any, page: Any) -> None:
        """Counts the rows of a page that has arrived."""
        self._rows += len(page.rows)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=f"{plural(self._rows, 'row')} read · {progress.resource.name}, page {page.number}",
            )


def show(result: LoadResult, output: Output, settings: Settings) -> None:
    """The result in a few lines on stderr."""
    seconds = (result.ended_at - result.started_at).total_seconds()
    if result.status == "dry run":
        output.say("A sync would read these pages now:")
        for name, needs in result.plans.items():
            reasons = ", ".join(f"{reason} {number}" for reason, number in needs.items())
            output.say(f"  {name}: {reasons}")
        for note in result.notes:
            output.note(note)
        output.say(f"{plural(result.requests_planned, 'request')} in all; nothing was written or published.")
        return
    output.say(
        f"{result.status}: {plural(result.tasks_read, 'task')} read, {result.tasks_changed:,} new or changed, "
        f"{result.tasks_deleted:,} deleted; {plural(result.requests, 'request')}"
        f" ({result.requests_planned:,} planned), {seconds:.1f} s"
    )
    for note in result.notes:
        output.note(note)
    for failure in result.failures:
        output.warn(f"  failed: {failure}")
    if result.rows_held:
        output.say(f"  If these rows are really gone:  {called_with('--accept-deletions')}")
    output.say(_published(result, settings.database))


def _published(result: LoadResult, database: Path) -> str:
    """What became of the published file; a failed sync brings nothing new, even where views were rebuilt."""
    if result.exit_status == EXIT_FAILED:
        return f"nothing new in {database}" if database.exists() else "nothing was published"
    return f"published {database}" if result.published else f"nothing new, left as it is: {database}"
