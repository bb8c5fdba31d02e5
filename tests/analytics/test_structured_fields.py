"""`fields`: what each agent collects, as typed columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.world import bench_world
from tests.conftest import Ran, settings_for
from unpod_sync.analytics.structured_fields import identifier
from unpod_sync.simulator import Simulator
from unpod_sync.sync.pipeline import sync

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
DATA = (
    {
        "Bill Amount": 2500,
        "bill-amount": "12.5",
        "keen?": True,
        "when": "2026-03-01",
        "pin": "007",
        "a/b~'\"": "x",
    },
    {"Bill Amount": 30, "bill-amount": "7", "keen?": None, "when": "2026-03-02", "pin": "12", "मूल्य": [1]},
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bill Amount", "bill_amount"),
        ("billAmount", "bill_amount"),
        ("1st", "f_1st"),
        ("मूल्य", "f"),
        ("é", "e"),
    ],
)
def test_any_key_is_an_identifier(text: str, name: str) -> None:
    """Letters, digits, underscores; never empty, never a digit first."""
    assert identifier(text) == name


def test_views_of_any_key_work_after_a_sync(
    run_cli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of every form become columns of their types, in views that the next sync builds."""
    world = bench_world(5, tasks=30, spaces=1, now=NOW)
    for task_id, data in zip(world.task_ids(world.spaces[0]["token"]), DATA, strict=False):
        world.edit_task(task_id, {"assignee": "agent-1", "output.post_call_data.structured_data": data})
    database, folder = tmp_path / "unpod.duckdb", tmp_path / "views"
    with Simulator(world) as running:
        settings = settings_for(running, database, views_folder=folder)
        folder.mkdir()
        sync(settings)
        monkeypatch.setenv("UNPOD_VIEWS_FOLDER", str(folder))
        arguments = ("fields", "--database", database, "--agent", "agent-1")
        [agent] = json.loads(run_cli(*arguments, "--json").out)
        assert {field["key"]: field["type"] for field in agent["fields"]} == {
            "Bill Amount": "number",
            "bill-amount": "number",
            "keen?": "boolean",
            "when": "date",
            "pin": "text",
            "a/b~'\"": "text",
            "मूल्य": "text",
        }
        assert run_cli(*arguments, "--build").status == 0
        assert sync(settings).published
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute(
            f"select * exclude (task_id, called_at) from {agent['view']} order by bill_amount desc"
        )
        names = [column[0] for column in connection.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
    assert rows[0] == {
        "agent_handle": "agent-1",
        "bill_amount": 2500.0,
        "bill_amount_2": 12.5,
        "keen": True,
        "when": date(2026, 3, 1),
        "pin": "007",
        "a_b": "x",
        "f": None,
    }
    assert rows[1]["f"] == "[1]" and rows[1]["bill_amount"] == 30


def test_files_of_the_user_are_left(
    run_cli: Callable[..., Ran], warehouse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the setting it is named; a file of the same name that a person wrote stops the command."""
    arguments = ("fields", "--database", warehouse_file, "--build")
    ran = run_cli(*arguments)
    assert ran.status == 78 and "views_folder" in ran.err
    monkeypatch.setenv("UNPOD_VIEWS_FOLDER", str(tmp_path))
    assert run_cli(*arguments).status == 0
    first = min(tmp_path.iterdir())
    first.write_text("-- mine")
    assert run_cli(*arguments).status == 2 and first.read_text() == "-- mine"


def test_the_list_is_for_people(run_cli: Callable[..., Ran], warehouse_file: Path) -> None:
    """A table per agent: key, type, coverage, values."""
    out = run_cli("fields", "--database", warehouse_file).out
    assert "analysed calls" in out and "coverage" in out
