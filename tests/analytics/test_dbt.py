"""`dbt`: the published file as a dbt source. Tried once for real with dbt 1.11 and dbt-duckdb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.conftest import Ran
from tests.demo_file import changed_copy
from unpod_sync.analytics.dbt import PARENTS, sources_yaml
from unpod_sync.analytics.query import open_published
from unpod_sync.tables import TABLES
from unpod_sync.warehouse.duckdb_file import DuckDBFile


@pytest.fixture(scope="module")
def text(warehouse_file: Path) -> str:
    with open_published(DuckDBFile(warehouse_file)) as connection:
        return sources_yaml(connection, warehouse_file)


@pytest.fixture(scope="module")
def source(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)["sources"][0]
    return found


def test_every_table_view_and_column_is_there(source: dict[str, Any], warehouse_file: Path) -> None:
    """With its type and its description, in the order of the catalogue."""
    with open_published(DuckDBFile(warehouse_file)) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns()"
            " where schema_name = 'main' and not internal order by table_name, column_index"
        ).fetchall()
    described = [
        (table["name"], column["name"], column["data_type"], column["description"])
        for table in sorted(source["tables"], key=lambda table: table["name"])
        for column in table["columns"]
    ]
    assert described == columns
    assert all(table["description"].startswith("One row") for table in source["tables"])


def test_keys_and_parents_are_tested(source: dict[str, Any]) -> None:
    """Every key is unique and not null, every child has its parent."""
    tables = {table["name"]: table for table in source["tables"]}
    tests = {
        (name, column["name"]): column.get("data_tests", [])
        for name, table in tables.items()
        for column in table["columns"]
    }
    for table in TABLES:
        schema, _, name = table.name.partition(".")
        if schema != "main":
            continue
        whole = f"row({', '.join(table.key)})"
        if len(table.key) == 1:
            assert tests[name, table.key[0]][:2] == ["unique", "not_null"]
        else:
            assert tables[name]["data_tests"] == [{"unique": {"arguments": {"column_name": whole}}}]
    assert "not_null" not in tests["task_versions", "modified_at"]
    for (child, column), parent in PARENTS.items():
        link = {"to": f"source('unpod', '{parent}')", "field": column}
        assert {"relationships": {"arguments": link}} in tests[child, column]
    asked = {place for place, found in tests.items() if found}
    assert asked >= set(PARENTS) and {name for name, _ in asked} == {
        table.name.removeprefix("main.") for table in TABLES if table.name.startswith("main.")
    }


def test_no_description_is_taken_for_code() -> None:
    """Whatever a view of one's own says of itself, YAML and dbt read it as text."""
    with duckdb.connect() as connection:
        connection.execute('create view "My View" as select 1 as "a: \'b\'"')
        connection.execute("""comment on view "My View" is 'A "name": {{ x }} {% y %} – #1\nमूल्य\x01'""")
        (table,) = yaml.safe_load(sources_yaml(connection, Path("data/unpod.duckdb")))["sources"][0]["tables"]
    assert table["name"] == "My View" and table["columns"][0]["name"] == "a: 'b'"
    assert table["columns"][0]["description"] == ""
    assert table["description"] == "A \"name\": {{ '{{' }} x }} {{ '{%' }} y %} – #1 मूल्य "


def test_the_command_prints_it(run_cli: Callable[..., Ran], warehouse_file: Path, text: str) -> None:
    """Nothing but the YAML, beginning with what profiles.yml needs."""
    ran = run_cli("dbt", "--database", warehouse_file)
    assert (ran.status, ran.err, ran.out) == (0, "", text)
    assert ran.out.startswith("#") and "read_only: true" in ran.out.split("version: 2")[0]


@pytest.mark.parametrize("name", ["other.duckdb", "my data, 2.duckdb"])
def test_the_profile_names_the_file_in_use(name: str, run_cli: Callable[..., Ran], tmp_path: Path) -> None:
    path = changed_copy(tmp_path / name)
    [line] = [
        line for line in run_cli("dbt", "--database", path).out.splitlines() if line.startswith("#   attach")
    ]
    attached = {"path": str(path), "alias": "unpod", "read_only": True}
    assert yaml.safe_load(line.removeprefix("#")) == {"attach": [attached]}
