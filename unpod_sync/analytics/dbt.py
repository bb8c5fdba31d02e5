"""The published file as dbt sees it: a `sources.yml` made from the catalogue.

Every table and view of `main` with its columns, their types and comments. What the tables promise
becomes tests of dbt itself, so that no package is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from unpod_sync.analytics.query import relations
from unpod_sync.tables import TABLES, Table

HEAD = """\
# Made by `unpod-sync dbt`; make it again after an upgrade.
# dbt cannot write into the published file: in profiles.yml let `path` name a file of its own, and say
#   attach: [{{path: {path}, alias: unpod, read_only: true}}]
"""

#: Child column → the column of the parent it must be found in; sql/checks claims the same.
PARENTS = {
    ("runs", "space_token"): "spaces",
    ("tasks", "space_token"): "spaces",
    ("task_versions", "task_id"): "tasks",
    ("transcript_messages", "task_id"): "tasks",
}

#: What dbt would take for Jinja, and what YAML cannot carry.
JINJA = re.compile(r"\{[{%#]")
#: A path that YAML takes without quotes.
PLAIN = re.compile(r"[\w/][\w./-]*")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]+")


def sources_yaml(connection: duckdb.DuckDBPyConnection, database: Path) -> str:
    """The published file as a dbt source: descriptions from the comments, tests from the keys.

    `database` is the path of the file, for dbt's profile.
    """
    lines = [
        "version: 2",
        "sources:",
        "  - name: unpod",
        "    description: Every Unpod run, task and transcript, as unpod-sync publishes them.",
        "    database: unpod",
        "    schema: main",
        "    tables:",
    ]
    tables = {table.name.removeprefix("main."): table for table in TABLES}
    comments, columns = _comments(connection), _columns(connection)
    for name in relations(connection):
        lines += _relation(name, comments[name], columns[name], tables.get(name))
    path = str(database) if PLAIN.fullmatch(str(database)) else _scalar(str(database))
    return HEAD.format(path=path) + "\n".join(lines) + "\n"


def _relation(
    name: str, comment: str | None, columns: list[tuple[str, str, str | None]], table: Table | None
) -> Iterator[str]:
    """The lines of one table or view."""
    key = table.key if table else ()
    yield f"      - name: {_scalar(name)}"
    yield f"        description: {_text(comment)}"
    if len(key) > 1:
        whole = _scalar(f"row({', '.join(key)})")
        yield "        data_tests:"
        yield f"          - unique: {{arguments: {{column_name: {whole}}}}}"
    yield "        columns:"
    for column, type_, column_comment in columns:
        yield f"          - name: {_scalar(column)}"
        yield f"            data_type: {_scalar(type_)}"
        yield f"            description: {_text(column_comment)}"
        if tests := list(_tests(name, column, type_, key)):
            yield "            data_tests:"
            yield from (f"              - {test}" for test in tests)


def _tests(name: str, column: str, type_: str, key: tuple[str, ...]) -> Iterator[str]:
    """What must hold for one column."""
    if key == (column,):
        yield "unique"
    if column in key and type_ != "TIMESTAMP":  # a task may lack its time; the key holds all the same
        yield "not_null"
    if parent := PARENTS.get((name, column)):
        to = _scalar(f"source('unpod', '{parent}')")
        yield f"relationships: {{arguments: {{to: {to}, field: {column}}}}}"


def _comments(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    rows = connection.execute(
        "select table_name, comment from duckdb_tables() where schema_name = 'main' and not internal"
        " union all"
        " select view_name, comment from duckdb_views() where schema_name = 'main' and not internal"
    ).fetchall()
    return dict(rows)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str, str | None]]]:
    """The columns of each table and view: name, type, comment."""
    found: dict[str, list[tuple[str, str, str | None]]] = {}
    for name, *column in connection.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'main' and not internal"
        " order by table_name, column_index"
    ).fetchall():
        found.setdefault(name, []).append((column[0], column[1], column[2]))
    return found


def _text(text: str | None) -> str:
    """A description: one line, without anything that dbt would render."""
    return _scalar(JINJA.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text or ""))


def _scalar(text: str) -> str:
    """Text in double quotes, as YAML and JSON both write it."""
    return json.dumps(UNPRINTABLE.sub(" ", text), ensure_ascii=False)
