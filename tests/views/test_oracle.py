"""Every view beside `oracle`: the same payloads, counted once more in plain Python, give the same rows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.demo_file import demo_file
from tests.views import oddities, oracle
from tests.views.conftest import Warehouse
from tests.views.oracle import Fact, Rows, count, each, grouped, rate
from unpod_sync.model import space_tasks
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.json_codec import encode
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse import schema

VARIANTS = Path(__file__).parents[1] / "variants.json"
FLAGS = "is_dialed is_voicemail is_connected is_answered is_engaged is_short is_interested is_successful is_terminal"
TALK = (
    "message_count turn_count user_turn_count user_message_count agent_message_count user_characters"
    " agent_characters agent_talk_share reply_gap_p50_seconds longest_gap_seconds"
)
DURATIONS = (
    "call_count, connected_count, duration_count, total_seconds, avg_seconds, median_seconds, p90_seconds,"
    " p95_seconds, max_seconds"
)
STATES = (
    "total_tasks, completed_tasks, failed_tasks, pending_tasks, in_progress_tasks, other_tasks,"
    " completion_rate, processed_rate, finished_at"
)
PLATFORM = (
    "total_tasks, completed, failed, pending, in_progress, success_rate, completion_rate, avg_retry_attempts,"
    " total_retries, transcript_available, no_transcript, transcript_rate, avg_success_score, interested,"
    " call_back, send_details, not_interested, not_connected, failed_calls, platform_gives_up"
)


class World:
    """A warehouse and the facts of its listed tasks, from their payloads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, zone: ZoneInfo) -> None:
        self.warehouse = Warehouse(connection)
        rows = self.warehouse.rows(
            "select id, payload_json, tasks.space_token, contact_key from raw.payloads"
            " join tasks on id = task_id where kind = 'task' and deleted_at is null"
        )
        self.tasks: list[Fact] = [
            {"task_id": task, "space_token": space, "contact_key": contact}
            | oracle.fact(json.loads(payload), zone)
            for task, payload, space, contact in rows
        ]
        self.calls = [one for one in self.tasks if one["is_call"]]

    def view(self, name: str, keys: str, measures: str, condition: str = "true") -> Rows:
        """The rows of a view by their keys."""
        width = len(keys.split(","))
        rows = self.warehouse.rows(f"select {keys}, {measures} from {name} where {condition}")
        found = {row[:width]: row[width:] for row in rows}
        assert len(found) == len(rows), f"{keys} is no key of {name}"
        return found

    def agrees(self, name: str, keys: str, measures: str, expected: Rows, condition: str = "true") -> None:
        """The view has these rows and no other."""
        found = self.view(name, keys, measures, condition)
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            row = row if isinstance(row, tuple) else (row,)
            for column, here, there in zip(measures.split(","), found[key], row, strict=True):
                is_close = here == there or here == pytest.approx(there, rel=1e-9, abs=1e-9)
                assert is_close, (name, key, column.strip(), here, there)


def stored(payloads: list[Any], zone: str) -> duckdb.DuckDBPyConnection:
    """A warehouse of these tasks in one space; of two payloads of one task the last one stays."""
    connection = duckdb.connect()
    schema.create_schema(connection, now=datetime(2026, 1, 1))  # noqa: DTZ001 - UTC without a zone
    schema.build_views(connection)
    prepared, _ = prepare(list(map(encode, payloads)), space_tasks("SPACE"))
    records = list({record.id: record for record in prepared}.values())
    flat = flatten("task", records, ZoneInfo(zone))
    assert flat.messages is not None
    for name, table in (("tasks", flat.rows), ("transcript_messages", flat.messages)):
        connection.register("incoming", table)
        connection.execute(f"insert into {name} by name from incoming")
    connection.executemany(
        "insert into raw.payloads (kind, id, payload_json) values ('task', ?, ?)",
        [(record.id, record.payload.decode()) for record in records],
    )
    return connection


@pytest.fixture(scope="module", params=["simulator", "variants", "oddities"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world that was synced, one of every shape that is known, and one of contradictions."""
    zone = "America/New_York"
    if request.param == "simulator":
        connection, zone = duckdb.connect(str(demo_file()), read_only=True), "Asia/Kolkata"
    elif request.param == "variants":
        entries = json.loads(VARIANTS.read_text(encoding="utf-8"))["tasks"]
        connection = stored([entry["task"] for entry in entries], zone)
    else:
        connection = stored(oddities.tasks(seed=1, number=400), zone)
    with connection:
        yield World(connection, ZoneInfo(zone))


def test_calls(world: World) -> None:
    """Flags, times, duration, outcome and conversation of each call."""
    names = [
        *FLAGS.split(), *TALK.split(), "status", "started_at", "ended_at", "created_at", "local_date",
        "duration_seconds", "outcome", "cost", "callback_at", "agent_handle", "run_id",
        "started_local_at", "caller_number",
    ]  # fmt: skip
    expected = {(one["task_id"],): tuple(one[name] for name in names) for one in world.calls}
    world.agrees("calls", "task_id", ", ".join(names), expected)
    talks = {key: row for key, row in expected.items() if row[names.index("message_count")] is not None}
    world.agrees("conversation_stats", "task_id", TALK.replace(" ", ", "), {
        key: row[len(FLAGS.split()) : len(FLAGS.split()) + len(TALK.split())] for key, row in talks.items()
    })  # fmt: skip


@pytest.mark.parametrize(
    ("view", "keys"),
    [
        ("run_completion", "run_id"),
        ("agent_completion", "agent_handle"),
        ("space_completion", "space_token"),
        ("daily_completion", "space_token, local_date"),
    ],
)
def test_completion(world: World, view: str, keys: str) -> None:
    """Tasks by state, of every execution type."""
    names = keys.replace("local_date", "created_date").split(", ")
    tasks = [one for one in world.tasks if view != "run_completion" or one["run_id"]]
    world.agrees(view, keys, STATES, each(grouped(tasks, *names), oracle.completion), "total_tasks > 0")


def test_durations(world: World) -> None:
    """Of the connected calls; a run also from its first dial to its last end."""
    keys = ("space_token", "agent_handle", "local_date")
    world.agrees(
        "call_durations", ", ".join(keys), DURATIONS, each(grouped(world.calls, *keys), oracle.durations)
    )
    runs = grouped([one for one in world.calls if one["run_id"]], "run_id")
    expected = each(runs, lambda calls: (*oracle.durations(calls), oracle.elapsed(calls)))
    world.agrees("run_durations", "run_id", f"{DURATIONS}, elapsed_seconds", expected)


@pytest.mark.parametrize(
    ("view", "second"), [("call_outcomes", "agent_handle"), ("daily_outcomes", "local_date")]
)
def test_outcomes(world: World, view: str, second: str) -> None:
    """Each outcome's share of the calls that have one."""
    labelled = each(
        grouped(world.calls, "space_token", second), lambda calls: sum(bool(one["outcome"]) for one in calls)
    )
    groups = grouped(world.calls, "space_token", second, "outcome")
    expected = {key: oracle.outcomes(calls, labelled[key[:2]]) for key, calls in groups.items()}
    measures = "call_count, outcome_share, avg_seconds, total_cost"
    world.agrees(view, f"space_token, {second}, outcome", measures, expected)


def test_funnel_and_costs(world: World) -> None:
    """Each step of a step, with its rate; the price of a call."""
    groups = grouped(world.calls, "space_token", "agent_handle")
    funnels = {key: oracle.funnel(calls) for key, calls in groups.items()}
    steps = ["tasks", "dialed", "answered", "connected", "engaged", "interested"]
    world.agrees("call_funnel", "space_token, agent_handle", ", ".join(steps), funnels)
    rates = {
        key: tuple(rate(*pair) for pair in zip(row[1:], row[:-1], strict=True))
        for key, row in funnels.items()
    }
    names = ", ".join(f"{step}_rate" for step in steps[1:])
    world.agrees("call_funnel", "space_token, agent_handle", names, rates)
    measures = "total_cost, cost_per_call, cost_per_connect, cost_per_interested"
    world.agrees("call_costs", "space_token, agent_handle", measures, each(groups, oracle.costs))


def test_heatmap(world: World) -> None:
    """Dialed calls by the hour of their start."""
    dialed = [one for one in world.calls if one["is_dialed"] and one["started_at"]]

    def cell(calls: list[Fact]) -> tuple[Any, ...]:
        connected = count(calls, "is_connected")
        return len(calls), connected, rate(connected, len(calls))

    groups = grouped(dialed, "space_token", "local_weekday", "local_hour")
    measures = "dialed_count, connected_count, connect_rate"
    world.agrees("connect_heatmap", "space_token, local_weekday, local_hour", measures, each(groups, cell))
    groups = grouped([one for one in dialed if one["agent_handle"]], "agent_handle", "local_hour")
    world.agrees("agent_hours", "agent_handle, local_hour", measures, each(groups, cell))


def test_names(world: World) -> None:
    """Calls and the hours of agents carry the names of the lists, and NULL where a list lacks the key."""
    for kind, key in (("space", "space_token"), ("agent", "agent_handle")):
        listed = dict(world.warehouse.rows(f"select {key}, {kind}_name from {kind}s"))
        expected = {(one["task_id"],): listed.get(one[key]) for one in world.calls}
        world.agrees("calls", "task_id", f"{kind}_name", expected)
    rows = world.warehouse.rows("select distinct agent_handle, agent_name from agent_hours")
    assert rows and all(name == listed.get(handle) for handle, name in rows)


def test_contacts(world: World) -> None:
    """Calls, first and last dial, newest outcome and repeats of a number."""

    def contact(calls: list[Fact]) -> tuple[Any, ...]:
        starts = sorted(one["started_at"] for one in calls if one["started_at"])
        told = [one for one in calls if one["outcome"]]
        newest = (
            max(told, key=lambda one: one["started_at"] or one["created_at"])["outcome"] if told else None
        )
        repeats = any(b - a <= timedelta(days=7) for a, b in itertools.pairwise(starts))
        ends = (starts[0], starts[-1]) if starts else (None, None)
        return len(calls), count(calls, "is_connected"), *ends, newest, repeats if starts else None

    groups = grouped([one for one in world.calls if one["contact_key"]], "contact_key")
    measures = (
        "call_count, connected_count, first_called_at, last_called_at, last_outcome, repeat_within_7_days"
    )
    world.agrees("contacts", "contact_key", measures, each(groups, contact))


def test_callbacks(world: World) -> None:
    """Asked for, passed, and no dial to the contact since the call."""
    (now,) = world.warehouse.row("select now_at from utc_clock")

    def at(one: Fact) -> datetime:
        return one["started_at"] or one["created_at"]

    expected = {
        (one["task_id"],): (one["callback_at"],)
        for one in world.calls
        if one["callback_at"]
        and one["callback_at"] <= now
        and not any(
            other["is_dialed"] and other["contact_key"] == one["contact_key"] and at(other) > at(one)
            for other in world.calls
            if one["contact_key"]
        )
    }
    world.agrees("callbacks_due", "task_id", "callback_at", expected)


def test_scorecard(world: World) -> None:
    """Hits and cases of the four rates of each agent."""

    def card(tasks: list[Fact]) -> tuple[Any, ...]:
        calls = [one for one in tasks if one["is_call"]]
        done = sum(one["status"] == "completed" for one in tasks)
        dialed, connected, interested, successful = (
            count(calls, f"is_{flag}") for flag in ("dialed", "connected", "interested", "successful")
        )
        scored = sum(one["points"] is not None for one in calls)
        pairs = ((connected, dialed), (done, len(tasks)), (interested, connected), (successful, scored))
        return tuple(value for pair in pairs for value in (*pair, rate(*pair)))

    measures = (
        "connected_count, dialed_count, connect_rate, completed_tasks, total_tasks, completion_rate,"
        " interested_count, connected_count, interested_rate, successful_count, scored_count, success_rate"
    )
    groups = grouped([one for one in world.tasks if one["agent_handle"]], "agent_handle")
    world.agrees("agent_scorecard", "agent_handle", measures, each(groups, card), "total_tasks > 0")


def test_weeks(world: World) -> None:
    """Tasks by the week of their creation, calls by that of their start."""

    def monday(day: date) -> date:
        return day - timedelta(days=day.weekday())

    weeks: dict[tuple[str, date], list[int]] = {}
    first_day: dict[str, date] = {}
    synced = dict(
        world.warehouse.rows(
            "select space_token, max(last_synced_at) from meta.bookmarks where kind = 'task' group by all"
        )
    )
    for one in world.tasks:
        days = [(one["created_date"], (1, one["status"] == "completed", 0, 0, 0, 0))]
        if one["is_call"]:
            flags = (one["is_dialed"], one["is_connected"], one["is_interested"])
            days.append((one["local_date"], (0, 0, 1, *flags)))
        for day, counts in days:
            if day is None:
                continue
            first_day[one["space_token"]] = min(day, first_day.get(one["space_token"], day))
            week = weeks.setdefault((one["space_token"], monday(day)), [0] * 6)
            week[:] = [a + b for a, b in zip(week, counts, strict=True)]

    def is_complete(key: tuple[str, date]) -> bool:
        """Begun on a Monday that was seen, and over in every zone (UTC-12) at the last sync, or followed by a week."""
        space, start = key
        over = datetime.combine(start, time()) + timedelta(days=7, hours=12)
        is_followed = any(other[0] == space and other[1] > start for other in weeks)
        return first_day[space] <= start and (
            is_followed or (synced.get(space) is not None and synced[space] >= over)
        )

    def row(key: tuple[str, date]) -> tuple[Any, ...]:
        def with_rates(counts: list[int]) -> list[Any]:
            return [
                *counts,
                rate(counts[1], counts[0]),
                rate(counts[4], counts[3]),
                rate(counts[5], counts[4]),
            ]

        here = with_rates(weeks[key])
        earlier = (key[0], key[1] - timedelta(days=7))
        are_comparable = earlier in weeks and is_complete(earlier) and is_complete(key)
        before = with_rates(weeks[earlier]) if are_comparable else None
        change = [
            None if before is None or here[i] is None or before[i] is None else here[i] - before[i]
            for i in (0, 3, 4, 5, 6, 7, 8)
        ]
        return *here, *change

    counts = "total_tasks, completed_tasks, call_count, dialed_count, connected_count, interested_count"
    rates = "completion_rate, connect_rate, interested_rate"
    changes = "total_tasks, dialed, connected, interested, completion_rate, connect_rate, interested_rate"
    measures = f"{counts}, {rates}, {', '.join(f'{name}_change' for name in changes.split(', '))}"
    world.agrees("weekly_trend", "space_token, week_start", measures, {key: row(key) for key in weeks})


def test_structured_fields(world: World) -> None:
    """A row per key; a number where the value is one or reads as one."""

    def texts(value: Any) -> tuple[Any, ...]:
        if value is None or isinstance(value, str):
            return value, oracle.number(value)
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return text, None if isinstance(value, bool | dict | list) else float(value)

    expected = {
        (one["task_id"], key): texts(value) for one in world.tasks for key, value in one["structured"].items()
    }
    world.agrees("structured_fields", "task_id, key", "value_text, value_number", expected)


def test_opt_outs(world: World) -> None:
    """Messages of the user with one of the phrases."""
    (phrases,) = world.warehouse.row("select value from meta.settings where name = 'opt_out_phrases'")
    expected = {
        (one["task_id"], position): (content,)
        for one in world.calls
        for position, (role, content, _) in enumerate(
            oracle.messages_of(oracle.mapping(one["payload"].get("output")).get("transcript")) or []
        )
        if role == "user"
        and any(phrase in content.lower().replace("’", "'") for phrase in phrases.split("|"))
    }
    world.agrees("opt_out_candidates", "task_id, position", "content", expected)


def test_platform(world: World) -> None:
    """To the digit, of every run that has tasks."""
    runs = grouped(
        sorted((one for one in world.tasks if one["run_id"]), key=lambda one: one["task_id"]), "run_id"
    )
    expected = each(
        runs, lambda tasks: oracle.platform(sorted(tasks, key=lambda one: str(one["created_at"])))
    )
    world.agrees("platform_run_analytics", "run_id", PLATFORM, expected, "total_tasks > 0")


def test_reconciliation_and_freshness(world: World) -> None:
    """Our counts of each run of the executions, and of each space."""
    runs = each(
        grouped(world.tasks, "run_id"),
        lambda tasks: (len(tasks), sum(one["status"] == "completed" for one in tasks)),
    )
    executions = world.warehouse.rows(
        "select agent_handle, run_id, total_tasks, completed_tasks from executions"
    )
    expected = {
        (agent, run): (total, done, *(ours := runs.get((run,), (0, 0))), total - ours[0], done - ours[1])
        for agent, run, total, done in executions
    }
    measures = (
        "total_tasks, completed_tasks, our_total_tasks, our_completed_tasks, total_difference,"
        " completed_difference"
    )
    world.agrees("execution_reconciliation", "agent_handle, run_id", measures, expected)
    spaces = each(
        grouped(world.tasks, "space_token"),
        lambda tasks: (len(tasks), max(one["created_at"] for one in tasks if one["created_at"])),
    )
    world.agrees("sync_freshness", "space_token", "task_count, newest_task_at", spaces)
