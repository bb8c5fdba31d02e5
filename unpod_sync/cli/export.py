"""`unpod-sync export`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unpod_sync.cli.common import database_option, open_reader, output_options
from unpod_sync.cli.dates import period_options
from unpod_sync.cli.output import Output
from unpod_sync.config import Settings
from unpod_sync.errors import UsageError

if TYPE_CHECKING:
    import duckdb

    from unpod_sync.analytics.export import Sheet


@click.command(
    epilog="""Examples:

\b
  unpod-sync export --format parquet --output exports/
  unpod-sync export calls agent_scorecard --format xlsx --output calls.xlsx --since 2026-11-01
  unpod-sync export tasks transcript_messages --format parquet --partition-by-date --output lake/
""",
)
@click.argument("names", nargs=-1)
@click.option("--format", "form", type=click.Choice(["parquet", "csv", "xlsx"]), help="Format of the files.")
@click.option(
    "--output",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="A file for one name or a workbook, otherwise a folder. Existing files are replaced.",
)
@click.option(
    "--partition-by-date", is_flag=True, help="Parquet: a folder per table with a folder per local date."
)
@database_option
@period_options
@output_options
def command(
    settings: Settings,
    output: Output,
    *,
    names: tuple[str, ...],
    form: str | None,
    target: Path,
    partition_by_date: bool,
    since: date | None,
    until: date | None,
) -> None:
    """Write tables and views (all of them without NAMES) to Parquet, CSV or one Excel workbook.

    Files are replaced only when they are complete, so a cron line may write the same ones each
    night. In CSV a text that begins with = + - @, a tab or a line end gets a leading apostrophe,
    so that no spreadsheet runs it as a formula; numbers are not changed. --since and --until
    select rows by date; a table without dates is exported completely.
    """
    import duckdb

    from unpod_sync.analytics.excel import write_workbook
    from unpod_sync.analytics.export import Request, sheets
    from unpod_sync.analytics.query import sql_error

    form = _form(form, target, partition_by_date)
    request = Request(names, since, until)
    with open_reader(settings, isolated=False) as connection:
        chosen = sheets(connection, request)
        try:
            if form == "xlsx":
                counts = write_workbook(connection, chosen, _file(target, "unpod.xlsx"))
            else:
                counts = _write_each(connection, chosen, form, target, partition_by_date)
        except duckdb.Error as error:
            raise sql_error(connection, error) from None
    if output.json:
        output.dump({"output": target, "rows": counts})
    for name, count in counts.items():
        output.say(f"{count:>12,}  {name}")
    output.say(f"written to {target}")


def _form(form: str | None, target: Path, partition_by_date: bool) -> str:
    """The form asked for, by --format or by the ending of --output."""
    form = form or target.suffix.removeprefix(".").lower()
    if form not in ("parquet", "csv", "xlsx"):
        raise UsageError("no output format was given", "Use --format parquet, csv or xlsx.")
    if partition_by_date and form != "parquet":
        raise UsageError("only Parquet can be partitioned", "Use --format parquet.")
    return form


def _file(target: Path, name: str) -> Path:
    """The file itself; inside `target` when that is a folder."""
    return target / name if target.is_dir() else target


def _write_each(
    connection: duckdb.DuckDBPyConnection, chosen: list[Sheet], form: str, target: Path, partition: bool
) -> dict[str, int]:
    """One file or folder per relation; `target` is the file itself when it has the ending of one."""
    from unpod_sync.analytics.export import write_partitions, write_sheet

    single = target.suffix.lower() == f".{form}" and not target.is_dir()
    if single and len(chosen) > 1:
        raise UsageError(f"{target} cannot hold {len(chosen)} tables", "Name a folder, or use --format xlsx.")
    counts = {}
    for sheet in chosen:
        if partition and sheet.date_column:
            counts[sheet.name] = write_partitions(connection, sheet, target / sheet.name)
        else:
            path = target if single else target / f"{sheet.name}.{form}"
            counts[sheet.name] = write_sheet(connection, sheet, path, form)
    return counts
