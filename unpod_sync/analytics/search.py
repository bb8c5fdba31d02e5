"""Finding calls by what was said in them, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from unpod_sync.analytics.names import KEYS, find, names_of
from unpod_sync.analytics.query import Result
from unpod_sync.analytics.search_query import SearchTerm, highlight_spans
from unpod_sync.errors import UsageError
from unpod_sync.suggest import name_hint
from unpod_sync.warehouse.queries import rows_as_dicts

#: Passages kept of one call.
PASSAGES = 3
#: A message, the name and the number of the call's contact → the message as it may be shown.
Mask = Callable[[str | None, str | None, str | None], str | None]


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
    """One message: `marks` are the places of the terms, for a match."""

    position: int
    role: str | None
    content: str
    sent_at: datetime | None
    is_match: bool
    marks: list[tuple[int, int]]


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
    space_name: str | None
    outcome: str | None
    status: str | None
    duration_seconds: float | None
    recording_url: str | None
    match_count: int
    passages: list[list[Line]]


#: The fields of `CallMatch` that the query gives: all but the passages.
COLUMNS = tuple(each.name for each in fields(CallMatch))[:-1]
ARROW_TYPES = {"called_at": pa.timestamp("us"), "duration_seconds": pa.float64(), "match_count": pa.int64()}

SEARCH = """
with chosen as (
    select task_id, batch_id, coalesce(started_at, created_at) as called_at, contact_name, contact_number,
        agent_handle, space_token, outcome, status, duration_seconds, recording_url
    from main.tasks
    where {task_condition}
),

hits as (
    select task_id, batch_id, count(*) as match_count, list(position) as positions
    from main.transcript_messages as message
    inner join chosen using (task_id, batch_id)
    where {message_condition}
    group by all
),

found as (
    from hits inner join chosen using (task_id, batch_id) left join
        (select agent_handle, agent_name from main.agents) using (agent_handle) left join
        (select space_token, space_name from main.spaces) using (space_token)
    order by called_at desc nulls last, task_id
    limit ?
),

said as (
    select task_id, list({{
        'position': position, 'role': role, 'content': content, 'sent_at': sent_at
    }} order by position) as messages
    from main.transcript_messages
    inner join found using (task_id, batch_id)
    group by all
)

from found inner join said using (task_id)
order by called_at desc nulls last, task_id
"""


def search(
    connection: duckdb.DuckDBPyConnection,
    request: Request,
    *,
    limit: int = 20,
    context: int = 1,
    mask: Mask | None = None,
) -> tuple[list[CallMatch], bool]:
    """The newest calls that match, `limit` at most, and whether there are more.

    With a `mask` a message matches when its masked text does, and only that text is in the passages.
    """
    task_condition, values = _task_condition(connection, request)
    message_condition, words = _message_condition(request)
    sql = SEARCH.format(task_condition=task_condition, message_condition=message_condition)
    size = limit + 1
    while True:
        rows = rows_as_dicts(connection, sql, [*values, *words, size])
        shown = [_masked(row, request.terms, mask) for row in rows] if mask else rows
        found = [row for row in shown if row["positions"]]
        if len(found) > limit or len(rows) < size:
            break
        size *= 4  # too many matched only in what is masked
    return [_call_match(row, request.terms, context) for row in found[:limit]], len(found) > limit


def _masked(row: dict[str, Any], terms: tuple[SearchTerm, ...], mask: Mask) -> dict[str, Any]:
    """The row of a call with its messages masked, and the matches that are left."""

    def shown(message: dict[str, Any]) -> str:
        return mask(message["content"], row["contact_name"], row["contact_number"]) or ""

    messages = row["messages"]
    matches = [message for message in messages if message["position"] in row["positions"]]
    positions = [
        message["position"]
        for message in matches
        if all(highlight_spans(shown(message), (term,)) for term in terms)
    ]
    if positions:
        messages = [message | {"content": shown(message)} for message in messages]
    return row | {"messages": messages, "positions": positions, "match_count": len(positions)}


def _call_match(row: dict[str, Any], terms: tuple[SearchTerm, ...], context: int) -> CallMatch:
    passages = list(_passages(row["messages"], set(row["positions"]), terms, context))
    return CallMatch(**{name: row[name] for name in COLUMNS}, passages=passages)


def as_result(calls: Sequence[CallMatch]) -> Result:
    """The calls as rows for files: one per call, times in UTC, the passages as text."""
    schema = pa.schema([(name, ARROW_TYPES.get(name, pa.string())) for name in (*COLUMNS, "passages")])
    rows = [{name: getattr(call, name) for name in COLUMNS} | {"passages": _text(call)} for call in calls]
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
    for kind, word in (("agent", request.agent), ("space", request.space)):
        if word is not None:
            parts.append(f"{KEYS[kind]} in (select unnest(?::varchar[]))")
            parameters.append(find(kind, names_of(partial(rows_as_dicts, connection), kind), [word]))
    if request.outcome is not None:
        parts.append("outcome = ?")
        parameters.append(_outcome(connection, request.outcome))
    for bound, sign in ((request.since, ">="), (request.until, "<=")):
        if bound:
            parts.append(f"coalesce(started_local_date, created_local_date) {sign} ?")
            parameters.append(bound)
    return " and ".join(parts), parameters


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


def _passages(
    messages: Sequence[dict[str, Any]], matches: set[int], terms: tuple[SearchTerm, ...], context: int
) -> Iterator[list[Line]]:
    """The first matches with the messages around them; passages that touch become one."""
    indices = [index for index, message in enumerate(messages) if message["position"] in matches]
    ranges: list[list[int]] = []
    for index in indices[:PASSAGES]:
        low, high = max(0, index - context), min(len(messages), index + context + 1)
        if ranges and low <= ranges[-1][1]:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    for low, high in ranges:
        yield [_line(message, message["position"] in matches, terms) for message in messages[low:high]]


def _line(message: dict[str, Any], is_match: bool, terms: tuple[SearchTerm, ...]) -> Line:
    content = message["content"] or ""
    marks = highlight_spans(content, terms) if is_match else []
    return Line(message["position"], message["role"], content, message["sent_at"], is_match, marks)
