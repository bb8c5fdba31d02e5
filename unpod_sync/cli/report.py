"""`unpod-sync report`."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import AGENTS, SPACES, database_option, output_options, published
from unpod_sync.cli.dates import period_options
from unpod_sync.cli.output import Output, console
from unpod_sync.config import Settings
from unpod_sync.formatting import format_bytes

if TYPE_CHECKING:
    from unpod_sync.report.model import Report


@click.command(
    epilog="Example:  unpod-sync report --since 2026-11-01 --agent Asha --html report.html",
)
@SPACES
@AGENTS
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page with charts instead."
)
@database_option
@period_options
@output_options
def command(
    settings: Settings,
    output: Output,
    *,
    since: date | None,
    until: date | None,
    spaces: tuple[str, ...],
    agents: tuple[str, ...],
    html: Path | None,
) -> None:
    """Show how the calls went, what changed, and what needs attention.

    Without dates: the last seven complete days against the seven before, details over four weeks.
    The day of the last sync is not complete: it is shown separately and is in no period. Due
    callbacks do not depend on the dates.
    """
    from unpod_sync.report.model import Request, report

    request = Request(spaces, agents, since, until)
    storage = published(settings)
    if html:
        from unpod_sync.report.html import write

        size = write(html, storage, request, output.hint)
        if output.json:
            output.dump({"html": html, "bytes": size})
        output.say(f"{html}: {format_bytes(size)}, one file; open it in any browser.")
        return
    content = report(storage, request)
    if output.json:
        output.dump(dataclasses.asdict(_with_hints(content, output)))
    else:
        show(content, output)


def show(content: Report, output: Output) -> None:
    """Prints the report on stdout, as wide as the terminal; also for other commands."""
    from unpod_sync.report import text as report_text

    screen = console()
    output.draw(report_text.report(content, screen.width), screen)


def _with_hints(content: Report, output: Output) -> Report:
    """The report, with the commands it proposes as they work here."""
    items = tuple(dataclasses.replace(item, hint=output.hint(item.hint)) for item in content.attention)
    return dataclasses.replace(content, attention=items)
