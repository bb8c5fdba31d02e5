"""The structured data that each agent collects: its keys with types, and views with a column per key."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from unpod_sync.errors import UsageError
from unpod_sync.warehouse.files import disk_errors, write_atomically
from unpod_sync.warehouse.schema import quote

#: Keys per view at most: the commonest; a model that invents keys must not make a view of thousands.
MOST_KEYS = 200

#: First line of a file written here; no other is ever overwritten.
MARK = "-- Made by `unpod-sync fields --build`; it is written anew each time."

#: Inferred type → SQL type.
SQL_TYPES = {"number": "double", "boolean": "boolean", "date": "date", "text": "varchar"}

KEYS = """
select
    agent_handle,
    key,
    count(*) filter (where value_text is not null) as filled,
    count(distinct value_text) as distinct_count,
    mode(value_text) as example,
    bool_and(value_type = 'number' or value_text is null) as is_number,
    bool_and(value_type = 'boolean' or value_text is null) as is_boolean,
    bool_and(value_type = 'text' or value_text is null) as is_text,
    bool_and(
        value_text is null or regexp_full_match(value_text, '-?(0|[1-9][0-9]{0,8})([.][0-9]+)?')
    ) as reads_number,
    bool_and(value_text is null or lower(value_text) in ('true', 'false')) as reads_boolean,
    bool_and(
        value_text is null
        or (
            regexp_full_match(value_text, '[0-9]{4}-[0-9]{2}-[0-9]{2}')
            and try_cast(value_text as date) is not null
        )
    ) as reads_date
from main.structured_fields
where agent_handle is not null
group by agent_handle, key
order by agent_handle, filled desc, key
"""


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


def fields(connection: duckdb.DuckDBPyConnection, handles: Sequence[str] | None = None) -> list[AgentFields]:
    """The agents that collect anything (`handles` alone, if given), with the keys they fill."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for row in connection.execute(KEYS).fetchall():
        rows.setdefault(row[0], []).append(row[1:])
    agents = connection.execute(
        "select agent_handle, any_value(agent_name), count(*) filter (where has_analysis)"
        " from main.tasks left join main.agents using (agent_handle)"
        " where main.tasks.deleted_at is null and agent_handle is not null"
        " group by agent_handle order by agent_handle"
    ).fetchall()
    views = _unique_names(f"fields_{identifier(name or handle)}" for handle, name, _ in agents)
    return [
        AgentFields(handle, name, view, analysed, _fields(rows[handle], analysed))
        for (handle, name, analysed), view in zip(agents, views, strict=True)
        if handle in rows and (handles is None or handle in handles)
    ]


def _fields(rows: list[tuple[Any, ...]], analysed: int) -> list[Field]:
    columns = _unique_names(
        (identifier(row[0]) for row in rows), taken=("task_id", "called_at", "agent_handle")
    )
    return [
        Field(
            key,
            column,
            _type(filled, *kinds),
            filled,
            filled / analysed if analysed else None,
            distinct,
            example,
        )
        for (key, filled, distinct, example, *kinds), column in zip(rows, columns, strict=True)
    ]


def _type(
    filled: int,
    is_number: bool,
    is_boolean: bool,
    is_text: bool,
    reads_number: bool,
    reads_boolean: bool,
    reads_date: bool,
) -> str:
    """The narrowest type that every value has; codes such as 007 or phone numbers stay text."""
    if not filled:
        return "text"
    if is_boolean or (is_text and reads_boolean):
        return "boolean"
    if is_number or reads_number:
        return "number"
    return "date" if reads_date else "text"


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
