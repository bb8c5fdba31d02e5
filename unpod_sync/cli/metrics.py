"""`unpod-sync metrics`."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import database_option, open_reader, output_options
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import cut, pad, screen_width
from unpod_sync.config import Settings
from unpod_sync.escaping import escape_control_chars

if TYPE_CHECKING:
    from unpod_sync.analytics.metric_definitions import View


@click.command(
    epilog="""Examples:

\b
  unpod-sync metrics
  unpod-sync metrics agent_scorecard
  unpod-sync metrics connect_rate
""",
)
@click.argument("name", required=False)
@database_option
@output_options
def command(settings: Settings, output: Output, *, name: str | None) -> None:
    """Show how every number is computed: all of them, or the view or metric NAME in full.

    The definitions are stored in the published file itself: in meta.metrics, and as the comments of
    the views' columns.
    """
    from unpod_sync.analytics.metric_definitions import definitions

    with open_reader(settings) as connection:
        views = definitions(connection, name)
    if output.json:
        output.dump([dataclasses.asdict(view) for view in views])
        return
    width = screen_width() or 100
    for view in views:
        for line in (*(_whole(view, width) if name else _listed(view, width)), ""):
            output.data(line)
    if not name:
        output.say("(one of them whole, with its source and caveat: `unpod-sync metrics connect_rate`)")


def _listed(view: View, width: int) -> list[str]:
    """A view's metrics, one line each."""
    size = max(len(metric.name) for metric in view.metrics)
    lines = [cut(f"{view.name}: {escape_control_chars(view.comment or '')}", width)]
    return lines + [
        cut(f"  {pad(metric.name, size)}  {escape_control_chars(metric.definition)}", width)
        for metric in view.metrics
    ]


def _whole(view: View, width: int) -> list[str]:
    """A view's metrics with all that is known about them."""
    lines = textwrap.wrap(f"{view.name}: {escape_control_chars(view.comment or '')}", width)
    for metric in view.metrics:
        lines += ["", f"  {metric.name}"]
        for label, text in (
            ("", metric.definition),
            ("source: ", metric.source),
            ("caveat: ", metric.caveat),
        ):
            if text:
                lines += textwrap.wrap(
                    label + escape_control_chars(text), width, initial_indent="    ", subsequent_indent="    "
                )
    return lines
