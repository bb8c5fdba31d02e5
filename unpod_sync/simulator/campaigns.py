"""Who calls whom about what, and in which words: read from the files in `texts`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec


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
    replies: Sequence[tuple[Any, str]]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's script: one table of `campaigns.toml`, so it has more fields than other classes."""

    key: str
    title: str
    company: str
    country: str
    space: int
    share: float
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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call can end, and what the models make of it."""

    label: str
    summary: str
    depth: tuple[int, int] = (0, 0)
    score: tuple[float, float] = (2, 0.8)
    grade: int = 3
    sentiments: Sequence[str] = ()
    profile: str = ""
    engagement: str = ""
    interest: str = ""
    next_action: str = "None"


def read_texts(name: str) -> dict[str, Any]:
    """One of the files in `texts`."""
    return tomllib.loads((Path(__file__).parent / "texts" / f"{name}.toml").read_text(encoding="utf-8"))


_campaigns = read_texts("campaigns")
AGENTS: Final = {agent["key"]: msgspec.convert(agent, Agent) for agent in _campaigns["agents"]}
CAMPAIGNS: Final = msgspec.convert(_campaigns["campaigns"], tuple[Campaign, ...])
OUTCOMES: Final = msgspec.convert(read_texts("outcomes"), dict[str, Outcome])
PHRASES: Final = msgspec.convert(read_texts("phrases"), dict[str, tuple[str, ...]])
