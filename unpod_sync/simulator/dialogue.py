"""Conversations one can read: what was said follows from the campaign, the contact and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from unpod_sync.simulator.campaigns import OUTCOMES, PHRASES, Agent, Campaign, Wish
from unpod_sync.simulator.contacts import Contact

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(slots=True)
class Talk:
    """What was said and what came out of it. Lines are (role, text) with role "assistant" or "user"."""

    outcome: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    callback_at: datetime | None = None
    callback_words: str = ""
    refusal: str = ""
    opted_out: bool = False

    def agent(self, text: str) -> None:
        """The agent says something."""
        self.lines.append(("assistant", text))

    def user(self, text: str) -> None:
        """The contact says something."""
        self.lines.append(("user", text))


def converse(
    rng: Random, campaign: Campaign, agent: Agent, contact: Contact, outcome: str, started: datetime
) -> Talk:
    """A conversation that ends with the outcome given."""
    talk = Talk(outcome)
    slots = _slots(campaign, agent, contact)
    _greet(talk, rng, campaign, contact, slots)
    if outcome == "dropped":
        talk.user(rng.choice(PHRASES["lost"]))
        return talk
    hurried = outcome == "call_back" and rng.random() < 0.6
    if not hurried:
        talk.agent(rng.choice(campaign.pitches))
        low, high = OUTCOMES[outcome].depth
        depth = min(high, max(low, round(rng.gauss((low + high) / 2, 1.3))))
        _question(talk, rng, campaign, depth, eager=outcome in ("interested", "send_details"))
    _END[outcome](talk, rng, campaign, slots, started)
    return talk


def voicemail(rng: Random, campaign: Campaign, agent: Agent, contact: Contact) -> Talk:
    """The agent talks to an answering machine."""
    talk = Talk("voicemail")
    talk.agent(rng.choice(campaign.openings).format(**_slots(campaign, agent, contact)))
    if rng.random() < 0.6:
        talk.agent(PHRASES["missed_you"][0].format(first=contact.first_name))
    return talk


def _slots(campaign: Campaign, agent: Agent, contact: Contact) -> dict[str, str]:
    """What the texts may name."""
    return {
        "name": contact.name,
        "first": contact.first_name,
        "agent": agent.name,
        "company": campaign.company,
    }


def _greet(talk: Talk, rng: Random, campaign: Campaign, contact: Contact, slots: dict[str, str]) -> None:
    hellos = "hellos_in" if contact.country == "IN" and rng.random() < 0.4 else "hellos"
    if rng.random() < 0.65:
        talk.user(rng.choice(PHRASES[hellos]))
    talk.agent(rng.choice(campaign.openings).format(**slots))
    talk.user(rng.choice(PHRASES["identified"]).format(**slots))


def _question(talk: Talk, rng: Random, campaign: Campaign, depth: int, *, eager: bool) -> None:
    if depth == 0:
        talk.user(rng.choice(PHRASES["reluctant"]))
        return
    if rng.random() < 0.7:
        talk.user(rng.choice(PHRASES["curious"] if eager else PHRASES["reluctant"]))
        talk.agent(rng.choice(PHRASES["ask_away"]))
    for asked in rng.sample(campaign.questions, depth):
        talk.user(asked.asked)
        talk.agent(asked.answered)
        talk.questions.append(asked.asked)
        if asked.topic not in talk.topics:
            talk.topics.append(asked.topic)


def _agree(talk: Talk, rng: Random, campaign: Campaign, slots: dict[str, str], started: datetime) -> None:
    talk.user(rng.choice(campaign.agreed))
    wishes = rng.sample(campaign.wishes, rng.randint(1, len(campaign.wishes)))
    for place, wish in enumerate(sorted(wishes, key=list(campaign.wishes).index)):
        _ask(talk, rng, wish, wish.ask if place else f"Glad to hear that. {wish.ask}")
    talk.agent(rng.choice(campaign.confirmed).format(**slots))
    _part(talk, rng)


def _ask(talk: Talk, rng: Random, wish: Wish, question: str) -> None:
    talk.agent(question)
    value, words = rng.choice(list(wish.replies))
    talk.user(words)
    talk.facts[wish.key] = value


def _postpone(talk: Talk, rng: Random, campaign: Campaign, slots: dict[str, str], started: datetime) -> None:
    talk.callback_at, words = _callback(rng, started)
    talk.callback_words = words
    talk.user(rng.choice(PHRASES["busy"]).format(when=words))
    talk.agent(rng.choice(PHRASES["callback_noted"]).format(when=words, **slots))
    _part(talk, rng)


def _send(talk: Talk, rng: Random, campaign: Campaign, slots: dict[str, str], started: datetime) -> None:
    talk.user(rng.choice(PHRASES["send_it"]))
    if rng.random() < 0.5:
        wish = rng.choice(list(campaign.wishes))
        _ask(talk, rng, wish, f"Gladly. {wish.ask}")
    talk.agent(rng.choice(PHRASES["sending"]).format(**slots))
    _part(talk, rng)


def _decline(talk: Talk, rng: Random, campaign: Campaign, slots: dict[str, str], started: datetime) -> None:
    talk.refusal = rng.choice(campaign.refusals)
    talk.user(talk.refusal)
    talk.opted_out = rng.random() < 0.09
    if talk.opted_out:
        talk.user(rng.choice(PHRASES["opt_outs"]))
        talk.agent(rng.choice(PHRASES["opted_out"]).format(**slots))
        return
    if rng.random() < 0.4:
        talk.agent(PHRASES["ask_reason"][0])
        talk.user(rng.choice(PHRASES["reasons"]))
    talk.agent(rng.choice(PHRASES["declined"]).format(**slots))
    _part(talk, rng)


def _part(talk: Talk, rng: Random) -> None:
    if rng.random() < 0.75:
        talk.user(rng.choice(PHRASES["byes"]))


def _callback(rng: Random, started: datetime) -> tuple[datetime, str]:
    """An instant to call again, in the contact's local time, and how they say it."""
    kind = rng.randrange(4)
    if kind == 0:
        hours = rng.randint(1, 3)
        return started + timedelta(hours=hours), f"in {hours} hours" if hours > 1 else "in an hour"
    if kind == 1:
        hour = rng.choice((10, 11, 17, 18, 19))
        return _at(
            started, 1, hour
        ), f"tomorrow at {hour if hour < 13 else hour - 12} {'am' if hour < 13 else 'pm'}"
    if kind == 2:
        days = rng.randint(2, 5)
        at = _at(started, days, rng.choice((10, 18)))
        return at, f"on {_DAYS[at.weekday()]} {'morning' if at.hour < 12 else 'evening'}"
    return _at(started, 7, 11), "next week, around eleven"


def _at(started: datetime, days: int, hour: int) -> datetime:
    return (started + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)


_END: Final = {
    "interested": _agree,
    "call_back": _postpone,
    "send_details": _send,
    "not_interested": _decline,
}
