"""Histories that once broke a promise, shrunk; each names what was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.grounds import Light
from tests.soak.history import Player
from tests.soak.steps import Step
from unpod_sync.simulator import Simulator, World

FOUND = {
    "a full sweep after one cut short believed what the earlier one had met": (
        150,
        "run(0, 5) run(0, 6) follow_up(0, 2) sync() shift(3, 352) full()",
    ),
}


def steps_of(text: str) -> list[Step]:
    """The steps as a history prints them."""
    found = []
    for word in text.replace(", ", ",").split():
        name, _, numbers = word.rstrip(")").partition("(")
        found.append(Step(name, tuple(map(int, filter(None, numbers.split(","))))))
    return found


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    ground = Light(tmp_path_factory.mktemp("soak"), Simulator(World(seed=1)))
    with ground.in_force():
        yield ground


@pytest.mark.parametrize("name", FOUND)
def test_history(light: Light, name: str, tmp_path: Path) -> None:
    """Every sync of the history keeps the promises."""
    seed, text = FOUND[name]
    Player(light, seed).play(steps_of(text))
