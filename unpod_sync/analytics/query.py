"""Reading the published file: a connection that can do nothing else, and SQL answered in batches.

The connection reads one database and nothing beside it: no other file, no extension, no setting,
no Python variable. So SQL from anywhere can be run on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import shorten

import duckdb
import pyarrow as pa

from unpod_sync.errors import UsageError, WarehouseError
from unpod_sync.suggest import did_you_mean
from unpod_sync.warehouse.statements import statements
from unpod_sync.warehouse.storage import Storage

#: Rows per batch: large enough to be fast, small enough for rows that carry whole payloads.
BATCH_ROWS = 2_000

ONLY_READS = (
    "`query` only reads the published file. To keep a result: --output result.csv, "
    "or `unpod-sync export --format parquet --output exports`."
)


def open_published(storage: Storage, *, isolated: bool = True) -> duckdb.DuckDBPyConnection:
    """Opens what is published, read-only; `isolated` also shuts out every file, for foreign SQL."""
    return storage.connect_reader(sandboxed=isolated)


@dataclass(frozen=True, slots=True)
class Result:
    """An answer: the names of its columns (each once) and its rows as Arrow batches, read once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.schema.names)


def run_sql(connection: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """Runs every statement and answers with the last one's result. Raises `UsageError` for bad SQL.

    The rows are computed while they are read; so errors may also arise then, as `UsageError`.
    """
    try:
        found = list(statements(connection, sql))
        if not found:
            raise UsageError(
                "there is no SQL to run", 'Example: `unpod-sync query "select * from agent_scorecard"`'
            )
        for statement, kind in found:
            if not kind:
                raise UsageError(
                    f"{shorten(statement.query, 40, placeholder='…')!r} cannot be run here", ONLY_READS
                )
        for statement, _ in found[:-1]:
            connection.execute(statement).fetchall()
        relation = connection.sql(found[-1][0])
        if relation is None:
            return Result(pa.schema([]), iter(()))
        reader = relation.to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise sql_error(connection, error) from None
    schema = _with_unique_names(reader.schema)
    return Result(schema, _batches(connection, reader, schema))


def _batches(
    connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # through Arrow, DuckDB's are OSErrors
        raise sql_error(connection, error) from None


def _with_unique_names(schema: pa.Schema) -> pa.Schema:
    """The schema with repeated names numbered: `name`, `name_1`."""
    names: list[str] = []
    taken = set(schema.names)
    for name in schema.names:
        candidate, number = name, 0
        while candidate in names:
            number += 1
            if f"{name}_{number}" not in taken:
                candidate = f"{name}_{number}"
        names.append(candidate)
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def relations(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The tables and views of `main` by name, with their columns; tables first."""
    rows = connection.execute(
        "select table_name, list(column_name order by column_index) from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'main' and not internal"
        " group by table_name"
        " order by table_name not in (select table_name from duckdb_tables() where schema_name = 'main'), 1"
    ).fetchall()
    return dict(rows)


def sql_error(connection: duckdb.DuckDBPyConnection, error: Exception) -> UsageError | WarehouseError:
    """A DuckDB error in one line, with a hint in another."""
    text = str(error).strip()
    line = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    message = text.splitlines()[0] + (f" (line {line[1]})" if line and line[1] != "1" else "")
    if message.startswith(("IO Error", "Out of Memory Error")):
        return WarehouseError(message, "Ask for fewer rows or columns, or free memory and disk room.")
    return UsageError(message, _hint(connection, text))


def _hint(connection: duckdb.DuckDBPyConnection, text: str) -> str:
    if "read-only mode" in text or "disabled by configuration" in text or "disabled through" in text:
        return ONLY_READS
    if "configuration has been locked" in text:
        return "Settings are locked here; open the file read-only in your own DuckDB to change them."
    missing = re.search(r"with name (\S+) does not exist", text)
    if missing and "Table" in text:
        names = list(relations(connection))
        meant = did_you_mean(missing[1].split(".")[-1].strip('"'), names)
        return meant or f"There are: {', '.join(names)}."
    candidates = re.search(r"Candidate bindings: (.*)", text)
    if candidates:
        return f"Columns like it: {candidates[1].replace(chr(34), '')}."
    proposed = re.search(r'Did you mean "(.*)"\?', text)
    if proposed:
        return f"Did you mean {proposed[1]}?"
    return 'Tables, views and their columns: `unpod-sync query "show tables"`, `unpod-sync query "describe calls"`.'
