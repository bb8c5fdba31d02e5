"""Run a simulator until told to stop, as a process of its own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

from unpod_sync.simulator.server import Simulator
from unpod_sync.simulator.world import World


def serve(
    world: World,
    *,
    on_ready: Callable[[Simulator], None] | None = None,
    live: bool = False,
    **options: object,
) -> None:
    """Serve the world until interrupted (Ctrl-C).

    `options` are those of `Simulator`. `on_ready` is called once it answers. With `live` the world's clock
    follows the real one, so that new things happen while it runs.
    """
    with Simulator(world, **options) as simulator:  # type: ignore[arg-type]
        if on_ready is not None:
            on_ready(simulator)
        try:
            while not simulator.stopping.wait(1.0):
                if live:
                    world.advance(timedelta(seconds=1))
        except KeyboardInterrupt:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m unpod_sync.simulator`: one JSON line on stdout when ready, then serve."""
    chosen = _parser().parse_args(arguments)
    world = World.generate(chosen.seed, tasks=chosen.tasks, spaces=chosen.spaces, days=chosen.days)
    serve(
        world,
        on_ready=_announce,
        live=chosen.live,
        host=chosen.host,
        port=chosen.port,
        token=chosen.token,
        latency_seconds=chosen.latency_ms / 1000,
        rate_limit_per_minute=chosen.rate_limit,
        gzip=chosen.gzip,
        max_page_size=chosen.max_page_size,
        keep_requests=False,
    )
    return 0


def _announce(simulator: Simulator) -> None:
    ready = {
        "base_url": simulator.base_url,
        "token": simulator.token,
        "org_handle": simulator.org_handle,
        "spaces": [space["token"] for space in simulator.world.spaces],
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unpod_sync.simulator", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8808)
    parser.add_argument("--token", default="simulator-token-0")
    parser.add_argument("--tasks", type=int, default=1500)
    parser.add_argument("--spaces", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--rate-limit", type=int, default=None, help="requests per minute")
    parser.add_argument("--max-page-size", type=int, default=100)
    parser.add_argument("--gzip", action="store_true", help="compress answers for clients that accept it")
    parser.add_argument("--live", action="store_true", help="let the world's clock run")
    return parser
