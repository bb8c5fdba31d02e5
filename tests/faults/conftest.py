"""One site per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world
from unpod_sync.simulator import Simulator


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Simulator(build_world(), token=TOKEN) as simulator:
        yield Site(simulator, tmp_path / "data")
