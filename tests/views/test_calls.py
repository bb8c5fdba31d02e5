"""The flags of a call, and the views that count calls, on rows whose figures were worked out by hand."""

from datetime import datetime, timedelta

import pytest

from tests.views.conftest import START, Warehouse, at, day

FLAGS = "is_dialed, is_voicemail, is_connected, is_answered, is_engaged, is_short, is_terminal, is_final"


def flags(warehouse: Warehouse) -> set[str]:
    """The flags of the only call that are set."""
    names = FLAGS.split(", ")
    return {
        name[3:]
        for name, value in zip(names, warehouse.row(f"select {FLAGS} from calls"), strict=True)
        if value
    }


def test_a_waiting_call_has_no_flag(warehouse: Warehouse) -> None:
    """Pending is not dialed."""
    warehouse.task()
    assert flags(warehouse) == set()


def test_a_voicemail_sent_as_completed_is_answered_but_not_connected(warehouse: Warehouse) -> None:
    """Also when words of the greeting were taken for the user's."""
    warehouse.call(is_voicemail=True, user_message_count=2, has_analysis=True)
    assert flags(warehouse) == {"dialed", "voicemail", "answered", "terminal", "final"}


def test_a_call_without_messages_is_not_connected(warehouse: Warehouse) -> None:
    """Neither with an empty transcript nor without one."""
    warehouse.call(user_message_count=0)
    assert flags(warehouse) == {"dialed", "terminal"}
    warehouse.connection.execute("update tasks set user_message_count = null")
    assert flags(warehouse) == {"dialed", "terminal"}


@pytest.mark.parametrize(("turns", "engaged"), [(1, False), (3, False), (4, True)])
def test_engaged_means_more_than_three_turns_of_the_user(
    warehouse: Warehouse, turns: int, engaged: bool
) -> None:
    """Three are not enough, four are, however many messages a turn has."""
    warehouse.talk(user_message_count=9, user_turn_count=turns)
    assert ("engaged" in flags(warehouse)) is engaged


def test_engaged_follows_the_setting(warehouse: Warehouse) -> None:
    """A threshold is a setting."""
    warehouse.talk(user_turn_count=4)
    warehouse.set("engaged_user_turns", "4")
    assert "engaged" not in flags(warehouse)
    warehouse.connection.execute("update tasks set user_turn_count = 5")
    assert "engaged" in flags(warehouse)


@pytest.mark.parametrize(("seconds", "short"), [(9.99, True), (10.0, False), (None, False)])
def test_short_means_under_ten_seconds(warehouse: Warehouse, seconds: float | None, short: bool) -> None:
    """An unknown duration is not short."""
    warehouse.talk(duration_seconds=seconds)
    assert ("short" in flags(warehouse)) is short


@pytest.mark.parametrize(
    ("status", "analysis", "expected"),
    [
        ("completed", False, {"terminal"}),
        ("completed", None, {"terminal"}),
        ("completed", True, {"terminal", "final"}),
        ("failed", False, {"terminal", "final"}),
        ("partially_completed", None, {"terminal", "final"}),
        ("scheduled", True, set()),
        (None, None, set()),
    ],
)
def test_final_waits_for_the_analysis_of_a_completed_call(
    warehouse: Warehouse, status: str | None, analysis: bool | None, expected: set[str]
) -> None:
    """A failed call has nothing to wait for."""
    warehouse.task(status=status, has_analysis=analysis)
    assert flags(warehouse) == expected


def test_only_listed_tasks_of_type_call_are_calls(warehouse: Warehouse) -> None:
    """Deleted tasks, e-mails and tasks of no known type are none."""
    warehouse.task(task_id="call")
    warehouse.task(task_id="deleted", deleted_at=START)
    warehouse.task(task_id="email", execution_type="email")
    warehouse.task(task_id="unknown", execution_type=None)
    assert warehouse.rows("select task_id from calls") == [("call",)]


@pytest.mark.parametrize(
    ("score", "scale", "points"),
    [
        (8.0, None, 8.0),
        (8.0, 10.0, 8.0),
        (80.0, 100.0, 8.0),
        (80.0, None, None),
        (-1.0, None, None),
        (3.0, 5.0, 6.0),
        (0.0, 0.0, None),
        (None, None, None),
    ],
)
def test_scores_are_compared_on_one_scale(
    warehouse: Warehouse, score: float | None, scale: float | None, points: float | None
) -> None:
    """Of ten; a score outside its scale says nothing."""
    warehouse.talk(success_score=score, success_score_scale=scale)
    assert warehouse.row("select success_points, is_successful from calls") == (points, (points or 0) >= 7)


def test_a_call_is_dated_by_its_start_else_by_its_creation(warehouse: Warehouse) -> None:
    """local_date takes the stored dates; no zone is needed to read them."""
    warehouse.task(task_id="a", created_local_date=day(2), started_local_date=day(3))
    warehouse.task(task_id="b", created_local_date=day(2))
    assert warehouse.rows("select task_id, local_date from calls order by 1") == [
        ("a", day(3)),
        ("b", day(2)),
    ]


def test_talk_share_needs_words(warehouse: Warehouse) -> None:
    """Characters of the agent of all; NULL when nobody said anything."""
    warehouse.talk(task_id="a", agent_characters=300, user_characters=100)
    warehouse.talk(task_id="b", agent_characters=0, user_characters=0)
    warehouse.call(task_id="c")
    shares = "select task_id, agent_talk_share from calls order by 1"
    assert warehouse.rows(shares) == [("a", 0.75), ("b", None), ("c", None)]
    assert warehouse.rows("select task_id from conversation_stats order by 1") == [("a",), ("b",)]


def test_durations_are_those_of_connected_calls(warehouse: Warehouse) -> None:
    """10, 20, 30 and 40 s: mean 25, median 25, p90 37, p95 38.5; voicemail and unknown do not count."""
    for seconds in (10.0, 20.0, 30.0, 40.0, None):
        warehouse.talk(duration_seconds=seconds)
    warehouse.call(is_voicemail=True, duration_seconds=500.0)
    warehouse.task()
    assert warehouse.row("select * from call_durations") == (
        "north",
        "anna",
        day(2),
        7,
        5,
        4,
        100.0,
        25.0,
        25.0,
        pytest.approx(37.0),
        pytest.approx(38.5),
        40.0,
    )


def test_durations_of_a_day_without_a_conversation_are_unknown(warehouse: Warehouse) -> None:
    """NULL, never 0."""
    warehouse.call(duration_seconds=12.0)
    measures = (
        "call_count, connected_count, duration_count, total_seconds, avg_seconds, median_seconds, max_seconds"
    )
    assert warehouse.row(f"select {measures} from call_durations") == (1, 0, 0, None, None, None, None)


def test_days_spaces_and_agents_stand_apart(warehouse: Warehouse) -> None:
    """One row each; no agent is a row of its own."""
    warehouse.talk(duration_seconds=1.0)
    warehouse.talk(duration_seconds=2.0, started_local_date=day(3))
    warehouse.talk(duration_seconds=4.0, space_token="south")
    warehouse.talk(duration_seconds=8.0, agent_handle=None)
    keys = "space_token, agent_handle, local_date, total_seconds"
    assert warehouse.rows(f"select {keys} from call_durations order by total_seconds") == [
        ("north", "anna", day(2), 1.0),
        ("north", "anna", day(3), 2.0),
        ("south", "anna", day(2), 4.0),
        ("north", None, day(2), 8.0),
    ]


def test_a_run_takes_from_its_first_dial_to_its_last_end(warehouse: Warehouse) -> None:
    """9:00 to 9:31:30 are 1890 s."""
    warehouse.talk(started_at=at(9), ended_at=at(9, 1), duration_seconds=60.0)
    warehouse.call(started_at=at(9, 30), ended_at=at(9, 31, 30))
    warehouse.task()
    warehouse.task(run_id=None)
    measures = "run_id, call_count, connected_count, total_seconds, elapsed_seconds"
    assert warehouse.rows(f"select {measures} from run_durations") == [("R1", 3, 1, 60.0, 1890.0)]


def test_a_run_that_ends_before_it_starts_has_no_elapsed_time(warehouse: Warehouse) -> None:
    """NULL, not a negative number."""
    warehouse.talk(started_at=at(9), ended_at=at(8))
    assert warehouse.row("select elapsed_seconds from run_durations") == (None,)


def test_the_elapsed_time_of_a_run_is_unknown_where_an_end_is_missing(warehouse: Warehouse) -> None:
    """The call without an end may be the last one; a waiting call has none to miss."""
    columns = "dialed_count, ended_count, elapsed_seconds"
    warehouse.talk(started_at=at(9), ended_at=at(9, 1))
    warehouse.task()
    assert warehouse.row(f"select {columns} from run_durations") == (1, 1, 60.0)
    warehouse.call(started_at=at(9, 30))
    assert warehouse.row(f"select {columns} from run_durations") == (2, 1, None)


def test_quantiles_are_of_type_7(warehouse: Warehouse) -> None:
    """1, 2, 4, 8: at (n - 1) p = 1.5, 2.7 and 2.85 between the sorted values, counted from 0."""
    for seconds in (8.0, 1.0, 4.0, 2.0):
        warehouse.talk(duration_seconds=seconds)
    expected = (3.0, pytest.approx(6.8), pytest.approx(7.4))
    for view in ("call_durations", "run_durations"):
        assert warehouse.row(f"select median_seconds, p90_seconds, p95_seconds from {view}") == expected


def test_outcome_shares_are_of_the_calls_with_an_outcome(warehouse: Warehouse) -> None:
    """Two of three labelled calls; the call without a label has a row but no share."""
    warehouse.talk(outcome="interested", duration_seconds=60.0, cost=0.5)
    warehouse.call(outcome="interested", duration_seconds=99.0, cost=0.25)
    warehouse.talk(outcome="other", cost=0.0)
    warehouse.task()
    warehouse.talk(outcome="interested", agent_handle="bela")
    columns = "outcome, call_count, labelled_count, outcome_share, connected_count, avg_seconds, total_cost"
    assert warehouse.rows(f"select {columns} from call_outcomes where agent_handle = 'anna' order by 1") == [
        ("interested", 2, 3, 2 / 3, 1, 60.0, 0.75),
        ("other", 1, 3, 1 / 3, 1, None, None),
        (None, 1, 3, None, 0, None, None),
    ]
    assert warehouse.row("select outcome_share from call_outcomes where agent_handle = 'bela'") == (1.0,)
    assert warehouse.rows(
        "select local_date, outcome, call_count, outcome_share from daily_outcomes order by outcome"
    ) == [(day(2), "interested", 3, 0.75), (day(2), "other", 1, 0.25), (day(2), None, 1, None)]


def test_calls_without_any_outcome_have_no_share(warehouse: Warehouse) -> None:
    """Nothing labelled: 0 of 0 is NULL."""
    warehouse.task()
    assert warehouse.row("select labelled_count, outcome_share from call_outcomes") == (0, None)


def test_the_funnel_counts_each_step(warehouse: Warehouse) -> None:
    """Contradictory labels: interest on a voicemail and on a silent call does not count.

    The last voicemail is a stub without start, reason or error: it was dialed, or nothing had answered.
    Of the two connected calls with interest one is engaged.
    """
    warehouse.task()
    warehouse.call()
    warehouse.call(outcome="interested")
    warehouse.call(is_voicemail=True, outcome="interested")
    warehouse.task(is_voicemail=True, status="completed")
    warehouse.talk(user_turn_count=2, outcome="interested")
    warehouse.talk(outcome="interested")
    warehouse.talk(outcome="not_connected")
    warehouse.task(deleted_at=START)
    steps = "tasks, dialed, answered, connected, engaged, interested"
    assert warehouse.row(f"select {steps} from call_funnel") == (8, 7, 5, 3, 2, 1)
    rates = "dialed_rate, answered_rate, connected_rate, engaged_rate, interested_rate, connect_rate"
    assert warehouse.row(f"select {rates} from call_funnel") == (7 / 8, 5 / 7, 3 / 5, 2 / 3, 1 / 2, 3 / 7)
    assert warehouse.row("select interested_count, interested_rate from agent_scorecard") == (2, 2 / 3)


def test_a_voicemail_stub_is_never_answered_without_a_dial(warehouse: Warehouse) -> None:
    """The only call of the agent: 1 of 1 answered, where 1 of 0 stood before."""
    warehouse.task(is_voicemail=True, status="completed")
    assert warehouse.row("select dialed, answered, answered_rate from call_funnel") == (1, 1, 1.0)


def test_the_heat_map_is_reliable_where_its_interval_is_narrow(warehouse: Warehouse) -> None:
    """30 dials leave 32 points of doubt; a dial without a start has no hour."""
    for number in range(30):
        warehouse.call(user_message_count=1 if number < 10 else 0)
    warehouse.call(
        started_at=None, started_local_hour=None, started_local_weekday=None, error_message="refused"
    )
    warehouse.task(started_local_hour=9, started_local_weekday=1)
    cell = "select * from connect_heatmap"
    bounds = (pytest.approx(0.1923, abs=5e-5), pytest.approx(0.5122, abs=5e-5))
    assert warehouse.rows(cell) == [("north", 1, 9, 30, 10, 10 / 30, *bounds, False)]
    warehouse.set("reliable_width", "0.32")
    assert warehouse.rows(cell) == [("north", 1, 9, 30, 10, 10 / 30, *bounds, True)]


def test_the_hours_of_an_agent_have_their_interval(warehouse: Warehouse) -> None:
    """Of all spaces together: 3 of 10 at nine, 1 of 1 at ten. Calls without a start or an agent are left out."""
    warehouse.insert("agents", agent_handle="anna", agent_name="Anna")
    for number in range(10):
        warehouse.call(space_token="north" if number % 2 else "south", user_message_count=number < 3)
    warehouse.talk(started_local_hour=10)
    warehouse.talk(agent_handle="bela", is_voicemail=True)
    warehouse.talk(agent_handle=None)
    warehouse.call(started_at=None, started_local_hour=None)
    warehouse.task(started_local_hour=9)
    bounds = [pytest.approx(value, abs=5e-5) for value in (0.1078, 0.6032, 0.2065, 0.0, 0.7935)]
    assert warehouse.rows("select * from agent_hours order by agent_handle, local_hour") == [
        ("anna", "Anna", 9, 10, 3, 0.3, bounds[0], bounds[1], False),
        ("anna", "Anna", 10, 1, 1, 1.0, bounds[2], 1.0, False),
        ("bela", None, 9, 1, 0, 0.0, bounds[3], bounds[4], False),
    ]


def test_calls_begin_with_what_people_read(warehouse: Warehouse) -> None:
    """When, who and what came of it; keys and details follow. A space or agent that is not listed has no name."""
    warehouse.insert("agents", agent_handle="anna", agent_name="Anna", deleted_at=START)
    warehouse.insert("spaces", space_token="north", space_name="North")
    warehouse.call(
        contact_name="Ravi", contact_number="+1", caller_number="91", outcome="interested", summary="S"
    )
    warehouse.task(agent_handle="bela", space_token="south")
    assert warehouse.rows("select * from calls order by task_id limit 1")[0][:9] == (
        START, "North", "Anna", "Ravi", "+1", "91", "interested", None, "S",
    )  # fmt: skip
    columns = "started_local_at, space_name, agent_name, caller_number"
    assert warehouse.rows(f"select {columns} from calls order by task_id offset 1") == [(None,) * 4]


def test_costs_are_unknown_where_every_cost_is_zero_or_absent(warehouse: Warehouse) -> None:
    """And per case where there is no case."""
    warehouse.talk(cost=1.0, outcome="interested")
    warehouse.call(cost=0.5)
    warehouse.call(cost=0.0)
    warehouse.task()
    warehouse.call(agent_handle="bela", cost=0.0)
    warehouse.call(agent_handle="bela")
    warehouse.call(agent_handle="cara", cost=2.0)
    assert warehouse.rows("select * exclude (space_token) from call_costs order by 1") == [
        ("anna", 4, 3, 1, 1, 3, 1.5, 0.375, 0.5, 1.5, 1.5),
        ("bela", 2, 2, 0, 0, 1, None, None, None, None, None),
        ("cara", 1, 1, 0, 0, 1, 2.0, 2.0, 2.0, None, None),
    ]


def test_costs_that_cancel_out_are_not_absent(warehouse: Warehouse) -> None:
    """A charge and its refund are 0 together; 0 and nothing are unknown."""
    warehouse.talk(cost=1.5, outcome="interested")
    warehouse.call(cost=-1.5, outcome="interested")
    warehouse.call(cost=0.0, outcome="other")
    warehouse.call(cost=None, outcome="other")
    assert warehouse.row("select total_cost, cost_per_call, cost_per_connect from call_costs") == (0, 0, 0)
    for view in ("call_outcomes", "daily_outcomes"):
        assert warehouse.rows(f"select outcome, total_cost from {view} order by 1") == [
            ("interested", 0.0),
            ("other", None),
        ]


def test_contacts_gather_the_spellings_of_a_number(warehouse: Warehouse) -> None:
    """Over spaces; a call that was never dialed is a call but no dial."""
    warehouse.call(contact_key="91900", contact_number="0900", outcome="not_connected")
    warehouse.talk(
        contact_key="91900",
        contact_number="+91 900",
        contact_name="Asha",
        outcome="interested",
        space_token="south",
        started_at=at(9, on=10),
        created_at=at(9, on=10),
        duration_seconds=30.0,
    )
    warehouse.task(contact_key="91900", created_at=at(8))
    warehouse.call(contact_key=None)
    columns = (
        "contact_key, contact_number, contact_name, call_count, dialed_count, connected_count, connect_rate, "
        "space_count, first_called_at, last_called_at, last_outcome, repeat_within_7_days, total_seconds"
    )
    assert warehouse.rows(f"select {columns} from contacts") == [
        ("91900", "+91 900", "Asha", 3, 2, 1, 0.5, 2, START, at(9, on=10), "interested", False, 30.0)
    ]


@pytest.mark.parametrize(
    ("pause", "repeated"),
    [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False), (timedelta(0), True)],
)
def test_a_repeat_is_a_dial_within_seven_days_of_the_one_before(
    warehouse: Warehouse, pause: timedelta, repeated: bool
) -> None:
    """Seven days to the second."""
    warehouse.call(contact_key="k")
    warehouse.call(contact_key="k", started_at=START + pause)
    expected = (repeated, int(repeated))
    assert warehouse.row("select repeat_within_7_days, repeat_count from contacts") == expected


def test_whether_a_contact_without_a_start_was_repeated_is_unknown(warehouse: Warehouse) -> None:
    """NULL, not false."""
    warehouse.task(contact_key="k")
    assert warehouse.row("select first_called_at, repeat_within_7_days from contacts") == (None, None)


def test_a_callback_is_due_when_its_time_has_passed_and_nobody_dialed_since(warehouse: Warehouse) -> None:
    """N/A has no time; a later dial settles it, an earlier or an undialed call does not."""
    past, future = at(12), START + timedelta(days=36500)
    warehouse.call(task_id="due", contact_key="a", callback_at=past)
    warehouse.call(contact_key="a", started_at=at(8))
    warehouse.task(contact_key="a", created_at=at(9, on=20))
    warehouse.call(task_id="settled", contact_key="b", callback_at=past)
    warehouse.call(contact_key="b", started_at=at(9, on=3))
    warehouse.call(task_id="early", contact_key="c", callback_at=future)
    warehouse.call(task_id="unreadable", contact_key="d", callback_label="N/A")
    warehouse.call(task_id="nobody", callback_at=past)
    warehouse.call(task_id="deleted", contact_key="e", callback_at=past, deleted_at=START)
    assert warehouse.rows("select task_id, hours_overdue > 0 from callbacks_due order by 1") == [
        ("due", True),
        ("nobody", True),
    ]


@pytest.mark.parametrize(("created", "is_due"), [(at(9, on=3), False), (at(8), True)])
def test_a_later_dial_without_a_start_settles_a_callback_by_its_creation(
    warehouse: Warehouse, created: datetime, is_due: bool
) -> None:
    """A busy line has no start; the task was created after the call, or before it."""
    warehouse.call(task_id="asked", contact_key="a", callback_at=at(12))
    warehouse.task(contact_key="a", created_at=created, status="failed", is_dialed=True, error_message="busy")
    assert warehouse.rows("select task_id from callbacks_due") == ([("asked",)] if is_due else [])


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_a_callback_is_due_by_utc(warehouse: Warehouse, zone: str) -> None:
    """An hour ago and in an hour, in UTC, whatever the session's zone."""
    warehouse.connection.execute(f"set timezone = '{zone}'")
    warehouse.call(task_id="due")
    warehouse.call(task_id="early")
    warehouse.connection.execute(
        "update tasks set callback_at = (select now_at from utc_clock)"
        " + case task_id when 'due' then interval (-1) hour else interval 1 hour end"
    )
    assert warehouse.rows("select task_id from callbacks_due") == [("due",)]
