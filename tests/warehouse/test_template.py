"""A new warehouse from a template is the one that is built, whatever became of the cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from unpod_sync.warehouse.database import Warehouse
from unpod_sync.warehouse.duckdb_file import DuckDBFile

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC).replace(tzinfo=None)

CONTENT = (
    "select table_name, column_name, data_type, comment from duckdb_columns() where database_name = 'warehouse'",
    "select view_name, sql, comment from duckdb_views() where database_name = 'warehouse'",
    "from meta.metrics",
    "from meta.settings",
    "from meta.revision",
    "from meta.migrations",
)


def cached() -> Path:
    (path,) = platformdirs.user_cache_path("unpod-sync").glob("template-*")
    return path


def opened(database: Path, now: datetime = NOW) -> list[list[tuple[Any, ...]]]:
    """Everything that an empty warehouse holds."""
    warehouse = Warehouse.open(DuckDBFile(database), now=now)
    content = [warehouse.connection.execute(sql).fetchall() for sql in CONTENT]
    warehouse.close()
    return content


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[Any, ...]]]:
    """The content of the first warehouse, which the template is made from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return opened(tmp_path / "first.duckdb", NOW - timedelta(days=3))


def test_a_copy_is_what_would_be_built(tmp_path: Path, built: list[list[tuple[Any, ...]]]) -> None:
    """Only the time of the migrations is its own; both files are for their owner only."""
    before = cached().stat().st_mtime_ns
    *content, migrations = opened(tmp_path / "second.duckdb")
    assert content == built[:-1]
    assert {at for _, at in migrations} == {NOW}
    assert cached().stat().st_mtime_ns == before
    for path in (cached(), tmp_path / ".second.duckdb.work"):
        assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600


def garble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100_000])


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def leave_another_version(path: Path) -> None:
    path.rename(path.with_name("template-0.0.1-0123456789abcdef"))


@pytest.mark.parametrize("spoil", [garble, cut, open_to_others, leave_another_version])
def test_a_broken_cache_is_replaced(
    tmp_path: Path, built: list[list[tuple[Any, ...]]], spoil: Callable[[Path], None]
) -> None:
    sound = cached().name
    spoil(cached())
    assert opened(tmp_path / "second.duckdb")[:-1] == built[:-1]
    assert cached().name == sound and cached().stat().st_mode & 0o022 == 0


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, built: list[list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert opened(tmp_path / "second.duckdb")[:-1] == built[:-1]
