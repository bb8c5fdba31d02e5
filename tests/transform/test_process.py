"""Flattening in a helper process gives what flattening gives, whatever becomes of the helper."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

import unpod_sync.transform.process
from tests.benchmarks.world import bench_world
from tests.conftest import NOW, settings_for
from tests.transform.test_variants import VARIANTS
from unpod_sync.model import Flat, Record, space_tasks
from unpod_sync.simulator import Simulator
from unpod_sync.sync.pipeline import sync
from unpod_sync.transform.flatten import flatten
from unpod_sync.transform.process import MOST_SENT, FlattenProcess
from unpod_sync.transform.records import prepare
from unpod_sync.warehouse.database import ROW_GROUP

ZONE = ZoneInfo("Asia/Kolkata")


def records() -> list[Record]:
    """Some of everything that is seen in the wild."""
    found, _ = prepare([variant["task"] for variant in VARIANTS["tasks"]], space_tasks("SPACE"))
    return found


@pytest.fixture
def helper() -> Iterator[FlattenProcess]:
    """A helper that is ready."""
    process = FlattenProcess(ZONE)
    wait_until(lambda: process.is_ready)
    yield process
    process.close()


def wait_until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    """Waits, and fails when it takes too long."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def assert_same(given: Flat, expected: Flat) -> None:
    """Tables, types and rejects are the same."""
    assert given.rows.equals(expected.rows)
    assert given.messages is not None
    assert expected.messages is not None
    assert given.messages.equals(expected.messages)
    assert given.rejects == expected.rejects


def test_the_helper_gives_what_flattening_gives(helper: FlattenProcess) -> None:
    """In the order of the submissions, also when many are under way before the first is asked for."""
    found = records()
    parts = [found[i:] + found[:i] for i in range(len(found))]
    tickets = [helper.submit("task", part) for part in parts]
    for ticket, part in zip(tickets, parts, strict=True):
        assert_same(ticket.result(), flatten("task", part, ZONE))
    assert helper.is_ready, "and it was the helper that did it"


def test_a_helper_that_dies_costs_nothing(helper: FlattenProcess) -> None:
    """What it had not answered is flattened here, and what comes after it, too."""
    found = records()
    tickets = [helper.submit("task", found) for _ in range(3)]
    assert_same(tickets[0].result(), flatten("task", found, ZONE))
    assert helper._process is not None
    helper._process.kill()
    helper._process.wait()
    tickets += [helper.submit("task", found) for _ in range(3)]
    for ticket in tickets[1:]:
        assert_same(ticket.result(), flatten("task", found, ZONE))
    assert not helper.is_ready


def test_what_the_helper_has_not_got_can_be_done_here(helper: FlattenProcess) -> None:
    """A helper that answers nothing leaves all but what it was sent; going on, it answers that."""
    assert helper._process is not None
    helper._process.send_signal(signal.SIGSTOP)
    found = records()
    tickets = [helper.submit("task", found) for _ in range(MOST_SENT + 3)]
    wait_until(lambda: len(helper._sent) == MOST_SENT)
    assert not helper.is_free
    helper.relieve()
    for ticket in tickets[MOST_SENT:]:
        assert_same(ticket.result(), flatten("task", found, ZONE))
    assert helper.is_free
    helper._process.send_signal(signal.SIGCONT)
    for ticket in tickets[:MOST_SENT]:
        assert_same(ticket.result(), flatten("task", found, ZONE))
    assert helper.is_ready


def test_a_helper_that_is_silent_is_given_up(helper: FlattenProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the system has stopped it: whoever waits does the work himself."""
    monkeypatch.setattr(unpod_sync.transform.process, "PATIENCE", 0.2)
    assert helper._process is not None
    helper._process.send_signal(signal.SIGSTOP)
    found = records()
    tickets = [helper.submit("task", found) for _ in range(MOST_SENT + 1)]
    wait_until(lambda: len(helper._sent) == MOST_SENT)
    for ticket in tickets:
        assert_same(ticket.result(), flatten("task", found, ZONE))
    assert not helper.is_free
    assert helper._process.wait(30) == -signal.SIGKILL


def test_a_helper_takes_records_before_it_is_ready() -> None:
    """They wait for it, or for whoever asks first."""
    process = FlattenProcess(ZONE)
    found = records()
    waiting = process.submit("task", found)
    process.close()
    assert_same(waiting.result(), flatten("task", found, ZONE))
    assert_same(process.submit("task", found).result(), flatten("task", found, ZONE))
    assert not process.is_free


def test_without_a_helper_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started, this one flattens."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    process = FlattenProcess(ZONE)
    found = records()
    assert_same(process.submit("task", found).result(), flatten("task", found, ZONE))
    process.close()


def test_the_helper_ends_with_its_parent() -> None:
    """However the parent dies: the helper's input ends then."""
    parent = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, signal, time, zoneinfo\n"
            "from unpod_sync.transform.process import FlattenProcess\n"
            "process = FlattenProcess(zoneinfo.ZoneInfo('UTC'))\n"
            "while not process.is_ready: time.sleep(0.01)\n"
            "print(process._process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n",
        ],
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    pid = int(parent.stdout)
    wait_until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Whether a process of this number runs (and is no corpse that nobody has collected)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_long_first_load_with_its_helper_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task is there, and the rows lie in whole row groups but for the first: so batches are cut."""
    killed: list[int] = []
    submit = FlattenProcess.submit

    def killing(self: FlattenProcess, kind: str, part: list[Record]) -> object:
        ticket = submit(self, kind, part)
        if self._process is not None and not killed:
            killed.append(self._process.pid)
            self._process.kill()
        return ticket

    monkeypatch.setattr(FlattenProcess, "submit", killing)
    world = bench_world(7, tasks=7_000, spaces=1, now=NOW)
    with Simulator(world) as simulator:
        result = sync(settings_for(simulator, tmp_path / "unpod.duckdb"))
    assert result.exit_status == 0
    assert killed
    with duckdb.connect(str(tmp_path / "unpod.duckdb"), read_only=True) as connection:
        (tasks,) = connection.execute("select count(*) from tasks").fetchall()[0]
        (messages,) = connection.execute("select count(*) from transcript_messages").fetchall()[0]
        groups = connection.execute(
            "select row_group_id, max(count) from pragma_storage_info('tasks')"
            " where column_name = 'task_id' and segment_type = 'VARCHAR' group by all order by 1"
        ).fetchall()
    assert (tasks, messages) == (7_000, 140_000)
    assert [rows for _, rows in groups] == [7_000 - ROW_GROUP, ROW_GROUP]
