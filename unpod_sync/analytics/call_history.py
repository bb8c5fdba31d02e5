"""One call: its columns, its versions with what changed in each, and its transcript."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from unpod_sync.errors import UnpodSyncError, UsageError
from unpod_sync.suggest import did_you_mean
from unpod_sync.warehouse.queries import rows_as_dicts

#: Columns whose change means nothing for the call.
INTERNAL = {
    "batch_id",
    "load_id",
    "content_hash",
    "observed_at",
    "payload_keys",
    "answer_order",
    "task_id",
    "platform_status",
    "platform_has_transcript",
    "platform_success_score",
    "platform_gives_up",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One column between two versions."""

    column: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Revision:
    """One version: when a sync first saw it, and what had changed; all that was known for the first."""

    observed_at: datetime | None
    modified_at: datetime | None
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the transcript."""

    position: int
    role: str | None
    content: str | None
    sent_at: datetime | None
    extra_json: str | None


@dataclass(frozen=True, slots=True)
class CallHistory:
    """Everything about one call; `task` holds the columns of `tasks`, with the names of agent and space."""

    task: dict[str, Any]
    chapters: list[Revision]
    transcript: list[Message]


def call_history(connection: duckdb.DuckDBPyConnection, word: str) -> CallHistory:
    """The call whose id, or the beginning of its id, is `word`; its call_id will do as well."""
    task_id = _find(connection, word)
    [task] = rows_as_dicts(
        connection,
        "select task.*, agent_name, space_name from main.tasks as task"
        " left join main.agents as agent on agent.agent_handle = task.agent_handle"
        " left join main.spaces as space on space.space_token = task.space_token where task_id = ?",
        [task_id],
    )
    versions = rows_as_dicts(
        connection,
        "select * from main.task_versions where task_id = ? order by observed_at, batch_id, modified_at",
        [task_id],
    )
    messages = connection.execute(
        "select position, role, content, sent_at, extra_json from main.transcript_messages"
        " where task_id = ? and batch_id = ? order by position",
        [task_id, task["batch_id"]],
    ).fetchall()
    return CallHistory(
        {name: value for name, value in task.items() if name not in INTERNAL or name == "task_id"},
        _revisions(versions),
        [Message(*message) for message in messages],
    )


def _find(connection: duckdb.DuckDBPyConnection, word: str) -> str:
    """The task id that `word` means; errors name similar ids."""
    ids = _ids(
        connection,
        "starts_with(task_id, $word) or call_id = $word order by task_id <> $word, task_id limit 6",
        word,
    )
    if len(ids) == 1 or word in ids:
        return ids[0]
    if ids:
        more = ", …" if len(ids) == 6 else ""
        raise UsageError(f"{len(ids[:5])} calls or more begin with {word!r}", f"{', '.join(ids[:5])}{more}")
    raise UnpodSyncError(f"there is no call {word!r}", _nearest(connection, word))


def _nearest(connection: duckdb.DuckDBPyConnection, word: str) -> str:
    candidates = _ids(connection, "starts_with(task_id, $word) limit 2000", word[: max(3, len(word) // 3)])
    return did_you_mean(word, candidates, most=3) or (
        'The newest calls: `unpod-sync query "select task_id, started_at, contact_name from calls'
        ' order by started_at desc limit 20"`; one made since the last sync is not here yet.'
    )


def _ids(connection: duckdb.DuckDBPyConnection, condition: str, word: str) -> list[str]:
    sql = f"select task_id from main.tasks where {condition}"
    return [str(task_id) for (task_id,) in connection.execute(sql, {"word": word}).fetchall()]


def _revisions(versions: list[dict[str, Any]]) -> list[Revision]:
    revisions: list[Revision] = []
    before: dict[str, Any] = {}
    for version in versions:
        changes = [
            Change(name, before.get(name), value)
            for name, value in version.items()
            if name not in INTERNAL and value != before.get(name)
        ]
        revisions.append(Revision(version["observed_at"], version["modified_at"], changes))
        before = version
    return revisions
