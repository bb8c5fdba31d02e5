"""An Excel workbook: one sheet per table or view, typed, with filters and a frozen header."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from unpod_sync.analytics.export import Sheet
from unpod_sync.analytics.query import Result, run_sql
from unpod_sync.analytics.writers import atomic_file, rows, text_of
from unpod_sync.errors import UsageError

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
#: Excel keeps 15 digits; a longer whole number is written as text, so that none is lost.
MAX_DIGITS = 15
MAX_INTEGER = 10**MAX_DIGITS
#: The first day that Excel counts the same as everybody.
FIRST_DAY = date(1900, 3, 1)
#: Columns of rates, their bounds, and differences of rates.
PERCENT = re.compile(
    r"(^|_)(rate|share)(_(low|high|median|difference|change))?$|^(connect|interested)_difference(_low|_high)?$"
)
#: Kind of column → its number format and usual width.
LAYOUTS = (
    (pa.types.is_timestamp, "yyyy-mm-dd hh:mm:ss", 19),
    (pa.types.is_date, "yyyy-mm-dd", 11),
    (pa.types.is_string, None, 24),
    (pa.types.is_boolean, None, 8),
)


def write_workbook(
    connection: duckdb.DuckDBPyConnection, sheets: list[Sheet], target: Path
) -> dict[str, int]:
    """Writes one workbook, row by row. Returns the rows of each sheet's relation.

    Raises `UsageError` for more rows or columns than a sheet holds.
    """
    for sheet in sheets:
        [(number,)] = connection.execute(sheet.sql("count(*)")).fetchall()
        if number >= MAX_ROWS:
            raise _too_many(f"{sheet.name} has {number:,} rows", MAX_ROWS - 1)
    counts = {}
    with atomic_file(target) as temporary, temporary.open("wb") as out, _workbook(out) as book:
        for sheet in sheets:
            counts[sheet.name] = _add_sheet(book, sheet.name, run_sql(connection, sheet.sql()))
    return counts


def write_xlsx(result: Result, out: IO[bytes]) -> int:
    """An answer as a workbook of one sheet. Returns the rows.

    Raises `UsageError` for more rows or columns than a sheet holds.
    """
    with _workbook(out) as book:
        return _add_sheet(book, "result", result)


@contextlib.contextmanager
def _workbook(out: IO[bytes]) -> Iterator[Any]:
    """A workbook that is written into a stream when the block ends well.

    It is made in a private folder, which is gone afterwards, also after an error: a zip archive that
    cannot be written to its end fails a second time when it is freed, where nothing can catch that.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
        "use_zip64": True,
    }
    with tempfile.TemporaryDirectory(prefix="unpod-sync-") as folder:
        whole = Path(folder) / "whole.xlsx"
        book = xlsxwriter.Workbook(str(whole), options | {"tmpdir": folder})
        try:
            yield book
            book.close()
        except FileCreateError as error:  # which hides the error of the file system
            raise error.args[0] from None
        finally:
            for page in book.worksheets():
                page.row_data_fh.close()
        with whole.open("rb") as made:
            shutil.copyfileobj(made, out)


def _too_many(what: str, most: int) -> UsageError:
    return UsageError(
        f"{what}; a sheet of Excel holds {most:,}",
        "Take fewer, such as by --since and --until, or use --format parquet, which Power Query reads.",
    )


def _sheet_name(name: str, book: Any) -> str:
    """A name of 31 characters at most, unlike the others whatever their case."""
    taken = {sheet.get_name().lower() for sheet in book.worksheets()}
    candidate, number = name[:31], 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name[: 30 - len(str(number))]}~{number}"
    return candidate


def _add_sheet(book: Any, name: str, result: Result) -> int:
    """One sheet of rows, with a frozen header and a filter. Returns the rows."""
    if len(result.schema) > MAX_COLUMNS:
        raise _too_many(f"{name} has {len(result.schema):,} columns", MAX_COLUMNS)
    page = book.add_worksheet(_sheet_name(name, book))
    page.freeze_panes(1, 1)
    head = book.add_format({"bold": True, "bottom": 1})
    styles = []
    for place, field in enumerate(result.schema):
        form, usual = next(((form, width) for fits, form, width in LAYOUTS if fits(field.type)), (None, 10))
        if PERCENT.search(field.name):
            form = "0.0%"
        styles.append(book.add_format({"num_format": form}) if form else None)
        # wide enough for the header with its filter button
        page.set_column(place, place, min(60, max(usual, len(field.name) + 4)), styles[-1])
        page.write_string(0, place, field.name, head)
    number = 0
    for number, row in enumerate(rows(result), start=1):
        if number >= MAX_ROWS:
            raise _too_many(f"{name} has more rows", MAX_ROWS - 1)
        for place, value in enumerate(row):
            if value is not None:
                _cell(page, number, place, value, styles[place])
    if styles:
        page.autofilter(0, 0, max(number, 1), len(styles) - 1)
    return number


def _cell(page: Any, row: int, column: int, value: Any, style: Any) -> None:
    """One value in its own type; text is always text, never a formula, link or number.

    Excel has no time zones: a moment that has one is written in UTC.
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, Decimal) and value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS:
        value = float(value)
    if isinstance(value, bool):
        page.write_boolean(row, column, value, style)
    elif isinstance(value, datetime | date) and _day(value) >= FIRST_DAY:
        page.write_datetime(row, column, value, style)
    elif isinstance(value, int | float) and abs(value) < MAX_INTEGER:
        page.write_number(row, column, value, style)
    elif isinstance(value, float):
        if abs(value) < float("inf"):
            page.write_number(row, column, value, style)
    else:
        text = text_of(value)
        page.write_string(row, column, text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…", style)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
