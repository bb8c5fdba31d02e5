"""`doctor`: each finding with its remedy, and an exit status that says whose turn it is."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import settings_for
from unpod_sync.config import Settings
from unpod_sync.operations import Finding, Level, doctor_files, exit_status
from unpod_sync.operations.doctor_api import findings
from unpod_sync.operations.time_zone_check import call_offset
from unpod_sync.simulator import Simulator, World
from unpod_sync.warehouse.duckdb_file import DuckDBFile

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)


@pytest.fixture
def simulator(start_simulator: Callable[[World], Simulator], monkeypatch: pytest.MonkeyPatch) -> Simulator:
    running = start_simulator(World.generate(7, tasks=200, now=NOW))
    monkeypatch.setenv("UNPOD_BASE_URL", running.base_url)
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "sim-org")
    return running


def doctor(run_cli: Callable[..., Any], *arguments: object) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit status and findings by name, the worst of each name."""
    ran = run_cli("doctor", "--json", *arguments)
    assert "simulator-token-0" not in ran.out + ran.err
    document = json.loads(ran.out)
    assert document["exit_status"] == ran.status
    order = ["ok", "warn", "fail"]
    rows = sorted(document["findings"], key=lambda row: order.index(row["level"]))
    return ran.status, {row["name"]: row for row in rows}


def test_a_token_that_a_server_echoes_is_not_shown(
    run_cli: Callable[..., Any], simulator: Simulator, tmp_path: Path
) -> None:
    """It stands in the name of a space; `init` offers the same names."""
    simulator.world.add_space("Named simulator-token-0")
    status, found = doctor(run_cli, "--database", tmp_path / "data" / "unpod.duckdb")
    assert status == 0
    assert "space Named [redacted]" in found
    ran = run_cli("init", "--yes", "--file", tmp_path / "unpod-sync.toml")
    assert "simulator-token-0" not in ran.out + ran.err


@pytest.mark.usefixtures("simulator")
def test_all_is_well(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    status, found = doctor(run_cli, "--database", tmp_path / "data" / "unpod.duckdb")
    assert status == 0
    assert {row["level"] for row in found.values()} == {"ok"}
    assert found["space Growth Outreach"]["text"].endswith("runs")
    assert found["token"]["text"] == "from the environment variable UNPOD_API_TOKEN (not shown)"
    assert not list(tmp_path.iterdir()), "the doctor writes nothing"


def test_listings_for_logins_only_are_told_apart_from_a_refused_token(
    run_cli: Callable[..., Any], simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spaces that are configured decide; without any, a space's token is asked for."""
    simulator.behaviour = dataclasses.replace(
        simulator.behaviour, login_only=frozenset({"spaces", "organizations"})
    )
    status, found = doctor(run_cli)
    assert (status, found["spaces"]["remedy"]) == (78, "Set UNPOD_SPACES to the token of a space.")
    assert found["api"]["level"] == "ok"
    monkeypatch.setenv("UNPOD_SPACES", simulator.world.spaces[0]["token"])
    assert doctor(run_cli)[0] == 0
    monkeypatch.setenv("UNPOD_API_TOKEN", "another-token-of-nobody")
    assert doctor(run_cli)[0] == 77


def test_a_listed_space_of_others_is_a_warning(
    run_cli: Callable[..., Any], simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync leaves it out and is exit 0, so the doctor does not fail; it does when the space is configured."""
    foreign = simulator.world.add_space("Somebody else's")
    simulator.behaviour = dataclasses.replace(simulator.behaviour, foreign=frozenset({foreign}))
    status, found = doctor(run_cli)
    assert (status, found["space Somebody else's"]["level"]) == (0, "warn")
    monkeypatch.setenv("UNPOD_SPACES", foreign)
    assert doctor(run_cli)[0] == 1


@pytest.mark.usefixtures("simulator")
def test_a_refused_token_gives_77(run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", "another-token-of-nobody")
    status, found = doctor(run_cli)
    assert status == 77
    assert found["api"]["level"] == "fail"


def test_a_missing_token_gives_78(run_cli: Callable[..., Any]) -> None:
    status, found = doctor(run_cli, "--offline")
    assert status == 78
    assert "unpod-sync init" in found["token"]["remedy"]


@pytest.mark.usefixtures("simulator")
def test_a_missing_handle_is_found_and_proposed(
    run_cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNPOD_ORG_HANDLE")
    _, found = doctor(run_cli)
    assert found["organisation"]["remedy"] == "Set UNPOD_ORG_HANDLE=sim-org."


def test_a_configuration_that_others_can_read(
    run_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "unpod-sync.toml"
    path.write_text('api_token = "secret-token-in-file"\n')
    path.chmod(0o644)
    ran = run_cli("doctor", "--offline")
    assert ran.status == 0
    assert "warn  file: unpod-sync.toml can be read by other accounts (mode 0644)" in ran.out
    assert "fix: chmod 600 unpod-sync.toml" in ran.out
    assert "secret-token-in-file" not in ran.out + ran.err


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_folders_and_files_that_others_could_replace(tmp_path: Path) -> None:
    """A folder that every account can write in, a database with a second name, a work file that is a link."""
    settings = Settings(database=tmp_path / "x.duckdb")

    def told() -> str:
        found = doctor_files.findings(DuckDBFile(settings.database), NOW.replace(tzinfo=None))
        return "\n".join(f"{f.level.name} {f.text} {f.remedy}" for f in found if f.level is not Level.OK)

    tmp_path.chmod(0o700)
    assert "every account" not in told() and "link" not in told()
    tmp_path.chmod(0o777)
    assert "WARN every account" in told() and f"chmod o-w {tmp_path}" in told()
    settings.database.write_bytes(b"")
    (tmp_path / "y.duckdb").hardlink_to(settings.database)
    assert "further names (hard links)" in told()
    (tmp_path / ".x.duckdb.work").symlink_to(tmp_path / "elsewhere")
    assert ".x.duckdb.work is a link" in told() and "FAIL" in told()


def test_a_clock_that_is_wrong(simulator: Simulator, tmp_path: Path) -> None:
    settings = settings_for(simulator, tmp_path / "x.duckdb")
    clock = next(
        finding
        for finding in findings(settings, NOW.replace(year=2100, tzinfo=None))
        if finding.name == "clock"
    )
    assert clock.level is Level.WARN
    assert "ahead of the server's" in clock.text


def test_the_worst_finding_decides() -> None:
    def finding(level: Level, status: int) -> Finding:
        return Finding(level, "x", "y", exit_status=status)

    assert exit_status([finding(Level.WARN, 1)]) == 0
    assert exit_status([finding(Level.FAIL, 1), finding(Level.FAIL, 77)]) == 77
    assert exit_status([finding(Level.FAIL, 77), finding(Level.FAIL, 78)]) == 78


def tasks(
    start: timedelta, end: timedelta, *, number: int = 20, spread: timedelta = timedelta(minutes=7)
) -> list[dict[str, Any]]:
    """Calls of 60 s whose times are shifted by `start` and `end`."""
    rows = []
    for index in range(number):
        created = NOW + index * timedelta(hours=1)
        began = created + timedelta(seconds=20) + index * spread
        output = {
            "start_time": (began + start).strftime("%Y-%m-%d %H:%M:%S"),
            "end_time": (began + end + timedelta(seconds=60)).strftime("%Y-%m-%d %H:%M:%S"),
            "duration": 60,
        }
        rows.append({"created": created.strftime("%Y-%m-%dT%H:%M:%S"), "output": output})
    return rows


NONE, KOLKATA, DENVER = timedelta(), timedelta(hours=5, minutes=30), timedelta(hours=-7)


def test_calls_in_utc_show_no_offset() -> None:
    assert call_offset(tasks(NONE, NONE)) is None
    assert call_offset([]) is None
    assert call_offset([{"output": "text"}, {"output": {"start_time": "never", "duration": {}}}]) is None


def test_start_and_end_in_different_zones() -> None:
    found = call_offset(tasks(KOLKATA, NONE))
    assert found is not None
    assert (found.minutes, found.calls) == (-330, 20)


def test_calls_before_their_task_exists() -> None:
    found = call_offset(tasks(DENVER, DENVER, spread=timedelta(seconds=5)))
    assert found is not None
    assert found.minutes == -420


def test_calls_dialed_at_once_yet_hours_later() -> None:
    found = call_offset(tasks(KOLKATA, KOLKATA, spread=timedelta(seconds=5)))
    assert found is not None
    assert found.minutes == 330


def test_a_few_odd_calls_prove_nothing() -> None:
    assert call_offset([*tasks(NONE, NONE), *tasks(KOLKATA, NONE, number=6)]) is None
