"""One site per test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world
from unpod_sync.simulator import Simulator


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Simulator(build_world(), token=TOKEN) as simulator:
        yield Site(simulator, tmp_path / "data")


@pytest.fixture(scope="session")
def synced_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first sync of a site leaves; to be copied."""
    folder = tmp_path_factory.mktemp("synced") / "data"
    with Simulator(build_world(), token=TOKEN) as simulator:
        assert Site(simulator, folder).sync().exit_status == 0
    return folder


@pytest.fixture
def synced(site: Site, synced_folder: Path) -> None:
    """The site after a first sync."""
    shutil.copytree(synced_folder, site.folder)
