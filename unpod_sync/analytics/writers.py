"""Answers in the forms that programs read: CSV, JSON, Parquet; and values as text.

Everything is written batch by batch: memory does not grow with the number of rows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unpod_sync.analytics.query import Result
from unpod_sync.config import FILE_NAME
from unpod_sync.errors import UsageError
from unpod_sync.escaping import escape_control_json
from unpod_sync.warehouse.files import OWN_NAMES, create_file, disk_errors

#: Batches in a row group of Parquet: 20,000 rows, 130 MB where each carries a payload.
GROUP = 10

Writer = Callable[[Result, IO[bytes]], int]

#: What spreadsheets take for the beginning of a formula: also wide forms of the signs, and after white space
#: that they skip (https://owasp.org/www-community/attacks/CSV_Injection).
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"


def values(column: pa.Array[Any]) -> list[Any]:
    """A column as Python values; what Python cannot hold (dates past the year 9999) as text."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [None if value is None else str(value) for value in pc.cast(column, pa.string()).to_pylist()]


def rows(result: Result) -> Iterator[tuple[Any, ...]]:
    """The rows of an answer as tuples of Python values."""
    for batch in result.batches:
        if batch.num_columns:
            yield from zip(*(values(column) for column in batch.columns), strict=True)


def text_of(value: Any) -> str:
    """One value as text, the same in tables and CSV: ISO dates, plain numbers, JSON for nested ones."""
    if isinstance(value, bool | list | dict):
        return _json(value).decode()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    return _interval(value) if isinstance(value, pa.MonthDayNano) else str(value)


def write_csv(result: Result, out: IO[bytes], *, for_spreadsheets: bool = False) -> int:
    """CSV as RFC 4180 quotes it, UTF-8, with a header; lines end in LF, NULL and NaN are empty.

    `for_spreadsheets`: a text that begins like a formula gets an apostrophe. Returns the rows.
    """
    stream = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(stream, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(result.names)
    count = 0
    for row in rows(result):
        texts = ["" if value is None else text_of(value) for value in row]
        if for_spreadsheets:
            texts = [
                f"'{text}" if isinstance(value, str) and re.match(FORMULA, text) else text
                for value, text in zip(row, texts, strict=True)
            ]
        writer.writerow(texts)
        count += 1
    stream.detach()
    return count


def write_json(result: Result, out: IO[bytes]) -> int:
    """One JSON array of objects, a row a line; ISO dates, NaN and infinity null. Returns the rows."""
    names = result.names
    count = 0
    for row in rows(result):
        out.write(b",\n" if count else b"[\n")
        out.write(escape_control_json(_json(dict(zip(names, row, strict=True)))))
        count += 1
    out.write(b"\n]\n" if count else b"[]\n")
    return count


def _json(value: Any) -> bytes:
    return _ENCODER.encode(_plain(value))


def _plain(value: Any) -> Any:
    """The value with bytes as hexadecimal digits and intervals as text, at any depth."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):  # a tuple
        return _interval(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def _interval(value: Any) -> str:
    """An interval in the form of ISO 8601."""
    return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"


def write_parquet(result: Result, out: IO[bytes]) -> int:
    """Parquet with ZSTD. Returns the rows; raises `UsageError` for a type that Parquet lacks."""
    count = 0
    try:
        parquet = pq.ParquetWriter(out, result.schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        message = str(error).rsplit(": ", 1)[-1]
        raise UsageError(f"Parquet has no type for {message}", "Cast the column: column::varchar.") from None
    with parquet as writer:
        while group := list(islice(result.batches, GROUP)):
            writer.write_table(pa.Table.from_batches(group, result.schema))
            count += sum(batch.num_rows for batch in group)
    return count


#: Forms by name; a workbook is made by `excel.write_xlsx`.
WRITERS: dict[str, Writer] = {"csv": write_csv, "json": write_json, "parquet": write_parquet}

#: The bytes at offset 8 of every DuckDB file (https://duckdb.org/docs/stable/internals/storage).
DUCKDB_MAGIC = b"DUCK"


def refuse_precious(path: Path) -> None:
    """Raises `UsageError` when writing to `path` would replace a database, a device or a file of the tool's own."""
    if OWN_NAMES.fullmatch(path.name) or OWN_NAMES.fullmatch(path.resolve().name) or path.name == FILE_NAME:
        raise UsageError(f"{path} is a file of unpod-sync itself", "Name another file.")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no regular file", "Name a file, or redirect the output instead.")
    refuse_database(path)


def refuse_database(path: Path) -> None:
    """Raises `UsageError` when writing to `path` would replace a DuckDB database."""
    try:
        if not path.is_file():  # reading a pipe would wait for its writer
            return
        with path.open("rb") as file:
            is_database = file.read(12)[8:] == DUCKDB_MAGIC
    except OSError:
        return  # writing raises the same error, with its message
    if is_database:
        raise UsageError(f"{path} is a DuckDB database and is not overwritten", "Name another file.")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the place of `path` when the block ends well; mode 0600.

    Raises `UsageError` where a database or a file of the tool's own would be replaced.
    """
    refuse_precious(path)
    path = path.resolve()  # a link stays one
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(create_file(temporary, 0o600))
            yield temporary
            temporary.chmod(0o600)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_file(writer: Writer, result: Result, path: Path) -> int:
    """Writes an answer to a file, which appears whole or not at all. Returns the rows."""
    with atomic_file(path) as temporary, temporary.open("wb") as out:
        return writer(result, out)


def write_text(text: str, path: Path) -> None:
    """Writes text to a file, which appears whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(text.encode(errors="backslashreplace"))
