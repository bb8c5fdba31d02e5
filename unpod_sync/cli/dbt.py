"""`unpod-sync dbt`."""

from __future__ import annotations

import click

from unpod_sync.cli.common import database_option, open_reader
from unpod_sync.cli.output import Output
from unpod_sync.config import Settings


@click.command(
    epilog="""Examples:

\b
  unpod-sync dbt > models/unpod.yml
  dbt test --select source:unpod
""",
)
@database_option
def command(settings: Settings) -> None:
    """Print a dbt sources.yml made from the published file.

    It has every table, view and column with its description, and tests of keys and parents that need
    no package. For dbt 1.10.5 or later with dbt-duckdb; its first lines show what profiles.yml needs.
    """
    from unpod_sync.analytics.dbt import sources_yaml

    with open_reader(settings) as connection:
        Output().block(sources_yaml(connection, settings.database))
