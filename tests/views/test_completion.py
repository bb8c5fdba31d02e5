"""Completion, freshness, reconciliation and flaws, on rows whose figures were worked out by hand."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.views.conftest import START, Warehouse, at, day
from unpod_sync.model import space_tasks
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.records import prepare

COUNTS = "total_tasks, completed_tasks, failed_tasks, pending_tasks, in_progress_tasks, other_tasks"


def test_every_status_has_its_place(warehouse: Warehouse) -> None:
    """Ten known words, one unknown, one missing."""
    for status in (
        "completed",
        "completed",
        "failed",
        "pending",
        "scheduled",
        "queued",
        "hold",
        "in_progress",
        "processing",
        "running",
        "partially_completed",
        "surprise",
        None,
    ):
        warehouse.task(status=status)
    expected = (13, 2, 1, 4, 3, 3, 2 / 13, 3 / 13)
    for view in ("run_completion", "agent_completion", "space_completion", "daily_completion"):
        assert warehouse.row(f"select {COUNTS}, completion_rate, processed_rate from {view}") == expected, (
            view
        )


def test_runs_without_tasks_and_tasks_without_runs(warehouse: Warehouse) -> None:
    """An empty run has a row without rates; a run known from tasks only too; tasks outside runs none."""
    warehouse.insert("runs", run_id="empty", space_token="north", status="completed")
    warehouse.insert("runs", run_id="R1", space_token="north", status="running")
    warehouse.insert("runs", run_id="gone", space_token="north", deleted_at=START)
    warehouse.insert("runs", run_id="gone but alive", space_token="north", deleted_at=START)
    warehouse.task(status="completed")
    warehouse.task(run_id="old", space_token="south", status="failed")
    warehouse.task(run_id="gone but alive")
    warehouse.task(run_id=None)
    columns = "run_id, space_token, run_status, total_tasks, completion_rate, processed_rate"
    assert warehouse.rows(f"select {columns} from run_completion order by 1") == [
        ("R1", "north", "running", 1, 1.0, 1.0),
        ("empty", "north", "completed", 0, None, None),
        ("gone but alive", "north", None, 1, 0.0, 0.0),
        ("old", "south", None, 1, 0.0, 1.0),
    ]


def test_deleted_tasks_are_left_out(warehouse: Warehouse) -> None:
    """Of two tasks one is gone."""
    warehouse.task(status="completed")
    warehouse.task(status="failed", deleted_at=START)
    assert warehouse.row(f"select {COUNTS}, completion_rate from run_completion") == (1, 1, 0, 0, 0, 0, 1.0)


def test_a_run_is_finished_when_nothing_is_open(warehouse: Warehouse) -> None:
    """At the end of its last call; not while a redial waits."""
    warehouse.call(ended_at=at(9, 5))
    warehouse.call(ended_at=at(9, 7), status="failed")
    assert warehouse.row("select finished_at from run_completion") == (at(9, 7),)
    warehouse.task(status="scheduled")
    assert warehouse.row("select finished_at from run_completion") == (None,)


def test_agents_spaces_and_days_have_their_rows(warehouse: Warehouse) -> None:
    """Also an agent without tasks, tasks without an agent, and tasks without a date."""
    warehouse.insert("agents", agent_handle="idle", agent_name="Idle")
    warehouse.insert("spaces", space_token="quiet", space_name="Quiet")
    warehouse.task(status="completed")
    warehouse.task(agent_handle=None, created_local_date=day(3), space_token="south")
    warehouse.task(created_local_date=None)
    assert warehouse.rows(
        "select agent_handle, total_tasks, completion_rate from agent_completion order by 1"
    ) == [
        ("anna", 2, 0.5),
        ("idle", 0, None),
        (None, 1, 0.0),
    ]
    assert warehouse.rows("select space_token, total_tasks from space_completion order by 1") == [
        ("north", 2),
        ("quiet", 0),
        ("south", 1),
    ]
    assert warehouse.rows(
        "select space_token, local_date, total_tasks from daily_completion order by 1, 2"
    ) == [
        ("north", day(2), 1),
        ("north", None, 1),
        ("south", day(3), 1),
    ]


def test_freshness_reads_the_list_of_tasks_of_each_space(warehouse: Warehouse) -> None:
    """Other lists of the space, and deleted tasks, do not count; forgotten ones are no difference."""
    warehouse.insert("spaces", space_token="north", space_name="North")
    warehouse.insert("spaces", space_token="unread")
    warehouse.task()
    warehouse.task(created_at=at(10))
    warehouse.task(created_at=at(11), deleted_at=at(12))
    warehouse.insert(
        "meta.bookmarks",
        resource="spaces/north/tasks",
        space_token="north",
        kind="task",
        api_count=5,
        sweep_remaining=2,
        last_synced_at=at(13),
        explained_gap=1,
    )
    warehouse.insert(
        "meta.bookmarks", resource="spaces/north/runs", space_token="north", kind="run", api_count=99
    )
    warehouse.insert("meta.forgotten", hash="a", kind="task", space_token="north")
    warehouse.insert("meta.forgotten", hash="b", kind="number")
    columns = (
        "space_token, space_name, last_synced_at, newest_task_at, task_count, api_count, count_difference, "
        "pending_sweep, explained_gap, deleted_count"
    )
    assert warehouse.rows(f"select {columns} from sync_freshness order by 1") == [
        ("north", "North", at(13), at(10), 2, 5, 2, 2, 1, 1),
        ("unread", None, None, None, 0, None, None, None, None, 0),
    ]


def test_freshness_counts_the_seconds_since_the_last_sync(warehouse: Warehouse) -> None:
    """Two hours ago are 7200 s, in UTC."""
    warehouse.connection.execute(
        "insert into meta.bookmarks (resource, space_token, last_synced_at)"
        " select 'spaces/north/tasks', 'north', now_at - interval 2 hour from utc_clock"
    )
    warehouse.connection.execute("set timezone = 'America/New_York'")
    (age,) = warehouse.row("select age_seconds from sync_freshness")
    assert 7200 <= age < 7260


@pytest.mark.parametrize(
    ("theirs", "tasks", "explanation"),
    [
        ((2, 1), [{"status": "completed"}, {}], "equal"),
        ((2, 2), [{"status": "completed"}, {}], "completed differs"),
        ((2, 0), [{}, {"deleted_at": START}], "the endpoint still counts tasks"),
        ((1, 0), [{}, {"agent_handle": "bela"}], "the endpoint counts the tasks of this agent only"),
        ((1, 0), [{}, {}], "tasks joined the run after"),
        ((5, 0), [{}], "tasks are missing here"),
        ((5, 0), [], "run unknown here"),
        ((None, None), [{}], "the endpoint sent no count"),
    ],
)
def test_differences_to_the_executions_are_explained(
    warehouse: Warehouse,
    theirs: tuple[int | None, int | None],
    tasks: list[dict[str, object]],
    explanation: str,
) -> None:
    """Each kind of difference has its words."""
    warehouse.insert(
        "executions", agent_handle="anna", run_id="R1", total_tasks=theirs[0], completed_tasks=theirs[1]
    )
    for task in tasks:
        warehouse.task(**task)
    (text, equal) = warehouse.row("select explanation, is_equal from execution_reconciliation")
    assert text.startswith(explanation)
    assert equal is (explanation == "equal")


def test_statuses_are_folded_before_they_are_compared(warehouse: Warehouse) -> None:
    """Completed, as one writer sends it, is completed for us as for the endpoint."""
    payload = {"task_id": "T1", "run_id": "R1", "status": "Completed"}
    records, _ = prepare([encode(payload)], space_tasks("north"))
    warehouse.connection.register("incoming", flatten("task", records, ZoneInfo("UTC")).rows)
    warehouse.connection.execute("insert into tasks by name from incoming")
    warehouse.connection.unregister("incoming")
    warehouse.insert("executions", agent_handle="anna", run_id="R1", total_tasks=1, completed_tasks=1)
    columns = "our_completed_tasks, completed_difference, explanation"
    assert warehouse.row(f"select {columns} from execution_reconciliation") == (1, 0, "equal")
    assert warehouse.row("select completed from platform_run_analytics") == (1,)


def test_a_run_known_without_tasks_is_said_to_be_unread(warehouse: Warehouse) -> None:
    """The run is in a list, its tasks are not."""
    warehouse.insert("runs", run_id="R1", space_token="north")
    warehouse.insert("executions", agent_handle="anna", run_id="R1", total_tasks=2, completed_tasks=1)
    columns = "total_tasks, our_total_tasks, total_difference, completed_difference, explanation"
    assert warehouse.row(f"select {columns} from execution_reconciliation") == (
        2,
        0,
        2,
        1,
        "run known, its tasks not yet read",
    )


def test_each_flaw_is_counted_once(warehouse: Warehouse) -> None:
    """One case of each kind, beside a sound call that has none."""
    sound = {
        "duration_seconds": 60.0,
        "cost": 1.0,
        "contact_key": "919812345678",
        "contact_number": "+919812345678",
        "has_analysis": True,
        "timed_message_count": 10,
        "ended_at": at(9, 1),
        "run_id": None,
        "first_seen_at": START,
        "changed_at": START,
    }
    warehouse.talk(**sound)
    warehouse.insert(
        "meta.rejects", load_id="L", kind="task", id="T", field="cost", value_text="x", reason="no number"
    )
    cases = {
        "deleted_tasks": {"deleted_at": START},
        "late_changes": {"changed_at": START + timedelta(days=15)},
        "unknown_types": {"execution_type": None},
        "unknown_statuses": {"status": "surprise"},
        "missing_agents": {"agent_handle": None},
        "missing_creations": {"created_at": None},
        "future_creations": {"created_at": START + timedelta(days=36500)},
        "unknown_runs": {"run_id": "R9"},
        "missing_starts": {"started_at": None},
        "negative_durations": {"ended_at": at(8)},
        "missing_durations": {"duration_seconds": None},
        "missing_transcripts": {
            "message_count": None,
            "user_message_count": None,
            "timed_message_count": None,
        },
        "missing_analyses": {"has_analysis": False},
        "missing_contacts": {"contact_key": None},
        "unknown_countries": {"contact_number": "9812345678"},
        "completed_voicemails": {"is_voicemail": True},
        "verdicts_without_user": {"outcome": "interested", "user_message_count": 0},
        "not_connected_with_user": {"outcome": "not_connected"},
        "unreadable_callbacks": {"callback_label": "some evening"},
        "unreadable_scores": {"success_label": "splendid"},
        "untimed_calls": {"timed_message_count": 3},
        "missing_costs": {"cost": 0.0},
    }
    for case in cases.values():
        warehouse.talk(**sound | case)
    warehouse.talk(**sound | {"callback_label": "N/A"})
    counts = dict(warehouse.rows("select flaw, flaw_count from data_quality"))
    assert counts == dict.fromkeys(cases, 1) | {"rejected_values": 1}
    assert warehouse.rows("select flaw from data_quality where description is null or remedy is null") == []
    assert warehouse.row(
        "select base_count, flaw_rate from data_quality where flaw = 'unreadable_callbacks'"
    ) == (
        2,
        0.5,
    )
