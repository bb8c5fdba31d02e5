"""`unpod-sync demo`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.common import output_options, started
from unpod_sync.cli.invocation import quoted
from unpod_sync.cli.output import Output, Styled, echo

if TYPE_CHECKING:
    from unpod_sync.cli.demonstration import Demo
    from unpod_sync.sync.result import LoadResult

DATABASE = Path("data/demo.duckdb")


@click.command(
    epilog="Example:  unpod-sync demo --tasks 5000 --database /tmp/demo.duckdb",
    short_help="Try everything on simulated data, without an account.",
)
@click.option(
    "--database", type=click.Path(path_type=Path), default=DATABASE, show_default=True, help="File to make."
)
@click.option(
    "--tasks", type=click.IntRange(1, 1_000_000), default=1500, show_default=True, help="Calls of its past."
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same people.")
@click.option("--keep", is_flag=True, help="Leave the simulator running, to sync against it yourself.")
@output_options
def command(output: Output, *, database: Path, tasks: int, seed: int, keep: bool) -> None:
    """Try everything on simulated data, without an account.

    A simulated business is synced, a day and a half passes, it is synced again, and the report is
    shown. Your own configuration, token and data are not touched. May be repeated.
    """
    from unpod_sync.cli.demonstration import HOURS_BETWEEN, Demo, clear, demo_settings, make_world
    from unpod_sync.simulator import Simulator

    begun = time.monotonic()
    started().choose(database)
    clear(database)
    with _stage(output, "Making up a business and 60 days of its calls"):
        world = make_world(tasks, seed, datetime.now(UTC))
    with Simulator(world, keep_requests=False) as simulator:
        demo = Demo(world, simulator, demo_settings(database, simulator))
        first = _sync(demo, output, "First sync")
        with _stage(output, f"{HOURS_BETWEEN} hours pass: calls are made, retried, analysed, changed"):
            demo.advance()
        second = _sync(demo, output, "Second sync")
        output.say()
        if output.json:
            output.dump(_summary(first, second, database, begun))
        else:
            _report(demo, output)
            _next_steps(database, output, time.monotonic() - begun)
        if keep:
            _keep(demo, output)


@contextmanager
def _stage(output: Output, text: str) -> Iterator[None]:
    """One step of the demo: drawn while it runs on a terminal, one line when it is done."""
    from unpod_sync.cli.sync import Progress

    begun = time.monotonic()
    with Progress(output, text):
        yield
    _done(output, text, begun)


def _sync(demo: Demo, output: Output, name: str) -> LoadResult:
    from unpod_sync.cli.sync import Progress

    begun = time.monotonic()
    with Progress(output, name) as progress:
        result = demo.sync(progress.page)
    text = (
        f"{name}: {result.tasks_read:,} calls read in {result.requests} requests, "
        f"{result.tasks_changed:,} new or changed"
    )
    _done(output, text, begun)
    for problem in result.failures:
        output.warn(f"   failed: {problem}")
    return result


def _done(output: Output, text: str, begun: float) -> None:
    if not output.quiet:
        echo(Styled("ok", fg="green"), f"  {text}  ({time.monotonic() - begun:.1f} s)", err=True)


def _summary(first: LoadResult, second: LoadResult, database: Path, begun: float) -> dict[str, Any]:
    return {
        "database": str(database),
        "seconds": round(time.monotonic() - begun, 1),
        "first_sync": {"tasks_changed": first.tasks_changed, "requests": first.requests},
        "second_sync": {"tasks_changed": second.tasks_changed, "requests": second.requests},
    }


def _report(demo: Demo, output: Output) -> None:
    from unpod_sync.cli.report import show
    from unpod_sync.report.html import write
    from unpod_sync.report.model import Request, report

    write(demo.settings.database.with_suffix(".html"), demo.settings.database, Request())
    if not output.quiet:
        show(report(demo.settings.database, Request()), output)


def _next_steps(database: Path, output: Output, seconds: float) -> None:
    from unpod_sync.operations.status import size_of

    sql = '"select * from daily_completion order by local_date desc limit 7"'
    output.say()
    output.say(f"{database} ({size_of(database.stat().st_size)}) is ready after {seconds:.0f} s. Next:")
    output.say(f"  ask it         unpod-sync query {sql}")
    output.say(f"  see it         open {quoted(database.with_suffix('.html'))} in a browser: the dashboard")
    output.say("  your account   unpod-sync init")


def _keep(demo: Demo, output: Output) -> None:
    import threading

    output.say()
    output.say("The simulator stays up until Ctrl-C. In another terminal:")
    output.data(f"export UNPOD_BASE_URL={demo.simulator.base_url}")
    output.data(f"export UNPOD_API_TOKEN={demo.simulator.token} UNPOD_ORG_HANDLE={demo.simulator.org_handle}")
    output.data(f"export UNPOD_TIMEZONE={demo.settings.timezone}")
    output.data(output.hint("unpod-sync sync"))
    threading.Event().wait()
