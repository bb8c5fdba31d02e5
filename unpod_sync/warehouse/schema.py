"""Building and migrating a warehouse file: tables, comments, settings, metrics and views.

Everything here can run at every start: it does only what the file lacks.
"""

from __future__ import annotations

import contextlib
import hashlib
import tomllib
from datetime import datetime
from pathlib import Path

import duckdb

from unpod_sync import tables
from unpod_sync.errors import ConfigurationError, MigrationError
from unpod_sync.warehouse.statements import statements
from unpod_sync.warehouse.storage import Capabilities
from unpod_sync.warehouse.transactions import transaction

#: What a view file of the user's may hold; ALTER is also what DuckDB calls `comment on`.
USER_STATEMENTS = frozenset({"CREATE", "DROP", "ALTER", "SELECT"})

FULL = Capabilities()
REBUILD_DUE = "rebuild_due"  # a setting: columns were added and are not filled yet


def sql_folder() -> Path:
    """The folder `sql/`: inside the installed package, else beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parent / "sql"


def sql_files(folder: str) -> list[Path]:
    """The `.sql` files of one folder of `sql/`, in the order in which they build on each other."""
    return sorted((sql_folder() / folder).glob("*.sql"))


def query_text(name: str) -> str:
    """A query of `sql/queries/`: what a command asks beyond the views."""
    return (sql_folder() / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def quote(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def create_schema(
    connection: duckdb.DuckDBPyConnection, *, now: datetime, capabilities: Capabilities = FULL
) -> bool:
    """Brings the current database to this version's schema (tables and meta, not views).

    True when an existing table has got a column that the stored payloads can fill, and no
    `rewrite.rebuild` has filled it yet.
    Raises `MigrationError` when the file was made by a newer version.
    """
    connection.execute("create schema if not exists raw; create schema if not exists meta")
    connection.execute("create table if not exists meta.migrations (name varchar, applied_at timestamp)")
    applied = {name for (name,) in connection.execute("select name from meta.migrations").fetchall()}
    known = {path.stem: path for path in sql_files("migrations")}
    if newer := applied - known.keys():
        raise MigrationError(
            f"the warehouse was made by a newer unpod-sync (it has {', '.join(sorted(newer))})",
            "Upgrade unpod-sync, or point --database to another file.",
        )
    for name, path in known.items():
        if name not in applied:
            with transaction(connection):
                connection.execute(path.read_text(encoding="utf-8"))
                connection.execute("insert into meta.migrations values (?, ?)", [name, now])
    present = _present_columns(connection) if applied else {}
    for table in tables.TABLES:
        _create_table(connection, table, present.get(table.name, set()), capabilities)
    due = connection.execute(f"select 1 from meta.settings where name = {quote(REBUILD_DUE)}").fetchall()
    return bool(due)


def _present_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """Our tables that are there → their columns, asked of each: the catalogue's functions take 15 to 30 ms."""
    found: dict[str, set[str]] = {}
    for table in tables.TABLES:
        with contextlib.suppress(duckdb.CatalogException):
            description = connection.execute(f"select * from {table.name} limit 0").description
            found[table.name] = {column[0] for column in description or ()}
    return found


def _create_table(
    connection: duckdb.DuckDBPyConnection, table: tables.Table, present: set[str], capabilities: Capabilities
) -> None:
    """Creates the table, or adds the columns it lacks.

    Columns that a rebuild can fill are noted in the same transaction: whoever dies before the
    rebuild leaves it to the next.
    """
    missing = [column for column in table.columns if column.name not in present]
    if not missing:
        return
    if present:
        statements = [
            f"alter table {table.name} add column {_ddl(column, capabilities)}" for column in missing
        ]
        if any(column.origin != "sync" for column in missing):
            statements.append(f"delete from meta.settings where name = {quote(REBUILD_DUE)}")
            statements.append(
                f"insert into meta.settings values ({quote(REBUILD_DUE)}, 'true', 'New columns wait.')"
            )
    else:
        body = ", ".join(_ddl(column, capabilities) for column in missing)
        statements = [f"create table {table.name} ({body})"]
    with transaction(connection):
        connection.execute("; ".join(statements))


def _ddl(column: tables.Column, capabilities: Capabilities) -> str:
    is_compressed = column.compression and capabilities.column_compression
    compression = f" using compression {column.compression}" if is_compressed else ""
    return f"{column.name} {column.type}{compression}"


def build_views(
    connection: duckdb.DuckDBPyConnection,
    *,
    user_folder: Path | None = None,
    force: bool = False,
    capabilities: Capabilities = FULL,
) -> bool:
    """Builds views, comments, settings and metric definitions when their sources changed; True when built.

    The user's own views (`user_folder`, file order) come after ours; one that fails names its
    file in a `ConfigurationError` and leaves everything as it was.
    """
    users = sorted(user_folder.glob("*.sql")) if user_folder else []
    digest = _digest(users)
    stored = connection.execute("select value from meta.settings where name = 'views_digest'").fetchall()
    if stored == [(digest,)] and not force:
        return False
    with transaction(connection):
        _drop_views(connection)
        connection.execute(_table_comments())
        for path in (sql_folder() / "settings.sql", *sql_files("views")):
            connection.execute(path.read_text(encoding="utf-8"))
        connection.execute(_column_definitions(capabilities))
        ours = _relations(connection) if users else set()
        for path in users:
            _build_user_view(connection, path, ours)
        connection.execute((sql_folder() / "metrics.sql").read_text(encoding="utf-8"))
        connection.execute(
            "delete from meta.settings where name = 'views_digest'; insert into meta.settings values"
            f" ('views_digest', {quote(digest)}, 'Fingerprint of the view definitions.');"
            " update meta.revision set revision = revision + 1"
        )
    return True


def fingerprint() -> str:
    """Changes with everything that makes an empty warehouse what it is."""
    migrations = [path.read_text(encoding="utf-8") for path in sql_files("migrations")]
    columns = [_ddl(column, FULL) for table in tables.TABLES for column in table.columns]
    return f"{_digest([])} {migrations} {columns}"


def _table_comments() -> str:
    """SQL that comments our tables and their columns."""
    return ";\n".join(
        f"comment on {kind} {name} is {quote(comment)}"
        for table in tables.TABLES
        for kind, name, comment in (
            ("table", table.name, table.comment),
            *(("column", f"{table.name}.{column.name}", column.comment) for column in table.columns),
        )
    )


def _column_definitions(capabilities: Capabilities) -> str:
    """SQL that fills meta.metrics and comments the columns of our views, from the files beside the views."""
    comments, metrics = [], []
    for path in sorted((sql_folder() / "views").glob("*.toml")):
        ((view, columns),) = tomllib.loads(path.read_text(encoding="utf-8")).items()
        for name, text in columns.items():
            if isinstance(text, str):
                comment = text
            else:
                definition, source, caveat = text["definition"], text["source"], text.get("caveat")
                comment = f"{definition} Source: {source}." + (f" Caveat: {caveat}" if caveat else "")
                row = (name, view, name, definition, source)
                metrics.append((*map(quote, row), quote(caveat) if caveat else "null"))
            comments.append(f"comment on column {view}.{name} is {quote(comment)};")
    rows = ", ".join(f"({', '.join(row)})" for row in sorted(metrics, key=lambda row: row[1]))
    return (
        "delete from meta.metrics; insert into meta.metrics"
        f" (name, view_name, column_name, definition, source_fields, caveat) values {rows};"
        + "".join(comments if capabilities.view_column_comments else ())
    )


def _drop_views(connection: duckdb.DuckDBPyConnection) -> None:
    """A view whose file has gone goes too."""
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where not internal"
        " and database_name = current_database()"
    ).fetchall()
    for schema_name, view_name in views:
        connection.execute(f'drop view "{schema_name}"."{view_name}"')


def _build_user_view(
    connection: duckdb.DuckDBPyConnection, path: Path, ours: set[tuple[int, str, str]]
) -> None:
    """Runs a view file of the user's, which may define things of its own and nothing else.

    Tables and views of ours must be the same afterwards: the sync writes to the ones and the report
    reads the others.
    """
    try:
        for statement, kind in statements(connection, path.read_text(encoding="utf-8")):
            if kind not in USER_STATEMENTS:
                raise _unusable(path, f"it has a statement {kind}".rstrip() + ", and may only define views")
            connection.execute(statement)
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise _unusable(path, str(error).strip().splitlines()[0]) from None
    if lost := sorted({name for _, name, _ in ours - _relations(connection)}):
        raise _unusable(path, f"it drops or changes {', '.join(lost)}")


def _relations(connection: duckdb.DuckDBPyConnection) -> set[tuple[int, str, str]]:
    """Each table and view: its identity, which changes when it is replaced, its name and its columns."""
    return set(
        connection.execute(
            "select table_oid, schema_name || '.' || table_name,"
            " string_agg(column_name || ' ' || data_type, ', ' order by column_index)"
            " from duckdb_columns() where database_name = current_database() and not internal"
            " group by all"
        ).fetchall()
    )


def _unusable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"your view file {path} cannot be built: {reason}",
        "Correct the file, or take it out of the folder named by `views_folder`.",
    )


def _digest(users: list[Path]) -> str:
    """Fingerprint of everything that `build_views` reads."""
    digest = hashlib.sha256(_table_comments().encode())
    views = sorted((sql_folder() / "views").iterdir())
    for path in (sql_folder() / "settings.sql", *views, *users, sql_folder() / "metrics.sql"):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
