"""Taking records and handing them over, interrupted anywhere."""

from __future__ import annotations

import json
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb
import pytest

from tests.conftest import NOW, settings_for
from unpod_sync.simulator import Simulator, World
from unpod_sync.sync import loader as loader_module
from unpod_sync.sync.pipeline import sync
from unpod_sync.warehouse.files import Files

PLACES = {loader_module.__file__, queue.__file__, threading.__file__}


class Interruption:
    """Interrupts this thread at the nth line that is run while the loader is at work."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Traces what the loader runs, and what that calls."""
        if frame.f_code.co_filename not in PLACES:
            return None
        return self._line if self._is_of_loader(frame) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._line

    @staticmethod
    def _is_of_loader(frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code.co_filename == loader_module.__file__ and frame.f_code.co_name in (
                "add",
                "flush",
            ):
                return True
            frame = frame.f_back
        return False


@contextmanager
def interrupted_at(line: int) -> Iterator[Interruption]:
    """A signal at this line."""
    interruption = Interruption(line)
    sys.settrace(interruption)
    try:
        yield interruption
    finally:
        sys.settrace(None)


def test_what_counts_as_read_is_stored_wherever_an_interrupt_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_handlers: None
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
    monkeypatch.setattr(loader_module, "CHUNK", 8)
    monkeypatch.setattr(loader_module, "ROW_GROUP", 16)
    world = World.generate(7, tasks=60, spaces=1, now=NOW)
    line, interrupts = 1, 0
    with Simulator(world) as simulator:
        while True:
            database = tmp_path / f"{line}.duckdb"
            settings = settings_for(simulator, database, page_size=20)
            with interrupted_at(line) as interruption:
                try:
                    sync(settings)
                except KeyboardInterrupt:
                    interrupts += 1
            assert_covered_is_stored(database, line)
            if interruption.left > 0:
                break
            line += 1 + line // 4
    assert interrupts > 10


def assert_covered_is_stored(database: Path, line: int) -> None:
    """Rows of a list that its bookmark does not name as gaps are there, each once."""
    with duckdb.connect(str(Files(database).work)) as connection:
        for name, count, gaps in connection.execute(
            "select resource, api_count, gaps_json from meta.bookmarks where kind = 'task' and api_count is not null"
        ).fetchall():
            unread = sum(high - low for low, high in json.loads(gaps or "[]"))
            stored, distinct = connection.execute(
                "select count(*), count(distinct task_id) from main.tasks"
            ).fetchall()[0]
            assert stored == distinct, line
            assert stored >= count - unread, (line, name, count, unread, stored)
