"""`unpod-sync report`."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import Output, database_option, output_options, published
from unpod_sync.config import Settings

if TYPE_CHECKING:
    from unpod_sync.reports import Report

DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command(
    epilog="Example:  unpod-sync report --since 2026-11-01 --agent Asha --html report.html",
    short_help="The numbers: completion, connects, durations, outcomes.",
)
@click.option("--since", type=DATE, help="First local date, such as 2026-11-01.")
@click.option("--until", type=DATE, help="Last local date, included; a day that is not over is shown apart.")
@click.option("--space", "spaces", multiple=True, help="Only this space (token or name); repeatable.")
@click.option("--agent", "agents", multiple=True, help="Only this agent (handle or name); repeatable.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write one page with charts instead."
)
@database_option
@output_options
def command(
    settings: Settings,
    output: Output,
    *,
    since: datetime | None,
    until: datetime | None,
    spaces: tuple[str, ...],
    agents: tuple[str, ...],
    html: Path | None,
) -> None:
    """Show how the calls went, what changed, and what needs attention.

    Without dates: the last seven complete days against the seven before, details over four weeks.
    The day of the last sync is not over: it is shown apart, and is in no period. Callbacks are due
    whatever the dates.
    """
    from unpod_sync.reports import Request, report

    request = Request(spaces, agents, since and since.date(), until and until.date())
    path = published(settings)
    if html:
        from unpod_sync.page import write

        size = write(html, path, request)
        if output.json:
            output.dump({"html": html, "bytes": size})
        output.say(f"{html}: {size / 1e6:.1f} MB, one file; open it in any browser.")
        return
    content = report(path, request)
    if output.json:
        output.dump(dataclasses.asdict(content))
    else:
        show(content)


def show(content: Report) -> None:
    """Prints the report on stdout, as wide as the terminal; also for other commands."""
    from rich.console import Console

    from unpod_sync import render

    console = Console(highlight=False, emoji=False, markup=False)
    with console.capture() as captured:
        console.print(render.report(content, console.width))
    # tables are padded to their width: blanks that only make lines wrap when they are pasted
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()), color=console.is_terminal)
