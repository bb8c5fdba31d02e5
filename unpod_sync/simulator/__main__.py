"""`python -m unpod_sync.simulator`."""

from __future__ import annotations

import sys

from unpod_sync.simulator.serving import main

if __name__ == "__main__":
    sys.exit(main())
