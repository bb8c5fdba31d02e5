"""`forget`: gone from every byte of every file, never to return, and nothing else disturbed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import NOW, Ran, settings_for
from unpod_sync.config import Settings
from unpod_sync.privacy import keyfile as keys
from unpod_sync.privacy.ingest_filter import NOT_KEPT
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync.pipeline import Options, sync
from unpod_sync.sync.result import LoadResult
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.schema import sql_files

Run = Callable[..., Ran]
NUMBER, EMAIL, NAME = "+919988776655", "zebulon.q@example.net", "Zebulon Quartermain"
SAID = "I keep seventeen ferrets in the bathtub"
SPELLINGS = (
    "+919988776655", "919988776655", "9988776655", "99887 76655", "+91 99887 76655", "09988776655",
    "99887-76655", EMAIL, NAME, "Quartermain", "seventeen ferrets",
)  # fmt: skip


def task_of(contact: dict[str, Any], said: str = SAID, summary: str = SAID) -> dict[str, Any]:
    """A finished call with this input."""
    return {
        "input": contact,
        "status": "completed",
        "output": {
            "call_id": "call-z",
            "duration": 40,
            "transcript": [
                {"role": "assistant", "content": "Good morning.", "timestamp": "2026-03-01 10:00:01"},
                {"role": "user", "content": said, "timestamp": "2026-03-01 10:00:09"},
            ],
            "post_call_data": {"summary": {"status": "Interested", "summary": f"{summary}, they said."}},
        },
    }


CALLS = (
    {"name": NAME, "contact_number": NUMBER, "email": EMAIL},
    {"name": NAME, "contact_number": 919988776655},
    {"name": NAME, "phone": "09988776655"},
    {"name": NAME, "contact_number": "+12025550199", "alternate": {"mobile": "+91 99887 76655"}},
    {"name": NAME, "contact_number": "+12025550199", "notes": "else on 99887-76655 or so"},
)


@dataclass
class Scene:
    """A synced world with the contact in it."""

    world: World
    settings: Settings
    space: str

    @property
    def folder(self) -> Path:
        return self.settings.database.parent

    def sync(self, *, full: bool = False) -> LoadResult:
        return sync(self.settings, Options(full=full))

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def world_with_the_contact() -> World:
    """The same one every time."""
    world = World.generate(11, tasks=130, spaces=1, now=NOW, days=20)
    for contact in CALLS:
        world.add_task(world.spaces[0]["token"], task_of(contact))
    return world


@pytest.fixture(scope="module")
def synced_folder(tmp_path_factory: pytest.TempPathFactory, plainly_stored: None) -> Path:
    """What a first sync of that world leaves; to be copied."""
    folder = tmp_path_factory.mktemp("synced")
    with Simulator(world_with_the_contact()) as running:
        assert sync(settings_for(running, folder / "unpod.duckdb", page_size=20)).exit_status == 0
    return folder


@pytest.fixture
def scene(
    tmp_path: Path,
    synced_folder: Path,
    start_simulator: Callable[[World], Simulator],
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    world = world_with_the_contact()
    shutil.copytree(synced_folder, tmp_path, dirs_exist_ok=True)
    settings = settings_for(start_simulator(world), tmp_path / "unpod.duckdb", page_size=20)
    monkeypatch.setenv("UNPOD_DATABASE", str(settings.database))
    return Scene(world, settings, world.spaces[0]["token"])


def found_bytes(folder: Path) -> list[tuple[str, str]]:
    """Every file of the folder that holds any trace of the contact."""
    return [
        (path.name, spelling)
        for path in folder.rglob("*")
        if path.is_file()
        for spelling in SPELLINGS
        if spelling.encode() in (content := path.read_bytes()) or spelling.encode("utf-16-le") in content
    ]


def found_rows(path: Path) -> list[str]:
    """Every table of a database file that shows the contact, compressed or not."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        return [
            name
            for (name,) in tables
            for (text,) in connection.execute(f"select t::varchar from {name} as t").fetchall()
            if any(spelling in text for spelling in SPELLINGS)
        ]


def dead_space(path: Path) -> tuple[int, int]:
    """Free blocks, and slots of deleted payloads: where erased rows would still lie."""
    with duckdb.connect(str(path), read_only=True) as connection:
        [(free,)] = connection.execute("select free_blocks from pragma_database_size()").fetchall()
        [(dead,)] = connection.execute(
            "select coalesce(max(rowid) + 1, 0) - count(*) from raw.payloads"
        ).fetchall()
    return free, dead


def assert_gone(scene: Scene, *, just_now: bool = False) -> None:
    """No file shows the contact; just after `forget` none has room in which they might still lie."""
    files = Files(scene.settings.database)
    assert found_bytes(scene.folder) == []
    for path in (files.published, files.work):
        assert found_rows(path) == []
        assert not just_now or dead_space(path) == (0, 0)


def test_every_byte_goes(scene: Scene, run_cli: Run) -> None:
    """Rows, history, payloads, messages and bytes of all their tasks, whatever the spelling."""
    assert {name for name, _ in found_bytes(scene.folder)} >= {"unpod.duckdb", ".unpod.duckdb.work"}
    assert set(found_rows(scene.settings.database)) >= {"main.tasks", "raw.payloads", "main.task_versions"}
    before = scene.settings.database.stat().st_ino
    ran = run_cli("forget", "099887 76655", "--yes", "--json")
    assert ran.status == 0, ran.err
    erased = json.loads(ran.out)["erased"]
    assert erased["tasks"] == len(CALLS) and erased["transcript_messages"] == 2 * len(CALLS)
    assert scene.settings.database.stat().st_ino != before
    assert_gone(scene, just_now=True)
    assert scene.ask("select count(*) from tasks") == [(130,)]
    with duckdb.connect(str(scene.settings.database), read_only=True) as connection:
        for path in sql_files("checks"):
            assert connection.execute(path.read_text()).fetchall() == [], path.stem


def test_they_do_not_return(scene: Scene, run_cli: Run) -> None:
    """Later syncs refuse them, ask for no page more, change and publish nothing."""
    idle = scene.sync()
    assert run_cli("forget", NUMBER, "--yes").status == 0
    published = scene.settings.database.read_bytes()
    for full in (False, True, False, True):
        result = scene.sync(full=full)
        assert (result.exit_status, result.tasks_changed, result.tasks_deleted) == (0, 0, 0)
        assert not result.published and not result.notes and not result.failures
        assert result.requests == idle.requests
    assert scene.settings.database.read_bytes() == published
    assert_gone(scene)


def test_neither_do_new_calls_and_silent_edits(scene: Scene, run_cli: Run) -> None:
    """A new task of theirs, one whose contact is edited to be theirs, one seen in a run's own list."""
    assert run_cli("forget", NUMBER, "--yes").status == 0
    theirs = [t["task_id"] for t in scene.world.tasks(scene.space) if t["input"].get("name") == NAME]
    scene.world.edit_task(theirs[0], {"output.post_call_data.summary.summary": f"{NAME} called back: {SAID}"})
    scene.world.edit_task(theirs[1], {"input": {"name": NAME}})
    scene.world.add_task(scene.space, task_of({"name": NAME, "contact_number": "99887 76655"}))
    scene.world.add_task(scene.space, {"input": {"name": NAME, "mobile": NUMBER}, "status": "in_progress"})
    other = scene.world.tasks(scene.space)[-1]["task_id"]
    scene.world.edit_task(other, {"input.contact_number": NUMBER, "input.name": NAME})
    for full in (True, False, True):
        result = scene.sync(full=full)
        assert result.exit_status == 0 and not result.failures
        assert not [note for note in result.notes if "fewer" in note]
    assert_gone(scene)
    assert scene.ask("select count(*) from tasks") == [(129,)]
    assert not scene.sync(full=True).published


def test_deleted_and_restored_at_the_server(scene: Scene, run_cli: Run) -> None:
    """A refused task that the API lists no more is counted no more; a real gap is still noticed."""
    assert run_cli("forget", NUMBER, "--yes").status == 0
    theirs = [t for t in scene.world.tasks(scene.space) if t["input"].get("name") == NAME]
    scene.world.delete_task(theirs[0]["task_id"])
    result = scene.sync(full=True)
    assert result.exit_status == 0 and result.tasks_deleted == 0
    assert scene.ask("select count(*) from meta.forgotten where kind = 'task'") == [(4,)]
    scene.world.restore_task(theirs[0])
    other = task_of({"name": "Somebody", "contact_number": "+12025550177"}, "Hello", "Fine")
    new = scene.world.add_task(scene.space, other)
    result = scene.sync()
    assert result.exit_status == 0 and not result.failures
    assert scene.ask(f"select count(*) from tasks where task_id = '{new}'") == [(1,)]
    assert scene.ask("select count(*) from meta.forgotten where kind = 'task'") == [(5,)]
    assert_gone(scene)


def test_found_by_email_and_by_task(scene: Scene, run_cli: Run) -> None:
    """An address in any case; a task_id means its contact, and other calls of theirs are named."""
    ran = run_cli("forget", EMAIL.upper(), "--yes")
    assert ran.status == 0 and "1 call or other task\n" in ran.err and "2 other tasks" in ran.err
    task = next(t["task_id"] for t in scene.world.tasks(scene.space) if t["input"].get("phone"))
    assert run_cli("forget", task, "--yes").status == 0
    assert scene.ask("select count(*) from tasks") == [(130,)]
    assert scene.sync(full=True).tasks_changed == 0
    assert_gone(scene)


def test_a_contact_without_number_is_known_by_the_task(scene: Scene, run_cli: Run) -> None:
    task = scene.world.add_task(scene.space, task_of({"name": "Nobody Known"}, "only this once"))
    scene.sync()
    assert run_cli("forget", task, "--yes").status == 0
    assert scene.sync(full=True).tasks_changed == 0
    assert scene.ask("select count(*) from tasks where contact_name = 'Nobody Known'") == [(0,)]


def test_nobody_matches(scene: Scene, run_cli: Run) -> None:
    """1, said so, and no file of the warehouse touched; what is no contact at all is a usage error."""
    before = scene.settings.database.stat().st_ino
    ran = run_cli("forget", "+44 20 7946 0000", "--yes")
    assert ran.status == 1 and "nobody matches" in ran.err
    assert run_cli("forget", "hello there", "--yes").status == 2
    assert scene.settings.database.stat().st_ino == before


def test_it_asks_first(scene: Scene, run_cli: Run) -> None:
    """Counts, never the transcript; no answer and no are no."""
    ran = run_cli("forget", NUMBER, stdin="n\n")
    assert ran.status == 1 and "5 calls" in ran.err and "ferrets" not in ran.err + ran.out
    assert run_cli("forget", NUMBER).status == 2
    assert found_rows(scene.settings.database)
    assert run_cli("forget", NUMBER, stdin="y\n").status == 0
    assert_gone(scene)
    again = run_cli("forget", NUMBER, "--yes")
    assert again.status == 0 and "already forgotten" in again.err


def test_not_while_a_sync_runs(scene: Scene, run_cli: Run) -> None:
    with DuckDBFile(scene.settings.database).lock(now=NOW):
        assert run_cli("forget", NUMBER, "--yes").status == 75


def test_the_published_list_tells_nothing(scene: Scene, run_cli: Run) -> None:
    """Only hashes whose key is in no database; the private file is for its owner alone."""
    run_cli("forget", NUMBER, "--yes")
    key = keys.read(DuckDBFile(scene.settings.database))
    assert key is not None and key.path.stat().st_mode & 0o777 == 0o600
    for path in (scene.settings.database, Files(scene.settings.database).work):
        assert key.key not in path.read_bytes() and key.key.hex().encode() not in path.read_bytes()
    ran = run_cli("forget", "--list", "--json")
    [entry] = json.loads(ran.out)
    assert entry["kind"] == "number" and entry["tasks_refused"] == 5


def test_files_set_aside_are_named(scene: Scene, run_cli: Run) -> None:
    """A damaged work file moved aside may hold them: nobody but the user can know what it is for."""
    aside = scene.folder / ".unpod.duckdb.work.corrupt-1"
    aside.write_bytes(b"whatever")
    (scene.folder / ".unpod-old").mkdir()
    shutil.copy(scene.settings.database, scene.folder / ".unpod-old" / ".unpod.duckdb.work")
    ran = run_cli("forget", NUMBER, "--yes")
    assert str(aside) in ran.err and aside.exists()
    assert_gone(scene)


def test_every_database_file_lost(scene: Scene, run_cli: Run) -> None:
    """The private file repeats the list: loading everything anew does not bring them back."""
    run_cli("forget", NUMBER, "--yes")
    files = Files(scene.settings.database)
    files.work.unlink()
    files.published.unlink()
    assert scene.sync().exit_status == 0
    assert scene.ask("select count(*) from tasks") == [(130,)]
    assert scene.sync().tasks_changed == 0
    assert_gone(scene)


def test_the_private_file_lost(scene: Scene, run_cli: Run) -> None:
    """Without the key nobody could be refused: the sync says so rather than bring them back."""
    run_cli("forget", NUMBER, "--yes")
    DuckDBFile(scene.settings.database).private_file.unlink()
    with pytest.raises(Exception, match="holds the key") as caught:
        scene.sync()
    assert caught.value.exit_status == 78  # type: ignore[attr-defined]
    assert run_cli("forget", "--new-key", "--yes").status == 0
    assert scene.sync(full=True).tasks_changed == len(CALLS)


def test_undo(scene: Scene, run_cli: Run) -> None:
    run_cli("forget", NUMBER, "--yes")
    assert run_cli("forget", "--undo", "9988776655").status == 0
    assert scene.sync(full=True).tasks_changed == len(CALLS)
    assert run_cli("forget", "--undo", NUMBER).status == 1


def test_the_time_zone_changes(scene: Scene, run_cli: Run) -> None:
    """Ten digits may be of another country then; who is forgotten stays so."""
    run_cli("forget", NUMBER, "--yes")
    settings = Settings(
        **{
            name: getattr(scene.settings, name)
            for name in ("base_url", "api_token", "org_handle", "database")
        },
        timezone="America/New_York",
    )
    assert sync(settings, Options(full=True)).exit_status == 0
    assert_gone(scene)


def test_an_earlier_number_of_a_task(scene: Scene, run_cli: Run) -> None:
    """A task that is somebody else's by now stays; its earlier state goes."""
    task = next(t["task_id"] for t in scene.world.tasks(scene.space) if t["input"].get("phone"))
    scene.world.edit_task(task, {"input": {"name": "Another", "contact_number": "+12025550111"}})
    scene.sync(full=True)
    assert run_cli("forget", NUMBER, "--yes").status == 0
    assert scene.ask(f"select count(*) from tasks where task_id = '{task}'") == [(1,)]
    assert scene.ask("select count(*) from task_versions where contact_key like '%9988776655'") == [(0,)]


@pytest.mark.parametrize("round_", range(int(os.environ.get("KILLS", "4"))))
def test_killed_at_any_moment(scene: Scene, run_cli: Run, round_: int) -> None:
    """Either nothing has begun, or the next `forget` or `sync` does all that is left."""
    command = [sys.executable, "-m", "unpod_sync", "forget", NUMBER, "--yes", "--quiet"]
    started = time.monotonic()
    if round_ == 0:
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
        assert_gone(scene)
        return
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    files = Files(scene.settings.database)
    rng = random.Random(round_)
    while not files.sibling("private.json").exists() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(rng.random() * (0.4 + (time.monotonic() - started) * 0.5))
    process.send_signal(signal.SIGKILL)
    process.wait()
    key = keys.read(DuckDBFile(files.published))
    is_begun = key is not None and bool(key.forgotten)
    with duckdb.connect(str(files.published), read_only=True) as connection:
        assert connection.execute("select count(*) from tasks").fetchall() in ([(130,)], [(135,)])
    if round_ % 2 and is_begun:
        assert scene.sync().exit_status == 0
    else:
        assert run_cli("forget", NUMBER, "--yes").status == 0
    assert_gone(scene)
    key = keys.read(DuckDBFile(files.published))
    assert key is not None and key.erasing is None
    assert scene.sync().tasks_changed == 0


def test_the_apis_counts_are_explained(scene: Scene, run_cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API goes on counting is no difference: neither for check, nor in the report, nor later."""
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "sim-org")
    monkeypatch.setenv("UNPOD_BASE_URL", scene.settings.base_url)
    counted = "select sum(api_count), sum(forgotten_count), sum(count_difference) from sync_freshness"
    [(api_count, _, _)] = scene.ask(counted)
    assert run_cli("forget", NUMBER, "--yes").status == 0
    checked = run_cli("check")
    assert checked.status == 0, checked.out
    assert "the API counts" not in run_cli("report").out
    scene.world.add_task(scene.space, task_of(CALLS[0]))  # refused
    scene.world.add_task(scene.space, task_of({"name": "B", "contact_number": "+12025550123"}))
    assert scene.sync().published
    assert scene.ask(counted) == [(api_count + 2, len(CALLS) + 1, 0)]
    # The added calls stand in a run of several agents, of whom the endpoint counts one at a time.
    assert scene.ask("select max(forgotten_tasks) from execution_reconciliation") == [(len(CALLS) + 1,)]


def test_a_refused_row_that_quotes_somebody(scene: Scene, run_cli: Run) -> None:
    """A row that is no task belongs to nobody known: cut short, it may hold half a number, or a name alone."""
    with duckdb.connect(str(Files(scene.settings.database).work)) as connection:
        connection.executemany(
            "insert into meta.rejects (load_id, kind, id, field, value_text, reason)"
            " values ('L', 'task', '', '', ?, 'row is not an object')",
            [[f"[1, '{NAME}']"], ["[2, '+91 99887"], ["[3]"]],
        )
    assert run_cli("forget", NUMBER, "--yes").status == 0
    assert scene.ask("select distinct value_text from meta.rejects where field = ''") == [(NOT_KEPT,)]
    assert_gone(scene)


def test_it_does_not_forget_others(scene: Scene, run_cli: Run) -> None:
    """The hundred and thirty others keep every row."""
    rows = "select task_id, content_hash, changed_at from tasks"
    before = scene.ask(f"{rows} where contact_name is distinct from '{NAME}'")
    run_cli("forget", NUMBER, "--yes")
    after = scene.ask(rows)
    assert sorted(after) == sorted(before) and len(after) == 130
