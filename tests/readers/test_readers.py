"""Programs that people read the published file with; run with `pytest -m readers`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = [pytest.mark.readers, pytest.mark.filterwarnings("default")]


@pytest.fixture
def connection(warehouse_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouse_file), read_only=True) as opened:
        yield opened


def names(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Every table and view of main."""
    return [
        name
        for (name,) in connection.execute(
            "select table_name from information_schema.tables where table_schema = 'main' order by 1"
        ).fetchall()
    ]


def test_pandas_reads_everything(connection: duckdb.DuckDBPyConnection) -> None:
    """Every table and view becomes a frame whose dates are dates and numbers numbers."""
    pytest.importorskip("pandas")
    for name in names(connection):
        frame = connection.execute(f'select * from "{name}"').df()
        assert list(frame.columns), name
    tasks = connection.execute("select created_at, duration_seconds, message_count from tasks").df()
    assert [type_.kind for type_ in tasks.dtypes] == ["M", "f", "f"] or tasks.dtypes["created_at"].kind == "M"


def test_polars_reads_everything(connection: duckdb.DuckDBPyConnection) -> None:
    """Every table and view becomes a frame of plain types."""
    polars = pytest.importorskip("polars")
    for name in names(connection):
        frame = connection.sql(f'select * from "{name}"').pl()
        assert not any(type_.is_nested() for type_ in frame.dtypes), name
        assert isinstance(frame, polars.DataFrame)


@pytest.mark.parametrize("package", ["duckdb_engine", "duckdb_sqlalchemy"])
def test_sqlalchemy_lists_and_reads_everything(warehouse_file: Path, package: str) -> None:
    """Inspection finds every table, view and column; each can be read; comments come through."""
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    sqlalchemy: Any = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(f"duckdb:///{warehouse_file}", connect_args={"read_only": True})
    with duckdb.connect(str(warehouse_file), read_only=True) as opened:
        expected = names(opened)
    inspector = sqlalchemy.inspect(engine)
    found = set(inspector.get_table_names("main")) | set(inspector.get_view_names("main"))
    assert {name.split(".")[-1] for name in found} >= set(expected)
    with engine.connect() as reader:
        for name in expected:
            columns = {column["name"] for column in inspector.get_columns(name, "main")}
            result = reader.execute(sqlalchemy.text(f'select * from main."{name}"'))
            assert set(result.keys()) == columns, name
            result.fetchall()
    engine.dispose()
