"""The command line: the only place that knows click, prints or exits.

One module per command, imported when the command is called, so that `--help` starts at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import click

from unpod_sync import __version__
from unpod_sync.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, UnpodSyncError

#: Command → one line of help; the module `unpod_sync.cli.<command>` holds its `command`.
COMMANDS = {
    "init": "Set up: token, organisation, spaces, time zone.",
    "doctor": "Check configuration, API, files; each finding with its remedy.",
    "sync": "Bring the warehouse up to the server and publish it.",
    "status": "How fresh the data is, and what the last syncs did.",
    "report": "The numbers: completion, connects, durations, outcomes.",
    "query": "Run read-only SQL on the published file.",
    "search": "Find calls by what was said.",
    "call": "Show one call whole: story, transcript, analysis.",
    "metrics": "The exact definition of every number.",
    "fields": "List an agent's structured data, and make it columns.",
    "export": "Write tables and views to Parquet, CSV or Excel.",
    "dbt": "Print the published file as a dbt source, with tests.",
    "check": "Test the claims about the data, and reconcile with the API.",
    "forget": "Erase a contact everywhere, for good.",
    "rebuild": "Flatten again from the stored payloads; compacts.",
    "demo": "Try everything on simulated data, without an account.",
    "simulate": "Run the API simulator alone.",
}


class Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command's module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"unpod_sync.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account: unpod-sync demo",
)
@click.version_option(__version__, prog_name="unpod-sync")
def group() -> None:
    """Keep every Unpod run, task and transcript in one DuckDB file, readable at any moment."""


def main() -> NoReturn:
    """Runs the command line and exits with the status of DESIGN section 2.

    At once, as mypy does: taking memory apart piece by piece costs a long sync a tenth of a second.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  for as long as we live
    status = _run()
    os._exit(_guarded(_flush) or status)


def _run(arguments: Sequence[str] | None = None) -> int:
    # What we write holds contacts and transcripts: private from the first byte, also DuckDB's own log.
    os.umask(0o077)
    return _guarded(
        lambda: group.main(arguments, prog_name="unpod-sync", standalone_mode=False, color=_colour())
    )


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:  # Arrow closes what it could not write to
            stream.flush()


def _guarded(work: Callable[[], object]) -> int:
    """The exit status of some work; what a user can mend is told without a traceback."""
    try:
        status = work()
    except click.UsageError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UnpodSyncError as error:
        complain(error.message, error.hint)
        return error.exit_status
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted", "Everything committed so far is kept; the next sync goes on from there.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has left; nothing more to say to anybody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        complain(f"{error.filename or 'the output'}: {error.strerror or error}")
        return EXIT_FAILED
    return status if isinstance(status, int) else 0


def _colour() -> bool | None:
    """False when the user wants none (NO_COLOR), else as the terminal can."""
    return False if os.environ.get("NO_COLOR") else None


def complain(message: str, hint: str = "") -> None:
    """One error on stderr: what happened, then what to do."""
    click.secho(f"error: {message}", fg="red", err=True, color=_colour())
    if hint:
        click.echo(f"  {hint}", err=True)
