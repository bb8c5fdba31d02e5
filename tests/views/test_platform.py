"""platform_run_analytics against a transcription of the platform's rules, to the digit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from tests.views.conftest import START, Warehouse, at

RUNS = 4000
STATUSES = [
    "pending",
    "in_progress",
    "completed",
    "completed",
    "failed",
    "scheduled",
    "partially_completed",
    None,
]
LABELS = [
    "Interested",
    "InterestedIn",
    "Call Back",
    "Send Details",
    "Not Interested",
    "Not Connected",
    "Abandoned",
    "Dropped",
    "Connected",
    "Error",
    "Unknown",
    "interested",
    "",
    None,  # sent, but null or no text; one that is missing reads as Unknown
]
SCORES = [None, -1.0, 0.5, 1.0, 7.25, 8.0, 9.99, 10.0, 10.01, 80.0]
BUCKETS = ["interested", "call_back", "send_details", "not_interested", "not_connected", "failed_calls"]


def analytics(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """The rules as the platform is known to apply them; nothing of ours."""
    total = len(tasks)
    completed = sum(task["status"] == "completed" for task in tasks)
    failed = sum(task["status"] == "failed" for task in tasks)
    counters = [task["retry_attempt"] for task in tasks if task["retry_attempt"] is not None]
    retries = sum(counters) if counters or not tasks else None
    calls = [task for task in tasks if task["execution_type"] == "call"]
    available = [task for task in calls if task["platform_has_transcript"]]
    scores = [
        task["platform_success_score"]
        for task in available
        if task["platform_success_score"] and 1 <= task["platform_success_score"] <= 10
    ]
    buckets = dict.fromkeys(BUCKETS, 0)
    for task in calls:
        label = task["platform_status"]
        if label == "Interested" or label == "InterestedIn":
            buckets["interested"] += 1
        elif label == "Call Back":
            buckets["call_back"] += 1
        elif label == "Send Details":
            buckets["send_details"] += 1
        elif label == "Not Interested":
            buckets["not_interested"] += 1
        elif label == "Not Connected":
            buckets["not_connected"] += 1
        elif task["status"] == "failed" or label in ("Error", "Unknown"):
            buckets["failed_calls"] += 1
    return {
        "total_tasks": total,
        "completed": completed,
        "failed": failed,
        "pending": sum(task["status"] == "pending" for task in tasks),
        "in_progress": sum(task["status"] == "in_progress" for task in tasks),
        "success_rate": round(100 * completed / total, 2) if total else 0,
        "completion_rate": round(100 * (completed + failed) / total, 2) if total else 0,
        "avg_retry_attempts": (round(retries / total, 2) if total else 0) if retries is not None else None,
        "total_retries": retries,
        "calls": len(calls),
        "transcript_available": len(available),
        "no_transcript": len(calls) - len(available),
        "transcript_rate": round(100 * len(available) / len(calls), 2) if calls else 0,
        "avg_success_score": round(plain_sum(scores) / len(scores), 2) if scores else 0,
        **buckets,
        "platform_gives_up": any(task["platform_gives_up"] for task in calls),
    }


def plain_sum(numbers: list[float]) -> float:
    """One after the other, as sum() did before Python 3.12 learned to compensate."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def random_run(chance: random.Random) -> list[dict[str, Any]]:
    """A run of up to 160 tasks; sizes that give ties in the third decimal come often.

    Half of the runs are known from lists that send no retry counter.
    """
    counters = chance.choice([[None], [None, 0, 0, 1, 2, 5]])
    size = chance.choice([0, 1, 2, 3, 7, 8, 16, 32, 40, 64, 80, 160, chance.randint(1, 50)])
    decimals = chance.random() < 0.5
    return [
        {
            "status": chance.choice(STATUSES),
            "execution_type": chance.choices(["call", "email", None], [8, 1, 1])[0],
            "retry_attempt": chance.choice(counters),
            "platform_status": chance.choice(LABELS),
            "platform_has_transcript": chance.choice([True, True, False, None]),
            "platform_success_score": round(chance.uniform(1, 10), 1) if decimals else chance.choice(SCORES),
            "platform_gives_up": chance.random() < 0.01,
        }
        for _ in range(size)
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_random_runs_agree_to_the_digit(warehouse: Warehouse, seed: int) -> None:
    """No difference in any column of any run."""
    chance = random.Random(seed)
    runs = {f"R{number}": random_run(chance) for number in range(RUNS // 2)}
    warehouse.connection.execute(f"insert into runs (run_id) select 'R' || i from range({RUNS // 2}) as r(i)")
    rows = [
        {"task_id": f"{run}-{number:04}", "run_id": run, "created_at": START} | task
        for run, tasks in runs.items()
        for number, task in enumerate(tasks)
    ]
    chance.shuffle(rows)
    tasks = pa.Table.from_pylist(rows)
    warehouse.connection.register("random_tasks", tasks)
    warehouse.connection.execute("insert into tasks by name select * from random_tasks")
    warehouse.connection.unregister("random_tasks")

    expected = {run: analytics(tasks) for run, tasks in runs.items()}
    names = list(expected["R0"])
    found = {
        run: dict(zip(names, figures, strict=True))
        for run, *figures in warehouse.rows(f"select run_id, {', '.join(names)} from platform_run_analytics")
    }
    assert found == expected


@pytest.mark.parametrize(
    ("completed", "total", "rate"),
    [(1, 32, 3.12), (3, 32, 9.38), (1, 3, 33.33), (2, 3, 66.67), (1, 160, 0.62), (0, 7, 0.0), (7, 7, 100.0)],
)
def test_rates_round_half_to_even_on_the_binary_value(
    warehouse: Warehouse, completed: int, total: int, rate: float
) -> None:
    """1 of 32 is 3.125 and rounds to 3.12."""
    for number in range(total):
        warehouse.task(status="completed" if number < completed else "queued")
    assert warehouse.row("select success_rate, completion_rate from platform_run_analytics") == (rate, rate)


def test_deleted_tasks_are_left_out(warehouse: Warehouse) -> None:
    """The platform no longer has them either."""
    warehouse.task(status="completed", platform_status="Unknown")
    warehouse.task(status="failed", deleted_at=START)
    columns = "total_tasks, failed, calls, failed_calls, platform_gives_up"
    assert warehouse.row(f"select {columns} from platform_run_analytics") == (1, 0, 1, 1, False)


@pytest.mark.parametrize(
    ("counters", "total", "average"),
    [([None, None], None, None), ([None, 0], 0, 0.0), ([None, 3], 3, 1.5), ([], 0, 0.0)],
)
def test_retries_are_unknown_where_no_task_has_the_counter(
    warehouse: Warehouse, counters: list[int | None], total: int | None, average: float | None
) -> None:
    """The lists of tasks send none; a run without tasks has none to count."""
    warehouse.insert("runs", run_id="R1", space_token="north")
    for counter in counters:
        warehouse.task(retry_attempt=counter)
    columns = "total_retries, avg_retry_attempts"
    assert warehouse.row(f"select {columns} from platform_run_analytics") == (total, average)


def test_a_status_that_is_no_text_counts_only_when_the_task_failed(warehouse: Warehouse) -> None:
    """NULL stands for a null or a number; a missing status is stored as the platform reads it, Unknown."""
    warehouse.task(status="completed", platform_status=None)
    warehouse.task(status="failed", platform_status=None)
    warehouse.task(status="pending", platform_status="Unknown")
    assert warehouse.row("select calls, failed_calls from platform_run_analytics") == (3, 2)


@pytest.mark.parametrize(
    ("runs", "places", "expected"),
    [
        ("AABB", [1], {"A": True, "B": False}),
        ("AABB", [2], {"A": None, "B": None}),
        ("AABB", [3, 4], {"A": False, "B": True}),
        ("AABBC", [4, 5], {"A": False, "B": None, "C": None}),
        ("AAB", [0], {"A": True, "B": False}),
        ("AAB", [7], {"A": False, "B": False}),
        ("AAB", [], {"A": False, "B": False}),
        (["A", None], [1], {"A": None}),
    ],
)
def test_an_unreadable_row_makes_the_platform_give_up_its_run(
    warehouse: Warehouse, runs: Sequence[str | None], places: list[int], expected: dict[str, bool | None]
) -> None:
    """`places` count from the oldest row. Beside tasks of one run the row is of this run."""
    for minute, run in enumerate(runs):
        warehouse.task(run_id=run, created_at=at(9, minute))
        warehouse.task(run_id=run, created_at=at(9, minute), space_token="south")
    for place in places:
        for load in ("L1", "L2"):
            warehouse.insert(
                "meta.rejects", load_id=load, kind="task", id=f"spaces/north/tasks#{place}", field=""
            )
    rows = warehouse.rows("select run_id, platform_gives_up from platform_run_analytics")
    assert dict(rows) == expected


def test_a_row_that_can_be_read_again_no_longer_counts_as_unreadable(warehouse: Warehouse) -> None:
    """The list counts three rows: with two stored one cannot be read, with three none is left."""
    warehouse.insert("meta.rejects", load_id="L", kind="task", id="spaces/north/tasks#1", field="")
    warehouse.insert("meta.bookmarks", resource="spaces/north/tasks", space_token="north", api_count=3)
    warehouse.task(created_at=at(9))
    warehouse.task(created_at=at(11))
    assert warehouse.row("select platform_gives_up from platform_run_analytics") == (True,)
    warehouse.task(created_at=at(10))
    assert warehouse.row("select platform_gives_up from platform_run_analytics") == (False,)
