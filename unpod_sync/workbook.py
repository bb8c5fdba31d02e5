"""An Excel workbook: one sheet per table or view, typed, with filters and a frozen header."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from unpod_sync.errors import ConfigurationError, UsageError
from unpod_sync.export import Sheet
from unpod_sync.writing import beside, text_of

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_TEXT = 32_767
#: Excel keeps 15 digits; a longer whole number is written as text, so that none is lost.
MAX_INTEGER = 10**15
#: The first day that Excel counts the same as everybody.
FIRST_DAY = date(1900, 3, 1)


def write_workbook(
    connection: duckdb.DuckDBPyConnection, sheets: list[Sheet], target: Path
) -> dict[str, int]:
    """Writes one workbook, row by row. Returns the rows of each sheet's relation.

    Raises `ConfigurationError` without xlsxwriter, `UsageError` for more rows than a sheet holds.
    """
    try:
        import xlsxwriter
    except ModuleNotFoundError:
        raise ConfigurationError(
            "Excel files need the package xlsxwriter", "Install it: pip install 'unpod-sync[excel]'"
        ) from None
    counts = {sheet.name: _count(connection, sheet) for sheet in sheets}
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with beside(target) as temporary, xlsxwriter.Workbook(str(temporary), options) as book:
        formats = _formats(book)
        taken: set[str] = set()
        for sheet in sheets:
            page = book.add_worksheet(_sheet_name(sheet.name, taken))
            _write(connection, sheet, counts[sheet.name], page, formats)
    return counts


def _count(connection: duckdb.DuckDBPyConnection, sheet: Sheet) -> int:
    [row] = connection.execute(sheet.sql("count(*)")).fetchall()
    if row[0] >= MAX_ROWS:
        raise UsageError(
            f"{sheet.name} has {row[0]:,} rows; a sheet of Excel holds {MAX_ROWS - 1:,}",
            "Take fewer with --since and --until, or use --format parquet, which Power Query reads.",
        )
    return int(row[0])


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


def _write(
    connection: duckdb.DuckDBPyConnection, sheet: Sheet, count: int, page: Any, formats: dict[str, Any]
) -> None:
    """One sheet: header, widths and filter first, since rows are written as they come."""
    page.freeze_panes(1, 1)
    page.autofilter(0, 0, max(count, 1), len(sheet.columns) - 1)
    styles = []
    for place, (name, type_) in enumerate(sheet.columns):
        style = formats.get("rate" if name.endswith(("_rate", "_share")) else type_)
        styles.append(style)
        page.set_column(place, place, _width(name, type_), style)
        page.write_string(0, place, name, formats["head"])
    cursor = connection.execute(sheet.sql())
    number = 0
    while rows := cursor.fetchmany(2_000):
        for row in rows:
            number += 1
            for place, value in enumerate(row):
                if value is not None:
                    _cell(page, number, place, value, styles[place])


def _width(name: str, type_: str) -> int:
    """Wide enough for the header with its filter button, and for what the type holds."""
    usual = {"VARCHAR": 24, "DATE": 11, "TIMESTAMP": 19, "BOOLEAN": 8}.get(type_, 10)
    return min(60, max(usual, len(name) + 4))


def _cell(page: Any, row: int, column: int, value: Any, style: Any) -> None:
    """One value in its own type; text is always text, never a formula, link or number."""
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
