"""`export`: everything out, typed, safe in a spreadsheet, whole or not at all."""

from __future__ import annotations

import csv
import stat
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from tests.conftest import Ran
from unpod_sync.analytics.excel import write_workbook
from unpod_sync.analytics.export import Request, sheets, write_sheet

Run = Callable[..., Ran]


@pytest.fixture
def nasty(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A table with everything that spreadsheets misread."""
    with duckdb.connect(":memory:") as memory:
        memory.execute(
            "create table nasty as select * from (values"
            " ('=1+1', -5, date '2026-03-01', timestamp '2026-03-01 10:00:00', 0.25::double, true),"
            " ('+91 98', 5, null, null, 'nan'::double, false),"
            " ('@x', null, date '1800-01-01', null, null, null),"
            " ('-a', 12345678901234567, null, null, null, null),"
            " ('http://a.example', null, null, null, null, null),"
            " (chr(9) || 't', null, null, null, null, null), ('007', null, null, null, null, null),"
            " (repeat('x', 40000), null, null, null, null, null), ('é,\"', null, null, null, null, null),"
            " (chr(10) || '=1+1', null, null, null, null, null), (chr(13) || '+1', null, null, null, null, null),"
            " ('＝1+1', null, null, null, null, null)"
            ") as t(text, number, day, moment, hit_rate, yes)"
        )
        yield memory


def test_csv_runs_no_formula(nasty: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Texts that begin like a formula get an apostrophe; numbers keep their sign."""
    [sheet] = sheets(nasty, Request())
    assert write_sheet(nasty, sheet, tmp_path / "nasty.csv", "csv") == 12
    with (tmp_path / "nasty.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    assert texts[:7] == ["'=1+1", "'+91 98", "'@x", "'-a", "http://a.example", "'\tt", "007"]
    assert texts[9:] == ["'\n=1+1", "'\r+1", "'＝1+1"]
    assert texts[8] == 'é,"' and rows[0]["number"] == "-5"


def test_a_workbook_is_typed(nasty: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Text stays text, dates are dates, long numbers lose no digit, nothing is a formula or a link."""
    openpyxl = pytest.importorskip("openpyxl")
    write_workbook(nasty, sheets(nasty, Request()), tmp_path / "nasty.xlsx")
    page = openpyxl.load_workbook(tmp_path / "nasty.xlsx")["nasty"]
    rows = list(page.iter_rows(min_row=2, values_only=True))
    assert rows[0] == ("=1+1", -5, datetime(2026, 3, 1), datetime(2026, 3, 1, 10), 0.25, True)  # noqa: DTZ001
    assert {page[f"A{row}"].data_type for row in range(2, 14)} == {"s"}
    assert page["A2"].data_type == "s" and page["A6"].hyperlink is None
    assert rows[1][4] is None and rows[2][2] == "1800-01-01" and rows[3][1] == "12345678901234567"
    assert rows[6][0] == "007" and len(rows[7][0]) == 32_767
    assert page.freeze_panes == "B2" and page.auto_filter.ref == "A1:F13"


def test_a_workbook_shows_rates_and_their_intervals_as_percentages(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    with duckdb.connect(":memory:") as memory:
        memory.execute(
            "create table hours as select 0.5 as connect_rate, 0.4 as connect_rate_low, 2.5 as low"
        )
        write_workbook(memory, sheets(memory, Request()), tmp_path / "hours.xlsx")
    page = openpyxl.load_workbook(tmp_path / "hours.xlsx")["hours"]
    assert [page[f"{column}2"].number_format for column in "ABC"] == ["0.0%", "0.0%", "General"]


def test_sheet_names_are_short_and_unlike(tmp_path: Path) -> None:
    """Names that agree in 31 characters, or but for their case, become different sheets."""
    with duckdb.connect(":memory:") as memory:
        for end in ("_first", "_second"):
            memory.execute(f"create table a_name_that_is_too_long_for_excel{end} as select 1 as one")
        write_workbook(memory, sheets(memory, Request()), tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        text = book.read("xl/workbook.xml").decode()
    assert (
        'name="a_name_that_is_too_long_for_exc"' in text and 'name="a_name_that_is_too_long_for_e~2"' in text
    )


def test_everything_is_exported(run_cli: Run, warehouse_file: Path, tmp_path: Path) -> None:
    """Without names every table and view of main, nothing of raw and meta; private; done twice the same."""
    for _ in range(2):
        ran = run_cli("export", "--database", warehouse_file, "--format", "parquet", "--output", tmp_path)
        assert ran.status == 0 and ran.out == ""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        names = {
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'main'"
            ).fetchall()
        }
        [tasks] = connection.execute("select count(*) from tasks").fetchall()
    files = list(tmp_path.iterdir())
    assert {path.stem for path in files} == names
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert duckdb.read_parquet(str(tmp_path / "tasks.parquet")).count("*").fetchall() == [tasks]


def test_dates_and_partitions(run_cli: Run, warehouse_file: Path, tmp_path: Path) -> None:
    """A folder per local date, within --since and --until; a later export leaves no old folder."""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        days = [
            row[0]
            for row in connection.execute(
                "select distinct created_local_date from tasks order by 1"
            ).fetchall()
        ]
    call = ("export", "tasks", "--database", warehouse_file, "--format", "parquet", "--partition-by-date")
    assert run_cli(*call, "--output", tmp_path).status == 0
    assert len(list((tmp_path / "tasks").iterdir())) == len(days)
    since, until = days[-3], days[-2]
    assert run_cli(*call, "--output", tmp_path, "--since", str(since), "--until", str(until)).status == 0
    assert sorted(path.name for path in (tmp_path / "tasks").iterdir()) == [
        f"created_local_date={day}" for day in (since, until)
    ]
    assert isinstance(since, date)
    (tmp_path / "tasks" / "mine.txt").write_text("kept")
    assert run_cli(*call, "--output", tmp_path).status == 2
    assert (tmp_path / "tasks" / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["agent_scorecad", "--format", "csv"], "Did you mean agent_scorecard"),
        (["calls", "runs", "--output", "one.csv"], "cannot hold 2"),
        (["calls"], "--format"),
        (["calls", "--format", "csv", "--partition-by-date"], "only Parquet"),
    ],
)
def test_wrong_calls_are_told(
    run_cli: Run, warehouse_file: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """Exit status 2, what is wrong, what exists; nothing is written."""
    more = [tmp_path / "out"] if "--output" not in arguments else []
    options = ["--output", *more] if more else []
    ran = run_cli("export", "--database", warehouse_file, *arguments, *options)
    assert ran.status == 2 and told in ran.err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "csv"),
        ("calls", "--format", "parquet", "--partition-by-date"),
        ("calls", "--format", "csv"),
    ],
)
def test_a_file_is_no_folder(
    run_cli: Run, warehouse_file: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Where a folder is needed and a file stands, the error names the path; the file stays."""
    (tmp_path / "notes").write_text("mine")
    ran = run_cli("export", "--database", warehouse_file, *arguments, "--output", tmp_path / "notes")
    assert ran.status == 1 and f"{tmp_path / 'notes'} is not a folder" in ran.err
    assert "Name another folder" in ran.err and (tmp_path / "notes").read_text() == "mine"


def test_excel_needs_no_extra() -> None:
    """A plain installation writes workbooks; the names of the old extras stay valid and add nothing."""
    project = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())["project"]
    assert any(line.startswith("xlsxwriter") for line in project["dependencies"])
    assert project["optional-dependencies"]["excel"] == []
    assert not any("xlsx" in line for lines in project["optional-dependencies"].values() for line in lines)
    assert len(project["dependencies"]) == len(set(project["dependencies"]))


def test_every_rate_is_a_percentage_in_a_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")

    rates = {
        "rate", "rate_low", "rate_high", "connect_rate", "connect_rate_median", "completion_rate_change",
        "connect_difference_low", "interested_difference", "outcome_share", "agent_rate_difference",
    }  # fmt: skip
    others = {"shared_day_count", "count_difference", "anomaly_sigmas_low", "separate", "hourly_rate_count"}
    names = sorted(rates | others)
    with duckdb.connect() as memory:
        memory.execute(
            f"create view figures as select {', '.join(f'0.5::double as {name}' for name in names)}"
        )
        write_workbook(memory, sheets(memory, Request()), tmp_path / "a.xlsx")
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["figures"]
    head, row = list(page)
    assert {name.value for name, cell in zip(head, row, strict=True) if cell.number_format == "0.0%"} == rates
