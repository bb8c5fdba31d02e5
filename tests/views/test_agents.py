"""Intervals against published examples; agents beside each other; trend and anomalies."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.views.conftest import START, Warehouse, at, day
from unpod_sync.report.alerts import unusual_days
from unpod_sync.report.scoped_views import Filter, ScopedViews, open_file
from unpod_sync.warehouse import schema
from unpod_sync.warehouse.duckdb_file import DuckDBFile


def calls(warehouse: Warehouse, agent: str, connected: int, dialed: int, **values: object) -> None:
    """`dialed` calls of an agent, `connected` of them connected, in one statement."""
    first = next(warehouse.numbers) * 1000
    on = values.pop("on", day(2))
    warehouse.connection.execute(
        "insert into tasks (task_id, space_token, agent_handle, status, execution_type, is_dialed,"
        " is_voicemail, user_message_count, created_local_date, started_local_date)"
        " select 'T' || (? + i), 'north', ?, ?, 'call', true,"
        " false, (i < ?)::bigint, ?, ? from range(?) as r(i)",
        [first, agent, values.get("status", "completed"), connected, on, on, dialed],
    )


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion,
        # Statistics in Medicine 17 (1998) 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_the_published_ones(
    warehouse: Warehouse, hits: int, cases: int, low: float, high: float
) -> None:
    """To the four digits printed."""
    calls(warehouse, "anna", hits, cases)
    columns = "connected_count, dialed_count, connect_rate, connect_rate_low, connect_rate_high"
    row = warehouse.row(f"select {columns} from agent_scorecard")
    assert row[:3] == (hits, cases, hits / cases)
    assert row[3:] == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_agents_are_compared_over_the_days_both_dialed(warehouse: Warehouse) -> None:
    """Of three days one is shared; a pair stands once."""
    calls(warehouse, "anna", 5, 10, on=day(2))
    calls(warehouse, "anna", 10, 10, on=day(3))
    calls(warehouse, "bela", 1, 10, on=day(2))
    calls(warehouse, "bela", 0, 10, on=day(4))
    warehouse.task(agent_handle="bela", created_local_date=day(3))
    columns = (
        "agent_handle, other_agent_handle, shared_day_count, dialed_count, connected_count, connect_rate, "
        "other_dialed_count, other_connected_count, interested_rate, other_interested_rate, is_significant"
    )
    assert warehouse.rows(f"select {columns} from agent_comparison") == [
        ("anna", "bela", 1, 10, 5, 0.5, 10, 1, 0.0, 0.0, None)
    ]


def test_agents_of_different_spaces_are_not_compared(warehouse: Warehouse) -> None:
    """The same day in another space is another list of contacts."""
    calls(warehouse, "anna", 5, 10)
    calls(warehouse, "bela", 5, 10)
    warehouse.connection.execute("update tasks set space_token = 'south' where agent_handle = 'bela'")
    assert warehouse.rows("select * from agent_comparison") == []


def test_agents_without_a_shared_day_are_not_compared(warehouse: Warehouse) -> None:
    """No row, no difference."""
    calls(warehouse, "anna", 5, 10, on=day(2))
    calls(warehouse, "bela", 5, 10, on=day(3))
    assert warehouse.rows("select * from agent_comparison") == []


def test_the_scorecard_has_n_beside_each_rate(warehouse: Warehouse) -> None:
    """Interest is of the connected, success of the scored, completion of all tasks."""
    warehouse.talk(outcome="interested", success_score=9.0)
    warehouse.talk(success_score=3.0)
    warehouse.call(status="failed")
    warehouse.task(execution_type="email", status="completed")
    warehouse.insert("agents", agent_handle="idle")
    columns = (
        "agent_handle, day_count, dialed_count, connected_count, connect_rate, total_tasks, completed_tasks, "
        "completion_rate, interested_count, interested_rate, scored_count, successful_count, success_rate"
    )
    assert warehouse.rows(f"select {columns} from agent_scorecard order by 1") == [
        ("anna", 1, 3, 2, 2 / 3, 4, 3, 0.75, 1, 0.5, 2, 1, 0.5),
        ("idle", 0, 0, 0, None, 0, 0, None, 0, None, 0, 0, None),
    ]


def test_weeks_are_iso_weeks_and_change_against_the_week_before(warehouse: Warehouse) -> None:
    """Monday 2026-03-02 opens week 10; after a week without calls there is nothing to compare."""
    for on, connected, dialed in ((day(2), 1, 4), (day(8), 1, 4), (day(9), 6, 8), (day(23), 1, 1)):
        calls(warehouse, "anna", connected, dialed, on=on)
    columns = (
        "week_start, iso_year, iso_week, is_complete, dialed_count, connect_rate, dialed_change,"
        " connect_rate_change"
    )
    assert warehouse.rows(f"select {columns} from weekly_trend order by 1") == [
        (day(2), 2026, 10, True, 8, 0.25, None, None),
        (day(9), 2026, 11, True, 8, 0.75, 0, 0.5),
        (day(23), 2026, 13, False, 1, 1.0, None, None),
    ]


TREND = "select week_start, is_complete, dialed_change from weekly_trend order by 1"


@pytest.mark.parametrize(
    ("synced_at", "is_complete"), [(None, False), (at(11, 59, 59, on=16), False), (at(12, on=16), True)]
)
def test_the_last_week_is_complete_once_it_is_over_everywhere_and_synced(
    warehouse: Warehouse, synced_at: object, is_complete: bool
) -> None:
    """The week ends on the 15th; at 12:00 UTC of the 16th it has ended in every time zone."""
    calls(warehouse, "anna", 1, 4, on=day(2))
    calls(warehouse, "anna", 1, 6, on=day(15))
    warehouse.insert(
        "meta.bookmarks", resource="spaces/north/tasks", space_token="north", last_synced_at=synced_at
    )
    expected = [(day(2), True, None), (day(9), is_complete, 2 if is_complete else None)]
    assert warehouse.rows(TREND) == expected


def test_a_history_that_begins_within_a_week_has_no_complete_first_week(warehouse: Warehouse) -> None:
    """From Tuesday on; the change of the next week is NULL."""
    for on in (day(3), day(9), day(16), day(23)):
        calls(warehouse, "anna", 1, 4, on=on)
    assert warehouse.rows(TREND) == [
        (day(2), False, None),
        (day(9), True, None),
        (day(16), True, 0),
        (day(23), False, None),
    ]


def test_the_first_days_of_a_year_may_belong_to_the_last_week_of_the_year_before(
    warehouse: Warehouse,
) -> None:
    """2027-01-01 lies in week 53 of 2026."""
    warehouse.task(created_local_date=date(2027, 1, 1))
    assert warehouse.row("select week_start, iso_year, iso_week from weekly_trend") == (
        date(2026, 12, 28),
        2026,
        53,
    )


def baseline(warehouse: Warehouse, days: int, today: int, dialed: int = 50) -> None:
    """Days with 20, 21, 22, 20, … of 50 connected, then one with `today` of `dialed`."""
    for number in range(days):
        calls(warehouse, "anna", 20 + number % 3, 50, on=day(1) + timedelta(days=number))
    calls(warehouse, "anna", today, dialed, on=day(1) + timedelta(days=days))


ANOMALY = (
    "select connect_rate, connect_baseline_days, connect_rate_median, connect_rate_low, connect_rate_high,"
    " is_connect_anomaly, connect_direction, is_anomaly, direction"
    " from daily_anomalies order by local_date desc limit 1"
)
#: Of nine days of 20, 21, 22 of 50: these lie within chance, so that 50 cases alone decide the limits,
#: 0.42 - 2.7 * sqrt(0.42 * 0.58 / 50) and 0.42 + 3.5 * the same, and a little for the skewness.
LIMITS = (pytest.approx(0.2349, abs=1e-4), pytest.approx(0.6703, abs=1e-4))


@pytest.mark.parametrize(
    ("connected", "direction"), [(11, "low"), (12, None), (21, None), (33, None), (34, "high")]
)
def test_an_anomaly_lies_outside_of_chance_and_of_what_days_differ(
    warehouse: Warehouse, connected: int, direction: str | None
) -> None:
    """A fall is low, a rise is high; the usual has no direction."""
    baseline(warehouse, 9, connected)
    is_anomaly = direction is not None
    expected = (connected / 50, 9, 0.42, *LIMITS, is_anomaly, direction, is_anomaly, direction)
    assert warehouse.row(ANOMALY) == expected


def test_a_day_of_few_calls_is_not_judged(warehouse: Warehouse) -> None:
    """49 calls are too few, and are no part of a later baseline."""
    baseline(warehouse, 9, 0, dialed=49)
    assert warehouse.row(ANOMALY)[3:] == (None,) * 6
    calls(warehouse, "anna", 0, 50, on=day(11))
    row = warehouse.row(ANOMALY)
    assert (row[1:3], row[5:]) == ((9, 0.42), (True, "low", True, "low"))


def test_a_short_history_judges_nothing(warehouse: Warehouse) -> None:
    """Six days are too few, seven are enough."""
    baseline(warehouse, 6, 0)
    assert warehouse.row(ANOMALY)[5] is None
    calls(warehouse, "anna", 0, 50, on=day(8))
    assert warehouse.row(ANOMALY)[5] is True


def test_a_weekday_without_a_day_of_its_own_judges_nothing(warehouse: Warehouse) -> None:
    """Ten workdays say nothing of the first Saturday, the 14th."""
    for on in (*range(2, 7), *range(9, 14)):
        calls(warehouse, "anna", 21, 50, on=day(on))
    calls(warehouse, "anna", 0, 50, on=day(14))
    assert warehouse.row(ANOMALY)[5] is None


def test_a_weekday_that_is_always_low_is_usual(warehouse: Warehouse) -> None:
    """Sundays of 15 among days of 25: 15 are low on a Tuesday only, 3 on a Sunday too."""
    for number in range(28):
        calls(warehouse, "anna", 15 if number % 7 == 6 else 25, 50, on=day(2) + timedelta(days=number))
    for on, connected, direction in (
        (day(30), 25, None),
        (day(31), 15, "low"),
        (date(2026, 4, 5), 15, None),
        (date(2026, 4, 12), 3, "low"),
    ):
        calls(warehouse, "anna", connected, 50, on=on)
        assert warehouse.row(ANOMALY)[6] == direction


def test_the_baseline_is_the_28_days_before(warehouse: Warehouse) -> None:
    """Of 35 days before, 28 count."""
    baseline(warehouse, 35, 21)
    assert warehouse.row(ANOMALY)[1] == 28


def test_completion_is_judged_by_tasks(warehouse: Warehouse) -> None:
    """All tasks of nine days completed, none of the tenth."""
    for number in range(9):
        calls(warehouse, "anna", 20 + number % 3, 50, on=day(1 + number))
    calls(warehouse, "anna", 21, 50, on=day(10), status="failed")
    columns = "completion_rate, is_completion_anomaly, is_connect_anomaly, is_anomaly"
    row = warehouse.row(f"select {columns} from daily_anomalies order by local_date desc limit 1")
    assert row == (0.0, True, False, True)


def test_only_a_low_day_needs_attention(tmp_path: Path) -> None:
    """Of a day far below and one far above the usual, the first is listed, with what is usual."""
    path = tmp_path / "unpod.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as unpod (storage_version 'v1.2.0'); use unpod")
        schema.create_schema(connection, now=START)
        schema.build_views(connection)
        warehouse = Warehouse(connection)
        for number, connected in enumerate((*(20, 21, 22) * 4, 45, 5)):
            calls(warehouse, "anna", connected, 50, on=day(1 + number))
        directions = warehouse.rows(
            "select direction from daily_anomalies where is_anomaly order by local_date"
        )
        assert directions == [("high",), ("low",)]
        connection.execute("use memory; detach unpod")
    with open_file(DuckDBFile(path)) as file:
        (found,) = unusual_days(ScopedViews(file, Filter()), None, None)
    assert (found.local_date, found.measure, found.text[:22]) == (
        day(14),
        "connect",
        "10% of 50 connected, u",
    )


def version(warehouse: Warehouse, task: str, minute: int, **values: object) -> None:
    """A version of a task, seen at a minute past nine."""
    plain = {
        "task_id": task,
        "space_token": "north",
        "execution_type": "call",
        "status": "completed",
        "is_dialed": True,
        "is_voicemail": False,
        "content_hash": f"{task} {minute}",
        "observed_at": at(9, minute),
    }
    warehouse.insert("task_versions", **plain | values)


ATTEMPTS = "select attempt, call_id, is_connected, is_approximate from attempts order by task_id, attempt"


def test_a_redial_is_a_second_attempt_of_the_same_task(warehouse: Warehouse) -> None:
    """Stub, result, analysis are one dial; the scheduled version shows it again; then comes the next."""
    warehouse.talk(task_id="T")
    version(warehouse, "T", 0, status="pending", is_dialed=False)
    version(warehouse, "T", 1, call_end_reason="dispatched", status="in_progress")
    version(warehouse, "T", 2, call_id="c1", started_at=at(9), user_message_count=0)
    version(warehouse, "T", 3, call_id="c1", started_at=at(9), user_message_count=0, outcome="not_connected")
    version(warehouse, "T", 4, call_id="c1", started_at=at(9), status="scheduled", redial_count=1)
    version(warehouse, "T", 5, call_end_reason="dispatched", status="in_progress", redial_count=1)
    version(warehouse, "T", 6, call_id="c2", started_at=at(9, 5), redial_count=1, user_message_count=4)
    assert warehouse.rows(ATTEMPTS) == [(1, "c1", False, False), (2, "c2", True, False)]
    assert warehouse.row("select observed_at from attempts where attempt = 1") == (at(9, 1),)


def test_dials_without_an_id_are_told_apart_by_their_start_or_round(warehouse: Warehouse) -> None:
    """Two starts are two dials; failures with an error only are one per round of retries."""
    warehouse.talk(task_id="A")
    version(warehouse, "A", 1, started_at=at(9))
    version(warehouse, "A", 2, started_at=at(9, 30), redial_count=1)
    warehouse.talk(task_id="B")
    version(warehouse, "B", 1, status="failed", error_message="busy")
    version(warehouse, "B", 2, status="failed", error_message="busy", modified_at=START)
    version(warehouse, "B", 3, status="failed", error_message="busy", retry_attempt=1)
    assert warehouse.rows("select task_id, attempt from attempts order by 1, 2") == [
        ("A", 1),
        ("A", 2),
        ("B", 1),
        ("B", 2),
    ]


def test_attempts_follow_the_rounds_before_the_times(warehouse: Warehouse) -> None:
    """Some start times are local: the first dial of A seems to start hours after the second and third.

    B's redials begin anew with its retry: 0 and 2, then 1 and 0. C has no counters: the sync that saw a
    dial first decides, and only then the start.
    """
    for task in "ABC":
        warehouse.talk(task_id=task)
    version(warehouse, "A", 1, call_id="a1", started_at=at(14, 30))
    version(warehouse, "A", 2, call_id="a2", started_at=at(9, 5), retry_attempt=1)
    version(warehouse, "A", 3, call_id="a3", started_at=at(9, 4), retry_attempt=1, redial_count=1)
    version(warehouse, "B", 5, call_id="b2", started_at=at(9), retry_attempt=1, redial_count=0)
    version(warehouse, "B", 6, call_id="b1", started_at=at(10), retry_attempt=0, redial_count=2)
    version(warehouse, "C", 1, call_id="c1", started_at=at(14, 30))
    version(warehouse, "C", 2, call_id="c3", started_at=at(9, 7))
    version(warehouse, "C", 2, call_id="c2", started_at=at(9, 6), content_hash="other")
    numbered = "select call_id, attempt from attempts where task_id = '{}' order by attempt"
    assert warehouse.rows(numbered.format("A")) == [("a1", 1), ("a2", 2), ("a3", 3)]
    assert warehouse.rows(numbered.format("B")) == [("b1", 3), ("b2", 4)]
    assert warehouse.rows(numbered.format("C")) == [("c1", 1), ("c2", 2), ("c3", 3)]


def test_the_last_version_of_a_dial_holds_its_result(warehouse: Warehouse) -> None:
    """Also of two versions that one sync saw: the one stored later is the newer one."""
    warehouse.talk(task_id="T")
    version(warehouse, "T", 1, call_id="c1", user_message_count=0)
    version(warehouse, "T", 1, call_id="c1", user_message_count=4, content_hash="newer")
    assert warehouse.rows(ATTEMPTS) == [(1, "c1", True, False)]


def test_a_voicemail_stub_is_an_attempt(warehouse: Warehouse) -> None:
    """Also in versions that were stored before a voicemail counted as dialed."""
    warehouse.talk(task_id="T")
    version(warehouse, "T", 1, is_dialed=False, is_voicemail=True)
    assert warehouse.rows("select attempt, is_voicemail from attempts") == [(1, True)]


def test_dials_between_two_syncs_leave_room_in_the_numbers(warehouse: Warehouse) -> None:
    """First seen in its third round, then in its fifth: attempts 3 and 5, unique within a round."""
    warehouse.talk(task_id="T")
    version(warehouse, "T", 1, call_id="c3", retry_attempt=2)
    version(warehouse, "T", 2, call_id="c5", retry_attempt=4)
    version(warehouse, "T", 3, call_id="c6", retry_attempt=4, user_message_count=1)
    assert warehouse.rows(ATTEMPTS) == [(3, "c3", False, True), (5, "c5", False, True), (6, "c6", True, True)]
    assert warehouse.rows(
        "select attempt, dialed_count, connect_rate, is_approximate from retry_yield order by 1"
    ) == [
        (3, 1, 0.0, True),
        (5, 1, 0.0, True),
        (6, 1, 1.0, True),
    ]


def test_attempts_of_deleted_tasks_are_left_out(warehouse: Warehouse) -> None:
    """Like everything of them."""
    warehouse.talk(task_id="T", deleted_at=START)
    version(warehouse, "T", 1, call_id="c1")
    assert warehouse.rows(ATTEMPTS) == []


def test_retries_yield_by_space_and_attempt(warehouse: Warehouse) -> None:
    """Two first dials, one second."""
    for task, connected in (("A", 1), ("B", 0)):
        warehouse.talk(task_id=task)
        version(warehouse, task, 1, call_id=task + "1", user_message_count=connected)
    version(warehouse, "B", 2, call_id="B2", redial_count=1, user_message_count=3)
    assert warehouse.rows("select * from retry_yield order by attempt") == [
        ("north", 1, 2, 1, 0.5, False),
        ("north", 2, 1, 1, 1.0, False),
    ]
