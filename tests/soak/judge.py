"""What a warehouse must hold after a sync, worked out from the server's past and not from our own code."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import orjson

from tests.soak.mirror import Mirror, Object

TERMINAL = ("completed", "failed", "partially_completed")


@dataclass
class Stored:
    """What a database file holds."""

    tasks: dict[str, dict[str, Any]]
    payloads: dict[tuple[str, str], Object]
    messages: dict[str, list[tuple[int, str]]]
    flaws: list[str] = field(default_factory=list)
    revision: int = 0

    def live(self, space: str) -> dict[str, dict[str, Any]]:
        """The tasks of a space that are not marked as deleted."""
        return {k: v for k, v in self.tasks.items() if v["deleted_at"] is None and v["space_token"] == space}


UNIQUE = {
    "main.tasks": "task_id",
    "main.runs": "run_id",
    "main.spaces": "space_token",
    "main.agents": "agent_handle",
    "main.executions": "agent_handle, run_id",
    "main.transcript_messages": "task_id, position",
    "main.task_versions": "task_id, modified_at, content_hash",
    "raw.payloads": "kind, id",
    "meta.bookmarks": "resource",
    "meta.loads": "load_id",
}
CLAIMS = {
    "the payload of a task has the hash of its row": "select t.task_id from main.tasks t left join raw.payloads p"
    " on p.kind = 'task' and p.id = t.task_id and p.content_hash = t.content_hash and p.batch_id = t.batch_id"
    " where p.id is null",
    "a task payload has its row": "select p.id from raw.payloads p anti join main.tasks t on t.task_id = p.id"
    " where p.kind = 'task'",
    "a task has all its messages": "select t.task_id from main.tasks t left join (select task_id, batch_id,"
    " count(*) n, max(position) + 1 top from main.transcript_messages group by all) m using (task_id, batch_id)"
    " where coalesce(t.message_count, 0) <> coalesce(n, 0) or coalesce(n, 0) <> coalesce(top, 0)",
    "a message has its task": "select task_id from main.transcript_messages anti join main.tasks using (task_id)",
    "the version of a task is noted": "select task_id from main.tasks t anti join main.task_versions v"
    " on v.task_id = t.task_id and v.content_hash = t.content_hash",
    "the payload of a run has the hash of its row": "select run_id from main.runs r anti join raw.payloads p"
    " on p.kind = 'run' and p.id = r.run_id and p.content_hash = r.content_hash",
}


NAMES = (
    "task_id",
    "space_token",
    "status",
    "run_id",
    "deleted_at",
    "created_at",
    "message_count",
    "has_analysis",
)
GONE = (
    "select 'run', run_id from main.runs where deleted_at is not null union all"
    " select 'execution', agent_handle || '/' || run_id from main.executions where deleted_at is not null"
)


def read(connection: duckdb.DuckDBPyConnection) -> Stored:
    """Everything in a database, and what is wrong with it whatever the server says."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    doubles = " union all ".join(
        f"(select '{table} has two rows of one {key}' from {table} group by {key} having count(*) > 1 limit 1)"
        for table, key in UNIQUE.items()
    )
    flaws = [text for (text,) in rows(doubles)]
    claims = " union all ".join(
        f"(select '{claim}', * from ({sql}) limit 3)" for claim, sql in CLAIMS.items()
    )
    flaws += [f"not true that {claim.replace('`', '')}: {id_}" for claim, id_ in rows(claims)]
    tasks = {
        row[0]: dict(zip(NAMES, row, strict=True))
        for row in rows(f"select {', '.join(NAMES)} from main.tasks")
    }
    payloads = {
        (kind, id_): orjson.loads(text)
        for kind, id_, text in rows("select kind, id, payload_json from raw.payloads")
    }
    payloads.update({(kind, id_): {"__deleted__": True} for kind, id_ in rows(GONE)})
    messages: dict[str, list[tuple[int, str]]] = {}
    for task_id, position, content in rows(
        "select task_id, position, content from main.transcript_messages order by all"
    ):
        messages.setdefault(task_id, []).append((position, content))
    return Stored(tasks, payloads, messages, flaws, rows("select revision from meta.revision")[0][0])


def bookmarks(connection: duckdb.DuckDBPyConnection, space: str) -> list[Any]:
    """What the bookmarks of a space's lists say of how far they were read."""
    return connection.execute(
        "select resource, api_count, gaps_json, sweep_remaining, sweep_completed_at, warm_at, last_synced_at"
        " from meta.bookmarks where space_token = ? order by all",
        [space],
    ).fetchall()


@dataclass(frozen=True)
class Rules:
    """The freshness policy of a history."""

    page_size: int = 5
    sweep_pages: int = 50
    hot_days: float = 2
    warm_days: float = 14
    warm_every_hours: float = 24
    unfinished_days: float = 30


@dataclass(frozen=True)
class Reading:
    """One sync as the judge sees it: when, what was known before, and how calm it was.

    `whole` are the spaces that were read whole by right: small, or by `--full`. `rows_went`:
    rows vanished between two pages, which pulls others to pages already read; the API has never
    been seen to do that, and what is new may then wait for the next sync. `hidden`: tasks that came
    back while as many vanished, so that only the next sweep can tell. `is_full`: every list was read whole.
    """

    began: int
    ended: int
    now: datetime
    before: Stored | None
    whole: frozenset[str]
    exact: bool
    shifted: bool = False
    clock_is_steady: bool = True
    may_defer_deletion: bool = False
    rows_went: bool = False
    hidden: frozenset[str] = frozenset()
    is_full: bool = False


def differences(mirror: Mirror, rules: Rules, stored: Stored, reading: Reading) -> list[str]:
    """Everything about the tasks that breaks a promise after a sync with exit status 0."""
    found: list[str] = []
    for space in mirror.spaces:
        found += _space(mirror, rules, stored, reading, space)
    if not reading.shifted:
        found += _other_lists(mirror, stored, reading)
    return found


def _space(mirror: Mirror, rules: Rules, stored: Stored, reading: Reading, space: str) -> list[str]:
    found: list[str] = []
    alive, live = mirror.alive(space), stored.live(space)
    for task_id in alive:
        if None in mirror.between(task_id, reading.began, reading.ended):
            continue  # came, or was away, while the sync was reading
        if mirror.versions[task_id][0][0] > reading.began:
            continue
        if task_id in reading.hidden and task_id not in live and space not in reading.whole:
            continue
        if task_id not in live and not (reading.rows_went and task_id not in stored.tasks):
            state = "marked as deleted" if task_id in stored.tasks else "missing"
            found.append(f"{space}: task {_place(mirror, task_id)} is {state}")
        if task_id not in live:
            continue
        found += _content(mirror, rules, stored, reading, task_id, space)
    if space in reading.whole and not reading.may_defer_deletion:
        for task_id in live.keys() - alive.keys():
            if not any(mirror.between(task_id, reading.began, reading.ended)):
                found.append(
                    f"{space}: task {_place(mirror, task_id)} is gone from the server and not marked"
                )
    return found


def is_braked(mirror: Mirror, stored: Stored, rows_held: int) -> bool:
    """Whether a sync was right not to mark so many rows as deleted: more than 50 of a space are really gone."""
    gone = [len(stored.live(space).keys() - mirror.alive(space).keys()) for space in mirror.spaces]
    return rows_held > 50 and rows_held == sum(rows for rows in gone if rows > 50)


def returned(mirror: Mirror, stored: Stored, before: Stored | None) -> frozenset[str]:
    """Tasks that the server shows again and no sync has met yet: marked as deleted before this one, and still."""
    if before is None:
        return frozenset()
    return frozenset(
        task_id
        for space in mirror.spaces
        for task_id in mirror.alive(space)
        if all(known.tasks.get(task_id, {}).get("deleted_at") is not None for known in (before, stored))
    )


def _place(mirror: Mirror, task_id: str) -> str:
    ids = [i for space in mirror.spaces for i in mirror.world.task_ids(space)]
    return f"{task_id[-6:]} (number {ids.index(task_id)} of {len(ids)})" if task_id in ids else task_id[-6:]


def _content(
    mirror: Mirror, rules: Rules, stored: Stored, reading: Reading, task_id: str, space: str
) -> list[str]:
    bound = reading.began if space in reading.whole else _bound(mirror, rules, reading, task_id)
    if reading.rows_went:
        bound = 0
    payload = stored.payloads.get(("task", task_id), {})
    allowed = [v for v in mirror.between(task_id, bound, reading.ended) if v is not None]
    if not any(_same(payload, version, mirror.versions[task_id]) for version in allowed):
        ever = [v for _, v in mirror.versions[task_id] if v is not None]
        state = (
            "stale"
            if any(_same(payload, v, mirror.versions[task_id]) for v in ever)
            else "no version the server had"
        )
        return [f"{space}: task {_place(mirror, task_id)} is {state}: {_unlike(payload, allowed[-1])}"]
    row = stored.tasks[task_id]
    expected = [m["content"] for m in (payload.get("output") or {}).get("transcript") or []]
    found = []
    if [content for _, content in stored.messages.get(task_id, [])] != expected:
        found.append(f"task {_place(mirror, task_id)}: the messages are not the payload's")
    if row["status"] != payload["status"] or row["run_id"] != payload["run_id"]:
        found.append(f"task {_place(mirror, task_id)}: the columns are not the payload's")
    return found


def _same(payload: Object, version: Object, past: list[tuple[int, Object | None]]) -> bool:
    """Equal, but for keys that the server sends no more: those may keep a value they once had."""
    for key, value in payload.items():
        if key in version:
            if version[key] != value:
                return False
        elif not any(v is not None and v.get(key) == value for _, v in past):
            return False
    return version.keys() <= payload.keys()


def _unlike(payload: Object, version: Object) -> str:
    keys = sorted(k for k in payload.keys() | version.keys() if payload.get(k, ...) != version.get(k, ...))
    return ", ".join(
        f"{k}: {str(payload.get(k, '(missing)'))[:60]} is not {str(version.get(k, '(missing)'))[:60]}"
        for k in keys[:3]
    )


def _bound(mirror: Mirror, rules: Rules, reading: Reading, task_id: str) -> int:
    """The tick at or after which the stored content must have been the server's word."""
    first = next(v for _, v in mirror.versions[task_id] if v is not None)
    created = datetime.fromisoformat(first["created"])
    if created >= reading.now - timedelta(days=rules.hot_days):
        return reading.began
    before = reading.before.tasks.get(task_id) if reading.before else None
    if before is None or before["deleted_at"] is not None:
        return reading.began
    open_ = before["status"] not in TERMINAL or (
        before["status"] == "completed" and not before["has_analysis"]
    )
    if open_ and created >= reading.now - timedelta(days=rules.unfinished_days):
        return reading.began
    if created >= reading.now - timedelta(days=rules.warm_days) and reading.clock_is_steady:
        return min(reading.began, mirror.tick_at(reading.now - timedelta(hours=rules.warm_every_hours)))
    return 0


def pages(rows: int, size: int) -> int:
    """How many pages a list has."""
    return max(1, math.ceil(rows / size))


def _other_lists(mirror: Mirror, stored: Stored, reading: Reading) -> list[str]:
    found = []
    for space in mirror.spaces:
        for run in mirror.world.runs(space):
            kept = stored.payloads.get(("run", run["run_id"]))
            found += _other(f"run {run['run_id'][-6:]}", kept, run, reading)
    for agent in mirror.agents:
        for number, execution in enumerate(mirror.world.executions(agent)):
            kept = stored.payloads.get(("execution", f"{agent}/{execution['run_id']}"))
            if kept is not None and number and not reading.is_full:  # only its counts are followed at once
                if not reading.clock_is_steady:
                    continue
                kept = kept | {"status": execution["status"]}
            found += _other(f"execution {agent}/{execution['run_id'][-6:]}", kept, execution, reading)
    return found


def _other(name: str, kept: Object | None, wanted: Object, reading: Reading) -> list[str]:
    if kept is None:
        return [f"{name} is missing"]
    if kept.get("__deleted__"):
        return [f"{name} is marked as deleted"]
    return [f"{name} is stale: {_unlike(kept, wanted)}"] if reading.exact and kept != wanted else []
