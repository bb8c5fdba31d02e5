"""The tasks of a benchmark's world: uniform finished calls, computed from their number when asked for.

Nothing is stored per task, so a million tasks cost no memory. Every task has 20 messages with times and
about 6.2 KB of JSON. The expensive part, the conversation, comes from a pool of encoded blocks in which
only the date and hour are left open.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Final

import orjson

from unpod_sync.simulator import ids

RUN_SIZE: Final = 250
MESSAGES: Final = 20
LAG_SECONDS: Final = 7200
"""How long before the world's now the newest task was created: its call lies in the next hour."""
_POOL: Final = 256
_HOUR_MARK: Final = "<HOUR>"
_OUTCOMES: Final = ("Interested", "Call Back", "Send Details", "Not Interested")
_AGENT_LINES: Final = (
    "Thank you for taking the time, I will keep it short and explain how the rooftop plan works for a home.",
    "The survey is free of charge, an engineer measures the roof and sends a written proposal in two days.",
    "Most families in your area recover the cost in about four years, and the panels carry a long warranty.",
    "I can hold the present price for two weeks, after that the subsidy is worked out again by the office.",
    "May I ask how high the electricity bill is in an ordinary month, so that the size can be estimated?",
    "That is a fair question. The loan is optional, and the monthly part stays below the present bill.",
)
_USER_LINES: Final = (
    "Yes, I have a few minutes now, but please tell me first what the whole thing costs in the end.",
    "My bill is about four thousand in summer and a little less than half of that in the winter.",
    "And what happens on cloudy days, or when the grid fails, will the house still have power then?",
    "I would like to talk to my family before, but the proposal by message would help us to decide.",
)


class BenchTasks:
    """Tasks 0, 1, 2 … of one bench space, oldest first."""

    def __init__(
        self, *, seed: int, space_index: int, agents: Sequence[str], start: datetime, step_seconds: float
    ) -> None:
        """Tasks created every `step_seconds` from `start` on."""
        self._space_index = space_index
        self._machine = 0x5CA1AB1E00 + space_index
        self._agents = tuple(agents)
        self._start = int(start.timestamp())
        self._step = step_seconds
        self._last_run = (-1, "")
        self._blocks = _blocks(seed, space_index)

    def created(self, index: int) -> int:
        """Epoch seconds at which the task was created; grows with its number."""
        return self._start + int(index * self._step)

    def count_until(self, at: datetime) -> int:
        """How many tasks the list shows at that instant: those whose call is over for sure."""
        return max(0, int((at.timestamp() - LAG_SECONDS - self._start) / self._step) + 1)

    def key(self, index: int) -> int:
        """The sort key, equal to the document id read as a number."""
        return (self.created(index) & 0xFFFFFFFF) << 64 | self._machine << 24 | index

    def object_id(self, index: int) -> str:
        """The task's `_id`."""
        return f"{self.created(index):08x}{self._machine:010x}{index:06x}"

    def task_id(self, index: int) -> str:
        """T and a UUID of the creation time whose last digits are the number."""
        return "T" + ids.time_uuid(self.created(index) * 1_000_000, self._space_index, index)

    def run_id(self, run: int) -> str:
        """R and a UUID of the creation time of the run's first task."""
        micros = self.created(run * RUN_SIZE) * 1_000_000
        return "R" + ids.time_uuid(micros, 0x1000 + self._space_index, run)

    def _cached_run_id(self, run: int) -> str:
        last = self._last_run
        if run != last[0]:
            last = self._last_run = (run, self.run_id(run))
        return last[1]

    def agent(self, run: int) -> str:
        """The agent that makes the calls of a run."""
        return self._agents[run % len(self._agents)]

    def find(self, task_id: str) -> int | None:
        """The number of a task id of this space, or None."""
        try:
            index = int(task_id[-12:], 16)
        except ValueError:
            return None
        return index if self.task_id(index) == task_id else None

    def encoded(self, index: int) -> bytes:
        """The task's JSON."""
        created = self.created(index)
        seconds = created % 3600
        hour = _hour_text(created - seconds)
        block = _hour_text(created - seconds + 3600).encode().join(self._blocks[index * 31 % _POOL])
        written = f"{hour[:10]}T{hour[11:]}:{seconds // 60:02d}:{seconds % 60:02d}"
        run = index // RUN_SIZE
        name = f"Bench Contact {index}"
        number = f"+9100000{index % 100_000:05d}"
        head = (
            f'{{"_id":"{self.object_id(index)}","thread_id":"{900_000_000_000 + index}",'
            '"user_info":{"email":"owner@example.com","full_name":"Robin Sample"},'
            f'"task_id":"{self.task_id(index)}","run_id":"{self._cached_run_id(run)}",'
            '"task":{"objective":"Call the contact about the rooftop offer."},'
            f'"input":{{"name":"{name}","contact_number":"{number}","email":"c{index}@example.com"}},'
            f'"assignee":"{self.agent(run)}","created":"{written}","modified":"{written}",'
            f'"output":{{"call_id":"call-{self._space_index}-{index}","customer":"{name}",'
            f'"contact_number":"{number}",'
        )
        return head.encode() + block

    def run(self, run: int) -> dict[str, str]:
        """A run as the list shows it, with its document id."""
        created = self.created(run * RUN_SIZE)
        written = f"{_hour_text(created)[:10]}T{datetime.fromtimestamp(created, UTC):%H:%M:%S}"
        return {
            "_id": ids.object_id(created, self._machine, run),
            "run_id": self.run_id(run),
            "collection_ref": f"collection_data_BENCH{self._space_index}",
            "run_mode": "prefect",
            "status": "completed",
            "created": written,
            "modified": written,
        }


@lru_cache(maxsize=8)
def _blocks(seed: int, space_index: int) -> tuple[tuple[bytes, ...], ...]:
    rng = Random(seed * 1009 + space_index)
    return tuple(_block(number, rng) for number in range(_POOL))


def _block(number: int, rng: Random) -> tuple[bytes, ...]:
    """The rest of a task: conversation, analysis, constant fields; cut where the date and hour belong."""
    offset = timedelta(minutes=number % 45, seconds=rng.randrange(60), microseconds=rng.randrange(10**6))
    clock = datetime(2000, 1, 1, tzinfo=UTC) + offset
    started = clock
    transcript, clock = _conversation(number, rng, clock)
    ended = clock + timedelta(seconds=3)
    output = {
        "call_end_reason": "customer-ended-call",
        "recording_url": f"https://media.example.com/recordings/bench-{number}.ogg",
        "transcript": transcript,
        "start_time": _open_hour(started),
        "end_time": _open_hour(ended),
        "assistant_number": "12025550199",
        "call_summary": None,
        "duration": int((ended - started).total_seconds()),
        "cost": round(rng.random() / 4, 4),
        "post_call_data": _analysis(number, rng),
        "metadata": {"cost": 0.0, "type": "outbound", "usage": {"prompt_tokens": rng.randrange(9000)}},
        "call_type": "outbound",
        "call_status": "connected",
    }
    rest = {
        "attachments": [],
        "status": "completed",
        "execution_type": "call",
        "run_mode": "prod",
        "retry_attempt": 0,
    }
    text = orjson.dumps(output)[1:] + b"," + orjson.dumps(rest)[1:]
    return tuple(text.split(_HOUR_MARK.encode()))


@lru_cache(maxsize=4096)
def _hour_text(epoch_seconds: int) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H")


def _conversation(number: int, rng: Random, clock: datetime) -> tuple[list[dict[str, object]], datetime]:
    """The messages and the time of the last one."""
    transcript: list[dict[str, object]] = []
    for turn in range(MESSAGES):
        clock += timedelta(seconds=4 + rng.random() * 9)
        lines = _USER_LINES if turn % 2 else _AGENT_LINES
        transcript.append(
            {
                "role": "user" if turn % 2 else "assistant",
                "content": f"{lines[rng.randrange(len(lines))]} {number}-{turn}",
                "timestamp": _open_hour(clock),
                "user_id": None,
                "message_id": f"{rng.getrandbits(44):011x}",
            }
        )
    return transcript, clock


def _open_hour(at: datetime) -> str:
    return _HOUR_MARK + at.strftime(":%M:%S.%f")


def _analysis(number: int, rng: Random) -> dict[str, object]:
    outcome = _OUTCOMES[number % len(_OUTCOMES)]
    return {
        "classification": {
            "labels": ["Warm" if number % 3 else "Hot"],
            "summary": f"Talk {number} on the offer.",
        },
        "summary": {
            "status": outcome,
            "summary": "The contact listened to the offer, asked about cost, subsidy and power cuts, and "
            "wants the proposal by message before the family decides.",
            "name": "N/A",
            "contact": "N/A",
            "callback_datetime": "N/A",
        },
        "success_evaluator": str(rng.randrange(2, 10)),
        "follow_up": {"required": "follow_up disabled"},
        "profile_summary": {
            "tone": "Friendly",
            "engagement": "High",
            "interest_level": outcome,
            "objections": ["price"],
            "questions_asked": ["What does it cost?"],
            "outcome": "Connected",
            "next_action": "Send the proposal",
        },
        "structured_data": {"monthly_bill": 2000 + rng.randrange(4000), "roof_type": "flat"},
    }
