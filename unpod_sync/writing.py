"""Answers in the forms that programs read: CSV, JSON, Parquet; and values as text.

Everything is written batch by batch: memory does not grow with the number of rows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unpod_sync.publish import disk_errors
from unpod_sync.querying import Result

Writer = Callable[[Result, IO[bytes]], int]


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
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if not math.isfinite(value) else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return _interval(value)
    if isinstance(value, list | dict):
        return _json(value).decode()
    return str(value)


def write_csv(result: Result, out: IO[bytes]) -> int:
    """RFC 4180, UTF-8, with a header; NULL and NaN are empty. Returns the rows."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(result.names)
    count = 0
    for row in rows(result):
        writer.writerow(["" if value is None else text_of(value) for value in row])
        count += 1
    text.detach()
    return count


def write_json(result: Result, out: IO[bytes]) -> int:
    """One JSON array of objects, a row a line; ISO dates, NaN and infinity null. Returns the rows."""
    names = result.names
    count = 0
    for row in rows(result):
        out.write(b",\n" if count else b"[\n")
        out.write(_json(dict(zip(names, row, strict=True))))
        count += 1
    out.write(b"\n]\n" if count else b"[]\n")
    return count


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_foreign, option=orjson.OPT_NON_STR_KEYS)


def _foreign(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f")) if value.is_finite() else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return _interval(value)
    return str(value)


def _interval(value: Any) -> str:
    """An interval in the form of ISO 8601."""
    return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"


def write_parquet(result: Result, out: IO[bytes]) -> int:
    """Parquet with ZSTD. Returns the rows."""
    count = 0
    with pq.ParquetWriter(out, result.schema, compression="zstd") as writer:
        for group in _grouped(result.batches):
            writer.write_table(pa.Table.from_batches(group, result.schema))
            count += sum(batch.num_rows for batch in group)
    return count


def _grouped(batches: Iterator[pa.RecordBatch], size: int = 64 << 20) -> Iterator[list[pa.RecordBatch]]:
    """Batches together until a row group is worth writing (64 MB)."""
    group: list[pa.RecordBatch] = []
    weight = 0
    for batch in batches:
        group.append(batch)
        weight += batch.nbytes
        if weight >= size:
            yield group
            group, weight = [], 0
    if group:
        yield group


WRITERS: dict[str, Writer] = {"csv": write_csv, "json": write_json, "parquet": write_parquet}


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the place of `path` when the block ends well; mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            yield temporary
            temporary.chmod(0o600)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_file(writer: Writer, result: Result, path: Path) -> int:
    """Writes an answer to a file, which appears whole or not at all. Returns the rows."""
    with beside(path) as temporary, temporary.open("wb") as out:
        return writer(result, out)
