"""Options and outputs that commands share."""

from __future__ import annotations

import functools
import json
import logging
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from unpod_sync.config import Settings, load

PROGRAM = "unpod-sync"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Output:
    """How a command speaks: `quiet` says only errors, `json` gives data as JSON."""

    quiet: bool = False
    json: bool = False
    log_format: str = "text"
    verbose: bool = False

    def say(self, text: str = "") -> None:
        """A line for people, on stderr, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def note(self, text: str) -> None:
        """Something the user should know, beside what was asked for."""
        self.say(f"  note: {text}")

    def data(self, text: str) -> None:
        """Data, on stdout."""
        click.echo(text)

    def dump(self, value: object) -> None:
        """Data as one JSON document on stdout."""
        click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))

    @property
    def is_terminal(self) -> bool:
        """Whether progress may be drawn."""
        return sys.stderr.isatty() and not self.quiet and self.log_format == "text"

    def log(self, event: str, **values: object) -> None:
        """A log line on stderr: text, or one JSON object per line."""
        if self.quiet or not (self.verbose or self.log_format == "json"):
            return
        _logger(self.log_format).info(event, **values)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


@functools.cache
def _logger(log_format: str) -> Any:
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def output_options(function: F) -> F:
    """Adds --quiet, --json, --log-format and --verbose; the command gets them as `output`."""

    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
    @click.option("--json", "as_json", is_flag=True, help="Give the result as JSON on stdout.")
    @click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="Form of log lines on stderr.",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Log every request.")
    @functools.wraps(function)
    def wrapped(*args: Any, quiet: bool, as_json: bool, log_format: str, verbose: bool, **kwargs: Any) -> Any:
        return function(*args, output=Output(quiet, as_json, log_format, verbose), **kwargs)

    return wrapped  # type: ignore[return-value]


def database_option(function: F) -> F:
    """Adds --database; the command gets the settings in force as `settings`."""

    @click.option("--database", type=click.Path(path_type=Path), help="The published DuckDB file.")
    @functools.wraps(function)
    def wrapped(*args: Any, database: Path | None, **kwargs: Any) -> Any:
        return function(*args, settings=load({"database": database}), **kwargs)

    return wrapped  # type: ignore[return-value]


def api_options(function: F) -> F:
    """Adds the flags that reach the API; the command gets the settings in force as `settings`."""

    @click.option("--database", type=click.Path(path_type=Path), help="The published DuckDB file.")
    @click.option("--base-url", help="Address of the API.")
    @click.option("--org-handle", help="Domain handle of the organisation.")
    @click.option("--space", "spaces", multiple=True, help="Only this space (token or name); repeatable.")
    @click.option("--agent", "agents", multiple=True, help="Only this agent's executions; repeatable.")
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        database: Path | None,
        base_url: str | None,
        org_handle: str | None,
        spaces: tuple[str, ...],
        agents: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        flags = {
            "database": database,
            "base_url": base_url,
            "org_handle": org_handle,
            "spaces": spaces,
            "agents": agents,
        }
        limit = kwargs.pop("max_requests", None)
        return function(*args, settings=load(flags | {"max_requests": limit}), **kwargs)

    return wrapped  # type: ignore[return-value]


def called_with(*more: str) -> str:
    """The running command with the options that it was called with, and more of them: to be pasted."""
    context = click.get_current_context()
    words = [
        PROGRAM if shutil.which(PROGRAM) or Path(sys.argv[0]).name != PROGRAM else sys.argv[0],
        str(context.info_name),
    ]
    for option in context.command.params:
        name = str(option.name)
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        for one in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0]] if isinstance(one, bool) else [option.opts[0], str(one)]
    return shlex.join([*words, *more])


def published(settings: Settings) -> Path:
    """The published file, or an error that tells how to get one."""
    from unpod_sync.errors import WarehouseError

    if not settings.database.is_file():
        raise WarehouseError(
            f"there is no {settings.database} yet",
            "Run `unpod-sync sync` first, or name the file with --database. To try without an account: unpod-sync demo.",
        )
    return settings.database
