"""Worlds: determinism, direct changes, the life that `advance` lets happen, and what the past looks like."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

import unpod_sync.simulator
from tests.benchmarks.world import bench_world as benchmark_world
from unpod_sync.simulator import SECRETS, World

from .conftest import NOW, bench_world, dump, past

PACKAGE = Path(unpod_sync.simulator.__file__).parent


def realistic(tasks: int = 200) -> World:
    return World.generate(3, tasks=tasks, now=NOW)


GENERATORS = {"realistic": World.generate, "bench": benchmark_world}


def generated(profile: str, tasks: int = 200, spaces: int = 2) -> World:
    return GENERATORS[profile](3, tasks=tasks, spaces=spaces, now=NOW)


def all_tasks(world: World) -> dict[str, dict[str, Any]]:
    return {task["task_id"]: task for space in world.spaces for task in world.tasks(space["token"])}


def output(task: dict[str, Any]) -> dict[str, Any]:
    return task["output"] if isinstance(task["output"], dict) else {}


# -- independence and determinism ------------------------------------------------------------


def test_it_imports_nothing_of_ours() -> None:
    """Standard library, orjson, msgspec and itself: client and simulator cannot share a mistake."""
    allowed = {*sys.stdlib_module_names, "orjson", "msgspec"}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            for name in names:
                ours = name == "unpod_sync.simulator" or name.startswith("unpod_sync.simulator.")
                assert ours or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_modules_and_functions_stay_small() -> None:
    for path in PACKAGE.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") < 400, path.name
        assert "TYPE_CHECKING" not in text, (
            f"{path.name}: imports that only a type checker sees hide a circle"
        )
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, f"{path.name}: {node.name}"


def test_the_same_seed_gives_the_same_world_and_the_same_future() -> None:
    one, other = realistic(), realistic()
    assert json.dumps(dump(one)) == past()
    for world in (one, other):
        world.advance(timedelta(hours=30))
    assert dump(one) == dump(other)
    assert json.dumps(dump(one)) != past()


def test_another_seed_gives_another_world() -> None:
    assert json.dumps(dump(World.generate(4, tasks=200, now=NOW))) != past()


@pytest.mark.parametrize("profile", ["realistic", "bench"])
@pytest.mark.parametrize(("tasks", "spaces"), [(0, 1), (1, 2), (137, 1), (250, 2), (301, 3)])
def test_a_world_has_exactly_the_tasks_asked_for(profile: str, tasks: int, spaces: int) -> None:
    world = generated(profile, tasks, spaces)
    assert len(world.spaces) == spaces
    assert sum(world.task_count(space["token"]) for space in world.spaces) == tasks


# -- identifiers and places ------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["realistic", "bench"])
def test_ids_grow_with_creation_and_hold_its_time(profile: str) -> None:
    world = generated(profile)
    for space in world.spaces:
        tasks = world.tasks(space["token"])
        assert [t["_id"] for t in tasks] == sorted((t["_id"] for t in tasks), reverse=True)
        for kind, rows in (("T", tasks), ("R", world.runs(space["token"]))):
            for row in rows:
                name = row["task_id"] if kind == "T" else row["run_id"]
                assert (name[0], len(name)) == (kind, 33)
                assert _uuid_time(name[1:]) == datetime.fromisoformat(row["created"])
        run_ids = {run["run_id"] for run in world.runs(space["token"])}
        assert {task["run_id"] for task in tasks} <= run_ids


def _uuid_time(text: str) -> datetime:
    ticks = int(text[13:16] + text[8:12] + text[:8], 16) - 0x01B21DD213814000
    return datetime(1970, 1, 1) + timedelta(seconds=ticks // 10_000_000)  # noqa: DTZ001


def test_bench_tasks_are_uniform() -> None:
    world = bench_world(500)
    for task in all_tasks(world).values():
        messages = task["output"]["transcript"]
        assert len(messages) == 20
        assert all(message["timestamp"] for message in messages)
        assert task["output"]["start_time"] > task["created"].replace("T", " ")
        assert 5_800 < len(orjson.dumps(task)) < 6_600
        assert task["status"] == "completed"


def test_a_bench_world_is_computed_not_stored() -> None:
    world = benchmark_world(5, tasks=1_000_000, now=NOW, days=365)
    token = world.spaces[0]["token"]
    assert world.task_count(token) == 500_000
    assert len(world.runs(token)) == 2000
    assert sum(len(world.executions(agent["handle"])) for agent in world.agents) == 4000


# -- direct changes --------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["realistic", "bench"])
def test_edits_are_silent_and_only_touch_what_they_name(profile: str) -> None:
    world = generated(profile)
    token = world.spaces[0]["token"]
    before = all_tasks(world)
    task_id = world.task_ids(token)[50]
    world.edit_task(task_id, {"status": "scheduled", "output.duration": 1, "output.cost": ...})
    after = all_tasks(world)
    assert list(after) == list(before)
    assert [key for key in after if after[key] != before[key]] == [task_id]
    assert after[task_id]["modified"] == before[task_id]["modified"]
    assert (after[task_id]["status"], after[task_id]["output"]["duration"]) == ("scheduled", 1)
    assert "cost" not in after[task_id]["output"]


@pytest.mark.parametrize("profile", ["realistic", "bench"])
def test_deleted_tasks_come_back_to_their_place(profile: str) -> None:
    world = generated(profile)
    before = dump(world)
    token = world.spaces[0]["token"]
    gone = [world.task_ids(token)[place] for place in (0, 7, 40)]
    removed = [world.delete_task(task_id) for task_id in gone]
    assert not set(gone) & set(all_tasks(world))
    with pytest.raises(KeyError):
        world.task(gone[0])
    for task in reversed(removed):
        world.restore_task(task)
    assert dump(world) == before


@pytest.mark.parametrize("profile", ["realistic", "bench"])
def test_added_tasks_are_newest_and_may_join_an_old_run(profile: str) -> None:
    world = generated(profile)
    token = world.spaces[0]["token"]
    oldest = world.runs(token)[-1]["run_id"]
    task_id = world.add_task(token, {"status": "hold"}, run_id=oldest)
    newest = world.tasks(token)[0]
    assert (newest["task_id"], newest["run_id"], newest["status"]) == (task_id, oldest, "hold")
    run_id = world.add_run(token, {"status": "running"})
    assert world.runs(token)[0]["run_id"] == run_id
    world.edit_task(task_id, {"run_id": run_id})
    assert world.task(task_id)["run_id"] == run_id
    world.edit_run(run_id, {"status": "failed"})
    assert world.runs(token)[0]["status"] == "failed"


def test_a_task_with_an_old_document_id_takes_its_place() -> None:
    world = bench_world()
    token = world.spaces[0]["token"]
    third = world.tasks(token)[3]["_id"]
    added = world.add_task(token, {"_id": f"{int(third, 16) + 1:024x}"})
    assert world.task_ids(token).index(added) == 3


def test_copies_are_copies() -> None:
    world = realistic()
    before = dump(world)
    for space in world.spaces:
        space["name"] = "changed"
        for task in world.tasks(space["token"]):
            task["status"] = "changed"
    assert dump(world) == before


def test_executions_count_runs_as_they_are_now() -> None:
    world = bench_world()
    token = world.spaces[0]["token"]
    (agent,) = [a["handle"] for a in world.agents if world.executions(a["handle"])]
    assert [(e["total_tasks"], e["completed_tasks"]) for e in world.executions(agent)] == [(95, 95)]
    world.edit_task(world.task_ids(token)[4], {"status": "pending"})
    world.delete_task(world.task_ids(token)[5])
    world.add_task(token, {"assignee": agent})
    assert [(e["total_tasks"], e["completed_tasks"]) for e in world.executions(agent)] == [(95, 93)]


def test_a_bench_world_grows_as_time_passes() -> None:
    world = bench_world(600)
    token = world.spaces[0]["token"]
    gone = world.task_ids(token)[3]
    world.delete_task(gone)
    before = world.task_ids(token)
    world.advance(timedelta(days=6))
    after = world.task_ids(token)
    assert after[-len(before) :] == before
    assert len(after) - len(before) == pytest.approx(60, abs=1)
    assert gone not in after


# -- the life --------------------------------------------------------------------------------


Change = tuple[dict[str, Any], dict[str, Any]]


@dataclass
class Story:
    """A world before and after a week, and every change met on the way: a task before and after it."""

    first: dict[str, dict[str, Any]]
    changes: list[Change]
    statuses: set[str]
    last: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def story() -> Story:
    """Looks every quarter of an hour through two busy days, and then every three hours through five more."""
    world = World.generate(3, tasks=1200, now=datetime.fromisoformat("2026-03-09T20:00:00+00:00"))
    first, seen = all_tasks(world), encoded(world)
    found = Story(first, [], set(), first)
    for minutes in [15] * 192 + [180] * 40:
        world.advance(timedelta(minutes=minutes))
        now = encoded(world)
        for key in seen:
            if seen[key] != now[key]:
                found.changes.append((orjson.loads(seen[key]), orjson.loads(now[key])))
        seen = now
    found.statuses = {str(task["status"]) for change in found.changes for task in change}
    found.last = all_tasks(world)
    return found


def encoded(world: World) -> dict[str, bytes]:
    """Each task's JSON by its document id, read without decoding."""
    return {f"{row.key:024x}": row.encoded() for space in world.live_spaces() for row in space.tasks}


def test_tasks_go_through_their_states(story: Story) -> None:
    moves = Counter((before["status"], after["status"]) for before, after in story.changes)
    for move in (
        ("pending", "completed"),
        ("pending", "scheduled"),
        ("scheduled", "completed"),
        ("failed", "pending"),
    ):
        assert moves[move], move
    assert "in_progress" in story.statuses


def test_stubs_become_full_outputs_silently(story: Story) -> None:
    ripened = [
        (before, after)
        for before, after in story.changes
        if "available soon" in str(output(before).get("data")) and output(after).get("post_call_data")
    ]
    assert ripened
    assert any(before["modified"] == after["modified"] for before, after in ripened)


def test_recordings_come_late(story: Story) -> None:
    assert [
        1
        for before, after in story.changes
        if output(before).get("recording_url") == "" and output(before).get("transcript")
        if output(after).get("recording_url")
    ]


def test_completed_tasks_are_dialled_again(story: Story) -> None:
    redialled = [
        (before, after)
        for before, after in story.changes
        if "redial_count" in after["input"] and "redial_count" not in before["input"]
    ]
    assert any(before["status"] == "completed" for before, _ in redialled)
    assert all(after["input"]["transcript"] for _, after in redialled)


def test_old_analysis_is_revised_without_a_trace(story: Story) -> None:
    revised = [
        (before, after)
        for before, after in story.changes
        if output(before).get("post_call_data") and output(after).get("post_call_data")
        if before["output"]["post_call_data"] != after["output"]["post_call_data"]
        if before["input"] == after["input"] and "revision" in str(after["output"]["post_call_data"])
    ]
    assert revised
    assert all(before["modified"] == after["modified"] for before, after in revised)
    assert any(before["created"] < "2026-02-23" for before, _ in revised)


def test_old_runs_grow(story: Story) -> None:
    """Follow-ups and late inbound calls join runs of earlier days."""
    first, last = story.first, story.last
    old_runs = {task["run_id"] for task in first.values()}
    added = [task for key, task in last.items() if key not in first]
    joined = [task for task in added if task["run_id"] in old_runs]
    assert [task for task in joined if "referenced_task" in task["input"]]
    assert [task for task in added if task["input"].get("call_type") == "inbound"]
    assert [task for task in added if task["run_id"] not in old_runs]
    assert set(first) <= set(last)


def test_run_status_follows_its_tasks() -> None:
    world = realistic(400)
    seen = set()
    for _ in range(48):
        world.advance(timedelta(minutes=30))
        seen |= {run["status"] for space in world.spaces for run in world.runs(space["token"])}
    assert {"pending", "in_progress", "completed"} <= seen


def test_deleting_and_editing_does_not_disturb_the_life() -> None:
    world = realistic()
    for place, task_id in enumerate(list(all_tasks(world))[:60]):
        if place % 2:
            world.delete_task(task_id)
        else:
            world.edit_task(task_id, {"output": None, "input": {}})
    world.advance(timedelta(days=3))


# -- the past --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> World:
    return World.generate(7, now=NOW)


def calls(world: World) -> list[tuple[dict[str, Any], bool]]:
    """Dialled calls and whether someone talked."""
    found = []
    for task in all_tasks(world).values():
        out = output(task)
        messages = out.get("transcript")
        if task["execution_type"] == "call" and (out.get("start_time") or out.get("error")):
            spoke = isinstance(messages, list) and any(message.get("role") == "user" for message in messages)
            found.append((task, spoke))
    return found


def rate(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def test_one_agent_is_better_than_its_colleague(demo: World) -> None:
    names = {agent["handle"]: agent["name"] for agent in demo.agents}
    by_agent = defaultdict(list)
    for task, spoke in calls(demo):
        by_agent[names[task["assignee"]]].append(spoke)
    assert set(by_agent) == {"Asha", "Vikram", "Nisha", "Grace", "Rohan"}
    assert all(len(flags) > 100 for flags in by_agent.values())
    assert rate(by_agent["Asha"]) - rate(by_agent["Vikram"]) > 0.08


def test_an_outage_shows_about_a_week_ago(demo: World) -> None:
    by_day = defaultdict(list)
    token = next(space["token"] for space in demo.spaces if space["name"] == "Growth Outreach")
    mine = {task["task_id"] for task in demo.tasks(token)}
    for task, spoke in calls(demo):
        if task["task_id"] in mine:
            by_day[task["created"][:10]].append(spoke)
    busy = {day: rate(flags) for day, flags in by_day.items() if len(flags) >= 45}
    assert len(busy) >= 10
    worst = min(busy, key=lambda day: busy[day])
    assert 5 <= (NOW.date() - datetime.fromisoformat(worst).date()).days <= 10
    assert busy[worst] < sorted(busy.values())[len(busy) // 2] - 0.15


def test_late_mornings_connect_better_than_lunch(demo: World) -> None:
    by_hour = defaultdict(list)
    for task, spoke in calls(demo):
        if str(task["input"]["contact_number"]).lstrip("+").startswith("91") and output(task).get(
            "start_time"
        ):
            started = datetime.fromisoformat(task["output"]["start_time"][:19]) + timedelta(
                hours=5, minutes=30
            )
            by_hour[started.hour].append(spoke)
    assert rate(by_hour[11]) > rate(by_hour[13]) + 0.1
    assert rate(by_hour[18]) > rate(by_hour[13]) + 0.1


PROMISED = ("callback_datetime", "scheduled_time")


@pytest.mark.parametrize(
    ("seed", "now"),
    [
        (1, datetime(2028, 2, 29, 12, tzinfo=UTC)),
        (24, datetime(2026, 12, 31, 23, 30, tzinfo=UTC)),
        (5, datetime(2027, 1, 31, 4, tzinfo=UTC)),
    ],
)
def test_nothing_has_happened_after_the_present(seed: int, now: datetime) -> None:
    """In the past that is generated and as life goes on; only what is promised lies ahead."""
    world = World.generate(seed, tasks=900, now=now, days=5)
    bench = benchmark_world(seed, tasks=50, now=now, days=5)
    for _ in range(9):
        written = re.findall(
            r'"(\w+)": "(20\d\d-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)', json.dumps([dump(world), dump(bench)])
        )
        latest = max((day, time, name) for name, day, time in written if name not in PROMISED)
        assert latest[:2] <= (f"{world.now:%Y-%m-%d}", f"{world.now:%H:%M:%S}"), latest
        world.advance(timedelta(hours=3))
        bench.advance(timedelta(hours=3))


def test_outcomes_labels_and_shapes_vary(demo: World) -> None:
    tasks = all_tasks(demo).values()
    labels, scores, transcripts, durations, words = Counter[str](), set(), set(), set(), ""
    for task in tasks:
        out = output(task)
        post_call = out.get("post_call_data") or {}
        summary = post_call.get("summary")
        labels[str(summary.get("status") if isinstance(summary, dict) else post_call.get("outcome"))] += 1
        scores.add(type(post_call.get("success_evaluator")).__name__)
        transcripts.add(type(out.get("transcript")).__name__)
        durations.add(type(out.get("duration")).__name__)
        words += json.dumps(out.get("transcript"))
    for label in ("Interested", "Call Back", "Send Details", "Not Interested", "Not Connected", "Dropped"):
        assert labels[label] > 10, label
    assert {"int", "str", "dict", "NoneType"} <= scores
    assert {"list", "str", "dict"} <= transcripts
    assert {"int", "float", "str"} <= durations
    assert "do not call me again" in words or "Remove my number" in words
    assert any(isinstance(output(t).get("duration"), int) and t["output"]["duration"] < 0 for t in tasks)
    assert Counter(t["execution_type"] for t in tasks)["email"] > 5


def test_conversations_are_of_readable_length(demo: World) -> None:
    lengths = [
        len(task["output"]["transcript"])
        for task, spoke in calls(demo)
        if spoke and task["output"].get("call_status") in ("connected", "completed")
    ]
    assert min(lengths) >= 4
    assert 20 < max(lengths) <= 34
    assert len(set(lengths)) > 12


def test_secrets_are_there_to_be_dropped(demo: World) -> None:
    text = json.dumps(list(all_tasks(demo).values()))
    assert all(secret in text for secret in SECRETS)


def test_numbers_belong_to_nobody(demo: World) -> None:
    for task in all_tasks(demo).values():
        number = str(task["input"]["contact_number"]).lstrip("+")
        assert number.startswith("9100000") or (len(number) == 11 and number[4:9] == "55501"), number


# -- a process of its own --------------------------------------------------------------------


def test_it_runs_alone() -> None:
    """`unpod-sync simulate --json` says in one JSON document where it is, and serves."""
    import requests

    options = "simulate --json --port 0 --tasks 20".split()  # noqa: SIM905
    command = [sys.executable, "-m", "unpod_sync", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PACKAGE.parent.parent)
    try:
        assert process.stdout is not None
        ready = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        headers = {"Authorization": f"Token {ready['token']}", "Org-Handle": ready["org_handle"]}

        def ask(path: str) -> dict[str, Any]:
            url = f"{ready['base_url']}/api/v2/platform/{path}"
            return dict(requests.get(url, headers=headers, timeout=5).json())

        tokens = [space["token"] for space in ask("spaces/")["data"]]
        assert sum(ask(f"spaces/{token}/tasks/")["count"] for token in tokens) == 20
    finally:
        process.terminate()
        process.wait(timeout=5)
        if process.stdout is not None:
            process.stdout.close()
