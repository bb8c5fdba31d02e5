"""`python -m tests.soak --histories 1000 [--seed 1] [--processes 2]`: many random histories."""

from __future__ import annotations

import argparse
import sys

from tests.soak.campaign import campaign

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="number of the first history")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep-going", type=int, default=1, help="stop after so many divergences")
    parser.add_argument("--no-shrink", action="store_true")
    told = parser.parse_args()
    sys.exit(campaign(told.histories, told.seed, told.processes, told.keep_going, shrinking=not told.no_shrink))
