"""Each claim of sql/checks holds on sound rows, and is broken by the one flaw it is about."""

import pytest

from tests.views.conftest import START, Warehouse, at
from unpod_sync.warehouse import schema

FLAWS = {
    "agents_are_unique": "insert into agents from agents",
    "bookmarks_are_unique": "insert into meta.bookmarks from meta.bookmarks",
    "creations_are_not_in_the_future": "update runs set created_at = timestamp '2126-01-01'",
    "durations_are_plausible": "update tasks set duration_seconds = -1 where task_id = 'T'",
    "executions_are_unique": "insert into executions from executions",
    "keys_are_known": "update transcript_messages set position = null where position = 1",
    "local_dates_match": "update tasks set created_local_date = created_local_date + 2",
    "local_hours_match": "update tasks set started_local_hour = 24",
    "message_counts_match": "update tasks set message_count = 3 where task_id = 'T'",
    "message_positions_are_gapless": "update transcript_messages set position = 5 where position = 1",
    "messages_are_unique": "insert into transcript_messages from transcript_messages",
    "messages_have_tasks": "update transcript_messages set task_id = 'nobody'",
    "outcomes_are_known_words": "update tasks set outcome = 'Interested'",
    "payloads_are_unique": "insert into raw.payloads from raw.payloads",
    "payloads_have_objects": "insert into raw.payloads (kind, id) values ('run', 'nobody')",
    "roles_are_folded": "update transcript_messages set role = 'User'",
    "rows_are_whole": """update meta.bookmarks set state_json = '{"held": 0, "lost": 2}'""",
    "runs_are_unique": "insert into runs from runs",
    "runs_have_spaces": "update runs set space_token = 'nowhere'",
    "settings_are_readable": "update meta.settings set value = 'many' where name = 'reliable_width'",
    "settings_are_unique": "insert into meta.settings from meta.settings",
    "spaces_are_unique": "insert into spaces from spaces",
    "task_versions_are_unique": "insert into task_versions from task_versions",
    "tasks_are_unique": "insert into tasks from tasks",
    "tasks_have_payloads": "update raw.payloads set content_hash = 'other'",
    "tasks_have_spaces": "update tasks set space_token = 'nowhere'",
    "tasks_have_their_version": "update task_versions set content_hash = 'older'",
    "versions_have_tasks": "update task_versions set task_id = 'nobody'",
    # an agent that talks a negative share of the time is the only rate that bad rows can bend
    "rates_lie_within_0_and_1": "update tasks set agent_characters = -1, user_characters = 3",
}

# Claims about the views themselves: no row of a table can break them, only a mistake in a view.
OF_VIEWS = {
    "calls_add_up",
    "flags_are_consistent",
    "funnel_narrows",
    "metrics_are_unique",
    "outcome_shares_add_up",
    "platform_counts_match",
    "states_add_up",
}


@pytest.fixture
def sound(warehouse: Warehouse) -> Warehouse:
    """One call with everything it needs."""
    warehouse.insert("spaces", space_token="north")
    warehouse.insert("agents", agent_handle="anna")
    warehouse.insert("runs", run_id="R1", space_token="north", created_at=START)
    warehouse.insert("executions", agent_handle="anna", run_id="R1", total_tasks=1, completed_tasks=1)
    warehouse.talk(
        task_id="T",
        content_hash="hash",
        message_count=2,
        duration_seconds=60.0,
        ended_at=at(9, 1),
        outcome="interested",
        agent_characters=3,
        user_characters=1,
    )
    warehouse.insert("task_versions", task_id="T", content_hash="hash", observed_at=START)
    warehouse.insert("raw.payloads", kind="task", id="T", content_hash="hash")
    warehouse.insert("meta.bookmarks", resource="spaces/north/tasks", space_token="north", kind="task")
    for position, role in enumerate(("agent", "user")):
        warehouse.insert("transcript_messages", task_id="T", position=position, role=role)
    return warehouse


def claim(warehouse: Warehouse, name: str) -> list[tuple[object, ...]]:
    """The rows that break a claim."""
    return warehouse.rows((schema.sql_folder() / "checks" / f"{name}.sql").read_text(encoding="utf-8"))


def test_every_claim_holds_on_sound_rows(sound: Warehouse) -> None:
    """No claim is broken by a call like any other."""
    assert {path.stem: rows for path in schema.sql_files("checks") if (rows := claim(sound, path.stem))} == {}


@pytest.mark.parametrize(("name", "flaw"), FLAWS.items(), ids=FLAWS)
def test_a_flaw_breaks_its_claim(name: str, flaw: str, sound: Warehouse) -> None:
    """The claim returns the rows that break it."""
    sound.connection.execute(flaw)
    assert claim(sound, name)


def test_a_run_listed_twice_breaks_the_sums(sound: Warehouse) -> None:
    """A run listed twice counts its tasks twice, and the sums say so."""
    sound.connection.execute("insert into runs from runs")
    assert claim(sound, "completion_adds_up")


def test_every_check_is_tried() -> None:
    """A new claim comes with its flaw."""
    names = {path.stem for path in schema.sql_files("checks")}
    assert names == FLAWS.keys() | OF_VIEWS | {"completion_adds_up"}
