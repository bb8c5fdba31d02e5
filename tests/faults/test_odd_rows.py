"""A row that fits no table is kept, or the sync says that it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.conftest import Ran
from tests.wire import Request, answer, serving
from unpod_sync.config import Settings
from unpod_sync.sync.pipeline import sync
from unpod_sync.sync.result import LoadResult

TOKEN = "sentinel-of-odd-rows"
NOW = datetime(2026, 3, 12, 11, 30)  # noqa: DTZ001  naive UTC
PLAIN = {"task_id": "T1", "status": "completed", "created": "2026-03-01T10:00:00Z"}


class Odd:
    """An account with one space, whose list of tasks is `rows`."""

    def __init__(self, folder: Path, url: str, rows: list[Any]) -> None:
        self.rows = rows
        self.settings = Settings(
            base_url=url, api_token=TOKEN, org_handle="sim-org", database=folder / "u.duckdb"
        )

    def sync(self) -> LoadResult:
        return sync(self.settings, now=lambda: NOW, sleep=lambda _: None)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def account(folder: Path, rows: list[Any]) -> Iterator[Odd]:
    def handler(request: Request) -> bytes:
        listed = {"spaces/": [{"token": "S1", "name": "One"}], "tasks/": odd.rows}
        found = next((rows for end, rows in listed.items() if request.path.endswith(end)), [])
        return answer({"count": len(found), "data": found if request.page == 1 else []})

    with serving(handler) as wire:
        odd = Odd(folder, wire.url, rows)
        yield odd


def test_rows_that_are_no_objects_are_kept_in_raw(tmp_path: Path) -> None:
    odd_rows = ["a text", None, 17, ["a", {"b": 1}]]
    rows = [*(PLAIN | {"task_id": f"T{number}"} for number in range(5)), *odd_rows]
    with account(tmp_path, rows) as odd:
        first, second = odd.sync(), odd.sync()
        assert (first.exit_status, first.tasks_changed) == (0, 9)
        assert (second.exit_status, second.tasks_changed) == (0, 0)
        kept = [
            json.loads(text)
            for (text,) in odd.ask("select payload_json from raw.payloads where kind = 'task'")
        ]
        assert [row["row_that_is_no_object"] for row in kept if "task_id" not in row] == odd_rows
        assert odd.ask("select count(*) from tasks where deleted_at is null") == [(9,)]
        assert len(odd.ask("select * from meta.rejects where reason like 'row is not an object%'")) == 4


def test_a_row_that_is_nested_too_deeply_ends_in_exit_status_3_until_it_is_gone(
    tmp_path: Path, run_cli: Callable[..., Ran]
) -> None:
    """What of it can be kept is kept; `check` says so, too."""
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    with account(tmp_path, [PLAIN, PLAIN | {"task_id": "T2", "output": deep}]) as odd:
        check = ("check", "--offline", "--database", odd.settings.database)
        for _ in range(2):
            result = odd.sync()
            assert result.exit_status == 3
            assert "spaces/S1/tasks: 1 row could not be stored whole (meta.rejects)" in result.failures
        assert odd.ask("select task_id, status from tasks order by 1") == [
            ("T1", "completed"),
            ("T2", "completed"),
        ]
        assert "rows_are_whole" in run_cli(*check).err
        odd.rows[1] = PLAIN | {"task_id": "T2"}
        assert odd.sync().exit_status == 0
        assert run_cli(*check).status == 0
