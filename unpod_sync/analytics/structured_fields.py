"""The structured data that each agent collects: its keys with types, and views with a column per key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from unpod_sync.analytics.names import find, names_of
from unpod_sync.errors import UsageError
from unpod_sync.warehouse.files import disk_errors, write_atomically
from unpod_sync.warehouse.queries import rows_as_dicts
from unpod_sync.warehouse.schema import query_text, quote

#: Keys per view at most: the commonest; a model that invents keys must not make a view of thousands.
MOST_KEYS = 200

#: First line of a file written here; no other is ever overwritten.
MARK = "-- Made by `unpod-sync fields --build`; it is written anew each time."

#: Inferred type → SQL type.
SQL_TYPES = {"number": "double", "boolean": "boolean", "date": "date", "text": "varchar"}


@dataclass(frozen=True, slots=True)
class Field:
    """One key of one agent's structured data."""

    key: str
    column: str
    type: str
    call_count: int
    coverage: float | None
    distinct_count: int
    example: str | None


@dataclass(frozen=True, slots=True)
class AgentFields:
    """What one agent collects; `analysed_count` is its calls with an analysis, the base of coverage."""

    agent_handle: str
    agent_name: str | None
    view: str
    analysed_count: int
    fields: list[Field]


def fields(connection: duckdb.DuckDBPyConnection, agent: str | None = None) -> list[AgentFields]:
    """The agents that collect anything (one by handle or name, if given), with the keys they fill."""
    query = partial(rows_as_dicts, connection)
    handles = find("agent", names_of(query, "agent"), [agent] if agent else [])
    rows = query(query_text("structured_field_types"))
    views = _unique_names(f"fields_{identifier(row['agent_name'] or row['agent_handle'])}" for row in rows)
    return [
        AgentFields(
            row["agent_handle"], row["agent_name"], view, row["analysed_count"], _fields(row["fields"])
        )
        for row, view in zip(rows, views, strict=True)
        if not handles or row["agent_handle"] in handles
    ]


def _fields(rows: list[dict[str, Any]]) -> list[Field]:
    columns = _unique_names(
        (identifier(row["key"]) for row in rows), taken=("task_id", "called_at", "agent_handle")
    )
    return [Field(column=column, **row) for row, column in zip(rows, columns, strict=True)]


def identifier(text: str) -> str:
    """`text` as a plain SQL identifier: letters, digits and underscores of ASCII, 50 at most."""
    plain = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text))
    folded = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode().lower()).strip("_")[:50]
    return folded if re.match("[a-z]", folded) else f"f_{folded}".rstrip("_")


def _unique_names(names: Iterator[str], taken: Sequence[str] = ()) -> list[str]:
    """The names, repeated ones numbered: `price`, `price_2`."""
    used = set(taken)
    unique = []
    for name in names:
        candidate, number = name, 1
        while candidate in used:
            number += 1
            candidate = f"{name}_{number}"
        used.add(candidate)
        unique.append(candidate)
    return unique


def view_sql(agent: AgentFields) -> str:
    """The SQL of an agent's view; only functions of DuckDB 1.2."""
    name = agent.view
    who = re.sub(r"\s+", " ", agent.agent_name or agent.agent_handle)
    grain = f"One row per call of agent {who} with structured data, a column per key."
    chosen = agent.fields[:MOST_KEYS]
    columns = ",\n".join(f'    {_value(field)} as "{field.column}"' for field in chosen)
    comments = "\n".join(
        f'comment on column {name}."{field.column}" is {quote(f"Structured data: {field.key}")};'
        for field in chosen
    )
    return f"""{MARK}
-- {grain}
create or replace view {name} as

select
    -- keys
    task_id,
    agent_handle,
    coalesce(started_at, created_at) as called_at,

    -- structured data
{columns}

from tasks
where
    deleted_at is null
    and agent_handle = {quote(agent.agent_handle)}
    and case when json_valid(structured_data_json) then json_type(structured_data_json) = 'OBJECT' end;

comment on view {name} is {quote(grain)};
comment on column {name}.task_id is 'Task; the key.';
comment on column {name}.agent_handle is 'Agent.';
comment on column {name}.called_at is 'Start of the call (UTC); creation of the task when it has no start.';
{comments}
"""


def _value(field: Field) -> str:
    """The expression of a column: the value by JSON pointer, in which only ~ and / need an escape."""
    pointer = "/" + field.key.replace("~", "~0").replace("/", "~1")
    text = f"json_extract_string(structured_data_json, {quote(pointer)})"
    return f"{text}::varchar" if field.type == "text" else f"try_cast({text} as {SQL_TYPES[field.type]})"


def write_views(agents: Sequence[AgentFields], folder: Path) -> list[Path]:
    """Writes a file per agent into `folder`; unchanged ones are left. Returns the paths.

    Raises `UsageError` rather than overwrite a file that somebody else wrote.
    """
    files = {folder / f"{agent.view}.sql": view_sql(agent) for agent in agents}
    for path in files:
        if path.is_file() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise UsageError(f"{path} was not made by this command", "Move it away, or give it another name.")
    with disk_errors(folder / "views"):
        folder.mkdir(parents=True, exist_ok=True)
        for path, sql in files.items():
            write_atomically(path, sql.encode(), mode=0o644)
    return list(files)
