"""Finding calls by what was said in them, newest first.

Twenty million messages are not read when a few thousand answer: tasks are taken in slices from
the newest on, each slice names the write batches that hold its messages, and DuckDB skips the
rest. Only a search that finds too little reads everything, once.
"""

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

#: Tasks per slice; the last takes what is left.
SLICES: tuple[int | None, ...] = (20_000, 200_000, None)

#: Passages kept of one call.
PASSAGES = 3

#: Batches named one by one; more are bounded by the lowest and highest.
NAMED_BATCHES = 200

_AT = "coalesce(started_at, created_at)"


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
class Found:
    """One call that says it, with the first passages; `match_count` counts all matching messages."""

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


@dataclass(frozen=True, slots=True)
class _Hit:
    task_id: str
    batch_id: int
    count: int
    positions: list[int]


def search(
    connection: duckdb.DuckDBPyConnection,
    request: Request,
    *,
    limit: int = 20,
    context: int = 1,
    slices: tuple[int | None, ...] = SLICES,
) -> tuple[list[Found], bool]:
    """The newest calls that match, `limit` at most, and whether there are more."""
    condition, parameters = _task_condition(connection, request)
    hits: list[_Hit] = []
    done = 0
    for size in slices:
        amount = f"limit {size} offset {done}" if size else f"offset {done}"
        connection.execute(
            "create or replace temp table slice as"
            f" select task_id, batch_id, {_AT} as called_at from main.tasks where {condition}"
            f" order by called_at desc nulls last, task_id {amount}",
            parameters,
        ).fetchall()
        hits += _hits(connection, request, limit + 1 - len(hits))
        if len(hits) > limit or size is None:
            break
        done += size
    more = len(hits) > limit
    return list(_found(connection, hits[:limit], request.terms, context)), more


def as_result(calls: Sequence[Found]) -> Result:
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


def _text(call: Found) -> str:
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


def _hits(connection: duckdb.DuckDBPyConnection, request: Request, limit: int) -> list[_Hit]:
    """The newest tasks of the slice whose messages match."""
    where, parameters = _batches(connection)
    if where is None:
        return []
    said, values = _said(request)
    if _is_selective(connection, where, parameters):
        # A condition on both sides of the join is not pushed below it: it sees no other task's texts.
        said = f"case when slice.task_id is not null then {said} end"
    rows = connection.execute(
        "select message.task_id, any_value(message.batch_id), count(*),"
        " list(message.position order by message.position)"
        " from main.transcript_messages as message"
        " join slice on message.task_id = slice.task_id and message.batch_id = slice.batch_id"
        f" where message.{where} and {said}"
        " group by message.task_id"
        " order by any_value(slice.called_at) desc nulls last, message.task_id limit ?",
        [*parameters, *values, limit],
    ).fetchall()
    return [_Hit(task, batch, count, positions) for task, batch, count, positions in rows]


def _batches(connection: duckdb.DuckDBPyConnection) -> tuple[str | None, list[object]]:
    """A condition on `batch_id` that holds for the slice, None when the slice is empty."""
    batches = [
        row[0] for row in connection.execute("select distinct batch_id from slice order by 1").fetchall()
    ]
    if not batches:
        return None, []
    if len(batches) <= NAMED_BATCHES:
        return f"batch_id in ({', '.join(str(int(batch)) for batch in batches)})", []
    return "batch_id between ? and ?", [batches[0], batches[-1]]


def _is_selective(connection: duckdb.DuckDBPyConnection, where: str, parameters: list[object]) -> bool:
    """Whether the slice holds few of the tasks in its batches."""
    chosen, total = connection.execute(
        "select (select count(*) from slice),"
        f" (select count(*) from main.tasks where message_count > 0 and {where})",
        parameters,
    ).fetchall()[0]
    return bool(chosen * 3 < total)


def _said(request: Request) -> tuple[str, list[object]]:
    parameters: list[object] = []
    parts = [term.condition("message.content", parameters) for term in request.terms]
    if request.role:
        parts.insert(0, "message.role = ?")
        parameters.insert(0, request.role)
    return " and ".join(parts), parameters


def _found(
    connection: duckdb.DuckDBPyConnection, hits: Sequence[_Hit], terms: tuple[SearchTerm, ...], context: int
) -> Iterator[Found]:
    """The hits with what is known of their calls, and their passages."""
    if not hits:
        return
    batches = ", ".join(str(batch) for batch in sorted({hit.batch_id for hit in hits}))
    ids = [hit.task_id for hit in hits]
    tasks: dict[str, tuple[Any, ...]] = {
        row[0]: row
        for row in connection.execute(
            "select task_id, coalesce(started_at, task.created_at), contact_name, contact_number,"
            " agent_handle, agent_name, task.space_token,"
            " outcome, status, duration_seconds, recording_url"
            " from main.tasks as task left join main.agents as agent using (agent_handle)"
            f" where task.batch_id in ({batches}) and task_id in (select unnest(?::varchar[]))",
            [ids],
        ).fetchall()
    }
    messages: dict[str, list[tuple[Any, ...]]] = {}
    for row in connection.execute(
        "select task_id, position, role, content, sent_at from main.transcript_messages"
        f" where batch_id in ({batches}) and task_id in (select unnest(?::varchar[]))"
        " order by task_id, position",
        [ids],
    ).fetchall():
        messages.setdefault(row[0], []).append(row[1:])
    for hit in hits:
        passages = list(_passages(messages.get(hit.task_id, []), hit.positions, terms, context))
        yield Found(*(*tasks[hit.task_id], hit.count, passages))


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
