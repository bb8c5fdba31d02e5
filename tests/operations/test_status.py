"""`status`: what a person and a monitor read, while a sync runs or without any."""
# ruff: noqa: DTZ001  # stored times are naive UTC

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import NOW, settings_for
from unpod_sync.cli.dates import read_age
from unpod_sync.config import Settings
from unpod_sync.formatting import format_bytes, format_duration, plural
from unpod_sync.operations.status import age_of, read_status
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import sync
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.schema_drift import DriftNotice, _presentable

KEYS = {
    "database", "checked_at", "source", "last_success_at", "age_seconds", "last_sync", "running",
    "requests_today", "rows", "spaces", "lists_failing", "loads", "notices", "files",
}  # fmt: skip
SPACE_KEYS = {
    "space_token", "space_name", "last_synced_at", "newest_task_at", "tasks", "api_count", "unread_tasks",
    "sweep_remaining", "sweep_completed_at", "last_error", "age_seconds",
}  # fmt: skip


@pytest.fixture
def synced(tmp_path: Path) -> Path:
    path = tmp_path / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=60, now=NOW)) as simulator:
        assert sync(settings_for(simulator, path), now=lambda: NOW.replace(tzinfo=None)).exit_status == 0
    return path


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), ("1.5h", 5400)]
)
def test_ages_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert read_age(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-1h", "2y", "1h-"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an age"):
        read_age(text)


def test_a_warehouse_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    status = read_status(Settings(database=tmp_path / "none.duckdb"), datetime(2026, 3, 12))
    assert asdict(status).keys() == KEYS
    assert (status.source, status.last_success_at, status.rows) == ("none", None, {})
    assert "no sync" in status.staleness(timedelta(days=1))


def test_the_keys_are_stable_and_the_counts_right(synced: Path) -> None:
    status = read_status(Settings(database=synced, requests_per_day=500), NOW.replace(tzinfo=None))
    assert asdict(status).keys() == KEYS
    assert status.source == "state"
    assert status.rows["tasks"] == 60
    assert sum(space["tasks"] for space in status.spaces) == 60
    assert all(space.keys() == SPACE_KEYS for space in status.spaces)
    assert status.requests_today["budget"] == 500
    assert status.requests_today["requests"] == status.loads[0]["requests"]
    assert status.loads[0]["status"] == status.last_sync["status"] == "done"
    assert status.files["published"]["bytes"] == synced.stat().st_size
    json.dumps(asdict(status))


def test_without_a_state_file_the_published_one_tells(synced: Path) -> None:
    Files(synced).state.unlink()
    status = read_status(Settings(database=synced), NOW.replace(tzinfo=None))
    assert status.source == "published"
    assert status.rows["tasks"] == 60
    assert status.age_seconds is not None


def test_freshness_follows_syncs_that_publish_nothing(tmp_path: Path) -> None:
    """The published file stays as it is when nothing changed, and yet the data is fresh.

    A file of 6 hours ago is published again, so that its own freshness stays near that of the syncs.
    """
    path = tmp_path / "unpod.duckdb"
    published = []
    with Simulator(World.generate(7, tasks=30, now=NOW)) as simulator:
        for hour in (12, 17, 18, 19, 23):
            result = sync(settings_for(simulator, path), now=lambda hour=hour: datetime(2026, 3, 12, hour))
            published.append(result.published)
            status = read_status(Settings(database=path), datetime(2026, 3, 12, hour, 30))
            assert status.age_seconds == 1800
            with duckdb.connect(str(path), read_only=True) as connection:
                found = connection.execute("select max(last_synced_at) from sync_freshness").fetchone()
            assert found[0] == datetime(2026, 3, 12, 12 if hour < 18 else 18)
    assert published == [True, False, True, False, False]


def test_max_age_is_for_monitors(run_cli: Callable[..., Any], synced: Path) -> None:
    assert run_cli("status", "--database", synced, "--max-age", "36500d").status == 0
    shutil.copy(Files(synced).state, synced.parent / "kept")
    state = json.loads(Files(synced).state.read_text())
    state["last_done_at"] = "2020-01-01T00:00:00"
    Files(synced).state.write_text(json.dumps(state))
    ran = run_cli("status", "--quiet", "--database", synced, "--max-age", "1h")
    assert ran.status == 1
    assert ran.out == ""
    assert "the last successful sync was" in ran.err
    state["last_done_at"] = "2999-01-01T00:00:00"
    Files(synced).state.write_text(json.dumps(state))
    ran = run_cli("status", "--database", synced, "--max-age", "1h")
    assert ran.status == 1
    assert "a clock was wrong" in ran.err and "ahead" in ran.out
    assert run_cli("status", "--database", synced, "--max-age", "soon").status == 2


def test_a_failed_sync_is_told_without_hiding_the_last_good_one(
    run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=30, now=NOW)) as simulator:
        sync(settings_for(simulator, path))
        sync(settings_for(simulator, path, spaces="nope"))
    ran = run_cli("status", "--database", path)
    assert "last complete sync" in ran.out
    assert "failed" in ran.out or "partial" in ran.out


def test_a_space_never_read_has_everything_still_to_read(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    """The budget ends before the first page of its tasks."""
    path = tmp_path / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=30, now=NOW)) as simulator:
        sync(settings_for(simulator, path, max_requests=2, workers=1))
    rows = run_cli("status", "--database", path).out.splitlines()
    assert [row.split()[-1] for row in rows if " never " in row] == ["everything"] * 2


def test_new_words_and_fields_are_told_once(tmp_path: Path) -> None:
    world = World.generate(7, tasks=30, now=NOW)
    path = tmp_path / "unpod.duckdb"
    with Simulator(world) as simulator:
        settings = settings_for(simulator, path)
        assert sync(settings).notes == ()
        world.add_task(world.spaces[0]["token"], {"status": "Zombie Mode", "aura": 1})
        notes = sync(settings).notes
        assert "the API shows a new field in tasks: aura (1 row); raw.payloads keeps it" in notes
        assert (
            "the API shows a new word in tasks.status: zombie_mode (1 row); see the view data_quality"
            in notes
        )
        world.add_task(world.spaces[0]["token"], {"status": "Zombie Mode", "aura": 2})
        assert sync(settings).notes == ()
    notices = read_status(settings, NOW.replace(tzinfo=None)).notices
    assert len(notices) == 2


def test_free_text_is_no_word_to_show() -> None:
    assert _presentable("Call +91 98765 43210") == "(not shown)"
    assert _presentable("on_hold") == "on_hold"
    assert DriftNotice("run", "colour", 2, "").text.startswith(
        "the API shows a new field in runs: colour (2 rows)"
    )


def test_times_and_sizes_for_people() -> None:
    assert [format_duration(s) for s in (1, 59, 60, 7300, 90_000)] == [
        "1 second",
        "59 seconds",
        "1 minute",
        "2 hours",
        "1 day",
    ]
    assert [format_bytes(n) for n in (512, 2048, 10_000_000, 3_400_000_000)] == [
        "512 B",
        "2.0 kB",
        "10 MB",
        "3.4 GB",
    ]
    assert [plural(n, "space") for n in (0, 1, 1234)] == ["0 spaces", "1 space", "1,234 spaces"]
    assert age_of(None, datetime(2026, 3, 12)) is None


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "running.md").read_text()
    assert [key for key in sorted(KEYS | SPACE_KEYS) if f"`{key}`" not in page] == []
