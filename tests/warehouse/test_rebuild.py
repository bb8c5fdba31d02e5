"""`rebuild`: the same rows again from the payloads, also where memory is scarce."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Ran
from unpod_sync import tables as definitions
from unpod_sync.warehouse.files import Files


def tables(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the users, sorted."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table.name: connection.execute(f"from {table.name} order by all").fetchall()
            for table in (*definitions.BY_KIND.values(), definitions.MESSAGES, definitions.TASK_VERSIONS)
        }


def test_everything_is_as_it_was(
    run_cli: Callable[..., Ran],
    warehouse_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """History, hashes and batches included."""
    database = tmp_path / "unpod.duckdb"
    shutil.copy(warehouse_file, database)
    monkeypatch.setenv("UNPOD_TIMEZONE", "Asia/Kolkata")
    ran = run_cli("rebuild", "--database", database)
    assert ran.status == 0, ran.err
    assert tables(database) == tables(warehouse_file)


def test_a_contact_is_forgotten_once_there_is_memory_enough(
    run_cli: Callable[..., Ran], warehouse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too small a limit is an error that names the setting; neither `rebuild` nor `forget` loses anything by it."""
    database = tmp_path / "unpod.duckdb"
    shutil.copy(warehouse_file, database)
    monkeypatch.setenv("UNPOD_TIMEZONE", "Asia/Kolkata")
    monkeypatch.setenv("UNPOD_MEMORY_LIMIT", "3MB")
    number = "select contact_number from tasks where contact_number is not null order by task_id limit 1"
    with duckdb.connect(str(database), read_only=True) as connection:
        ((contact,),) = connection.execute(number).fetchall()
    for command in (("rebuild",), ("forget", contact, "--yes")):
        ran = run_cli(*command, "--database", database)
        assert ran.status == 1 and "memory_limit (3MB)" in ran.err and "UNPOD_MEMORY_LIMIT" in ran.err
    assert tables(database) == tables(warehouse_file)
    monkeypatch.delenv("UNPOD_MEMORY_LIMIT")
    ran = run_cli("forget", "--database", database, contact, "--yes")
    assert ran.status == 0, ran.err
    with duckdb.connect(str(database), read_only=True) as connection:
        left = connection.execute("select count(*) from tasks where contact_number = ?", [contact]).fetchall()
    assert left == [(0,)]


ZONE = "select value from meta.settings where name = 'time_zone'"


@pytest.mark.parametrize("command", [("rebuild",), ("forget", "--list")])
def test_the_time_zone_stays_unless_one_is_configured(
    run_cli: Callable[..., Ran],
    warehouse_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    """Without the setting the file's own zone counts; a configured zone is applied, UTC included, with a note."""
    database = tmp_path / "unpod.duckdb"
    work = Files(database).work
    shutil.copy(warehouse_file, work)
    shutil.copy(warehouse_file, database)
    monkeypatch.delenv("UNPOD_TIMEZONE", raising=False)
    ran = run_cli(*command, "--database", database)
    assert ran.status == 0 and "computed again" not in ran.err, ran.err
    assert tables(work) == tables(warehouse_file)
    monkeypatch.setenv("UNPOD_TIMEZONE", "UTC")
    ran = run_cli(*command, "--database", database)
    assert ran.status == 0
    assert "all rows were computed again: the time zone Asia/Kolkata became UTC" in ran.err
    with duckdb.connect(str(work), read_only=True) as connection:
        assert connection.execute(ZONE).fetchall() == [("UTC",)]
