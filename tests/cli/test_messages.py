"""What the command line says and accepts: dates, endings, suggestions, paths, times, the end of a sync."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.conftest import Ran, settings_for
from unpod_sync.cli.dates import read_day
from unpod_sync.config import Settings
from unpod_sync.errors import ConfigurationError
from unpod_sync.simulator import Fault, Simulator, World
from unpod_sync.suggest import did_you_mean
from unpod_sync.sync.pipeline import sync
from unpod_sync.warehouse import schema
from unpod_sync.warehouse.files import Files
from unpod_sync.warehouse.schema import build_views, create_schema

Run = Callable[..., Ran]
NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
TODAY = date(2026, 3, 12)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A synced file of a few calls, to be changed."""
    path = tmp_path / "data" / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=20, now=NOW)) as simulator:
        sync(settings_for(simulator, path))
    return path


# -- dates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-02-28", date(2026, 2, 28)),
        ("today", TODAY),
        ("Yesterday", date(2026, 3, 11)),
        ("7d", date(2026, 3, 5)),
        ("0d", TODAY),
        ("2w", date(2026, 2, 26)),
        ("12d", date(2026, 2, 28)),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, day: date) -> None:
    assert read_day(text, TODAY) == day


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "7", "d", "-1d", "7 d", "2026-3", "99999w"])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        read_day(text, TODAY)


@pytest.mark.parametrize("command", [("report",), ("search", "hello"), ("export", "runs", "--output", "{}")])
def test_every_command_that_has_dates_takes_them(
    command: tuple[str, ...], run_cli: Run, warehouse_file: Path, tmp_path: Path
) -> None:
    """The same words everywhere; a mistyped one is answered with the one meant, and the order is checked."""
    words = [word.format(tmp_path / "runs.csv") for word in command]
    call = (*words, "--database", warehouse_file)
    for since in ("yesterday", "2w"):
        assert run_cli(*call, "--since", since, "--until", "today").status == 0
    ran = run_cli(*call, "--since", "yesterdya")
    assert ran.status == 2 and "Did you mean yesterday?" in ran.err
    ran = run_cli(*call, "--since", "2026-03-02", "--until", "2026-03-01")
    assert ran.status == 2 and "--since 2026-03-02 is later than --until 2026-03-01" in ran.err


@pytest.mark.parametrize(
    "command", [("report",), ("search", "hello"), ("export", "runs", "--output", "r.csv")]
)
def test_today_is_that_of_the_files_local_dates(
    command: tuple[str, ...], run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file synced for Kiritimati has its dates, also where the setting has changed since: there it is 26 h earlier."""
    path, zone = tmp_path / "unpod.duckdb", ZoneInfo("Pacific/Kiritimati")
    with Simulator(World.generate(7, tasks=5, now=NOW)) as simulator:
        sync(settings_for(simulator, path, timezone=zone.key))
    monkeypatch.setenv("UNPOD_TIMEZONE", "Etc/GMT+12")
    before = datetime.now(zone).date()
    ran = run_cli(*command, "--database", path, "--since", "today", "--until", "2026-03-01")
    texts = [f"--since {day} is later" for day in (before, datetime.now(zone).date())]
    assert ran.status == 2 and any(text in ran.err for text in texts)


# -- suggestions ---------------------------------------------------------------------------------


def test_what_is_mistyped_is_proposed(run_cli: Run, warehouse_file: Path) -> None:
    """Commands, time zones, agents, outcomes, spaces."""
    ran = run_cli("stauts")
    assert ran.status == 2 and "There is no command 'stauts'. Did you mean status?" in ran.err
    assert "Did you mean" not in run_cli("xyzzy").err
    for zone, meant in (("Asia/Calcuta", "Asia/Calcutta"), ("kolkatta", "Asia/Kolkata")):
        with pytest.raises(ConfigurationError, match=f"Did you mean .*{meant}"):
            Settings(timezone=zone)
    with pytest.raises(ConfigurationError) as caught:
        Settings(timezone="IST")
    assert "mean" not in caught.value.message  # several zones have this name
    for option, word, meant in (
        ("--outcome", "interessted", "interested"),
        ("--agent", "Ashaa", "Asha"),
        ("--space", "Groth Outreach", "Growth Outreach"),
    ):
        ran = run_cli("search", "hello", option, word, "--database", warehouse_file)
        assert ran.status == 2 and f"Did you mean {meant}" in ran.err and "There are: " in ran.err
        assert run_cli("search", "hello", option, "", "--database", warehouse_file).status == 2


def test_names_are_found_whatever_their_case() -> None:
    assert did_you_mean("asha", ["Asha", "Vikram"]) == "Did you mean Asha?"
    assert did_you_mean("zzz", ["Asha"]) == ""


# -- paths, times, the end of a sync -------------------------------------------------------------


@pytest.mark.parametrize("command", [("query", "select 1"), ("status",), ("rebuild",), ("forget", "T1")])
def test_a_file_that_is_not_there_is_named_whole(
    command: tuple[str, ...], run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path does not say in which folder was looked."""
    monkeypatch.chdir(tmp_path)
    ran = run_cli(*command)
    assert f"{tmp_path}/data/unpod.duckdb" in ran.out + ran.err


def test_status_speaks_in_the_configured_zone(
    run_cli: Run, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People read local times and which zone they are in; programs read UTC."""
    state = Files(small).state
    content = json.loads(state.read_text()) | {"last_done_at": "2026-03-12T20:00:00"}
    state.write_text(json.dumps(content))
    monkeypatch.setenv("UNPOD_TIMEZONE", "Asia/Kolkata")
    ran = run_cli("status", "--database", small)
    assert ", 2026-03-13 01:30 IST" in ran.out and "\nTimes: Asia/Kolkata\n" in ran.out
    assert " UTC" not in ran.out
    assert json.loads(run_cli("status", "--json", "--database", small).out)["last_success_at"] == (
        "2026-03-12T20:00:00Z"
    )


def test_only_a_sync_that_published_says_so(
    run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed one and a dry run say that nothing was."""
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    monkeypatch.setenv("UNPOD_ORG_HANDLE", "sim-org")
    monkeypatch.setenv("UNPOD_MAX_ATTEMPTS", "1")
    path = tmp_path / "unpod.duckdb"
    with Simulator(World.generate(7, tasks=20, now=NOW)) as simulator:
        call = ("sync", "--base-url", simulator.base_url, "--database", path)
        dry = run_cli(*call, "--dry-run")
        assert dry.err.endswith("nothing was written or published.\n") and not path.exists()
        simulator.faults = (Fault("dead_space", status=500),)
        failed = run_cli(*call)
        assert failed.status == 1 and "published" not in failed.err.replace("nothing was published", "")
        simulator.faults = ()
        assert run_cli(*call).err.endswith(f"\npublished {path}\n")
        simulator.faults = (Fault("dead_space", status=500),)
        failed = run_cli(*call)
        assert failed.status == 1 and "published" not in failed.err


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many", ""])
def test_a_budget_that_is_none_is_refused(
    number: str, run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNPOD_API_TOKEN", "simulator-token-0")
    ran = run_cli("sync", "--max-requests", number, "--database", tmp_path / "u.duckdb")
    assert ran.status == 2 and "--max-requests" in ran.err
    if number:
        monkeypatch.setenv("UNPOD_MAX_REQUESTS", number)
        ran = run_cli("sync", "--database", tmp_path / "u.duckdb")
        assert ran.status == 78 and "max_requests" in ran.err


def test_init_without_a_terminal_says_what_to_do(run_cli: Run, tmp_path: Path) -> None:
    """Its questions are for a person: nothing is asked of a pipe, and nothing written."""
    ran = run_cli("init", "--file", tmp_path / "unpod-sync.toml", stdin="token\norg\n")
    assert ran.status == 2 and "no terminal" in ran.err and "`unpod-sync init --yes" in ran.err
    assert not list(tmp_path.iterdir())


def test_a_kept_demo_is_synced_in_its_own_time_zone(tmp_path: Path) -> None:
    """The lines that it prints for another terminal hold the zone: else a sync turns everything to UTC."""
    path = tmp_path / "demo.duckdb"
    command = [sys.executable, "-m", "unpod_sync", "demo", "--keep", "--quiet", "--tasks", "30"]
    lines = []
    with subprocess.Popen([*command, "--database", path], stdout=subprocess.PIPE, text=True) as kept:
        assert kept.stdout is not None
        while not lines or " sync " not in lines[-1]:
            lines.append(kept.stdout.readline())
            assert lines[-1], lines
        script = "".join(lines)
        ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        kept.kill()
    assert ran.returncode == 0, ran.stderr
    assert "computed again" not in ran.stderr and "export UNPOD_TIMEZONE=Asia/Kolkata\n" in lines


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("query", "from runs"), ("search", "hello")])
def test_every_ending_gives_its_form(
    command: tuple[str, ...], run_cli: Run, warehouse_file: Path, tmp_path: Path
) -> None:
    """Each ending is that form; any other is refused with the list of those there are."""
    openpyxl = pytest.importorskip("openpyxl")
    call = (*command, "--database", warehouse_file)
    for ending in ("csv", "json", "parquet", "xlsx", "txt"):
        assert run_cli(*call, "--output", tmp_path / f"a.{ending}").status == 0
    [page] = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    [columns, *rows] = page.iter_rows(values_only=True)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [list(columns), *rows] and len(list(csv.reader(file))) == len(rows) + 1
    documents = json.loads((tmp_path / "a.json").read_text())
    assert len(documents) == len(rows) == pq.read_metadata(tmp_path / "a.parquet").num_rows > 0
    for name in ("a.xls", "a.doc", "a"):
        ran = run_cli(*call, "--output", tmp_path / name)
        assert ran.status == 2 and ".csv, .json, .parquet, .xlsx, .txt (a table)" in ran.err
        assert not (tmp_path / name).exists()
    ran = run_cli(*call, "--format", "csv", "--output", tmp_path / "b.xlsx")
    assert ran.status == 2 and "ends in .xlsx, but the format is csv" in ran.err
    assert run_cli(*call, "--format", "csv", "--output", tmp_path / "rows.data").status == 0


def test_a_workbook_of_an_answer_is_typed(run_cli: Run, warehouse_file: Path, tmp_path: Path) -> None:
    """Dates are dates, moments with a zone are UTC, decimals numbers, formulas text, repeated names two."""
    openpyxl = pytest.importorskip("openpyxl")
    sql = (
        "select date '2026-03-01' as day, timestamptz '2026-03-01 10:00:00+02' as moment, 1.25::decimal(9, 2)"
        " as cost, '=1+1' as said, chr(10) || '=1' as said, 0.5::double as hit_rate, null as nothing, [1] as l"
    )
    path = tmp_path / "a.xlsx"
    assert run_cli("query", sql, "--database", warehouse_file, "--output", path).status == 0
    page = openpyxl.load_workbook(path)["result"]
    assert [cell.value for cell in page[1]][3:5] == ["said", "said_1"]
    day, moment = datetime(2026, 3, 1), datetime(2026, 3, 1, 8)  # noqa: DTZ001  Excel has no zones
    assert [cell.value for cell in page[2]] == [day, moment, 1.25, "=1+1", "\n=1", 0.5, None, "[1]"]
    assert page["D2"].data_type == page["E2"].data_type == "s" and page.auto_filter.ref == "A1:H2"
    empty = run_cli("query", "from runs where false", "--database", warehouse_file, "--output", path)
    assert empty.status == 0 and openpyxl.load_workbook(path)["result"].max_row == 1


def test_found_calls_run_no_formula_in_a_spreadsheet(run_cli: Run, small: Path, tmp_path: Path) -> None:
    """CSV of `search` is for spreadsheets, as that of `export` is."""
    with duckdb.connect(str(small)) as connection:
        connection.execute("update main.tasks set contact_name = chr(10) || '=1+1'")
    ran = run_cli("search", "hello", "--database", small, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(ran.raw.decode(), newline="")))
    assert found and {row["contact_name"] for row in found} == {"'\n=1+1"}


def test_a_link_stays_a_link_and_a_device_a_device(
    run_cli: Run, warehouse_file: Path, tmp_path: Path
) -> None:
    """A file is written where its link leads; what is no file is not replaced by one."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    call = ("query", "select 1 as one", "--format", "csv", "--database", warehouse_file, "--output")
    assert run_cli(*call, tmp_path / "link.csv").status == 0
    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "real.csv").read_text() == "one\n1\n"
    os.mkfifo(tmp_path / "pipe.csv")
    ran = run_cli(*call, tmp_path / "pipe.csv")
    assert ran.status == 2 and "no regular file" in ran.err and (tmp_path / "pipe.csv").is_fifo()


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_an_error_in_the_last_row_leaves_no_file(
    form: str, run_cli: Run, warehouse_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sql = "select case when i = 9999 then 'x'::int else i end as i from range(10000) t(i)"
    ran = run_cli("query", sql, "--database", warehouse_file, "--output", tmp_path / f"a.{form}")
    assert ran.status == 2 and "Conversion Error" in ran.err
    assert not list(tmp_path.iterdir()), "neither half a file nor rows that waited for it"


def test_a_type_that_parquet_lacks_is_named(run_cli: Run, warehouse_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    ran = run_cli("query", "select interval 3 day as a", "--database", warehouse_file, "--output", path)
    assert ran.status == 2 and "Parquet has no type for" in ran.err and not path.exists()


def test_no_writer_replaces_a_database_or_our_own_files(run_cli: Run, small: Path, tmp_path: Path) -> None:
    """Whatever the ending: what is a DuckDB file, or the tool keeps for itself, stays as it is."""
    targets = [small, *small.parent.glob(".*"), tmp_path / "unpod-sync.toml", tmp_path / "link.csv"]
    (tmp_path / "unpod-sync.toml").write_text('api_token = "x"\n')
    (tmp_path / "link.csv").symlink_to(small)
    shutil.copy(small, tmp_path / "copy.csv")
    targets.append(tmp_path / "copy.csv")
    assert {path.name for path in targets} >= {".unpod.duckdb.work", ".unpod.duckdb.state.json"}
    before = {path: path.read_bytes() for path in targets}
    for path in targets:
        for command in (
            ("query", "select 1", "--format", "csv", "--output"),
            ("query", "select 1", "--format", "table", "--output"),
            ("search", "hello", "--format", "json", "--output"),
            ("export", "runs", "--format", "xlsx", "--output"),
            ("report", "--html"),
        ):
            if path.suffix in (".csv", ".json") and command[2:4] != ("--format", path.suffix[1:]):
                continue  # another ending than the form is refused before
            ran = run_cli(*command, path, "--database", small)
            assert ran.status == 2 and "Name another file." in ran.err, (command, path, ran)
    ran = run_cli("init", "--yes", "--overwrite", "--file", small, stdin="token\n")
    assert ran.status == 2 and "DuckDB database" in ran.err
    assert {path: path.read_bytes() for path in targets} == before


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe in the file system")
def test_lines_end_in_lf_everywhere(warehouse_file: Path) -> None:
    """Also where Python's own stream would write CR LF, as on Windows."""
    script = (
        "import io, sys; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, newline='\\r\\n');"
        "from unpod_sync.cli import main; main()"
    )
    call = [sys.executable, "-c", script, "query", "from runs", "--database", warehouse_file]
    ran = subprocess.run(call, capture_output=True, check=True)
    assert ran.stdout.count(b"\n") > 2 and b"\r" not in ran.stdout


# -- SQL of others -------------------------------------------------------------------------------


@pytest.mark.parametrize("sql", ["update extensions", "select 1; update extensions (httpfs)"])
def test_a_statement_that_the_driver_does_not_know_is_an_error(
    sql: str, run_cli: Run, warehouse_file: Path
) -> None:
    ran = run_cli("query", sql, "--database", warehouse_file)
    assert ran.status == 2 and "'update extensions" in ran.err and "`query` only reads" in ran.err


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("drop table main.tasks cascade", "drops or changes main.tasks"),
        ("drop view calls", "drops or changes main.calls"),
        ("create or replace table main.tasks as select 1 as one", "drops or changes main.tasks"),
        ("create or replace view calls as select 1 as one", "drops or changes main.calls"),
        ("alter table main.tasks drop column cost", r"drops or changes main.tasks|[Dd]epend"),
        ("delete from main.tasks", "a statement DELETE"),
        ("commit", "a statement TRANSACTION"),
        ("update extensions", "it has a statement, and may only define views"),
        ("selec 1", "syntax error"),
    ],
)
def test_a_view_file_cannot_break_ours(
    sql: str, told: str, views: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """It names the file and the reason, in one line, with a hint."""
    path = tmp_path / "mine.sql"
    path.write_text(f"create view mine as select 1 as one; {sql};")
    views.execute("begin")
    with pytest.raises(ConfigurationError, match=told) as caught:
        schema._build_user_view(views, path, schema._relations(views))
    views.execute("rollback")
    assert "mine.sql" in caught.value.message and "\n" not in caught.value.message and caught.value.hint


def test_a_view_file_that_was_refused_leaves_everything(
    views: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Views, tables and rows are as before; a corrected file is built."""
    path = tmp_path / "mine.sql"
    path.write_text("create view mine as select 1 as one; drop view calls; drop table main.tasks;")
    before = {row[1:] for row in schema._relations(views)}
    with pytest.raises(ConfigurationError):
        build_views(views, user_folder=tmp_path)
    assert {row[1:] for row in schema._relations(views)} == before
    path.write_text("-- about\ndrop view if exists mine; create view mine as select 1 as one;")
    assert build_views(views, user_folder=tmp_path)
    assert {row[1] for row in schema._relations(views)} >= {"main.mine", "main.calls", "main.tasks"}


@pytest.fixture(scope="module")
def views() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with all of our tables and views."""
    with duckdb.connect(":memory:") as connection:
        create_schema(connection, now=NOW.replace(tzinfo=None))
        build_views(connection)
        yield connection
