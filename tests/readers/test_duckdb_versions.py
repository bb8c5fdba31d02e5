"""A file written here is read by every DuckDB from 1.2 on: all tables, all views, no extension."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from tests.views.conftest import START, Warehouse
from unpod_sync.warehouse import schema

VERSIONS = ("1.2.2", "1.3.2", "1.4.5", "1.5.6", "2.0.0")
READ_ALL = Path(__file__).with_name("read_all.py")

# what the views call: each is in DuckDB 1.2, within what is always built in (core_functions and json)
FUNCTIONS_OF_1_2 = """
    any_value arg_max arg_min avg bool_or coalesce contains count date_diff date_trunc dense_rank epoch_us exp
    greatest isfinite isodow isoyear json_extract json_extract_string json_keys json_type json_valid lag
    least left length list list_avg ln lower ltrim mad make_timestamp max median min now nullif pow printf
    quantile_cont range regexp_extract regexp_matches replace row_number sqrt strftime string_agg string_split
    struct_pack sum to_days to_minutes trim try_cast unnest week year
"""
NO_FUNCTIONS = """
    completion_by wilson_low wilson_high
    and or not in over filter values on when then by as from where join materialized
    flaws measures listed presets
"""  # keywords, and names of value lists


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file as the sync publishes it: every view has something to read."""
    path = tmp_path_factory.mktemp("readers") / "unpod.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as unpod (storage_version 'v1.2.0'); use unpod")
        schema.create_schema(connection, now=datetime(2026, 1, 1))  # noqa: DTZ001 - UTC without a zone
        schema.build_views(connection)
        warehouse = Warehouse(connection)
        for agent in ("anna", "bela"):
            warehouse.talk(agent_handle=agent, duration_seconds=60.0, outcome="interested", contact_key=agent)
            warehouse.call(agent_handle=agent, structured_data_json='{"a": 1, "b": "x"}', callback_at=START)
        warehouse.insert(
            "transcript_messages", task_id="T0001", position=0, role="user", content="Stop calling"
        )
        warehouse.set("compliance_preset", "US")
        warehouse.call(contact_key="12125550100", contact_number="+1 212 555 0100")
        warehouse.insert("runs", run_id="R1", space_token="north", status="completed")
        warehouse.insert("executions", agent_handle="anna", run_id="R1", total_tasks=4, completed_tasks=4)
        warehouse.insert("meta.bookmarks", resource="spaces/north/tasks", space_token="north", api_count=4)
        connection.execute(
            "insert into task_versions by name select task_id, execution_type, is_dialed from tasks"
        )
        connection.execute("use memory; detach unpod")
    return path


def read_with(python: Path | str, path: Path) -> str:
    """The version of the reader, when it could read everything."""
    done = subprocess.run(
        [str(python), str(READ_ALL), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_installed_reader_reads_everything(published: Path) -> None:
    """Directly and attached under another name."""
    assert read_with(sys.executable, published) == duckdb.__version__


@pytest.mark.readers
@pytest.mark.parametrize("version", VERSIONS)
def test_every_supported_version_reads_everything(version: str, published: Path) -> None:
    """With the real wheel, in an environment kept beside pytest's cache between runs."""
    folder = Path(__file__).resolve().parents[2] / ".pytest_cache" / "readers" / version
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=True)
    install = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        f"duckdb=={version}",
    ]
    subprocess.run(install, check=True)
    assert read_with(python, published) == version


def test_views_call_only_what_the_oldest_reader_has() -> None:
    """A new function must be looked up in 1.2 before it enters the list."""
    called = set()
    for path in schema.sql_files("views"):
        code = re.sub(r"--.*|'(?:[^']|'')*'", "", path.read_text(encoding="utf-8"))
        called |= set(re.findall(r"(\w+)\s*\(", code))
    assert called - set(NO_FUNCTIONS.split()) <= set(FUNCTIONS_OF_1_2.split())
