"""`query`: any SQL, any form, nothing but the published file."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture
def query(run_cli: Run, warehouse_file: Path) -> Run:
    def run(*arguments: str | Path, stdin: str = "") -> Ran:
        return run_cli("query", "--database", warehouse_file, *arguments, stdin=stdin)

    return run


def test_a_table_is_for_people(query: Run) -> None:
    """Numbers stand right, NULL is a dash, what is left out is said on stderr."""
    ran = query(
        "select 'a' as word, i * 100 as number, null::int as nothing from range(3) t(i)", "--max-rows", "2"
    )
    assert ran.out.splitlines() == [
        "word  number  nothing",
        "────  ──────  ───────",
        "a          0        –",
        "a        100        –",
    ]
    assert ran.err == "(2 rows; 1 more, all with --max-rows 0)\n"


def test_numbers_keep_all_digits_outside_of_a_terminal(query: Run) -> None:
    """A pipe gets what is stored, also as a table."""
    for form in ("table", "csv", "json"):
        assert "0.3333333333333333" in query("--format", form, "select 1 / 3 as share").out


def test_a_table_obeys_no_control_character(query: Run) -> None:
    """What a contact said cannot steer the terminal."""
    ran = query("select chr(27) || '[31m' || chr(10) || chr(155) || chr(8238) as said")
    assert "\x1b" not in ran.out and "\x9b" not in ran.out and "\u202e" not in ran.out
    assert "␛[31m⏎" in ran.out


def test_json_is_one_array(query: Run) -> None:
    """Dates are ISO, NaN is null, large and exact numbers stay so, a repeated name is numbered."""
    ran = query(
        "--json",
        "select date '2026-03-01' as day, timestamp '2026-03-01 10:00:00' as moment, 'nan'::double as broken,"
        " 12345678901234567890::hugeint as large, 1.10::decimal(4, 2) as exact, null as nothing,"
        " [1, 2] as many, 1 as day",
    )
    [row] = json.loads(ran.out)
    assert row["day"] == "2026-03-01" and row["moment"] == "2026-03-01T10:00:00"
    assert row["broken"] is None and row["nothing"] is None and row["many"] == [1, 2]
    assert row["large"] == 12345678901234567890 and row["day_1"] == 1
    assert '"exact":1.10' in ran.out
    assert json.loads(query("--json", "select 1 where false").out) == []


def test_csv_survives_every_character(query: Run) -> None:
    """Commas, quotes and line ends come back from a CSV reader as they were."""
    ran = query(
        "--format",
        "csv",
        "select 'a,\"b' || chr(13) || chr(10) || 'é' as text, null as nothing, 1.5::double as n",
    )
    assert ran.raw.startswith(b"text,nothing,n\n")
    assert list(csv.reader(io.StringIO(ran.out, newline="")))[1] == ['a,"b\r\né', "", "1.5"]


def test_a_file_appears_whole_and_private(query: Run, tmp_path: Path) -> None:
    """The ending chooses the form; mode 0600; nothing else is left behind."""
    target = tmp_path / "tasks.parquet"
    ran = query("from tasks", "--output", target)
    assert ran.out == "" and ran.err == f"400 rows written to {target}\n"
    assert pq.read_table(target).num_rows == 400
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 and [path.name for path in tmp_path.iterdir()] == [
        "tasks.parquet"
    ]


def test_an_error_leaves_the_old_file(query: Run, tmp_path: Path) -> None:
    """An error in the last row leaves what was there."""
    target = tmp_path / "numbers.csv"
    target.write_text("old")
    ran = query(
        "select case when i = 9999 then 'x'::int else i end from range(10000) t(i)", "--output", target
    )
    assert ran.status == 2 and "Conversion Error" in ran.err
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["numbers.csv"]


def test_sql_comes_from_an_argument_a_file_or_stdin(query: Run, tmp_path: Path) -> None:
    """Several statements run; the last one answers."""
    path = tmp_path / "some.sql"
    path.write_text("create temp table few as select 7 as seven; from few;")
    for ran in (query("--file", path, "--json"), query("-", "--json", stdin=path.read_text())):
        assert json.loads(ran.out) == [{"seven": 7}]
    assert query("select 1", "--file", path).status == 2
    assert query("--file", tmp_path / "none.sql").status == 2
    assert query("-- nothing").status == 2


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("selec 1", "syntax error"),
        ("select * from tsks", "Did you mean tasks"),
        ("select contact from calls", "contact_name"),
        ("select * from main.agent_scorecards", "agent_scorecard"),
    ],
)
def test_bad_sql_is_told_in_two_lines(query: Run, sql: str, told: str) -> None:
    """What is wrong, and what is there instead; exit status 2."""
    ran = query(sql)
    assert ran.status == 2 and ran.out == "" and told in ran.err and len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    "sql",
    [
        "copy tasks to '{0}/out.csv'",
        "export database '{0}/out'",
        "attach '{0}/other.duckdb'",
        "create table mine (a int)",
        "delete from tasks",
        "select * from read_text('{0}/secret.txt')",
        "select * from '{0}/secret.txt'",
        "select * from glob('{0}/*')",
        "install httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "select * from warehouse_file",
    ],
)
def test_sql_reaches_nothing_else(query: Run, tmp_path: Path, sql: str) -> None:
    """No statement writes anything, or reads another file, a variable or a setting."""
    (tmp_path / "secret.txt").write_text("hidden")
    ran = query(sql.format(tmp_path), "--json")
    assert ran.status == 2 and "hidden" not in ran.out and "secret" not in ran.out
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


def test_what_cannot_be_opened_says_why(run_cli: Run, tmp_path: Path) -> None:
    """No file, a file that is no database, a stray log: each with what to do."""
    missing = run_cli("query", "select 1", "--database", tmp_path / "none.duckdb")
    assert missing.status == 1 and "unpod-sync sync" in missing.err
    (tmp_path / "text.duckdb").write_text("no database at all" * 999)
    broken = run_cli("query", "select 1", "--database", tmp_path / "text.duckdb")
    assert broken.status == 1 and "cannot be read" in broken.err
    duckdb.connect(str(tmp_path / "real.duckdb")).close()
    (tmp_path / "real.duckdb.wal").write_bytes(b"")
    stray = run_cli("query", "select 1", "--database", tmp_path / "real.duckdb")
    assert stray.status == 1 and "delete the .wal" in stray.err
