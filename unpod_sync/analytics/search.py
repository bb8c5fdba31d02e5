"""Finding calls by what was said in them, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from unpod_sync.analytics.query import Result
from unpod_sync.analytics.search_query import SearchTerm, highlight_spans
from unpod_sync.errors import UsageError
from unpod_sync.suggest import find_keys, name_hint

#: Passages kept of one call.
PASSAGES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is searched for; an empty filter takes all. Dates are local, both included."""

    terms: tuple[SearchTerm, ...]
    role: str | None = None
    agent: str | None = None
    outcome: str | None = None
    space: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One message: `marks` says where the terms stand when it is a match."""

    position: int
    role: str | None
    content: str
    sent_at: datetime | None
    is_match: bool
    marks: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class CallMatch:
    """One call with a match, and its first passages; `match_count` counts all matching messages.

    Its fields are the keys of `search --json`, more than twelve.
    """

    task_id: str
    called_at: datetime | None
    contact_name: str | None
    contact_number: str | None
    agent_handle: str | None
    agent_name: str | None
    space_token: str | None
    outcome: str | None
    status: str | None
    duration_seconds: float | None
    recording_url: str | None
    match_count: int
    passages: list[list[Line]]


def search(
    connection: duckdb.DuckDBPyConnection, request: Request, *, limit: int = 20, context: int = 1
) -> tuple[list[CallMatch], bool]:
    """The newest calls that match, `limit` at most, and whether there are more."""
    where, values = _task_condition(connection, request)
    spoken, words = _message_condition(request)
    rows = connection.execute(
        f"with chosen as (select * from main.tasks where {where}),"
        " hits as (select task_id, count(*) as match_count, list(position order by position) as positions"
        " from main.transcript_messages as message join chosen using (task_id, batch_id)"
        f" where {spoken} group by task_id)"
        " select chosen.batch_id, positions, task_id, coalesce(started_at, chosen.created_at) as called_at,"
        " contact_name, contact_number, agent_handle, agent_name, chosen.space_token, outcome, status,"
        " duration_seconds, recording_url, match_count"
        " from hits join chosen using (task_id) left join main.agents using (agent_handle)"
        " order by called_at desc nulls last, task_id limit ?",
        [*values, *words, limit + 1],
    ).fetchall()
    messages = _messages(connection, rows[:limit])
    found = []
    for _, positions, task_id, *columns in rows[:limit]:
        passages = _passages(messages[task_id], positions, request.terms, context)
        found.append(CallMatch(*(task_id, *columns, list(passages))))
    return found, len(rows) > limit


def as_result(calls: Sequence[CallMatch]) -> Result:
    """The calls as rows for files: one per call, times in UTC, the passages as text."""
    columns = {
        "task_id": pa.string(),
        "called_at": pa.timestamp("us"),
        **dict.fromkeys(("contact_name", "contact_number", "agent_handle", "agent_name"), pa.string()),
        **dict.fromkeys(("space_token", "outcome", "status"), pa.string()),
        "duration_seconds": pa.float64(),
        "recording_url": pa.string(),
        "match_count": pa.int64(),
    }
    schema = pa.schema([*columns.items(), ("passages", pa.string())])
    rows = [{name: getattr(call, name) for name in columns} | {"passages": _text(call)} for call in calls]
    return Result(schema, iter([pa.RecordBatch.from_pylist(rows, schema)]))


def _text(call: CallMatch) -> str:
    """The passages as lines `role: content`."""
    return "\n…\n".join(
        "\n".join(f"{line.role or '?'}: {line.content}" for line in passage) for passage in call.passages
    )


def _task_condition(connection: duckdb.DuckDBPyConnection, request: Request) -> tuple[str, list[object]]:
    """SQL over `tasks` for the filters; raises `UsageError` for a value that does not occur."""
    parts = ["deleted_at is null", "message_count > 0"]
    parameters: list[object] = []
    if request.agent is not None:
        parts.append("agent_handle in (select unnest(?::varchar[]))")
        parameters.append(agents_named(connection, request.agent))
    if request.space is not None:
        parts.append("space_token in (select unnest(?::varchar[]))")
        parameters.append(spaces_named(connection, request.space))
    if request.outcome is not None:
        parts.append("outcome = ?")
        parameters.append(_outcome(connection, request.outcome))
    for bound, sign in ((request.since, ">="), (request.until, "<=")):
        if bound:
            parts.append(f"coalesce(started_local_date, created_local_date) {sign} ?")
            parameters.append(bound)
    return " and ".join(parts), parameters


def agents_named(connection: duckdb.DuckDBPyConnection, word: str) -> list[Any]:
    """The handles that `word` means: a handle, or a name (case aside)."""
    known = connection.execute(
        "select agent_handle, any_value(agent_name) from (select agent_handle, agent_name from main.agents"
        " union all select distinct agent_handle, null from main.tasks where agent_handle is not null)"
        " group by agent_handle order by agent_handle"
    ).fetchall()
    return _named(word, known, "agent")


def spaces_named(connection: duckdb.DuckDBPyConnection, word: str) -> list[Any]:
    """The tokens that `word` means: a token, or a name (case aside)."""
    return _named(
        word, connection.execute("select space_token, space_name from main.spaces").fetchall(), "space"
    )


def _named(word: str, known: Sequence[tuple[Any, ...]], kind: str) -> list[Any]:
    found = find_keys(word, known)
    if not found:
        raise UsageError(f"there is no {kind} {word!r}", name_hint(word, known))
    return found


def _outcome(connection: duckdb.DuckDBPyConnection, word: str) -> str:
    known = [
        str(name)
        for (name,) in connection.execute(
            "select outcome from main.tasks where outcome is not null group by outcome order by count(*) desc"
        ).fetchall()
    ]
    folded = word.lower().replace(" ", "_").replace("-", "_")
    if folded not in known:
        raise UsageError(f"no call has the outcome {word!r}", name_hint(folded, [(name,) for name in known]))
    return folded


def _message_condition(request: Request) -> tuple[str, list[object]]:
    """SQL over `transcript_messages as message` for the terms and the role."""
    parameters: list[object] = []
    parts = [term.condition("message.content", parameters) for term in request.terms]
    if request.role:
        parts.insert(0, "message.role = ?")
        parameters.insert(0, request.role)
    return " and ".join(parts), parameters


def _messages(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]
) -> dict[str, list[tuple[Any, ...]]]:
    """Task id → its messages in order; `rows` begin with a batch id, positions and a task id."""
    if not rows:
        return {}
    # DuckDB skips row groups without these batches
    batches = ", ".join(str(batch) for batch in sorted({row[0] for row in rows}))
    messages: dict[str, list[tuple[Any, ...]]] = {}
    for task_id, *message in connection.execute(
        "select task_id, position, role, content, sent_at from main.transcript_messages"
        f" where batch_id in ({batches}) and task_id in (select unnest(?::varchar[]))"
        " order by task_id, position",
        [[row[2] for row in rows]],
    ).fetchall():
        messages.setdefault(task_id, []).append(tuple(message))
    return messages


def _passages(
    messages: Sequence[tuple[Any, ...]], positions: Sequence[int], terms: tuple[SearchTerm, ...], context: int
) -> Iterator[list[Line]]:
    """The first matches with what stands around them; passages that touch become one."""
    wanted = set(positions)
    places = [index for index, message in enumerate(messages) if message[0] in wanted][:PASSAGES]
    ranges: list[list[int]] = []
    for place in places:
        low, high = max(0, place - context), min(len(messages), place + context + 1)
        if ranges and low <= ranges[-1][1]:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    for low, high in ranges:
        yield [
            Line(
                position,
                role,
                content or "",
                sent_at,
                position in wanted,
                highlight_spans(content or "", terms) if position in wanted else [],
            )
            for position, role, content, sent_at in messages[low:high]
        ]
