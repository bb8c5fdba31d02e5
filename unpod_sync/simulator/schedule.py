"""When which campaign calls how many contacts, and who picks up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import AGENTS, CAMPAIGNS, Agent, Campaign

SPACE_NAMES: Final = ("Growth Outreach", "Care & Collections")
OFFSETS: Final = {"IN": 330, "US": -300}
"""Minutes from UTC. The US contacts of this world know no daylight saving."""

_MEAN_WEEK: Final = (9.36, 6.11)
_BUSY: Final = 1.5
_OUTAGE_SEARCH: Final = (7, 6, 8, 5, 9, 10)

_PICKS_UP: Final = 0.25
_HOURS: Final = dict(
    zip(range(9, 21), (0.8, 1.2, 1.4, 0.95, 0.5, 0.65, 0.85, 0.95, 1.15, 1.35, 1.25, 0.8), strict=True)
)
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


@dataclass(frozen=True, slots=True)
class Slot:
    """A run to come: `weight` is its size in no particular unit."""

    start: datetime
    space_token: str
    campaign: Campaign
    agent: Agent
    weight: float


@dataclass(frozen=True, slots=True)
class SpacePlan:
    """A space and the campaigns that call from it. `kind` is the pattern of its week."""

    token: str
    kind: int
    share: float
    campaigns: tuple[Campaign, ...]


def space_plans(tokens: list[str]) -> list[SpacePlan]:
    """Spread the campaigns over the spaces: the first two kinds of space in turn."""
    found = []
    for number, token in enumerate(tokens):
        kind = number % 2
        campaigns = CAMPAIGNS if len(tokens) == 1 else tuple(c for c in CAMPAIGNS if c.space == kind)
        share = SPACE_SHARE[kind] / len(tokens[kind::2])
        found.append(SpacePlan(token, kind, share, campaigns))
    return found


def outage_day(now: datetime) -> date:
    """The day about a week ago on which the first kind of space had an outage: a busy one."""
    for back in _OUTAGE_SEARCH:
        day = (now - timedelta(days=back)).date()
        if day.weekday() in (1, 3):
            return day
    return (now - timedelta(days=7)).date()


def slots_of_day(seed: int, space: SpacePlan, day: date, *, progress: float, outage: bool) -> list[Slot]:
    """The runs that a space starts on a day."""
    rng = Random(f"{seed}:{space.token}:{day}")
    local = datetime.combine(day, time(9))
    volume = day_volume(space.kind, local, rng, progress=progress, outage=outage)
    volume *= space.share / _MEAN_WEEK[space.kind]
    pairs = [(campaign, AGENTS[key]) for campaign in space.campaigns for key in campaign.agents]
    weights = [campaign.share / len(campaign.agents) for campaign, _ in pairs]
    if volume < _BUSY * space.share / _MEAN_WEEK[space.kind]:
        pairs, weights = [pairs[rng.choices(range(len(pairs)), weights)[0]]], [1.0]
    slots = []
    for (campaign, agent), weight in zip(pairs, weights, strict=True):
        start = ids.from_local(local + timedelta(minutes=rng.randint(0, 45)), OFFSETS[campaign.country])
        slots.append(Slot(start, space.token, campaign, agent, volume * weight / sum(weights)))
    return slots


def dial_time(rng: Random, campaign: Campaign, start: datetime) -> datetime:
    """When in the day of its run a contact is called first."""
    local = ids.to_local(start, OFFSETS[campaign.country])
    minutes: float = rng.choices((30, 60, 120, 180, 270, 390, 450, 510, 570), (3, 4, 5, 4, 3, 4, 5, 5, 3))[0]
    minutes += rng.uniform(0, 75)
    latest = (19 * 60 + 45) - (local.hour * 60 + local.minute)
    return start + timedelta(seconds=int(min(minutes, latest - rng.uniform(0, 30)) * 60))


def shares(weights: list[float], total: int) -> list[int]:
    """Split a total by weights into whole numbers that add up to it."""
    whole = sum(weights)
    split, reached, before = [], 0.0, 0
    for weight in weights:
        reached += weight
        until = round(total * reached / whole) if whole else 0
        split.append(until - before)
        before = until
    return split


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
