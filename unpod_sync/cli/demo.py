"""`unpod-sync demo`: a simulated business, synced twice with a day and a half in between.

It touches nothing of the user's: settings are built here, neither file nor environment is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import output_options, started
from unpod_sync.cli.invocation import quoted
from unpod_sync.cli.output import Output, Styled, echo
from unpod_sync.cli.simulate import serve
from unpod_sync.cli.sync import Progress
from unpod_sync.config import Secret, Settings
from unpod_sync.errors import LockedError, WarehouseError
from unpod_sync.formatting import format_bytes, plural
from unpod_sync.warehouse import open_storage

if TYPE_CHECKING:
    from unpod_sync.simulator import Simulator, World
    from unpod_sync.sync.result import LoadResult

DATABASE = Path("data/demo.duckdb")
HOURS_BETWEEN = 40
MARK = "demo"


@click.command(
    epilog="Example:  unpod-sync demo --tasks 5000 --database /tmp/demo.duckdb",
)
@click.option(
    "--database", type=click.Path(path_type=Path), default=DATABASE, show_default=True, help="File to create."
)
@click.option(
    "--tasks",
    type=click.IntRange(1, 1_000_000),
    default=1500,
    show_default=True,
    help="Calls in its history.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same people.")
@click.option("--keep", is_flag=True, help="Keep the simulator running, so that you can sync from it.")
@output_options
def command(output: Output, *, database: Path, tasks: int, seed: int, keep: bool) -> None:
    """Try everything on simulated data, without an account.

    A simulated business is synced, a day and a half passes, it is synced again, and the report is
    shown. Your own configuration, token and data are neither used nor changed. Can be repeated.
    """
    from unpod_sync.simulator import Simulator

    begun = time.monotonic()
    started().choose(database)
    clear(database)
    with _step(output, "Making up a business and 60 days of its calls"):
        world = make_world(tasks, seed, datetime.now(UTC))
    with Simulator(world, keep_requests=False) as simulator:
        demo = Demo(world, simulator, demo_settings(database, simulator))
        first = _sync(demo, output, "First sync")
        with _step(output, f"{HOURS_BETWEEN} hours pass: calls are made, retried, analysed, changed"):
            demo.advance()
        second = _sync(demo, output, "Second sync")
        output.say()
        _finish(demo, output, (first, second), time.monotonic() - begun)
        if keep:
            output.say()
            serve(simulator, output, f"export UNPOD_TIMEZONE={demo.settings.timezone}")


@contextmanager
def _step(output: Output, text: str) -> Iterator[tuple[Progress, list[str]]]:
    """One step: drawn while it runs on a terminal, one line when it is done: `text`, or the last of the list."""
    begun, texts = time.monotonic(), [text]
    with Progress(output, text) as progress:
        yield progress, texts
    if not output.quiet:
        seconds = time.monotonic() - begun
        echo(Styled("ok", fg="green"), f"  {texts[-1]}  ({seconds:.1f} s)", err=True)


def _sync(demo: Demo, output: Output, name: str) -> LoadResult:
    with _step(output, name) as (progress, texts):
        result = demo.sync(progress.page)
        texts.append(
            f"{name}: {plural(result.tasks_read, 'call')} read in {plural(result.requests, 'request')}, "
            f"{result.tasks_changed:,} new or changed"
        )
    for failure in result.failures:
        output.warn(f"   failed: {failure}")
    return result


def _finish(demo: Demo, output: Output, results: tuple[LoadResult, LoadResult], seconds: float) -> None:
    """The results as JSON, or both reports and what to do next."""
    from unpod_sync.cli.report import show
    from unpod_sync.report.html import write
    from unpod_sync.report.model import Request, report

    database = demo.settings.database
    if output.json:
        first, second = (
            {"tasks_changed": result.tasks_changed, "requests": result.requests} for result in results
        )
        output.dump(
            {
                "database": str(database),
                "seconds": round(seconds, 1),
                "first_sync": first,
                "second_sync": second,
            }
        )
        return
    page = database.with_suffix(".html")
    storage = open_storage(demo.settings)
    write(page, storage, Request(), output.hint)
    if not output.quiet:
        show(report(storage, Request()), output)
    sql = '"select * from daily_completion order by local_date desc limit 7"'
    output.say()
    output.say(f"{database} ({format_bytes(database.stat().st_size)}) is ready after {seconds:.0f} s. Next:")
    output.say(f"  ask it         unpod-sync query {sql}")
    output.say(f"  see it         open {quoted(page)} in a browser: the dashboard")
    output.say("  your account   unpod-sync init")


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo's world and where its syncs go."""

    world: World
    simulator: Simulator
    settings: Settings

    def sync(
        self, on_page: Callable[..., None] | None = None, *, now: Callable[[], datetime] | None = None
    ) -> LoadResult:
        """One sync, by a clock (naive UTC) that begins at the world's present, or by `now`."""
        from unpod_sync.clock import utc_now
        from unpod_sync.sync.pipeline import sync

        ahead = utc_now() - self.world.now.replace(tzinfo=None)
        return sync(self.settings, now=now or (lambda: utc_now() - ahead), on_page=on_page)

    def advance(self) -> None:
        """Lets the hours pass that lie between the two syncs."""
        self.world.advance(timedelta(hours=HOURS_BETWEEN))


def make_world(tasks: int, seed: int, now: datetime) -> World:
    """A business's past, ending so long before `now` (with a zone) that `advance` leads up to it."""
    from unpod_sync.simulator import World

    return World.generate(seed, tasks=tasks, now=now - timedelta(hours=HOURS_BETWEEN))


def demo_settings(database: Path, simulator: Simulator) -> Settings:
    """Settings that reach the simulator and nothing else."""
    return Settings(
        api_token=Secret(simulator.token),
        org_handle=simulator.org_handle,
        base_url=simulator.base_url,
        database=database,
        timezone="Asia/Kolkata",  # where most of its people are
    )


def clear(database: Path) -> None:
    """Removes an earlier demo, so that every demo begins with a first sync.

    A file that no demo made is never touched: `WarehouseError`.
    """
    storage = open_storage(Settings(database=database))
    mark = database.with_name(f".{database.name}.{MARK}")
    with storage.errors():
        if (storage.exists() or storage.read_state()) and not mark.exists():
            raise WarehouseError(
                f"{database} is there already, and no demo made it", "Name another file with --database."
            )
        if storage.lock_holder() is not None:
            raise LockedError(f"another demo is at work on {database}", "Wait for it to end.")
        database.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(mode=0o600)
        storage.remove()
