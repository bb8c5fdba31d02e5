"""The published file with contacts masked, for any SQL.

The SQL runs in a database of views. Those named as the file's tables mask them; the file's own views and macros
are created again on top, so that every value that they can give is masked before an expression sees it. The
guard refuses SQL that names anything else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from unpod_sync.analytics.query import open_published, sql_error
from unpod_sync.assistant import masking
from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean
from unpod_sync.warehouse.schema import quote
from unpod_sync.warehouse.storage import Storage

#: Columns that are contact data as a whole, or may be, and what stands for a value.
CONTACT = {
    **dict.fromkeys(("contact_name", "user_full_name"), "[name]"),
    **dict.fromkeys(("contact_email", "user_email"), "[email]"),
    "contact_number": "[number]",
    "recording_url": "[recording]",
    "value_text": "[value]",
}
#: Texts without contact data: keys, names of ours, words of short lists. Every other text is masked.
OPEN = frozenset((
    "agent_handle", "agent_name", "agent_type", "call_end_reason", "call_id", "call_status", "call_status_label",
    "call_type", "call_type_label", "caller_number", "collection_ref", "content_hash", "content_type", "description",
    "document_id", "execution_type", "field", "id", "kind", "labels", "load_id", "organization_handle", "outcome",
    "outcome_label", "payload_keys", "platform_status", "purpose", "ref_id", "referenced_task_id", "role",
    "role_label", "run_id", "run_mode", "sentiment", "slug", "space_id", "space_name", "space_token", "space_type",
    "state", "status", "status_label", "task_id", "thread_id",
))  # fmt: skip
#: Tables of our own state that hold no text from calls.
OPEN_TABLES = frozenset({"bookmarks", "loads", "metrics", "migrations", "revision", "settings"})
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
#: The name under which a storage attaches what is published. The guard refuses SQL that names it.
ALIAS = "warehouse"
_VIEWS = f"select schema_name, sql from duckdb_views() where database_name = '{ALIAS}' and not internal"
_MACROS = (
    "select function_name, function_type, parameters, macro_definition from duckdb_functions()"
    f" where database_name = '{ALIAS}' and macro_definition is not null"
)


@dataclass(frozen=True, slots=True)
class AssistantFile:
    """A published file. SQL runs on `shown`; `plain` reads the file itself, for our own queries."""

    shown: duckdb.DuckDBPyConnection
    plain: duckdb.DuckDBPyConnection
    allowed: frozenset[str] | None  # schema.name of what SQL may read; None: everything in the file
    macros: frozenset[str] = frozenset()

    def check(self, sql: str) -> None:
        """Raises `UsageError` for SQL that reads anything but the masked views."""
        if self.allowed is None:
            return
        [[text]] = self.plain.execute("select json_serialize_sql(?::varchar)", [sql]).fetchall()
        parsed = json.loads(text)
        if parsed["error"]:
            hint = "One SELECT; `describe` and `list_views` show the tables, views and columns."
            raise UsageError(str(parsed["error_message"]), hint)
        nodes = list(_nodes(parsed["statements"]))
        ctes = {entry["key"] for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
        internal = self.plain.execute("select view_name from duckdb_views() where internal").fetchall()
        for node in nodes:
            self._check_node(node, ctes - {name for (name,) in internal})

    def _check_node(self, node: dict[str, Any], ctes: set[str]) -> None:
        if node.get("type") == "SHOW_REF":
            raise UsageError("DESCRIBE, SHOW and SUMMARIZE cannot be run here", "Use the tool `describe`.")
        if "table_name" in node:
            path = _path(node, "catalog_name", "schema_name", "table_name")
            name = ".".join(path if len(path) > 1 else ["main", *path]).lower()
            assert self.allowed is not None
            if name not in self.allowed and not (len(path) == 1 and path[0] in ctes):
                known = sorted(allowed.removeprefix("main.") for allowed in self.allowed)
                hint = did_you_mean(path[-1], known) or "The tool `list_views` lists what there is."
                raise UsageError(f"there is no table or view {'.'.join(path)}", hint)
        if "function_name" in node:
            path = _path(node, "catalog", "schema", "function_name")
            if path[:-1] not in ([], ["main"]):
                raise UsageError(
                    f"the function {'.'.join(path)} cannot be called here", "Call it by its name alone."
                )
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"].get("function_name", "")).lower()
            if name not in TABLE_FUNCTIONS | self.macros:
                raise UsageError(
                    f"the table function {name} cannot be called here", "Read a table or a view."
                )


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed statement."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def _path(node: dict[str, Any], *fields: str) -> list[str]:
    """The parts of a qualified name that are given."""
    return [str(node[field]) for field in fields if node.get(field)]


def open_file(storage: Storage, *, with_contacts: bool) -> AssistantFile:
    """Opens what is published, masked or (`with_contacts`) as it is."""
    if with_contacts:
        published = open_published(storage)
        return AssistantFile(published, published.cursor(), None)
    connection = storage.connect_reader(sandboxed=False)
    try:
        return _masked(connection)
    except duckdb.Error as error:
        connection.close()
        raise sql_error(connection, error) from None


def _masked(connection: duckdb.DuckDBPyConnection) -> AssistantFile:
    connection.execute("use memory.main; set python_enable_replacements = false")
    functions: tuple[tuple[str, Callable[..., str | None], int], ...] = (
        ("mask_text", masking.mask_text, 3),
        ("mask_payload", masking.mask_payload, 2),
    )
    for name, function, count in functions:
        texts: list[Any] = ["VARCHAR"] * count
        connection.create_function(name, function, texts, "VARCHAR", null_handling="special")  # type: ignore[call-overload,unused-ignore]
    connection.execute("create schema raw; create schema meta; create schema hidden")
    connection.execute("create table hidden.salt as select ?::varchar as salt", [secrets.token_hex(16)])
    columns = connection.execute(
        "select schema_name, table_name, list((column_name, data_type) order by column_index)"
        " from duckdb_columns() join duckdb_tables() using (database_name, schema_name, table_name)"
        f" where database_name = '{ALIAS}' group by all"
    ).fetchall()
    for schema, table, of_table in columns:
        connection.execute(_masking_view(schema, table, dict(of_table)))
    table_macros = _create_views(connection)
    plain = connection.cursor()
    plain.execute(f"use {ALIAS}")
    connection.execute("set enable_external_access = false; set lock_configuration = true")
    allowed = connection.execute(
        "select lower(schema_name || '.' || view_name) from duckdb_views()"
        " where database_name = 'memory' and not internal"
    ).fetchall()
    return AssistantFile(
        connection,
        plain,
        frozenset(name for (name,) in allowed),
        table_macros,
    )


def _masking_view(schema: str, table: str, columns: dict[str, str]) -> str:
    """A view named as the table, with its columns masked."""
    is_message = "task_id" in columns and "contact_name" not in columns and schema == "main"
    source = f'{ALIAS}."{schema}"."{table}" as source'
    name, number = (
        ("source.contact_name", "source.contact_number") if "contact_name" in columns else ("null", "null")
    )
    if is_message:  # the contact is the task's
        source += f" left join {ALIAS}.main.tasks as task on task.task_id = source.task_id"
        name, number = "task.contact_name", "task.contact_number"
    shown = ["source.rowid"] if table == "task_versions" else []  # the view attempts reads it
    for column, type_ in columns.items():
        value = f'source."{column}"'
        if type_ != "VARCHAR" or column in OPEN or (schema == "meta" and table in OPEN_TABLES):
            shown.append(value)
            continue
        if column in CONTACT:
            masked = f"case when {value} is not null then {quote(CONTACT[column])} end"
        elif column == "contact_key":
            masked = f"'contact-' || left(sha256((select salt from memory.hidden.salt) || {value}), 16)"
        elif column == "payload_json":
            masked = f"mask_payload({value}, source.kind)"
        else:
            masked = f"mask_text({value}, {name}, {number})"
        shown.append(f'{masked} as "{column}"')
    return f'create view memory."{schema}"."{table}" as select {", ".join(shown)} from {source}'


def _create_views(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The file's views and macros over the masking views; gives the names of table macros.

    What names the file itself, or reads what was left out, is left out.
    """
    waiting = connection.execute(_VIEWS).fetchall()
    macros = connection.execute(_MACROS).fetchall()
    for name, kind, parameters, definition in macros:
        body = f"table {definition}" if kind == "table_macro" else f"({definition})"
        waiting.append(("main", f'create macro "{name}"({", ".join(parameters)}) as {body}'))
    count = len(waiting) + 1
    while len(waiting) < count:  # a view comes after those that it reads
        count, left = len(waiting), []
        for schema, sql in waiting:
            try:
                connection.execute(f"use memory.{schema}")
                connection.execute(sql)
            except duckdb.Error:
                left.append((schema, sql))
        waiting = left
    connection.execute("use memory.main")
    return frozenset(name.lower() for name, kind, *_ in macros if kind == "table_macro")
