"""Thirty questions that an assistant is asked about the demo, the tool call that answers each, and the answer.

The answers are computed in plain Python from the rows of the tables, without any view.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]


@dataclass(frozen=True)
class Business:
    """The rows of the demo's tables."""

    tasks: list[Row]
    messages: list[Row]
    spaces: list[Row]
    agents: list[Row]
    runs: list[Row]

    @property
    def calls(self) -> list[Row]:
        """Tasks of kind call that the API still lists."""
        return [
            task for task in self.tasks if task["execution_type"] == "call" and task["deleted_at"] is None
        ]

    @property
    def connected(self) -> list[Row]:
        """Calls in which the user spoke, voicemails aside."""
        return [c for c in self.dialed if not c["is_voicemail"] and (c["user_message_count"] or 0) > 0]

    @property
    def dialed(self) -> list[Row]:
        """Calls that were dialed."""
        return [call for call in self.calls if call["is_dialed"] or call["is_voicemail"]]

    def agent(self, handle: str | None) -> str:
        """The name of an agent."""
        return next((str(a["agent_name"]) for a in self.agents if a["agent_handle"] == handle), "")


def read(path: Path) -> Business:
    """The rows of a file."""
    with duckdb.connect(str(path), read_only=True) as connection:

        def rows(table: str) -> list[Row]:
            found = connection.execute(f"from {table}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        return Business(
            rows("tasks"), rows("transcript_messages"), rows("spaces"), rows("agents"), rows("runs")
        )


def counted(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, int]:
    """How many rows there are of each key."""
    return dict(Counter(map(key, rows)))


def share(part: int, whole: int) -> float:
    """A rate, as the tests compare it."""
    return round(part / whole, 9)


@dataclass(frozen=True)
class Question:
    """A question, the SQL that an assistant sends, and the answer: rows as lists, in any order."""

    text: str
    sql: str
    answer: Callable[[Business], list[list[Any]]]


def _by(rows: Callable[[Business], list[Row]], key: str) -> Callable[[Business], list[list[Any]]]:
    return lambda b: [[value, n] for value, n in counted(rows(b), lambda row: row[key]).items()]


def _calls(b: Business) -> list[Row]:
    return b.calls


def _rate_by_agent(b: Business) -> list[list[Any]]:
    dialed, connected = (counted(rows, lambda c: c["agent_handle"]) for rows in (b.dialed, b.connected))
    return [[b.agent(handle), share(connected.get(handle, 0), n)] for handle, n in dialed.items()]


def _costs(b: Business) -> list[list[Any]]:
    spaces = {call["space_token"] for call in b.calls}
    return [
        [
            token,
            round(sum(c["cost"] for c in b.calls if c["space_token"] == token and c["cost"] is not None), 6),
        ]
        for token in spaces
    ]


def _longest(b: Business) -> list[list[Any]]:
    known = [call for call in b.calls if call["duration_seconds"] is not None]
    call = max(known, key=lambda c: (c["duration_seconds"], c["task_id"]))
    return [[call["task_id"], call["duration_seconds"]]]


def _contacts_called_often(b: Business) -> list[list[Any]]:
    keys = counted((c for c in b.calls if c["contact_key"] is not None), lambda c: c["contact_key"])
    return [[sum(n >= 3 for n in keys.values())]]


def _messages_by_role(b: Business) -> list[list[Any]]:
    return [[role, n] for role, n in counted(b.messages, lambda m: m["role"]).items()]


def _said(word: str) -> Callable[[Business], list[list[Any]]]:
    return lambda b: [[len({m["task_id"] for m in b.messages if word in (m["content"] or "").lower()})]]


def _first(b: Business) -> list[list[Any]]:
    return [[min(c["started_at"] for c in b.dialed if c["started_at"]).isoformat()]]


QUESTIONS = (
    Question("How many calls are there?", "select count(*) from calls", lambda b: [[len(b.calls)]]),
    Question(
        "How many tasks, in all states?", "select count(*) from tasks", lambda b: [[len(b.tasks)]]
    ),
    Question("How many spaces?", "select count(*) from spaces", lambda b: [[len(b.spaces)]]),
    Question("How many runs?", "select count(*) from runs", lambda b: [[len(b.runs)]]),
    Question(
        "Which agents are there?",
        "select agent_name from agents",
        lambda b: [[a["agent_name"]] for a in b.agents],
    ),
    Question("Calls by status?", "select status, count(*) from calls group by all", _by(_calls, "status")),
    Question("Calls by outcome?", "select outcome, count(*) from calls group by all", _by(_calls, "outcome")),
    Question(
        "Calls by sentiment?", "select sentiment, count(*) from calls group by all", _by(_calls, "sentiment")
    ),
    Question(
        "Calls by end reason?",
        "select call_end_reason, count(*) from calls group by all",
        _by(_calls, "call_end_reason"),
    ),
    Question(
        "Calls of each space?",
        "select space_name, count(*) from calls group by all",
        lambda b: [
            [space["space_name"], n]
            for space in b.spaces
            if (n := sum(c["space_token"] == space["space_token"] for c in b.calls))
        ],
    ),
    Question(
        "How many were dialed?", "select count(*) from calls where is_dialed", lambda b: [[len(b.dialed)]]
    ),
    Question(
        "How many connected?",
        "select count(*) filter (where is_connected) from calls",
        lambda b: [[len(b.connected)]],
    ),
    Question(
        "Which share of dialed calls connected?",
        "select sum(connected_count) / sum(dialed_count) from call_counts",
        lambda b: [[share(len(b.connected), len(b.dialed))]],
    ),
    Question(
        "The connect rate of each agent?",
        "select agent_name, sum(connected_count) / sum(dialed_count) from call_counts"
        " join agents using (agent_handle) group by all",
        _rate_by_agent,
    ),
    Question(
        "How many voicemails?",
        "select count(*) from calls where is_voicemail",
        lambda b: [[sum(bool(c["is_voicemail"]) for c in b.calls)]],
    ),
    Question(
        "How many interested calls connected?",
        "select count(*) from calls where is_interested",
        lambda b: [[sum(c["outcome"] == "interested" for c in b.connected)]],
    ),
    Question(
        "The median length of a connected call?",
        "select median(duration_seconds) from calls where is_connected",
        lambda b: [[statistics.median(c["duration_seconds"] for c in b.connected if c["duration_seconds"] is not None)]],
    ),
    Question(
        "Which call was the longest?",
        "select task_id, duration_seconds from calls order by duration_seconds desc nulls last, task_id desc limit 1",
        _longest,
    ),
    Question(
        "What did each space cost?",
        "select space_token, coalesce(sum(total_cost), 0) from call_costs group by all",
        _costs,
    ),
    Question(
        "On how many days were calls dialed?",
        "select count(distinct started_at::date) from calls where is_dialed",
        lambda b: [[len({c["started_at"].date() for c in b.dialed if c["started_at"]})]],
    ),
    Question(
        "Dialed calls of each local hour?",
        "select started_local_hour, count(*) from calls where is_dialed group by all",
        _by(lambda b: b.dialed, "started_local_hour"),
    ),
    Question(
        "When was the first call?", "select min(started_at) from calls where is_dialed", _first
    ),
    Question(
        "How many contacts were called?",
        "select count(*) from contacts",
        lambda b: [[len({c["contact_key"] for c in b.calls if c["contact_key"] is not None})]],
    ),
    Question(
        "How many contacts have three calls or more?",
        "select count(*) from contacts where call_count >= 3",
        _contacts_called_often,
    ),
    Question(
        "How many calls lack a name?",
        "select count(*) from calls where contact_name is null",
        lambda b: [[sum(c["contact_name"] is None for c in b.calls)]],
    ),
    Question(
        "Messages of each role?", "select role, count(*) from transcript_messages group by all", _messages_by_role
    ),
    Question(
        "In how many tasks was an appointment mentioned?",
        "select count(distinct task_id) from transcript_messages where content ilike '%appointment%'",
        _said("appointment"),
    ),
    Question(
        "How many calls have an analysis?",
        "select count(*) from calls where has_analysis",
        lambda b: [[sum(bool(c["has_analysis"]) for c in b.calls)]],
    ),
    Question(
        "How many tasks were retried?",
        "select count(*) from tasks where retry_attempt > 0",
        lambda b: [[sum((t["retry_attempt"] or 0) > 0 for t in b.tasks)]],
    ),
    Question(
        "How many calls promise a callback?",
        "select count(*) from calls where callback_at is not null",
        lambda b: [[sum(c["callback_at"] is not None for c in b.calls)]],
    ),
)  # fmt: skip
