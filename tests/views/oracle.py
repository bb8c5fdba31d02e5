"""What the views must say, computed once more in plain Python from payloads; nothing of ours is used.

Only the shapes of `variants.json` and of the simulator are read, in the simplest way that reads them.
"""

# ruff: noqa: DTZ001 - times are naive and mean UTC, as in the warehouse

from __future__ import annotations

import json
import re
import statistics
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

Payload = dict[str, Any]
Fact = dict[str, Any]
Rows = dict[Any, tuple[Any, ...]]

NOTHING = ("", "-", "null", "none", "n/a")
OUTCOMES = {
    **{word: word for word in ("interested", "abandoned", "dropped", "error")},
    **{"interestedin": "interested", "callback": "call_back", "callbackrequested": "call_back"},
    **{"senddetails": "send_details", "informationsent": "send_details"},
    **{"notinterested": "not_interested", "notconnected": "not_connected"},
}
ROLES = {"assistant": "agent", "ai": "agent", "agent": "agent", "user": "user", "customer": "user"}
PENDING = ("pending", "scheduled", "queued", "hold")
RUNNING = ("in_progress", "processing", "running")
SPEAKER = re.compile(r"(AI|User|Agent|Customer|Assistant): ?(.*)")


def nothing(value: Any) -> bool:
    """Null, or a text that stands for it."""
    return value is None or (isinstance(value, str) and value.strip().lower() in NOTHING)


def first(*values: Any) -> Any:
    """The first value that says something."""
    return next((value for value in values if not nothing(value)), None)


def mapping(value: Any) -> Payload:
    """An object, also when it comes as JSON text; else an empty one."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def moment(value: Any, zone: ZoneInfo | None = None) -> datetime | None:
    """A time as naive UTC; a text without a zone is UTC, or in `zone`."""
    if isinstance(value, dict):
        value = value.get("$date")
    if nothing(value):
        return None
    if isinstance(value, int | float) or re.fullmatch(r"\d{10,13}", value):
        seconds = float(value) / (1000 if float(value) > 1e11 else 1)
        return datetime(1970, 1, 1) + timedelta(seconds=seconds)
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=zone or UTC)).astimezone(UTC).replace(tzinfo=None)


def moment_of_id(task_id: str) -> datetime:
    """The creation inside a task id: a letter and a time-based UUID, in steps of 100 ns."""
    return datetime(1582, 10, 15) + timedelta(microseconds=uuid.UUID(task_id[1:]).time // 10)


def number(value: Any) -> float | None:
    """A number, also as text."""
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def folded(value: Any) -> str | None:
    """A word in lower case with underscores."""
    if nothing(value) or not isinstance(value, str):
        return None
    return re.sub(r"[\s\-_]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.strip())).lower()


def seconds_of(output: Payload, started: datetime | None, ended: datetime | None) -> float | None:
    """As sent when plausible, else end less start, else nothing."""
    span = (ended - started).total_seconds() if started and ended else None
    sent = number(output.get("duration"))
    if sent and 0 < sent <= 12 * 3600 and not (span and 0 < span * 100 < sent):
        return sent
    return span if span is not None and 0 <= span <= 12 * 3600 else None


def messages_of(transcript: Any) -> list[tuple[str | None, str, datetime | None]] | None:
    """Role, text and time of each message; None where there is no transcript."""
    if isinstance(transcript, dict):
        transcript = transcript.get("messages")
    if isinstance(transcript, str):
        lines = [SPEAKER.fullmatch(line.strip()) for line in transcript.splitlines() if line.strip()]
        transcript = [{"role": line[1], "content": line[2]} for line in lines if line]
    if transcript is None:
        return None
    return [
        (
            ROLES.get(str(entry.get("role")).lower(), entry.get("role")),
            entry.get("content") or "",
            moment(entry.get("timestamp")),
        )
        for entry in transcript
    ]


def conversation(transcript: Any) -> Fact:
    """Counts and gaps of a transcript."""
    messages = messages_of(transcript)
    names = [
        "message_count",
        "turn_count",
        "user_turn_count",
        "user_message_count",
        "agent_message_count",
        "user_characters",
        "agent_characters",
        "agent_talk_share",
        "reply_gap_p50_seconds",
        "longest_gap_seconds",
    ]
    if messages is None:
        return dict.fromkeys(names)
    spoken = [message for message in messages if message[0] in ("user", "agent")]
    turns = [role for role, _ in groupby(spoken, key=lambda message: message[0])]
    said = {role: [text for by, text, _ in spoken if by == role] for role in ("user", "agent")}
    length = {role: sum(map(len, texts)) for role, texts in said.items()}
    gaps = [
        ((after - before).total_seconds(), one != other)
        for (one, _, before), (other, _, after) in pairwise(spoken)
        if before and after and after >= before
    ]
    replies = [gap for gap, is_reply in gaps if is_reply]
    values = (
        len(messages),
        len(turns),
        turns.count("user"),
        len(said["user"]),
        len(said["agent"]),
        length["user"],
        length["agent"],
        rate(length["agent"], sum(length.values())),
        statistics.median(replies) if replies else None,
        max(gap for gap, _ in gaps) if gaps else None,
    )
    return dict(zip(names, values, strict=True))


def score_of(value: Any) -> float | None:
    """A success evaluation as points of ten."""
    value = mapping(value).get("score", value)
    scale = 10.0
    if isinstance(value, str) and (found := re.fullmatch(r"([\d.]+)\s*(?:/\s*([\d.]+)|(%))", value)):
        value, scale = found[1], float(found[2] or 100)
    points = number(value)
    return points * 10 / scale if points is not None and 0 <= points <= scale else None


def outcome_of(post: Payload) -> str | None:
    """The folded label: status of the summary, else outcome, else that of the profile."""
    label = first(
        mapping(post.get("summary")).get("status"),
        post.get("outcome"),
        mapping(post.get("profile_summary")).get("outcome"),
    )
    return None if label is None else OUTCOMES.get(re.sub(r"[\W_]+", "", str(label)).lower(), "other")


def callback_of(post: Payload, zone: ZoneInfo) -> datetime | None:
    """The time asked for; without a zone it is in the configured one."""
    follow_up = mapping(post.get("follow_up"))
    value = first(
        mapping(post.get("summary")).get("callback_datetime"),
        mapping(post.get("profile_summary")).get("callback_time"),
        follow_up.get("time") if follow_up.get("required") is True else None,
    )
    return moment(value, zone)


def fact(task: Payload, zone: ZoneInfo) -> Fact:
    """Everything that the views count, of one task."""
    output = mapping(task.get("output"))
    post = mapping(output.get("post_call_data"))
    started = moment(first(output.get("start_time"), output.get("startedAt")))
    ended = moment(first(output.get("end_time"), output.get("endedAt")))
    reason = first(output.get("call_end_reason"), output.get("endedReason"))
    data = output.get("data")
    texts = [reason, output.get("error"), output.get("message", data if isinstance(data, str) else None)]
    status = output.get("call_status")
    status = folded(status.get("status") if isinstance(status, dict) else status)
    created = moment(task.get("created")) or moment_of_id(task["task_id"])
    local = [at and at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for at in (created, started)]
    talk = conversation(output.get("transcript"))
    voicemail = status == "voicemail" or any("voicemail" in str(text).lower() for text in texts)
    dialed = bool(started or reason or first(output.get("error")) or voicemail)
    connected = dialed and not voicemail and bool(talk["user_message_count"])
    seconds = seconds_of(output, started, ended)
    outcome, state = outcome_of(post), folded(task.get("status"))
    points = score_of(post.get("success_evaluator"))
    flags = {
        "is_dialed": dialed,
        "is_voicemail": voicemail,
        "is_connected": connected,
        "is_answered": connected or voicemail,
        "is_engaged": connected and talk["user_turn_count"] > 3,
        "is_short": connected and seconds is not None and seconds < 10,
        "is_interested": connected and outcome == "interested",
        "is_successful": points is not None and points >= 7,
        "is_terminal": state in ("completed", "failed", "partially_completed"),
    }
    return {
        **flags,
        **talk,
        "is_call": folded(task.get("execution_type")) == "call",
        "run_id": task.get("run_id"),
        "agent_handle": first(task.get("assignee")),
        "status": state,
        "retry_attempt": task.get("retry_attempt"),
        "created_at": created,
        "started_at": started,
        "ended_at": ended,
        "started_local_at": local[1] and local[1].replace(microsecond=0),
        "caller_number": first(output.get("assistant_number")),
        "created_date": local[0] and local[0].date(),
        "local_date": local[1].date() if local[1] else local[0] and local[0].date(),
        "local_hour": local[1] and local[1].hour,
        "local_weekday": local[1] and local[1].isoweekday(),
        "duration_seconds": seconds,
        "outcome": outcome,
        "points": points,
        "cost": first(number(output.get("cost")), number(mapping(output.get("metadata")).get("cost"))),
        "callback_at": callback_of(post, zone),
        "structured": mapping(post.get("structured_data")),
        "payload": task,
    }


def rate(hits: int, cases: int) -> float | None:
    """A share; nothing of nothing is unknown."""
    return hits / cases if cases else None


def quantile(values: list[float], share: float) -> float | None:
    """Type 7: linear between the two values beside it."""
    if not values:
        return None
    ordered, place = sorted(values), (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def grouped(facts: Iterable[Fact], *keys: str) -> dict[tuple[Any, ...], list[Fact]]:
    """The facts by the values of some keys."""
    groups: dict[tuple[Any, ...], list[Fact]] = defaultdict(list)
    for one in facts:
        groups[tuple(one[key] for key in keys)].append(one)
    return groups


def count(facts: Iterable[Fact], flag: str) -> int:
    """How many facts have a flag."""
    return sum(bool(one[flag]) for one in facts)


def total_cost(calls: list[Fact]) -> float | None:
    """The sum; unknown where every cost is 0 or absent."""
    costs = [one["cost"] for one in calls if one["cost"]]
    return sum(costs) if costs else None


def each(groups: dict[tuple[Any, ...], list[Fact]], measure: Callable[[list[Fact]], Any]) -> Rows:
    """The measure of each group."""
    return {key: measure(facts) for key, facts in groups.items()}


def completion(tasks: list[Fact]) -> tuple[Any, ...]:
    """The counts of tasks by state and their two rates."""
    states = [one["status"] for one in tasks]
    done, failed = states.count("completed"), states.count("failed")
    pending, running = (sum(state in words for state in states) for words in (PENDING, RUNNING))
    total = len(tasks)
    others = total - done - failed - pending - running
    ends = [one["ended_at"] for one in tasks if one["ended_at"]]
    finished = max(ends) if ends and not pending + running else None
    rates = rate(done, total), rate(done + failed, total)
    return (total, done, failed, pending, running, others, *rates, finished)


def durations(calls: list[Fact]) -> tuple[Any, ...]:
    """How long the connected calls took."""
    connected = [one for one in calls if one["is_connected"]]
    seconds = [one["duration_seconds"] for one in connected if one["duration_seconds"] is not None]
    return (
        len(calls),
        len(connected),
        len(seconds),
        sum(seconds) if seconds else None,
        sum(seconds) / len(seconds) if seconds else None,
        *(quantile(seconds, share) for share in (0.5, 0.9, 0.95)),
        max(seconds, default=None),
    )


def elapsed(calls: list[Fact]) -> float | None:
    """First dial to last end; unknown where an end is missing."""
    dialed = [one for one in calls if one["is_dialed"]]
    starts = [one["started_at"] for one in dialed if one["started_at"]]
    if not starts or not all(one["ended_at"] for one in dialed):
        return None
    span = (max(one["ended_at"] for one in dialed) - min(starts)).total_seconds()
    return span if span >= 0 else None


def outcomes(calls: list[Fact], labelled: int) -> tuple[Any, ...]:
    """The calls of one outcome, of so many with any."""
    share = rate(len(calls), labelled) if calls[0]["outcome"] else None
    return len(calls), share, durations(calls)[4], total_cost(calls)


def funnel(calls: list[Fact]) -> tuple[int, ...]:
    """From task to interest: each step a part of the one before."""
    steps = [calls]
    for flag in ("is_dialed", "is_answered", "is_connected", "is_engaged", "is_interested"):
        steps.append([one for one in steps[-1] if one[flag]])
    return tuple(map(len, steps))


def costs(calls: list[Fact]) -> tuple[float | None, ...]:
    """Cost of all calls, and per call, connected and interested call."""
    total = total_cost(calls)
    cases = len(calls), count(calls, "is_connected"), count(calls, "is_interested")
    return total, *(total / n if total is not None and n else None for n in cases)


def platform(tasks: list[Fact]) -> tuple[Any, ...]:
    """The platform's own figures of a run with tasks."""
    total = len(tasks)
    states = [one["status"] for one in tasks]
    done, failed = states.count("completed"), states.count("failed")
    counters = [one["retry_attempt"] for one in tasks if one["retry_attempt"] is not None]
    calls = [one["payload"] for one in tasks if one["is_call"]]
    buckets = dict.fromkeys(
        ("interested", "call_back", "send_details", "not_interested", "not_connected", "failed"), 0
    )
    words = {
        **{"Interested": "interested", "InterestedIn": "interested", "Call Back": "call_back"},
        **{"Send Details": "send_details", "Not Interested": "not_interested"},
        **{"Not Connected": "not_connected", "Error": "failed", "Unknown": "failed"},
    }
    available, scores, gives_up = 0, [], False
    for call in calls:
        output = mapping(call.get("output"))
        post = output.get("post_call_data", {})
        summary = post.get("summary", {}) if isinstance(post, dict) else {}
        gives_up = gives_up or not isinstance(post, dict) or not isinstance(summary, dict)
        label = mapping(summary).get("status", "Unknown")
        bucket = words.get(label) if isinstance(label, str) else None
        if bucket is None and folded(call.get("status")) == "failed":
            bucket = "failed"
        if bucket:
            buckets[bucket] += 1
        transcript = output.get("transcript")
        if isinstance(transcript, list | str) and transcript:
            available += 1
            value = mapping(post).get("success_evaluator")
            score = number(value) if isinstance(value, str | int | float) and value else None
            scores += [score] if score is not None and 1 <= score <= 10 else []
    return (
        *(total, done, failed, states.count("pending"), states.count("in_progress")),
        *(round(100 * part / total, 2) for part in (done, done + failed)),
        round(sum(counters) / total, 2) if counters else None,
        sum(counters) if counters else None,
        *(available, len(calls) - available),
        round(100 * available / len(calls), 2) if calls else 0,
        round(sum(scores) / len(scores), 2) if scores else 0,
        *buckets.values(),
        gives_up,
    )
