"""A small world, a simulator over it and a way to ask it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.benchmarks.world import bench_world as world_of_calls
from unpod_sync.simulator import Simulator, World

NOW = datetime(2026, 3, 12, 11, 30, tzinfo=UTC)
HEADERS = {"Authorization": "Token simulator-token-0", "Org-Handle": "sim-org"}
API = "/api/v2/platform/"


@functools.lru_cache(maxsize=1)
def past() -> str:
    """The realistic world of these tests as text, made once to be compared."""
    return json.dumps(dump(World.generate(3, tasks=200, now=NOW)))


def dump(world: World) -> list[Any]:
    """Everything the lists show."""
    tokens = [space["token"] for space in world.spaces]
    return [world.spaces, world.agents, *([world.runs(token), world.tasks(token)] for token in tokens)]


def bench_world(tasks: int = 95) -> World:
    return world_of_calls(5, tasks=tasks, spaces=1, now=NOW)


@pytest.fixture
def world() -> World:
    return bench_world()


@pytest.fixture
def token(world: World) -> str:
    return str(world.spaces[0]["token"])


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as running:
        yield running


Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(simulator: Simulator) -> Iterator[Ask]:
    with requests.Session() as session:

        def get(path: str, headers: dict[str, str] | None = None, **query: object) -> requests.Response:
            return session.get(
                simulator.base_url + API + path,
                params={name: str(value) for name, value in query.items()},
                headers=HEADERS if headers is None else headers,
                timeout=5,
                allow_redirects=False,
            )

        yield get


@pytest.fixture
def variants() -> dict[str, list[dict[str, Any]]]:
    """A few objects in the form of the shared variants file."""
    here = Path(__file__).parent / "variants.json"
    found: dict[str, list[dict[str, Any]]] = json.loads(here.read_text(encoding="utf-8"))
    return found
