"""Invented contacts: plausible names, numbers that nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from unpod_sync.simulator.campaigns import read_texts

_NAMES: Final = {
    country: {part: words.split() for part, words in names.items()}
    for country, names in read_texts("names").items()
}
_US_AREAS: Final = (202, 206, 212, 213, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 919)


@dataclass(frozen=True, slots=True)
class Contact:
    """Someone to call."""

    name: str
    number: str
    email: str
    country: str
    utc_offset_minutes: int

    @property
    def first_name(self) -> str:
        """How the agent addresses them."""
        return self.name.split()[0]


def contact(seed: int, country: str, number: int) -> Contact:
    """Contact so-and-so of a country; always the same for a seed."""
    rng = Random(f"{seed}:contact:{country}:{number}")
    name = f"{rng.choice(_NAMES[country]['first'])} {rng.choice(_NAMES[country]['last'])}"
    if country == "US":
        area = _US_AREAS[number // 100 % len(_US_AREAS)]
        phone = f"+1{area}55501{number % 100:02d}"
        offset = -300
    else:
        phone = f"+9100000{number % 100_000:05d}"
        offset = 330
    email = f"{name.lower().replace(' ', '.')}{number}@example.com"
    return Contact(name, phone, email, country, offset)
