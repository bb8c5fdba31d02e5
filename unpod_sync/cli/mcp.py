"""`unpod-sync mcp`."""

from __future__ import annotations

import click

from unpod_sync.cli.common import database_option, output_options, published
from unpod_sync.cli.output import Output
from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError


@click.command(
    epilog="""Examples:

\b
  unpod-sync mcp
  unpod-sync mcp --database /srv/unpod/data/unpod.duckdb
""",
    short_help="Serve the published file to AI assistants (MCP).",
)
@click.option(
    "--with-contacts", is_flag=True, help="Do not mask names, numbers, e-mail addresses, recordings."
)
@database_option
@output_options
def command(settings: Settings, output: Output, *, with_contacts: bool) -> None:
    """Serve the published file to AI assistants over stdio, in the Model Context Protocol.

    An assistant's program starts this command; see docs/assistants.md. The tools list and describe views, run
    read-only SQL, search transcripts and show a call. Contacts are masked unless --with-contacts is given.
    """
    try:
        from unpod_sync.assistant.server import Source, build
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in ("mcp", "numpy"):
            raise
        raise ConfigurationError(
            "the MCP SDK is not installed",
            "Install it with: pip install 'unpod-sync[mcp]'; in a checkout: pip install '.[mcp]'",
        ) from None
    source = Source(published(settings), with_contacts=with_contacts)
    with source.open():  # a file that cannot be read is an error now, not at the first question
        pass
    build(source).run()
