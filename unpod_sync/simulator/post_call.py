"""What the platform's models write about a call afterwards."""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec.json import encode

from unpod_sync.simulator.campaigns import OUTCOMES, Agent, Campaign
from unpod_sync.simulator.contacts import Contact
from unpod_sync.simulator.dialogue import Talk
from unpod_sync.simulator.rows import JsonObject


def analyse(
    rng: Random, talk: Talk, campaign: Campaign, agent: Agent, contact: Contact, offset: int
) -> JsonObject:
    """The post-call data of a conversation. `offset` is the contact's minutes from UTC."""
    if agent.style == "documented" and rng.random() < 0.7:
        return _documented(rng, talk, campaign, contact)
    summary = {
        "status": status_label(rng, talk.outcome),
        "summary": summarise(talk, campaign, contact),
        "name": contact.name if rng.random() < 0.6 else "N/A",
        "contact": contact.number if rng.random() < 0.3 else "N/A",
        "callback_datetime": _callback_text(rng, talk, offset),
        "hours_from_now": "N/A",
    }
    required: object = "follow_up disabled"
    if talk.callback_at is not None:
        required = rng.choice((True, "true"))
    label = campaign.labels[OUTCOMES[talk.outcome].grade if rng.random() < 0.75 else 3]
    data: JsonObject = {
        "classification": {"labels": [label], "summary": summary["summary"]},
        "summary": summary,
        "success_evaluator": evaluate(rng, talk.outcome, agent.style),
        "follow_up": {"required": required},
        "profile_summary": _profile(rng, talk, contact),
        "structured_data": _structured(rng, talk, agent),
    }
    sentiments = OUTCOMES[talk.outcome].sentiments
    if rng.random() < 0.25 and sentiments:
        data["sentiment"] = rng.choice(sentiments)
    return data


def analyse_missed(kind: str) -> JsonObject:
    """The post-call data of a call that nobody took."""
    return {
        "classification": None,
        "summary": {
            "status": OUTCOMES[kind].label,
            "summary": OUTCOMES[kind].summary,
            "name": "N/A",
            "contact": "N/A",
            "callback_datetime": "N/A",
        },
        "success_evaluator": None,
        "follow_up": {"required": False},
        "profile_summary": None,
        "structured_data": None,
    }


def status_label(rng: Random, outcome: str) -> str:
    """The model's word for the outcome; mostly the expected one."""
    label = OUTCOMES[outcome].label
    chance = rng.random()
    if chance < 0.02:
        return label.lower()
    if chance < 0.03:
        return rng.choice(("Connected", "Abandoned", "Unknown"))
    return "InterestedIn" if label == "Interested" and chance < 0.07 else label


def evaluate(rng: Random, outcome: str, style: str) -> object:
    """The success evaluator: mostly a number or a number's text, else one of the other forms."""
    middle, width = OUTCOMES[outcome].score
    score = min(10, max(1, round(rng.gauss(middle, width))))
    form = rng.random()
    if style == "provider":
        return encode({"score": score, "reason": "rubric"}).decode() if form < 0.3 else f"{score}/10"
    if form < 0.45:
        return score
    if form < 0.85:
        return str(score)
    if form < 0.9:
        return f"{score * 10}%"
    if form < 0.94:
        return {"score": score, "explanation": "goal of the call compared with what was agreed"}
    return None if form < 0.97 else rng.choice(("Excellent", "Pass", "Fail"))


def summarise(talk: Talk, campaign: Campaign, contact: Contact) -> str:
    """A sentence or two on the conversation."""
    written = OUTCOMES[talk.outcome].summary.format(
        who=contact.first_name,
        topic=campaign.title.lower(),
        facts=", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in talk.facts.items()),
        when=talk.callback_words,
        refusal=talk.refusal,
        asked=f" Asked about {' and '.join(talk.topics[:3])}." if talk.topics else "",
    )
    return written + (" Asked not to be called again." if talk.opted_out else "")


def _documented(rng: Random, talk: Talk, campaign: Campaign, contact: Contact) -> JsonObject:
    return {
        "summary": summarise(talk, campaign, contact),
        "outcome": OUTCOMES[talk.outcome].label.lower().replace(" ", "_"),
        "sentiment": rng.choice(OUTCOMES[talk.outcome].sentiments or ("neutral",)),
        "success_evaluator": evaluate(rng, talk.outcome, "documented"),
        "structured_data": dict(talk.facts) or None,
    }


def _callback_text(rng: Random, talk: Talk, offset: int) -> object:
    if talk.callback_at is None:
        return rng.choice(("N/A", "N/A", "", None))
    form = rng.random()
    if form < 0.55:
        sign, minutes = "+-"[offset < 0], abs(offset)
        return f"{talk.callback_at:%Y-%m-%dT%H:%M:%S}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    if form < 0.92:
        return f"{talk.callback_at:%Y-%m-%d %H:%M:%S}"
    return talk.callback_words


def _profile(rng: Random, talk: Talk, contact: Contact) -> JsonObject | None:
    outcome = OUTCOMES[talk.outcome]
    if not outcome.profile or rng.random() < 0.08:
        return None
    return {
        "tone": rng.choice(("Friendly", "Neutral", "Hurried" if talk.callback_at else "Calm")),
        "engagement": outcome.engagement,
        "interest_level": outcome.interest,
        "objections": ["price"] if "price" in talk.topics else [],
        "questions_asked": list(talk.questions),
        "pain_points": [],
        "outcome": outcome.profile,
        "next_action": outcome.next_action,
        "callback_requested": talk.callback_at is not None,
        "callback_time": talk.callback_words or None,
        "summary_text": f"{contact.first_name}: {outcome.profile.lower()}.",
    }


def _structured(rng: Random, talk: Talk, agent: Agent) -> Any:
    if not talk.facts:
        return None if rng.random() < 0.7 else {}
    if agent.style == "provider":
        return encode(talk.facts).decode()
    return dict(talk.facts)
