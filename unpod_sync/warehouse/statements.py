"""SQL of a user's as separate statements, each with its kind."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb


def statements(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[duckdb.Statement, str]]:
    """Each statement with its kind as DuckDB names it, such as SELECT; raises `duckdb.Error`.

    The kind is empty where the Python driver has no name for it: `update extensions` in DuckDB 2.0
    is an exception of the driver, which then can neither describe nor run the statement.
    """
    for statement in connection.extract_statements(sql):
        try:
            kind = statement.type.name
        except ValueError:
            kind = ""
        yield statement, kind
