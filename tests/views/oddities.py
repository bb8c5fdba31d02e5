"""Random tasks whose fields contradict each other as often as the API lets them."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

START = datetime(2026, 3, 5, 20, 0)  # noqa: DTZ001 - UTC without a zone
STATUSES = ["completed", "Completed", "failed", "pending", "in_progress", "scheduled", "on-hold", None]
LABELS = [
    "Interested",
    "interested",
    "Call Back",
    "Not Interested",
    "Connected",
    "Unknown",
    "Error",
    "",
    None,
    7,
]
EVALUATORS = [8, "7", "9/10", "60%", {"score": 3}, "Good", 0, -2, None]
COSTS = [None, 0, 0.0, 0.25, 1.5, -1.5]
NUMBERS = [None, *(f"+9198000{place:05}" for place in range(150)), "9800000001", "2025550101"]
WORDS = ["Hello", "Yes.", "Please stop calling me", "नमस्ते", ""]


def task(chance: random.Random, place: int) -> dict[str, Any]:
    """One task, created `place` quarters of an hour after the start."""
    created = START + timedelta(minutes=15 * place)
    value: dict[str, Any] = {
        "task_id": f"T{uuid.UUID(int=place).hex}",
        "run_id": f"R{place // 9}",
        "assignee": chance.choice(["anna", "bela", None]),
        "status": chance.choice(STATUSES),
        "execution_type": chance.choices(["call", "email", None], [8, 1, 1])[0],
        "created": created.isoformat(),
        "input": {"contact_number": chance.choice(NUMBERS)},
    }
    if place // 9 % 3:
        value["retry_attempt"] = chance.choice([0, 1, 3, None])
    if chance.random() < 0.9:
        value["output"] = output(chance, created)
    return value


def output(chance: random.Random, created: datetime) -> dict[str, Any]:
    """An output of which anything may be missing; some are stubs of a voicemail."""
    if chance.random() < 0.1:
        return {"call_status": "voicemail", "data": "call completed"}
    started = created + timedelta(minutes=chance.randint(0, 4000))
    ended = started + timedelta(seconds=chance.choice([-3600, 4, 9, 70, 400]))
    value: dict[str, Any] = {
        "start_time": started.isoformat(" "),
        "end_time": ended.isoformat(" "),
        "duration": chance.choice([None, "NULL", 0, 12, "45", -3, 50000]),
        "call_end_reason": chance.choice(["customer-ended-call", "customer-busy", "went to Voicemail"]),
        "error": chance.choice(["busy", "", None]),
        "cost": chance.choice(COSTS),
        "metadata": {"cost": chance.choice(COSTS)},
        "transcript": transcript(chance, started),
        "post_call_data": analysis(chance, created),
    }
    return {key: inner for key, inner in value.items() if chance.random() < 0.75}


def transcript(chance: random.Random, started: datetime) -> Any:
    """Turns of several messages, times that go back or are missing, tools in between."""
    entries = [
        {
            "role": chance.choice(["assistant", "user", "user", "tool", "system"]),
            "content": chance.choice(WORDS),
            "timestamp": chance.choice(
                [(started + timedelta(seconds=chance.randint(0, 99))).isoformat(), None]
            ),
        }
        for _ in range(chance.choice([0, 1, 4, 12]))
    ]
    return chance.choice([entries, entries, entries, {"messages": entries}, "AI: Hi\nUser: Yes", None])


def analysis(chance: random.Random, created: datetime) -> Any:
    """An analysis, or what stands in its place."""
    at = created + timedelta(hours=chance.randint(1, 90))
    summary: dict[str, Any] = {
        "status": chance.choice(LABELS),
        "callback_datetime": chance.choice(
            [f"{at:%Y-%m-%d %H:%M:%S}", f"{at:%Y-%m-%dT%H:%M:%S}Z", "N/A", "later"]
        ),
    }
    value = {
        "summary": {key: inner for key, inner in summary.items() if chance.random() < 0.8},
        "success_evaluator": chance.choice(EVALUATORS),
        "structured_data": chance.choice(
            [{"age": 4, "city": "Pune", "keen": True}, '{"budget": "12.5"}', "{…", None]
        ),
    }
    value["summary"] = chance.choices([value["summary"], "text", None, []], [30, 1, 1, 1])[0]
    return chance.choices([value, "text", None, []], [30, 1, 1, 1])[0]


def tasks(seed: int, number: int) -> list[dict[str, Any]]:
    """So many tasks; the same for the same seed."""
    chance = random.Random(seed)
    return [task(chance, place) for place in range(number)]
