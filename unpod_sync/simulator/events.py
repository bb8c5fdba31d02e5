"""What happens to a task, as one table: the statuses in which an event applies, the status after it, what
else it does, and which events may follow.

Events change tasks as the backend does: nearly all of them leave `modified` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from unpod_sync.simulator import call_outputs, ids, post_call
from unpod_sync.simulator.call_outputs import Call
from unpod_sync.simulator.dialer import Dialer, TaskLifecycle
from unpod_sync.simulator.dialogue import Talk, converse, voicemail
from unpod_sync.simulator.rows import JsonObject
from unpod_sync.simulator.schedule import OFFSETS, dial_result

_MAX_DIALS: Final = 3
_MAX_REDIALS: Final = 2
_OPENS, _CLOSES = 9, 21


class Next(NamedTuple):
    """An event to come: after so many seconds or at a time, for the same task or another one."""

    when: float | datetime
    event: str
    details: tuple[Any, ...] = ()
    task: TaskLifecycle | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """An event: without `states` it applies to any; `by_day` puts it off to the next morning at night."""

    effect: Callable[..., Iterator[Next] | None]
    then: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    state: str = ""
    by_day: bool = False


def perform(dialer: Dialer, event: str, task: TaskLifecycle, *details: Any) -> None:
    """Let an event happen to a task, and queue what follows. Nothing happens to a deleted task."""
    rule = EVENTS[event]
    payload = dialer.payload(task)
    if payload is None or (rule.states and payload.get("status") not in rule.states):
        return
    morning = _next_morning(task, dialer.now) if rule.by_day else None
    if morning is not None:
        dialer.scheduler.at(morning, event, task, *details)
        return
    if rule.state:
        _set_status(dialer, payload, rule.state)
    for follower in rule.effect(dialer, task, payload, *details) or ():
        if follower.event not in rule.then:
            raise ValueError(f"{follower.event} may not follow {event}")
        when = follower.when
        if not isinstance(when, datetime):
            when = dialer.now + timedelta(seconds=when)
        dialer.scheduler.at(when, follower.event, follower.task or task, *follower.details)


def _dial(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """A worker claims the task."""
    dialer.begin(task)
    task.attempts += 1
    yield Next(4, "ring")


def _ring(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """The call is dispatched; how it ends is settled here."""
    rng, now = dialer.step(task), dialer.now
    payload["output"] = call_outputs.dispatched(task.agent.style, task.contact, now)
    local = ids.to_local(now, task.offset)
    progress, outage = dialer.progress(now), dialer.has_outage(task)
    result = dial_result(rng, task.campaign, task.agent, local, progress=progress, outage=outage)
    if result == "failed":
        yield Next(rng.randint(3, 12), "fail")
    elif result in ("no_answer", "busy"):
        again = task.attempts < _MAX_DIALS
        yield Next(30, "try_later", (result,)) if again else Next(30, "give_up", (result, now))
    else:
        if result == "voicemail":
            talk = voicemail(rng, task.campaign, task.agent, task.contact)
        else:
            talk = converse(rng, task.campaign, task.agent, task.contact, result, local)
        begin = now + timedelta(microseconds=rng.randrange(10**6))
        call = call_outputs.place_call(rng, task.agent, task.contact, talk, begin, task.direction)
        yield Next(call.ended + timedelta(seconds=1), "hang_up", (call,))


def _fail(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """The call could not be set up; a sweep of the backend may recover it."""
    rng = dialer.step(task)
    error = rng.choice(call_outputs.ERRORS)
    payload["failure_count"] = payload.get("failure_count", 0) + 1
    payload["last_failure_reason"] = error
    payload["output"] = {"error": error}
    if rng.random() < 0.3:
        payload["output"].update(no_immediate_retry_reason="provider error", call_end_reason=error)
    dialer.close(task, failed=True)
    if payload["failure_count"] < _MAX_DIALS and rng.random() < 0.6:
        yield Next(rng.uniform(1800, 5 * 3600), "recover")


def _recover(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """A sweep sets a failed task back."""
    payload["retry_attempt"] = payload.get("retry_attempt", 0) + 1
    payload["output"] = {**_output(payload), "message": "recovered for another attempt"}
    dialer.reopen(task)
    yield Next(600, "dial")


def _try_later(dialer: Dialer, task: TaskLifecycle, payload: JsonObject, kind: str) -> Iterator[Next]:
    """Nobody took the call: again in a while."""
    dialer.step(task)
    again = dialer.now + timedelta(minutes=30 if kind == "no_answer" else 15)
    payload["retry_attempt"] = payload.get("retry_attempt", 0) + 1
    payload["scheduled_timestamp"] = int(again.timestamp())
    payload["output"] = call_outputs.waiting(kind, again)
    yield Next(again, "dial")


def _give_up(
    dialer: Dialer, task: TaskLifecycle, payload: JsonObject, kind: str, started: datetime
) -> Iterator[Next]:
    """Nobody took the call for the last time; some of these tasks fail."""
    rng = dialer.step(task)
    failed = rng.random() < 0.15
    if failed:
        _set_status(dialer, payload, "failed")
    analysis = post_call.analyse_missed(kind)
    payload["output"] = call_outputs.missed(kind, task.agent, task.contact, started, analysis)
    dialer.close(task, failed=failed)
    if rng.random() < 0.1:
        yield Next(rng.uniform(2, 20) * 3600, "call_in")


def _hang_up(dialer: Dialer, task: TaskLifecycle, payload: JsonObject, call: Call) -> Iterator[Next]:
    """The call is over; its output is a stub until the analysis is there."""
    rng = dialer.step(task)
    payload["output"] = call_outputs.stub(call)
    dialer.close(task)
    chance = rng.random()
    if chance >= 0.006:
        yield Next(rng.uniform(3, 9) * 3600 if chance < 0.03 else rng.uniform(25, 240), "finish", (call,))


def _finish(dialer: Dialer, task: TaskLifecycle, payload: JsonObject, call: Call) -> Iterator[Next]:
    """The full output replaces the stub."""
    rng, talk = dialer.step(task), call.talk
    analysis = post_call.analyse(rng, talk, task.campaign, task.agent, task.contact, task.offset)
    recorded = rng.random() < 0.75
    silent = talk.outcome == "voicemail" and rng.random() < 0.4
    payload["output"] = call_outputs.finished(rng, call, None if silent else analysis, recorded=recorded)
    if rng.random() < 0.2:
        payload["modified"] = ids.naive_time(dialer.now)
    if rng.random() < 0.025 and talk.outcome != "voicemail":
        kind = rng.randrange(7)
        if kind == call_outputs.MIXED_CLOCKS:
            yield Next(OFFSETS["IN"] * 60, "mix_clocks")
        else:
            call_outputs.distort(kind, payload["output"])
    if not recorded:
        yield Next(rng.uniform(600, 2 * 86_400), "record")
    yield from _consequences(dialer, task, talk, rng)


def _consequences(dialer: Dialer, task: TaskLifecycle, talk: Talk, rng: Random) -> Iterator[Next]:
    if talk.outcome == "dropped" and rng.random() < 0.6:
        yield Next(rng.uniform(30, 900), "redial")
    elif talk.outcome == "send_details" and rng.random() < 0.35:
        yield Next(rng.uniform(300, 5400), "send_mail")
    elif talk.callback_at is not None and rng.random() < 0.6:
        when = ids.from_local(talk.callback_at, task.offset) - timedelta(minutes=5)
        yield Next(max(when, dialer.now), "follow_up")


def _record(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> None:
    """A cron job attaches the recording late, and writes the old `modified` back with the rest."""
    if _output(payload).get("call_id"):
        payload["output"]["recording_url"] = call_outputs.recording_url(payload["output"]["call_id"])
        payload["modified"] = payload.get("created")


def _mix_clocks(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> None:
    """The provider's log replaces the start by its local time, once that is past: nothing lies in the future."""
    if {"start_time", "duration"} <= _output(payload).keys():
        call_outputs.mix_clocks(payload["output"], OFFSETS["IN"])


def _redial(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """An instant redial: the same completed task is scheduled again, its transcript goes into the input."""
    if task.redials >= _MAX_REDIALS:
        return
    task.redials += 1
    _set_status(dialer, payload, "scheduled")
    transcript = _output(payload).get("transcript")
    payload["input"] = payload.get("input", {}) | {"redial_count": task.redials, "transcript": transcript}
    dialer.reopen(task)
    yield Next(120, "dial")


def _follow_up(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """The contact asked to be called again: a new task in the old run."""
    when = ids.naive_time(dialer.now + timedelta(minutes=5))
    output = {"scheduled_time": when, "followup_count": 1, "referenced_task": task.task_id}
    entry = {**payload.get("input", {}), "referenced_task": task.task_id}
    entry.pop("transcript", None)
    fields: JsonObject = {"status": "scheduled", "output": output, "input": entry}
    later = dialer.new_task(task.run_id, task.campaign, task.agent, task.contact, **fields)
    yield Next(300, "dial", task=later)


def _call_in(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> Iterator[Next]:
    """The contact calls back; a sync of the backend finds the call hours later."""
    rng = dialer.step(task)
    local = ids.to_local(dialer.now, task.offset)
    outcome = rng.choice(("interested", "interested", "send_details", "call_back", "not_interested"))
    talk = converse(rng, task.campaign, task.agent, task.contact, outcome, local)
    call = call_outputs.place_call(rng, task.agent, task.contact, talk, dialer.now, "inbound")
    yield Next(rng.uniform(1, 30) * 3600, "note_inbound", (call,))


def _note_inbound(dialer: Dialer, task: TaskLifecycle, payload: JsonObject, call: Call) -> Iterator[Next]:
    """An inbound call becomes a task of the agent's last run, finished at once."""
    entry = {"contact_number": task.contact.number, "call_type": "inbound", "name": task.contact.name}
    run_id = dialer.latest_run(task.agent) or task.run_id
    fields: JsonObject = {"status": "completed", "task": {}, "input": entry}
    inbound = dialer.new_task(run_id, task.campaign, task.agent, task.contact, **fields)
    inbound.direction = "inbound"
    dialer.close(inbound)
    yield Next(0, "finish", (call,), inbound)


def _send_mail(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> None:
    """Details were asked for: an e-mail task in the same run."""
    fields: JsonObject = {
        "execution_type": "email",
        "task": {"objective": f"Send the details of {task.campaign.company} by e-mail."},
        "status": "completed",
        "output": {"email_id": f"msg_{dialer.step(task).getrandbits(64):016x}"},
    }
    dialer.close(dialer.new_task(task.run_id, task.campaign, task.agent, task.contact, **fields))


def _revise(dialer: Dialer, task: TaskLifecycle, payload: JsonObject) -> None:
    """An older analysis is written again, silently."""
    rng, output = dialer.step(task), _output(payload)
    analysis = output.get("post_call_data")
    if not isinstance(analysis, dict):
        return
    analysis["classification"] = {"labels": [rng.choice(task.campaign.labels)], "revision": task.steps}
    summary = analysis.get("summary")
    if isinstance(summary, dict) and summary.get("status") == "Send Details":
        summary["status"] = "Interested"
    if rng.random() < 0.4 and output.get("cost"):
        output["cost"] = round(output["cost"] * 1.05, 4)


_AFTER_ANALYSIS: Final = frozenset({"mix_clocks", "record", "redial", "send_mail", "follow_up"})
_COMPLETED: Final = frozenset({"completed"})

EVENTS: Final = {
    "dial": Rule(_dial, frozenset({"ring"}), state="processing", by_day=True),
    "ring": Rule(_ring, frozenset({"fail", "try_later", "give_up", "hang_up"}), state="in_progress"),
    "fail": Rule(_fail, frozenset({"recover"}), state="failed"),
    "recover": Rule(_recover, frozenset({"dial"}), state="pending"),
    "try_later": Rule(_try_later, frozenset({"dial"}), state="scheduled"),
    "give_up": Rule(_give_up, frozenset({"call_in"}), state="completed"),
    "hang_up": Rule(_hang_up, frozenset({"finish"}), state="completed"),
    "finish": Rule(_finish, _AFTER_ANALYSIS, states=_COMPLETED),
    "record": Rule(_record),
    "mix_clocks": Rule(_mix_clocks),
    "redial": Rule(_redial, frozenset({"dial"})),
    "follow_up": Rule(_follow_up, frozenset({"dial"})),
    "call_in": Rule(_call_in, frozenset({"note_inbound"}), by_day=True),
    "note_inbound": Rule(_note_inbound, frozenset({"finish"})),
    "send_mail": Rule(_send_mail),
    "revise": Rule(_revise),
}
"""Every event of a task."""


def _output(payload: JsonObject) -> JsonObject:
    output = payload.get("output")
    return output if isinstance(output, dict) else {}


def _set_status(dialer: Dialer, payload: JsonObject, status: str) -> None:
    payload["status"] = status
    payload["last_status_change"] = ids.naive_time(dialer.now)


def _next_morning(task: TaskLifecycle, now: datetime) -> datetime | None:
    """When to call instead, if nobody is called at this hour."""
    local = ids.to_local(now, task.offset)
    if _OPENS <= local.hour < _CLOSES:
        return None
    day = local if local.hour < _OPENS else local + timedelta(days=1)
    minute = task.serial % 50
    return ids.from_local(day.replace(hour=10, minute=minute, second=0, microsecond=0), task.offset)
