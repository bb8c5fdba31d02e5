"""Chances: who picks up when, and on which days how much is called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Final

from unpod_sync.simulator.campaigns import Agent, Campaign

_PICKS_UP: Final = 0.25
_HOURS: Final[Mapping[int, float]] = {
    9: 0.8,
    10: 1.2,
    11: 1.4,
    12: 0.95,
    13: 0.5,
    14: 0.65,
    15: 0.85,
    16: 0.95,
    17: 1.15,
    18: 1.35,
    19: 1.25,
    20: 0.8,
}
_WEEKDAYS: Final = (0.95, 1.0, 1.05, 1.05, 0.95, 0.85, 0.65)
_MISSES: Final = {"no_answer": 0.5, "busy": 0.2, "voicemail": 0.2, "failed": 0.07, "dropped": 0.03}
_OUTAGE: Final = {"no_answer": 0.32, "busy": 0.08, "voicemail": 0.05, "failed": 0.5, "dropped": 0.05}
_OUTAGE_PICKS_UP: Final = 0.25

_VOLUME: Final = (
    (0.25, 4.0, 0.3, 4.2, 0.3, 0.25, 0.06),
    (0.9, 0.3, 2.4, 0.4, 1.7, 0.35, 0.06),
)
SPACE_SHARE: Final = (0.72, 0.28)
"""Share of all tasks in the first and the second kind of space."""


def dial_result(
    rng: Random, campaign: Campaign, agent: Agent, local: datetime, *, progress: float, outage: bool
) -> str:
    """How a dial ends: an outcome of a conversation, or a way of missing the contact.

    `progress` goes from 0 to 1 over the past and on, and lets connects rise a little.
    """
    chance = _PICKS_UP * _HOURS.get(local.hour, 0.4) * _WEEKDAYS[local.weekday()] * agent.connect
    chance *= 0.94 + 0.14 * min(progress, 1.3)
    if outage:
        chance *= _OUTAGE_PICKS_UP
    if rng.random() >= min(chance, 0.9):
        misses = _OUTAGE if outage else _MISSES
        return rng.choices(list(misses), weights=list(misses.values()))[0]
    weights = dict(campaign.weights)
    weights["interested"] *= agent.interest
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def day_volume(kind: int, local: datetime, rng: Random, *, progress: float, outage: bool) -> float:
    """How much a space calls on a day, in no particular unit: busy days, thin days, a rising trend."""
    planned = _VOLUME[kind][local.weekday()]
    noise = rng.uniform(0.93, 1.1) if planned > 2 else rng.uniform(0.5, 1.5)
    return planned * noise * (0.92 + 0.18 * min(progress, 1.5)) * (1.2 if outage else 1.0)
