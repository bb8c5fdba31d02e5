"""Outputs of calls, as each kind of provider writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import Agent
from unpod_sync.simulator.contacts import Contact
from unpod_sync.simulator.dialogue import Talk
from unpod_sync.simulator.rows import JsonObject

_CHARACTERS_A_SECOND: Final = 14.5
_ENDS: Final = (
    "customer-ended-call",
    "customer-ended-call",
    "assistant-ended-call",
    "Customer Ended The Call",
    None,
)
_MISSED: Final = {
    "no_answer": ("customer-did-not-answer", "notConnected"),
    "busy": ("customer-busy", "busy"),
}
ERRORS: Final = (
    "call failed: sip 503 service unavailable",
    "call failed: no outbound trunk available",
    "call.start.error-provider-rejected",
    "call failed: invalid destination number",
)
"""What goes wrong before a call is set up."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that took place: who, when, what was said, what it cost."""

    agent: Agent
    contact: Contact
    talk: Talk
    started: datetime
    spoken: tuple[datetime, ...]
    ended: datetime
    direction: str
    cost: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.ended - self.started).total_seconds()


def place_call(
    rng: Random, agent: Agent, contact: Contact, talk: Talk, started: datetime, direction: str = "outbound"
) -> Call:
    """Give a conversation its times: speaking takes as long as the words do."""
    clock = started + timedelta(seconds=rng.uniform(1.5, 5))
    spoken = []
    for _, text in talk.lines:
        spoken.append(clock)
        clock += timedelta(seconds=len(text) / _CHARACTERS_A_SECOND + rng.uniform(0.4, 2.6))
    ended = clock + timedelta(seconds=rng.uniform(0.5, 3))
    minutes = (ended - started).total_seconds() / 60
    markup = 1.05 if rng.random() < 0.3 else 1.0
    cost = round((0.012 + minutes * rng.uniform(0.055, 0.075)) * markup, 4)
    return Call(agent, contact, talk, started, tuple(spoken), ended, direction, cost)


def dispatched(style: str, contact: Contact, started: datetime) -> JsonObject:
    """While the call rings or runs."""
    return {
        "call_id": "",
        "customer": contact.name,
        "contact_number": contact.number,
        "call_end_reason": "Provider call dispatched successfully",
        "recording_url": "",
        "transcript": [],
        "start_time": _clock(style)(started),
        "end_time": None,
        "duration": None,
        "cost": 0.0,
        "post_call_data": {},
        "call_type": "outbound",
        "metadata": {"cost": 0.0, "type": "outbound", "usage": {}},
    }


def stub(call: Call) -> JsonObject:
    """Right after hang-up."""
    return {"call_status": "completed", "data": "call completed evaluated data will be available soon"}


def finished(rng: Random, call: Call, analysis: JsonObject | None, *, recorded: bool) -> JsonObject:
    """The full output of a call, once it is analysed."""
    style = call.agent.style
    clock = _clock(style)
    call_id = f"call_{rng.getrandbits(64):016x}"
    reason = "voicemail" if call.talk.outcome == "voicemail" else rng.choice(_ENDS)
    if style == "documented" and reason:
        reason = "caller_hangup"
    output = _output(call.agent, call.contact, call_id, reason, call.started, call.ended) | {
        "recording_url": recording_url(call_id) if recorded else "",
        "transcript": _transcript(rng, call, clock),
        "duration": round(call.seconds, 3) if style == "provider" else int(call.seconds),
        "cost": call.cost,
        "call_type": f"{call.direction}PhoneCall" if style == "provider" else call.direction,
        "call_status": _status(rng, call),
        "metadata": {"cost": call.cost, "type": call.direction, "usage": _usage(call)},
        "post_call_data": analysis,
    }
    if style == "documented":
        del output["assistant_number"], output["call_summary"]
    return output


def recording_url(call_id: str) -> str:
    """Where the recording of a call is."""
    return f"https://media.example.com/recordings/{call_id}.ogg"


def missed(kind: str, agent: Agent, contact: Contact, started: datetime, analysis: JsonObject) -> JsonObject:
    """A call that nobody took, for the last time."""
    reason, status = _MISSED[kind]
    call_id = f"call_{int(started.timestamp()):016x}"
    output = _output(agent, contact, call_id, reason, started, started + timedelta(seconds=28))
    return output | {"call_status": status, "post_call_data": analysis}


def _output(
    agent: Agent, contact: Contact, call_id: str, reason: str | None, started: datetime, ended: datetime
) -> JsonObject:
    """An output of a call in which nothing was said."""
    clock = _clock(agent.style)
    return {
        "call_id": call_id,
        "customer": contact.name,
        "contact_number": contact.number,
        "call_end_reason": reason,
        "recording_url": None,
        "transcript": [],
        "start_time": clock(started),
        "end_time": clock(ended),
        "assistant_number": agent.number,
        "call_summary": None,
        "duration": 0,
        "cost": 0.0,
        "call_type": "outbound",
        "call_status": None,
        "metadata": {"cost": 0.0, "type": "outbound", "usage": {}},
        "post_call_data": None,
    }


def waiting(kind: str, again: datetime) -> JsonObject:
    """A call that nobody took and that will be tried again."""
    return {"message": f"call {_MISSED[kind][0]}, rescheduled", "scheduled_time": ids.naive_time(again)}


MIXED_CLOCKS: Final = 3
"""The kind of `distort` that `mix_clocks` makes later."""


def distort(kind: int, output: JsonObject) -> None:
    """Give a finished output one of the strange shapes that real ones have, by a `kind` of 0 to 6."""
    if kind == 0:
        labels = {"assistant": "AI", "agent": "AI", "user": "User"}
        lines = [f"{labels.get(m['role'], 'AI')}: {m['content']}" for m in output["transcript"]]
        output["transcript"] = "\n".join(lines)
    elif kind == 1:
        output["transcript"] = {"messages": output["transcript"]}
    elif kind == 2:
        del output["duration"]
    elif kind == 4:
        output["duration"] = "NULL"
    elif kind == 5 and isinstance(output["post_call_data"], dict):
        output["post_call_data"]["structured_data"] = '{"budget": 15000, "note": "asked for'
    else:
        handover = {"type": "agent_handover", "message": "Handing over to the senior advisor"}
        output["transcript"] = [*output["transcript"][:2], handover, *output["transcript"][2:]]


def mix_clocks(output: JsonObject, minutes_east: int) -> None:
    """Write the start in local time and leave the end in UTC, as some voice paths do."""
    shifted = ids.parse_naive(output["start_time"][:19]) + timedelta(minutes=minutes_east)
    output["start_time"] = ids.call_time(shifted)
    output["duration"] -= minutes_east * 60


def _transcript(rng: Random, call: Call, clock: Callable[[datetime], str]) -> list[JsonObject]:
    timed = rng.random() < 0.88
    messages = []
    for (role, text), at in zip(call.talk.lines, call.spoken, strict=True):
        message: JsonObject = {"role": role, "content": text}
        if call.agent.style == "documented" and role == "assistant":
            message["role"] = "agent"
        if timed:
            message["timestamp"] = clock(at)
        elif call.agent.style == "provider":
            message["timestamp"] = ""
        if call.agent.style == "hosted":
            extra = ("message_id", f"{rng.getrandbits(44):011x}") if role == "assistant" else None
            message.update([extra or ("participant", f"idt_{call.contact.number}")])
        elif call.agent.style == "provider":
            message["user_id"] = None
        messages.append(message)
    if call.agent.style == "hosted" and call.talk.facts and rng.random() < 0.12:
        messages.insert(-1, _tool_call(rng))
    return messages


def _tool_call(rng: Random) -> JsonObject:
    function = {"name": "book_slot", "arguments": '{"confirm": true}'}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"tool_{rng.getrandbits(32):08x}", "type": "function", "function": function}],
    }


def _status(rng: Random, call: Call) -> str:
    if call.talk.outcome == "voicemail":
        return "voicemail"
    if call.talk.outcome == "dropped":
        return rng.choice(("dropped", "droped"))
    if call.agent.style == "documented":
        return "completed"
    return "connected"


def _usage(call: Call) -> dict[str, Any]:
    characters = sum(len(text) for _, text in call.talk.lines)
    return {
        "prompt_tokens": characters * 3,
        "completion_tokens": characters // 4,
        "tts_characters": characters,
    }


def _clock(style: str) -> Callable[[datetime], str]:
    if style == "documented":
        return ids.zulu_time
    if style == "provider":
        return lambda at: ids.call_time(at).replace(" ", "T")
    return ids.call_time
