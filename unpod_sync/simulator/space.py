"""One space: its description, its runs and its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unpod_sync.simulator.rows import JsonObject, StoredRow, insert_row, remove_row


class Space:
    """The rows of one space, oldest first. Not locked: the world holds the lock."""

    def __init__(self, description: JsonObject) -> None:
        """Empty."""
        self.description = description
        self.token = str(description["token"])
        self.runs: list[StoredRow] = []
        self._tasks: list[StoredRow] = []
        self._by_id: dict[str, StoredRow] = {}
        self._by_run: dict[str, list[StoredRow]] = {}

    @property
    def tasks(self) -> Sequence[StoredRow]:
        """All tasks."""
        return self._tasks

    def run_tasks(self, run_id: str) -> Sequence[StoredRow]:
        """The tasks of a run; empty for an unknown run."""
        return self._by_run.get(run_id, [])

    def find(self, task_id: str) -> StoredRow | None:
        """The row of a task, or None."""
        return self._by_id.get(task_id)

    def newest_key(self) -> int:
        """The sort key of the newest task, 0 in an empty space."""
        return self.tasks[-1].key if self.tasks else 0

    def run_counts(self, run_id: str, agent_handle: str) -> tuple[int, int]:
        """How many of a run's tasks the agent has, and how many of them are completed."""
        total = completed = 0
        for row in self._by_run.get(run_id, ()):
            task = row.payload()
            if task.get("assignee") == agent_handle:
                total += 1
                completed += task.get("status") == "completed"
        return total, completed

    def insert_task(self, row: StoredRow) -> None:
        """Put a task at the place of its key."""
        task = row.payload()
        insert_row(self._tasks, row)
        if isinstance(task.get("task_id"), str):
            self._by_id[task["task_id"]] = row
        insert_row(self._by_run.setdefault(str(task.get("run_id")), []), row)

    def insert_run(self, row: StoredRow) -> None:
        """Put a run at the place of its key."""
        insert_row(self.runs, row)

    def move_to_run(self, row: StoredRow, run_id: str) -> StoredRow:
        """Let a task belong to another run; gives the row that holds it now."""
        remove_row(self._by_run[str(row.payload().get("run_id"))], row)
        row.mutable()["run_id"] = run_id
        insert_row(self._by_run.setdefault(run_id, []), row)
        return row

    def remove_task(self, row: StoredRow) -> None:
        """Take a task out of every list."""
        task = row.payload()
        remove_row(self._tasks, row)
        remove_row(self._by_run[str(task.get("run_id"))], row)
        if self._by_id.get(str(task.get("task_id"))) is row:
            del self._by_id[str(task.get("task_id"))]


def described(token: str, name: str, agent_handle: str, number: int, **more: Any) -> JsonObject:
    """A space as the listing shows it."""
    return {
        "id": number,
        "name": name,
        "token": token,
        "slug": name.lower().replace(" ", "-").replace("&", "and"),
        "description": more.pop("description", ""),
        "agent_handle": agent_handle,
        "privacy_type": "private",
        "space_type": "general",
        "content_type": more.pop("content_type", "contact"),
        **more,
    }
