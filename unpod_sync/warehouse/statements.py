"""SQL of a user's as separate statements, each with its kind."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb


def statements(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[duckdb.Statement, str]]:
    """Each statement with its kind as DuckDB names it, such as SELECT; raises `duckdb.Error`.

    The kind is empty where the Python driver has no name for it, as for `update extensions`: DuckDB 1.5
    names it `???`; in DuckDB 2.0 the driver raises, and can neither describe nor run the statement.
    """
    for statement in connection.extract_statements(sql):
        try:
            kind = statement.type.name.strip("?")
        except ValueError:
            kind = ""
        yield statement, kind
