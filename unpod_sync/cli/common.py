"""Options and outputs that commands share."""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from unpod_sync.cli.invocation import Invocation
from unpod_sync.cli.output import Output, data_stream
from unpod_sync.config import Settings, load
from unpod_sync.errors import UsageError, WarehouseError
from unpod_sync.formatting import plural

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.analytics.query import Result
    from unpod_sync.warehouse.storage import Storage

F = TypeVar("F", bound=Callable[..., Any])

#: Forms of a result.
FORMATS = ("table", "csv", "json", "parquet", "xlsx")
#: Those that are not text.
BINARY = ("parquet", "xlsx")
#: Endings of files that hold a table for people.
ENDINGS_OF_TABLES = ("txt",)


def started() -> Invocation:
    """How this process was started, from the context of the running command."""
    return click.get_current_context().find_object(Invocation) or Invocation()


def output_options(function: F) -> F:
    """Adds --quiet, --json, --log-format and --verbose; the command gets them as `output`."""

    @click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="Format of log lines on stderr.",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Log every request.")
    @functools.wraps(function)
    def wrapped(*args: Any, quiet: bool, as_json: bool, log_format: str, verbose: bool, **kwargs: Any) -> Any:
        output = Output(quiet, as_json, log_format, verbose, started())
        return function(*args, output=output, **kwargs)

    return wrapped  # type: ignore[return-value]


DATABASE = click.option("--database", type=click.Path(path_type=Path), help="The published DuckDB file.")
BASE_URL = click.option("--base-url", help="Address of the API.")
ORG_HANDLE = click.option("--org-handle", help="Domain handle of the organisation.")
SPACES = click.option("--space", "spaces", multiple=True, help="Only this space (token or name); repeatable.")
AGENTS = click.option(
    "--agent", "agents", multiple=True, help="Only this agent (handle or name); repeatable."
)
SPACE = click.option("--space", help="Only this space (token or name).")
AGENT = click.option("--agent", help="Only this agent (handle or name).")


EXECUTIONS_OF = click.option(
    "--agent", "agents", multiple=True, help="Only this agent's executions (handle); repeatable."
)


def settings_options(
    *options: Callable[[Any], Any], names: Sequence[str] = ("database",)
) -> Callable[[F], F]:
    """Adds options that override settings; the command gets the settings in force as `settings`.

    Hints name a database that is chosen for this call alone.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            flags = {name: kwargs.pop(name) for name in names if name in kwargs}
            started().choose(flags["database"])
            return function(*args, settings=load(flags), **kwargs)

        return functools.reduce(lambda decorated, option: option(decorated), reversed(options), wrapped)  # type: ignore[return-value]

    return decorate


database_option = settings_options(DATABASE)

#: The flags that reach the API; a command may add `--max-requests` itself.
api_options = settings_options(
    DATABASE,
    BASE_URL,
    ORG_HANDLE,
    SPACES,
    EXECUTIONS_OF,
    names=("database", "base_url", "org_handle", "spaces", "agents", "max_requests"),
)


def output_file_options(plain_form: str, file_help: str) -> Callable[[F], F]:
    """Adds --format and --output, as `form` and `target`."""

    def decorate(function: F) -> F:
        form = click.option(
            "--format",
            "form",
            type=click.Choice(FORMATS),
            help=f"Format of the result. Default: by the ending of --output, otherwise {plain_form}.",
        )
        target = click.option(
            "--output", "target", type=click.Path(path_type=Path, dir_okay=False), help=file_help
        )
        return form(target(function))

    return decorate


def called_with(*more: str) -> str:
    """The running command with its options and more of them, in the neutral form of hints."""
    context = click.get_current_context()
    words = ["unpod-sync", str(context.info_name)]
    for option in context.command.params:
        name = str(option.name)
        if name == "database" or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        for one in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0]] if isinstance(one, bool) else [option.opts[0], str(one)]
    return shlex.join([*words, *more])


def published(settings: Settings) -> Storage:
    """The storage of a published warehouse; without one, an error with a hint how to get it."""
    from unpod_sync.warehouse import open_storage

    storage = open_storage(settings)
    if not storage.is_published():
        raise WarehouseError(
            f"there is no {settings.database.absolute()} yet",
            "Run `unpod-sync sync` first, or name the file with --database. "
            "To try without an account: `unpod-sync demo`.",
        )
    return storage


def open_reader(settings: Settings, *, isolated: bool = True) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published file; `isolated` shuts out every other file."""
    from unpod_sync.analytics.query import open_published

    return open_published(published(settings), isolated=isolated)


def form_of(form: str | None, target: Path | None, *, as_json: bool = False) -> str:
    """The format of a result: --format, --json, the ending of --output or, without them, a table.

    Raises `UsageError` for an unknown ending, and for one that contradicts --format.
    """
    ending = target.suffix.removeprefix(".").lower() if target is not None else ""
    named = form or ("json" if as_json else None)
    if named is not None:
        if ending in FORMATS and ending != named:
            raise UsageError(
                f"{target} ends in .{ending}, but the format is {named}", "Change one of the two."
            )
        return named
    if target is None or ending in ENDINGS_OF_TABLES:
        return "table"
    if ending not in FORMATS:
        endings = [f".{name}" for name in FORMATS if name != "table"]
        endings += [f".{name} (a table)" for name in ENDINGS_OF_TABLES]
        raise UsageError(
            f"{target.name} does not end in a known format",
            f"Known endings: {', '.join(endings)}; or use --format.",
        )
    return ending


def write_result(
    form: str, result: Result, target: Path | None, output: Output, *, for_spreadsheets: bool = False
) -> None:
    """A result in a form for programs, into the file or onto stdout.

    `for_spreadsheets`: CSV that no spreadsheet runs as a formula.
    """
    from unpod_sync.analytics.excel import write_xlsx
    from unpod_sync.analytics.writers import WRITERS, write_csv, write_file

    writer = write_xlsx if form == "xlsx" else WRITERS[form]
    if form == "csv" and for_spreadsheets:
        writer = functools.partial(write_csv, for_spreadsheets=True)
    if target is not None:
        count = write_file(writer, result, target)
        output.say(f"{plural(count, 'row')} written to {target}")
        return
    if form in BINARY and sys.stdout.isatty():
        raise UsageError(f"{form} is not for a terminal", f"Name a file: --output result.{form}")
    with data_stream() as stream:
        writer(result, stream)
