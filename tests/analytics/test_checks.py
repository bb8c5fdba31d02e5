"""`check`: claims that hold or do not, counts that differ and why."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import settings_for
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import sync
from unpod_sync.warehouse.schema import sql_files

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)


@pytest.fixture
def simulator(
    start_simulator: Callable[[World], Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Simulator:
    running = start_simulator(World.generate(7, tasks=200, now=NOW))
    assert sync(settings_for(running, tmp_path / "x.duckdb")).exit_status == 0
    for name, value in {
        "BASE_URL": running.base_url,
        "API_TOKEN": "simulator-token-0",
        "ORG_HANDLE": "sim-org",
        "DATABASE": str(tmp_path / "x.duckdb"),
    }.items():
        monkeypatch.setenv(f"UNPOD_{name}", value)
    return running


def checked(run_cli: Callable[..., Any], *arguments: str) -> tuple[int, dict[str, Any]]:
    ran = run_cli("check", "--json", *arguments)
    return ran.status, json.loads(ran.out)


@pytest.mark.usefixtures("simulator")
def test_a_fresh_sync_holds_and_agrees(run_cli: Callable[..., Any]) -> None:
    status, document = checked(run_cli)
    assert status == document["exit_status"] == 0
    assert len(document["claims"]) == len(sql_files("checks"))
    assert not any(claim["violations"] for claim in document["claims"])
    assert {item["explanation"] for item in document["lists"]} == {"equal"}
    assert [group["explanation"] for group in document["executions"]] == ["equal"]


def test_a_list_that_has_moved_is_explained(run_cli: Callable[..., Any], simulator: Simulator) -> None:
    simulator.world.advance(timedelta(hours=30))
    status, document = checked(run_cli)
    assert status == 0
    moved = [item for item in document["lists"] if item["difference"]]
    assert moved
    assert all("the list has moved" in item["explanation"] for item in moved)


def test_a_list_that_counts_too_much_is_explained_after_a_whole_reading(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path
) -> None:
    simulator.behaviour = dataclasses.replace(simulator.behaviour, count_offset=3)
    sync(settings_for(simulator, tmp_path / "x.duckdb"))
    # The bookmark changed, the content did not: publish it, as the next change would.
    shutil.copy(tmp_path / ".x.duckdb.work", tmp_path / "x.duckdb")
    status, document = checked(run_cli)
    tasks = [item for item in document["lists"] if item["resource"].endswith("/tasks")]
    assert status == 0
    assert {(item["difference"], item["explanation"]) for item in tasks} == {
        (3, "3 counted by the list, but not found by a whole reading")
    }


def test_a_task_lost_here_is_a_difference_nobody_explains(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        first = "(select min(id) from raw.payloads where kind = 'task')"
        connection.execute("delete from main.executions")
        for table in ("main.tasks", "main.task_versions", "main.transcript_messages"):
            connection.execute(f"delete from {table} where task_id = {first}")
        connection.execute(f"delete from raw.payloads where kind = 'execution' or id = {first}")
    status, document = checked(run_cli)
    assert status == 3
    lost = [item for item in document["lists"] if not item["is_explained"]]
    assert any(item["difference"] == 1 and item["resource"].endswith("/tasks") for item in lost)
    assert "sync --full" in lost[0]["explanation"]


def test_a_violated_claim_is_named_with_a_row(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path
) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.execute("insert into main.spaces by name select * from main.spaces limit 1")
    ran = run_cli("check", "--offline")
    assert ran.status == 1
    assert "fail  spaces_are_unique" in ran.out
    assert "spaces_are_unique" in ran.err


@pytest.mark.usefixtures("simulator")
def test_a_refused_token_ends_it(run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", "wrong-token-of-nobody")
    assert run_cli("check").status == 77
    assert run_cli("check", "--offline").status == 0


def test_a_server_with_listings_for_logins_only_holds_and_agrees(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No listing, no executions: what the sync takes for no failure is none here."""
    simulator.behaviour = dataclasses.replace(
        simulator.behaviour,
        login_only=frozenset({"spaces", "agents"}),
        missing_routes=frozenset({"executions"}),
    )
    spaces = tuple(space["token"] for space in simulator.world.spaces)
    database = tmp_path / "other.duckdb"
    assert sync(settings_for(simulator, database, spaces=spaces)).exit_status == 0
    monkeypatch.setenv("UNPOD_DATABASE", str(database))
    status, document = checked(run_cli)
    assert [claim for claim in document["claims"] if claim["violations"]] == []
    assert status == 0


@pytest.mark.usefixtures("simulator")
def test_a_server_that_is_down_is_one_error(
    run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNPOD_BASE_URL", "http://127.0.0.1:1")
    ran = run_cli("check")
    assert ran.status == 1
    assert ran.err.count("error:") == 1
