"""Tables and views as files: Parquet, CSV, or one Excel workbook.

DuckDB writes Parquet and CSV itself, streaming; a file appears whole or not at all, private to
the account. Text that a spreadsheet would run as a formula gets an apostrophe in CSV; in a
workbook every text is written as text.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from unpod_sync.analytics.query import relations
from unpod_sync.analytics.writers import FORMULA, atomic_file
from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean
from unpod_sync.warehouse.files import disk_errors
from unpod_sync.warehouse.schema import quote

#: Columns that date a row, the first that a relation has.
DATES = ("local_date", "created_local_date")
#: Columns in UTC that date a row of relations without a local date.
MOMENTS = ("created_at", "called_at", "started_at", "first_called_at")

PARQUET = "format parquet, compression zstd"
#: Types whose values are never a formula.
PLAIN = re.compile("U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$|DOUBLE|FLOAT|DECIMAL|BOOLEAN|DATE|TIME")


@dataclass(frozen=True, slots=True)
class Request:
    """What to export; no names means every table and view of `main`. Dates are included."""

    names: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One relation to export: its columns as (name, type), and the SQL of its rows."""

    name: str
    columns: tuple[tuple[str, str], ...]
    where: str

    def sql(self, columns: str = "*") -> str:
        """The rows, with `columns` of them."""
        return f'select {columns} from main."{self.name}"{self.where}'

    @property
    def date_column(self) -> str | None:
        """The column that dates its rows locally."""
        return next((name for name in DATES if name in dict(self.columns)), None)


def sheets(connection: duckdb.DuckDBPyConnection, request: Request) -> list[Sheet]:
    """The relations asked for, each once. Raises `UsageError` for a name that does not exist."""
    known = relations(connection)
    names = [_known(name.removeprefix("main."), list(known)) for name in request.names] or list(known)
    return [_sheet(connection, name, request) for name in dict.fromkeys(names)]


def _known(name: str, known: list[str]) -> str:
    if name in known:
        return name
    hint = f"{did_you_mean(name, known)} There are: {', '.join(known)}."
    raise UsageError(f"there is no table or view {name!r}", hint.strip())


def _sheet(connection: duckdb.DuckDBPyConnection, name: str, request: Request) -> Sheet:
    described = connection.execute(f'describe select * from main."{name}"').fetchall()
    columns = tuple((str(row[0]), str(row[1])) for row in described)
    return Sheet(name, columns, _between(dict(columns), request))


def _between(columns: dict[str, str], request: Request) -> str:
    """A WHERE clause for the dates; nothing for a relation whose rows have none."""
    column = next((name for name in (*DATES, *MOMENTS) if name in columns), None)
    bounds = [(sign, bound) for sign, bound in ((">=", request.since), ("<=", request.until)) if bound]
    if column is None or not bounds:
        return ""
    return " where " + " and ".join(
        f'"{column}"::date {sign} date {quote(str(bound))}' for sign, bound in bounds
    )


def write_sheet(connection: duckdb.DuckDBPyConnection, sheet: Sheet, target: Path, form: str) -> int:
    """One file. Returns the rows. CSV is UTF-8 with a header; a text that begins like a formula gets an apostrophe."""
    if form == "csv":
        columns = (
            f'"{name}"' if PLAIN.match(type_) else _harmless(f'"{name}"') for name, type_ in sheet.columns
        )
        sql, options = sheet.sql(", ".join(columns)), "format csv, header"
    else:
        sql, options = sheet.sql(), PARQUET
    with atomic_file(target) as temporary:
        return _copy(connection, sql, temporary, f"{options}, use_tmp_file false")


def _harmless(column: str) -> str:
    """The column as text that no spreadsheet runs."""
    text = f"{column}::varchar"
    return f"case when regexp_matches({text}, '{FORMULA}') then chr(39) || {text} else {text} end as {column}"


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, target: Path, options: str) -> int:
    [(count,)] = connection.execute(f"copy ({sql}) to {quote(str(target))} ({options})").fetchall()
    return int(count)


def write_partitions(connection: duckdb.DuckDBPyConnection, sheet: Sheet, target: Path) -> int:
    """A folder of Parquet files, one or more per local date (`local_date=2026-03-01/…`).

    The folder takes the place of the old one when it is complete. Returns the rows.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with disk_errors(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir(mode=0o700)
            parts = f"partition_by ({sheet.date_column}), write_partition_columns true, overwrite_or_ignore"
            count = _copy(connection, sheet.sql(), temporary, f"{PARQUET}, {parts}")
            for path in temporary.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            _replace_folder(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return count


def _replace_folder(temporary: Path, target: Path) -> None:
    """Puts a folder in the place of another, which is gone only afterwards."""
    if target.exists() and not _is_ours(target):
        raise UsageError(f"{target} holds other files", "Choose an empty folder, or one that an export made.")
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        target.rename(old)
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing but partitions."""
    return folder.is_dir() and all(
        path.is_dir() and path.name.split("=")[0] in DATES for path in folder.iterdir()
    )
