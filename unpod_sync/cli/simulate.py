"""`unpod-sync simulate`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NoReturn

import click

from unpod_sync.cli.common import output_options
from unpod_sync.cli.output import Output

if TYPE_CHECKING:
    from unpod_sync.simulator import Simulator


@click.command(
    epilog="Example:  unpod-sync simulate --port 8808 --tasks 5000",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8808, show_default=True, help="Port; 0 picks a free one."
)
@click.option("--tasks", type=click.IntRange(min=0), default=1500, show_default=True, help="Tasks it serves.")
@click.option("--seed", type=int, default=7, show_default=True, help="The same seed gives the same data.")
@click.option(
    "--latency-ms", type=click.FloatRange(min=0), default=0, show_default=True, help="Delay of each response."
)
@output_options
def command(output: Output, *, port: int, tasks: int, seed: int, latency_ms: float) -> None:
    """Run the API simulator alone, to try unpod-sync or test against it. Ctrl-C stops it."""
    from unpod_sync.simulator import Simulator, World

    world = World.generate(seed, tasks=tasks)
    with Simulator(world, port=port, latency_seconds=latency_ms / 1000) as simulator:
        if output.json:
            output.dump(
                {"base_url": simulator.base_url, "token": simulator.token, "org_handle": simulator.org_handle}
            )
            threading.Event().wait()
        serve(simulator, output)


def serve(simulator: Simulator, output: Output, *more: str) -> NoReturn:
    """Prints how to sync from a running simulator, then waits for Ctrl-C."""
    output.say("The simulator runs until Ctrl-C. In another terminal:")
    output.data(f"export UNPOD_BASE_URL={simulator.base_url}")
    output.data(f"export UNPOD_API_TOKEN={simulator.token} UNPOD_ORG_HANDLE={simulator.org_handle}")
    for line in (*more, output.hint("unpod-sync sync")):
        output.data(line)
    while True:
        threading.Event().wait()
