"""What happens to a task: dialled, answered or not, analysed, recorded, tried again, revised.

Deeds change tasks as the backend does: nearly all of them leave `modified` alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Final

from unpod_sync.simulator import call_outputs, ids, post_call
from unpod_sync.simulator.dialogue import Talk, converse, voicemail
from unpod_sync.simulator.odds import dial_result
from unpod_sync.simulator.rows import JsonObject
from unpod_sync.simulator.schedule import OFFSETS

if TYPE_CHECKING:
    from unpod_sync.simulator.life import Life, Story

_MAX_DIALS: Final = 3
_MAX_REDIALS: Final = 2
_OPENS, _CLOSES = 9, 21


def dial(life: Life, story: Story) -> None:
    """A worker claims the task; outside calling hours it waits for the morning."""
    task = life.payload(story)
    if task is None:
        return
    morning = _next_morning(story, life.now)
    if morning is not None:
        life.at(morning, dial, story)
        return
    life.begin(story)
    life.reopen(story)
    story.attempts += 1
    _set_status(life, task, "processing")
    life.after(4, ring, story)


def ring(life: Life, story: Story) -> None:
    """The call is dispatched; how it ends is settled here."""
    task = life.payload(story)
    if task is None:
        return
    rng = life.step(story)
    _set_status(life, task, "in_progress")
    task["output"] = call_outputs.dispatched(story.agent.style, story.contact, life.now)
    local = ids.to_local(life.now, OFFSETS[story.campaign.country])
    outage = life.has_outage(story)
    result = dial_result(rng, story.campaign, story.agent, local, progress=life.progress(), outage=outage)
    if result == "failed":
        life.after(rng.randint(3, 12), fail, story)
    elif result in ("no_answer", "busy"):
        life.after(30, miss, story, result, life.now)
    else:
        if result == "voicemail":
            talk = voicemail(rng, story.campaign, story.agent, story.contact)
        else:
            talk = converse(rng, story.campaign, story.agent, story.contact, result, local)
        begin = life.now + timedelta(microseconds=rng.randrange(10**6))
        call = call_outputs.place_call(rng, story.agent, story.contact, talk, begin, story.direction)
        life.at(call.ended + timedelta(seconds=1), hang_up, story, call)


def fail(life: Life, story: Story) -> None:
    """The call could not be set up; a sweep may recover it."""
    task = life.payload(story)
    if task is None:
        return
    rng = life.step(story)
    error = rng.choice(call_outputs.ERRORS)
    _set_status(life, task, "failed")
    task["failure_count"] = task.get("failure_count", 0) + 1
    task["last_failure_reason"] = error
    task["output"] = {"error": error}
    if rng.random() < 0.3:
        task["output"].update(no_immediate_retry_reason="provider error", call_end_reason=error)
    life.close(story, failed=True)
    if task["failure_count"] < _MAX_DIALS and rng.random() < 0.6:
        life.after(rng.uniform(1800, 5 * 3600), recover, story)


def recover(life: Life, story: Story) -> None:
    """A sweep sets a failed task back to pending."""
    task = life.payload(story)
    if task is None:
        return
    _set_status(life, task, "pending")
    task["retry_attempt"] = task.get("retry_attempt", 0) + 1
    task["output"] = {**_output(task), "message": "recovered for another attempt"}
    life.reopen(story)
    life.after(600, dial, story)


def miss(life: Life, story: Story, kind: str, started: datetime) -> None:
    """Nobody took the call: again in a while, or given up."""
    task = life.payload(story)
    if task is None:
        return
    rng = life.step(story)
    if story.attempts < _MAX_DIALS:
        again = life.now + timedelta(minutes=30 if kind == "no_answer" else 15)
        _set_status(life, task, "scheduled")
        task["retry_attempt"] = task.get("retry_attempt", 0) + 1
        task["scheduled_timestamp"] = int(again.timestamp())
        task["output"] = call_outputs.waiting(kind, again)
        life.at(again, dial, story)
        return
    failed = rng.random() < 0.15
    _set_status(life, task, "failed" if failed else "completed")
    analysis = post_call.analyse_missed(kind)
    task["output"] = call_outputs.missed(kind, story.agent, story.contact, started, analysis)
    life.close(story, failed=failed)
    if rng.random() < 0.1:
        life.after(rng.uniform(2, 20) * 3600, call_in, story)


def hang_up(life: Life, story: Story, call: call_outputs.Call) -> None:
    """The call is over; its output is a stub until the analysis is there."""
    task = life.payload(story)
    if task is None:
        return
    rng = life.step(story)
    _set_status(life, task, "completed")
    task["output"] = call_outputs.stub(call)
    life.close(story)
    chance = rng.random()
    if chance < 0.006:
        return
    delay = rng.uniform(3, 9) * 3600 if chance < 0.03 else rng.uniform(25, 240)
    life.after(delay, finish, story, call)


def finish(life: Life, story: Story, call: call_outputs.Call) -> None:
    """The full output replaces the stub."""
    task = life.payload(story)
    if task is None or task.get("status") != "completed":
        return
    rng = life.step(story)
    talk = call.talk
    offset = OFFSETS[story.campaign.country]
    analysis = post_call.analyse(rng, talk, story.campaign, story.agent, story.contact, offset)
    recorded = rng.random() < 0.75
    silent = talk.outcome == "voicemail" and rng.random() < 0.4
    task["output"] = call_outputs.finished(rng, call, None if silent else analysis, recorded=recorded)
    if rng.random() < 0.2:
        task["modified"] = ids.naive_time(life.now)
    if rng.random() < 0.025 and talk.outcome != "voicemail":
        kind = rng.randrange(7)
        if kind == call_outputs.MIXED_CLOCKS:
            life.after(OFFSETS["IN"] * 60, mix_clocks, story)
        else:
            call_outputs.distort(kind, task["output"])
    if not recorded:
        life.after(rng.uniform(600, 2 * 86_400), record, story)
    _consequences(life, story, talk, rng)


def record(life: Life, story: Story) -> None:
    """A cron job attaches the recording late, and writes the old `modified` back with the rest."""
    task = life.payload(story)
    if task is None or not _output(task).get("call_id"):
        return
    task["output"]["recording_url"] = call_outputs.recording_url(task["output"]["call_id"])
    task["modified"] = task.get("created")


def mix_clocks(life: Life, story: Story) -> None:
    """The provider's log replaces the start by its local time, once that is past: nothing lies in the future."""
    task = life.payload(story)
    if task is not None and {"start_time", "duration"} <= _output(task).keys():
        call_outputs.mix_clocks(task["output"], OFFSETS["IN"])


def redial(life: Life, story: Story) -> None:
    """An instant redial: the same completed task is scheduled again, its transcript goes into the input."""
    task = life.payload(story)
    if task is None or story.redials >= _MAX_REDIALS:
        return
    story.redials += 1
    _set_status(life, task, "scheduled")
    task["input"] = {
        **task.get("input", {}),
        "redial_count": story.redials,
        "transcript": _output(task).get("transcript"),
    }
    life.reopen(story)
    life.after(120, dial, story)


def follow_up(life: Life, story: Story) -> None:
    """The contact asked to be called again: a new task in the old run."""
    task = life.payload(story)
    if task is None:
        return
    when = ids.naive_time(life.now + timedelta(minutes=5))
    output = {"scheduled_time": when, "followup_count": 1, "referenced_task": story.task_id}
    entry = {**task.get("input", {}), "referenced_task": story.task_id}
    entry.pop("transcript", None)
    later = life.new_task(
        story.space_token,
        story.run_id,
        story.campaign,
        story.agent,
        story.contact,
        status="scheduled",
        output=output,
        input=entry,
    )
    life.after(300, dial, later)


def call_in(life: Life, story: Story) -> None:
    """The contact calls back; the call is met by a sync hours later and joins the agent's last run."""
    morning = _next_morning(story, life.now)
    if morning is not None:
        life.at(morning, call_in, story)
        return
    rng = life.step(story)
    local = ids.to_local(life.now, OFFSETS[story.campaign.country])
    outcome = rng.choice(("interested", "interested", "send_details", "call_back", "not_interested"))
    talk = converse(rng, story.campaign, story.agent, story.contact, outcome, local)
    call = call_outputs.place_call(rng, story.agent, story.contact, talk, life.now, "inbound")
    life.after(rng.uniform(1, 30) * 3600, note_inbound, story, call)


def note_inbound(life: Life, story: Story, call: call_outputs.Call) -> None:
    """The provider's list of calls is read: an inbound call becomes a task, finished at once."""
    place = life.latest_run(story.agent) or (story.space_token, story.run_id)
    inbound = life.new_task(
        *place,
        story.campaign,
        story.agent,
        story.contact,
        status="completed",
        task={},
        input={"contact_number": story.contact.number, "call_type": "inbound", "name": story.contact.name},
    )
    inbound.direction = "inbound"
    life.close(inbound)
    finish(life, inbound, call)


def send_mail(life: Life, story: Story) -> None:
    """Details were asked for: an e-mail task in the same run."""
    rng = life.step(story)
    mail = life.new_task(
        story.space_token,
        story.run_id,
        story.campaign,
        story.agent,
        story.contact,
        execution_type="email",
        task={"objective": f"Send the details of {story.campaign.company} by e-mail."},
        status="completed",
        output={"email_id": f"msg_{rng.getrandbits(64):016x}"},
    )
    life.close(mail)


def revise(life: Life, story: Story) -> None:
    """An older analysis is written again, silently."""
    task = life.payload(story)
    if task is None:
        return
    rng = life.step(story)
    output = _output(task)
    post_call = output.get("post_call_data")
    if not isinstance(post_call, dict):
        return
    post_call["classification"] = {"labels": [rng.choice(story.campaign.labels)], "revision": story.steps}
    summary = post_call.get("summary")
    if isinstance(summary, dict) and summary.get("status") == "Send Details":
        summary["status"] = "Interested"
    if rng.random() < 0.4 and output.get("cost"):
        output["cost"] = round(output["cost"] * 1.05, 4)


def _consequences(life: Life, story: Story, talk: Talk, rng: Random) -> None:
    if talk.outcome == "dropped" and rng.random() < 0.6:
        life.after(rng.uniform(30, 900), redial, story)
    elif talk.outcome == "send_details" and rng.random() < 0.35:
        life.after(rng.uniform(300, 5400), send_mail, story)
    elif talk.callback_at is not None and rng.random() < 0.6:
        when = ids.from_local(talk.callback_at, OFFSETS[story.campaign.country])
        life.at(max(when - timedelta(minutes=5), life.now), follow_up, story)


def _output(task: JsonObject) -> JsonObject:
    output = task.get("output")
    return output if isinstance(output, dict) else {}


def _set_status(life: Life, task: JsonObject, status: str) -> None:
    task["status"] = status
    task["last_status_change"] = ids.naive_time(life.now)


def _next_morning(story: Story, now: datetime) -> datetime | None:
    """When to dial instead, if nobody is called at this hour."""
    offset = OFFSETS[story.campaign.country]
    local = ids.to_local(now, offset)
    if _OPENS <= local.hour < _CLOSES:
        return None
    day = local if local.hour < _OPENS else local + timedelta(days=1)
    minute = story.serial % 50
    return ids.from_local(day.replace(hour=10, minute=minute, second=0, microsecond=0), offset)
