"""The command line: the only package that uses click, prints or exits.

One module per command, imported when the command is called, so that `--help` starts at once.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import NoReturn

import click

from unpod_sync import __version__
from unpod_sync.cli import output
from unpod_sync.cli.commands import COMMANDS, WRITING
from unpod_sync.cli.invocation import Invocation
from unpod_sync.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, UnpodSyncError
from unpod_sync.suggest import did_you_mean


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
        command.short_help = COMMANDS[cmd_name]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; a mistyped one is answered with those that look like it."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            meant = did_you_mean(args[0], COMMANDS)
            raise click.UsageError(f"There is no command {args[0]!r}. {meant}".strip(), ctx)
        return super().resolve_command(ctx, args)

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
@click.pass_context
def group(ctx: click.Context) -> None:
    """Keep every Unpod run, task and transcript in one DuckDB file, readable at any moment."""
    if isinstance(ctx.obj, Invocation):
        ctx.obj.writes = ctx.invoked_subcommand in WRITING


def main() -> NoReturn:
    """Runs the command line and exits with the status that README lists.

    It leaves by `os._exit`: freeing memory object by object costs a long sync a tenth of a second.
    """
    output.prepare_streams()
    status = _run()
    os._exit(_exit_status(output.flush, Invocation()) or status)


def _run(arguments: Sequence[str] | None = None) -> int:
    # What we write holds contacts and transcripts: private from the first byte, also DuckDB's own log.
    os.umask(0o077)
    invocation = Invocation()
    return _exit_status(
        lambda: group.main(arguments, prog_name="unpod-sync", standalone_mode=False, obj=invocation),
        invocation,
    )


def _exit_status(work: Callable[[], object], invocation: Invocation) -> int:
    """The exit status of some work; an error that a user can correct is shown without a traceback."""
    terminal = output.Output(invocation=invocation)
    try:
        status = work()
    except click.UsageError as error:
        output.show_usage_error(error, invocation)
        return EXIT_USAGE
    except click.ClickException as error:
        output.show_usage_error(error, invocation)
        return error.exit_code
    except UnpodSyncError as error:
        terminal.complain(error.message, error.hint)
        return error.exit_status
    except (KeyboardInterrupt, click.Abort):
        kept = "Everything committed so far is kept; the next sync goes on from there."
        terminal.complain("interrupted", kept if invocation.writes else "")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has ended.
        output.drop_stdout()
        return EXIT_FAILED
    except OSError as error:
        terminal.complain(f"{error.filename or 'the output'}: {error.strerror or error}")
        return EXIT_FAILED
    return status if isinstance(status, int) else 0
