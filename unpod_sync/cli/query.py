"""`unpod-sync query`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unpod_sync.cli.common import (
    database_option,
    form_of,
    open_reader,
    output_file_options,
    output_options,
    write_result,
)
from unpod_sync.cli.output import Output
from unpod_sync.cli.terminal import screen_width, table
from unpod_sync.config import Settings
from unpod_sync.errors import UsageError
from unpod_sync.formatting import decimals, plural

if TYPE_CHECKING:
    from unpod_sync.analytics.query import Result


@click.command(
    epilog="""Examples:

\b
  unpod-sync query "select * from agent_scorecard"
  unpod-sync query --format csv "from daily_completion" > days.csv
  unpod-sync query --file report.sql --output report.parquet
  unpod-sync query "from agent_scorecard" --output agents.xlsx
  echo "select count(*) from calls" | unpod-sync query -
""",
)
@click.argument("sql", required=False)
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read the SQL from this file; - is stdin.",
)
@output_file_options("a table", "Write to this file instead of stdout.")
@click.option(
    "--max-rows",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Rows of a table; 0 shows all.",
)
@database_option
@output_options
def command(
    settings: Settings,
    output: Output,
    *,
    sql: str | None,
    path: Path | None,
    form: str | None,
    target: Path | None,
    max_rows: int,
) -> None:
    """Run read-only SQL on the published file.

    The SQL can read the tables and views of the published file, but no other files and no settings.
    If there are several statements, all of them run and the last result is printed.
    On a terminal a table has rounded numbers, and a long one is shown in your pager (PAGER).
    CSV, JSON and Parquet are streamed, whatever their size, with every text as it is stored
    (for a spreadsheet use xlsx, or `export`, whose CSV no spreadsheet runs as a formula).
    """
    from unpod_sync.analytics.query import run_sql

    text = _sql(sql, path)
    form = form_of(form, target, as_json=output.json)
    with open_reader(settings) as connection:
        result = run_sql(connection, text)
        if form == "table":
            _show(result, output, target, max_rows)
        else:
            write_result(form, result, target, output)


def _sql(sql: str | None, path: Path | None) -> str:
    """The SQL from the argument, the file or stdin."""
    if sql is not None and path is not None and str(path) != "-":
        raise UsageError("SQL was given twice: as an argument and with --file", "Give one of them.")
    if sql not in (None, "-"):
        return str(sql)
    if path is not None and str(path) != "-":
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}", "Name a text file with SQL.") from None
    if sql is None and path is None and sys.stdin.isatty():
        raise UsageError(
            "there is no SQL to run", 'Example: `unpod-sync query "select * from agent_scorecard"`'
        )
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the input on stdin is not UTF-8 text", "Write the SQL in UTF-8.") from None


def _show(result: Result, output: Output, target: Path | None, max_rows: int) -> None:
    """The result as a table for people, on stdout or into a file."""
    from unpod_sync.analytics.writers import rows, write_file

    shown: list[tuple[Any, ...]] = []
    total = 0
    for row in rows(result):
        total += 1
        if not max_rows or total <= max_rows:
            shown.append(row)
    if not result.names:
        return
    width = screen_width() if target is None else None
    cells = [[_text(value, is_rounded=width is not None) for value in row] for row in shown]
    text = table(result.names, cells, right=[_is_number(field.type) for field in result.schema], width=width)
    if target is None:
        output.page([(line,) for line in text.split("\n")])
    else:
        write_file(lambda _, out: out.write(text.encode() + b"\n"), result, target)
    left_out = f"; {total - len(shown):,} more, all with --max-rows 0" if total > len(shown) else ""
    output.say(f"({plural(len(shown), 'row')}{left_out})")


def _text(value: Any, *, is_rounded: bool) -> str | None:
    """A value of a table, None for NULL."""
    from unpod_sync.analytics.writers import text_of

    if value is None:
        return None
    return text_of(decimals(value) if is_rounded and isinstance(value, float) else value)


def _is_number(type_: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))
