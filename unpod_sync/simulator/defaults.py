"""Small helpers of the world: fields that are missing, fields that are set, reduced forms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.json import decode, encode

from unpod_sync.simulator import ids
from unpod_sync.simulator.rows import JsonObject
from unpod_sync.simulator.secrets import user_info


def copied(value: Mapping[str, Any]) -> JsonObject:
    """A copy that shares nothing."""
    result: JsonObject = decode(encode(value))
    return result


def set_field(target: JsonObject, name: str, value: object) -> None:
    """Set a field; dots reach inside, `...` removes."""
    *parents, last = name.split(".")
    for parent in parents:
        inner = target.get(parent)
        if not isinstance(inner, dict):
            inner = target[parent] = {}
        target = inner
    if value is ...:
        target.pop(last, None)
    else:
        target[last] = value


def fill_run(run: JsonObject, *, uuid: str, at: datetime, space_token: str) -> None:
    """Give a run the fields it lacks."""
    defaults = {
        "run_id": "R" + uuid,
        "collection_ref": f"collection_data_{space_token}",
        "run_mode": "prefect",
        "status": "pending",
        "created": ids.naive_time(at),
    }
    _fill(run, defaults)


def fill_task(
    task: JsonObject, *, object_id: str, uuid: str, at: datetime, run_id: str, agent_handle: str
) -> None:
    """Give a task the fields it lacks: a call that waits to be made."""
    defaults: JsonObject = {
        "_id": object_id,
        "thread_id": str(900_000_000_000 + int(uuid[-6:], 16)),
        "user_info": user_info(),
        "task_id": "T" + uuid,
        "run_id": run_id,
        "task": {"objective": "Call the contact."},
        "input": {"name": "Added Contact", "contact_number": "+12025550100"},
        "output": {},
        "attachments": [],
        "assignee": agent_handle,
        "status": "pending",
        "execution_type": "call",
        "run_mode": "prod",
        "retry_attempt": 0,
        "created": ids.naive_time(at),
    }
    _fill(task, defaults)


def _fill(target: JsonObject, defaults: JsonObject) -> None:
    for name, value in defaults.items():
        target.setdefault(name, value)
    target.setdefault("modified", target["created"])


def execution(run: JsonObject, total: int, completed: int) -> JsonObject:
    """A run as the executions endpoint shows it."""
    counts = {"total_tasks": total, "completed_tasks": completed}
    return {**{name: run.get(name) for name in ("run_id", "status")}, **counts, "created": run.get("created")}


_UNDOCUMENTED = ("_id", "status", "assignee", "run_mode")
_MINIMAL = ("_id", "task_id", "run_id", "assignee", "status", "execution_type")


def documented_form(task: JsonObject) -> JsonObject:
    """The fields of run tasks on one documented page."""
    return {name: value for name, value in task.items() if name not in _UNDOCUMENTED}


def minimal_form(task: JsonObject) -> JsonObject:
    """What the example of run tasks shows."""
    return {name: task[name] for name in _MINIMAL if name in task}
