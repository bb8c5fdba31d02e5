"""Who calls whom about what: the types, the agents and the words that every campaign shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Agent:
    """An AI agent and how good it is. `style` is the provider's way of writing outputs."""

    key: str
    name: str
    purpose: str
    connect: float
    interest: float
    style: str
    number: str


@dataclass(frozen=True, slots=True)
class Question:
    """Something a contact may ask, and the answer."""

    topic: str
    asked: str
    answered: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A field that the agent collects: its key, how it asks, and values with the words that give them."""

    key: str
    ask: str
    replies: Sequence[tuple[object, str]]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's script."""

    key: str
    title: str
    company: str
    country: str
    space: int
    agents: Sequence[str]
    objective: str
    openings: Sequence[str]
    pitches: Sequence[str]
    questions: Sequence[Question]
    wishes: Sequence[Wish]
    agreed: Sequence[str]
    confirmed: Sequence[str]
    refusals: Sequence[str]
    weights: Mapping[str, float]
    labels: Sequence[str]


AGENTS: Final = (
    Agent("asha", "Asha", "Rooftop solar advisor", 1.22, 1.65, "hosted", "911140000101"),
    Agent("vikram", "Vikram", "Rooftop solar advisor", 0.86, 0.8, "hosted", "911140000102"),
    Agent("nisha", "Nisha", "Course admissions counsellor", 1.02, 1.05, "hosted", "911140000103"),
    Agent("grace", "Grace", "Clinic appointment desk", 1.0, 1.0, "documented", "12025550199"),
    Agent("rohan", "Rohan", "Loan servicing follow-up", 0.94, 0.85, "provider", "911140000105"),
)

HELLOS: Final = (
    "Hello?",
    "Hello, who is this?",
    "Yes, hello.",
    "Hi, speaking.",
    "Hello? Yes?",
    "Good day, who is calling?",
)
HELLOS_IN: Final = ("Haan ji, hello?", "Hello, ji boliye.", "Namaste, kaun?", "Haan, bataiye.")
IDENTIFIED: Final = (
    "Yes, this is {first}.",
    "Speaking. What is it about?",
    "Yes, that's me.",
    "This is {first}, go ahead.",
    "Yes, {first} here. Who are you with?",
)
CURIOUS: Final = (
    "Okay, tell me more.",
    "Alright, I have a couple of minutes.",
    "Hmm, I was thinking about that lately. Go on.",
    "Fine, but please keep it short.",
    "Yes, I think I filled in a form somewhere.",
)
RELUCTANT: Final = (
    "I get a lot of these calls.",
    "I'm not sure this is for me.",
    "Okay… but I don't have much time.",
    "What exactly are you selling?",
    "Hmm. Say it quickly, please.",
)
BUSY: Final = (
    "I'm driving right now, can you call me {when}?",
    "I'm in a meeting. Please call back {when}.",
    "This is not a good time. Try me {when}, please.",
    "I'm at work, {when} would be better.",
    "Can we talk {when}? I have guests at home.",
)
CALLBACK_NOTED: Final = (
    "Of course, {first}. I will call you {when}. Thank you.",
    "No problem at all. I have noted {when}. Have a good day.",
    "Understood, you will hear from us {when}. Sorry for the disturbance.",
)
SEND_IT: Final = (
    "Just send me the details on WhatsApp and I will look at them.",
    "Can you e-mail me all of this? I want to read it first.",
    "Please send the brochure, I will discuss it with my family.",
    "Send me everything in writing, then we will see.",
)
SENDING: Final = (
    "Certainly, I will send the details to this number in a few minutes. Shall I check in again next week?",
    "I will e-mail the full information right away, {first}. Is there anything you want me to highlight?",
    "Done, you will receive it today. Thank you for your time.",
)
DECLINED: Final = (
    "I understand, {first}. Thank you for your time.",
    "No problem, I will note that. Have a pleasant day.",
    "Alright, sorry to have disturbed you. Goodbye.",
)
OPT_OUTS: Final = (
    "Please do not call me again.",
    "Remove my number from your list.",
    "Stop calling me, I have told you people before.",
    "Take me off your list and don't call this number.",
    "Unsubscribe me. I don't want any more of these calls.",
)
OPTED_OUT: Final = (
    "I apologise, {first}. I will have your number taken off the list. Goodbye.",
    "Understood. You will not be called again. Sorry for the trouble.",
)
BYES: Final = (
    "Okay, bye.",
    "Thank you, bye.",
    "Thanks. Bye bye.",
    "Alright.",
    "Okay, thank you.",
    "Good, talk to you then.",
)
LOST: Final = ("Hello? Are you there?", "I can't hear you prop—", "The line is bad, hel—", "Hello? Hello?")
VOICEMAIL: Final = (
    "You have reached the voicemail of {name}. Please leave a message after the tone.",
    "The person you are calling is not available. Please leave a message after the tone.",
)
"""What an answering machine says; agents leave a short message and hang up."""
