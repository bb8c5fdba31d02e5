"""A simulated API as a process: one JSON line when ready, then commands on stdin, one JSON answer each."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.world import bench_world
from unpod_sync.simulator import Simulator


class Commands:
    """What a benchmark may have done to the world."""

    def __init__(self, simulator: Simulator) -> None:
        """Works on this simulator's world."""
        self._simulator = simulator
        self._world = simulator.world

    def requests(self) -> int:
        """Requests answered so far."""
        return sum(self._simulator.request_counts.values())

    def counts(self) -> dict[str, int]:
        """Tasks per space."""
        return {space["token"]: self._world.task_count(space["token"]) for space in self._world.spaces}

    def latency(self, milliseconds: float) -> None:
        """Changes the delay of each answer."""
        self._simulator.latency_seconds = milliseconds / 1000

    def advance(self, hours: float) -> int:
        """Moves the clock; gives the number of tasks that came."""
        before = sum(self.counts().values())
        self._world.advance(timedelta(hours=hours))
        return sum(self.counts().values()) - before

    def edit(self, number: int, newest: int, mark: str, offset: int = 0) -> int:
        """Edits that many of the `newest` tasks of each space, evenly spread, without touching `modified`."""
        edited = 0
        for space in self._world.spaces:
            ids = self._world.task_ids(space["token"])[offset : offset + newest]
            for place in _spread(number, len(ids)):
                self._world.edit_task(ids[place], {"output.call_summary": mark})
                edited += 1
        return edited

    def delete(self, number: int) -> int:
        """Deletes that many tasks of each space, spread over its whole age but for the newest tenth."""
        deleted = 0
        for space in self._world.spaces:
            ids = self._world.task_ids(space["token"])
            ids = ids[len(ids) // 10 :]
            for place in _spread(number, len(ids)):
                self._world.delete_task(ids[place])
                deleted += 1
        return deleted


def _spread(number: int, length: int) -> list[int]:
    """`number` places of `length`, evenly apart."""
    number = min(number, length)
    return [place * length // number for place in range(number)]


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--spaces", type=int, default=1)
    parser.add_argument("--behind-hours", type=float, default=0.0, help="how far the world's clock is behind")
    chosen = parser.parse_args()
    world = bench_world(
        7,
        tasks=chosen.tasks,
        spaces=chosen.spaces,
        days=chosen.days,
        now=datetime.now(UTC) - timedelta(hours=chosen.behind_hours),
    )
    with Simulator(world, latency_seconds=chosen.latency_ms / 1000, keep_requests=False) as simulator:
        _say(
            {
                "base_url": simulator.base_url,
                "token": simulator.token,
                "org_handle": simulator.org_handle,
                "spaces": [space["token"] for space in world.spaces],
            }
        )
        commands = Commands(simulator)
        for line in sys.stdin:
            asked = json.loads(line)
            do: Callable[..., Any] = getattr(commands, asked.pop("do"))
            try:
                _say({"result": do(**asked)})
            except Exception as error:
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
