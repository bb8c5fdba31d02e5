"""The one place where text leaves the program for a terminal, a pipe or a log.

Names, handles and messages come from a server and can contain control characters. Every line is
escaped here before colours are added. No other module of the command line calls the printing
functions of click or Python; a test checks that.
"""

from __future__ import annotations

import codecs
import functools
import io
import json
import logging
import os
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TextIO

import click

from unpod_sync.cli.invocation import Invocation
from unpod_sync.escaping import escape_control_chars, escape_control_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@dataclass(frozen=True, slots=True)
class Styled:
    """Text with a style for terminals, as `click.style` names it: fg, bold, dim."""

    text: str
    fg: str | None = None
    bold: bool | None = None
    dim: bool | None = None


Part = str | Styled


def echo(*parts: Part, err: bool = False) -> None:
    """One line on stdout or stderr; a line end within it is shown, too."""
    has_colours = colours(err=err)
    click.echo(_line(parts, has_colours=has_colours), err=err, color=has_colours)


def _line(parts: Iterable[Part], *, has_colours: bool) -> str:
    return "".join(_styled(part) if has_colours else plain(part) for part in parts)


def plain(part: Part) -> str:
    """The text alone, with its control characters escaped."""
    return escape_control_chars(part if isinstance(part, str) else part.text)


def _styled(part: Part) -> str:
    if isinstance(part, str) or not (part.fg or part.bold or part.dim):
        return plain(part)
    return click.style(plain(part), fg=part.fg, bold=part.bold, dim=part.dim)


def colours(*, err: bool = False) -> bool:
    """Whether the stream is a terminal whose user wants colours (NO_COLOR)."""
    return (sys.stderr if err else sys.stdout).isatty() and not os.environ.get("NO_COLOR")


def ask(question: str, *, default: str | None = None, hidden: bool = False) -> str:
    """An answer typed on the terminal; the question is written to stderr."""
    offer = f" [{default}]" if default else ""
    text = escape_control_chars(question + offer)
    given = click.prompt(text, default=default, show_default=False, hide_input=hidden, err=True)
    return str(given).strip()


def confirm(question: str, *, default: bool = False, abort: bool = False) -> bool:
    """Yes or no; with `abort` a no raises `click.Abort`, as the end of the input always does."""
    return click.confirm(escape_control_chars(question), default=default, abort=abort, err=True)


def console(*, err: bool = False) -> Console:
    """A console of rich whose text is escaped; only rich's own styles and movements remain."""
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    class EscapingConsole(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
            if isinstance(renderable, Text):  # one paragraph: a line end in it is data
                renderable = renderable.copy()
                renderable.plain = escape_control_chars(renderable.plain)
            elif isinstance(renderable, str):
                renderable = escape_control_chars(renderable)
            for segment in super().render(renderable, options):
                lines = segment.text.split("\n")  # where rich has wrapped a paragraph
                text = "\n".join(map(escape_control_chars, lines))
                yield segment if segment.control else Segment(text, segment.style)

    return EscapingConsole(stderr=err, highlight=False, emoji=False, markup=False)


class _TerminalBytes(io.RawIOBase):
    """Takes text as UTF-8 bytes, as writers of files pass it, and shows it line by line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        text = self._decoder.decode(bytes(content))
        click.echo("\n".join(map(escape_control_chars, text.split("\n"))), nl=False)
        return len(content)


@contextmanager
def data_stream() -> Iterator[IO[bytes]]:
    """Stdout for data in bytes: unchanged for a program, escaped on a terminal."""
    if not sys.stdout.isatty():
        yield sys.stdout.buffer
        return
    with io.BufferedWriter(_TerminalBytes()) as shown:
        yield shown


def as_json(value: object) -> str:
    """A value as one JSON document in which control characters are escaped; nothing is lost."""
    text = json.dumps(value, indent=2, default=_plain, ensure_ascii=False)
    return escape_control_json(text.encode(errors="backslashreplace")).decode()


@dataclass(frozen=True, slots=True)
class Output:
    """How a command writes: `quiet` only errors, `json` data as JSON."""

    quiet: bool = False
    json: bool = False
    log_format: str = "text"
    verbose: bool = False
    invocation: Invocation = field(default_factory=Invocation)

    def hint(self, text: str) -> str:
        """The text, with the commands in it as they work here."""
        return self.invocation.pasteable(text)

    def say(self, text: str = "", **style: Any) -> None:
        """A line for people, on stderr, unless quiet."""
        if not self.quiet:
            echo(Styled(self.hint(text), **style), err=True)

    def note(self, text: str) -> None:
        """Something the user should know in addition to the result."""
        self.say(f"  note: {text}")

    def complain(self, message: str, hint: str = "") -> None:
        """One error on stderr, also when quiet: what happened, then what to do."""
        self.warn(f"error: {message}", fg="red")
        if hint:
            self.warn(f"  {hint}", fg=None)

    def warn(self, text: str, fg: str | None = "yellow") -> None:
        """A line on stderr, also when quiet."""
        echo(Styled(self.hint(text), fg=fg), err=True)

    def data(self, *parts: Part) -> None:
        """A line of data, on stdout."""
        echo(*parts)

    def block(self, text: str) -> None:
        """Several lines of data, on stdout; the last may have its line end."""
        for line in text.removesuffix("\n").split("\n"):
            echo(line)

    def page(self, lines: Sequence[Sequence[Part]]) -> None:
        """Lines of data on stdout; through the user's pager when a terminal has too few rows for them."""
        is_long = len(lines) >= shutil.get_terminal_size()[1]
        if not (is_long and sys.stdin.isatty() and sys.stdout.isatty()):
            for line in lines:
                echo(*line)
            return
        has_colours = colours()
        text = "\n".join(_line(line, has_colours=has_colours) for line in lines)
        click.echo_via_pager(text, color=None if has_colours else False)

    def draw(self, renderable: RenderableType, on: Console) -> None:
        """What rich draws, on stdout, with the commands in it as they work here.

        They are inserted afterwards: the terminal wraps a line that has become too long, and it stays
        one line when it is copied.
        """
        with on.capture() as captured:
            on.print(renderable)
        # tables are padded to their width: blanks that only make lines wrap when they are pasted
        lines = [line.rstrip() for line in self.hint(captured.get()).splitlines()]
        click.echo("\n".join(lines), color=on.is_terminal)

    def dump(self, value: object) -> None:
        """Data as one JSON document on stdout."""
        click.echo(as_json(value))

    @property
    def is_terminal(self) -> bool:
        """Whether progress may be drawn."""
        return sys.stderr.isatty() and not self.quiet and self.log_format == "text"

    def log(self, event: str, **values: object) -> None:
        """A log line on stderr: text, or one JSON object per line."""
        if self.quiet or not (self.verbose or self.log_format == "json"):
            return
        _logger(self.log_format, sys.stderr).info(event, **values)


def show_usage_error(error: click.ClickException, invocation: Invocation) -> None:
    """Click's message about a usage error, on stderr."""
    text = io.StringIO()
    error.show(text)
    for line in text.getvalue().splitlines():
        echo(invocation.pasteable(line) if line.startswith("Try ") else line, err=True)


def prepare_streams() -> None:
    """Line ends are LF on every platform, and a character that a stream cannot encode is escaped.

    A traceback can quote a server, too.
    """
    sys.excepthook = show_traceback
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115  for as long as we live
        with suppress(AttributeError):  # a stream that somebody put in its place
            getattr(sys, name).reconfigure(newline="\n", errors="backslashreplace")


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An unexpected error, on stderr."""
    for line in "".join(traceback.format_exception(kind, error, trace)).splitlines():
        echo(line, err=True)


def flush() -> None:
    """Writes out what the streams still hold."""
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:  # Arrow closes what it could not write to
            stream.flush()


def drop_stdout() -> None:
    """Discards further output to stdout, whose reader has ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


@functools.lru_cache(maxsize=1)
def _logger(log_format: str, stream: TextIO) -> Any:
    import structlog

    form: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [_escaped_values, structlog.dev.ConsoleRenderer(colors=colours(err=True))]
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *form,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _escaped_values(_logger: object, _method: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: escape_control_chars(value) if isinstance(value, str) else value
        for name, value in values.items()
    }
