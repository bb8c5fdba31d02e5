"""`unpod-sync fields`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import AGENT, database_option, open_reader, output_options
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import screen_width, table
from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError
from unpod_sync.escaping import escape_control_chars

if TYPE_CHECKING:
    from unpod_sync.analytics.structured_fields import AgentFields


@click.command(
    epilog="""Examples:

\b
  unpod-sync fields
  unpod-sync fields --agent Asha
  unpod-sync fields --build && unpod-sync sync
""",
)
@AGENT
@click.option("--build", is_flag=True, help="Write one view per agent to the folder views_folder.")
@database_option
@output_options
def command(settings: Settings, output: Output, *, agent: str | None, build: bool) -> None:
    """List the keys of structured_data per agent: type, coverage, values.

    Coverage is the share of the agent's analysed calls that have a value. With --build each agent
    gets a view fields_NAME with one typed column per key; the next sync builds it.
    """
    from unpod_sync.analytics.structured_fields import fields, write_views

    if build and settings.views_folder is None:
        raise ConfigurationError(
            "there is no folder for views of your own",
            'Set views_folder = "views" in unpod-sync.toml, or UNPOD_VIEWS_FOLDER, then run this again.',
        )
    with open_reader(settings) as connection:
        found = fields(connection, agent)
    if output.json:
        output.dump([dataclasses.asdict(each) for each in found])
    else:
        _show(found, output)
    if build and settings.views_folder is not None:
        for path in write_views(found, settings.views_folder):
            output.say(f"written: {path}")
        output.say("The next sync builds these views.")


def _show(found: list[AgentFields], output: Output) -> None:
    """A table per agent."""
    for agent in found:
        name = agent.agent_name or agent.agent_handle
        output.data(
            escape_control_chars(f"{name} ({agent.agent_handle}), {agent.analysed_count:,} analysed calls")
        )
        rows = [
            (
                field.key,
                field.type,
                f"{field.call_count:,}",
                None if field.coverage is None else f"{field.coverage:.0%}",
                f"{field.distinct_count:,}",
                field.example,
            )
            for field in agent.fields
        ]
        heads = ("key", "type", "calls", "coverage", "distinct", "commonest")
        right = (False, False, True, True, True, False)
        output.block(table(heads, rows, right=right, width=screen_width()) + "\n\n")
    if not found:
        output.say("(no call has structured data)")
