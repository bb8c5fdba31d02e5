"""Links in place of files: the database may be one, the sync's own files may not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import NOW, Ran
from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError, WarehouseError
from unpod_sync.simulator import Simulator, World
from unpod_sync.warehouse.duckdb_file import DuckDBFile
from unpod_sync.warehouse.files import TEMPORARY, Files, copy_file

Run = Callable[..., Ran]
NUMBER = "+919988776655"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="links of POSIX")


@pytest.fixture
def simulator(start_simulator: Callable[[World], Simulator], monkeypatch: pytest.MonkeyPatch) -> Simulator:
    world = World(seed=4, now=NOW)
    space = world.add_space("Space", agent_handle=world.add_agent("Agent"))
    for number in (NUMBER, "+12025550199"):
        world.add_task(space, {"status": "completed", "input": {"name": "A", "contact_number": number}})
    running = start_simulator(world)
    environment = {"API_TOKEN": running.token, "ORG_HANDLE": running.org_handle, "BASE_URL": running.base_url}
    for name, value in environment.items():
        monkeypatch.setenv(f"UNPOD_{name}", value)
    return running


def numbers(path: Path) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [n for (n,) in connection.execute("select contact_number from tasks order by 1").fetchall()]


def test_every_command_means_the_file_behind_the_link(
    tmp_path: Path, simulator: Simulator, run_cli: Run
) -> None:
    """The link stays one; work file, lock and state lie beside the real file, and only there."""
    real, alias = tmp_path / "real" / "u.duckdb", tmp_path / "links" / "alias.duckdb"
    assert run_cli("sync", "--database", real).status == 0
    alias.parent.mkdir()
    alias.symlink_to(real)
    another = {"status": "failed", "input": {"contact_number": "+12025550198"}}
    simulator.world.add_task(simulator.world.spaces[0]["token"], another)
    for command in (("sync",), ("rebuild",), ("status",), ("forget", NUMBER, "--yes")):
        ran = run_cli(*command, "--database", alias)
        assert ran.status == 0, ran.err
        assert alias.is_symlink() and list(alias.parent.iterdir()) == [alias]
    assert numbers(real) == numbers(alias) == ["+12025550198", "+12025550199"]


def test_the_default_file_may_be_a_link_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    real = tmp_path / "real.duckdb"
    real.touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "unpod.duckdb").symlink_to(real)
    assert Settings().database == real


@pytest.mark.parametrize(
    ("target", "said"),
    [("nothing.duckdb", "does not exist"), (".", "is not a file"), ("alias.duckdb", "does not exist")],
)
def test_a_link_that_names_no_file_is_refused(
    tmp_path: Path, run_cli: Run, monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    alias = tmp_path / "alias.duckdb"
    alias.symlink_to(tmp_path / target)
    with pytest.raises(ConfigurationError, match=said):
        Settings(database=alias)
    ran = run_cli("status", "--database", alias)
    assert ran.status == 78 and said in ran.err and "--database" in ran.err
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "unpod.duckdb").symlink_to(tmp_path / target)
    assert run_cli("status").status == 78


@pytest.mark.parametrize("own", [path.name for path in Files(Path("u.duckdb")).own])
def test_a_link_in_place_of_our_own_file_is_not_followed(tmp_path: Path, own: str) -> None:
    """Whoever may write in the folder must not make a sync write somewhere else."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = tmp_path / "data"
    folder.mkdir()
    for target in (precious, tmp_path / "nothing"):
        (folder / own).symlink_to(target)
        with (
            pytest.raises(WarehouseError, match="is a link"),
            DuckDBFile(folder / "u.duckdb").lock(now=NOW),
        ):
            pass
        assert DuckDBFile(folder / "u.duckdb").lock_holder() is None
        (folder / own).unlink()
    assert precious.read_text() == "precious" and not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("word", TEMPORARY)
def test_temporary_files_are_new_ones(tmp_path: Path, word: str) -> None:
    """Neither a link nor a file with another mode that lies in their place is written to."""
    files = Files(tmp_path / "u.duckdb")
    precious, source = tmp_path / "precious", tmp_path / "source"
    precious.write_text("precious")
    source.write_text("private")
    files.sibling(word).symlink_to(precious)
    copy_file(source, files.sibling(word))
    assert precious.read_text() == "precious" and not files.sibling(word).is_symlink()
    files.sibling(word).chmod(0o666)
    copy_file(source, files.sibling(word))
    assert files.sibling(word).stat().st_mode & 0o777 == 0o600


def test_what_killed_processes_left_goes_with_the_next_lock(tmp_path: Path) -> None:
    """The copy of a dry run, half-written and spilled files; nothing of others, nothing behind a link."""
    files = Files(tmp_path / "u.duckdb")
    scratch = tmp_path / ".unpod-abc"
    scratch.mkdir()
    (scratch / files.work.name).write_bytes(b"private")
    spilled = tmp_path / f"{files.work.name}.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_storage").write_bytes(b"private")
    for name in ("publishing", "compacting.wal", "state.json.99.tmp", "private.json.99.tmp"):
        files.sibling(name).write_bytes(b"private")
    others = tmp_path / ".unpod-others"
    others.mkdir()
    (others / ".other.duckdb.work").write_bytes(b"theirs")
    with DuckDBFile(files.published).lock(now=NOW):
        left = {path.name for path in tmp_path.iterdir()} - {
            files.lock.name,
            files.sibling("holder.json").name,
        }
    assert left == {others.name}
    shutil.rmtree(others)
