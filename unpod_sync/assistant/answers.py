"""What the tools answer: the catalogue, rows of a query, passages of a search."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import msgspec
import pyarrow as pa

from unpod_sync.analytics.query import Result, run_sql
from unpod_sync.analytics.search import Request, search
from unpod_sync.analytics.writers import write_json
from unpod_sync.assistant.masked_file import CONTACT, AssistantFile
from unpod_sync.assistant.masking import mask_text
from unpod_sync.errors import UsageError
from unpod_sync.suggest import did_you_mean

MAX_ROWS = 1_000
MAX_CHARACTERS = 200_000  # of the rows of one answer

_RELATIONS = """
select schema_name, view_name, comment, sql from duckdb_views()
where database_name = current_database() and not internal
union all
select schema_name, table_name, comment, null from duckdb_tables() where database_name = current_database()
order by 1, 2
"""
_COLUMNS = """
select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
where database_name = current_database() and not internal
order by 1, 2, column_index
"""


def as_json(value: object) -> str:
    """A value as JSON text."""
    return msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode(value).decode()


def catalogue(file: AssistantFile) -> dict[str, dict[str, Any]]:
    """Views and tables by qualified name: comment, SQL of a view, columns with type and definition."""
    found: dict[str, dict[str, Any]] = {}
    for schema, name, comment, sql in file.plain.execute(_RELATIONS).fetchall():
        if file.allowed is None or f"{schema}.{name}".lower() in file.allowed:
            shown = name if schema == "main" else f"{schema}.{name}"
            found[f"{schema}.{name}".lower()] = {"name": shown, "comment": comment, "sql": sql, "columns": []}
    for schema, name, column, type_, comment in file.plain.execute(_COLUMNS).fetchall():
        if relation := found.get(f"{schema}.{name}".lower()):
            relation["columns"].append({"name": column, "type": type_, "definition": comment})
    return found


def list_relations(file: AssistantFile) -> list[dict[str, Any]]:
    """Views and tables with their comments and the names of their columns."""
    return [
        {
            "name": relation["name"],
            "kind": "view" if relation["sql"] else "table",
            "comment": relation["comment"],
            "columns": [column["name"] for column in relation["columns"]],
        }
        for relation in catalogue(file).values()
    ]


def describe_relation(file: AssistantFile, name: str) -> dict[str, Any]:
    """A view or table; raises `UsageError` when there is none of this name."""
    known = catalogue(file)
    found = known.get(name.lower()) or known.get(f"main.{name}".lower())
    if found is None:
        hint = did_you_mean(name, [relation["name"] for relation in known.values()])
        raise UsageError(
            f"there is no table or view {name}", hint or "The tool `list_views` lists what there is."
        )
    return found


def query_rows(file: AssistantFile, sql: str, max_rows: int) -> str:
    """The rows of a query as a JSON document; `is_truncated` when there are more than fit."""
    file.check(sql)
    limit = max(1, min(max_rows, MAX_ROWS))
    result = run_sql(file.shown, sql)
    kept: list[pa.RecordBatch] = []
    for batch in result.batches:
        kept.append(batch)
        if sum(one.num_rows for one in kept) > limit:
            break
    out = io.BytesIO()
    write_json(Result(result.schema, iter(kept)), out)
    rows: list[str] = []
    lines = [line.removesuffix(",") for line in out.getvalue().decode().splitlines() if line.startswith("{")]
    for line in lines[:limit]:
        if rows and sum(map(len, rows)) + len(line) > MAX_CHARACTERS:
            break
        rows.append(line)
    head = as_json({"columns": result.names, "row_count": len(rows), "is_truncated": len(rows) < len(lines)})
    return head.removesuffix("}") + ',"rows":[\n' + ",\n".join(rows) + "\n]}"


def found_calls(file: AssistantFile, request: Request, limit: int, *, with_contacts: bool) -> dict[str, Any]:
    """The calls that a search finds. Masked, whether a call is found depends on its masked text alone."""
    mask = None if with_contacts else mask_text
    calls, has_more = search(file.plain, request, limit=limit, mask=mask)
    found = [dataclasses.asdict(call) for call in calls]
    if not with_contacts:
        found = [
            {name: CONTACT.get(name, value) if value is not None else None for name, value in call.items()}
            for call in found
        ]
    return {"calls": found, "has_more": has_more}
