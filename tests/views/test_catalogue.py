"""What holds for every view: it runs on anything, says what it is, and is written in one style."""

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.views.conftest import Warehouse
from unpod_sync import tables
from unpod_sync.warehouse import schema
from unpod_sync.warehouse.storage import Capabilities

PLAIN = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
HEADER = re.compile(r"-- (One row.*?)\ncreate or replace view (\w+) as\n", re.DOTALL)
MACRO = re.compile(r"-- One .*\ncreate or replace macro (\w+)\([\w, ]+\) as (?:table|\()\n")
MACRO_FILES = [path for path in schema.sql_files("views") if MACRO.match(path.read_text(encoding="utf-8"))]
VIEW_FILES = [path for path in schema.sql_files("views") if path not in MACRO_FILES]
CHECK_FILES = schema.sql_files("checks")

PROMISED = {
    "run_completion": (
        "run_id space_token run_status total_tasks completed_tasks failed_tasks pending_tasks "
        "in_progress_tasks other_tasks completion_rate processed_rate finished_at"
    ),
    "agent_completion": "agent_handle total_tasks completed_tasks completion_rate processed_rate",
    "space_completion": "space_token total_tasks completed_tasks completion_rate processed_rate",
    "daily_completion": "space_token local_date total_tasks completed_tasks completion_rate processed_rate",
    "call_durations": (
        "space_token agent_handle local_date call_count connected_count duration_count "
        "total_seconds avg_seconds median_seconds p90_seconds p95_seconds max_seconds"
    ),
    "run_durations": (
        "run_id call_count connected_count duration_count total_seconds avg_seconds median_seconds "
        "p90_seconds p95_seconds max_seconds elapsed_seconds"
    ),
    "call_outcomes": "space_token agent_handle outcome call_count outcome_share avg_seconds total_cost",
    "daily_outcomes": "space_token local_date outcome call_count outcome_share avg_seconds total_cost",
    "call_funnel": "space_token agent_handle tasks dialed answered connected engaged interested",
    "run_funnel": (
        "run_id space_token tasks dialed answered connected engaged interested connect_rate "
        "cost_per_connect cost_per_interested usual_connect_rate"
    ),
    "connect_heatmap": (
        "space_token local_weekday local_hour dialed_count connected_count connect_rate "
        "connect_rate_low connect_rate_high is_reliable"
    ),
    "agent_hours": (
        "agent_handle agent_name local_hour dialed_count connected_count connect_rate "
        "connect_rate_low connect_rate_high is_reliable"
    ),
    "attempts": "task_id attempt",
    "retry_yield": "space_token attempt dialed_count connected_count connect_rate is_approximate",
    "contacts": (
        "call_count connected_count first_called_at last_called_at last_outcome repeat_within_7_days"
    ),
    "callbacks_due": "task_id callback_at",
    "call_costs": "space_token agent_handle total_cost cost_per_call cost_per_connect cost_per_interested",
    "agent_scorecard": "agent_handle connect_rate completion_rate interested_rate success_rate",
    "agent_comparison": (
        "agent_handle other_agent_handle connect_difference connect_difference_low connect_difference_high "
        "is_connect_significant interested_difference interested_difference_low interested_difference_high "
        "is_interested_significant is_significant comparison_count"
    ),
    "weekly_trend": "space_token week_start is_complete",
    "daily_anomalies": "space_token local_date connect_rate completion_rate is_anomaly direction",
    "conversation_stats": (
        "task_id turn_count user_message_count agent_message_count user_characters agent_characters "
        "agent_talk_share reply_gap_p50_seconds longest_gap_seconds"
    ),
    "structured_fields": "task_id key value_text value_number",
    "opt_out_candidates": "task_id position content",
    "caller_number_health": "space_token caller_number week_start connect_rate other_connect_rate is_low",
    "compliance_findings": "rule task_id contact_key dialed_at dial_count dial_limit opt_out_task_id",
    "sync_freshness": "space_token last_synced_at newest_task_at task_count api_count pending_sweep",
    "data_quality": "flaw flaw_count description remedy",
    "execution_reconciliation": "agent_handle run_id total_tasks completed_tasks",
    "platform_run_analytics": (
        "run_id total_tasks completed failed pending in_progress success_rate completion_rate "
        "avg_retry_attempts total_retries transcript_available no_transcript transcript_rate "
        "avg_success_score interested call_back send_details not_interested not_connected "
        "failed_calls platform_gives_up"
    ),
    "calls": (
        "task_id is_dialed is_voicemail is_connected is_answered is_engaged is_short is_terminal is_final "
        "started_local_at space_name agent_name caller_number"
    ),
}


def test_every_promised_view_has_its_columns(warehouse: Warehouse) -> None:
    """The names that others rely on are there."""
    for view, names in PROMISED.items():
        present = {row[0] for row in warehouse.rows(f"describe {view}")}
        assert set(names.split()) <= present, view


@pytest.mark.parametrize("path", VIEW_FILES, ids=lambda path: path.stem)
def test_each_file_makes_the_one_view_it_is_named_for(path) -> None:
    """A file opens with the grain and creates the view of its name."""
    text = path.read_text(encoding="utf-8")
    header = HEADER.match(text)
    assert header, "first comes the grain, then the view"
    assert re.fullmatch(r"\d{3}_" + header[2], path.stem)
    assert text.count("create ") == 1


def test_every_view_answers_on_empty_tables(warehouse: Warehouse) -> None:
    """A file without a single row breaks nothing."""
    for view in warehouse.views():
        warehouse.rows(f"select * from {view}")


def test_every_view_answers_on_rows_of_nulls(warehouse: Warehouse) -> None:
    """A row of which nothing is known breaks nothing, and no flag of it is NULL."""
    for table in tables.TABLES:
        key = table.columns[0].name
        warehouse.insert(table.name, **{key: None})
    warehouse.connection.execute("update tasks set execution_type = 'call'")
    for view in warehouse.views():
        warehouse.rows(f"select * from {view}")
    flags = [row[0] for row in warehouse.rows("describe calls") if row[0].startswith("is_")]
    assert warehouse.row(f"select {', '.join(flags)} from calls") == (False,) * len(flags)


def test_every_view_answers_on_one_row(warehouse: Warehouse) -> None:
    """One call is enough, and divides by no zero."""
    warehouse.task()
    for view in warehouse.views():
        warehouse.rows(f"select * from {view}")
    assert warehouse.row("select connect_rate, dialed from call_funnel") == (None, 0)


def test_types_are_plain(warehouse: Warehouse) -> None:
    """No view has a type that BI tools stumble on."""
    for view in warehouse.views():
        for name, kind, *_ in warehouse.rows(f"describe {view}"):
            assert kind in PLAIN, f"{view}.{name}"


def test_everything_has_a_comment(warehouse: Warehouse) -> None:
    """Each view and each of its columns says in the catalogue what it is."""
    assert (
        warehouse.rows(
            "select view_name from duckdb_views() where not internal and coalesce(comment, '') = ''"
        )
        == []
    )
    uncommented = (
        "select table_name, column_name from duckdb_columns() where not internal and comment is null"
    )
    assert [row for row in warehouse.rows(uncommented) if row[0] in warehouse.views()] == []


@pytest.mark.parametrize("path", MACRO_FILES, ids=lambda path: path.stem)
def test_a_macro_is_in_a_file_named_for_it(path) -> None:
    """Its file holds nothing else."""
    header = MACRO.match(path.read_text(encoding="utf-8"))
    assert header and path.stem[4:] == header[1]
    assert path.read_text(encoding="utf-8").count(";\n") == 1


def test_the_macros_are_these(warehouse: Warehouse) -> None:
    """The completion views share one, all intervals of rates the other two."""
    rows = warehouse.rows("select function_name from duckdb_functions() where not internal order by 1")
    assert rows == [("completion_by",), ("wilson_high",), ("wilson_low",)]


@pytest.mark.parametrize("path", VIEW_FILES, ids=lambda path: path.stem)
def test_the_grain_is_also_the_catalogue_comment(path, warehouse: Warehouse) -> None:
    """First line of the file and comment of the view say the same."""
    header = HEADER.match(path.read_text(encoding="utf-8"))
    assert header
    (comment,) = warehouse.row(f"select comment from duckdb_views() where view_name = '{header[2]}'")
    grain = " ".join(header[1].replace("\n-- ", " ").split())
    assert re.split(r"[,:;.]", comment)[0] == re.split(r"[,:;.]", grain)[0]


def test_every_measure_is_defined_and_every_definition_has_its_column(warehouse: Warehouse) -> None:
    """meta.metrics and the numbers of the views are the same set."""
    numbers = {
        (view, name)
        for view in warehouse.views()
        for name, kind, *_ in warehouse.rows(f"describe {view}")
        if kind in ("BIGINT", "DOUBLE") or (kind == "BOOLEAN" and name.startswith("is_"))
    } - NO_MEASURES
    defined = set(warehouse.rows("select view_name, column_name from meta.metrics"))
    assert numbers - defined == set(), "a number without a definition"
    present = {(view, row[0]) for view in warehouse.views() for row in warehouse.rows(f"describe {view}")}
    assert defined - present == set(), "a definition without a column"


# numbers that are keys, places and switches, not measures
NO_MEASURES = {
    ("calls", "started_local_hour"),
    ("calls", "started_local_weekday"),
    ("calls", "success_score_scale"),
    ("agent_hours", "local_hour"),
    ("connect_heatmap", "local_hour"),
    ("connect_heatmap", "local_weekday"),
    ("attempts", "local_hour"),
    ("retry_yield", "attempt"),
    ("weekly_trend", "iso_year"),
    ("weekly_trend", "iso_week"),
    ("opt_out_candidates", "position"),
    ("country_zones", "utc_year"),
    ("conversation_stats", "is_connected"),
    ("conversation_stats", "is_engaged"),
}


def test_metrics_need_no_comments_on_view_columns(warehouse: Warehouse, tmp_path: Path) -> None:
    """A storage that takes neither comments on view columns nor compression has the same metrics."""
    plain = Capabilities(column_compression=False, view_column_comments=False)
    with duckdb.connect(str(tmp_path / "plain.duckdb")) as connection:
        schema.create_schema(
            connection, now=datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None), capabilities=plain
        )
        schema.build_views(connection, capabilities=plain)
        assert connection.execute("from meta.metrics").fetchall() == warehouse.rows("from meta.metrics")
        commented = "select count(comment) from duckdb_columns() where table_name = 'calls'"
        assert connection.execute(commented).fetchall() == [(0,)]


def test_a_users_view_defines_metrics_by_its_comments(warehouse: Warehouse, tmp_path: Path) -> None:
    """They come after ours."""
    (tmp_path / "mine.sql").write_text(
        "create view mine as select 1 as one;"
        " comment on column mine.one is 'One. Source: thin air. Caveat: always.'"
    )
    before = warehouse.rows("from meta.metrics")
    schema.build_views(warehouse.connection, user_folder=tmp_path)
    mine = ("one", "mine", "one", "One.", "thin air", "always.")
    assert warehouse.rows("from meta.metrics") == [*before, mine]


def test_definitions_are_whole(warehouse: Warehouse) -> None:
    """Each has a text and names its sources."""
    assert (
        warehouse.rows(
            "select view_name, column_name from meta.metrics where definition = '' or source_fields = ''"
        )
        == []
    )


def test_what_was_settled_is_written_down(warehouse: Warehouse) -> None:
    """Definitions that could be read in two ways say in meta.metrics which one holds."""
    settled = {
        ("calls", "is_engaged"): "consecutive messages are one turn",
        ("calls", "is_dialed"): "voicemail",
        ("calls", "outcome"): "label Connected is other",
        ("calls", "contact_key"): "country of the configured time zone",
        ("calls", "callback_at"): "without a zone is in the configured time zone",
        ("call_durations", "p90_seconds"): "type 7 (linear)",
        ("run_durations", "elapsed_seconds"): "NULL when the end of a dialed call is missing",
        ("call_funnel", "interested"): "Of the engaged",
        ("call_costs", "total_cost"): "NULL when every cost is 0 or absent",
        ("execution_reconciliation", "our_completed_tasks"): "Completed is completed",
        ("platform_run_analytics", "total_retries"): "NULL when no task of the run has one",
    }
    for (view, column), words in settled.items():
        (text,) = warehouse.row(
            "select concat_ws(' ', definition, caveat) from meta.metrics"
            f" where view_name = '{view}' and column_name = '{column}'"
        )
        assert words in text, (view, column)


def test_a_users_threshold_survives_a_rebuild(warehouse: Warehouse) -> None:
    """Building the views again changes no setting."""
    warehouse.set("engaged_user_turns", "7")
    schema.build_views(warehouse.connection, force=True)
    assert warehouse.row("select engaged_user_turns from thresholds") == (7,)


def test_every_threshold_has_a_default(warehouse: Warehouse) -> None:
    """No view compares with NULL in a fresh file."""
    assert None not in warehouse.row("select * from thresholds")


@pytest.mark.parametrize("path", CHECK_FILES, ids=lambda path: path.stem)
def test_each_check_opens_with_its_claim_and_holds_on_nothing(path, warehouse: Warehouse) -> None:
    """A claim is a sentence; an empty file breaks none."""
    text = path.read_text(encoding="utf-8")
    assert re.match(r"-- [A-Z].*\.\n", text)
    assert warehouse.rows(text) == []


def test_the_rates_check_knows_every_rate(warehouse: Warehouse) -> None:
    """A new rate column is a claim at once."""
    text = (schema.sql_folder() / "checks" / "rates_lie_within_0_and_1.sql").read_text(encoding="utf-8")
    claimed = {
        (view, name)
        for view, conditions in re.findall(r"from (\w+)\nwhere\n(.*?)having", text, re.DOTALL)
        for name in re.findall(r"(\w+) not between 0 and 1", conditions)
    }
    rates = {
        (view, row[0])
        for view in warehouse.views()
        for row in warehouse.rows(f"describe {view}")
        if re.search(r"(^|_)(rate|share)$", row[0])
    }
    assert claimed == {rate for rate in rates if rate[0] != "platform_run_analytics"}


def test_the_present_is_utc_whatever_the_session(warehouse: Warehouse) -> None:
    """utc_clock does not follow the session's zone."""
    for zone in ("Asia/Kolkata", "America/New_York", "UTC"):
        warehouse.connection.execute(f"set timezone = '{zone}'")
        (now,) = warehouse.row("select now_at from utc_clock")
        assert abs((now - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 60


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_the_present_is_utc_whatever_the_machine(zone: str) -> None:
    """utc_clock does not follow the machine's zone."""
    program = f"""
import duckdb
from pathlib import Path
connection = duckdb.connect()
connection.execute(Path({str(schema.sql_folder() / "views" / "010_utc_clock.sql")!r}).read_text())
print(connection.execute("select epoch_us(now_at) / 1000000.0 from utc_clock").fetchone()[0])
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    assert abs(float(answer.stdout) - time.time()) < 60
