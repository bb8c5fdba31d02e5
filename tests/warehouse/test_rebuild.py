"""`rebuild`: the same rows again from the payloads, also where memory is scarce."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Ran
from unpod_sync import tables as definitions


def tables(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the users, sorted."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table.name: connection.execute(f"from {table.name} order by all").fetchall()
            for table in (*definitions.BY_KIND.values(), definitions.MESSAGES, definitions.TASK_VERSIONS)
        }


@pytest.mark.parametrize("memory", ["300MB", "3MB"])
def test_everything_is_as_it_was(
    memory: str,
    run_cli: Callable[..., Ran],
    warehouse_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """History, hashes and batches included; too small a limit of memory is said and exceeded."""
    database = tmp_path / "unpod.duckdb"
    shutil.copy(warehouse_file, database)
    monkeypatch.setenv("UNPOD_TIMEZONE", "Asia/Kolkata")
    monkeypatch.setenv("UNPOD_MEMORY_LIMIT", memory)
    ran = run_cli("rebuild", "--database", database)
    assert ran.status == 0, ran.err
    assert ("memory_limit (3MB)" in ran.err) == (memory == "3MB")
    assert tables(database) == tables(warehouse_file)


def test_a_contact_is_forgotten_with_little_memory(
    run_cli: Callable[..., Ran], warehouse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "unpod.duckdb"
    shutil.copy(warehouse_file, database)
    monkeypatch.setenv("UNPOD_TIMEZONE", "Asia/Kolkata")
    monkeypatch.setenv("UNPOD_MEMORY_LIMIT", "3MB")
    number = "select contact_number from tasks where contact_number is not null order by task_id limit 1"
    with duckdb.connect(str(database), read_only=True) as connection:
        ((contact,),) = connection.execute(number).fetchall()
    ran = run_cli("forget", "--database", database, contact, "--yes")
    assert ran.status == 0 and "memory_limit (3MB)" in ran.err, ran.err
    with duckdb.connect(str(database), read_only=True) as connection:
        left = connection.execute("select count(*) from tasks where contact_number = ?", [contact]).fetchall()
    assert left == [(0,)]
