"""The main job, end to end over real HTTP: complete, repeatable, undisturbed by readers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.world import bench_world
from tests.conftest import NOW, settings_for
from unpod_sync.errors import AccessError, WarehouseError
from unpod_sync.simulator import Fault, Simulator, World
from unpod_sync.sync.pipeline import Options, spelled, sync
from unpod_sync.sync.result import LoadResult

VARIANTS = json.loads((Path(__file__).parent.parent / "variants.json").read_text(encoding="utf-8"))


def make_world(calls: int) -> World:
    """Calls and the 48 variants in one space; two of those rows are copies of one task."""
    world = bench_world(3, tasks=calls, spaces=1, now=NOW)
    world.load_variants(token(world), VARIANTS)
    return world


@pytest.fixture
def world() -> World:
    return make_world(202)


def token(world: World) -> str:
    return str(world.spaces[0]["token"])


def ids(world: World) -> set[str]:
    return {str(task.get("task_id") or task.get("_id")) for task in world.tasks(token(world))}


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def stored(database: Path) -> set[str]:
    return {str(row[0]) for row in rows(database, "select task_id from tasks where deleted_at is null")}


def capped(world: World, **options: object) -> Simulator:
    """A server that gives 20 rows a page, and never more than 30."""
    return Simulator(world, default_page_size=20, max_page_size=30, **options)  # type: ignore[arg-type]


def synced(simulator: Simulator, database: Path, **options: bool) -> LoadResult:
    return sync(settings_for(simulator, database), Options(**options))


def test_every_task_and_message_arrives_and_a_second_sync_changes_nothing(tmp_path: Path) -> None:
    """1,337 rows served 20 to 30 a page, all variants among them; then nothing is written or published."""
    world = make_world(1_289)
    database = tmp_path / "unpod.duckdb"
    with capped(world) as simulator:
        first = synced(simulator, database)
        published = database.stat()
        before = rows(
            database, "select count(*), (select count(*) from transcript_messages) from task_versions"
        )
        second = synced(simulator, database)
    assert (first.exit_status, second.exit_status) == (0, 0)
    assert stored(database) == ids(world)
    assert second.rows_changed == 0
    assert not second.published
    assert database.stat().st_ino == published.st_ino
    assert database.stat().st_mtime_ns == published.st_mtime_ns
    assert (
        rows(database, "select count(*), (select count(*) from transcript_messages) from task_versions")
        == before
    )
    assert before[0][1] > 1_289 * 20


def test_of_two_copies_the_finished_one_stays(world: World, tmp_path: Path) -> None:
    """One task stands twice in the list, running and completed, with the same `modified`."""
    twice = VARIANTS["tasks"][11]["task"]["task_id"]
    with capped(world) as simulator:
        for _ in range(2):
            synced(simulator, tmp_path / "unpod.duckdb")
    found = rows(tmp_path / "unpod.duckdb", f"select status from tasks where task_id = '{twice}'")
    versions = rows(tmp_path / "unpod.duckdb", f"select status from task_versions where task_id = '{twice}'")
    assert found == [("completed",)]
    assert sorted(versions) == [("completed",), ("in_progress",)]


def test_payloads_are_kept_as_received_less_secrets(world: World, tmp_path: Path) -> None:
    with capped(world) as simulator:
        synced(simulator, tmp_path / "unpod.duckdb")
    kept = dict(
        rows(tmp_path / "unpod.duckdb", "select id, payload_json from raw.payloads where kind = 'task'")
    )
    for task in world.tasks(token(world))[:200]:
        key = task.get("task_id") or task["_id"]
        if key == VARIANTS["tasks"][11]["task"]["task_id"]:
            continue
        expected = json.loads(json.dumps(task))
        expected.get("user_info", {}).pop("user_token", None)
        expected.get("user_info", {}).pop("location", None)
        expected.get("input", {}).pop("token", None)
        assert json.loads(str(kept[key])) == expected


@pytest.mark.parametrize(
    "lies",
    [
        {"ignore_page": frozenset({"tasks", "runs", "executions"})},
        {"count_offset": 5},
        {"count_offset": -5},
        {"faults": [Fault("short_page", match="tasks", times=3, amount=4)]},
        {"faults": [Fault("duplicate_rows", match="tasks", amount=2)]},
        {"faults": [Fault("missing_count")]},
    ],
    ids=["ignores page", "count too high", "count too low", "short pages", "twins on a page", "no count"],
)
def test_a_list_that_lies_about_itself_ends_and_loses_nothing(
    world: World, tmp_path: Path, lies: dict[str, object]
) -> None:
    with capped(world, **lies) as simulator:
        first = synced(simulator, tmp_path / "unpod.duckdb")
        second = synced(simulator, tmp_path / "unpod.duckdb")
    assert first.exit_status == 0
    assert stored(tmp_path / "unpod.duckdb") == ids(world)
    assert second.rows_changed == 0


def test_silent_edits_deletions_and_returns_are_seen(world: World, tmp_path: Path) -> None:
    database = tmp_path / "unpod.duckdb"
    edited, *deleted = world.task_ids(token(world))[100:103]
    with capped(world) as simulator:
        synced(simulator, database)
        world.edit_task(edited, {"output.call_end_reason": "found out later"})
        gone = [world.delete_task(task_id) for task_id in deleted]
        result = synced(simulator, database)
        assert result.tasks_deleted == 2
        assert rows(database, f"select call_end_reason from tasks where task_id = '{edited}'") == [
            ("found out later",)
        ]
        assert stored(database) == ids(world)
        world.restore_task(gone[0])
        synced(simulator, database)
    assert stored(database) == ids(world)
    assert rows(database, f"select count(*) from task_versions where task_id = '{edited}'") == [(2,)]


def test_an_account_without_spaces_is_asked_twice_and_an_error(tmp_path: Path) -> None:
    """One empty answer would pass for an empty account; a sync that can read nothing has failed."""
    with Simulator(World(seed=1)) as running:
        with pytest.raises(AccessError, match="lists no space for this token and organisation") as caught:
            synced(running, tmp_path / "unpod.duckdb")
        asked = [request for request in running.requests if request.path.endswith("/spaces/")]
    assert (caught.value.exit_status, bool(caught.value.hint)) == (1, True)
    assert len(asked) == 2


def test_a_task_that_says_another_creation_is_the_same_task(world: World, tmp_path: Path) -> None:
    """Stored rows are looked for by creation first: so are those that have another one now, or none."""
    database = tmp_path / "unpod.duckdb"
    tasks = world.task_ids(token(world))[50:53]
    with capped(world) as simulator:
        synced(simulator, database)
        for task_id, created in zip(tasks, ("2026-01-05T10:00:00Z", None, "some time"), strict=True):
            world.edit_task(task_id, {"created": created})
        assert synced(simulator, database).tasks_changed == 3
        assert synced(simulator, database).rows_changed == 0
        for task_id in tasks:
            world.edit_task(task_id, {"created": "2026-01-04T10:00:00Z"})
        assert synced(simulator, database).tasks_changed == 3
    assert stored(database) == ids(world)
    assert rows(database, "select count(*), count(distinct task_id) from tasks") == [(len(ids(world)),) * 2]
    listed = ", ".join(f"'{task_id}'" for task_id in tasks)
    versions = f"select count(*) from task_versions where task_id in ({listed}) group by task_id"
    assert rows(database, versions) == [(3,)] * 3


def test_too_little_memory_for_duckdb_is_said_and_loses_nothing(tmp_path: Path) -> None:
    """Deleting all over a long history takes memory for each row group: the error names the setting to raise."""
    database = tmp_path / "unpod.duckdb"
    world = bench_world(3, tasks=300, spaces=1, now=NOW)
    with Simulator(world) as running:
        sync(settings_for(running, database))
        for task_id in world.task_ids(token(world)):
            world.edit_task(task_id, {"output.call_id": "edited"})
        with pytest.raises(WarehouseError, match=r"memory_limit \(3MB\)") as raised:
            sync(settings_for(running, database, memory_limit="3MB"))
        assert "UNPOD_MEMORY_LIMIT" in raised.value.hint
        assert sync(settings_for(running, database)).status == "done"
    assert stored(database) == ids(world)
    assert rows(database, "select distinct call_id from tasks") == [("edited",)]


def test_a_reader_that_holds_the_file_disturbs_nobody(world: World, tmp_path: Path) -> None:
    database = tmp_path / "unpod.duckdb"
    with capped(world) as simulator:
        synced(simulator, database)
        with duckdb.connect(str(database), read_only=True) as reader:
            count = reader.execute("select count(*) from tasks").fetchone()
            world.add_task(token(world))
            assert synced(simulator, database).published
            assert reader.execute("select count(*) from tasks").fetchone() == count
    assert len(stored(database)) == len(ids(world))


def test_a_dry_run_says_what_would_be_read_and_writes_nothing(world: World, tmp_path: Path) -> None:
    with capped(world) as simulator:
        result = synced(simulator, tmp_path / "unpod.duckdb", dry_run=True)
        assert result.plans[f"spaces/{token(world)}/tasks"]["new"] in (9, 10)
    assert not (tmp_path / "unpod.duckdb").exists()
    assert not (tmp_path / ".unpod.duckdb.work").exists()


def test_another_time_zone_is_applied_to_everything(world: World, tmp_path: Path) -> None:
    database = tmp_path / "unpod.duckdb"
    sql = "select created_at, created_local_date from tasks where created_at is not null"
    with capped(world) as simulator:
        synced(simulator, database)
        result = sync(settings_for(simulator, database, timezone="Pacific/Kiritimati"))
    assert "all rows were computed again: the time zone UTC became Pacific/Kiritimati" in result.notes
    for created_at, local_date in rows(database, sql):
        assert local_date == (created_at + timedelta(hours=14)).date()  # type: ignore[operator]


def test_the_world_moves_on_and_the_next_sync_follows(
    tmp_path: Path, start_simulator: Callable[[World], Simulator]
) -> None:
    world = World.generate(5, tasks=300, now=NOW)
    simulator = start_simulator(world)
    synced(simulator, tmp_path / "unpod.duckdb")
    world.advance(timedelta(hours=30))
    synced(simulator, tmp_path / "unpod.duckdb")
    expected = {
        task["task_id"]: task["status"] for space in world.spaces for task in world.tasks(space["token"])
    }
    assert dict(rows(tmp_path / "unpod.duckdb", "select task_id, status from tasks")) == expected


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0, "1 minute"), (0.1, "6 minutes"), (1, "60 minutes"), (1.5, "2 hours"), (49, "3 days")],
)
def test_a_span_of_time_is_spelled(hours: float, text: str) -> None:
    assert spelled(timedelta(hours=hours)) == text
