"""When which campaign calls how many contacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from unpod_sync.simulator import ids
from unpod_sync.simulator.campaigns import AGENTS, CAMPAIGNS, Agent, Campaign
from unpod_sync.simulator.odds import SPACE_SHARE, day_volume

SPACE_NAMES: Final = ("Growth Outreach", "Care & Collections")
OFFSETS: Final = {"IN": 330, "US": -300}
"""Minutes from UTC. The US contacts of this world know no daylight saving."""

_MEAN_WEEK: Final = (9.36, 6.11)
_BUSY: Final = 1.5
_OUTAGE_SEARCH: Final = (7, 6, 8, 5, 9, 10)


@dataclass(frozen=True, slots=True)
class Slot:
    """A run to come: `weight` is its size in no particular unit."""

    start: datetime
    space_token: str
    campaign: Campaign
    agent: Agent
    weight: float


@dataclass(frozen=True, slots=True)
class SpaceCast:
    """A space and the campaigns that call from it. `kind` says how its week looks."""

    token: str
    kind: int
    share: float
    campaigns: tuple[Campaign, ...]


def casts(tokens: list[str]) -> list[SpaceCast]:
    """Spread the campaigns over the spaces: the first two kinds of space in turn."""
    found = []
    for number, token in enumerate(tokens):
        kind = number % 2
        campaigns = CAMPAIGNS if len(tokens) == 1 else tuple(c for c in CAMPAIGNS if c.space == kind)
        share = SPACE_SHARE[kind] / len(tokens[kind::2])
        found.append(SpaceCast(token, kind, share, campaigns))
    return found


def outage_day(now: datetime) -> date:
    """The day about a week ago on which the first kind of space had an outage: a busy one."""
    for back in _OUTAGE_SEARCH:
        day = (now - timedelta(days=back)).date()
        if day.weekday() in (1, 3):
            return day
    return (now - timedelta(days=7)).date()


def slots_of_day(seed: int, cast: SpaceCast, day: date, *, progress: float, outage: bool) -> list[Slot]:
    """The runs that a space starts on a day."""
    rng = Random(f"{seed}:{cast.token}:{day}")
    local = datetime.combine(day, time(9))
    volume = day_volume(cast.kind, local, rng, progress=progress, outage=outage)
    volume *= cast.share / _MEAN_WEEK[cast.kind]
    pairs = [(campaign, AGENTS[key]) for campaign in cast.campaigns for key in campaign.agents]
    weights = [campaign.share / len(campaign.agents) for campaign, _ in pairs]
    if volume < _BUSY * cast.share / _MEAN_WEEK[cast.kind]:
        pairs, weights = [pairs[rng.choices(range(len(pairs)), weights)[0]]], [1.0]
    slots = []
    for (campaign, agent), weight in zip(pairs, weights, strict=True):
        start = ids.from_local(local + timedelta(minutes=rng.randint(0, 45)), OFFSETS[campaign.country])
        slots.append(Slot(start, cast.token, campaign, agent, volume * weight / sum(weights)))
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
