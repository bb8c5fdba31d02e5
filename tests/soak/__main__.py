"""`python -m tests.soak --histories 1000` plays random histories, `--kills 200` kills that many processes."""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """Histories, or deaths."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--kills", type=int, help="kill so many processes instead")
    parser.add_argument("--seed", type=int, default=1, help="number of the first history")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep-going", type=int, default=1, help="stop after so many divergences")
    parser.add_argument("--no-shrink", action="store_true")
    told = parser.parse_args()
    if told.kills:
        from tests.soak import deaths

        scene = deaths.campaign(told.kills, told.seed, lambda text: print(text, flush=True))
        print(f"{sum(scene.deaths.values())} deaths, all recovered from: {scene.deaths}")
        return 0
    from tests.soak.campaign import campaign

    return campaign(told.histories, told.seed, told.processes, told.keep_going, shrinking=not told.no_shrink)


if __name__ == "__main__":
    sys.exit(main())
