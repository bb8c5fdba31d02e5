"""Run a simulator until interrupted, as a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from unpod_sync.simulator.server import Simulator
from unpod_sync.simulator.world import World

_OPTIONS: Final[dict[str, str | int | float]] = {
    "host": "127.0.0.1",
    "port": 8808,
    "token": "simulator-token-0",
    "tasks": 1500,
    "spaces": 2,
    "seed": 7,
    "days": 60,
    "latency-ms": 0.0,
    "rate-limit": 0,
    "max-page-size": 100,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; one JSON line on stdout when ready."""
    parser = argparse.ArgumentParser(prog="python -m unpod_sync.simulator", description=main.__doc__)
    for name, default in _OPTIONS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help="default: %(default)s")
    parser.add_argument("--gzip", action="store_true", help="compress responses for clients that accept it")
    parser.add_argument("--live", action="store_true", help="let the world's clock run")
    chosen = parser.parse_args(arguments)
    world = World.generate(chosen.seed, tasks=chosen.tasks, spaces=chosen.spaces, days=chosen.days)
    simulator = Simulator(
        world,
        host=chosen.host,
        port=chosen.port,
        token=chosen.token,
        latency_seconds=chosen.latency_ms / 1000,
        rate_limit_per_minute=chosen.rate_limit or None,
        gzip=chosen.gzip,
        keep_requests=False,
        max_page_size=chosen.max_page_size,
    )
    with simulator, suppress(KeyboardInterrupt):
        ready = {name: getattr(simulator, name) for name in ("base_url", "token", "org_handle")}
        spaces = [space["token"] for space in world.spaces]
        sys.stdout.write(json.dumps({**ready, "spaces": spaces}) + "\n")
        sys.stdout.flush()
        while not simulator.stopping.wait(1.0):
            if chosen.live:
                world.advance(timedelta(seconds=1))
    return 0
