"""`call` and `metrics`: one call whole, each number defined."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.world import bench_world
from tests.conftest import Ran, settings_for
from unpod_sync.simulator import Simulator
from unpod_sync.sync.pipeline import sync

Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def longest(warehouse_file: Path) -> Iterator[str]:
    """The call with most messages."""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        [row] = connection.execute(
            "select task_id from calls where has_analysis order by message_count desc, task_id limit 1"
        ).fetchall()
    yield row[0]


def test_a_call_is_shown_whole(run_cli: Run, warehouse_file: Path, longest: str) -> None:
    """Header, story, analysis and every message, from the beginning of its id."""
    ran = run_cli("call", "--database", warehouse_file, longest)
    for part in ("contact ", "History, as seen by the syncs", "Analysis", "Transcript, "):
        assert part in ran.out
    told = json.loads(run_cli("call", "--database", warehouse_file, longest, "--json").out)
    assert len(told["transcript"]) == told["task"]["message_count"]
    assert run_cli("call", "--database", warehouse_file, longest[:20]).out == ran.out


def test_an_unknown_or_unclear_id_says_what_is_near(run_cli: Run, warehouse_file: Path, longest: str) -> None:
    """A typing error names the call meant; a beginning of many names some."""
    wrong = longest[:-1] + ("0" if longest[-1] != "0" else "1")
    ran = run_cli("call", "--database", warehouse_file, wrong + "x")
    assert ran.status == 1 and longest in ran.err
    assert run_cli("call", "--database", warehouse_file, "xyz").status == 1
    unclear = run_cli("call", "--database", warehouse_file, "T")
    assert unclear.status == 2 and "begin with 'T'" in unclear.err


def test_the_story_tells_what_changed(run_cli: Run, tmp_path: Path) -> None:
    """What changed between two syncs, from what to what; no control character obeyed."""
    now = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
    world = bench_world(5, tasks=30, spaces=1, now=now)
    task_id = world.task_ids(world.spaces[0]["token"])[0]
    database = tmp_path / "unpod.duckdb"
    with Simulator(world) as running:
        settings = settings_for(running, database)
        sync(settings, now=lambda: now.replace(tzinfo=None))
        world.edit_task(task_id, {"status": "failed", "last_failure_reason": "line \x1b[31mdropped"})
        later = now.replace(tzinfo=None) + timedelta(minutes=15)
        sync(settings, now=lambda: later)
    ran = run_cli("call", "--database", database, task_id)
    assert "→ failed" in ran.out and "last_failure_reason: – → line ␛[31mdropped" in ran.out


def test_a_metric_is_defined(run_cli: Run, warehouse_file: Path) -> None:
    """By view, by name, by both; an unknown one says what is near."""
    assert "connect_rate" in run_cli("metrics", "--database", warehouse_file).out
    view = run_cli("metrics", "--database", warehouse_file, "agent_scorecard").out
    assert view.startswith("agent_scorecard: One row per agent") and "source: " in view
    [one] = json.loads(
        run_cli("metrics", "--database", warehouse_file, "call_funnel.connect_rate", "--json").out
    )
    assert one["name"] == "call_funnel" and [metric["name"] for metric in one["metrics"]] == ["connect_rate"]
    wrong = run_cli("metrics", "--database", warehouse_file, "conect_rate")
    assert wrong.status == 2 and "Did you mean connect_rate" in wrong.err
