"""A full disk at any write, and the order of fsync and rename."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kit import TOKEN, Site, build_world
from unpod_sync.errors import DiskFullError
from unpod_sync.simulator import Simulator

MEGABYTES = 64


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_full_disk_is_said_and_loses_nothing(small: Path, is_first: bool) -> None:
    """With less and less room the sync ends in a clear error; with room again it is complete."""
    with Simulator(build_world(), token=TOKEN) as simulator:
        site = Site(simulator, small / "data")
        if not is_first:
            site.sync()
        failed = 0
        for room in (64, 600, 2000, 5000, 9000, 13000):
            change(site)
            ballast = fill(small, room * 1024)
            try:
                error = site.refused()
            except AssertionError:
                ballast.unlink()
                break
            ballast.unlink()
            assert isinstance(error, DiskFullError), error
            assert error.exit_status == 1
            assert error.hint
            failed += 1
            if not is_first:
                assert site.ask("select count(*) from main.tasks where deleted_at is null")[0][0] >= 24
        assert failed
        assert site.sync().exit_status == 0
        assert site.is_complete()
        left = [p.name for p in site.folder.iterdir() if "publishing" in p.name or p.name.endswith(".tmp")]
        assert left == []


def test_stricter_redaction_on_a_full_disk_is_said_and_goes_on_later(small: Path) -> None:
    """The statement or the commit that finds no room is the error, not a rollback without a transaction."""
    with Simulator(build_world(), token=TOKEN) as simulator:
        site = Site(simulator, small / "data")
        for _ in range(4):
            change(site)
        site.sync()
        hidden = {"redact_drop": ("number", "name", "recording", "transcript")}
        failed = 0
        for room in (16, 600, 2500, 5000):
            ballast = fill(small, room * 1024)
            try:
                error = site.refused(**hidden)
            except AssertionError:
                break
            finally:
                ballast.unlink()
            assert isinstance(error, DiskFullError), error
            failed += 1
        assert failed
        assert site.sync(**hidden).exit_status == 0
        assert site.ask("select count(*) from main.tasks where contact_number is not null") == [(0,)]
        assert site.ask("select count(*) from main.task_versions where contact_name is not null") == [(0,)]
        assert site.is_complete()


def change(site: Site) -> None:
    """A megabyte that does not compress."""
    site.world.add_task(site.spaces[0], {"output": {"call_id": "big", "data": os.urandom(500_000).hex()}})


def fill(folder: Path, room: int) -> Path:
    """Takes all room but this."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as file:
        file.write(b"\0" * max(0, free.f_bavail * free.f_bsize - room))
    return ballast


def test_the_copy_is_on_disk_before_its_name(site: Site) -> None:
    """fsync of the copy, then the rename, then fsync of the folder: the order a power cut cannot spoil."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace here")
    site.sync()
    site.world.add_task(site.spaces[0], {"output": {"call_id": "new"}})
    trace = site.folder.parent / "trace.txt"
    calls = "trace=openat,fsync,fdatasync,rename,renameat,renameat2"
    environment = {
        **os.environ,
        "UNPOD_API_TOKEN": TOKEN,
        "UNPOD_ORG_HANDLE": "sim-org",
        "UNPOD_BASE_URL": site.simulator.base_url,
        "UNPOD_DATABASE": str(site.files.published),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [strace, "-f", "-y", "-e", calls, "-o", str(trace), sys.executable, "-m", "unpod_sync", "sync"]
    traced = subprocess.run(
        command, env=environment, cwd=site.folder.parent, capture_output=True, text=True, check=False
    )
    if "ptrace" in traced.stderr.lower():
        pytest.skip("tracing is not allowed here")
    assert traced.returncode == 0, traced.stderr
    lines = trace.read_text().splitlines()
    name = re.escape(str(site.files.sibling("publishing")))
    synced = next(i for i, line in enumerate(lines) if re.search(rf"f(data)?sync\(\d+<{name}>\) += 0", line))
    renamed = next(i for i, line in enumerate(lines) if re.search(rf"rename\w*\(.*{name}.*= 0", line))
    folder = re.escape(str(site.folder))
    after = [i for i, line in enumerate(lines) if re.search(rf"fsync\(\d+<{folder}>\) += 0", line)]
    assert synced < renamed < max(after)
    work = re.escape(str(site.files.work))
    assert [i for i, line in enumerate(lines[:synced]) if re.search(rf"f(data)?sync\(\d+<{work}", line)]
