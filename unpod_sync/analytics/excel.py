"""An Excel workbook: one sheet per table or view, typed, with filters and a frozen header."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from unpod_sync.analytics.export import Sheet
from unpod_sync.analytics.query import Result
from unpod_sync.analytics.writers import beside, rows, text_of
from unpod_sync.errors import UsageError

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
#: Excel keeps 15 digits; a longer whole number is written as text, so that none is lost.
MAX_DIGITS = 15
MAX_INTEGER = 10**MAX_DIGITS
#: The first day that Excel counts the same as everybody.
FIRST_DAY = date(1900, 3, 1)


def write_workbook(
    connection: duckdb.DuckDBPyConnection, sheets: list[Sheet], target: Path
) -> dict[str, int]:
    """Writes one workbook, row by row. Returns the rows of each sheet's relation.

    Raises `UsageError` for more rows or columns than a sheet holds.
    """
    for sheet in sheets:
        _check_count(connection, sheet)
    counts = {}
    with beside(target) as temporary, temporary.open("wb") as out, _workbook(out) as book:
        taken: set[str] = set()
        for sheet in sheets:
            cursor = connection.execute(sheet.sql())
            counts[sheet.name] = book.add(_sheet_name(sheet.name, taken), sheet.columns, _fetched(cursor))
    return counts


def write_xlsx(result: Result, out: IO[bytes]) -> int:
    """An answer as a workbook of one sheet. Returns the rows.

    Raises `UsageError` for more rows or columns than a sheet holds.
    """
    columns = [(field.name, _type_of(field.type)) for field in result.schema]
    with _workbook(out) as book:
        return book.add("result", columns, rows(result))


@contextlib.contextmanager
def _workbook(out: IO[bytes]) -> Iterator[_Book]:
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
            yield _Book(book, _formats(book))
            book.close()
        except FileCreateError as error:  # which hides the error of the file system
            raise error.args[0] from None
        finally:
            for page in book.worksheets():
                page.row_data_fh.close()
        with whole.open("rb") as made:
            shutil.copyfileobj(made, out)


def _fetched(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while some := cursor.fetchmany(2_000):
        yield from some


def _type_of(type_: pa.DataType) -> str:
    """An Arrow type by the name that DuckDB gives it, as far as formats and widths depend on it."""
    known = (
        (pa.types.is_timestamp, "TIMESTAMP"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_string, "VARCHAR"),
        (pa.types.is_boolean, "BOOLEAN"),
    )
    return next((name for is_it, name in known if is_it(type_)), "")


def _check_count(connection: duckdb.DuckDBPyConnection, sheet: Sheet) -> None:
    [row] = connection.execute(sheet.sql("count(*)")).fetchall()
    if row[0] >= MAX_ROWS:
        raise _too_many(f"{sheet.name} has {row[0]:,} rows", MAX_ROWS - 1)


def _too_many(what: str, most: int) -> UsageError:
    return UsageError(
        f"{what}; a sheet of Excel holds {most:,}",
        "Take fewer, such as by --since and --until, or use --format parquet, which Power Query reads.",
    )


def _formats(book: Any) -> dict[str, Any]:
    return {
        "head": book.add_format({"bold": True, "bottom": 1}),
        "DATE": book.add_format({"num_format": "yyyy-mm-dd"}),
        "TIMESTAMP": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        "rate": book.add_format({"num_format": "0.0%"}),
    }


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name of 31 characters at most, unlike the others whatever their case."""
    candidate, number = name[:31], 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name[: 30 - len(str(number))]}~{number}"
    taken.add(candidate.lower())
    return candidate


@dataclass(frozen=True, slots=True)
class _Book:
    """An open workbook and its cell formats."""

    book: Any
    formats: dict[str, Any]

    def add(self, name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]) -> int:
        """One sheet of rows, with a frozen header and a filter. Returns the rows."""
        if len(columns) > MAX_COLUMNS:
            raise _too_many(f"{name} has {len(columns):,} columns", MAX_COLUMNS)
        page = self.book.add_worksheet(name)
        page.freeze_panes(1, 1)
        styles = []
        for place, (column, type_) in enumerate(columns):
            style = self.formats.get("rate" if column.endswith(("_rate", "_share")) else type_)
            styles.append(style)
            page.set_column(place, place, _width(column, type_), style)
            page.write_string(0, place, column, self.formats["head"])
        number = 0
        for number, row in enumerate(rows, start=1):
            if number >= MAX_ROWS:
                raise _too_many(f"{name} has more rows", MAX_ROWS - 1)
            for place, value in enumerate(row):
                if value is not None:
                    _cell(page, number, place, value, styles[place])
        if columns:
            page.autofilter(0, 0, max(number, 1), len(columns) - 1)
        return number


def _width(name: str, type_: str) -> int:
    """Wide enough for the header with its filter button, and for what the type holds."""
    usual = {"VARCHAR": 24, "DATE": 11, "TIMESTAMP": 19, "BOOLEAN": 8}.get(type_, 10)
    return min(60, max(usual, len(name) + 4))


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
